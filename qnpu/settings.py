"""What a network file may say about a QNPU: costs of the OS and its policies."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from qruntime.limits import INSTRUCTION_BUDGET, LONGEST_NS

SECOND_NS = 1_000_000_000


class QnpuSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Costs (simulated ns, spent before the operation is issued) and policies of one QNPU."""

    subroutine_ns: Annotated[
        int, Meta(ge=0, le=LONGEST_NS, description="fixed cost of a subroutine, on the way of its result")
    ] = 0
    gate_ns: Annotated[int, Meta(ge=0, le=LONGEST_NS, description="cost of issuing a reset or gate")] = 0
    measure_ns: Annotated[int, Meta(ge=0, le=LONGEST_NS, description="cost of issuing a measurement")] = 0
    classical_instruction_ns: Annotated[
        int, Meta(ge=0, le=LONGEST_NS, description="cost of a classical instruction")
    ] = 0
    request_ns: Annotated[
        int,
        Meta(
            ge=0, le=LONGEST_NS, description="from an entanglement request of this node to its first attempt"
        ),
    ] = 0
    scheduler: Annotated[
        str, Meta(description="scheduling policy: qnodeos, round_robin, edf, fair_share, or a plug-in")
    ] = "qnodeos"
    scheduler_options: Annotated[dict[str, Any], Meta(description="parameters of the policy, by name")] = {}
    attempt_batch: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(
            description="a user process that waits for a device which attempts entanglement has it after a "
            "multiple of so many attempts; null: when they succeed"
        ),
    ] = None
    epr_start: Annotated[
        Literal["create", "both"],
        Meta(description="attempts begin when the peer acknowledged, or when both programs have asked"),
    ] = "both"
    allocate: Annotated[
        Literal["memory", "first"],
        Meta(
            description="which free qubit a vanilla program gets: a memory qubit if there is one, so that "
            "pairs find room, or the first"
        ),
    ] = "memory"
    correcting_side: Annotated[
        Literal["receiver", "creator", "none"],
        Meta(description="who turns a pair into |Phi+>; none delivers it raw with its Bell state"),
    ] = "receiver"
    instruction_budget: Annotated[int, Meta(ge=1, description="instructions one subroutine may execute")] = (
        INSTRUCTION_BUDGET
    )
    request_timeout_ns: Annotated[
        int, Meta(ge=1, le=LONGEST_NS, description="an entanglement request fails with TIMEOUT after this")
    ] = 60 * SECOND_NS
    unclaimed_timeout_ns: Annotated[
        int, Meta(ge=1, le=LONGEST_NS, description="a pair that no program asked for is dropped after this")
    ] = 1 * SECOND_NS
    accept_grace_ns: Annotated[
        int,
        Meta(
            ge=0,
            le=LONGEST_NS,
            description="how long a peer's request waits for its EPR socket to be opened here",
        ),
    ] = 100_000_000

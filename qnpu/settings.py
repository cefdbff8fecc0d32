"""What a network file may say about a QNPU: costs of the OS and its policies."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from qnpu.quotas import Quotas
from qruntime.limits import LONGEST_NS

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
    link_scheduler: Annotated[
        Literal["fifo", "strict_priority", "weighted_fair"],
        Meta(
            description="which request a link serves first: the oldest, that of highest priority, or shares"
        ),
    ] = "fifo"
    link_weights: Annotated[
        list[Annotated[int, Meta(ge=0, le=1_000_000)]],
        Meta(
            min_length=1,
            max_length=16,
            description="shares of the priorities 0, 1, ... under weighted_fair, the last also of those "
            "above it; 0: always first",
        ),
    ] = msgspec.field(default_factory=lambda: [1, 2, 4, 8])
    agreement_slack_ns: Annotated[
        Annotated[int, Meta(ge=0, le=LONGEST_NS)] | None,
        Meta(
            description="attempts for a request begin at the earliest when its ADD may have been said three "
            "times (9 round trips, or one attempt if that is longer) and so long after; null: when both ends "
            "hold it"
        ),
    ] = None
    quotas: Annotated[Quotas, Meta(description="the most that one program may have, see below")] = Quotas()
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

"""Quotas: how much of a node one program may have.

A network says them in `os.qnpu.quotas`, an application of a workload may lower them for its own programs.
Reaching one is a `QuotaError` in that program alone. `quotas_of` is what holds for a program, `exceeded` the
error, `check_request` the check of an entanglement request.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from qruntime.errors import ConfigError, QuotaError
from qruntime.limits import (
    ARRAY_ENTRIES,
    EPR_SOCKETS,
    INSTRUCTION_BUDGET,
    LINK_QUEUE,
    LONGEST_BUDGET,
    PAIRS_OPEN,
    PROCESS_QUBITS,
    REQUESTS_OPEN,
    SUBROUTINE_INSTRUCTIONS,
    SUBROUTINES_QUEUED,
)

if TYPE_CHECKING:
    from qnpu.process import Process


class Quotas(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The most that one program may have of a node, each at most what every node has as its own limit."""

    qubits: Annotated[int, Meta(ge=1, le=PROCESS_QUBITS, description="qubits at a time")] = PROCESS_QUBITS
    array_entries: Annotated[
        int, Meta(ge=1, le=ARRAY_ENTRIES, description="entries of all its arrays together")
    ] = ARRAY_ENTRIES
    epr_sockets: Annotated[int, Meta(ge=1, le=EPR_SOCKETS, description="EPR sockets")] = EPR_SOCKETS
    open_requests: Annotated[
        int, Meta(ge=1, le=REQUESTS_OPEN, description="entanglement requests that are not over")
    ] = REQUESTS_OPEN
    link_slots: Annotated[
        int, Meta(ge=1, le=LINK_QUEUE, description="places in the queue of one link, which creating takes")
    ] = LINK_QUEUE
    open_pairs: Annotated[
        int, Meta(ge=1, le=PAIRS_OPEN, description="pairs of its requests that are not over, together")
    ] = PAIRS_OPEN
    queued_subroutines: Annotated[
        int, Meta(ge=1, le=SUBROUTINES_QUEUED, description="subroutines that wait behind the one that runs")
    ] = SUBROUTINES_QUEUED
    subroutine_instructions: Annotated[
        int,
        Meta(ge=1, le=SUBROUTINE_INSTRUCTIONS, description="instructions of one subroutine as it is sent"),
    ] = SUBROUTINE_INSTRUCTIONS
    instruction_budget: Annotated[
        int, Meta(ge=1, le=LONGEST_BUDGET, description="instructions that one subroutine may execute")
    ] = INSTRUCTION_BUDGET


NAMES = Quotas.__struct_fields__


def quotas_of(node: Quotas, said: Mapping[str, int]) -> Quotas:
    """What holds for a program for which `said` was said, on a node with quotas `node`.

    Raises `ConfigError` for a name that is none, and for a value below 1 or above what the node allows.
    """
    for name, value in said.items():
        if name not in NAMES:
            raise ConfigError(f"there is no quota {name!r}; allowed: {', '.join(NAMES)}")
        most = getattr(node, name)
        if not 1 <= value <= most:
            raise ConfigError(f"quota {name} is {value}; allowed: 1 to {most} (os.qnpu.quotas.{name})")
    return msgspec.structs.replace(node, **said) if said else node


def exceeded(process: Process, quota: str, what: str) -> QuotaError:
    """The error of a program that asks for more than `quota` allows it; `what` is how it comes to that."""
    allowed = getattr(process.quotas, quota)
    option = f"quotas.{quota} of its application" if quota in process.lowered else f"os.qnpu.quotas.{quota}"
    return QuotaError(f"{what}; allowed: {allowed} ({option})", quota=quota, allowed=allowed, option=option)


def check_request(process: Process, peer: int, number: int, is_creator: bool) -> None:
    """Raise `QuotaError` if a further request of `number` pairs with `peer` is more than it may have."""
    quotas, requests = process.quotas, process.requests
    if len(requests) >= quotas.open_requests:
        raise exceeded(process, "open_requests", f"the program has {len(requests)} open requests")
    pairs = number
    for request in requests:
        pairs += request.number
    if pairs > quotas.open_pairs:
        raise exceeded(process, "open_pairs", f"the open requests of the program would be for {pairs} pairs")
    if is_creator and requests:
        slots = sum(request.is_creator and request.peer == peer for request in requests)
        if slots >= quotas.link_slots:
            raise exceeded(process, "link_slots", f"the program has {slots} places in the queue of that link")

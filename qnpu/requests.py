"""Entanglement requests as programs state them: reading the arguments array, writing the results array.

Layouts are NetQASM's (`netqasm_isa.epr`); this file is the only one that knows them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from netqasm_isa.epr import (
    ARGS_LENGTHS,
    BELL_FLIPS,
    PAULI_ROTATIONS,
    RESULT_LENGTH,
    ArgsIndex,
    Basis,
    BellState,
    EprType,
    RandomBasis,
    ReplyType,
    TimeUnit,
)
from qnpu.process import Process
from qnpu.traps import Trap, trap
from qruntime.errors import EprError
from qruntime.limits import PAIRS_PER_REQUEST
from qruntime.messages import LinkRequest
from qruntime.rng import Stream

if TYPE_CHECKING:
    from qnpu.linklayer import Item
    from qnpu.memory import Binding

ENTRIES_PER_PAIR: Final = RESULT_LENGTH
_UNIT_NS: Final = {
    TimeUnit.MICRO_SECONDS: 1_000,
    TimeUnit.MILLI_SECONDS: 1_000_000,
    TimeUnit.SECONDS: 1_000_000_000,
}
_INT_MAX: Final = 2**31 - 1

_BASES: Final = {
    RandomBasis.XZ: (Basis.X, Basis.Z),
    RandomBasis.XYZ: (Basis.X, Basis.Y, Basis.Z),
    RandomBasis.CHSH: (Basis.ZPLUSX, Basis.ZMINUSX),
}
# Rotations (x, y, x) in sixteenths of pi that turn a Z measurement into one of the named observable.
ROTATIONS: Final = {
    Basis.Z: (0, 0, 0),
    Basis.X: (0, 24, 0),
    Basis.Y: (8, 0, 0),
    Basis.ZPLUSX: (0, 28, 0),
    Basis.ZMINUSX: (0, 4, 0),
}

_SWAPS: Final = (BellState.PSI_PLUS, BellState.PHI_MINUS)  # these exchange Z+X with Z-X up to the sign
_CHSH_FLIPS: Final = (BellState.PSI_PLUS, BellState.PSI_MINUS)
_PAULI_OF: Final = {
    (int(axes), rotations): Basis[name[-1]]
    for axes, by_name in PAULI_ROTATIONS.items()
    for name, rotations in by_name.items()
}


class Request:
    """One program's part in an entanglement request."""

    __slots__ = (
        "create_id",
        "delivered",
        "is_creator",
        "is_open",
        "item",
        "number",
        "pairs_bound",
        "peer",
        "process",
        "qubit_ids",
        "remote_socket",
        "results_address",
        "socket",
        "started_ns",
    )

    def __init__(
        self, process: Process, create_id: int, is_creator: bool, peer: int, socket: int, remote_socket: int,
        number: int, qubit_ids: list[int], results_address: int, now_ns: int,
    ) -> None:  # fmt: skip
        self.process = process
        self.create_id = create_id
        self.is_creator = is_creator
        self.peer = peer
        self.socket = socket
        self.remote_socket = remote_socket
        self.number = number
        self.qubit_ids = qubit_ids  # virtual id per pair; empty if this end measures
        self.results_address = results_address
        self.started_ns = now_ns
        self.item: Item | None = None
        self.delivered = 0
        self.is_open = True
        self.pairs_bound: list[Binding] = []  # where each pair that was delivered went

    def will_bind(self, virtual: int) -> bool:
        """Whether a pair still to come goes to that virtual id."""
        return virtual in self.qubit_ids[self.delivered :]


def epr_trap(error: str, reason: str, **data: int | str) -> Trap:
    """A trap for a request that cannot be: `error` is the link-layer name."""
    return Trap(EprError(f"{error}: {reason}", epr=error, **data))


def read_arguments(
    arguments: Sequence[int | None], create_id: int, socket: int, remote_socket: int, socket_fidelity: int
) -> LinkRequest:
    """The request in an arguments array of 20 or 22 entries.

    Raises `Trap` naming the entry at fault.
    """
    request = _parsed(tuple(arguments), socket, remote_socket, socket_fidelity)
    return msgspec.structs.replace(request, create_id=create_id) if create_id else request


@lru_cache(maxsize=1024)  # programs make the same request again and again
def _parsed(
    arguments: tuple[int | None, ...], socket: int, remote_socket: int, socket_fidelity: int
) -> LinkRequest:
    if len(arguments) not in ARGS_LENGTHS:
        raise trap(f"arguments array has {len(arguments)} entries; 20 or 22 are allowed")
    given = [*arguments, None, None]

    def entry(index: ArgsIndex, default: int, low: int, high: int) -> int:
        value = given[index]
        if value is None:
            return default
        if not low <= value <= high:
            raise trap(f"arguments entry {index.name} is {value}; allowed is {low}..{high}")
        return value

    for required in (ArgsIndex.TYPE, ArgsIndex.NUMBER):
        if given[required] is None:
            raise trap(f"arguments entry {required.name} is not set")
    unit = TimeUnit(entry(ArgsIndex.TIME_UNIT, 0, 0, 2))
    number = entry(ArgsIndex.NUMBER, 1, -_INT_MAX, _INT_MAX)
    if not 1 <= number <= PAIRS_PER_REQUEST:
        raise trap(f"a request for {number} pairs; allowed is 1..{PAIRS_PER_REQUEST}")

    def triple(first: ArgsIndex) -> tuple[int, int, int]:
        return tuple(entry(ArgsIndex(first + i), 0, 0, 255) for i in range(3))  # type: ignore[return-value]

    def weights(first: ArgsIndex) -> tuple[int, ...]:
        pair = given[first : first + 2]
        if pair[0] is None and pair[1] is None:
            return ()
        values = tuple(0 if value is None else value for value in pair)
        if min(values) < 0 or sum(values) > 255:
            raise trap(f"probabilities {values} from entry {first.name} on; 0..255 together are allowed")
        return values

    return LinkRequest(
        create_id=0,
        socket=socket,
        remote_socket=remote_socket,
        type=entry(ArgsIndex.TYPE, 0, 0, 2),
        number=number,
        min_fidelity=entry(ArgsIndex.MINIMUM_FIDELITY, socket_fidelity, 0, 100),
        max_time_ns=entry(ArgsIndex.MAX_TIME, 0, 0, _INT_MAX) * _UNIT_NS[unit],
        priority=entry(ArgsIndex.PRIORITY, 0, -_INT_MAX, _INT_MAX),
        atomic=bool(entry(ArgsIndex.ATOMIC, 0, 0, 1)),
        consecutive=bool(entry(ArgsIndex.CONSECUTIVE, 0, 0, 1)),
        random_local=entry(ArgsIndex.RANDOM_BASIS_LOCAL, 0, 0, 3),
        random_remote=entry(ArgsIndex.RANDOM_BASIS_REMOTE, 0, 0, 3),
        probabilities_local=weights(ArgsIndex.PROBABILITY_DIST_LOCAL1),
        probabilities_remote=weights(ArgsIndex.PROBABILITY_DIST_REMOTE1),
        axes_local=entry(ArgsIndex.ROTATION_AXES_LOCAL, 0, 0, 2),
        rotations_local=triple(ArgsIndex.ROTATION_LOCAL_1),
        axes_remote=entry(ArgsIndex.ROTATION_AXES_REMOTE, 0, 0, 2),
        rotations_remote=triple(ArgsIndex.ROTATION_REMOTE_1),
    )


def choose_basis(
    request: LinkRequest, creator: bool, stream: Stream
) -> tuple[int, tuple[int, int, int], int]:
    """How this end measures the next pair: rotation axes, rotations, and the Basis to report (0 unless
    random)."""
    chosen = RandomBasis(request.random_local if creator else request.random_remote)
    if chosen == RandomBasis.NONE:
        if creator:
            return request.axes_local, request.rotations_local, 0
        return request.axes_remote, request.rotations_remote, 0
    bases = _BASES[chosen]
    weights = request.probabilities_local if creator else request.probabilities_remote
    u = stream.uniform()
    if not weights:
        basis = bases[int(u * len(bases))]
    else:
        shares = [*weights[: len(bases) - 1]]
        shares.append(255 - sum(shares))
        basis = bases[-1]
        for candidate, share in zip(bases, shares, strict=True):
            u -= share / 255
            if u < 0:
                basis = candidate
                break
    return 0, ROTATIONS[basis], int(basis)


def correctable_by_flip(axes: int, rotations: tuple[int, int, int], reported: int) -> bool:
    """Whether a Pauli correction can be made on the bit alone, after the measurement."""
    return reported in (Basis.ZPLUSX, Basis.ZMINUSX) or (axes, rotations) in _PAULI_OF


def correct_bit(
    bell: int, axes: int, rotations: tuple[int, int, int], reported: int, outcome: int
) -> tuple[int, int]:
    """Outcome and reported basis as if the pair had been |Phi+>, the correction being at this end."""
    state = BellState(bell)
    if state == BellState.PHI_PLUS:
        return outcome, reported
    if reported in (Basis.ZPLUSX, Basis.ZMINUSX):
        if state in _SWAPS:
            reported = Basis.ZPLUSX + Basis.ZMINUSX - reported
        return outcome ^ (state in _CHSH_FLIPS), int(reported)
    return outcome ^ (_PAULI_OF[axes, rotations] in BELL_FLIPS[state]), reported


def keep_result(
    request_type: int, create_id: int, virtual: int, creator: bool, serial: int, purpose: int, remote: int,
    duration_ns: int, at_ns: int, bell: int,
) -> list[int | None]:  # fmt: skip
    """The ten entries of a kept pair.

    Times are floored to microseconds and stop at the largest int32.
    """
    kind = ReplyType.OK_R if request_type == EprType.R else ReplyType.OK_K
    return [
        int(kind), create_id, virtual, 0 if creator else 1, serial, purpose, remote,
        min(duration_ns // 1000, _INT_MAX), min(at_ns // 1000, _INT_MAX), bell,
    ]  # fmt: skip


def measure_result(
    request_type: int, create_id: int, outcome: int, basis: int, creator: bool, serial: int, purpose: int,
    remote: int, duration_ns: int, bell: int,
) -> list[int | None]:  # fmt: skip
    """The ten entries of a measured pair."""
    kind = ReplyType.OK_R if request_type == EprType.R else ReplyType.OK_M
    return [
        int(kind), create_id, outcome, basis, 0 if creator else 1, serial, purpose, remote,
        min(duration_ns // 1000, _INT_MAX), bell,
    ]  # fmt: skip

"""The arguments array of an entanglement request, as (entry, value) pairs; entries left out mean the default.

`common` gives the entries of every request, `basis_of` those of one end's measurement.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cnpu.checks import INT32_MAX, choice, duration, integer, triple
from netqasm_isa.epr import PAULI_ROTATIONS, ArgsIndex, EprType, RandomBasis, RotationAxes, TimeUnit
from qruntime.errors import ProgramError

Arguments = list[tuple[int, int]]

FIDELITY_NOT_STATED: Final = 100  # percent; what an EPR socket is opened with
TOGETHER: Final = (int(ArgsIndex.ATOMIC), int(ArgsIndex.CONSECUTIVE))  # all pairs or none
_BASES: Final = tuple(PAULI_ROTATIONS[RotationAxes.XYX])
_AXES: Final = tuple(axes.name for axes in RotationAxes)
_RANDOM_SETS: Final = tuple(kind.name for kind in RandomBasis if kind)
_BASES_IN_SET: Final = {"XZ": 2, "XYZ": 3, "CHSH": 2}
_UNITS: Final = (
    (TimeUnit.MICRO_SECONDS, 1_000),
    (TimeUnit.MILLI_SECONDS, 1_000_000),
    (TimeUnit.SECONDS, 1_000_000_000),
)
_WEIGHT_MAX: Final = 255


def common(
    kind: EprType,
    number: int,
    min_fidelity: int,
    max_time_ns: int,
    priority: int | None,
    atomic: bool,
    consecutive: bool,
) -> Arguments:
    """The entries that every kind of request may have: only those that differ from the default."""
    arguments: Arguments = [(0, int(kind)), (1, number)]
    if min_fidelity != FIDELITY_NOT_STATED:
        arguments.append((int(ArgsIndex.MINIMUM_FIDELITY), min_fidelity))
    if max_time_ns != 0:
        arguments += _max_time(duration(max_time_ns, "max_time_ns"))
    if priority is not None:
        arguments.append((int(ArgsIndex.PRIORITY), integer(priority, "priority", 0, INT32_MAX)))
    if atomic:
        arguments.append((int(ArgsIndex.ATOMIC), 1))
    if consecutive:
        arguments.append((int(ArgsIndex.CONSECUTIVE), 1))
    return arguments


def _max_time(max_time_ns: int) -> Arguments:
    """Entries TIME_UNIT and MAX_TIME: the finest unit in which the time, rounded up, fits an int32."""
    for unit, unit_ns in _UNITS:
        amount = -(-max_time_ns // unit_ns)
        if amount <= INT32_MAX:
            return [(int(ArgsIndex.TIME_UNIT), int(unit)), (int(ArgsIndex.MAX_TIME), amount)]
    raise ProgramError(f"max_time_ns is {max_time_ns}; allowed 0..{INT32_MAX * 10**9}")


# Where the arguments array has the bases of each end: set, axes, rotations, probabilities.
_ENTRIES: Final[Mapping[str, tuple[int, int, int, int]]] = {
    "local": (
        int(ArgsIndex.RANDOM_BASIS_LOCAL),
        int(ArgsIndex.ROTATION_AXES_LOCAL),
        int(ArgsIndex.ROTATION_LOCAL_1),
        int(ArgsIndex.PROBABILITY_DIST_LOCAL1),
    ),
    "remote": (
        int(ArgsIndex.RANDOM_BASIS_REMOTE),
        int(ArgsIndex.ROTATION_AXES_REMOTE),
        int(ArgsIndex.ROTATION_REMOTE_1),
        int(ArgsIndex.PROBABILITY_DIST_REMOTE1),
    ),
}


def basis_of(
    end: str,
    basis: str,
    random_set: str | None,
    rotations: tuple[int, int, int] | None,
    axes: str,
    probabilities: tuple[int, ...] | None,
) -> Arguments:
    """The entries that differ from a Z measurement at one end."""
    set_entry, axes_entry, rotation_entry, probability_entry = _ENTRIES[end]
    choice(basis, f"basis_{end}", _BASES)
    choice(axes, f"axes_{end}", _AXES)
    if random_set is not None:
        if basis != "Z" or rotations is not None:
            raise ProgramError(f"random_basis_{end} excludes basis_{end} and rotations_{end}")
        choice(random_set, f"random_basis_{end}", _RANDOM_SETS)
        weights = _weights(probabilities, random_set, f"probabilities_{end}")
        return [
            (set_entry, int(RandomBasis[random_set])),
            *((probability_entry + i, weight) for i, weight in enumerate(weights)),
        ]
    if probabilities is not None:
        raise ProgramError(f"probabilities_{end} goes with random_basis_{end} only")
    if rotations is None:
        angles = PAULI_ROTATIONS[RotationAxes[axes]][basis]
    elif basis != "Z":
        raise ProgramError(f"basis_{end} excludes rotations_{end}")
    else:
        angles = triple(rotations, f"rotations_{end}")
    entries = [(rotation_entry + i, n) for i, n in enumerate(angles) if n]
    if entries and axes != "XYX":
        entries.append((axes_entry, int(RotationAxes[axes])))
    return entries


def _weights(probabilities: Any, random_set: str, name: str) -> tuple[int, ...]:
    if probabilities is None:
        return ()
    bases = _BASES_IN_SET[random_set]
    if not isinstance(probabilities, (tuple, list)) or len(probabilities) != bases - 1:
        raise ProgramError(
            f"{name} is {probabilities!r}; set {random_set} has {bases} bases, so {bases - 1} ints are needed"
        )
    weights = tuple(integer(p, f"{name}[{i}]", 0, _WEIGHT_MAX) for i, p in enumerate(probabilities))
    if sum(weights) > _WEIGHT_MAX:
        raise ProgramError(f"{name} add up to {sum(weights)}; allowed 0..{_WEIGHT_MAX}")
    return weights

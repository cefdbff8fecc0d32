"""Vanilla gates from what an ion trap can do: Z rotations of one ion, rotations of all ions, and the
Moelmer-Sorensen interaction MS(t) = exp(-i t/4 (sum X)^2) of all ions.

`one_ion_gate` and `two_ion_gate` give native operations that do a gate on one or two ions and nothing, up
to a global phase, on the others that are present:

- Rotations of all ions are undone by later ones; what stands between them turns the axis of a Z rotation of
  the one ion that is meant.
- MS(t) rotates every pair about X X by t. It is cut into N equal parts. Between them the other ions
  (spectators) are flipped by Z rotations by pi, each in its own rhythm, a row of +1 and -1 that says whether
  X of that ion counts as it is or negated in each part. Rows that are orthogonal to each other and to the
  row of ones of the two that are meant let all other pairs cancel. Such rows are the Walsh functions, so N is
  the least power of two above the number of spectators. Fewer parts cannot do for two or three spectators:
  any two rows must show all four combinations of signs.
- Two interactions of the same pair about X X and then about Y Y, as `mov` and `swp` need them, may share
  their rows: two spectators then cancel over both together, and 2 (N - 1) spectators need N parts each.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from qdriver.driver import Operation
from qruntime.errors import DriverError
from qruntime.qdevice import OpCode

Row = tuple[int, ...]
Angle = tuple[int, int]  # n and d of n pi / 2^d

_DEEPEST = 255  # the largest d of an angle
_PI, _QUARTER, _THREE_QUARTERS = (1, 0), (1, 1), (3, 1)

# A Z rotation between a rotation of all ions and its inverse is one about another axis.
_TURNS: dict[str, tuple[str, Angle, Angle]] = {
    "x": ("rot_y_all", _THREE_QUARTERS, _QUARTER),
    "y": ("rot_x_all", _QUARTER, _THREE_QUARTERS),
    "h": ("rot_y_all", (7, 2), (1, 2)),  # pi about (X + Z)/sqrt2
    "k": ("rot_x_all", (1, 2), (7, 2)),  # pi about (Y + Z)/sqrt2
}
_Z_GATES: dict[str, Angle] = {"z": _PI, "s": (1, 1), "t": (1, 2)}

# Before and after the interaction: an axis for a quarter turn of all ions, or "first" or "second" for one of
# that ion about Z, and how many. Found by a search over all sequences for the least time on the set of
# arXiv:2207.10579, where a rotation of all ions takes as long as four of one.
_Recipe = tuple[tuple[tuple[str, int], ...], tuple[tuple[str, int], ...]]
_CNOT: _Recipe = (
    (("x", 1), ("first", 1), ("x", 3)),
    (("first", 3), ("y", 1), ("first", 1), ("second", 1), ("y", 3)),
)
_CNOT_ALONE: _Recipe = ((("x", 1), ("first", 1), ("x", 3)), (("first", 3), ("x", 3)))
_RECIPES: dict[str, _Recipe] = {
    "cnot": _CNOT,
    "cphase": ((("y", 1),), (("y", 3), ("first", 3), ("second", 3))),
    "crot_x": ((("x", 1), ("first", 1)), (("first", 3), ("x", 3))),
    "crot_y": ((("y", 1), ("second", 3)), (("second", 1), ("y", 3))),
}


def one_ion_gate(gate: str, qubit: int, n: int, d: int, alone: bool) -> list[Operation]:
    """Native operations for a one-qubit gate; `alone` if no other ion is present.

    Raises KeyError for a gate that is none.
    """
    if gate == "rot_z":
        return [_rot_z(qubit, (n, d))]
    if gate in _Z_GATES:
        return [_rot_z(qubit, _Z_GATES[gate])]
    if gate in ("rot_x", "rot_y"):
        axis, angle = gate[-1], (n, d)
    else:
        axis, angle = gate, _PI
    if not alone:
        turn, there, back = _TURNS[axis]
        return [_all(turn, there), _rot_z(qubit, angle), _all(turn, back)]
    if axis in ("x", "y"):
        return [_all(f"rot_{axis}_all", angle)]
    turn, back = {"h": ("rot_y_all", _QUARTER), "k": ("rot_x_all", _THREE_QUARTERS)}[axis]
    return [_rot_z(qubit, _PI), _all(turn, back)]


def two_ion_gate(
    gate: str, first: int, second: int, n: int, d: int, spectators: Sequence[int]
) -> list[Operation]:
    """Native operations for a two-qubit gate; `spectators` are the other ions present.

    `mov` expects its target in |0> and leaves its source there. Raises KeyError for a gate that is none.
    """
    if gate == "mov":
        return _x_then_y(first, second, spectators)
    if gate == "swp":  # exp(-i pi/4 (XX + YY + ZZ))
        xx_yy = _x_then_y(first, second, spectators)
        turned_back = [_rot_z(first, _THREE_QUARTERS), _rot_z(second, _THREE_QUARTERS)]
        zz = [
            _all("rot_y_all", _QUARTER),
            *_interaction(_QUARTER, spectators),
            _all("rot_y_all", _THREE_QUARTERS),
        ]
        return [*xx_yy, *turned_back, *zz]
    before, after = _CNOT_ALONE if gate == "cnot" and not spectators else _RECIPES[gate]
    angle = (n, d) if gate.startswith("crot") else _QUARTER
    qubits = {"first": first, "second": second}

    def dressing(steps: tuple[tuple[str, int], ...]) -> list[Operation]:
        return [
            _rot_z(qubits[who], (turns, 1)) if who in qubits else _all(f"rot_{who}_all", (turns, 1))
            for who, turns in steps
        ]

    return [*dressing(before), *_interaction(angle, spectators), *dressing(after)]


def _interaction(angle: Angle, spectators: Sequence[int]) -> list[Operation]:
    """The interaction by `angle` of the two ions that are no spectators."""
    parts = 1
    while parts <= len(spectators):
        parts *= 2
    return _refocused(angle, _walsh_rows(parts), spectators, {})


def _x_then_y(first: int, second: int, spectators: Sequence[int]) -> list[Operation]:
    """exp(-i pi/4 XX), then both turned by a quarter about Z, then exp(-i pi/4 XX) again."""
    parts = 1
    while 2 * (parts - 1) < len(spectators):
        parts *= 2
    turned = [_rot_z(first, _QUARTER), _rot_z(second, _QUARTER)]
    return _refocused(_QUARTER, _shared_rows(parts), spectators, {parts: turned})


def _refocused(
    angle: Angle, rows: Sequence[Row], spectators: Sequence[int], inserted: dict[int, list[Operation]]
) -> list[Operation]:
    """Parts of an interaction with the flips of spectators between them; `inserted` has what comes before a
    part beside these."""
    length = len(rows[0]) if spectators else len(inserted) + 1
    n, d = angle[0], angle[1] + (length // (len(inserted) + 1)).bit_length() - 1
    if d > _DEEPEST:
        raise DriverError(f"an angle of {n} pi / 2^{d} is too small for the trap; d is at most {_DEEPEST}")
    interaction = Operation(OpCode.ALL_QUBITS, "bichromatic", n=n, d=d)
    rhythms = list(zip(spectators, rows, strict=False))
    signs = dict.fromkeys(spectators, 1)
    operations: list[Operation] = []
    for part in range(length):
        operations += inserted.get(part, ())
        for ion, row in rhythms:
            if signs[ion] != row[part]:
                signs[ion] = row[part]
                operations.append(_rot_z(ion, _PI))
        operations.append(interaction)
    return [*operations, *(_rot_z(ion, _PI) for ion in spectators if signs[ion] < 0)]


@cache
def _walsh_rows(parts: int) -> tuple[Row, ...]:
    """The Walsh functions of that length that sum to zero, those with few changes of sign first."""
    rows = [tuple((-1) ** (i & j).bit_count() for i in range(parts)) for j in range(1, parts)]
    return tuple(sorted(rows, key=_flips)) or ((1,) * parts,)


@cache
def _shared_rows(parts: int) -> tuple[Row, ...]:
    """Rows of twice that length, orthogonal to each other, each half of which sums to zero."""
    if parts == 1:
        return ((1, 1),)
    rows = [(*row, *(sign * s for s in reversed(row))) for row in _walsh_rows(parts) for sign in (1, -1)]
    return tuple(sorted(rows, key=_flips))


def _flips(row: Row) -> int:
    """How often a row changes sign, from +1 at the beginning to +1 at the end."""
    return sum(a != b for a, b in zip((1, *row), (*row, 1), strict=True))


def _rot_z(qubit: int, angle: Angle) -> Operation:
    return Operation(OpCode.ONE_QUBIT, "rot_z", qubit, -1, *angle)


def _all(gate: str, angle: Angle) -> Operation:
    return Operation(OpCode.ALL_QUBITS, gate, -1, -1, *angle)

"""A qubit of a program: a handle whose methods append instructions.

`Qubit(node)` makes one in |0>; entanglement requests return others. Nothing happens at the QNPU before
`await node.flush()`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cnpu.angles import rotations_of
from cnpu.checks import choice, integer, triple
from cnpu.futures import ArrayFuture, RegisterFuture
from cnpu.source import Mark, place_of
from netqasm_isa import opcodes as op
from netqasm_isa.epr import PAULI_ROTATIONS, RotationAxes
from qruntime.errors import ProgramError

if TYPE_CHECKING:
    from cnpu.builder import Builder
    from cnpu.pairs import KeepInfo

SIXTEENTHS: Final = 4  # d of the rotations before a measurement: n*pi/2^4
_MEASURE_ABOUT: Final = {"XYX": op.MEAS_BASIS, "YZY": op.MEAS_BASIS_YZY, "ZXZ": op.MEAS_BASIS_ZXZ}
_GONE: Final = -1


class Qubit:
    """A virtual qubit of a program.

    Methods raise `ProgramError` once the qubit was measured or freed. Rotations are exp(-i theta P/2) with
    theta = n*pi/2^d.
    """

    __slots__ = ("_builder", "_end", "_id", "entanglement_info")

    _end: tuple[str, Mark | None]  # how and where it went; set when it is gone

    def __init__(self, node: Any) -> None:
        """Make a qubit in |0>; `node` is the program's node.

        It takes the lowest virtual id that is not in use. Whether the device has room for it the QNPU
        decides.
        """
        builder: Builder = node.builder
        builder.mark()
        self._builder = builder
        self._id = virtual_id = builder.take_id()
        self.entanglement_info: KeepInfo | None = None
        register = builder.qubit(virtual_id)
        builder.bound(self, virtual_id, -1)
        builder.code.append((op.QALLOC, register))
        builder.code.append((op.INIT, register))

    @classmethod
    def of_pair(cls, builder: Builder, virtual_id: int, info: KeepInfo | None) -> Qubit:
        """The handle of a half of a pair, which a request binds to `virtual_id`."""
        qubit = cls.__new__(cls)
        qubit._builder = builder
        qubit._id = virtual_id
        qubit.entanglement_info = info
        return qubit

    @property
    def qubit_id(self) -> int:
        """The virtual id; raises `ProgramError` if the qubit is gone."""
        return self._active()

    @property
    def active(self) -> bool:
        """Whether it can be used."""
        return self._id != _GONE

    def __repr__(self) -> str:
        return f"<Qubit {self._id}>" if self.active else "<Qubit, gone>"

    # --- gates ------------------------------------------------------------------------------------

    def X(self) -> None:
        """Pauli X."""
        self._gate(op.X)

    def Y(self) -> None:
        """Pauli Y."""
        self._gate(op.Y)

    def Z(self) -> None:
        """Pauli Z."""
        self._gate(op.Z)

    def H(self) -> None:
        """Hadamard."""
        self._gate(op.H)

    def K(self) -> None:
        """(Y + Z)/sqrt(2), which exchanges |0> and (|0> + i|1>)/sqrt(2)."""
        self._gate(op.K)

    def S(self) -> None:
        """diag(1, i)."""
        self._gate(op.S)

    def T(self) -> None:
        """diag(1, exp(i pi/4))."""
        self._gate(op.T)

    def rot_X(self, n: int = 0, d: int = 0, angle: float | None = None) -> None:
        """Rotate about X by n*pi/2^d (n and d 0..255), or by `angle` rad within 4.8e-5 rad, in at most two
        rotations."""
        self._rotate(op.ROT_X, n, d, angle)

    def rot_Y(self, n: int = 0, d: int = 0, angle: float | None = None) -> None:
        """Rotate about Y; arguments as in `rot_X`."""
        self._rotate(op.ROT_Y, n, d, angle)

    def rot_Z(self, n: int = 0, d: int = 0, angle: float | None = None) -> None:
        """Rotate about Z; arguments as in `rot_X`."""
        self._rotate(op.ROT_Z, n, d, angle)

    def cnot(self, target: Qubit) -> None:
        """Flip `target` if this qubit is 1."""
        self._two(op.CNOT, target, "target")

    def cphase(self, target: Qubit) -> None:
        """Controlled Z with `target`; symmetric."""
        self._two(op.CPHASE, target, "target")

    def swap(self, other: Qubit) -> None:
        """Exchange the states of the two qubits."""
        self._two(op.SWP, other, "other")

    def reset(self) -> None:
        """Back to |0>."""
        self._gate(op.INIT)

    def _gate(self, opcode: int) -> None:
        virtual_id = self._active()
        builder = self._builder
        builder.mark(2)
        builder.code.append((opcode, builder.qubit(virtual_id)))

    def _rotate(self, opcode: int, n: int, d: int, angle: float | None) -> None:
        virtual_id = self._active()
        builder = self._builder
        builder.mark(2)
        if angle is None:
            pairs: tuple[tuple[int, int], ...] = ((integer(n, "n", 0, 255), integer(d, "d", 0, 255)),)
        elif n != 0 or d != 0:
            raise ProgramError("a rotation takes n and d, or angle, not both")
        else:
            pairs = rotations_of(_radians(angle))
        for pair in pairs:
            builder.code.append((opcode, builder.qubit(virtual_id), *pair))

    def _two(self, opcode: int, other: Qubit, name: str) -> None:
        virtual_id = self._active()
        if not isinstance(other, Qubit):
            raise ProgramError(f"{name} is {other!r}; a Qubit is needed")
        if other is self:
            raise ProgramError(f"{name} is the same qubit; two different ones are needed")
        builder = self._builder
        if other._builder is not builder:
            raise ProgramError(f"{name} is a qubit of another program")
        other_id = other._active()
        builder.mark(2)
        builder.code.append((opcode, builder.qubit(virtual_id), builder.qubit(other_id)))

    # --- the end of a qubit -----------------------------------------------------------------------

    def free(self) -> None:
        """Give the qubit back without measuring it."""
        virtual_id = self._active()
        builder = self._builder
        self._end = ("freed", builder.mark())
        self._id = _GONE
        builder.unbind(self, virtual_id, builder.qubit(virtual_id))

    def measure(
        self,
        inplace: bool = False,
        basis: str = "Z",
        rotations: tuple[int, int, int] | None = None,
        axes: str = "XYX",
        future: ArrayFuture | None = None,
    ) -> RegisterFuture | ArrayFuture:
        """Measure; the future is the outcome, 0 for the eigenvalue +1.

        The qubit is freed, with `inplace` it stays in the state after the measurement. `basis` is Z, X or Y.
        `rotations` are three n of n*pi/16 about the axes of `axes` (XYX, YZY or ZXZ, first one first) before
        a Z measurement, instead of a basis. `future` is an array entry that takes the outcome.
        """
        virtual_id = self._active()
        builder = self._builder
        mark = builder.mark()
        angles = _rotations(basis, rotations, axes)
        if future is not None and not isinstance(future, ArrayFuture):
            raise ProgramError(f"future is {future!r}; an array entry is needed, like array[0]")
        register, outcome = builder.outcome(future, mark)
        qubit = builder.qubit(virtual_id)
        if angles == (0, 0, 0):
            builder.code.append((op.MEAS, qubit, register))
        else:
            builder.code.append((_MEASURE_ABOUT[axes], qubit, register, *angles, SIXTEENTHS))
        if outcome.__class__ is ArrayFuture:
            outcome.keep(register)
        if not inplace:
            self._end = ("measured", mark)
            self._id = _GONE
            builder.unbind(self, virtual_id, qubit)
        return outcome

    # --- what the builder says --------------------------------------------------------------------

    def lose(self) -> None:
        """The subroutine that was to make this qubit was aborted before it did."""
        self._id = _GONE
        self._end = ("lost with the subroutine that was to make it", None)

    def regain(self, virtual_id: int) -> None:
        """The subroutine that was to free this qubit was aborted before it did."""
        self._id = virtual_id

    def _active(self) -> int:
        if self._id != _GONE:
            return self._id
        how, mark = self._end
        place = f" at {place_of(mark)}" if mark is not None else ""
        raise ProgramError(f"this qubit was {how}{place}")


def _radians(angle: Any) -> float:
    try:
        return float(angle)
    except (TypeError, ValueError):
        raise ProgramError(f"angle is {angle!r}; a number of radians is needed") from None


def _rotations(basis: str, rotations: tuple[int, int, int] | None, axes: str) -> tuple[int, int, int]:
    if rotations is not None:
        if basis != "Z":
            raise ProgramError("a measurement takes a basis, or rotations, not both")
        choice(axes, "axes", _MEASURE_ABOUT)
        return triple(rotations, "rotations")
    if basis == "Z" and axes == "XYX":
        return 0, 0, 0
    choice(axes, "axes", _MEASURE_ABOUT)
    choice(basis, "basis", ("Z", "X", "Y"))
    return PAULI_ROTATIONS[RotationAxes[axes]][basis]

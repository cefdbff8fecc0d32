"""Values that the quantum side will produce: futures, and the arrays some of them live in.

A program gets a `Future` at once and may use it in the subroutine that is being built (`if_eq`, `add`, as an
index); after the subroutine is done it behaves like the int it stands for. Before that, using it as a number
raises `NoValueError`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cnpu.checks import INT32_MAX, INT32_MIN, integer
from cnpu.intlike import IntLike
from cnpu.source import Mark, place_of
from netqasm_isa import opcodes as op
from qruntime.errors import ProgramError

if TYPE_CHECKING:
    from cnpu.builder import Builder
    from cnpu.control import Block


class NoValueError(ProgramError):
    """A future was used as a number before it had one."""


class Future(IntLike):
    """An int that will be known when its subroutine is done.

    Afterwards `int()`, comparison, arithmetic, `bool()`, formatting and indexing work as with an int; before
    that they raise `NoValueError`. `value` is the int or None and never raises.
    """

    __slots__ = ("builder",)

    builder: Builder

    @property
    @abstractmethod
    def value(self) -> int | None:
        """The int, or None while there is none."""

    @abstractmethod
    def load(self) -> int:
        """Emit what brings the value into a register of the subroutine being built; returns the register."""

    @abstractmethod
    def check_writable(self) -> None:
        """Raise `ProgramError` if the subroutine being built cannot change the value any more."""

    @abstractmethod
    def keep(self, register: int) -> None:
        """Emit what makes the content of `register` the value of this future."""

    @abstractmethod
    def _missing(self) -> str:
        """Why there is no value."""

    def if_eq(self, other: int | Future) -> Block:
        """`with m.if_eq(1):` the body runs on the QNPU if this equals `other`."""
        return self.builder.if_eq(self, other)

    def if_ne(self, other: int | Future) -> Block:
        """The body runs if this differs from `other`."""
        return self.builder.if_ne(self, other)

    def if_lt(self, other: int | Future) -> Block:
        """The body runs if this is less than `other`."""
        return self.builder.if_lt(self, other)

    def if_ge(self, other: int | Future) -> Block:
        """The body runs if this is `other` or more."""
        return self.builder.if_ge(self, other)

    def if_ez(self) -> Block:
        """The body runs if this is 0."""
        return self.builder.if_ez(self)

    def if_nz(self) -> Block:
        """The body runs if this is not 0."""
        return self.builder.if_nz(self)

    def add(self, other: int | Future, mod: int | None = None) -> None:
        """Add `other` to this value on the QNPU, in place; with `mod` (at least 1) the sum is reduced to
        0..mod-1."""
        builder = self.builder
        builder.mark()
        self.check_writable()
        if mod is not None:
            mod = integer(mod, "mod", 1, INT32_MAX)
        addend = builder.operand(other, "other")
        register = self.load()
        if mod is None:
            builder.code.append((op.ADD, register, register, addend))
        else:
            builder.code.append((op.ADDM, register, register, addend, builder.constant(mod)))
        self.keep(register)

    def __int__(self) -> int:
        value = self.value
        if value is None:
            raise NoValueError(self._missing())
        return value

    __index__ = __int__

    def __repr__(self) -> str:
        value = self.value
        return f"<{type(self).__name__}, no value yet>" if value is None else repr(value)


class RegisterFuture(Future):
    """An outcome in a register of bank M, handed over by `ret_reg` when its subroutine ends."""

    __slots__ = ("_mark", "_register", "_serial", "_value")

    def __init__(self, builder: Builder, register: int, serial: int, mark: Mark) -> None:
        self.builder = builder
        self._register = register
        self._serial = serial  # of the subroutine whose register it is
        self._mark = mark
        self._value: int | None = None

    @property
    def value(self) -> int | None:
        return self._value

    def settle(self, value: int) -> None:
        """The subroutine is done."""
        self._value = value

    def load(self) -> int:
        if self._serial == self.builder.serial:
            return self._register
        return self.builder.constant(int(self))

    def check_writable(self) -> None:
        if self._serial != self.builder.serial:
            raise ProgramError(
                f"the outcome of {place_of(self._mark)} belongs to a subroutine that was sent already, so it "
                "cannot be changed any more; measure into an array entry (future=) to do that"
            )

    def keep(self, register: int) -> None:
        if register != self._register:
            raise AssertionError("an outcome is changed in its own register")

    def _missing(self) -> str:
        return f"the outcome of {place_of(self._mark)} {_why(self._serial == self.builder.serial)}"


class ArrayFuture(Future):
    """One entry of an array of the program; `index` is an int or a future, such as a loop's counter."""

    __slots__ = ("_array", "_index")

    def __init__(self, array: Array, index: int | Future) -> None:
        self.builder = array.builder
        self._array = array
        self._index = index

    @property
    def value(self) -> int | None:
        index = self._index
        known = index.value if isinstance(index, Future) else index
        values = self._array.values
        if known is None or values is None or not 0 <= known < len(values):
            return None
        return values[known]

    def load(self) -> int:
        builder, array = self.builder, self._array
        if not array.is_live():
            return builder.constant(int(self))
        index = builder.operand(self._index, "index")
        register = builder.scratch()
        builder.code.append((op.LOAD, register, array.address, index))
        return register

    def check_writable(self) -> None:
        if not self._array.is_live():
            raise ProgramError(
                "this value belongs to a subroutine that was sent already, so it cannot be changed any more; "
                "an array of the program (node.new_array) lives longer"
            )

    def keep(self, register: int) -> None:
        builder, array = self.builder, self._array
        builder.hand_over(array)
        builder.code.append((op.STORE, register, array.address, builder.operand(self._index, "index")))

    def _missing(self) -> str:
        index = self._index
        if isinstance(index, Future) and index.value is None:
            return f"an entry of array @{self._array.address} whose index is not known here has no value here"
        return f"entry {index} of array @{self._array.address} {_why(self._array.is_open())}"


class LoopIndex(Future):
    """The counter of a loop: a register that holds a value only inside of the loop and only on the QNPU."""

    __slots__ = ("_open", "_register")

    def __init__(self, builder: Builder, register: int) -> None:
        self.builder = builder
        self._register = register
        self._open = True

    @property
    def value(self) -> int | None:
        return None

    def close(self) -> None:
        """The loop ended, its register is free."""
        self._open = False

    def load(self) -> int:
        if not self._open:
            raise ProgramError("this loop counter is used outside of its loop")
        return self._register

    def check_writable(self) -> None:
        raise ProgramError("a loop counter cannot be changed")

    def keep(self, register: int) -> None:
        raise AssertionError("check_writable comes first")

    def _missing(self) -> str:
        return "a loop counter has a value on the QNPU only: use it as an array index or in if_eq, add, ..."


class Array:
    """An array of the program at the QNPU, of `len(array)` entries.

    It lives until the program ends. Entries are futures: `array[i]` or `array.get_future_index(i)` with i an
    int from 0 or a loop's counter. After a subroutine that made or changed it, its values are known here.
    """

    __slots__ = ("_length", "_lives", "address", "builder", "serial", "values")

    def __init__(self, builder: Builder, address: int, length: int, lives: bool) -> None:
        self.builder = builder
        self.address = address
        self.values: tuple[int | None, ...] | None = None  # as last handed over; None before that
        self.serial = -1  # the last subroutine that hands it over
        self._length = length
        self._lives = lives  # beyond its subroutine

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[ArrayFuture]:
        return (ArrayFuture(self, i) for i in range(self._length))

    def __getitem__(self, index: int | Future) -> ArrayFuture:
        return self.get_future_index(index)

    def get_future_index(self, index: int | Future) -> ArrayFuture:
        """The entry at `index`: 0..len-1, or a future that will have such a value."""
        if not isinstance(index, Future):
            index = integer(index, "array index", 0, self._length - 1)
        return ArrayFuture(self, index)

    def get_future_slice(self, part: slice) -> list[ArrayFuture]:
        """The entries of a slice of ints."""
        return [ArrayFuture(self, i) for i in range(self._length)[part]]

    def store(self, index: int | Future, value: int | Future) -> None:
        """Set the entry at `index` on the QNPU."""
        entry = self.get_future_index(index)
        self.builder.mark()
        entry.check_writable()
        if not isinstance(value, Future):
            value = integer(value, "value", INT32_MIN, INT32_MAX)
        entry.keep(self.builder.operand(value, "value"))

    def is_open(self) -> bool:
        """Whether the subroutine being built hands it over."""
        return self.serial == self.builder.serial

    def is_live(self) -> bool:
        """Whether the subroutine being built can read and write it."""
        return self._lives or self.is_open()


def _why(unsent: bool) -> str:
    if unsent:
        return "has no value yet: its subroutine was not sent; `await node.flush()` first"
    return "has no value: its subroutine is not done, was aborted, or went another way"

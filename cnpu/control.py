"""Loops and branches that run on the QNPU: context managers around the code of their body."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import TYPE_CHECKING

from cnpu.futures import Future, LoopIndex
from cnpu.source import Mark, place_of
from netqasm_isa import opcodes as op
from qruntime.errors import ProgramError

if TYPE_CHECKING:
    from cnpu.builder import Builder


class Block(ABC):
    """A stretch of code between `__enter__` and `__exit__` that may run never or often."""

    __slots__ = ("_builder", "_mark")

    _builder: Builder
    _mark: Mark

    @abstractmethod
    def describe(self) -> str:
        """What it is and where it begins."""


class Branch(Block):
    """`with node.if_eq(a, b):` the opposite branch instruction jumps over the body."""

    __slots__ = ("_a", "_at", "_b", "_opposite")

    def __init__(self, builder: Builder, opposite: int, a: int | Future, b: int | Future | None) -> None:
        self._builder = builder
        self._opposite = opposite
        self._a = a
        self._b = b  # None: compared with 0

    def __enter__(self) -> None:
        builder = self._builder
        self._mark = builder.mark()
        head = [self._opposite, builder.operand(self._a, "the left side of a condition")]
        if self._b is not None:
            head.append(builder.operand(self._b, "the right side of a condition"))
        self._at = builder.branch(tuple(head), 0)
        builder.enter(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._builder.leave(self)
        self._builder.land(self._at)

    def describe(self) -> str:
        return f"the branch of {place_of(self._mark)}"


class Loop(Block):
    """`with node.loop(n) as i:` a counter, the body, and a branch back to it.

    With constant bounds the test stands behind the body only, one instruction less per turn.
    """

    __slots__ = ("_at", "_body", "_counter", "_ids", "_index", "_start", "_step", "_stop", "_stop_register")

    def __init__(self, builder: Builder, stop: int | Future, start: int, step: int) -> None:
        self._builder = builder
        self._stop = stop
        self._start = start
        self._step = step

    def __enter__(self) -> LoopIndex:
        builder = self._builder
        self._mark = builder.mark()
        self._counter = builder.counter()
        builder.code.append((op.SET, self._counter, self._start))
        self._at = -1
        self._stop_register = -1
        if isinstance(self._stop, Future):
            # The bound is taken once: the body may change what it was read from.
            self._stop_register = builder.counter()
            builder.code.append((op.SET, self._stop_register, 0))
            bound = builder.operand(self._stop, "stop")
            builder.code.append((op.ADD, self._stop_register, self._stop_register, bound))
            self._at = builder.branch((op.BGE, self._counter, self._stop_register), 0)
        elif self._stop <= self._start:
            self._at = builder.branch((op.JMP,), 0)
        self._body = len(builder.code)
        self._ids = builder.enter(self)
        self._index = LoopIndex(builder, self._counter)
        return self._index

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        builder = self._builder
        ids = builder.leave(self)
        self._index.close()
        builder.code.append((op.ADD, self._counter, self._counter, builder.constant(self._step)))
        stop = self._stop_register
        if not isinstance(self._stop, Future):
            stop = builder.constant(self._stop)
        builder.branch((op.BLT, self._counter, stop), self._body)
        if self._at >= 0:
            builder.land(self._at)
        builder.release_counters(1 if self._stop_register < 0 else 2)
        if error is None and not self._runs_once():
            self._check_qubits(ids)

    def describe(self) -> str:
        return f"the loop of {place_of(self._mark)}"

    def _runs_once(self) -> bool:
        return not isinstance(self._stop, Future) and self._stop - self._start <= self._step

    def _check_qubits(self, ids: int) -> None:
        """The second turn must find what the first one found."""
        if ids & ~self._ids:
            raise ProgramError(
                f"a qubit made inside of {self.describe()} is still in use at its end: "
                "the next turn would make it again; measure or free it in the body"
            )
        if self._ids & ~ids:
            raise ProgramError(
                f"a qubit from outside of {self.describe()} is freed in it: "
                "the next turn would free it again; measure with inplace=True, or free it behind the loop"
            )

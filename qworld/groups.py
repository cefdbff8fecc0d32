"""Groups of entangled qubits: who is in one, and the tensor that holds their state.

A group of n is a flat real tensor of ``4**n`` numbers in the Pauli basis, in the order of its ``qubits``.
Here are the moves of axes that the engine's operations share: bringing a qubit's axis to the front, taking
it out, looking at a part.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

from qworld.channels import IdleNoise
from qworld.gates import Ptm, Tensor

UNLIKELY: Final = (
    1e-7  # outcomes below this probability leave states in which rounding is no longer negligible
)
COMPONENT_ERROR: Final = 1e-15  # rounding of a tensor component, all of which are at most 1 in size


class EngineError(Exception):
    """Something was asked of the engine that it cannot do; the qubits are as they were before."""


class TimeError(EngineError):
    """An operation at ``t_ns`` on a qubit whose state already stands at the later time ``qubit_t_ns``."""

    def __init__(self, qubit_t_ns: int, t_ns: int) -> None:
        self.qubit_t_ns = qubit_t_ns
        self.t_ns = t_ns
        super().__init__(
            f"time runs backwards: qubit stands at {qubit_t_ns} ns and is asked to be at {t_ns} ns; "
            f"allowed: {qubit_t_ns} ns or later"
        )


class GroupTooLarge(EngineError):
    """``size`` qubits would have to be treated together, and ``max_group`` are allowed."""

    def __init__(self, size: int, max_group: int) -> None:
        self.size = size
        self.max_group = max_group
        super().__init__(
            f"{size} qubits would be entangled in one group; allowed: {max_group}. An exact mixed state of n "
            "qubits has 4**n numbers; wavefunction trajectories or a stabilizer simulation hold more qubits, "
            "and are not part of this engine. Measuring, resetting or discarding qubits makes groups smaller."
        )


class DiscardedQubit(EngineError):
    """A qubit was used that had been discarded, or that an ``Engine.clear`` has forgotten."""

    def __init__(self) -> None:
        super().__init__("qubit was discarded, or forgotten by clear(); create a new one")


class Group:
    """Entangled qubits: their order, and ``4**n`` numbers in that order of axes (first most
    significant)."""

    __slots__ = ("qubits", "tensor")

    def __init__(self, tensor: Tensor, qubits: list[Qubit]) -> None:
        self.tensor = tensor  # flat and contiguous; replaced, never changed in place once others can see it
        self.qubits = qubits


class Qubit:
    """A handle to one qubit of an engine; made by ``Engine.create`` and ``Engine.create_pair`` only.

    ``t_ns`` is the time to which its state is valid and ``idle`` its idle decoherence (None: none); both
    may be read, and ``idle`` may be replaced. The other fields belong to the engine.
    """

    __slots__ = ("group", "idle", "pending", "t_ns", "vector")

    def __init__(self, vector: Tensor | None, t_ns: int, idle: IdleNoise | None) -> None:
        # Exactly one of `vector` (on its own) and `group` (entangled) is set; neither after a discard.
        self.vector = vector
        self.group: Group | None = None
        self.pending: Ptm | None = None  # only in a group; always trace preserving: first row 1, 0, 0, 0
        self.t_ns = t_ns
        self.idle = idle


@cache  # at most one entry per pair of axes of every size up to the largest max_group
def leading_pair(size: int, first: int, second: int) -> tuple[int, ...]:
    """The order of axes that brings ``first`` and ``second`` to the front and keeps that of the others."""
    return (first, second, *(axis for axis in range(size) if axis not in (first, second)))


def axis_first(tensor: Tensor, axis: int, size: int) -> Tensor:
    """A flat tensor of ``size`` qubits as a matrix (4, rest) with ``axis`` first; a view where it can
    be."""
    if axis == 0:
        return tensor.reshape(4, -1)
    if axis == size - 1:
        return tensor.reshape(-1, 4).T
    return tensor.reshape(4**axis, 4, -1).transpose(1, 0, 2).reshape(4, -1)


def leading_of(q: Qubit) -> tuple[Tensor, list[Qubit]]:
    """The group of ``q`` as a matrix (4, rest), ``q`` first and its pending applied; and the others."""
    group = q.group
    if group is None:
        assert q.vector is not None
        return q.vector.reshape(4, 1), []
    axis = group.qubits.index(q)
    others = group.qubits.copy()
    others.pop(axis)
    leading = axis_first(group.tensor, axis, len(group.qubits))
    if q.pending is not None:
        leading = q.pending.dot(leading)
    return leading, others


def shrink(group: Group, axis: int, remaining: Tensor) -> None:
    """Leave ``group`` with the state ``remaining`` without the qubit of ``axis``; one alone is no group."""
    qubits = group.qubits
    del qubits[axis]
    if len(qubits) > 1:
        group.tensor = remaining
        return
    last = qubits[0]
    pending = last.pending
    last.vector = remaining if pending is None else pending.dot(remaining)
    last.group = last.pending = None


def settle(tensor: Tensor, probability: float) -> None:
    """Make the state after an outcome of the given probability a proper one, in place.

    Its trace is 1 but for rounding, which must not build up over many measurements. Dividing by a very
    small probability also magnifies the rounding of every component, up to states with probabilities below
    zero; mixing in as much of the completely mixed state as there is rounding keeps them out.
    """
    if probability < UNLIKELY:
        tensor *= max(0.0, 1.0 - COMPONENT_ERROR / probability)
    tensor[0] = 1.0


def marginal_of(q: Qubit, wanted: list[Qubit]) -> tuple[Tensor, list[Qubit]]:
    """The state of those of ``wanted`` that share the group of ``q``, and these qubits in axis order."""
    group = q.group
    if group is None:
        if q.vector is None:
            raise DiscardedQubit
        return q.vector, [q]
    kept = [any(qubit is other for other in wanted) for qubit in group.qubits]
    tensor = group.tensor.reshape((4,) * len(kept))[tuple(slice(None) if keep else 0 for keep in kept)]
    members = [qubit for qubit, keep in zip(group.qubits, kept, strict=True) if keep]
    for axis, member in enumerate(members):
        if member.pending is not None:
            tensor = np.moveaxis(np.tensordot(member.pending, tensor, axes=([1], [axis])), 0, axis)
    return tensor, members

"""The state engine: exact mixed states of the qubits of a network, with noise, for use in an inner loop.

Qubits that share entanglement form a group. A group of n is a real tensor of ``4**n`` numbers in the Pauli
basis (see ``gates``); a qubit on its own is a vector of 4 and never touches a tensor. Each qubit carries
the time to which its state is valid and, while in a group, one *pending* 4 x 4 matrix: one-qubit gates,
one-qubit noise and idle decoherence are multiplied into that, and reach the tensor only when a two-qubit
gate or a measurement of that very qubit needs it. Tracing out is a slice, because every pending matrix
preserves the trace. Groups merge at two-qubit gates and shrink as soon as a qubit is measured, reset or
discarded.

Others call ``Engine.create`` and ``create_pair`` for qubits, ``idle_until`` before and ``touch`` after an
operation, ``apply1``, ``apply2``, ``measure`` and ``reset`` for the operation itself, ``discard`` and
``clear`` to be rid of qubits, and ``density_matrix`` or ``pauli_tensor`` to look without disturbing.

The engine draws no random numbers and keeps no clock: both come in as arguments.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from qworld.channels import IdleNoise, readout_branch, reported_bit
from qworld.gates import Matrix, Ptm, Tensor, density_of, freeze
from qworld.groups import (
    DiscardedQubit,
    EngineError,
    Group,
    GroupTooLarge,
    Qubit,
    TimeError,
    axis_first,
    leading_of,
    leading_pair,
    marginal_of,
    settle,
    shrink,
)

ROUNDING: Final = 1e-9  # a probability or trace further off than this is a bug, not rounding

__all__ = ["DiscardedQubit", "Engine", "EngineError", "GroupTooLarge", "Qubit", "TimeError"]

_KET0: Final[Tensor] = freeze(np.array([1.0, 0.0, 0.0, 1.0]))
_KET1: Final[Tensor] = freeze(np.array([1.0, 0.0, 0.0, -1.0]))


class Engine:
    """All qubits of one simulated network.

    ``max_group`` (2 to 12) is the largest number of qubits entangled with each other: ten take 8 MB and
    some milliseconds per gate. A transfer matrix given to ``apply1`` or ``apply2`` must preserve the trace,
    as all gates and noise channels do; this is not checked on every call.

    Every method that takes a qubit raises ``DiscardedQubit`` for one that is gone.
    """

    def __init__(self, max_group: int = 10) -> None:
        if not 2 <= max_group <= 12:
            raise ValueError(f"max_group is {max_group!r}; allowed: 2 to 12")
        self.max_group: Final = max_group
        # Insertion-ordered on purpose: clear() walks over it.
        self._live: dict[Qubit, None] = {}

    def __len__(self) -> int:
        """Number of qubits that exist."""
        return len(self._live)

    # ------------------------------------------------------------------------------------ making, forgetting

    def create(self, t_ns: int, idle: IdleNoise | None = None) -> Qubit:
        """A new qubit in |0>, valid at ``t_ns``."""
        qubit = Qubit(_KET0, t_ns, idle)
        self._live[qubit] = None
        return qubit

    def create_pair(
        self, tensor: Tensor, t_ns: int, idle_a: IdleNoise | None, idle_b: IdleNoise | None
    ) -> tuple[Qubit, Qubit]:
        """Two new qubits in the state ``tensor``, shape (4, 4), valid at ``t_ns``; the first is axis 0.

        The tensor is copied. Raises ``ValueError`` for another shape or a trace (component II) that is not
        1.
        """
        if tensor.shape != (4, 4):
            raise ValueError(f"pair state has shape {tensor.shape}; allowed: (4, 4)")
        trace = tensor.item(0)
        if not abs(trace - 1.0) <= ROUNDING:
            raise ValueError(f"pair state has trace {trace!r}; allowed: 1")
        first = Qubit(None, t_ns, idle_a)
        second = Qubit(None, t_ns, idle_b)
        # flatten() copies in C order; a tensor of another type becomes float64 here.
        first.group = second.group = Group(tensor.flatten().astype(np.float64, copy=False), [first, second])
        self._live[first] = None
        self._live[second] = None
        return first, second

    def reset(self, q: Qubit) -> None:
        """Put ``q`` into |0>; it leaves its group at once.

        Its time stays as it is.
        """
        self._leave(q, _KET0)

    def discard(self, q: Qubit) -> None:
        """Trace ``q`` out for good; any later use of it raises ``DiscardedQubit``."""
        self._leave(q, None)
        del self._live[q]

    def clear(self) -> None:
        """Forget every qubit, as between shots; handles that are still held count as discarded."""
        for qubit in self._live:
            qubit.vector = qubit.group = qubit.pending = None
        self._live.clear()

    # --------------------------------------------------------------------------------------------------- time

    def idle_until(self, q: Qubit, t_ns: int) -> None:
        """Let ``q`` wait until ``t_ns`` under its idle decoherence; ``TimeError`` if that is in its
        past."""
        dt_ns = t_ns - q.t_ns
        if dt_ns <= 0:
            if dt_ns < 0:
                raise TimeError(q.t_ns, t_ns)
            if q.group is None and q.vector is None:
                raise DiscardedQubit
            return
        idle = q.idle
        if idle is not None:
            self.apply1(q, idle.ptm(dt_ns))
        elif q.group is None and q.vector is None:
            raise DiscardedQubit
        q.t_ns = t_ns

    def touch(self, q: Qubit, t_ns: int) -> None:
        """Say that ``q`` is valid at ``t_ns`` without idle decoherence: an operation on it ends then.

        During its own operation only the operation's noise acts on a qubit. Raises ``TimeError`` for a time
        in its past.
        """
        if t_ns < q.t_ns:
            raise TimeError(q.t_ns, t_ns)
        if q.group is None and q.vector is None:
            raise DiscardedQubit
        q.t_ns = t_ns

    # --------------------------------------------------------------------------------------------------- maps

    def apply1(self, q: Qubit, ptm: Ptm) -> None:
        """Apply a 4 x 4 trace-preserving transfer matrix to ``q``."""
        vector = q.vector
        if vector is not None:
            q.vector = ptm.dot(vector)
            return
        if q.group is None:
            raise DiscardedQubit
        pending = q.pending
        q.pending = ptm if pending is None else ptm.dot(pending)

    def apply2(self, a: Qubit, b: Qubit, ptm16: Ptm) -> None:
        """Apply a 16 x 16 trace-preserving transfer matrix to ``a`` (most significant) and ``b``.

        Their groups become one. Raises ``GroupTooLarge`` if that has more than ``max_group`` qubits, and
        ``ValueError`` if ``a`` is ``b``; nothing has changed then.
        """
        if a is b:
            raise ValueError("a two-qubit operation was given the same qubit twice; allowed: two qubits")
        group = a.group
        if group is not None and group is b.group:
            self._apply_within(group, a, b, ptm16)
        else:
            self._apply_merging(a, b, ptm16)

    def _apply_within(self, group: Group, a: Qubit, b: Qubit, ptm16: Ptm) -> None:
        qubits = group.qubits
        size = len(qubits)
        axis_a = qubits.index(a)
        axis_b = qubits.index(b)
        tensor = group.tensor
        pending_a = a.pending
        pending_b = b.pending
        if pending_b is None or size == 2:
            # (a, b, others): for a pair a transposed view is all that is ever needed.
            if axis_a != 0 or axis_b != 1:
                tensor = tensor.reshape((4,) * size).transpose(leading_pair(size, axis_a, axis_b))
            leading = tensor.reshape(4, -1)
            if pending_a is not None:
                leading = pending_a.dot(leading)
            if pending_b is not None:
                leading = leading.dot(pending_b.T)
            group.tensor = ptm16.dot(leading.reshape(16, -1)).reshape(-1)
            others_first = False
        else:
            # Multiplying the transpose from the right moves the leading axis to the back for free:
            # (a, b, others) -> (b, others, a) -> (others, a, b).
            if pending_a is None:
                order = leading_pair(size, axis_b, axis_a)
                order = (order[0], *order[2:], order[1])
                turned = tensor.reshape((4,) * size).transpose(order).reshape(4, -1)
            else:
                if axis_a != 0 or axis_b != 1:
                    tensor = tensor.reshape((4,) * size).transpose(leading_pair(size, axis_a, axis_b))
                turned = tensor.reshape(4, -1).T.dot(pending_a.T).reshape(4, -1)
            turned = turned.T.dot(pending_b.T).reshape(-1, 16)
            group.tensor = turned.dot(ptm16.T).reshape(-1)
            others_first = True
        a.pending = b.pending = None
        if size > 2:
            others = [qubit for qubit in qubits if qubit is not a and qubit is not b]
            group.qubits = [*others, a, b] if others_first else [a, b, *others]
        elif axis_a:
            group.qubits = [a, b]

    def _apply_merging(self, a: Qubit, b: Qubit, ptm16: Ptm) -> None:
        size = self._group_size(a) + self._group_size(b)
        if size > self.max_group:
            raise GroupTooLarge(size, self.max_group)
        leading_a, others_a = leading_of(a)
        leading_b, others_b = leading_of(b)
        # (others_a, a, b, others_b), in which the operands are neighbours without moving any axis.
        product = leading_a.T.reshape(-1, 1).dot(leading_b.reshape(1, -1))
        if not others_b:
            tensor = product.reshape(-1, 16).dot(ptm16.T)
        elif not others_a:
            tensor = ptm16.dot(product.reshape(16, -1))
        else:
            tensor = np.matmul(ptm16, product.reshape(4 ** len(others_a), 16, -1))
        qubits = [*others_a, a, b, *others_b]
        group = Group(tensor.reshape(-1), qubits)
        for qubit in qubits:
            qubit.group = group
        a.pending = b.pending = a.vector = b.vector = None

    # ------------------------------------------------------------------------------------------- measurement

    def measure(self, q: Qubit, u: float, e0: float = 0.0, e1: float = 0.0, kraus: bool = True) -> int:
        """Measure ``q`` in Z with readout errors ``e0 = P(1|0)``, ``e1 = P(0|1)``; the bit that is read.

        ``u`` in [0, 1) decides, and ``q`` stays usable in its post-measurement state.

        With ``kraus`` the bit is 0 iff ``u < P(0) = (1-e0) p0 + e1 p1``, and the state changes by the
        matching one of ``channels.readout_kraus``. Where that has rank one (always without errors) ``q`` is
        then exactly |0> or |1> and leaves its group at once. Otherwise the measurement was weak and has left
        some entanglement, so ``q`` stays in its group: splitting it off would be an approximation.

        Without ``kraus`` the measurement is projective, with outcome 0 iff ``u < p0``, and ``q`` always
        leaves its group; the bit then flips with the probability of its outcome's error, decided by the share
        of ``u`` left over, u/p0 or (u-p0)/p1. So the state after does not depend on the errors.

        Raises ``ValueError`` for ``u`` outside [0, 1) or an error outside 0..1.
        """
        if not 0.0 <= u < 1.0:
            raise ValueError(f"u is {u!r}; allowed: 0 or more and less than 1")
        p1 = self.probability_one(q)
        p0 = 1.0 - p1
        if e0 == 0.0 and e1 == 0.0:
            outcome = 0 if u < p0 else 1
            self._collapse(q, outcome, p1 if outcome else p0)
            return outcome
        if not (0.0 <= e0 <= 1.0 and 0.0 <= e1 <= 1.0):
            raise ValueError(f"readout errors are e0={e0!r}, e1={e1!r}; allowed: 0 to 1")
        if kraus:
            return self._measure_weakly(q, u, e0, e1, p0, p1)
        outcome = 0 if u < p0 else 1
        left_over = (u - p0) / p1 if outcome else u / p0
        self._collapse(q, outcome, p1 if outcome else p0)
        return reported_bit(outcome, left_over, e0, e1)

    def probability_one(self, q: Qubit) -> float:
        """The probability that an ideal Z measurement of ``q`` gives 1."""
        vector = q.vector
        if vector is not None:
            z = vector.item(3)
        else:
            group = q.group
            if group is None:
                raise DiscardedQubit
            qubits = group.qubits
            stride: int = 4 ** (len(qubits) - 1 - qubits.index(q))
            tensor = group.tensor
            z = tensor.item(3 * stride)
            pending = q.pending
            if pending is not None:
                z = (
                    pending.item(12)
                    + pending.item(13) * tensor.item(stride)
                    + pending.item(14) * tensor.item(2 * stride)
                    + pending.item(15) * z
                )
        p1: float = 0.5 - 0.5 * z
        if 0.0 <= p1 <= 1.0:
            return p1
        assert -ROUNDING <= p1 <= 1.0 + ROUNDING, f"probability of outcome 1 is {p1!r}: not a quantum state"
        return 0.0 if p1 < 0.0 else 1.0

    def _collapse(self, q: Qubit, outcome: int, probability: float) -> None:
        """Project ``q`` on |outcome>, which has the given probability, and take it out of its group."""
        ket = _KET1 if outcome else _KET0
        group = q.group
        if group is None:
            q.vector = ket
            return
        weight = 0.5 / probability
        sign = -weight if outcome else weight
        pending = q.pending
        # Rows I and Z of projection, renormalisation and pending matrix in one row of four numbers.
        if pending is None:
            row = np.array((weight, 0.0, 0.0, sign))
        else:
            row = pending[3] * sign
            row[0] += weight
        axis = group.qubits.index(q)
        remaining: Tensor = row.dot(axis_first(group.tensor, axis, len(group.qubits)))
        settle(remaining, probability)
        shrink(group, axis, remaining)
        q.group = q.pending = None
        q.vector = ket

    def _measure_weakly(self, q: Qubit, u: float, e0: float, e1: float, p0: float, p1: float) -> int:
        probability0 = (1.0 - e0) * p0 + e1 * p1
        outcome = 0 if u < probability0 else 1
        # One of the two states excluded by the outcome: a Kraus matrix of rank one, an exact projection.
        if outcome == 0 and (e1 == 0.0 or e0 == 1.0):
            self._collapse(q, int(e1 != 0.0), p1 if e1 != 0.0 else p0)
            return 0
        if outcome == 1 and (e0 == 0.0 or e1 == 1.0):
            self._collapse(q, int(e0 == 0.0), p1 if e0 == 0.0 else p0)
            return 1
        probability = 1.0 - probability0 if outcome else probability0
        branch = readout_branch(outcome, e0, e1) / probability
        vector = q.vector
        if vector is not None:
            changed = branch.dot(vector)
            settle(changed, probability)
            q.vector = changed
            return outcome
        # The branch alone does not preserve the trace, so unlike a gate it cannot wait as a pending matrix.
        leading, others = leading_of(q)
        tensor = branch.dot(leading).reshape(-1)
        settle(tensor, probability)
        group = q.group
        assert group is not None
        group.tensor = tensor
        group.qubits = [q, *others]
        q.pending = None
        return outcome

    # ------------------------------------------------------------------------------------------------ looking

    def pauli_tensor(self, qubits: Sequence[Qubit]) -> Tensor:
        """The joint state of ``qubits``, in their order, all others traced out: a new ``(4,)*n`` tensor.

        Nothing is disturbed and no idle decoherence is added. Raises ``ValueError`` for no qubit or one
        named twice and ``GroupTooLarge`` for more than ``max_group``.
        """
        wanted = list(qubits)
        if not wanted or len({id(qubit) for qubit in wanted}) != len(wanted):
            raise ValueError(f"{len(wanted)} qubits named; allowed: one or more, each once")
        if len(wanted) > self.max_group:
            raise GroupTooLarge(len(wanted), self.max_group)
        joint = np.ones(())
        order: list[Qubit] = []
        for qubit in wanted:
            if any(qubit is seen for seen in order):
                continue
            marginal, members = marginal_of(qubit, wanted)
            joint = np.multiply.outer(joint, marginal)
            order += members
        return np.ascontiguousarray(joint.transpose([order.index(qubit) for qubit in wanted]))

    def density_matrix(self, qubits: Sequence[Qubit]) -> Matrix:
        """The joint state of ``qubits`` as a complex ``2**n x 2**n`` matrix, first qubit most significant.

        As ``pauli_tensor``, with the same errors.
        """
        return density_of(self.pauli_tensor(qubits))

    # ------------------------------------------------------------------------------------------------ inside

    @staticmethod
    def _group_size(q: Qubit) -> int:
        if q.vector is not None:
            return 1
        if q.group is None:
            raise DiscardedQubit
        return len(q.group.qubits)

    @staticmethod
    def _leave(q: Qubit, vector: Tensor | None) -> None:
        """Trace ``q`` out of wherever it is and give it ``vector`` as its own state."""
        group = q.group
        if group is not None:
            axis = group.qubits.index(q)
            # Component I of the axis; a pending matrix of q preserves the trace and so does not matter.
            remaining = group.tensor.reshape(4**axis, 4, -1)[:, 0].flatten()
            shrink(group, axis, remaining)
            q.group = q.pending = None
        elif q.vector is None:
            raise DiscardedQubit
        q.vector = vector

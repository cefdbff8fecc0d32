"""What a link gives when it is run one way: how often an attempt succeeds, how long it takes, what it
leaves.

A link model is a schema for the network file with one question to it, `points`: the working points at which
the link can be run, the one it is run at by default first. A `WorkingPoint` says everything about attempts
there. Attempts are never stepped through: `attempts(u, p)` draws their number from the geometric
distribution.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from qworld.gates import Tensor

LEAST_SUCCESS: Final = 1e-15  # a less likely attempt is none: its number would not fit the draw
PARAMETER_UNIT: Final = 1_000_000  # what the hardware sets is a whole number of 1e-6


class WorkingPoint(msgspec.Struct, frozen=True, eq=False):
    """A link as it is when it is set to one value of its parameter.

    `parameter` is what the hardware sets (a bright-state population, say) in units of 1e-6, 0 if there is
    nothing to set. `cycle_ns` is the time of one attempt whose pair is kept, from trigger to the answer at
    the farther node, `measure_cycle_ns` that of one whose halves are measured at once. `outcomes` lists what
    may be heralded: probability (they sum to 1), Bell state, and the state of the pair as a (4, 4) Pauli
    tensor, first axis the node named first. `bright` is the probability with which the communication qubit
    of each end takes part in an attempt in its bright state.
    """

    parameter: int
    fidelity: float
    success_probability: float
    cycle_ns: float
    measure_cycle_ns: float
    outcomes: tuple[tuple[float, int, Tensor], ...]
    bright: tuple[float, float] = (0.5, 0.5)

    @property
    def bell_states(self) -> tuple[int, ...]:
        """The Bell states it may herald."""
        return tuple(dict.fromkeys(bell for _, bell, _ in self.outcomes))

    def herald(self, u: float) -> tuple[int, Tensor]:
        """Which Bell state the uniform draw `u` in [0, 1) heralds, and the state of the pair."""
        for probability, bell, tensor in self.outcomes:
            u -= probability
            if u < 0:
                return bell, tensor
        return bell, tensor


class Link(Protocol):
    """What others ask of a link model."""

    def points(self) -> Sequence[WorkingPoint]:
        """Where the link can be run; the default comes first, the others in any order."""


def attempts(u: float, success_probability: float) -> int:
    """Number of attempts up to and including the first success, from a uniform draw in [0, 1).

    Geometric: P(n) = (1-p)^(n-1) p.
    """
    if success_probability >= 1.0:
        return 1
    return 1 + int(math.log1p(-u) / math.log1p(-success_probability))

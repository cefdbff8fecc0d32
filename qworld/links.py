"""Entanglement links: how often an attempt succeeds, how long it takes, and the state it leaves.

A link model is a schema for the network file with one question to it, `points`: the working points at which
the link can be run, the one it is run at by default first. A `WorkingPoint` says everything about attempts
there. Attempts are never stepped through: `attempts(u, p)` draws their number from the geometric
distribution.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from qruntime.limits import LONGEST_NS
from qworld.bell import werner_tensor
from qworld.gates import Tensor


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


class PerfectLink(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """|Phi+> at the first attempt, always."""

    delay_ns: Annotated[float, Meta(ge=0, le=LONGEST_NS, description="time to make a pair")] = 1000.0

    def points(self) -> Sequence[WorkingPoint]:
        """One: never fails, exact."""
        return _werner(1.0, 1.0, self.delay_ns, (0,))


class DepolariseLink(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A Werner state about a Bell state: w |Bell><Bell| + (1-w) I/4 with w = (4F-1)/3."""

    fidelity: Annotated[float, Meta(ge=0.25, le=1, description="fidelity of the heralded pair")]
    success_probability: Annotated[
        float, Meta(ge=1e-15, le=1, description="probability that one attempt heralds")
    ]
    cycle_ns: Annotated[float, Meta(ge=0, le=LONGEST_NS, description="duration of one attempt")]
    random_bell_state: Annotated[
        bool, Meta(description="herald any of the four Bell states, with equal probability")
    ] = False
    bell_states: Annotated[
        Annotated[tuple[Annotated[int, Meta(ge=0, le=3)], ...], Meta(min_length=1)] | None,
        Meta(
            description="herald one of these, with equal probability: 0 Phi+, 1 Psi+, 2 Psi-, 3 Phi-; "
            "null: as random_bell_state says"
        ),
    ] = None

    def __post_init__(self) -> None:
        if self.random_bell_state and self.bell_states is not None:
            raise ValueError("random_bell_state says all four Bell states, and bell_states says which")

    def points(self) -> Sequence[WorkingPoint]:
        """One: |Phi+>, or the Bell state in whose share of [0, 1) the draw lies."""
        bells = self.bell_states or ((0, 1, 2, 3) if self.random_bell_state else (0,))
        return _werner(self.fidelity, self.success_probability, self.cycle_ns, bells)


KINDS: dict[str, type[PerfectLink] | type[DepolariseLink]] = {
    "perfect": PerfectLink,
    "depolarise": DepolariseLink,
}


@lru_cache(maxsize=1024)
def _werner(
    fidelity: float, success_probability: float, cycle_ns: float, bells: tuple[int, ...]
) -> tuple[WorkingPoint, ...]:
    share = 1 / len(bells)
    outcomes = tuple((share, bell, werner_tensor(fidelity, bell)) for bell in bells)
    return (WorkingPoint(0, fidelity, success_probability, cycle_ns, cycle_ns, outcomes),)


def attempts(u: float, success_probability: float) -> int:
    """Number of attempts up to and including the first success, from a uniform draw in [0, 1).

    Geometric: P(n) = (1-p)^(n-1) p.
    """
    if success_probability >= 1.0:
        return 1
    return 1 + int(math.log1p(-u) / math.log1p(-success_probability))

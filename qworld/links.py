"""Entanglement links: how often an attempt succeeds, how long it takes, and the state it leaves.

A link model is a schema for the network file and four facts: `cycle_ns`, `success_probability`, `fidelity`
and `herald(u)`. Attempts are never stepped through: `attempts(u, p)` draws their number from the geometric
distribution.
"""

from __future__ import annotations

import math
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from qruntime.limits import LONGEST_NS
from qworld.bell import werner_tensor
from qworld.gates import Tensor


class Link(Protocol):
    """What the world asks of a link model."""

    @property
    def cycle_ns(self) -> float:
        """Duration of one attempt, from trigger to the answer at the farther node."""

    @property
    def success_probability(self) -> float:
        """Probability that one attempt heralds."""

    @property
    def fidelity(self) -> float:
        """Fidelity of the heralded pair to the Bell state it was heralded as."""

    @property
    def bell_states(self) -> tuple[int, ...]:
        """The Bell states it may herald."""

    def herald(self, u: float) -> tuple[int, Tensor]:
        """Which Bell state the uniform draw `u` heralds, and the pair's state as a (4, 4) Pauli tensor."""


class PerfectLink(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """|Phi+> at the first attempt, always."""

    delay_ns: Annotated[float, Meta(ge=0, le=LONGEST_NS, description="time to make a pair")] = 1000.0

    @property
    def cycle_ns(self) -> float:
        """One attempt takes the whole delay."""
        return self.delay_ns

    @property
    def success_probability(self) -> float:
        """Never fails."""
        return 1.0

    @property
    def fidelity(self) -> float:
        """Exact."""
        return 1.0

    @property
    def bell_states(self) -> tuple[int, ...]:
        """|Phi+> only."""
        return (0,)

    def herald(self, u: float) -> tuple[int, Tensor]:
        """|Phi+> whatever `u`."""
        return 0, werner_tensor(1.0, 0)


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

    @property
    def bell_states(self) -> tuple[int, ...]:
        """|Phi+>, or all four."""
        return (0, 1, 2, 3) if self.random_bell_state else (0,)

    def herald(self, u: float) -> tuple[int, Tensor]:
        """|Phi+>, or with `random_bell_state` the one in whose quarter `u` lies."""
        bell = int(4 * u) if self.random_bell_state else 0
        return bell, werner_tensor(self.fidelity, bell)


KINDS: dict[str, type[PerfectLink] | type[DepolariseLink]] = {
    "perfect": PerfectLink,
    "depolarise": DepolariseLink,
}


def attempts(u: float, success_probability: float) -> int:
    """Number of attempts up to and including the first success, from a uniform draw in [0, 1).

    Geometric: P(n) = (1-p)^(n-1) p.
    """
    if success_probability >= 1.0:
        return 1
    return 1 + int(math.log1p(-u) / math.log1p(-success_probability))

"""Kinds of entanglement link by name, for network files, and the simplest of them.

`KINDS` has the schema of every kind; each is a link model. What a model is asked, and what it answers, is
in `working_point`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from qruntime.limits import LONGEST_NS
from qworld.bell import bell_diagonal_tensor, werner_tensor
from qworld.double_click import DoubleClickLink
from qworld.single_click import SingleClickLink
from qworld.working_point import LEAST_SUCCESS, Link, WorkingPoint, attempts

Share = Annotated[float, Meta(ge=0, le=1)]

__all__ = ["KINDS", "BellDiagonalLink", "DepolariseLink", "Link", "PerfectLink", "WorkingPoint", "attempts"]


class PerfectLink(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """|Phi+> at the first attempt, always."""

    delay_ns: Annotated[float, Meta(ge=0, le=LONGEST_NS, description="time to make a pair")] = 1000.0

    def points(self) -> Sequence[WorkingPoint]:
        """One: never fails, exact."""
        return _werner(1.0, 1.0, self.delay_ns, (0,))


class DepolariseLink(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A Werner state about a Bell state: w |Bell><Bell| + (1-w) I/4 with w = (4F-1)/3."""

    fidelity: Annotated[
        float, Meta(ge=0.25, le=1, description="fidelity of the heralded pair", extra={"noiseless": 1.0})
    ]
    success_probability: Annotated[
        float, Meta(ge=LEAST_SUCCESS, le=1, description="probability that one attempt heralds")
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


class BellDiagonalLink(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A mixture of the Bell states that is heralded as Phi+: nobody knows which of them it is."""

    weights: Annotated[
        tuple[Share, Share, Share, Share],
        Meta(
            description="weights of Phi+, Psi+, Psi-, Phi-, which sum to 1; the first is the fidelity",
            extra={"noiseless": (1.0, 0.0, 0.0, 0.0)},
        ),
    ]
    success_probability: Annotated[
        float, Meta(ge=LEAST_SUCCESS, le=1, description="probability that one attempt heralds")
    ] = 1.0
    cycle_ns: Annotated[float, Meta(ge=0, le=LONGEST_NS, description="duration of one attempt")]

    def __post_init__(self) -> None:
        bell_diagonal_tensor(self.weights)

    def points(self) -> Sequence[WorkingPoint]:
        """One."""
        return _mixture(self.weights, self.success_probability, self.cycle_ns)


KINDS: Final[dict[str, type[Any]]] = {
    "perfect": PerfectLink,
    "depolarise": DepolariseLink,
    "bell_diagonal": BellDiagonalLink,
    "single_click": SingleClickLink,
    "double_click": DoubleClickLink,
}


@lru_cache(maxsize=1024)
def _werner(
    fidelity: float, success_probability: float, cycle_ns: float, bells: tuple[int, ...]
) -> tuple[WorkingPoint, ...]:
    share = 1 / len(bells)
    outcomes = tuple((share, bell, werner_tensor(fidelity, bell)) for bell in bells)
    return (WorkingPoint(0, fidelity, success_probability, cycle_ns, cycle_ns, outcomes),)


@lru_cache(maxsize=1024)
def _mixture(
    weights: tuple[float, ...], success_probability: float, cycle_ns: float
) -> tuple[WorkingPoint, ...]:
    outcomes = ((1.0, 0, bell_diagonal_tensor(weights)),)
    return (WorkingPoint(0, weights[0], success_probability, cycle_ns, cycle_ns, outcomes),)

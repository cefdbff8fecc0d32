"""The double-click link: two photons, each in one of two time windows, herald a pair.

Each spin starts in (|0, early> + |1, late>)/sqrt2, and exactly one click in each of the two windows says
that the spins differ, without saying which is which: the scheme of Barrett and Kok (PRA 71, 060310, 2005).
Both clicks in one detector herald |Psi+>, clicks in different ones |Psi->. Parameters are those of the
double-click model of arXiv:2207.10579 as simulators have them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Final, NamedTuple

import numpy as np
from msgspec import Meta

from qworld.bell import fidelity_to_bell
from qworld.optics import Detectors, Optics, Probability, clicks, psi_tensors
from qworld.working_point import WorkingPoint

MODES: Final = 10_000  # at most so many attempts at a time

EmissionFidelity = Annotated[float, Meta(ge=0.25, le=1)]


class Coincidences(NamedTuple):
    """Probability that the clicks of the two windows are accepted as belonging together, by what made
    them."""

    photon_photon: float = 1.0
    photon_dark: float = 1.0
    dark_dark: float = 1.0


ALL_ACCEPTED: Final = Coincidences()


class Heralds(NamedTuple):
    """Probability of a herald if the spins differ, or are the same, and the coherence between |01> and |10>.

    Averaged over the four equally likely states of the spins; the coherence is not normalised either.
    """

    different: float
    same: float
    coherence: float

    @property
    def probability(self) -> float:
        """Of a herald, of any kind."""
        return (self.different + self.same) / 2


def heralds(
    eta_a: float,
    eta_b: float,
    dark: float,
    visibility: float,
    detectors: Detectors,
    accepted: Coincidences = ALL_ACCEPTED,
) -> Heralds:
    """One attempt, with `eta` the detection probability per side and `dark` that of a dark count per detector
    and window."""
    c = clicks(detectors, dark, visibility)
    one = eta_a * (1 - eta_b) + eta_b * (1 - eta_a)
    none = (1 - eta_a) * (1 - eta_b)
    dark_dark = none * c.none**2 * accepted.dark_dark
    photons = eta_a * eta_b * c.one**2 * accepted.photon_photon
    different = photons + one * c.none * c.one * accepted.photon_dark + dark_dark
    same = (eta_a * eta_b * c.two + one * c.one) * c.none * accepted.photon_dark + dark_dark
    # Each Bell state has half of the heralds.
    return Heralds(different, same, visibility * photons / 4)


class DoubleClickLink(Optics, frozen=True, kw_only=True):
    """Two clicks in two time windows herald |Psi+> or |Psi-> (Barrett and Kok)."""

    detectors: Annotated[
        Detectors, Meta(description="threshold: one click for any number of photons; resolving: they count")
    ] = "threshold"
    emission_fidelity: Annotated[
        EmissionFidelity,
        Meta(
            description="fidelity of spin and photon just emitted, a Werner state", extra={"noiseless": 1.0}
        ),
    ] = 1.0
    emission_fidelity_a: Annotated[
        EmissionFidelity | None, Meta(description="the same, first end", extra={"noiseless": 1.0})
    ] = None
    emission_fidelity_b: Annotated[
        EmissionFidelity | None, Meta(description="the same, second end", extra={"noiseless": 1.0})
    ] = None
    coincidence_photon_photon: Annotated[
        Probability, Meta(description="probability to accept two clicks, both of photons")
    ] = 1.0
    coincidence_photon_dark: Annotated[
        Probability, Meta(description="probability to accept two clicks, one of them dark")
    ] = 1.0
    coincidence_dark_dark: Annotated[
        Probability, Meta(description="probability to accept two clicks, both dark")
    ] = 1.0
    num_multiplexing_modes: Annotated[
        int, Meta(ge=1, le=MODES, description="attempts made at a time; one that succeeds is enough")
    ] = 1

    sided = (*Optics.sided, "emission_fidelity")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_success(self._success(self.heralds().probability))

    def heralds(self) -> Heralds:
        """One attempt, in one mode."""
        accepted = Coincidences(
            self.coincidence_photon_photon, self.coincidence_photon_dark, self.coincidence_dark_dark
        )
        return heralds(*self.etas(), self.dark(), self.visibility, self.detectors, accepted)

    def points(self) -> Sequence[WorkingPoint]:
        """One: there is nothing to set."""
        return _points(self)

    def _success(self, probability: float) -> float:
        """That of at least one of the modes."""
        modes = self.num_multiplexing_modes
        if modes == 1 or probability >= 1:
            return probability
        return -math.expm1(modes * math.log1p(-probability))

    def _werner(self) -> float:
        """What imperfect emission leaves of correlations: the product of both spins' Werner parameters."""
        kept = 1.0
        for own in (self.emission_fidelity_a, self.emission_fidelity_b):
            kept *= (4 * (self.emission_fidelity if own is None else own) - 1) / 3
        return kept


@lru_cache(maxsize=1024)
def _points(link: DoubleClickLink) -> tuple[WorkingPoint, ...]:
    found = link.heralds()
    probability, kept = found.probability, link._werner()
    zz = np.array([kept * (found.same - found.different) / (2 * probability)])
    coherence = np.array([kept * found.coherence / probability])
    nothing = np.zeros(1)
    plus, minus = psi_tensors(nothing, nothing, zz, coherence)[0]
    return (
        WorkingPoint(
            parameter=0,
            fidelity=fidelity_to_bell(plus, 1),
            success_probability=link._success(probability),
            cycle_ns=link.cycle(),
            measure_cycle_ns=link.measure_cycle(),
            outcomes=((0.5, 1, plus), (0.5, 2, minus)),
        ),
    )

"""The single-click link: one photon, from one end or the other, heralds a pair.

Each end prepares sqrt(1-alpha) |0> + sqrt(alpha) |1>, of which |1> emits, and exactly one click behind the
beam splitter says that one of them did: |Psi+> if it is in the first detector, |Psi-> in the second. The
larger the bright-state population alpha, the more pairs and the more pairs with both ends bright: fidelity
is paid with rate (Humphreys et al., Nature 558, 268, 2018).

`Weights` is the physics of one link: how often attempts herald as a function of the populations. Working
points are chosen from it: the configured one, and one for every whole percent of fidelity within reach.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Final, Literal, NamedTuple

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from qworld.optics import Clicks, Detectors, Optics, Probability, Vector, clicks, psi_tensors
from qworld.working_point import LEAST_SUCCESS, PARAMETER_UNIT, WorkingPoint

LEAST: Final = 1 / PARAMETER_UNIT  # the finest population that can be set; 1 less this is the largest
MOST: Final = 1 - LEAST

_LAST: Final = PARAMETER_UNIT - 1

Steps = NDArray[np.int64]
Population = Annotated[float, Meta(ge=LEAST, le=MOST)]
PhaseDistribution = Literal["normal", "von_mises"]
Model = Literal["exact", "feu", "experiment"]


class Heralds(NamedTuple):
    """Probability that an attempt heralds and which ends are bright then, and the coherence between |01> and
    |10>; of the pairs the fraction `depolarise` is replaced by completely mixed ones."""

    neither: Vector
    only_b: Vector
    only_a: Vector
    both: Vector
    coherence: Vector
    depolarise: float

    @property
    def probability(self) -> Vector:
        """Of a herald, in either detector."""
        return self.neither + self.only_b + self.only_a + self.both

    @property
    def fidelity(self) -> Vector:
        """With the Bell state that the detector stands for; the same for both."""
        kept = 1 - self.depolarise
        found: Vector = (self.only_a + self.only_b + 2 * self.coherence) / (2 * self.probability)
        return kept * found + self.depolarise / 4


class Weights(NamedTuple):
    """Probability that an attempt heralds if neither, only one or both ends are bright, and `coherence`, the
    coherence between |01> and |10> for populations of which every factor sqrt(alpha (1-alpha)) is taken
    out."""

    neither: float
    only_b: float
    only_a: float
    both: float
    coherence: float
    depolarise: float = 0.0

    def heralds(self, alpha_a: Vector, alpha_b: Vector) -> Heralds:
        """What attempts give with these bright-state populations, arrays of one shape."""
        dark_a, dark_b = 1 - alpha_a, 1 - alpha_b
        return Heralds(
            dark_a * dark_b * self.neither,
            dark_a * alpha_b * self.only_b,
            alpha_a * dark_b * self.only_a,
            alpha_a * alpha_b * self.both,
            np.sqrt(alpha_a * dark_a * alpha_b * dark_b) * self.coherence,
            self.depolarise,
        )


def weights(
    eta_a: float, eta_b: float, c: Clicks, visibility: float, kept: float = 1.0, experiment: bool = False
) -> Weights:
    """Attempts with detection probabilities `eta`, clicks `c` and Hong-Ou-Mandel visibility.

    `kept` is the probability that the photon of a bright qubit, if it is not detected, also does not veto
    the attempt. With `experiment` the coherence is that of the published models, which count also what dark
    counts herald as coherent.
    """
    one = eta_a * (1 - eta_b) + eta_b * (1 - eta_a)
    only_a = eta_a * c.one + (1 - eta_a) * c.none
    only_b = eta_b * c.one + (1 - eta_b) * c.none
    dark = (1 - eta_a) * (1 - eta_b) * c.none
    both = eta_a * eta_b * c.two + kept * one * c.one + kept**2 * dark
    photons = math.sqrt(only_a * only_b) if experiment else math.sqrt(eta_a * eta_b) * c.one
    return Weights(c.none, only_b, only_a, both, math.sqrt(visibility) * photons)


def feu_clicks(dark: float) -> Clicks:
    """Any photons are one click, and a dark count in either detector is one herald: the published link layer
    model after Humphreys et al."""
    silent = (1 - dark) ** 2
    return Clicks(1 - silent, silent, silent)


def double_excitation_factor(p2e: float, kept: float) -> float:
    """What is left of the coherence if a bright qubit emits a second photon with probability `p2e`.

    Half of these flip the phase; of them the veto lets pass a fraction `kept`.
    """
    flip = p2e / 2
    passed = 1 - flip + kept * flip
    return ((1 - flip - kept * flip) / passed) ** 2


def phase_factor(sigma: float, distribution: PhaseDistribution) -> float:
    """The mean of the cosine of a phase: normal with deviation `sigma` in rad, or von Mises with
    concentration 1/sigma^2."""
    if distribution == "normal" or sigma < 1e-4:  # then they differ by less than a double can tell
        return math.exp(-(sigma**2) / 2)
    # The mean by the trapezoidal rule, which converges exponentially for a periodic function; beyond twelve
    # deviations nothing is left of the density.
    phase = np.linspace(-1, 1, 1001) * min(math.pi, 12 * sigma)
    density = np.exp(-2 * (np.sin(phase / 2) / sigma) ** 2)
    density[[0, -1]] /= 2
    return float((density * np.cos(phase)).sum() / density.sum())


class SingleClickLink(Optics, frozen=True, kw_only=True):
    """One click heralds |Psi+> or |Psi->; the bright-state population trades fidelity for rate.

    A request with a minimum fidelity is run with the population that reaches it at the highest rate, one
    without with the population given here.
    """

    bright_state_population: Annotated[
        Population | None, Meta(description="of both ends, taken to a millionth; or one for each end")
    ] = None
    bright_state_population_a: Annotated[Population | None, Meta(description="the same, first end")] = None
    bright_state_population_b: Annotated[Population | None, Meta(description="the same, second end")] = None
    model: Annotated[
        Model, Meta(description="exact, or one of two published approximations: feu, experiment")
    ] = "exact"
    detectors: Annotated[
        Detectors | None,
        Meta(
            description="threshold: one click for any number of photons; resolving: they count; "
            "null: threshold if exact, else those of the model"
        ),
    ] = None
    phase_uncertainty_deg: Annotated[
        Annotated[float, Meta(ge=0, le=3600)],
        Meta(description="deviation of the optical phase between the arms", extra={"noiseless": 0.0}),
    ] = 0.0
    phase_distribution: Annotated[
        PhaseDistribution,
        Meta(description="normal, or von_mises of concentration 1/deviation^2, deviation in rad"),
    ] = "normal"
    double_excitation_probability: Annotated[
        Probability, Meta(description="probability that a bright qubit emits twice", extra={"noiseless": 0.0})
    ] = 0.0
    sideband_veto_probability: Annotated[
        Probability,
        Meta(description="probability to detect a phonon-sideband photon, which vetoes the attempt"),
    ] = 0.0
    depolarise: Annotated[
        Probability,
        Meta(description="fraction of pairs replaced by completely mixed ones", extra={"noiseless": 0.0}),
    ] = 0.0

    sided = (*Optics.sided, "bright_state_population")

    def __post_init__(self) -> None:
        super().__post_init__()
        both = self.bright_state_population
        a, b = self.bright_state_population_a, self.bright_state_population_b
        if both is None and None in (a, b):
            raise ValueError(
                f"bright_state_population is null; allowed: a number from {LEAST:g} to {MOST:g}, "
                "or one for each end"
            )
        own = {"exact": self.detectors, "feu": None, "experiment": "resolving"}[self.model]
        if self.detectors not in (None, own):
            raise ValueError(f"detectors is {self.detectors}; allowed with model {self.model}: null")
        alpha_a, alpha_b = (np.array([alpha]) for alpha in self.populations())
        self._check_success(float(self.weights().heralds(alpha_a, alpha_b).probability[0]))

    def populations(self) -> tuple[float, float]:
        """Bright-state populations of the default working point, to a millionth."""
        chosen = []
        for own in (self.bright_state_population_a, self.bright_state_population_b):
            alpha = self.bright_state_population if own is None else own
            assert alpha is not None
            chosen.append(round(alpha * PARAMETER_UNIT) / PARAMETER_UNIT)
        return chosen[0], chosen[1]

    def weights(self) -> Weights:
        """How often attempts herald, at any populations."""
        kept = 1 - self.sideband_veto_probability
        found = weights(*self.etas(), self._clicks(), self.visibility, kept, self.model != "exact")
        factor = double_excitation_factor(self.double_excitation_probability, kept)
        factor *= phase_factor(math.radians(self.phase_uncertainty_deg), self.phase_distribution)
        return found._replace(coherence=found.coherence * factor, depolarise=self.depolarise)

    def points(self) -> Sequence[WorkingPoint]:
        """The configured one; then for every whole percent of fidelity within reach the fastest that reaches
        it.

        All keep the ratio of the two ends' odds alpha/(1-alpha) as it is configured. `parameter` is the
        population of the first end.
        """
        return _points(self)

    def _clicks(self) -> Clicks:
        if self.model == "feu":
            return feu_clicks(self.dark())
        own: Detectors = "threshold" if self.model == "exact" else "resolving"
        return clicks(self.detectors or own, self.dark(), self.visibility)


@lru_cache(maxsize=1024)
def _points(link: SingleClickLink) -> tuple[WorkingPoint, ...]:
    alpha_a, alpha_b = link.populations()
    family = _Family(link.weights(), alpha_b * (1 - alpha_a) / (alpha_a * (1 - alpha_b)))
    # A population that serves several percents, or the default, is listed once.
    steps = np.array(list(dict.fromkeys((round(alpha_a * PARAMETER_UNIT), *family.fastest_per_percent()))))
    found = family.heralds(steps)
    rate = found.probability
    kept = (1 - link.depolarise) / rate
    states = psi_tensors(
        z_a=kept * (found.neither + found.only_b - found.only_a - found.both),
        z_b=kept * (found.neither + found.only_a - found.only_b - found.both),
        zz=kept * (found.neither + found.both - found.only_a - found.only_b),
        coherence=kept * found.coherence,
    )
    cycle_ns, measure_cycle_ns = link.cycle(), link.measure_cycle()
    columns = zip(
        steps.tolist(), found.fidelity.tolist(), rate.tolist(), states, *family.alphas(steps), strict=True
    )
    return tuple(
        WorkingPoint(
            parameter=step,
            fidelity=fidelity,
            success_probability=probability,
            cycle_ns=cycle_ns,
            measure_cycle_ns=measure_cycle_ns,
            outcomes=((0.5, 1, plus), (0.5, 2, minus)),
            bright=(float(a), float(b)),
        )
        for step, fidelity, probability, (plus, minus), a, b in columns
    )


class _Family(NamedTuple):
    """The settings of a link: a step is the population of the first end in millionths, and the odds
    alpha/(1-alpha) of the second end are `ratio` times those of the first.

    With odds r at the first end both fidelity and rate are simple: fidelity is, but for the depolarising, a
    constant over (`neither`/r + a constant + `ratio` * `both` * r), which has one maximum; the derivative
    of the rate is a quadratic in r over a square.
    """

    weights: Weights
    ratio: float

    def alphas(self, steps: Steps) -> tuple[Vector, Vector]:
        """Populations of both ends."""
        alpha = steps / PARAMETER_UNIT
        return alpha, self.ratio * alpha / (1 - alpha + self.ratio * alpha)

    def heralds(self, steps: Steps) -> Heralds:
        return self.weights.heralds(*self.alphas(steps))

    def best(self) -> int:
        """The step of the highest fidelity."""
        rising, falling = self.weights.neither, self.ratio * self.weights.both
        odds = math.inf if rising and not falling else math.sqrt(rising / falling) if rising else 0.0
        near = _step(odds)
        around = np.array([max(near - 1, 1), near, min(near + 1, _LAST)])
        return int(around[self.heralds(around).fidelity.argmax()])

    def turning(self) -> list[int]:
        """The steps at which the rate has a maximum or a minimum."""
        k, w = self.ratio, self.weights
        one = w.only_a + k * w.only_b
        slope = (k * (w.both * (1 + k) - one), 2 * k * (w.both - w.neither), one - w.neither * (1 + k))
        return [_step(float(odds.real)) for odds in np.roots(slope) if odds.imag == 0 and odds.real > 0]

    def fastest_per_percent(self) -> list[int]:
        """For every whole percent of fidelity that can be reached the step that reaches it at the highest
        rate.

        The steps that reach it are an interval about the best, and the rate is highest at an end of it or
        where it turns.
        """
        best = self.best()
        percents = np.arange(1, 101) / 100
        percents = percents[self.heralds(np.array([best])).fidelity >= percents]
        inside = np.full((2, len(percents)), best)
        outside = np.repeat([[0], [_LAST + 1]], len(percents), axis=1)
        while (abs(outside - inside) > 1).any():
            middle = inside + ((outside - inside) / 2).astype(np.int64)  # rounds towards the inside
            reached = self.heralds(middle).fidelity >= percents
            inside, outside = np.where(reached, middle, inside), np.where(reached, outside, middle)
        choices = np.array([*inside, *(np.clip(step, *inside) for step in self.turning())])
        rates = self.heralds(choices).probability
        fastest = choices[rates.argmax(axis=0), np.arange(len(percents))]
        return [int(step) for step in fastest[rates.max(axis=0) >= LEAST_SUCCESS]]


def _step(odds: float) -> int:
    alpha = 1 / (1 + 1 / odds) if odds else 0.0
    return min(max(round(alpha * PARAMETER_UNIT), 1), _LAST)

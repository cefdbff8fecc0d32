"""The single-click link against check values, against optical modes, and in its limits."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qworld.bell import fidelity_to_bell
from qworld.gates import density_of
from qworld.optics import clicks
from qworld.single_click import SingleClickLink, phase_factor, weights
from qworld.working_point import WorkingPoint
from tests.unit.qworld import dense, modes
from tests.unit.qworld.given import as_given

EXACT = 1e-12
NV_2019 = {
    "efficiency_a": 0.00028,
    "efficiency_b": 0.00042,
    "visibility": 0.9,
    "dark_count_rate_hz": 20,
    "window_ns": 25,
    "phase_uncertainty_deg": 15,
    "double_excitation_probability": 0.04,
    "cycle_ns": 5_500,
}


def link(**parameters: Any) -> SingleClickLink:
    return msgspec.convert({"cycle_ns": 1000, **parameters}, SingleClickLink)


def default(**parameters: Any) -> WorkingPoint:
    return link(**parameters).points()[0]


def sides(name: str, a: float, b: float) -> dict[str, float]:
    return {f"{name}_a": a, f"{name}_b": b}


S1 = {"bright_state_population": 0.1, "efficiency": 4e-4}
S2 = {
    **sides("bright_state_population", 0.3, 0.2),
    **sides("efficiency", 0.5, 0.3),
    "dark_count_probability": 0.01,
    "visibility": 0.8,
}
S4 = {
    "bright_state_population": 0.05,
    **sides("efficiency", 3.6e-4, 4.4e-4),
    "dark_count_probability": 3e-7,
    "visibility": 0.9,
    "double_excitation_probability": 0.06,
    "phase_uncertainty_deg": 15,
}
S3 = {
    **{name: value for name, value in S4.items() if name != "bright_state_population"},
    **sides("bright_state_population", 0.05, 0.07),
    "sideband_veto_probability": 0.1,
    "depolarise": 0.02,
}
FEU, EXPERIMENT, RESOLVING = {"model": "feu"}, {"model": "experiment"}, {"detectors": "resolving"}


@pytest.mark.parametrize(
    ("parameters", "probability", "fidelity"),
    [
        (S1, "7.999840e-5", "0.90001800"),
        ({**S1, **RESOLVING}, "7.999680e-5", "0.90003600"),
        ({**S1, **FEU}, "7.999840e-5", "0.90001800"),
        (S2, "0.2139192", "0.67881355"),
        ({**S2, **RESOLVING}, "0.2039994", "0.70480953"),
        ({**S2, **FEU}, "0.2129002", "0.68526062"),
        ({**S2, **EXPERIMENT}, "0.2039994", "0.71505453"),
        ({**S3, **EXPERIMENT}, "4.9118545e-5", "0.82724575"),
        (S3, "4.9119086e-5", "0.82668848"),
        ({**S4, **EXPERIMENT}, "4.0599160e-5", "0.84644193"),
        ({**NV_2019, **EXPERIMENT, "bright_state_population": 0.1}, "7.099751e-5", "0.813305"),
        ({**NV_2019, **EXPERIMENT, "bright_state_population": 0.3}, "2.109784e-4", "0.638610"),
        ({**NV_2019, "bright_state_population": 0.1}, "7.099866e-5", "0.81219973"),
        ({**NV_2019, "bright_state_population": 0.3}, "2.109886e-4", "0.63772118"),
    ],
)
def test_check_values(parameters: dict[str, Any], probability: str, fidelity: str) -> None:
    point = default(**parameters)
    assert point.success_probability == as_given(probability)
    assert point.fidelity == as_given(fidelity)


def test_check_values_of_the_parts() -> None:
    model = link(**S2)
    found = model.weights().heralds(*(np.array([alpha]) for alpha in model.populations()))
    parts = (found.both, found.only_a, found.only_b, found.neither, found.coherence)
    expected = (0.0381348, 0.1211760, 0.0435204, 0.0110880, 0.06286305)
    assert [float(part[0]) for part in parts] == pytest.approx(expected, abs=6e-9)


@pytest.mark.parametrize(("alpha", "rate_hz"), [(0.1, 12.91), (0.3, 38.36)])
def test_rate_is_success_probability_over_the_duration_of_an_attempt(alpha: float, rate_hz: float) -> None:
    point = default(**NV_2019, model="experiment", bright_state_population=alpha)
    assert 1e9 * point.success_probability / point.cycle_ns == pytest.approx(rate_hz, abs=0.005)


def test_phase_factors() -> None:
    sigma = math.radians(15)
    assert phase_factor(sigma, "normal") == as_given("0.9663111")
    assert phase_factor(sigma, "von_mises") == as_given("0.9650980")
    assert phase_factor(0, "normal") == phase_factor(0, "von_mises") == 1


@pytest.mark.parametrize("sigma", [0.05, 0.2, 0.5, 1.0, 3.0, 30.0])
def test_von_mises_factor_is_the_ratio_of_two_bessel_functions(sigma: float) -> None:
    """I1(x)/I0(x) with x = 1/sigma^2 as a continued fraction, from far enough out."""
    x = 1 / sigma**2
    ratio = 0.0
    for order in range(2000, 0, -1):
        ratio = 1 / (2 * order / x + ratio)
    assert phase_factor(sigma, "von_mises") == pytest.approx(ratio, rel=1e-11)


def test_phase_that_is_known_better_and_better_costs_less_and_less() -> None:
    for sigma in (1e-3, 1e-6):
        for distribution in ("normal", "von_mises"):
            lost = 1 - phase_factor(sigma, distribution)  # type: ignore[arg-type]
            assert lost == pytest.approx(sigma**2 / 2, rel=1e-2, abs=1e-15)


# --- optical modes --------------------------------------------------------------------------------------

unit = st.floats(0, 1)
efficiency = st.just(0.0) | st.floats(1e-12, 1)
dark = st.just(0.0) | st.floats(1e-12, 0.9)  # in between no attempt ever succeeds by one
inner = st.floats(0.001, 0.999)


@given(inner, inner, efficiency, efficiency, dark, unit, st.sampled_from(["threshold", "resolving"]))
@settings(max_examples=60, deadline=None)
def test_states_and_probabilities_are_those_of_optical_modes(
    alpha_a: float, alpha_b: float, eta_a: float, eta_b: float, dark: float, visibility: float, kind: Any
) -> None:
    found = modes.single_click((alpha_a, alpha_b), (eta_a, eta_b), dark, visibility, kind)
    model = weights(eta_a, eta_b, clicks(kind, dark, visibility), visibility).heralds(
        np.array([alpha_a]), np.array([alpha_b])
    )
    p = model.probability[0]
    for sign, (probability, rho) in zip((1, -1), found, strict=True):
        assert probability == pytest.approx(p / 2, abs=EXACT)
        expected = np.diag([model.neither[0], model.only_b[0], model.only_a[0], model.both[0]])
        expected[1, 2] = expected[2, 1] = sign * model.coherence[0]
        np.testing.assert_allclose(rho * probability, expected / 2, rtol=0, atol=EXACT)


def test_link_delivers_the_state_of_optical_modes_for_each_detector() -> None:
    rng = np.random.default_rng(5)
    for kind in ("threshold", "resolving"):
        for _ in range(10):
            alpha = [round(each, 6) for each in rng.uniform(0.01, 0.99, 2).tolist()]
            eta, (dark, visibility) = rng.uniform(0.01, 1, 2).tolist(), rng.uniform(0, 0.5, 2).tolist()
            point = default(
                **sides("bright_state_population", *alpha),
                **sides("efficiency", *eta),
                dark_count_probability=dark,
                visibility=visibility,
                detectors=kind,
            )
            found = modes.single_click((alpha[0], alpha[1]), (eta[0], eta[1]), dark, visibility, kind)
            assert point.success_probability == pytest.approx(sum(p for p, _ in found), abs=EXACT)
            assert point.bright == pytest.approx(alpha, abs=EXACT)
            for (share, bell, tensor), (probability, rho) in zip(point.outcomes, found, strict=True):
                assert probability == pytest.approx(share * point.success_probability, abs=EXACT)
                np.testing.assert_allclose(density_of(tensor), rho, rtol=0, atol=EXACT)
                vector = dense.BELL_VECTORS[bell]
                assert (vector @ rho @ vector).real == pytest.approx(point.fidelity, abs=EXACT)


def test_further_imperfections_are_those_channels_on_the_state_of_optical_modes() -> None:
    """Second emissions and an uncertain phase flip the phase, depolarising mixes, the veto empties |11>."""
    sigma, p2e, veto, g = math.radians(20), 0.2, 0.3, 0.1
    perfect = {
        "bright_state_population": 0.2,
        "efficiency": 0.4,
        "dark_count_probability": 0.02,
        "visibility": 0.7,
    }
    ((_, plain), _) = modes.single_click((0.2, 0.2), (0.4, 0.4), 0.02, 0.7, "threshold")
    point = default(**perfect, phase_uncertainty_deg=20, double_excitation_probability=p2e, depolarise=g)
    q = p2e / 2
    weight = {"none": (1 - q) ** 2, "a": (1 - q) * q, "b": (1 - q) * q, "both": q**2}
    za, zb = np.kron(dense.SZ, dense.ID), np.kron(dense.ID, dense.SZ)
    flips = {"none": np.eye(4), "a": za, "b": zb, "both": za @ zb}
    rho = sum(weight[name] * flips[name] @ plain @ flips[name] for name in weight)
    error = (1 - math.exp(-(sigma**2) / 2)) / 2
    rho = (1 - error) * rho + error * za @ rho @ za
    rho = (1 - g) * rho + g * np.eye(4) / 4
    np.testing.assert_allclose(density_of(point.outcomes[0][2]), rho, atol=EXACT)
    vetoed = density_of(default(**perfect, sideband_veto_probability=veto).outcomes[0][2])
    kept = density_of(default(**perfect).outcomes[0][2])
    assert vetoed[3, 3].real / vetoed[1, 1].real < kept[3, 3].real / kept[1, 1].real
    assert vetoed[1, 2] / vetoed[1, 1] == pytest.approx(kept[1, 2] / kept[1, 1])
    certain = density_of(default(**perfect, sideband_veto_probability=1).outcomes[0][2])
    both = 0.4**2 * clicks("threshold", 0.02, 0.7).two  # what is left when both photons are detected
    assert certain[3, 3].real / certain[1, 1].real == pytest.approx(
        0.2 / 0.8 * both / (0.4 * 0.98 + 0.6 * 2 * 0.02 * 0.98)
    )


# --- all states -----------------------------------------------------------------------------------------

links = st.fixed_dictionaries(
    {
        "bright_state_population_a": st.floats(1e-6, 1 - 1e-6),
        "bright_state_population_b": st.floats(1e-6, 1 - 1e-6),
        "efficiency_a": unit,
        "efficiency_b": unit,
        "dark_count_probability": unit,
        "visibility": unit,
        "model": st.sampled_from(["exact", "feu", "experiment"]),
        "phase_uncertainty_deg": st.floats(0, 400),
        "phase_distribution": st.sampled_from(["normal", "von_mises"]),
        "double_excitation_probability": unit,
        "sideband_veto_probability": unit,
        "depolarise": unit,
    }
)


@given(links)
@settings(max_examples=150, deadline=None)
def test_every_state_is_a_state_and_has_the_fidelity_that_is_said(parameters: dict[str, Any]) -> None:
    try:
        points = link(**parameters).points()
    except msgspec.ValidationError as error:
        assert "allowed: at least 1e-15" in str(error)
        return
    for point in points:
        assert 0 < point.success_probability <= 1 + 1e-12
        assert sum(share for share, _, _ in point.outcomes) == 1
        assert point.bell_states == (1, 2)
        for _, bell, tensor in point.outcomes:
            rho = density_of(tensor)
            assert np.trace(rho).real == pytest.approx(1, abs=1e-12)
            assert np.linalg.eigvalsh(rho)[0] > -1e-12
            assert fidelity_to_bell(tensor, bell) == pytest.approx(point.fidelity, abs=1e-12)


@pytest.mark.parametrize("model", ["exact", "feu", "experiment"])
@pytest.mark.parametrize("extreme", [0.0, 1.0])
def test_extremes_are_states_too(model: str, extreme: float) -> None:
    for name in ("visibility", "double_excitation_probability", "sideband_veto_probability", "depolarise"):
        values = {"efficiency": 1.0, "bright_state_population": 0.999999, "model": model, name: extreme}
        for point in link(**values).points():
            assert np.linalg.eigvalsh(density_of(point.outcomes[1][2]))[0] > -1e-12


# --- limits ---------------------------------------------------------------------------------------------


@given(st.floats(0.01, 0.9), st.floats(1e-7, 1e-5), st.floats(1e-7, 1e-5), unit, st.floats(0, 60))
@settings(max_examples=60, deadline=None)
def test_small_efficiencies(alpha: float, eta_a: float, eta_b: float, visibility: float, deg: float) -> None:
    """P = alpha (etaA + etaB), and for equal efficiencies F = (1-alpha)(1 + D sqrt V)/2, to first order."""
    alpha = round(alpha, 6)
    common = {"bright_state_population": alpha, "visibility": visibility, "phase_uncertainty_deg": deg}
    point = default(**common, **sides("efficiency", eta_a, eta_b))
    assert point.success_probability == pytest.approx(alpha * (eta_a + eta_b), rel=1e-5)
    coherence = math.exp(-(math.radians(deg) ** 2) / 2) * math.sqrt(visibility)
    point = default(**common, efficiency=eta_a)
    assert point.fidelity == pytest.approx((1 - alpha) * (1 + coherence) / 2, abs=1e-5)


def test_perfect_optics_herald_perfect_pairs_as_the_population_vanishes() -> None:
    point = default(bright_state_population=1e-6, efficiency=1e-3)
    assert point.fidelity == pytest.approx(1, abs=2e-6)


# --- fields ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "bright_state_population is null; allowed: a number from 1e-06 to 0.999999, or one"),
        ({"bright_state_population_a": 0.1}, "bright_state_population is null"),
        (
            {"bright_state_population": 0.1, **sides("bright_state_population", 0.1, 0.2)},
            "bright_state_population is 0.1, but bright_state_population_a and",
        ),
        ({"bright_state_population": 1}, "Expected `float` <= 0.999999"),
        ({"bright_state_population": 0}, "Expected `float` >= 1e-06"),
        ({**S1, "model": "feu", "detectors": "resolving"}, "detectors is resolving; allowed with model feu"),
        ({**S1, "model": "experiment", "detectors": "threshold"}, "detectors is threshold; allowed with"),
        ({**S1, "model": "other"}, "model"),
        ({**S1, "efficiency": 0}, "efficiency is 0; "),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_the_field_to_blame(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=message):
        link(**parameters)


def test_detectors_are_those_of_the_model_unless_said() -> None:
    assert default(**S2).fidelity == default(**S2, detectors="threshold").fidelity
    experiment = {**S2, "model": "experiment"}
    assert default(**experiment).fidelity == default(**experiment, detectors="resolving").fidelity


def test_fields_can_be_said_again() -> None:
    for parameters in (S1, S2, S3, NV_2019 | {"bright_state_population": 0.1}):
        made = link(**parameters)
        assert msgspec.convert(msgspec.to_builtins(made), SingleClickLink) == made

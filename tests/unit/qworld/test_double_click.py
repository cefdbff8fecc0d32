"""The double-click link against check values, against optical modes, and in its limits."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qworld.bell import fidelity_to_bell
from qworld.channels import depolarising
from qworld.double_click import DoubleClickLink, heralds
from qworld.gates import density_of
from qworld.working_point import WorkingPoint
from tests.unit.qworld import modes
from tests.unit.qworld.given import as_given

EXACT = 1e-12
SAME, DIFFERENT = ((0, 0), (1, 1)), ((0, 1), (1, 0))


def point_of(**parameters: Any) -> WorkingPoint:
    (point,) = msgspec.convert({"cycle_ns": 1000, **parameters}, DoubleClickLink).points()
    return point


FIBRE = {"length_km": 1, "attenuation_db_per_km": 0.25, "speed_of_light_km_per_s": 214_000, "cycle_ns": None}
D1 = {**FIBRE, "efficiency": 0.00051, "visibility": 0.9, "dark_count_probability": 1.5e-7}
D2 = {**FIBRE, "efficiency": 0.111, "visibility": 0.89, "dark_count_probability": 1.4e-5}
D3 = {"efficiency_a": 0.5, "efficiency_b": 0.3, "dark_count_probability": 0.01, "visibility": 0.8}
EMISSION = {"emission_fidelity_a": 0.95, "emission_fidelity_b": 0.9}
ACCEPTED = {
    "coincidence_photon_photon": 0.8, "coincidence_photon_dark": 0.6, "coincidence_dark_dark": 0.4
}  # fmt: skip
RESOLVING = {"detectors": "resolving"}


@pytest.mark.parametrize(
    ("parameters", "probability", "fidelity"),
    [
        (D1, "1.2307238e-7", "0.94830900"),
        (D2, "5.8212668e-3", "0.94433166"),
        ({**D2, **RESOLVING}, "5.8209500e-3", "0.94435661"),
        (D3, "0.084768849", "0.80974679"),
        ({**D3, **EMISSION}, "0.084768849", "0.70277296"),
        ({**D3, **RESOLVING}, "0.081884905", "0.82188875"),
        ({**D3, **RESOLVING, **EMISSION}, "0.081884905", "0.71259445"),
        ({**D3, **ACCEPTED}, "0.065535367", "0.83022762"),
        ({"efficiency_a": 0.3, "efficiency_b": 0.2, "visibility": 0.9}, "0.03", "0.95"),
    ],
)
def test_check_values(parameters: dict[str, Any], probability: str, fidelity: str) -> None:
    point = point_of(**parameters)
    assert point.success_probability == as_given(probability)
    assert point.fidelity == as_given(fidelity)


@pytest.mark.parametrize(
    ("parameters", "eta", "mean_ns"), [(D1, 0.00049553026, 37.97e9), (D2, 0.1078507024, 802_700)]
)
def test_mean_time_of_a_pair_over_a_kilometre(parameters: dict[str, Any], eta: float, mean_ns: float) -> None:
    link = msgspec.convert(parameters, DoubleClickLink)
    assert link.etas() == pytest.approx((eta, eta), rel=1e-8)
    point = point_of(**parameters)
    assert point.cycle_ns == pytest.approx(4672.9, abs=0.05)
    assert point.cycle_ns / point.success_probability == pytest.approx(mean_ns, rel=2e-4)


# --- optical modes --------------------------------------------------------------------------------------

unit = st.floats(0, 1)
efficiency = st.just(0.0) | st.floats(1e-12, 1)
dark = st.just(0.0) | st.floats(1e-12, 0.9)  # in between no attempt ever succeeds by one


@given(efficiency, efficiency, dark, unit, st.sampled_from(["threshold", "resolving"]))
@settings(max_examples=15, deadline=None)
def test_states_and_probabilities_are_those_of_optical_modes(
    eta_a: float, eta_b: float, dark: float, visibility: float, kind: Any
) -> None:
    found = heralds(eta_a, eta_b, dark, visibility, kind)
    for pattern, (probability, rho) in modes.double_click((eta_a, eta_b), dark, visibility, kind).items():
        assert probability == pytest.approx(found.probability / 4, abs=EXACT)
        expected = np.diag([found.same, found.different, found.different, found.same]) / 4
        expected[1, 2] = expected[2, 1] = found.coherence * (1 if pattern in SAME else -1)
        np.testing.assert_allclose(rho * probability, expected / 4, rtol=0, atol=EXACT)


@pytest.mark.parametrize("kind", ["threshold", "resolving"])
def test_link_delivers_the_state_of_optical_modes_for_each_pattern(kind: str) -> None:
    rng = np.random.default_rng(6)
    for _ in range(3):
        eta, emission = rng.uniform(0.1, 1, 2).tolist(), rng.uniform(0.5, 1, 2).tolist()
        dark, visibility = rng.uniform(0, 0.5, 2).tolist()
        parameters = {
            "efficiency_a": eta[0], "efficiency_b": eta[1], "dark_count_probability": dark,
            "visibility": visibility, "detectors": kind,
        }  # fmt: skip
        plain = point_of(**parameters)
        noisy = point_of(**parameters, emission_fidelity_a=emission[0], emission_fidelity_b=emission[1])
        found = modes.double_click((eta[0], eta[1]), dark, visibility, kind)
        for patterns, (share, _, tensor), (_, _, noisy_tensor) in zip(
            (SAME, DIFFERENT), plain.outcomes, noisy.outcomes, strict=True
        ):
            probability = sum(found[pattern][0] for pattern in patterns)
            assert probability == pytest.approx(share * plain.success_probability, abs=EXACT)
            for pattern in patterns:
                np.testing.assert_allclose(density_of(tensor), found[pattern][1], rtol=0, atol=EXACT)
            a, b = (depolarising(4 * (1 - each) / 3) for each in emission)
            np.testing.assert_allclose(noisy_tensor, a @ tensor @ b.T, rtol=0, atol=EXACT)
        assert noisy.success_probability == plain.success_probability


# --- all states -----------------------------------------------------------------------------------------


@given(
    st.fixed_dictionaries(
        {
            "efficiency_a": unit,
            "efficiency_b": unit,
            "dark_count_probability": unit,
            "visibility": unit,
            "detectors": st.sampled_from(["threshold", "resolving"]),
            "emission_fidelity_a": st.floats(0.25, 1),
            "emission_fidelity_b": st.floats(0.25, 1),
            "coincidence_photon_photon": unit,
            "coincidence_photon_dark": unit,
            "coincidence_dark_dark": unit,
            "num_multiplexing_modes": st.integers(1, 10_000),
        }
    )
)
@settings(max_examples=150, deadline=None)
def test_every_state_is_a_state_and_has_the_fidelity_that_is_said(parameters: dict[str, Any]) -> None:
    try:
        point = point_of(**parameters)
    except msgspec.ValidationError as error:
        assert "allowed: at least 1e-15" in str(error)
        return
    assert 0 < point.success_probability <= 1
    assert [(share, bell) for share, bell, _ in point.outcomes] == [(0.5, 1), (0.5, 2)]
    for _, bell, tensor in point.outcomes:
        rho = density_of(tensor)
        assert np.trace(rho).real == pytest.approx(1, abs=1e-12)
        assert np.linalg.eigvalsh(rho)[0] > -1e-12
        assert fidelity_to_bell(tensor, bell) == pytest.approx(point.fidelity, abs=1e-12)


# --- limits ---------------------------------------------------------------------------------------------


@given(st.floats(0.001, 1), st.floats(0.001, 1), unit)
def test_without_dark_counts_fidelity_is_that_of_the_photons_and_half_of_them_tell(
    eta_a: float, eta_b: float, visibility: float
) -> None:
    """F = 1/2 + V/2, P = etaA etaB / 2, at any efficiency."""
    point = point_of(efficiency_a=eta_a, efficiency_b=eta_b, visibility=visibility)
    assert point.fidelity == pytest.approx((1 + visibility) / 2, abs=1e-12)
    assert point.success_probability == pytest.approx(eta_a * eta_b / 2)


@given(st.floats(1e-5, 1e-4), st.floats(1e-5, 1e-4), st.floats(1e-9, 1e-7))
def test_few_dark_counts_and_small_efficiencies(eta_a: float, eta_b: float, dark: float) -> None:
    """P = etaA etaB/2 + 2 d (etaA + etaB), to first order in d, and in eta for the second term."""
    point = point_of(efficiency_a=eta_a, efficiency_b=eta_b, dark_count_probability=dark)
    expected = eta_a * eta_b / 2 + 2 * dark * (eta_a + eta_b)
    assert point.success_probability == pytest.approx(expected, rel=1e-3, abs=8.1 * dark**2)


def test_modes_are_attempts_at_the_same_time() -> None:
    one = point_of(**D3)
    many = point_of(**D3, num_multiplexing_modes=7)
    assert many.success_probability == pytest.approx(1 - (1 - one.success_probability) ** 7, rel=1e-14)
    assert (many.fidelity, many.cycle_ns) == (one.fidelity, one.cycle_ns)


def test_both_ends_are_bright_half_of_the_time_and_there_is_nothing_to_set() -> None:
    point = point_of(**D3)
    assert (point.parameter, point.bright) == (0, (0.5, 0.5))


def test_emission_fidelity_is_of_both_ends_or_of_each() -> None:
    assert point_of(**D3, emission_fidelity=0.9).fidelity == pytest.approx(
        point_of(**D3, emission_fidelity_a=0.9, emission_fidelity_b=0.9).fidelity
    )
    with pytest.raises(msgspec.ValidationError, match=r"emission_fidelity is .*, but emission_fidelity_a"):
        point_of(**D3, **EMISSION, emission_fidelity=0.8)


def test_points_are_made_once() -> None:
    first, second = (msgspec.convert(D1, DoubleClickLink).points() for _ in range(2))
    assert first is second

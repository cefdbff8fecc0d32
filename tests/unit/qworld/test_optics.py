"""What click links share: detectors, losses, times, and the checks of their fields."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pytest

from qworld.double_click import DoubleClickLink
from qworld.optics import Clicks, clicks, psi_tensors, transmission
from tests.unit.qworld import modes


def link(**parameters: Any) -> DoubleClickLink:
    return msgspec.convert(parameters, DoubleClickLink)


@pytest.mark.parametrize("kind", ["threshold", "resolving"])
@pytest.mark.parametrize("visibility", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("dark", [0.0, 0.1, 0.5, 1.0])
def test_click_probabilities_are_those_of_optical_modes(kind: Any, visibility: float, dark: float) -> None:
    weights = modes.detector_weights(kind, dark).sum(axis=0)
    vacuum = np.eye(modes.SIZE)[0]
    (first, _), (second, other) = modes.photons()
    one = first @ vacuum
    two = math.sqrt(visibility) * second @ one + math.sqrt(1 - visibility) * other @ one
    found = [weights @ abs(modes.beam_splitter() @ light) ** 2 for light in (vacuum, one, two)]
    assert clicks(kind, dark, visibility) == pytest.approx(Clicks(*found), abs=1e-14)


def test_indistinguishable_photons_leave_together() -> None:
    assert clicks("threshold", 0.0, 1.0).two == 1
    assert clicks("threshold", 0.0, 0.0).two == 0.5
    assert clicks("resolving", 0.0, 1.0).two == 0


def test_psi_states_differ_in_the_sign_of_their_coherence() -> None:
    (plus, minus), *others = psi_tensors(*np.array([[0.1], [-0.2], [-0.9], [0.4]]))
    assert not others
    assert plus[1, 1] == plus[2, 2] == 0.8 == -minus[1, 1] == -minus[2, 2]
    assert (plus[3, 0], plus[0, 3], plus[3, 3], plus[0, 0]) == (0.1, -0.2, -0.9, 1)
    with pytest.raises(ValueError, match="read-only"):
        plus[0, 0] = 2


def test_fibre_of_half_a_kilometre_at_a_quarter_decibel_per_kilometre() -> None:
    assert transmission(0.5, 0.25) == pytest.approx(0.97162795, abs=5e-9)
    assert transmission(0, 5) == 1


def test_budget_is_the_product_of_all_factors_for_each_end_its_own() -> None:
    a, b = link(
        length_km=3,
        length_b_km=2,
        attenuation_db_per_km=5,
        attenuation_a_db_per_km=2,
        efficiency=0.9,
        efficiency_b=0.8,
        emission_probability=0.7,
        collection_efficiency=0.6,
        p_loss_init=0.5,
        p_loss_init_a=0.4,
        detector_efficiency=0.3,
    ).etas()
    assert a == pytest.approx(0.9 * 0.7 * 0.6 * 0.6 * 0.3 * 10**-0.3)
    assert b == pytest.approx(0.8 * 0.7 * 0.6 * 0.5 * 0.3 * 10**-1)


def test_dark_counts_come_at_a_rate_or_with_a_probability() -> None:
    assert link(cycle_ns=1, dark_count_probability=0.25).dark() == 0.25
    by_rate = link(cycle_ns=1, dark_count_rate_hz=2e7, window_ns=50).dark()
    assert by_rate == pytest.approx(1 - math.exp(-1), rel=1e-14)
    # a rate so low that 1 - e^(-x) would lose digits
    assert link(cycle_ns=1, dark_count_rate_hz=20, window_ns=25).dark() == pytest.approx(
        5e-7 - 1.25e-13, rel=1e-12
    )


def test_an_attempt_is_made_ready_and_takes_the_light_to_the_farther_end_and_back() -> None:
    times = {"prep_ns": 1000, "emit_ns": 200, "window_ns": 30, "readout_ns": 4000}
    both = link(length_a_km=10, length_b_km=6, speed_of_light_b_km_per_s=100_000, **times)
    assert both.cycle() == pytest.approx(1230 + 120_000)
    assert both.measure_cycle() == 5200  # no light is waited for
    assert both.points()[0].cycle_ns == both.cycle()
    assert both.points()[0].measure_cycle_ns == both.measure_cycle()


def test_a_length_alone_makes_both_kinds_of_attempt_take_the_light_from_end_to_end() -> None:
    plain = link(length_km=1, speed_of_light_km_per_s=214_000)
    assert plain.cycle() == plain.measure_cycle() == pytest.approx(4672.9, abs=0.05)


def test_a_fixed_cycle_overrides_times_and_lengths() -> None:
    fixed = link(length_km=100, prep_ns=7, cycle_ns=500)
    assert (fixed.cycle(), fixed.measure_cycle()) == (500, 500)
    fixed = link(length_km=100, prep_ns=7, measure_cycle_ns=300)
    assert fixed.cycle() > 500_000
    assert fixed.measure_cycle() == 300


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "cycle_ns is null, and no length or time says how long an attempt takes"),
        ({"length_km": 1, "length_a_km": 1, "length_b_km": 1}, "length_km is 1, but length_a_km and"),
        (
            {"attenuation_db_per_km": 1, "attenuation_a_db_per_km": 1, "attenuation_b_db_per_km": 2},
            "attenuation_db_per_km is 1, but attenuation_a_db_per_km and",
        ),
        ({"cycle_ns": 1, "dark_count_rate_hz": 1}, "window_ns is 0; with dark_count_rate_hz"),
        (
            {"cycle_ns": 1, "dark_count_rate_hz": 1, "window_ns": 1, "dark_count_probability": 0.1},
            "dark_count_rate_hz is 1 beside",
        ),
        ({"cycle_ns": 1, "efficiency": 0}, "efficiency is 0; photons are detected with probability 0 and 0"),
        ({"length_km": 2000}, r"efficiency is 1; photons are detected with probability 1e-25 and 1e-25"),
        ({"cycle_ns": 1, "dark_count_probability": 1}, "efficiency is 1; .*an attempt succeeds with 0"),
        ({"cycle_ns": 1, "visibility": math.nan}, "visibility"),
        ({"cycle_ns": 1, "colour": 1}, "colour"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_the_field_to_blame(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=message):
        link(**parameters)


def test_all_fields_can_be_said_again() -> None:
    for given in ({"length_km": 5}, {"length_a_km": 5, "length_b_km": 6, "efficiency_b": 0.1}):
        made = link(**given)
        assert link(**msgspec.to_builtins(made)) == made

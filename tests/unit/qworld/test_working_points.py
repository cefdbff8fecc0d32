"""Which working points a single-click link offers: one per whole percent of fidelity, the fastest there
is."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qworld.bell import fidelity_to_bell
from qworld.links import BellDiagonalLink
from qworld.single_click import Heralds, SingleClickLink
from tests.unit.qworld.given import as_given

NV_2019 = {
    "efficiency_a": 0.00028,
    "efficiency_b": 0.00042,
    "visibility": 0.9,
    "dark_count_rate_hz": 20,
    "window_ns": 25,
    "phase_uncertainty_deg": 15,
    "double_excitation_probability": 0.04,
    "cycle_ns": 5_500,
    "bright_state_population": 0.1,
}
STEP = 1e-6


def link(**parameters: Any) -> SingleClickLink:
    return msgspec.convert({"cycle_ns": 1000, **parameters}, SingleClickLink)


def at(model: SingleClickLink, alpha: Any, ratio: float = 1.0) -> Heralds:
    """Any population of the first end, with the odds of the second in a fixed ratio."""
    alpha = np.asarray(alpha)
    odds = ratio * alpha / (1 - alpha)
    return model.weights().heralds(alpha, odds / (1 + odds))


def odds_ratio(model: SingleClickLink) -> float:
    alpha_a, alpha_b = model.populations()
    return alpha_b * (1 - alpha_a) / (alpha_a * (1 - alpha_b))


def test_points_of_the_nv_set_have_their_check_values() -> None:
    model = link(**NV_2019)
    default, *others = model.points()
    assert default.parameter == 100_000
    assert default.fidelity == as_given("0.81219973")
    by_percent = {math.floor(100 * point.fidelity): point for point in others}
    assert sorted(by_percent) == list(range(1, 85))  # the peak is at 84.869960 %
    assert by_percent[80].parameter == 115_165
    assert at(model, np.array([0.1151650])).fidelity[0] == as_given("0.8000000")
    peak = at(model, np.array([0.0363980]))
    assert peak.fidelity[0] == as_given("0.84869960")
    around = at(model, np.array([0.0363980 - 1e-4, 0.0363980 + 1e-4])).fidelity
    assert (around < peak.fidelity[0]).all()


def test_each_point_reaches_its_percent_and_the_next_setting_does_not() -> None:
    model = link(**NV_2019)
    for point in model.points()[1:]:
        percent = math.floor(100 * point.fidelity) / 100
        assert point.fidelity >= percent
        assert at(model, [point.parameter * STEP + STEP]).fidelity[0] < percent


def test_more_fidelity_costs_rate_and_a_lower_setting() -> None:
    points = sorted(link(**NV_2019).points(), key=lambda point: point.parameter)
    assert len({point.parameter for point in points}) == len(points) == 85
    fidelities = [point.fidelity for point in points]
    assert fidelities == sorted(fidelities, reverse=True)
    rates = [point.success_probability for point in points]
    assert rates == sorted(rates)


def test_point_is_that_of_the_rounded_population() -> None:
    model = link(**NV_2019)
    for point in model.points():
        alpha = point.parameter * STEP
        found = at(model, [alpha])
        assert point.bright == pytest.approx((alpha, alpha), abs=1e-15)
        assert point.success_probability == pytest.approx(found.probability[0], rel=1e-12)
        assert point.fidelity == pytest.approx(found.fidelity[0], abs=1e-12)


def test_configured_population_is_taken_to_a_millionth() -> None:
    fine = link(**{**NV_2019, "bright_state_population": 1 / 3}).points()[0]
    coarse = link(**{**NV_2019, "bright_state_population": 0.333333}).points()[0]
    assert (fine.parameter, fine.fidelity) == (333_333, coarse.fidelity)


def test_configured_populations_set_the_balance_of_all_points() -> None:
    model = link(
        **{**NV_2019, "bright_state_population": None},
        bright_state_population_a=0.06,
        bright_state_population_b=0.04,
    )
    default, *others = model.points()
    assert default.parameter == 60_000
    assert default.bright == pytest.approx((0.06, 0.04), abs=1e-12)
    ratio = odds_ratio(model)
    for point in others:
        a, b = point.bright
        assert a == point.parameter / 1_000_000
        assert b / (1 - b) == pytest.approx(ratio * a / (1 - a))


@pytest.mark.parametrize("percent", [75, 80, 84])
def test_balanced_brightness_is_faster_than_equal_populations_where_fidelity_is_high(percent: int) -> None:
    """Populations whose odds are inverse to the efficiencies make both photons equally likely."""
    balanced = {**NV_2019, "bright_state_population": None, "bright_state_population_b": 0.05}
    odds = 0.42 / 0.28 * 0.05 / 0.95
    balanced["bright_state_population_a"] = odds / (1 + odds)

    def rate(parameters: dict[str, Any]) -> float:
        return max(
            point.success_probability
            for point in link(**parameters).points()
            if point.fidelity >= percent / 100
        )

    assert rate(NV_2019) < rate(balanced) < 1.15 * rate(NV_2019)


sets = st.fixed_dictionaries(
    {
        "bright_state_population_a": st.floats(0.01, 0.99),
        "bright_state_population_b": st.floats(0.01, 0.99),
        "efficiency_a": st.floats(1e-5, 1),
        "efficiency_b": st.floats(1e-5, 1),
        "dark_count_probability": st.sampled_from([0.0, 1e-7, 1e-4, 1e-2, 0.1]),
        "visibility": st.floats(0, 1),
        "model": st.sampled_from(["exact", "feu", "experiment"]),
        "sideband_veto_probability": st.floats(0, 1),
        "depolarise": st.floats(0, 0.3),
    }
)


@given(sets)
@settings(max_examples=60, deadline=None)
def test_no_population_reaches_a_percent_at_a_higher_rate(parameters: dict[str, Any]) -> None:
    model = link(**parameters)
    points = model.points()
    assert len({point.parameter for point in points}) == len(points)
    odds = np.geomspace(1e-6, 1e6, 4001)
    steps = np.unique(np.clip(np.round(1e6 * odds / (1 + odds)), 1, 999_999))
    found = at(model, steps / 1e6, odds_ratio(model))
    for percent in range(1, 100):
        wanted = percent / 100
        reached = found.probability[(found.fidelity >= wanted + 1e-12) & (found.probability >= 1e-15)]
        if len(reached):
            offered = [point.success_probability for point in points if point.fidelity >= wanted]
            assert max(offered) >= reached.max() * (1 - 1e-9)


def test_nothing_is_offered_above_the_peak() -> None:
    best = max(point.fidelity for point in link(**NV_2019).points())
    assert 0.84 <= best < 0.8486996


def test_dark_counts_alone_reach_little() -> None:
    points = link(**{**NV_2019, "dark_count_rate_hz": 1e6}).points()
    assert max(point.fidelity for point in points) < 0.55
    assert points[0].parameter == 100_000


def test_points_are_made_once_for_equal_links() -> None:
    first, second = (link(**NV_2019).points() for _ in range(2))
    assert first is second


def test_bell_diagonal_link_leaves_its_mixture_and_calls_it_phi_plus() -> None:
    (point,) = BellDiagonalLink(weights=(0.6, 0.3, 0.1, 0.0), cycle_ns=7.0).points()
    assert (point.fidelity, point.success_probability, point.cycle_ns) == (0.6, 1.0, 7.0)
    bell, tensor = point.herald(0.95)
    assert bell == 0
    assert [fidelity_to_bell(tensor, k) for k in range(4)] == pytest.approx([0.6, 0.3, 0.1, 0.0])
    with pytest.raises(ValueError, match="sum to"):
        BellDiagonalLink(weights=(0.6, 0.3, 0.3, 0.0), cycle_ns=7.0)

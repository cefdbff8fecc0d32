"""Parameter sets of click links: each makes a model, says where its numbers come from, and gives what was
published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from qworld.links import KINDS
from qworld.working_point import WorkingPoint
from tests.unit.qworld.given import as_given

FOLDER = Path(__file__).parents[3] / "configs" / "links"
CLICK_SETS = sorted(path.stem for path in FOLDER.glob("*_click_*.yaml"))


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text("utf-8"))
    return found


def default(name: str) -> WorkingPoint:
    found = read(name)
    return msgspec.convert(found["parameters"], KINDS[found["kind"]], strict=False).points()[0]


def test_sets_are_there() -> None:
    assert CLICK_SETS == [
        "double_click_colour_centre",
        "double_click_ion",
        "single_click_nv_2019",
        "single_click_nv_2019_10_km",
        "single_click_nv_2021",
    ]


@pytest.mark.parametrize("name", CLICK_SETS)
def test_set_builds_a_model_and_names_the_source_of_every_number(name: str) -> None:
    found = read(name)
    assert sorted(found) == ["about", "kind", "parameters", "sources"]
    assert found["about"].endswith(".")
    assert [key for key in found["sources"] if key not in found["parameters"]] == ["default"]
    point = default(name)
    assert point.fidelity > 0.5
    assert point.cycle_ns / point.success_probability < 60e9  # no slower than a minute a pair


@pytest.mark.parametrize(
    ("name", "probability", "fidelity"),
    [
        ("double_click_colour_centre", "1.2307238e-7", "0.94830900"),
        ("double_click_ion", "5.8212668e-3", "0.94433166"),
        ("single_click_nv_2019", "7.099866e-5", "0.81219973"),
    ],
)
def test_published_sets_give_their_check_values(name: str, probability: str, fidelity: str) -> None:
    point = default(name)
    assert point.success_probability == as_given(probability)
    assert point.fidelity == as_given(fidelity)


def test_set_that_nobody_verified_says_so() -> None:
    found = read("single_click_nv_2021")
    assert "unverified" in found["about"] and "unverified" in found["sources"]["default"]


def test_example_over_fibre_is_the_laboratory_with_light_on_its_way() -> None:
    near, far = default("single_click_nv_2019"), default("single_click_nv_2019_10_km")
    assert far.cycle_ns == pytest.approx(near.cycle_ns + 10 / 206_753 * 1e9)
    assert far.measure_cycle_ns == pytest.approx(5_475)
    kept = 0.3 * 10 ** (-0.5 * 5 / 10)
    assert far.success_probability == pytest.approx(kept * near.success_probability, rel=0.1)
    assert far.fidelity < near.fidelity

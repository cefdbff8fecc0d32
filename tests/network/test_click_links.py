"""Links that interfere photons, sampled: outcomes, times and heralds of whole runs follow the model.

Two generic nodes without noise, an OS without costs; all tolerances are 4 sigma.
"""

from __future__ import annotations

import math
from typing import Any

import pytest

import qnos
from cnpu import Node
from qnos.loading import load_network
from qnos.noise import effective_noise
from qnos.testing import assert_within
from qworld.working_point import WorkingPoint

Values = dict[str, Any]

LINKS: dict[str, Values] = {
    "single": {
        "kind": "single_click",
        "bright_state_population_a": 0.2,
        "bright_state_population_b": 0.1,
        "efficiency_a": 0.4,
        "efficiency_b": 0.6,
        "dark_count_probability": 0.02,
        "visibility": 0.8,
        "phase_uncertainty_deg": 20,
        "prep_ns": 3_000,
        "readout_ns": 1_000,
        "length_km": 2,
        "attenuation_db_per_km": 1,
    },
    "double": {
        "kind": "double_click",
        "efficiency_a": 0.6,
        "efficiency_b": 0.3,
        "dark_count_probability": 0.02,
        "visibility": 0.8,
        "emission_fidelity": 0.98,
        "prep_ns": 3_000,
        "readout_ns": 1_000,
        "length_km": 2,
        "attenuation_db_per_km": 1,
    },
}
PAIRS = 400  # in one request


def network(link: str, reverse: bool = False, **changes: Any) -> Values:
    device = {"kind": "generic", "num_qubits": 2, "t1_ns": 0, "t2_ns": 0, "two_qubit_gate_depolarise": 0}
    device |= {"init_ns": 0, "single_qubit_gate_ns": 0, "two_qubit_gate_ns": 0, "measure_ns": 0}
    ends = ["bob", "alice"] if reverse else ["alice", "bob"]
    return {
        "os": {"preset": "ideal", **changes},
        "nodes": [{"name": name, "device": device} for name in ("alice", "bob")],
        "links": [{"nodes": ends, **LINKS[link]}],
    }


def default(link: str) -> WorkingPoint:
    return load_network(network(link)).links[0].model.points()[0]


@pytest.mark.parametrize("link", LINKS)
def test_error_rates_are_those_of_the_state(link: str) -> None:
    """N = 1500, seed 1. Delivered is |Phi+>: a flip of one half turns the signs of YY and ZZ of |Psi+>."""
    _, _, psi_plus = default(link).outcomes[0]
    metrics = qnos.run("bell_pair", network(link), shots=1500, seed=1).metrics
    assert metrics["fidelity"].expected is None
    assert_within(metrics["error_x"], (1 - psi_plus[1, 1]) / 2)
    assert_within(metrics["error_y"], (1 - psi_plus[2, 2]) / 2)
    assert_within(metrics["error_z"], (1 + psi_plus[3, 3]) / 2)
    assert_within(metrics["fidelity"], default(link).fidelity)


async def _create(node: Node, keep: bool) -> Values:
    start_ns = node.now_ns
    if keep:

        def measure(node: Node, qubit: Any, index: Any) -> None:
            qubit.measure()

        node.epr("bob").create_keep(PAIRS, sequential=True, post_routine=measure)
        await node.flush()
        return {"ns": node.now_ns - start_ns}
    pairs = node.epr("bob").create_measure(PAIRS)
    await node.flush()
    return {
        "ns": node.now_ns - start_ns,
        "bits": [int(pair.measurement_outcome) for pair in pairs],
        "bells": [int(pair.bell_state) for pair in pairs],
    }


async def _take_part(node: Node, keep: bool) -> Values:
    if keep:

        def measure(node: Node, qubit: Any, index: Any) -> None:
            qubit.measure()

        node.epr("alice").recv_keep(PAIRS, sequential=True, post_routine=measure)
        await node.flush()
        return {}
    pairs = node.epr("alice").recv_measure(PAIRS)
    await node.flush()
    return {"bits": [int(pair.measurement_outcome) for pair in pairs]}


ROLES = {"alice": _create, "bob": _take_part}


def run(network: Values, keep: bool, shots: int, seed: int) -> dict[str, dict[str, list[Any]]]:
    inputs = {role: {"keep": keep} for role in ROLES}
    result = qnos.run(ROLES, network, shots=shots, seed=seed, inputs=inputs)
    assert not result.errors
    return result.results  # type: ignore[return-value]


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("keep", [True, False])
def test_mean_time_of_a_pair_is_the_cycle_over_the_success_probability(link: str, keep: bool) -> None:
    """N = 10 * 400, seed 2. A geometric number of attempts has variance (1-P)/P^2."""
    point = default(link)
    cycle_ns = point.cycle_ns if keep else point.measure_cycle_ns
    p = point.success_probability
    times_ns = run(network(link), keep, shots=10, seed=2)["alice"]["ns"]
    pairs = PAIRS * len(times_ns)
    sigma = cycle_ns * math.sqrt((1 - p) / pairs) / p
    assert sum(times_ns) / pairs == pytest.approx(cycle_ns / p, abs=4 * sigma)


@pytest.mark.parametrize("link", LINKS)
def test_measuring_at_once_waits_for_no_light(link: str) -> None:
    point = default(link)
    assert point.measure_cycle_ns == 4_000
    assert point.cycle_ns == pytest.approx(3_000 + 10_000)


@pytest.mark.parametrize("link", LINKS)
def test_both_bell_states_are_heralded_equally_often(link: str) -> None:
    """N = 10 * 400, seed 3; uncorrected, so that a program is told which."""
    found = run(network(link, qnpu={"correcting_side": "none"}), keep=False, shots=10, seed=3)
    bells = [bell for shot in found["alice"]["bells"] for bell in shot]
    assert sorted(dict.fromkeys(bells)) == [1, 2]
    assert abs(bells.count(1) - len(bells) / 2) < 4 * math.sqrt(len(bells)) / 2


@pytest.mark.parametrize("reverse", [False, True])
def test_first_axis_of_the_state_is_the_node_named_first(reverse: bool) -> None:
    """N = 10 * 400, seed 4: how often each half of an uncorrected pair is 1, whichever way the link is
    written."""
    _, _, psi_plus = default("single").outcomes[0]
    described = network("single", reverse, qnpu={"correcting_side": "none"})
    found = run(described, keep=False, shots=10, seed=4)
    ends = ("bob", "alice") if reverse else ("alice", "bob")
    expected = [(1 - psi_plus[3, 0]) / 2, (1 - psi_plus[0, 3]) / 2]
    assert expected[0] - expected[1] > 0.05  # the first end is the brighter one
    for role, p in zip(ends, expected, strict=True):
        bits = [bit for shot in found[role]["bits"] for bit in shot]
        assert sum(bits) / len(bits) == pytest.approx(p, abs=4 * math.sqrt(p * (1 - p) / len(bits)))


async def _ask(node: Node, percent: int) -> Values:
    node.epr("bob", min_fidelity=percent).create_measure()
    await node.flush()
    return {}


async def _answer(node: Node) -> Values:
    node.epr("alice").recv_measure()
    await node.flush()
    return {}


def test_fidelity_above_the_peak_is_refused() -> None:
    points = load_network(network("single")).links[0].model.points()
    highest = math.floor(100 * max(point.fidelity for point in points))

    roles, inputs = {"alice": _ask, "bob": _answer}, {"alice": {"percent": highest + 1}}
    result = qnos.run(roles, network("single"), shots=1, inputs=inputs)
    assert any(f"minimum fidelity {highest + 1} % is out of reach" in str(error) for error in result.errors)


def test_noise_in_force_names_what_the_default_gives_and_what_can_be_asked_for() -> None:
    *_, line = effective_noise(load_network(network("single")))
    assert line == (
        "alice-bob: pairs of fidelity 0.628723, one in 92.41 us on average; up to 0.64 on request"
    )
    *_, line = effective_noise(load_network(network("double")))
    assert line.startswith("alice-bob: pairs of fidelity 0.")
    assert "on request" not in line


def test_visibility_can_be_swept() -> None:
    """N = 300 each, seed 1: the fidelities differ by 0.25, more than 6 sigma."""
    table = qnos.sweep("bell_pair", network("double"), {"links.*.visibility": [0.2, 0.9]}, shots=300, seed=1)
    low, high = (record["fidelity"] for record in table.records())
    assert low < high - 0.1


async def _create_at(node: Node, percent: int, pairs: int) -> Values:
    start_ns = node.now_ns
    made = node.epr("bob", min_fidelity=percent).create_measure(pairs)
    await node.flush()
    return {"ns": node.now_ns - start_ns, "bits": [int(pair.measurement_outcome) for pair in made]}


async def _receive_at(node: Node, pairs: int) -> Values:
    made = node.epr("alice").recv_measure(pairs)
    await node.flush()
    return {"bits": [int(pair.measurement_outcome) for pair in made]}


@pytest.mark.parametrize("percent", [60, 64, 100])
def test_requested_fidelity_chooses_the_working_point(percent: int) -> None:
    """N = 10 * 400, seed 5: the pairs and their rate are those of the fastest point that is good enough, and
    the default's if nothing (100) is asked."""
    described = network("single")
    points = load_network(described).links[0].model.points()
    point = points[0]
    if percent < 100:
        good = [at for at in points if at.fidelity >= percent / 100]
        point = max(good, key=lambda at: at.success_probability)
        assert point is not points[0]
    inputs = {"alice": {"percent": percent, "pairs": PAIRS}, "bob": {"pairs": PAIRS}}
    roles = {"alice": _create_at, "bob": _receive_at}
    result = qnos.run(roles, described, shots=10, seed=5, inputs=inputs)
    assert not result.errors
    found: Any = result.results
    p = point.success_probability
    pairs = 10 * PAIRS
    sigma = point.measure_cycle_ns * math.sqrt((1 - p) / pairs) / p
    assert sum(found["alice"]["ns"]) / pairs == pytest.approx(point.measure_cycle_ns / p, abs=4 * sigma)
    equal = sum(
        a == b
        for shot_a, shot_b in zip(found["alice"]["bits"], found["bob"]["bits"], strict=True)
        for a, b in zip(shot_a, shot_b, strict=True)
    )
    _, _, psi_plus = point.outcomes[0]
    agree = (1 - psi_plus[3, 3]) / 2  # delivered as |Phi+>: one of the bits is flipped
    assert equal / pairs == pytest.approx(agree, abs=4 * math.sqrt(agree * (1 - agree) / pairs))

"""Local gate tomography: the transfer matrix of one gate on one node."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import pytest

import qnos
from qnos.testing import assert_within
from qruntime.errors import ConfigError

ELEMENTS = ["r_" + q + p for q, p in product("xyz", repeat=2)]
ALONE: dict[str, Any] = {
    "os": "ideal",
    "nodes": [
        {
            "name": "alone",
            "device": {"kind": "generic", "num_qubits": 1, "t1_ns": 0, "t2_ns": 0},
        }
    ],
}


@pytest.mark.parametrize(
    ("axis", "angle", "ideal"),
    [
        ("X", math.pi / 2, {"r_xx": 1, "r_zy": 1, "r_yz": -1}),
        ("Y", math.pi / 2, {"r_yy": 1, "r_xz": 1, "r_zx": -1}),
        ("Z", -math.pi / 2, {"r_zz": 1, "r_xy": 1, "r_yx": -1}),
        ("Z", math.pi, {"r_zz": 1, "r_xx": -1, "r_yy": -1}),
    ],
)
def test_noiseless_gate_turns_the_bloch_sphere_about_its_axis(
    axis: str, angle: float, ideal: dict[str, float]
) -> None:
    """N = 900, seed 1, 4 sigma: elements of 1 and -1 without exception, the others 0 in the mean."""
    inputs = {"tomographer": {"axis": axis, "angle": angle}}
    result = qnos.run("lgt", ALONE, shots=900, seed=1, inputs=inputs)
    assert not result.errors
    for element in ELEMENTS:
        metric = result.metrics[element]
        assert metric.n > 50
        assert metric.expected == pytest.approx(ideal.get(element, 0), abs=1e-12)
        if element in ideal:
            assert metric.mean == ideal[element]
        else:
            assert_within(metric)
    assert result.metrics["process_fidelity"].expected == pytest.approx(1)
    assert_within(result.metrics["process_fidelity"])


def test_angle_that_is_no_simple_fraction_of_pi() -> None:
    """N = 3000, seed 2, 4 sigma."""
    inputs = {"tomographer": {"axis": "Y", "angle": 0.7}}
    metrics = qnos.run("lgt", ALONE, shots=3000, seed=2, inputs=inputs).metrics
    assert metrics["r_xx"].expected == pytest.approx(math.cos(0.7), abs=1e-4)
    assert metrics["r_xz"].expected == pytest.approx(math.sin(0.7), abs=1e-4)
    assert metrics["r_zx"].expected == pytest.approx(-math.sin(0.7), abs=1e-4)
    for metric in metrics.values():
        assert_within(metric)


def test_readout_error_shrinks_every_element_alike() -> None:
    """N = 3000, seed 3, 4 sigma: by 1 - e0 - e1; the offset averages out over the sign of the state."""
    values = {"nodes.0.device.readout_error_0": 0.1, "nodes.0.device.readout_error_1": 0.04}
    metrics = qnos.run("lgt", ALONE, shots=3000, seed=3, values=values).metrics
    assert metrics["r_xx"].expected == pytest.approx(0.86)
    assert metrics["r_yz"].expected == pytest.approx(-0.86)
    assert metrics["process_fidelity"].expected == pytest.approx((1 + 3 * 0.86) / 4)
    for metric in metrics.values():
        assert_within(metric)


def test_every_gate_of_the_sequence_depolarises() -> None:
    """N = 3000, seed 4, 4 sigma.

    About Z, states of Z see the rotation, after an X gate for one of the two: (1-p)(2-p)/2. For those of X
    there are two H gates more.
    """
    p = 0.1
    values = {"nodes.0.device.single_qubit_gate_depolarise": p}
    inputs = {"tomographer": {"axis": "Z", "angle": math.pi}}
    metrics = qnos.run("lgt", ALONE, shots=3000, seed=4, values=values, inputs=inputs).metrics
    assert metrics["r_zz"].expected == pytest.approx((1 - p) * (2 - p) / 2)
    assert metrics["r_xx"].expected == pytest.approx(-((1 - p) ** 3) * (2 - p) / 2)
    for metric in metrics.values():
        assert_within(metric)


def test_idle_times_between_the_operations_count() -> None:
    """N = 4000, seed 5, 4 sigma: an OS that takes 90 us per gate and 280 us per measurement, memories of
    T1 = 2 ms and T2 = 1 ms.

    One element is worked out by hand.
    """
    values = {"os": "qnodeos", "nodes.0.device.t1_ns": 2e6, "nodes.0.device.t2_ns": 1e6}
    inputs = {"tomographer": {"axis": "Z", "angle": math.pi / 2}}
    metrics = qnos.run("lgt", ALONE, shots=4000, seed=5, values=values, inputs=inputs).metrics
    # |+> is H after a reset, |-> has an X before and loses population of |1> while H is on its way. H ends
    # 1 us after its issue, the rotation follows after 89 us of idling, then K after 89 us more, and 279 us
    # later the measurement of what is a state of Z by then.
    plus, minus = 1, 2 * math.exp(-89e3 / 2e6) - 1
    element = math.exp(-2 * 89e3 / 1e6) * math.exp(-279e3 / 2e6) * (plus + minus) / 2
    assert metrics["r_yx"].expected == pytest.approx(element)
    for metric in metrics.values():
        assert_within(metric)


def test_same_seed_gives_same_results() -> None:
    one, two, other = (qnos.run("lgt", ALONE, shots=50, seed=seed).results for seed in (6, 6, 7))
    assert one == two != other


def test_bad_inputs_are_refused_with_what_is_allowed() -> None:
    (error,) = qnos.run("lgt", ALONE, shots=1, inputs={"tomographer": {"axis": "XY"}}).errors
    assert "axis is 'XY'; allowed: X, Y, Z" in error.message
    with pytest.raises(
        ConfigError, match="input angle of role tomographer is 'steep'; allowed: finite float"
    ):
        qnos.run("lgt", ALONE, inputs={"tomographer": {"angle": "steep"}})

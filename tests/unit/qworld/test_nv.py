"""NV centres: how attempts dephase carbons, and what a wrong charge state does."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qdriver.nv import CarbonConfig, NvConfig
from qruntime.qdevice import DeviceOp, OpCode
from qruntime.rng import Stream, Streams
from qworld.engine import Engine
from qworld.nv import NvDevice, bright_dephasing

QUIET = {
    "electron_t1_ns": 0, "electron_t2_ns": 0, "carbon_t1_ns": 0, "carbon_t2_ns": 0,
    "electron_init_depolarise": 0, "carbon_init_depolarise": 0, "carbon_rot_xy_depolarise": 0,
    "carbon_rot_z_depolarise": 0, "electron_carbon_depolarise": 0, "readout_error_0": 0,
    "readout_error_1": 0,
}  # fmt: skip


# Coupling in kHz, spread of the reset in ns; p and the number of attempts after which 1/e of the coherence is
# left, for a bright-state population of 0.1 and of 0.5.
@pytest.mark.parametrize(
    ("khz", "ns", "p_tenth", "n_tenth", "p_half", "n_half"),
    [
        (377, 263, 8.8194e-3, 56.2, 4.4097e-2, 10.8),
        (62, 837, 2.5885e-3, 192.7, 1.2942e-2, 38.1),
        (77, 640, 2.3403e-3, 213.1, 1.1702e-2, 42.2),
        (77, 163, 1.5523e-4, 3220.5, 7.7616e-4, 643.7),
    ],
)
def test_dephasing_per_attempt_is_that_of_the_published_couplings(
    khz: float, ns: float, p_tenth: float, n_tenth: float, p_half: float, n_half: float
) -> None:
    """After Kalb et al., Phys. Rev. A 97, 062330 (2018); to the digits given."""
    per_population = bright_dephasing(khz * 1e3, ns)
    for alpha, p, n in ((0.1, p_tenth, n_tenth), (0.5, p_half, n_half)):
        found = alpha * per_population
        assert found == pytest.approx(p, rel=6e-5)
        assert -1 / math.log(1 - 2 * found) == pytest.approx(n, abs=0.051)
        assert (1 - math.exp(-1 / n)) / 2 == pytest.approx(found, rel=5e-3)


def test_without_coupling_or_spread_attempts_do_nothing() -> None:
    assert bright_dephasing(0, 500) == bright_dephasing(77e3, 0) == 0
    assert bright_dephasing(1e9, 1e9) == 0.5, "at most complete dephasing of the bright part"


def device(**parameters: object) -> NvDevice:
    return NvDevice(NvConfig(**(QUIET | parameters)), Engine())  # type: ignore[arg-type]


def stream() -> Stream:
    return Streams(1).stream("any", 0)


def plus(model: NvDevice, place: int, at_ns: int) -> int:
    """|+> in a place; when it is there."""
    at_ns, _ = model.operate(DeviceOp(OpCode.INIT, at_ns, "init", place), stream())
    at_ns, _ = model.operate(DeviceOp(OpCode.ONE_QUBIT, at_ns, "rot_y", place, -1, 8, 4), stream())
    return at_ns


def coherence(model: NvDevice, place: int) -> complex:
    held = model.qubits[place]
    assert held is not None
    found: complex = model.engine.density_matrix([held])[0, 1]
    return found


def test_attempts_dephase_each_carbon_at_its_own_rate_and_never_the_electron() -> None:
    model = device(
        num_qubits=5,
        carbon_coupling_hz=77e3,
        electron_reset_time_ns=163,
        carbon_attempt_dephasing=0.001,
        carbons=(
            CarbonConfig(coupling_hz=0),
            CarbonConfig(attempt_dephasing=0),
            CarbonConfig(coupling_hz=62e3),
        ),
    )
    at_ns = 0
    for place in range(5):
        at_ns = plus(model, place, at_ns)
    model.after_attempts(250, 0.1)
    own, weak = (0.1 * bright_dephasing(hz, 163) for hz in (77e3, 62e3))
    for place, p in enumerate((0, 0.001, own, 0.001 + weak, 0.001 + own)):
        assert coherence(model, place) == pytest.approx(0.5 * (1 - 2 * p) ** 250, abs=1e-12)
    model.after_attempts(1, 0.5)
    assert coherence(model, 1) == pytest.approx(0.5 * (1 - 2 * 0.001) ** 251, abs=1e-12)


def test_populations_survive_any_number_of_attempts() -> None:
    model = device(num_qubits=2, carbon_attempt_dephasing=0.3)
    plus(model, 1, 0)
    model.after_attempts(10**9, 0.5)
    held = model.qubits[1]
    assert held is not None
    assert np.allclose(model.engine.density_matrix([held]), np.eye(2) / 2, atol=1e-12)


def test_ionised_centre_does_not_turn_and_reads_as_often_1_as_said() -> None:
    """N = 4000, 4 sigma: after a full flip, with a coin that gives 1 in 30 %."""
    model = device(num_qubits=2, ionised_probability=1, ionised_reads_one=0.3)
    draws = stream()
    model.begin_shot(lambda purpose: Streams(3).stream(purpose, 0))
    assert not model.can_herald
    at_ns, ones = 0, 0
    for _ in range(4000):
        at_ns, _ = model.operate(DeviceOp(OpCode.INIT, at_ns, "init", 0), draws)
        at_ns, _ = model.operate(DeviceOp(OpCode.ONE_QUBIT, at_ns, "rot_x", 0, -1, 16, 4), draws)
        at_ns, _ = model.operate(DeviceOp(OpCode.TWO_QUBIT, at_ns, "crot_x", 0, 1, 16, 4), draws)
        at_ns, response = model.operate(DeviceOp(OpCode.MEASURE, at_ns, "measure", 0), draws)
        ones += response - 8 > 0
    assert abs(ones - 1200) < 4 * math.sqrt(4000 * 0.3 * 0.7)
    held = model.qubits[1]
    assert held is not None
    assert model.engine.probability_one(held) == pytest.approx(0, abs=1e-12)
    model.begin_shot(lambda purpose: Streams(3).stream(purpose, 0))
    sound = device(ionised_probability=0)
    sound.begin_shot(lambda purpose: Streams(3).stream(purpose, 0))
    assert sound.can_herald

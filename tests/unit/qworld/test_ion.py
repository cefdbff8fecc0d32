"""The ion device on its own: operations on all ions, their noise, readout, and dephasing of a whole trap."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np
import pytest

from qdriver.ion import IonConfig
from qruntime.qdevice import DeviceOp, OpCode, Response
from qruntime.rng import Stream
from qworld.bell import bell_tensor
from qworld.engine import Engine, Qubit
from qworld.ion import IonDevice
from tests.unit.qworld.dense import SX, SY, SZ, Array, Dense, depolarising_kraus, exponential

NOISY = IonConfig(num_qubits=4, t2_ns=0, rot_z_depolarise=0.02, all_ion_depolarise=0.1, ms_depolarise=0.07)
QUIET = IonConfig(num_qubits=4, t2_ns=0, rot_z_depolarise=0, all_ion_depolarise=0, ms_depolarise=0)
T_NS, WAIT_NS = 85_000_000, 40_000_000


def op(kind: int, gate: str, start: int, qubit: int = -1, n: int = 0, d: int = 0) -> DeviceOp:
    return DeviceOp(kind, start, gate, qubit, -1, n, d, -1)


def trap(config: IonConfig = QUIET, ions: int = 3) -> IonDevice:
    device = IonDevice(config, Engine())
    for place in range(ions):
        assert device.operate(op(OpCode.INIT, "init", 0, place), Stream(0))[1] == Response.SUCCESS_ZERO
    return device


def matrix(device: IonDevice, *places: int) -> Array:
    held = [device.qubits[place] for place in places]
    return device.engine.density_matrix([q for q in held if q is not None])


@pytest.mark.parametrize("gate", ["rot_x_all", "rot_y_all", "rot_z_all", "bichromatic"])
def test_operation_on_all_ions_is_that_of_the_definition_with_noise_on_each(gate: str) -> None:
    """exp(-i t/2 S) and exp(-i t/4 S^2) of three ions that are not in a product state, then D_p."""
    device = trap(NOISY)
    dense = Dense()
    dense.add([0, 1, 2], np.diag([1.0] + [0] * 7).astype(complex))
    now = 36_000
    for name, n, d, p in [("rot_y_all", 5, 4, 0.1), ("bichromatic", 3, 3, 0.07), (gate, 7, 3, 0.1)]:
        p = 0.07 if name == "bichromatic" else p
        now, response = device.operate(op(OpCode.ALL_QUBITS, name, now, n=n, d=d), Stream(0))
        assert response == Response.SUCCESS_ZERO
        axis = SX if name == "bichromatic" else {"x": SX, "y": SY, "z": SZ}[name[4]]
        spin = sum(dense.embed(axis, [k]) for k in range(3))
        generator = spin @ spin / 4 if name == "bichromatic" else spin / 2
        dense.kraus([exponential(n * math.pi / 2**d * generator)], [0, 1, 2])
        for k in range(3):
            dense.kraus(depolarising_kraus(p), [k])
    assert np.abs(matrix(device, 0, 1, 2) - dense.rho).max() < 1e-12
    assert now == 36_000 + 3 * 107_000


def test_interaction_of_two_ions_makes_the_published_state() -> None:
    """MS(pi/2, 0) |00> = (|00> - i |11>)/sqrt2 up to phase."""
    device = trap(ions=2)
    device.operate(op(OpCode.ALL_QUBITS, "bichromatic", 36_000, n=1, d=1), Stream(0))
    vector = np.array([1, 0, 0, -1j]) / math.sqrt(2)
    assert np.abs(matrix(device, 0, 1) - np.outer(vector, vector.conj())).max() < 1e-12


def test_operations_on_all_ions_wait_their_turn_and_resets_run_together() -> None:
    device = trap()
    assert device.busy_ns == 36_000
    early = device.operate(op(OpCode.ALL_QUBITS, "rot_x_all", 35_999, n=1), Stream(0))
    assert early[1] == Response.HARDWARE_FAILURE
    assert (
        device.operate(op(OpCode.ALL_QUBITS, "rot_x", 36_000, n=1), Stream(0))[1]
        == Response.UNSUPPORTED_REQUEST
    )
    assert (
        device.operate(op(OpCode.ONE_QUBIT, "rot_x", 36_000, 0, n=1), Stream(0))[1]
        == Response.UNSUPPORTED_REQUEST
    )
    assert np.abs(matrix(device, 0) - np.diag([1, 0])).max() == 0


def test_interaction_of_more_than_the_engine_holds_changes_nothing() -> None:
    device = IonDevice(IonConfig(num_qubits=4, t2_ns=0), Engine(max_group=3))
    for place in range(4):
        device.operate(op(OpCode.INIT, "init", 0, place), Stream(0))
    refused = device.operate(op(OpCode.ALL_QUBITS, "bichromatic", 36_000, n=1, d=1), Stream(0))
    assert refused == (36_000, Response.SIMULATION_LIMIT)
    assert all(q is not None and q.group is None for q in device.qubits)
    assert device.busy_ns == 36_000


@pytest.mark.parametrize(("e0", "e1"), [(1.0, 1.0), (0.3, 0.6)])
def test_faulty_readout_is_right_and_misreported(e0: float, e1: float) -> None:
    """The ion is in the basis state that was found, whatever is reported."""
    device = trap(IonConfig(num_qubits=3, t2_ns=0, readout_error_0=e0, readout_error_1=e1))
    now = device.busy_ns
    stream = Stream(3)
    for _ in range(20):
        now, _ = device.operate(op(OpCode.ALL_QUBITS, "rot_y_all", now, n=1, d=1), stream)
        now, response = device.operate(op(OpCode.MEASURE, "measure", now, 1), stream)
        state = matrix(device, 1)
        found = round(state[1, 1].real)
        assert abs(state[found, found] - 1) < 1e-12
        if e0 == 1.0:
            assert (response == Response.SUCCESS_ONE) == (found == 0)


# --- dephasing of a whole trap ----------------------------------------


class Fixed(Stream):
    """A stream that gives one number."""

    def __init__(self, u: float) -> None:
        super().__init__(0)
        self._u = u

    def uniform(self) -> float:
        return self._u


def fixed(u: float) -> Callable[[str], Stream]:
    def stream(purpose: str) -> Stream:
        assert purpose == "dephasing"
        return Fixed(u)

    return stream


COLLECTIVE = IonConfig(num_qubits=2, t2_ns=T_NS, dephasing="collective")
SHOTS = 2000


def after(traps: Sequence[int], bell: int | None) -> Array:
    """The mean state after waiting, over shots whose deviations are the quantiles of the normal law.

    `traps` has the trap of each ion; `bell` the state of two, None for one ion in |+>.
    """
    total: Array = np.zeros((2 if bell is None else 4,) * 2, dtype=complex)
    count = len(set(traps))
    shots = SHOTS if count == 1 else 160
    shares = [(k + 0.5) / shots for k in range(shots)]
    engine = Engine()
    devices = [IonDevice(COLLECTIVE, engine) for _ in range(count)]
    for draws in ((u, v) for u in shares for v in (shares if count == 2 else [0.5])):
        engine.clear()
        for device, u in zip(devices, draws, strict=False):
            device.reset()
            device.begin_shot(fixed(u))
        idles = [devices[k].idle(0) for k in traps]
        qubits: tuple[Qubit, ...]
        if bell is None:
            qubits = (engine.create(0, idles[0]),)
            devices[0].qubits[0] = qubits[0]
            engine.apply1(qubits[0], devices[0].ideal1("h", 0, 0))
        else:
            qubits = engine.create_pair(bell_tensor(bell), 0, *idles)
        for q in qubits:
            engine.idle_until(q, WAIT_NS // 4)
            engine.idle_until(q, WAIT_NS)
        total += engine.density_matrix(list(qubits))
    return total / len(shares) ** count


def test_one_ion_loses_coherence_as_a_gaussian() -> None:
    """e^(-2 (t/T)^2) with T = 85 ms, t = 40 ms; 2000 quantiles of the normal law."""
    rho = after([0], None)
    assert 2 * abs(rho[0, 1]) == pytest.approx(0.642167, abs=5e-5)
    assert 2 * abs(rho[0, 1]) == pytest.approx(math.exp(-2 * (40 / 85) ** 2), abs=5e-5)


@pytest.mark.parametrize(
    ("traps", "bell", "coherence"),
    [((0, 0), 0, 0.170056), ((0, 0), 1, 1.0), ((0, 1), 0, 0.642167**2), ((0, 1), 1, 0.642167**2)],
)
def test_two_ions_of_one_trap_turn_together(traps: tuple[int, int], bell: int, coherence: float) -> None:
    """|00>+|11> and |01>+|10>, in one trap and in two: e^(-8 (t/T)^2), 1, e^(-4 (t/T)^2) twice."""
    rho = after(traps, bell)
    off = rho[0, 3] if bell == 0 else rho[1, 2]
    assert 2 * abs(off) == pytest.approx(coherence, abs=4e-4)
    if traps == (0, 1):
        assert coherence == pytest.approx(math.exp(-4 * (40 / 85) ** 2), abs=1e-6)


def test_field_is_drawn_once_per_shot_from_its_own_stream() -> None:
    device = IonDevice(COLLECTIVE, Engine())
    u = 0.8
    device.begin_shot(fixed(u))
    idle = device.idle(0)
    assert idle is not None and idle is device.idle(1)
    turn = 2 * NormalDist().inv_cdf(u) * WAIT_NS / T_NS
    assert (
        np.abs(
            idle.ptm(WAIT_NS)[1:3, 1:3]
            - [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]
        ).max()
        < 1e-12
    )
    device.begin_shot(fixed(0.0))  # the least draw is no infinite deviation
    assert np.isfinite(idle.ptm(WAIT_NS)).all()
    IonDevice(QUIET, Engine()).begin_shot(fixed(0.5))


def test_population_decays_as_elsewhere_under_collective_dephasing() -> None:
    device = IonDevice(IonConfig(t1_ns=1e9, t2_ns=T_NS, dephasing="collective"), Engine())
    device.begin_shot(fixed(0.5))
    idle = device.idle(0)
    assert idle is not None
    excited = idle.ptm(100_000_000) @ np.array([1.0, 0, 0, -1])
    assert (1 - excited[3]) / 2 == pytest.approx(math.exp(-0.1))
    assert idle.ptm(100_000_000)[1, 1] == pytest.approx(math.exp(-0.05))
    with pytest.raises(ValueError, match="waiting time is -1 ns"):
        idle.ptm(-1)

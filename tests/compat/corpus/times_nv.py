"""Times on NV centres: gates of the translation one after another, and what only the electron can do."""

import netsquid as ns
import numpy as np
from _short import Short
from netqasm.sdk.qubit import Qubit
from squidasm.run.stack.config import NVQDeviceConfig, StackConfig, StackNetworkConfig
from squidasm.run.stack.run import run
from squidasm.util import get_qubit_state

TIMES = {
    "electron_init": 2000,
    "electron_rot_x": 5,
    "electron_rot_y": 5,
    "electron_rot_z": 5,
    "measure": 3700,
}


def electron(context):
    q = Qubit(context.connection)  # init
    q.rot_X(n=1, d=1)  # one rotation
    q.H()  # two rotations
    q.measure()
    yield from context.connection.flush()
    return ns.sim_time()


def phases(context):
    q = Qubit(context.connection)
    q.H()
    q.S()
    q.T()
    yield from context.connection.flush()
    return get_qubit_state(q, "Alice")


def entangled(context):
    a, b = Qubit(context.connection), Qubit(context.connection)
    a.H()
    a.cnot(b)
    yield from context.connection.flush()
    state = get_qubit_state([a, b], "Alice")
    m, n = a.measure(), b.measure()  # the second of them is a carbon, which is moved to be read
    yield from context.connection.flush()
    return state, m, n


def expect() -> None:
    device = NVQDeviceConfig.perfect_config()
    assert device.electron_T1 == 1e9, "T1 and T2 stay in what is called perfect"
    for name in ("electron_T1", "electron_T2", "carbon_T1", "carbon_T2"):
        setattr(device, name, 0)
    for name, value in TIMES.items():
        setattr(device, name, value)
    network = StackNetworkConfig(
        stacks=[StackConfig(name="Alice", qdevice_typ="nv", qdevice_cfg=device)], links=[], clinks=[]
    )
    ((end,),) = run(network, {"Alice": Short(electron, [])})
    assert end == 2000 + 3 * 5 + 3700
    ((state,),) = run(network, {"Alice": Short(phases, [])})
    ket = np.array([1, np.exp(3j * np.pi / 4)]) / np.sqrt(2)
    assert np.allclose(state, np.outer(ket, ket.conj())), "S and T are what they say"
    (results,) = run(network, {"Alice": Short(entangled, [])}, num_times=6)
    phi = np.array([1, 0, 0, 1]) / np.sqrt(2)
    for state, m, n in results:
        assert np.allclose(state, np.outer(phi, phi)) and m == n
    assert {m for _, m, _ in results} == {0, 1}


if __name__ == "__main__":
    expect()

"""Readout errors of an NV centre: 0 is read as 1 with prob_error_0, 1 as 0 with prob_error_1.

400 readings each, tolerance 5 sigma.
"""

import math

from _short import Short, mean
from netqasm.sdk.qubit import Qubit
from squidasm.run.stack.config import NVQDeviceConfig, StackConfig, StackNetworkConfig
from squidasm.run.stack.run import run

E0, E1, N = 0.1, 0.2, 400


def alice(context):
    results = []
    for flip in (False, True):
        for _ in range(N // 10):
            q = Qubit(context.connection)
            if flip:
                q.X()
            results.append(q.measure())
    yield from context.connection.flush()
    return results


def expect() -> None:
    device = NVQDeviceConfig.perfect_config()
    device.prob_error_0, device.prob_error_1 = E0, E1
    device.electron_T1 = device.electron_T2 = 0
    network = StackNetworkConfig(
        stacks=[StackConfig(name="Alice", qdevice_typ="nv", qdevice_cfg=device)], links=[]
    )
    (results,) = run(network, {"Alice": Short(alice, [])}, num_times=10)
    half = N // 10
    ones = mean([m for r in results for m in r[:half]]), mean([m for r in results for m in r[half:]])
    for found, expected in zip(ones, (E0, 1 - E1)):
        assert abs(found - expected) < 5 * math.sqrt(expected * (1 - expected) / N)


if __name__ == "__main__":
    expect()

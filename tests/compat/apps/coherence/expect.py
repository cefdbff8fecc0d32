"""A gate fidelity g shrinks Bloch vectors by g at each operation, the reset included; T1 and T2 are those of
each qubit, in the durations of the SDK's simulations."""

from math import exp

import numpy as np

ROUNDS = 1
X = np.array([[0, 1], [1, 0]])
Z = np.diag([1, -1])


def expect(results):
    (found,) = (each["app_solo"] for each in results)
    np.testing.assert_allclose(found["after_gate"], (np.eye(2) + 0.81 * X) / 2, atol=1e-9)
    first = (np.eye(2) + 0.81 * exp(-1000 / 5000) * 0.9 * X) / 2
    waited = 1 - (1 - 0.9) * exp(-1000 / 2e4)  # <Z> of the second, relaxing during the first one's H
    x, z = waited * 0.9 * exp(-1000 / 4e4), 1 - exp(-1000 / 2e4)  # after its own H, and the first one's X
    second = (np.eye(2) + x * X + z * Z) / 2
    np.testing.assert_allclose(found["both"], np.kron(first, second), atol=1e-9)

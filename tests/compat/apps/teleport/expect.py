"""A pair f Phi+ + (1-f) I/4 teleports psi as f psi + (1-f) I/2, whatever was measured."""

import numpy as np

ROUNDS = 4


def expect(results):
    up, down = np.cos(0.55) * np.exp(-0.35j), np.sin(0.55) * np.exp(0.35j)
    ket = np.array([up, down])
    state = 0.9 * np.outer(ket, ket.conj()) + 0.1 * np.eye(2) / 2
    for each in results:
        sent, got = each["app_sender"], each["app_receiver"]
        assert list(each) == ["app_sender", "app_receiver"]
        assert got["header"] == "corrections" and got["payload"] == [sent["m1"], sent["m2"]]
        assert sent["node"] == "delft"
        # angles of the SDK are good to 1e-4 of pi
        np.testing.assert_allclose(got["state"], state, atol=4e-4)
    assert len({(each["app_sender"]["m1"], each["app_sender"]["m2"]) for each in results}) > 1

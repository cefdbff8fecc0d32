"""Phi+ is correlated in X and in Z; without a network file all is without noise."""

ROUNDS = 4
OPTIONS = {"hardware": "nv"}


def expect(results):
    for each in results:
        assert each["app_alice"]["outcomes"] == each["app_bob"]["outcomes"]
    assert len({tuple(each["app_alice"]["outcomes"]) for each in results}) > 1

"""Phi+ is correlated in X and Z, anticorrelated in Y."""

ROUNDS = 2


def expect(results):
    for each in results:
        alice, bob = each["app_alice"], each["app_bob"]
        assert alice["X"] == bob["X"] and alice["Z"] == bob["Z"]
        assert alice["Y"] == [1 - bit for bit in bob["Y"]]
    assert {bit for each in results for bit in each["app_alice"]["Z"]} == {0, 1}

"""X on one half with probability 0.2: outcomes differ that often if both measure Z, never if both
measure X."""

from math import sqrt

ROUNDS = 1


def expect(results):
    alice, bob = results[0]["app_alice"], results[0]["app_bob"]
    assert alice["bases"] == bob["theirs"] and bob["bases"] == alice["theirs"]
    assert alice["bases"] != bob["bases"]
    differ = {0: [], 1: []}
    for basis, other, bit, their_bit in zip(
        alice["bases"], bob["bases"], alice["bits"], bob["bits"], strict=True
    ):
        if basis == other:
            differ[basis].append(bit != their_bit)
    assert differ[1] and not any(differ[1])
    n = len(differ[0])
    assert abs(sum(differ[0]) / n - 0.2) < 4 * sqrt(0.2 * 0.8 / n)  # 4 sigma

"""Sequential pairs, one virtual qubit for all; the callback comes when the program waits."""

ROUNDS = 2


def expect(results):
    for each in results:
        alice, bob = each["app_alice"], each["app_bob"]
        assert alice["before"] == [] and alice["called"] == ["done"]
        assert bob["said"] == "ready when you are"
        assert [int(bit) for bit in alice["outcomes"]] == bob["outcomes"]

"""A connection ends with its qubits, its futures keep their values, and EPR sockets fit again afterwards."""

ROUNDS = 2


def expect(results):
    for each in results:
        alice, bob = each["app_alice"], each["app_bob"]
        assert alice["seen"] == [0, 1, 1]
        assert bob["told"][:3] == ["0 is 0", "1 is 1", "2 is 1"]
        assert bob["told"][3] in ("RuntimeError", "ConnectionError")
        assert alice["pairs"] == bob["pairs"]

"""A request that comes in for a connection which ends without having asked waits for the next connection."""

ROUNDS = 5


def expect(results):
    for each in results:
        assert each["app_alice"] == [1 - outcome for outcome in each["app_bob"]]

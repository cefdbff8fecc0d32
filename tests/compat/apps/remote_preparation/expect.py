"""Phi+ is anticorrelated in Y; K exchanges the Y and the Z axis."""

ROUNDS = 2


def expect(results):
    for each in results:
        mine, theirs = each["app_client"]["outcomes"], each["app_server"]["outcomes"]
        assert len(mine) == 5 and [1 - bit for bit in mine] == theirs
    assert {bit for each in results for bit in each["app_client"]["outcomes"]} == {0, 1}

"""H Rz(-phi)|+> is |1> for phi = pi, which is read off the server's outcomes in every round."""

ROUNDS = 8


def expect(results):
    assert [each["app_client"]["result"] for each in results] == [1] * ROUNDS
    assert all(each["app_server"] is None for each in results)
    assert len({each["app_client"]["theta"] for each in results}) > 2

"""Outcomes of X on a GHZ state have even parity, with a Z on one of the qubits odd; one alone is a coin."""

ROUNDS = 6


def expect(results):
    for each in results:
        assert [each[f"app_{name}"]["parity"] for name in ("ann", "ben", "cid")] == [1, 1, 1]
        ann = each["app_ann"]
        assert ann["heard"] == {name: str(each[f"app_{name}"]["outcome"]) for name in ("ben", "cid")}
    assert {each["app_ann"]["outcome"] for each in results} == {0, 1}

"""Each pair joins the two roles it was asked for by, though two of them are on one node."""

ROUNDS = 6


def expect(results):
    for each in results:
        ada, bert = each["app_ada"], each["app_bert"]
        assert ada["node"] == bert["node"] == "house"
        assert each["app_cleo"]["outcomes"] == [ada["outcome"], bert["outcome"]]
        assert bert["ada"] == ada["outcome"]
    assert len({tuple(each["app_cleo"]["outcomes"]) for each in results}) > 1

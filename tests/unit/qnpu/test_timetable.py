"""Timetables: which bin it is now, which one is next."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qnpu.timetable import NEVER_NS, LinkBin, LinkBins, Timetable

TWO = [LinkBin(10, 20), LinkBin(50, 60)]


@pytest.mark.parametrize(
    ("now", "is_on", "start", "end"),
    [
        (0, False, 110, 120),
        (109, False, 110, 120),
        (110, True, 110, 120),
        (119, True, 110, 120),
        (120, False, 150, 160),
        (160, False, 210, 220),
        (210, True, 210, 220),
        (10**15 + 155, True, 10**15 + 150, 10**15 + 160),
    ],
)
def test_bins_repeat_from_the_first_period_on(now: int, is_on: bool, start: int, end: int) -> None:
    table = Timetable(100, 100, TWO)
    assert table.look(now) is is_on
    assert (table.start_ns, table.end_ns) == (start, end)


def test_bins_that_come_once_have_an_end() -> None:
    table = Timetable(100, None, TWO)
    assert table.look(115)
    assert not table.look(130) and table.start_ns == 150
    assert not table.look(160) and table.start_ns == NEVER_NS


def test_no_bins_never_come() -> None:
    table = Timetable(0, 100, [])
    assert not table.look(5)
    assert table.start_ns == table.end_ns == NEVER_NS


def test_application_has_its_own_bins_and_those_for_all() -> None:
    bins = LinkBins(0, 100, [LinkBin(0, 10, ("a",)), LinkBin(20, 30), LinkBin(40, 50, ("b", "c"))])
    found = {app: [now for now in range(0, 100, 10) if bins.of(app).look(now)] for app in "abcd"}
    assert found == {"a": [0, 20], "b": [20, 40], "c": [20, 40], "d": [20]}


@given(st.data())
def test_search_agrees_with_looking_at_every_nanosecond(data: st.DataObject) -> None:
    period = data.draw(st.integers(1, 30) | st.none())
    edges = data.draw(st.lists(st.integers(0, period or 30), unique=True).map(sorted))
    bins = [LinkBin(a, b) for a, b in zip(edges[::2], edges[1::2], strict=False)]
    first = data.draw(st.integers(0, 40))
    on = [
        any(
            row.start_ns <= offset < row.end_ns
            for row in bins
            for offset in [(now - first) % period if period else now - first]
        )
        and now >= first
        for now in range(140)
    ]
    table = Timetable(first, period, bins)
    for now in range(100):
        assert table.look(now) == on[now]
        if on[now]:
            assert table.start_ns <= now < table.end_ns
        else:
            later = [at for at in range(now, 140) if on[at]]
            assert table.start_ns == (later[0] if later else NEVER_NS)

"""The network controller: how long attempts at packets are, who is admitted, and what the schedule keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qnos.config import NetworkConfig
from qnos.controller import Computed, compute_schedule, without
from qnos.demands import Demand, load_demands, packet_length
from qnos.loading import load_network
from qnos.schedule_file import load_schedule
from qruntime.errors import ConfigError

US, MS = 1_000, 1_000_000


def network(
    nodes: str = "abcd", links: str = "ab bc cd", *, cycle_ns: float = 2_000, p: float = 0.001, **device: Any
) -> NetworkConfig:
    link = {"kind": "depolarise", "fidelity": 0.9, "success_probability": p, "cycle_ns": cycle_ns}
    return load_network(
        {
            "os": "ideal",
            "nodes": [{"name": node, "device": {"kind": "nv", **device}} for node in nodes],
            "links": [{"nodes": list(ends), **link} for ends in links.split()],
        }
    )


GENERIC = {"kind": "generic", "num_qubits": 4}
FAST = network(cycle_ns=1_000, p=1)  # every attempt succeeds: k pairs take k us


def demand(name: str = "d", nodes: str = "ab", **values: Any) -> Demand:
    return Demand(name=name, nodes=list(nodes), **{"period_ns": 10 * US, **values})


@pytest.mark.parametrize(
    ("nodes", "pairs", "p_packet", "slots"),
    [
        ("ab", 1, 0.1, 3),
        ("ab", 5, 0.9, 162),
        ("abc", 2, 0.5, 742),
        ("abc", 5, 0.9, 3533),
        ("abcd", 1, 0.9, 21961),
    ],
)
def test_packet_without_a_window_is_sized_by_the_published_table(
    nodes: str, pairs: int, p_packet: float, slots: int
) -> None:
    wanted = demand(nodes=nodes, pairs=pairs, p_packet=p_packet, slot_ns=100 * US, p_swap=0.95)
    assert packet_length(wanted, network(**GENERIC)) == slots * 100 * US


@pytest.mark.parametrize(
    ("nodes", "pairs", "p_packet", "slots"),
    [("ab", 2, 0.9, 20), ("ab", 5, 0.1, 15), ("abc", 5, 0.9, 105), ("abcd", 2, 0.5, 45)],
)
def test_packet_with_a_window_is_sized_by_the_published_table(
    nodes: str, pairs: int, p_packet: float, slots: int
) -> None:
    wanted = demand(
        nodes=nodes, pairs=pairs, p_packet=p_packet, slot_ns=100 * US, p_swap=0.6, window_ns=20 * MS
    )
    assert packet_length(wanted, network(cycle_ns=500, **GENERIC)) == slots * 100 * US


def test_default_slot_is_one_attempt_and_a_tick_and_the_overhead_are_added() -> None:
    assert packet_length(demand(pairs=7, overhead_ns=5), FAST) == 7 * US + 5
    slow = network(cycle_ns=1_000, p=1, tick_ns=300)
    assert packet_length(demand(pairs=7), slow) == 7 * US + 300


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (demand(nodes="ax"), "x is no node of unnamed; there are a, b, c, d"),
        (demand(nodes="ac"), "no link of unnamed joins a and c"),
        (demand(min_fidelity=91), "the link a-b gives a fidelity of at most 90 %, not 91 %"),
        (demand(pairs=11), "an attempt at a packet takes 11 us, longer than its period, 10 us"),
        (demand(pairs=5, deadline_ns=4_999), "an attempt at a packet takes 5 us, longer than its deadline"),
        (demand(pairs=3, window_ns=2_999), "3 pairs take at least as many slots of 1000 ns, and window_ns"),
        (demand(slot_ns=999), "a slot of 999 ns is less than an attempt, 1000 ns"),
        (demand(nodes="abc"), "it attempts on 2 links at b at once, which takes at most 1"),
    ],
)
@pytest.mark.parametrize("admission", [True, False])
def test_demand_that_no_schedule_could_meet_is_refused(wanted: Demand, reason: str, admission: bool) -> None:
    other = demand("other", "cd")
    found = compute_schedule([wanted, other], FAST, admission=admission)
    refused, admitted = found.decisions
    assert not refused.admitted and refused.share == 0
    assert refused.reason.startswith(reason)
    assert admitted.admitted


def test_node_that_would_be_overfull_is_named_with_its_shares() -> None:
    found = compute_schedule(
        [demand("x", "ab", pairs=6), demand("y", "bc", pairs=5), demand("z", "cd")], FAST
    )
    assert [each.admitted for each in found.decisions] == [True, False, True]
    assert found.decision("y").reason == (
        "node b would be in use 1.1 of the time, of 1: 0.6 by those admitted before, 0.5 by this one"
    )


def test_demand_for_which_no_schedule_is_found_is_refused() -> None:
    # together they fill 0.6 of b, but the short one is released every 4 us and the long one takes 7
    found = compute_schedule(
        [demand("short", "ab", period_ns=4 * US), demand("long", "bc", pairs=7, period_ns=20 * US)], FAST
    )
    assert [each.admitted for each in found.decisions] == [True, False]
    assert "no schedule was found: an attempt of short (1 us) would not be over within 4 us" in (
        found.decision("long").reason
    )


def test_without_admission_control_late_attempts_are_left_out() -> None:
    crowd = [demand(f"d{i}", "ab", pairs=4) for i in range(4)]
    found = compute_schedule(crowd, FAST, admission=False)
    assert [(each.admitted, each.attempts, each.wanted) for each in found.decisions] == [
        (True, 1, 1), (True, 1, 1), (True, 0, 1), (True, 0, 1),
    ]  # fmt: skip
    assert [each.share for each in found.decisions] == [0.4, 0.4, 0, 0]
    assert [each.admitted for each in compute_schedule(crowd, FAST).decisions] == [True, True, False, False]


def test_devices_that_attempt_on_several_links_do_so_at_once() -> None:
    both = [demand("x", "ab", pairs=9), demand("y", "bc", pairs=9)]
    assert [each.admitted for each in compute_schedule(both, FAST).decisions] == [True, False]
    roomy = network(cycle_ns=1_000, p=1, **GENERIC)
    assert [each.admitted for each in compute_schedule(both, roomy).decisions] == [True, True]


def test_periods_that_hardly_divide_each_other_are_refused() -> None:
    both = [demand("x", period_ns=999_983), demand("y", period_ns=1_000_003)]
    reason = compute_schedule(both, FAST).decision("y").reason
    assert "the schedule would repeat only after 1000 s and have 1999986 bins, of at most 131072" in reason
    once = compute_schedule(both, FAST, horizon_ns=100 * MS)
    assert [each.attempts for each in once.decisions] == [100, 99]
    assert once.schedule is not None and once.schedule.period_ns is None


def test_period_of_a_rate_is_round_and_never_longer_than_asked() -> None:
    for rate in (0.3, 1, 7, 99, 1234.5, 1e8):
        wanted = demand(period_ns=None, rate_per_s=rate, p_packet=0.8)
        exact_ns = 0.8e9 / rate
        assert exact_ns / 2 < wanted.every_ns <= exact_ns
    assert demand(period_ns=None, rate_per_s=7, p_packet=0.8).every_ns == 100 * MS


DEMANDS = st.lists(
    st.builds(
        demand,
        nodes=st.sampled_from(["ab", "bc", "cd", "dc"]),
        pairs=st.integers(1, 6),
        period_ns=st.sampled_from([4, 5, 8, 10, 16, 20, 40]).map(lambda us: us * US),
        deadline_ns=st.none() | st.just(4 * US),
    ),
    min_size=1,
    max_size=7,
).map(lambda found: [msgspec.structs.replace(each, name=f"d{i}") for i, each in enumerate(found)])


def attempts_of(found: Computed, name: str) -> list[tuple[int, int]]:
    rows = found.schedule.bins if found.schedule is not None else ()
    return [(row.start_ns, row.end_ns) for row in rows if row.demand == name]


@settings(max_examples=150, deadline=None)
@given(DEMANDS, st.booleans(), st.sampled_from([FAST, network(cycle_ns=1_000, p=1, **GENERIC)]))
def test_everybody_admitted_has_an_attempt_in_each_period(
    demands: list[Demand], admission: bool, where: NetworkConfig
) -> None:
    found = compute_schedule(demands, where, admission=admission)
    assert found == compute_schedule(demands, where, admission=admission), "deterministic"
    if found.schedule is None:
        assert not found.admitted
        return
    again = load_schedule(found.schedule.to_dict(), where)  # refuses more links at once than a device can do
    assert again == found.schedule
    for decision in found.decisions:
        wanted, at = decision.demand, attempts_of(found, decision.demand.name)
        assert len(at) == decision.attempts
        if not decision.admitted:
            assert not at and decision.reason
            continue
        periods = [start // wanted.every_ns for start, _ in at]
        for (start, end), number in zip(at, periods, strict=True):
            assert end - start == decision.packet_ns
            assert end <= number * wanted.every_ns + (wanted.deadline_ns or wanted.every_ns)
        assert len(set(periods)) == len(periods)
        if admission:
            assert periods == list(range(found.schedule.length_ns // wanted.every_ns))


@settings(max_examples=60, deadline=None)
@given(DEMANDS, st.data())
def test_one_that_leaves_changes_nothing_for_the_others(demands: list[Demand], data: st.DataObject) -> None:
    found = compute_schedule(demands, FAST)
    gone = data.draw(st.sampled_from(demands)).name
    left = without(found, gone)
    for other in demands:
        if other.name != gone:
            assert attempts_of(left, other.name) == attempts_of(found, other.name)
    assert attempts_of(left, gone) == []
    assert gone not in [each.demand.name for each in left.decisions]


@settings(max_examples=60, deadline=None)
@given(DEMANDS)
def test_one_that_comes_later_takes_nobodys_place(demands: list[Demand]) -> None:
    everybody = compute_schedule(demands, FAST)
    before = compute_schedule(demands[:-1], FAST) if demands[1:] else None
    if before is not None:
        assert [e.admitted for e in before.decisions] == [e.admitted for e in everybody.decisions[:-1]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("demands: []", "d.yaml:1: demands is []; allowed: "),
        ("demands:\n - {name: x, nodes: [a, b]}", "d.yaml:2: demands[0] says both period_ns and rate"),
        ("demands:\n - {name: x, nodes: [a], period_ns: 1}", "d.yaml:2: demands[0].nodes is ['a']; all"),
        ("demands:\n - {name: x, nodes: [a, b], period_ns: 5, deadline_ns: 6}",
         "d.yaml:2: demands[0].deadline_ns is 6; allowed: up to the period, 5"),
        ("demands:\n - {name: x, nodes: [a, b], period_ns: 5, p_packet: 1}",
         "d.yaml:2: demands[0].p_packet is 1"),
        ("demands:\n - {name: x, nodes: [a, b], period_ns: 5}\n - {name: x, nodes: [b, c], period_ns: 5}",
         "d.yaml:3: demands[1].name is 'x', as in another demand"),
    ],
)  # fmt: skip
def test_mistake_in_a_file_is_told_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "d.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_demands(tmp_path / "d.yaml")
    assert message in str(caught.value)


def test_sources_that_are_no_demands_are_refused() -> None:
    for source in (3, ["x"]):
        with pytest.raises(ConfigError, match="allowed: "):
            load_demands(source)
    with pytest.raises(ConfigError, match="horizon_ns is 0"):
        compute_schedule([demand()], FAST, horizon_ns=0)
    with pytest.raises(KeyError):
        compute_schedule([demand()], FAST).decision("x")

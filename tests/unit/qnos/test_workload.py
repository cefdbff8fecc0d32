"""What a workload may say: lists, files, and how their faults are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from qnos.cli import main
from qnos.loading import load_network
from qnos.units import time_ns
from qnos.utilisation import covered, merged
from qnos.workload import Arrival, Entry, Workload, load_workload
from qnos.workload_plan import WorkloadPlan
from qruntime.errors import ConfigError


def told(text: str, tmp_path: Path) -> str:
    file = tmp_path / "mix.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_workload(str(file))
    return str(caught.value).replace(f"{tmp_path}/", "")


def test_list_has_counts_and_one_that_comes_again_has_more_copies() -> None:
    workload = load_workload("bqc, lgt*3,bqc")
    assert [(entry.app, entry.count) for entry in workload.entries] == [("bqc", 2), ("lgt", 3)]
    assert load_workload(["bqc", ("lgt", 3), "bqc"]).entries == workload.entries


def test_list_is_staggered_over_all_copies() -> None:
    first, second = load_workload("bqc*2,lgt*3", 1000).entries
    assert (first.arrival.start_ns, first.stagger_ns) == (0, 1000)
    assert (second.arrival.start_ns, second.stagger_ns) == (2000, 1000)


@pytest.mark.parametrize("text", ["", "bqc,,lgt", "lgt*0", "lgt*x", "lgt*99999"])
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        load_workload(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("apps: []\n", "mix.yaml:1: apps is []"),
        ("apps:\n- app: lgt\n  cuont: 2\n", "mix.yaml:3: apps[0].cuont is no field of an application of a"),
        ("apps:\n- app: lgt\n  count: 0\n", "mix.yaml:3: apps[0].count is 0; allowed: an integer from 1"),
        (
            "apps:\n- app: lgt\n  weight: 9999999999\n",
            "mix.yaml:3: apps[0].weight is 9_999_999_999; allowed: an",
        ),
        ("apps:\n- app: lgt\n  priority: -9999999999\n", "mix.yaml:3: apps[0].priority is -9_999_999_999"),
        ("apps:\n- count: 2\n", "mix.yaml:2: apps[0].app is missing"),
        ("apps:\n- app: [lgt]\n", "mix.yaml:2: apps[0].app is ['lgt']; allowed: a name"),
        (
            "apps:\n- app: lgt\n  arrival: {every_ns: 5, rate_per_s: 2}\n",
            "mix.yaml:3: apps[0].arrival says every_ns and rate_per_s; allowed: one of",
        ),
        (
            "apps:\n- app: lgt\n  arrival:\n    instances: 3\n",
            "mix.yaml:4: apps[0].arrival.instances goes with every_ns and rate_per_s",
        ),
        ("apps:\n- app: lgt\n- app: lgt\n", "mix.yaml:2: apps[0].app is 'lgt', as in another entry"),
        ("apps:\n- app: lgt\n  deadline_ns: soon\n", "mix.yaml:3: apps[0].deadline_ns is 'soon'; allowed:"),
    ],
)
def test_fault_of_a_file_names_line_and_field(text: str, says: str, tmp_path: Path) -> None:
    assert told(text, tmp_path).startswith(says)


def test_application_of_a_file_may_lie_beside_it(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("async def a(node):\n    return {}\n\n\nROLES = {'a': a}\n")
    (tmp_path / "mix.yaml").write_text("apps:\n- app: mine.py\n")
    plan = WorkloadPlan(load_workload(tmp_path / "mix.yaml"), load_network("two_generic"))
    assert list(plan.apps) == ["mine"]


def test_what_was_said_comes_back_as_a_mapping() -> None:
    workload = Workload(
        "mix", (Entry(app="lgt", count=2, arrival=Arrival(every_ns=5, instances=3), deadline_ns=7),)
    )
    again = load_workload(workload.to_dict())
    assert again == workload


def test_one_copy_is_placed_and_set_apart_from_the_others() -> None:
    plan = WorkloadPlan(
        load_workload("lgt*3"),
        load_network("two_generic"),
        placement={"lgt.tomographer": "bob", "lgt[1].tomographer": "alice"},
        inputs={"lgt.tomographer": {"axis": "Z", "angle": 1}, "lgt[2].tomographer": {"axis": "Y"}},
    )
    assert [copy.placement["tomographer"] for copy in plan.copies] == ["bob", "alice", "bob"]
    inputs = [copy.inputs["tomographer"] for copy in plan.copies]
    assert [(each["axis"], each["angle"]) for each in inputs] == [("Z", 1.0), ("Z", 1.0), ("Y", 1.0)]


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("tomographer", "allowed: APP.ROLE"),
        ("ltg.tomographer", "did you mean lgt?"),
        ("lgt[3].tomographer", "lgt has copies 0 to 2"),
        ("lgt.nobody", "lgt has no role 'nobody'"),
    ],
)
def test_wrong_key_of_a_placement_is_told(key: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says.replace("[", r"\[").replace("?", r"\?")):
        WorkloadPlan(load_workload("lgt*3"), load_network("two_generic"), placement={key: "bob"})


def test_what_has_no_end_needs_the_end_of_a_session() -> None:
    workload = Workload("mix", (Entry(app="lgt", repetitions=None),))
    with pytest.raises(
        ConfigError, match=r"lgt goes on as long as the session lasts; say how long \(--until"
    ):
        WorkloadPlan(workload, load_network("two_generic"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["lgt", "--until", "1s", "--shot", "2"], "it has no shot that could run alone"),
        (["lgt", "--until", "1s", "--shots", "2"], "--until runs one timeline; it goes without --shots"),
        (["lgt", "--until", "soon"], "--until is 'soon'; allowed: a time such as 2000s"),
        (["bqc,lgt", "--set", "client.alpha=1"], "APP.ROLE.NAME=VALUE is expected"),
        (["bqc,lgt", "--post-select"], "--post-select is for one application"),
    ],
)
def test_wrong_call_is_told(arguments: list[str], says: str) -> None:
    result = CliRunner().invoke(main, ["run", *arguments])
    assert result.exit_code != 0
    assert says in " ".join(result.stderr.split())


def test_times_have_units() -> None:
    assert [time_ns(text, "x") for text in ("2000s", "1.5 ms", "10us", "300", "1e3ns")] == [
        2_000_000_000_000,
        1_500_000,
        10_000,
        300,
        1000,
    ]
    for text in ("0s", "-1s", "1h", "", "1e99s"):
        with pytest.raises(ConfigError):
            time_ns(text, "x")


def test_overlapping_intervals_count_once() -> None:
    assert merged([(5, 7), (0, 2), (1, 3), (3, 4)]) == [(0, 4), (5, 7)]
    assert covered([(5, 7), (0, 2), (1, 3)], 1, 6) == 3


@pytest.mark.parametrize("said", [{"count": 0}, {"repetitions": -1}, {"think_ns": -5}, {"weight": 2**70}])
def test_entry_made_in_python_is_held_to_what_a_file_may_say(said: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=rf"mix: apps\[0\]\.{next(iter(said))} is .*; allowed: an integer"):
        load_workload(Workload("mix", (Entry(app="lgt", **said),)))  # type: ignore[arg-type]


def test_demand_is_read_also_where_no_schedule_is_computed_from_it() -> None:
    workload = Workload("mix", (Entry(app="bell_pair", demand={"pears": 2, "period_ns": 10**6}),))
    with pytest.raises(ConfigError, match="pears is no field"):
        WorkloadPlan(workload, load_network("two_generic"))

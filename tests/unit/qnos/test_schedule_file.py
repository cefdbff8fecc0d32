"""Network schedules from files: what loads, and how each mistake is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import qnos
from qnos.cli import main
from qnos.inforce import sections
from qnos.loading import load_network, with_values
from qnos.schedule import Bin, Schedule
from qnos.schedule_file import load_schedule, shipped_schedules, with_schedule
from qruntime.errors import ConfigError

GOOD = """\
bin_ns: 20_000
first_ns: 5
period_ns: 100_000
bins:
  - nodes: [alice, bob]
  - nodes: [charlie, bob]
    apps: [bqc]
  - {nodes: [alice, bob], start_ns: 60_000, length_ns: 40_000}
"""

MISTAKES = [
    ("nodes: [alice, bob]\n  - nodes: [ch", "nodes: [alice, bobb]\n  - nodes: [ch",
     "s.yaml:5: bins[0].nodes[1] is 'bobb', which is no node of three_generic; did you mean bob?"),
    ("[charlie, bob]", "[bob, bob]",
     "s.yaml:6: bins[1].nodes is bob-bob, which no link of three_generic joins"),
    ("[charlie, bob]", "[bob]", "s.yaml:6: bins[1].nodes is ['bob']; allowed: "),
    ("length_ns: 40_000", "length_ns: 0", "s.yaml:8: bins[2].length_ns is 0; allowed: "),
    ("bin_ns: 20_000", "bin_ns: 0", "s.yaml:1: bin_ns is 0; allowed: "),
    ("bin_ns: 20_000", "repeat: true",
     "s.yaml:5: bins[0].length_ns is missing, and the schedule has no bin_ns"),
    ("length_ns: 40_000", "length_ns: 40_001",
     "s.yaml:8: bins[2] ends 100001 ns after the period began; allowed: up to period_ns, 100000"),
    ("length_ns: 40_000", "length_ns: 9_999",
     "s.yaml:8: bins[2] lasts 9999 ns; allowed: at least an attempt of its link, 10000 ns"),
    ("start_ns: 60_000", "start_ns: 19_999",
     "s.yaml:8: bins[2] overlaps bins[0] in line 5 from 19999 to 20000 ns, of the same link alice-bob"),
    ("apps: [bqc]", "app: [bqc]", "s.yaml:7: bins[1].app is no field of a bin; did you mean apps?"),
    ("bins:", "bin:", "s.yaml:4: bin is no field of a schedule; did you mean bin"),
    ("first_ns: 5", "first_ns: -1", "s.yaml:2: first_ns is -1; allowed: "),
]  # fmt: skip


def loaded(tmp_path: Path, text: str, network: Any = "three_generic") -> Schedule:
    path = tmp_path / "s.yaml"
    path.write_text(text)
    return load_schedule(path, load_network(network))


def test_entries_follow_each_other_unless_they_say_when(tmp_path: Path) -> None:
    assert loaded(tmp_path, GOOD) == Schedule(
        "s",
        (
            Bin(("alice", "bob"), 0, 20_000),
            Bin(("bob", "charlie"), 20_000, 20_000, ("bqc",)),
            Bin(("alice", "bob"), 60_000, 40_000),
        ),
        5,
        100_000,
    )


@pytest.mark.parametrize(("good", "bad", "message"), MISTAKES, ids=lambda value: str(value)[:30])
def test_mistake_is_told_with_its_line(tmp_path: Path, good: str, bad: str, message: str) -> None:
    assert good in GOOD
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, GOOD.replace(good, bad))
    assert str(caught.value).startswith(f"{tmp_path}/{message}")


def test_period_is_the_end_of_the_last_bin_unless_it_is_said(tmp_path: Path) -> None:
    text = GOOD.replace("period_ns: 100_000\n", "")
    assert loaded(tmp_path, text).period_ns == 100_000
    once = loaded(tmp_path, f"{text}repeat: false\n")
    assert (once.period_ns, once.length_ns) == (None, 100_000)


@pytest.mark.parametrize(
    ("device", "refused"),
    [
        ({"kind": "nv", "num_qubits": 3}, "at node bob, whose device attempts on one link at a time"),
        ({"kind": "generic", "num_qubits": 1}, "at node bob, whose device attempts on one link at a time"),
        ({"kind": "generic", "num_qubits": 2}, ""),
    ],
)
def test_device_is_not_asked_to_attempt_on_more_links_than_it_can(device: Any, refused: str) -> None:
    link = {"kind": "depolarise", "fidelity": 0.9, "success_probability": 0.1, "cycle_ns": 10_000}
    network = load_network(
        {
            "os": "ideal",
            "nodes": [{"name": name, "device": device} for name in ("alice", "bob", "charlie")],
            "links": [{"nodes": ends, **link} for ends in (["alice", "bob"], ["bob", "charlie"])],
        }
    )
    bins = [
        {"nodes": ["alice", "bob"], "length_ns": 20_000},
        {"nodes": ["bob", "charlie"], "start_ns": 15_000, "length_ns": 20_000},
    ]
    if not refused:
        assert len(load_schedule({"bins": bins}, network).bins) == 2
        return
    with pytest.raises(ConfigError, match=refused):
        load_schedule({"bins": bins}, network)


def test_unknown_name_is_told_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="did you mean alice_bob_half"):
        load_schedule("alice_bob", load_network("two_nv"))
    with pytest.raises(ConfigError, match="no such file"):
        load_schedule("gone.yaml", load_network("two_nv"))
    with pytest.raises(ConfigError, match="schedule is 3"):
        with_values("two_nv", {"schedule": 3})


@pytest.mark.parametrize("name", shipped_schedules())
def test_shipped_schedule_fits_a_shipped_network(name: str) -> None:
    network = load_network({"alice_bob_half": "two_nv", "three_in_turn": "three_mixed"}.get(name, "line3"))
    scheduled = with_schedule(network, name)
    assert scheduled.schedule is not None and scheduled.schedule.name == name
    assert load_network(scheduled.to_dict()) == scheduled
    assert with_schedule(scheduled, "on-demand") == network
    assert [section.title for section in sections(scheduled)][-1] == "schedule"


def test_network_file_names_its_schedule_beside_it(tmp_path: Path) -> None:
    nodes = ", ".join(f"{{name: {name}, device: {{kind: generic}}}}" for name in ("alice", "bob"))
    text = f"os: ideal\nnodes: [{nodes}]\nlinks: [{{nodes: [alice, bob], kind: perfect}}]\n"
    (tmp_path / "turns.yaml").write_text("bin_ns: 5_000\nbins: [{nodes: [bob, alice]}]\n")
    for said in ("turns.yaml", "{name: turns, bin_ns: 5_000, bins: [{nodes: [bob, alice]}]}"):
        (tmp_path / "net.yaml").write_text(f"{text}schedule: {said}\n")
        network = load_network(tmp_path / "net.yaml")
        assert network.schedule == Schedule("turns", (Bin(("alice", "bob"), 0, 5_000),), 0, 5_000)
    (tmp_path / "net.yaml").write_text(f"{text}schedule: alice_bob_halff\n")
    with pytest.raises(
        ConfigError, match=r"net.yaml:4: schedule cannot be used: .*did you mean alice_bob_half"
    ):
        load_network(tmp_path / "net.yaml")
    (tmp_path / "net.yaml").write_text(f"{text}schedule:\n  bin_ns: 5\n  bins: [{{nodes: [bob, alice]}}]\n")
    with pytest.raises(ConfigError, match=r"net.yaml:6: bins\[0\] lasts 5 ns"):
        load_network(tmp_path / "net.yaml")


def test_attempts_of_a_run_keep_to_the_schedule() -> None:
    network = with_values("three_mixed", {"schedule": "three_in_turn", "links.*.efficiency": 1.0})
    assert network.schedule is not None
    result = qnos.run("bell_pair", network, shots=3, trace=True)
    assert not result.errors_total
    assert result.time_split["bins"] > 0


DEMANDS = """\
demands:
  - {name: bqc, nodes: [alice, bob], pairs: 2, period_ns: 4_000_000}
  - {name: dqc, nodes: [alice, charlie], pairs: 20, period_ns: 2_000_000}
"""


def test_command_computes_a_schedule_that_its_others_read(tmp_path: Path) -> None:
    (tmp_path / "d.yaml").write_text(DEMANDS)
    out, network = str(tmp_path / "s.yaml"), ["--network", "three_generic"]
    made = qnos_schedule("compute", str(tmp_path / "d.yaml"), *network, "--out", out)
    assert made.exit_code == 0
    assert "refused  dqc: an attempt at a packet takes 2.56 ms, longer than its period, 2 ms" in made.stdout
    assert "every 4 ms: alice-bob 9.5 %" in made.stdout
    assert "fits three_generic" in qnos_schedule("check", out, *network).stdout
    shown = qnos_schedule("show", out, *network).stdout
    assert "380 us" in shown and "bqc" in shown
    once = qnos_schedule("compute", str(tmp_path / "d.yaml"), *network, "--horizon", "1s")
    assert "250 of 250" in once.stdout and "once: alice-bob 9.535 %" in once.stdout
    assert "alice_bob_half" in qnos_schedule("list").stdout.split()


def test_command_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "d.yaml").write_text(DEMANDS)
    none = qnos_schedule("compute", str(tmp_path / "d.yaml"), "--network", "two_nv")
    assert none.exit_code == 1
    assert "no demand is admitted" in none.stderr
    wrong = qnos_schedule("check", "three_in_turn", "--network", "line3")
    assert wrong.exit_code == 1
    assert "which no link of line3 joins" in wrong.stderr
    at = CliRunner().invoke(main, ["run", "ping", "--at", "net.yaml", "--schedule", "on-demand"])
    assert at.exit_code == 2 and "without --schedule" in at.stderr


def test_check_config_tells_the_schedule_of_a_network(tmp_path: Path) -> None:
    network = with_values("two_nv", {"schedule": "alice_bob_half"})
    (tmp_path / "net.yaml").write_text(json.dumps(network.to_dict()))
    told = CliRunner().invoke(main, ["check-config", str(tmp_path / "net.yaml")])
    assert "  bins   alice_bob_half, every 40 ms: alice-bob 50 %" in told.stdout


def qnos_schedule(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["schedule", *arguments])

"""Timelines for Perfetto obey the rules of the format: slices nest, arrows have both ends, times are
exact."""

from __future__ import annotations

import io
import json
from collections import defaultdict
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import qnos
from cnpu.app import load_app, shipped_apps
from qnos.cli import main
from qnos.loading import load_network
from qnos.perfetto import Perfetto, export, open_timeline
from qnos.simulate import Plan, simulate
from qnos.tracefile import read_trace
from qruntime.errors import ConfigError
from qruntime.trace import Trace

NETWORKS = ("two_generic", "two_nv", "two_ion")
Span = tuple[int, int, str]


def _ns(us: Decimal) -> int:
    """Exact nanoseconds, or an error."""
    ns = us * 1000
    assert ns == int(ns), us
    return int(ns)


class Checked:
    """A timeline that was found to be in order: slices by group and track, and the flows by name."""

    def __init__(self, text: str) -> None:
        self.slices: dict[tuple[str, str], list[Span]] = defaultdict(list)
        self.flows: dict[str, int] = defaultdict(int)
        data = json.loads(text, parse_float=Decimal)
        assert data["displayTimeUnit"] == "ns"
        groups: dict[int, str] = {}
        tracks: dict[tuple[int, int], str] = {}
        slices: dict[tuple[int, int], list[Span]] = defaultdict(list)
        flows: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for event in data["traceEvents"]:
            track = event["pid"], event["tid"]
            if event["ph"] == "M":
                if event["name"] == "process_name":
                    assert event["pid"] not in groups
                    groups[event["pid"]] = event["args"]["name"]
                elif event["name"] == "thread_name":
                    assert track not in tracks
                    tracks[track] = event["args"]["name"]
                continue
            assert track in tracks and event["pid"] in groups  # described before used
            start = _ns(event["ts"])
            assert start >= 0
            if event["ph"] == "X":
                assert event["dur"] >= 0
                slices[track].append((start, start + _ns(event["dur"]), event["name"]))
            elif event["ph"] in ("s", "t", "f"):
                flows[event["id"]].append(event)
            else:
                assert event["ph"] == "i" and event["s"] == "t"
        for track, spans in slices.items():
            self.slices[groups[track[0]], tracks[track]] = spans
            _check_nesting(spans)
        for steps in flows.values():
            self._check_flow(steps, slices)

    def _check_flow(self, steps: list[dict[str, Any]], slices: dict[tuple[int, int], list[Span]]) -> None:
        assert steps[0]["ph"] == "s" and steps[-1]["ph"] == "f"
        assert steps[-1]["bp"] == "e"
        assert all(step["ph"] == "t" for step in steps[1:-1])
        assert len({(step["name"], step["cat"]) for step in steps}) == 1
        times = [_ns(step["ts"]) for step in steps]
        assert times == sorted(times)
        for step, time in zip(steps, times, strict=True):
            spans = slices[step["pid"], step["tid"]]
            assert any(start <= time <= end for start, end, _ in spans), step
        self.flows[steps[0]["name"]] += 1

    def no_overlap(self, group: str, track: str) -> None:
        """A track on which one thing goes on at a time."""
        spans = sorted(self.slices[group, track])
        for (_, end, _), (start, _, _) in pairwise(spans):
            assert end <= start, (group, track)


def _check_nesting(spans: list[Span]) -> None:
    """Two slices of a track are apart, or one is inside of the other."""
    stack: list[int] = []
    for start, end, name in sorted(spans, key=lambda span: (span[0], -span[1])):
        while stack and stack[-1] <= start:
            stack.pop()
        assert not stack or end <= stack[-1], name
        stack.append(end)


def timeline_of(app: str, network: Any, shots: int = 2, **options: Any) -> str:
    file = io.BytesIO()
    found = load_app(app)
    simulate(found, load_network(network), shots=shots, seed=3, onlookers=(Perfetto(file),), **options)
    return file.getvalue().decode()


def apps_for(network: str) -> list[str]:
    found = []
    for app in shipped_apps():
        try:
            Plan(load_app(app), load_network(network))
        except ConfigError:
            continue
        found.append(app)
    return found


@pytest.mark.parametrize("network", NETWORKS)
def test_timeline_of_every_app_is_in_order(network: str) -> None:
    apps = apps_for(network)
    assert len(apps) >= 10
    for app in apps:
        checked = Checked(timeline_of(app, network))
        for group, track in list(checked.slices):
            if track.startswith(("processor", "link", "device")):
                checked.no_overlap(group, track)


def test_teleport_has_a_track_for_everything_and_all_its_arrows() -> None:
    checked = Checked(timeline_of("teleport", "two_generic", shots=1))
    assert {track for group, track in checked.slices if group == "alice"} == {
        "device",
        "link bob",
        "network process",
        "process 0 (alice)",
        "processor",
        "program alice (process 0)",
    }
    assert checked.flows == {"message": 1, "subroutine": 3, "pair": 1}
    attempts = sum(int(name.split()[0]) for _, _, name in checked.slices["alice", "link bob"])
    assert attempts >= 1
    program = sorted(checked.slices["bob", "program bob (process 0)"], key=lambda span: span[1] - span[0])
    *causes, whole = program
    assert whole[2] == "bob"
    assert sum(end - start for start, end, _ in causes) == whole[1] - whole[0]


def test_several_programs_on_a_node_have_tracks_of_their_own() -> None:
    checked = Checked(timeline_of("ghz", "complete4", placement=None, shots=1))
    assert len({group for group, _ in checked.slices}) >= 4
    both = {"alice": _sender, "bob": _taker, "carol": _taker}
    file = io.BytesIO()
    result = simulate(
        load_app(both),
        load_network("two_generic"),
        shots=1,
        placement={"alice": "alice", "bob": "bob", "carol": "bob"},
        onlookers=(Perfetto(file),),
    )
    assert not result.errors
    checked = Checked(file.getvalue().decode())
    tracks = {track for group, track in checked.slices if group == "bob"}
    assert {"program bob (process 0)", "program carol (process 1)"} <= tracks
    assert checked.flows["pair"] == 2 and checked.flows["message"] == 2
    checked.no_overlap("bob", "processor")


async def _sender(node: Any) -> dict[str, Any]:
    halves = [node.epr(peer).create_keep()[0].measure() for peer in ("bob", "carol")]
    await node.flush()
    for peer in ("bob", "carol"):
        node.socket(peer).send(1)
    return {"bits": halves}


async def _taker(node: Any) -> dict[str, Any]:
    half = node.epr("alice").recv_keep()[0].measure()
    await node.flush()
    await node.socket("alice").recv()
    return {"bit": half}


def test_processes_give_the_same_bytes() -> None:
    assert timeline_of("teleport", "two_nv", processes=True) == timeline_of("teleport", "two_nv")


def test_trace_file_gives_the_bytes_of_the_run(tmp_path: Path) -> None:
    trace, seen, made = tmp_path / "t.jsonl", tmp_path / "seen.json", tmp_path / "made.json"
    qnos.run("bb84", network="two_generic", shots=3, trace=trace, perfetto=seen, perfetto_shots=2)
    assert export(trace, made, shots=2) == 2
    assert made.read_bytes() == seen.read_bytes()
    shots = Checked(made.read_text()).slices["shots", "shots"]
    assert [name for _, _, name in shots] == ["shot 0", "shot 1"]
    assert shots[1][0] - shots[0][1] == 1_000_000


def test_ten_shots_are_written_unless_told_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "t.json"
    qnos.run("ping", shots=12, perfetto=file, time_split=False)
    assert len(Checked(file.read_text()).slices["shots", "shots"]) == 10


def test_timeline_is_whole_after_an_interrupt(tmp_path: Path) -> None:
    def stop(done: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    file = tmp_path / "t.json"
    result = qnos.run("teleport", shots=50, perfetto=file, progress=stop)
    assert result.interrupted
    assert len(Checked(file.read_text()).slices["shots", "shots"]) == 3


@pytest.mark.parametrize("moment", ["_links", "_flush"])
def test_interrupt_in_the_midst_of_a_shot_leaves_the_shots_before(
    moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = getattr(Perfetto, moment)

    def interrupted(self: Perfetto, *args: Any) -> None:
        if moment == "_links":
            work(self, *args)
        else:
            self._file.write(bytes(self._pending)[:-30])
        raise KeyboardInterrupt

    def stop(done: int) -> None:
        if done == 2:
            monkeypatch.setattr(Perfetto, moment, interrupted)

    file = tmp_path / "t.json"
    assert qnos.run("teleport", shots=50, perfetto=file, progress=stop).interrupted
    assert len(Checked(file.read_text()).slices["shots", "shots"]) == 2


def test_an_error_before_the_first_shot_leaves_a_whole_file(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), open_timeline(tmp_path / "t.json"):
        raise RuntimeError
    assert Checked((tmp_path / "t.json").read_text()).slices == {}


def test_command_line_writes_timelines(tmp_path: Path) -> None:
    trace, first, second = (str(tmp_path / name) for name in ("t.jsonl", "a.json", "b.json"))
    options = ["--shots", "2", "--trace", trace, "--perfetto", first, "--out", str(tmp_path)]
    assert CliRunner().invoke(main, ["run", "teleport", *options]).exit_code == 0
    made = CliRunner().invoke(main, ["perfetto", trace, second])
    assert made.exit_code == 0 and "2 shots" in made.stdout
    assert Path(first).read_bytes() == Path(second).read_bytes()


def test_full_disk_costs_the_timeline_and_no_shot() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    result = qnos.run("ping", shots=3, perfetto="/dev/full")
    assert result.shots == 3
    assert [(error.role, error.code) for error in result.errors] == [("timeline", "STORAGE")]
    with pytest.raises(ConfigError, match="cannot be written"):
        qnos.run("ping", shots=1, perfetto="/nowhere/t.json")


def test_cut_trace_is_read_up_to_the_cut(tmp_path: Path) -> None:
    whole, cut = tmp_path / "t.jsonl", tmp_path / "cut.jsonl"
    qnos.run("teleport", shots=2, trace=whole)
    cut.write_bytes(whole.read_bytes()[:-20])
    shots = list(read_trace(cut))
    assert [shot for shot, _ in shots] == [0, 1]
    assert len(shots[1][1]) == len(list(read_trace(whole))[1][1]) - 1
    export(cut, tmp_path / "t.json")
    Checked((tmp_path / "t.json").read_text())
    cut.write_bytes(whole.read_bytes()[:2000] + b"\nnonsense\n")
    with pytest.raises(ConfigError, match="is no line of a trace"):
        list(read_trace(cut))
    for bad in (tmp_path / "absent", tmp_path):
        with pytest.raises(ConfigError, match="cannot be read"):
            list(read_trace(bad))


def test_read_trace_gives_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    result = qnos.run("distill", shots=2, trace=path)
    again = Trace()
    for shot, records in read_trace(path):
        again.add(shot, records)
    assert again.sha256() == result.trace_sha256


@pytest.mark.parametrize("until_ns", [None, 40_000_000])
def test_several_applications_have_the_timeline_of_their_trace(tmp_path: Path, until_ns: int | None) -> None:
    run = {"shots": 2, "seed": 3, "until_ns": until_ns}
    traced = qnos.run(["bqc", "lgt"], trace=tmp_path / "trace.jsonl", perfetto=tmp_path / "a.json", **run)
    plain = qnos.run(["bqc", "lgt"], perfetto=tmp_path / "b.json", **run)
    export(tmp_path / "trace.jsonl", tmp_path / "c.json")
    assert len({(tmp_path / f"{name}.json").read_bytes() for name in "abc"}) == 1
    assert plain.trace_sha256 == traced.trace_sha256
    assert plain.apps["bqc"].results == traced.apps["bqc"].results

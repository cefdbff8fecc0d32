"""The front door with the real simulation behind it."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import qnos
from cnpu.app import load_app
from qnos import api
from qnos.cli import main
from qnos.testing import assert_within
from qruntime.errors import ConfigError


async def sender(node: Any, count: int = 2) -> dict[str, Any]:
    for number in range(count):
        node.socket("receiver").send(number)
    return {"sent": count}


async def receiver(node: Any) -> dict[str, Any]:
    return {"first": await node.socket("sender").recv()}


def test_a_mapping_of_roles_runs() -> None:
    result = qnos.run(
        {"sender": sender, "receiver": receiver}, "perfect", shots=3, inputs={"sender": {"count": 4}}
    )
    assert result.results == {"sender": {"sent": [4, 4, 4]}, "receiver": {"first": [0, 0, 0]}}
    assert result.placement == {"sender": "alice", "receiver": "bob"}
    assert result.inputs == {"sender": {"count": 4}, "receiver": {}}


def test_a_module_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        sys.modules[__name__], "ROLES", {"sender": sender, "receiver": receiver}, raising=False
    )
    assert qnos.run(sys.modules[__name__], "perfect", shots=1).results["sender"] == {"sent": [2]}


def test_a_file_runs_and_its_failures_show_its_own_lines(tmp_path: Path) -> None:
    app = tmp_path / "mine.py"
    program = 'async def alice(node):\n    raise ValueError("no luck")\n'
    app.write_text(f'"""Mine."""\n\n\n{program}\n\nROLES = {{"alice": alice}}\n')
    result = CliRunner().invoke(main, ["run", str(app), "--shots", "2", "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert "Error: 2 of 2 shots failed; first alice in shot 0: " in result.stderr
    assert f'File "{app}", line 5, in alice' in result.stderr
    assert str(Path(qnos.__file__).parent) not in result.stderr


def test_teleport_reaches_the_fidelity_of_theory() -> None:
    # N = 2000, seed 11: 4 sigma of a binomial at 14/15 are 0.022.
    result = qnos.run("teleport", "two_generic_werner", shots=2000, seed=11)
    metric = result.metrics["fidelity"]
    assert metric.expected == pytest.approx(14 / 15)
    assert_within(metric, sigmas=4)


def test_same_seed_same_results_and_one_shot_can_be_repeated_alone() -> None:
    whole = qnos.run("teleport", shots=20, seed=5, trace=True)
    again = qnos.run("teleport", shots=20, seed=5, trace=True)
    assert (whole.results, whole.trace_sha256) == (again.results, again.trace_sha256)
    alone = qnos.run("teleport", shots=20, seed=5, shot=17)
    assert alone.shots == 1
    assert alone.columns()["shot"] == range(17, 18)
    assert alone.results["alice"] == {key: column[17:18] for key, column in whole.results["alice"].items()}
    assert list(alone.shot_sim_time_ns) == list(whole.shot_sim_time_ns)[17:18]


def test_results_differ_between_seeds() -> None:
    runs = [qnos.run("teleport", shots=30, seed=seed).results["alice"] for seed in (1, 2)]
    assert runs[0] != runs[1]


def test_trace_file_opens_each_shot_and_holds_records() -> None:
    memory = io.BytesIO()
    qnos.run("teleport", shots=2, trace=memory)
    lines = [json.loads(line) for line in memory.getvalue().splitlines()]
    assert [line for line in lines if isinstance(line, dict)] == [{"shot": 0}, {"shot": 1}]
    assert any(line[3] == "PROGRAM_STARTED" for line in lines if isinstance(line, list))


def test_ctrl_c_gives_the_finished_shots() -> None:
    def stop(done: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    result = qnos.run("teleport", shots=50, progress=stop)
    assert (result.shots, result.interrupted) == (3, True)
    assert [len(column) for columns in result.results.values() for column in columns.values()] == [3, 3, 3]


def test_split_of_simulated_time_adds_up_to_the_shot() -> None:
    result = qnos.run("teleport", shots=5)
    assert sum(result.time_split.values()) == pytest.approx(result.sim_time_ns / 5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inputs": {"alice": {"thta": 1}}}, "role alice has no input 'thta'; did you mean theta?"),
        ({"inputs": {"carol": {}}}, "teleport has no role 'carol'"),
        (
            {"inputs": {"alice": {"theta": "wide"}}},
            "input theta of role alice is 'wide'; allowed: finite float",
        ),
        ({"placement": {"alice": "delft"}}, "two_generic has no node 'delft'"),
    ],
)
def test_wrong_inputs_and_places_are_told_before_the_first_shot(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        qnos.run("teleport", **options)
    assert str(raised.value).startswith(message)


APP = '''"""One program."""


async def alice(node):
    return {"m": node.rng.randrange(3)}


def metrics(results):
    return {"inverse": 1 / results["alice"]["m"]}


def expected(facts, inputs):
    return {"invers": 1.0}


ROLES = {"alice": alice}
'''


def test_faults_of_metrics_and_expected_lose_no_shot(tmp_path: Path) -> None:
    app = tmp_path / "mine.py"
    app.write_text(APP)
    result = CliRunner().invoke(main, ["run", str(app), "--shots", "30", "--out", str(tmp_path)])
    data = json.loads(next(tmp_path.glob("mine-*.json")).read_text())
    zeros = data["results"]["alice"]["m"].count(0)
    assert 0 < zeros < 30
    assert data["shots_failed"] == zeros
    assert data["metrics"]["inverse"]["n"] == 30 - zeros
    assert [error["role"] for error in data["errors"]].count("expected()") == 1
    assert result.exit_code == 1
    assert f"{zeros} of 30 shots failed; first metrics() in shot" in result.stderr
    assert f'File "{app}", line 9, in metrics' in result.stderr


def test_the_culprit_is_told_not_who_waited_for_it() -> None:
    result = qnos.run(
        "swap", "star6", shots=1, placement={"alice": "hub", "bob": "leaf1", "charlie": "leaf2"}
    )
    assert len(result.errors) > 1
    assert api.first_cause(result).role == "bob"
    assert "no entanglement link from leaf1 to leaf2" in api.failures(result)


def test_limits_that_end_a_program_name_their_setting() -> None:
    async def alone(node: Any) -> dict[str, Any]:
        node.epr("bob").recv_keep()
        await node.flush()
        return {}

    async def idle(node: Any) -> dict[str, Any]:
        node.epr("alice")
        return {}

    async def endless(node: Any) -> dict[str, Any]:
        await node.run_subroutine("# NETQASM 1.0\n# APPID 0\nLOOP:\njmp LOOP\n")
        return {}

    waits = qnos.run({"alice": alone, "bob": idle}, "perfect", shots=1)
    assert "os.qnpu.request_timeout_ns" in waits.errors[0].message
    turns = qnos.run(
        {"alice": endless}, "perfect", shots=1, values={"os.qnpu.quotas.instruction_budget": 100}
    )
    assert "allowed: 100 (os.qnpu.quotas.instruction_budget)" in turns.errors[0].message


def test_too_few_nodes_are_told_with_the_networks_that_have_enough() -> None:
    with pytest.raises(
        ConfigError, match="shipped networks with 3 or more are complete4, line3, star6, three"
    ):
        qnos.run("swap", "two_generic")


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        ("[1]", "RANGES is .*; a dict of metric to \\(low, high\\) is needed"),
        ("{'m': (1, 1)}", "RANGES\\['m'\\] is \\(1, 1\\); two finite numbers are needed, the first below"),
        ("{'m': (0, float('inf'))}", "RANGES\\['m'\\] is \\(0, inf\\); two finite numbers"),
        ("{'m': 3}", "RANGES\\['m'\\] is 3; two finite numbers"),
    ],
)
def test_ranges_that_are_none_are_refused(tmp_path: Path, ranges: str, message: str) -> None:
    app = tmp_path / "ranged.py"
    app.write_text(f"RANGES = {ranges}\nasync def alice(node): return {{}}\nROLES = {{'alice': alice}}\n")
    with pytest.raises(ConfigError, match=message):
        qnos.run(app, "perfect", shots=1)


def test_metrics_of_shipped_applications_stay_in_their_ranges() -> None:
    for app, network in (("swap", "line3"), ("chsh", "two_generic"), ("lgt", "perfect"), ("ghz", "line3")):
        result = qnos.run(app, network, shots=5)
        assert not result.errors, app
        for name, (low, high) in load_app(app).ranges.items():
            metric = result.metrics[name]
            assert metric.n == 0 or low <= metric.ci95[0] < metric.ci95[1] <= high, (app, name)


def test_command_line_prints_the_json_of_a_real_run(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        main, ["run", "teleport", "--json", "--shots", "4", "--seed", "2", "--out", str(tmp_path)]
    )
    assert result.exit_code == 0, result.stderr
    data = json.loads(result.stdout)
    assert data["trace_sha256"] == qnos.run("teleport", shots=4, seed=2, trace=True).trace_sha256
    assert data["results"] == qnos.run("teleport", shots=4, seed=2).results
    assert set(data["metrics"]["fidelity"]) == {"mean", "ci95", "n", "stderr", "interval", "expected"}


def test_command_line_explains_a_real_shot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    result = CliRunner().invoke(main, ["run", "teleport", "--explain", "--shot", "3", "--out", str(tmp_path)])
    assert result.exit_code == 0, result.stderr
    assert "SUBROUTINE_SEND_ATTEMPT" in result.stdout
    assert "1 shot from 3" in result.stdout

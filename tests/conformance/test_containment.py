"""A plug-in that goes wrong when it is used: those whom it concerns are told, the others go on."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import qnos
from qnos.cli import main
from qnos.loading import load_network
from qruntime.errors import ConfigError, DriverError
from tests.conformance import broken, faulty
from tests.conformance.broken import BROKEN

ROOT = Path(__file__).parents[2]

ALONE = '''"""One program touches the gate z, the other on the same device does not."""
from cnpu import Qubit

async def careless(node):
    qubit = Qubit(node)
    qubit.Z()
    m = qubit.measure()
    await node.flush()
    return {"m": m}

async def careful(node):
    qubit = Qubit(node)
    qubit.X()
    m = qubit.measure()
    await node.flush()
    return {"m": m}

ROLES = {"careless": careless, "careful": careful}
'''

ENTANGLED = '''"""Two programs share a pair while a third looks after itself."""
from cnpu import Qubit

async def alice(node):
    (half,) = node.epr("bob").create_keep()
    m = half.measure()
    await node.flush()
    return {"m": m}

async def bob(node):
    (half,) = node.epr("alice").recv_keep()
    m = half.measure()
    await node.flush()
    return {"m": m}

async def careful(node):
    qubit = Qubit(node)
    qubit.X()
    m = qubit.measure()
    await node.flush()
    return {"m": m}

ROLES = {"alice": alice, "bob": bob, "careful": careful}
'''

TOGETHER = {"careless": "alice", "careful": "alice"}
APART = {"alice": "alice", "bob": "bob", "careful": "bob"}


def network_of(plugin: type[Any]) -> dict[str, Any]:
    """Alice's device is the faulty one."""
    kind = f"{plugin.__module__}:{plugin.__name__}"
    return {
        "os": "qnodeos",
        "nodes": [
            {"name": "alice", "device": {"kind": kind, "num_qubits": 3}},
            {"name": "bob", "device": {"kind": "generic", "num_qubits": 3}},
        ],
        "links": [{"nodes": ["alice", "bob"], "kind": "perfect"}],
    }


def run(
    plugin: type[Any], text: str, placement: dict[str, str], tmp_path: Path, processes: bool = False
) -> tuple[dict[str, str], dict[str, Any]]:
    """What each role was told in its error, and what the others found, in two shots that agree."""
    app = tmp_path / "app.py"
    app.write_text(text)
    result = qnos.run(app, network_of(plugin), shots=2, placement=placement, processes=processes)
    shots: list[dict[str, str]] = [{}, {}]
    for error in result.errors:
        assert error.code in ("DRIVER", "EPR", "PEER_FAILED"), error
        shots[error.shot][error.role] = error.message
    assert shots[0] == shots[1]
    found = {role: columns["m"][0] for role, columns in result.results.items() if role not in shots[0]}
    return shots[0], found


AT_Z = [
    (faulty.TranslateRaises, "driver translated z by raising ZeroDivisionError"),
    (faulty.TranslatesToText, "driver translated z into a str; allowed: Operation"),
    (faulty.TranslatesToFloats, r"driver translated z into Operation\(.*qubit=0.5.*all else integers"),
    (faulty.TranslatesToNothing, "driver translated z into nothing at all"),
    (faulty.OperateRaises, "UNKNOWN_FAILURE .* its model raised OSError: laser off"),
    (faulty.AnswersNone, "UNKNOWN_FAILURE .* its model raised TypeError: cannot unpack"),
    (faulty.AnswersNonsense, "its model let z begin at .* and answered 99"),
    (faulty.AnswersUnhashable, r"its model raised TypeError: unhashable|answered \[8\]"),
    (faulty.AnswersThePast, "its model let z begin at .* ns, end at -1 and answered"),
    (faulty.MapRaises, "its model raised LookupError: no table|UNSUPPORTED_REQUEST"),
]


@pytest.mark.parametrize(("plugin", "words"), AT_Z, ids=[plugin.__name__ for plugin, _ in AT_Z])
def test_fault_at_a_gate_ends_the_program_that_asked_for_it(
    plugin: type[Any], words: str, tmp_path: Path
) -> None:
    errors, found = run(plugin, ALONE, TOGETHER, tmp_path)
    assert list(errors) == ["careless"]
    assert_matches(words, errors["careless"])
    assert found == {"careful": 1}


def assert_matches(words: str, text: str) -> None:
    assert re.search(words, text), text


AT_MEASUREMENT = [
    (faulty.ReadoutRaises, "its model raised OSError: camera off"),
    (faulty.ReadoutTooSlow, r"answered a measurement at \d+ ns; its spec says \d+ ns \(rule timing\)"),
    (faulty.ReadoutTooFast, r"answered a measurement at \d+ ns; its spec says \d+ ns \(rule timing\)"),
    (faulty.NeverReads, r"answered a measurement at \d+ ns; its spec says \d+ ns \(rule timing\)"),
]


@pytest.mark.parametrize(
    ("plugin", "words"), AT_MEASUREMENT, ids=[plugin.__name__ for plugin, _ in AT_MEASUREMENT]
)
def test_fault_at_readout_ends_programs_of_that_device_alone(
    plugin: type[Any], words: str, tmp_path: Path
) -> None:
    errors, found = run(plugin, ALONE, {"careless": "alice", "careful": "bob"}, tmp_path)
    assert list(errors) == ["careless"]
    assert_matches(words, errors["careless"])
    assert found == {"careful": 1}


def test_what_comes_too_soon_after_a_slow_gate_is_told_by_its_rule(tmp_path: Path) -> None:
    errors, found = run(faulty.GateTooSlow, SLOW, TOGETHER, tmp_path)
    assert list(errors) == ["careless"]
    assert_matches(
        r"HARDWARE_FAILURE .* x is to begin at \d+ ns, but the model is busy until", errors["careless"]
    )
    assert_matches("rule timing", errors["careless"])
    assert found == {"careful": 1}


SLOW = ALONE.replace("qubit.Z()\n", "qubit.Z()\n    qubit.X()\n").replace(
    "async def careful(node):\n", "async def careful(node):\n    await node.sleep_ns(10**9)\n"
)


AT_A_PAIR = [
    (faulty.IdleRaises, "the device model of alice raised OSError as a pair came: no table"),
    (faulty.HeraldingRaises, "the device model of alice raised OSError before an attempt: no counter"),
]


@pytest.mark.parametrize(("plugin", "words"), AT_A_PAIR, ids=[plugin.__name__ for plugin, _ in AT_A_PAIR])
def test_fault_while_a_pair_is_made_ends_its_two_programs(
    plugin: type[Any], words: str, tmp_path: Path
) -> None:
    errors, found = run(plugin, ENTANGLED, APART, tmp_path)
    assert_matches(words, errors["alice"])
    assert set(errors) == {"alice", "bob"}
    assert found == {"careful": 1}


def test_fault_in_what_attempts_do_to_a_device_concerns_its_programs_alone(tmp_path: Path) -> None:
    errors, found = run(faulty.AttemptsRaise, ENTANGLED, APART, tmp_path)
    assert list(errors) == ["alice"]
    assert_matches("the device model of alice raised OSError after attempts: no light", errors["alice"])
    assert found["careful"] == 1


@pytest.mark.parametrize(
    ("plugin", "words"),
    [
        (faulty.AtOnceRaises, "alice raised OSError as it measured half of a pair: camera off"),
        (faulty.AtOnceNonsense, "alice raised ValueError as it measured half of a pair: it gave 7 at 0 ns"),
    ],
)
def test_fault_in_a_measurement_at_once_ends_its_two_programs(plugin: type[Any], words: str) -> None:
    result = qnos.run("chsh", network_of(plugin), shots=3, seed=2)
    assert result.shots_failed == 3
    for role in ("alice", "bob"):
        messages = [error.message for error in result.errors if error.role == role]
        assert len(messages) == 3
    assert_matches(words, "; ".join(error.message for error in result.errors))


@pytest.mark.parametrize("processes", [False, True])
def test_device_that_cannot_begin_a_shot_ends_the_run(tmp_path: Path, processes: bool) -> None:
    app = tmp_path / "app.py"
    app.write_text(ALONE)
    network = network_of(faulty.ShotRaises)
    with pytest.raises(
        DriverError, match="the device model of alice raised OSError as a shot began: no field"
    ):
        qnos.run(app, network, shots=3, placement=TOGETHER, processes=processes)


@pytest.mark.parametrize(
    ("plugin", "text", "placement"),
    [
        (faulty.TranslateRaises, ALONE, TOGETHER),
        pytest.param(faulty.AnswersUnhashable, ALONE, TOGETHER, marks=pytest.mark.slow),
        pytest.param(
            faulty.ReadoutTooSlow, ALONE, {"careless": "alice", "careful": "bob"}, marks=pytest.mark.slow
        ),
        (faulty.IdleRaises, ENTANGLED, APART),
        (faulty.AttemptsRaise, ENTANGLED, APART),
    ],
)
def test_faults_are_the_same_with_processes(
    plugin: type[Any], text: str, placement: dict[str, str], tmp_path: Path
) -> None:
    alone = run(plugin, text, placement, tmp_path)
    assert run(plugin, text, placement, tmp_path, processes=True) == alone


# --- before anything runs ---------------------------------------------------------------------------------

UNUSABLE = [found for found in BROKEN if found.rule in ("spec", "parts") and found.plugin not in (
    broken.SpecChanges, broken.SpecForgetsLinks, broken.ShotCannotBegin)]  # fmt: skip


@pytest.mark.parametrize("found", UNUSABLE, ids=[found.plugin.__name__ for found in UNUSABLE])
def test_unusable_plugin_is_refused_when_the_network_is_loaded(found: broken.Broken) -> None:
    network = network_of(found.plugin)
    del network["nodes"][0]["device"]["num_qubits"]
    with pytest.raises(ConfigError, match=r"nodes\[0\].device is hardware .* breaks a rule: ") as caught:
        load_network(network)
    assert_matches(found.words.removeprefix("raised "), str(caught.value))


@pytest.mark.parametrize("plugin", [broken.SchemaIsDict, broken.SchemaIsNone])
def test_schema_that_is_none_is_refused_when_the_network_is_loaded(plugin: type[Any]) -> None:
    with pytest.raises(ConfigError, match=r"breaks the rule schema: its schema is .* msgspec\.Struct"):
        load_network(network_of(plugin))


class SchemaExplodes(broken.Sound):
    class Parameters(broken.GenericConfig, frozen=True, forbid_unknown_fields=True, kw_only=True):
        def __post_init__(self) -> None:
            raise RuntimeError("boom")

    schema: Any = Parameters


def test_schema_that_raises_is_refused_when_the_network_is_loaded() -> None:
    with pytest.raises(ConfigError, match="breaks the rule schema: it raised RuntimeError: boom"):
        load_network(network_of(SchemaExplodes))


# --- on the command line ----------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [[], ["--processes"]])
def test_command_line_tells_a_fault_without_a_traceback_of_ours(tmp_path: Path, arguments: list[str]) -> None:
    app, network = tmp_path / "app.py", tmp_path / "network.yaml"
    app.write_text(ALONE)
    kind = f"{faulty.OperateRaises.__module__}:OperateRaises"
    network.write_text(
        "os: qnodeos\nnodes:\n"
        f"  - {{name: alice, device: {{kind: '{kind}'}}}}\n"
        "  - {name: bob, device: {kind: generic}}\n"
        "links:\n  - {nodes: [alice, bob], kind: perfect}\n"
    )
    command = [sys.executable, "-m", "qnos", "run", str(app), "--network", str(network), "--shots", "2"]
    command += ["--place", "careless=alice", "--place", "careful=bob", "--out", str(tmp_path), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "its model raised OSError: laser off" in done.stderr
    assert "2 of 2 shots failed" in done.stderr
    assert "qworld" not in done.stderr and "faulty.py" not in done.stderr


def test_command_line_refuses_an_unusable_plugin(tmp_path: Path) -> None:
    network = tmp_path / "network.yaml"
    network.write_text(
        "os: qnodeos\nnodes:\n"
        f"  - {{name: alice, device: {{kind: '{broken.DriverRaises.__module__}:DriverRaises'}}}}\n"
        "links: []\n"
    )
    result = CliRunner().invoke(main, ["check-config", str(network)])
    assert result.exit_code == 1
    assert f"{network}:3: nodes[0].device is hardware" in result.stderr
    assert "breaks a rule: parts: driver() raised RuntimeError: no licence" in result.stderr

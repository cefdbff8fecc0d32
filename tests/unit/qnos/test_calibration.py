"""Calibrations: what is shown, kept, told apart and refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

import qnos
from qnos import calibration, fields
from qnos.calibration import ABSENT, Difference
from qnos.cli import main
from qnos.config import NetworkConfig
from qnos.inforce import sections
from qnos.loading import load_network, set_path, shipped_networks, with_values
from qnos.results import RunResult
from qruntime.errors import ConfigError
from tests.unit.qnos.conftest import Simulated

Invoke = Callable[..., Result]


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Runs the command line in an empty directory, on a terminal wide enough for any table."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    return lambda *arguments: CliRunner().invoke(main, list(arguments))


@pytest.fixture
def odd() -> NetworkConfig:
    """A network whose values are none that anything falls back to."""
    data = load_network("three_generic").to_dict()
    data["name"] = "odd"
    data["nodes"][0]["device"]["t1_ns"] = math.inf
    data["nodes"][1]["device"]["t2_ns"] = 0.1 + 0.2  # every digit counts
    data["links"][1] = {"nodes": ["charlie", "alice"], "kind": "perfect", "delay_ns": 1e-3}
    data["channels"] = [{"nodes": ["bob", "alice"], "cnpu_cnpu_ns": 5}]
    data["addresses"] = {"world": "tcp://127.0.0.1:5001"}
    data["testing"]["jitter_ns"] = 7
    return load_network(data)


def result_of(network: NetworkConfig) -> RunResult:
    return RunResult(app="teleport", network=network.name, seed=3, shots=0, calibration=network.to_dict())


# --- keeping --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", shipped_networks())
def test_snapshot_of_a_shipped_network_is_that_network(name: str, tmp_path: Path) -> None:
    kept = calibration.save(name, tmp_path / "snap.yaml")
    assert calibration.load(kept) == load_network(name)
    assert calibration.differences(name, kept) == []


def test_every_value_survives_result_and_snapshot(odd: NetworkConfig, tmp_path: Path) -> None:
    result = result_of(odd)
    saved = result.save(tmp_path)
    assert calibration.load(result) == calibration.load(saved) == odd
    assert calibration.load(calibration.save(saved, tmp_path / "a.yaml")) == odd
    assert calibration.load(calibration.save(odd, tmp_path / "b.yml")) == odd
    assert (tmp_path / "a.yaml").read_bytes() == (tmp_path / "b.yml").read_bytes()


def test_snapshot_stands_alone_and_says_who_wrote_it(tmp_path: Path) -> None:
    data = yaml.safe_load(calibration.save("two_generic", tmp_path / "s.yaml").read_text())
    assert list(data) == ["qnos_calibration", "qnos_version", "sha256", "network"]
    assert (data["qnos_calibration"], data["qnos_version"]) == (1, qnos.__version__)
    assert data["network"] == load_network("two_generic").to_dict()


def test_a_record_is_not_written_over(tmp_path: Path) -> None:
    path = calibration.save("perfect", tmp_path / "s.yaml")
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=r"s\.yaml: exists already; allowed: a new name"):
        calibration.save("two_generic", path)
    assert path.read_bytes() == before
    with pytest.raises(ConfigError, match=r"cannot be written: No such file or directory"):
        calibration.save("perfect", tmp_path / "no" / "s.yaml")


def test_network_files_and_mappings_are_calibrations_too(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text("os: ideal\nnodes: [{name: alice, device: {set: generic_squidasm_default}}]\n")
    network = calibration.load(path)
    assert network == calibration.load(network) == calibration.load(network.to_dict())
    assert network.sets == {"nodes.alice": "generic_squidasm_default"}
    as_json = tmp_path / "net.json"
    as_json.write_text(json.dumps(network.to_dict()))
    assert calibration.load(as_json) == network


# --- what is refused ------------------------------------------------------------------------------------


def changed(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1
    return text.replace(old, new)


SNAPSHOT_FAULTS: list[tuple[Callable[[str], str], str]] = [
    (
        lambda text: changed(text, "qnos_calibration: 1", "qnos_calibration: 2"),
        f"1: qnos_calibration is 2, a format that qnos {qnos.__version__} does not read "
        f"(written by {qnos.__version__}); allowed: 1",
    ),
    (
        lambda text: changed(text, "qnos_calibration: 1", "qnos_calibration: true"),
        "1: qnos_calibration is True, a format",
    ),
    (
        lambda text: changed(text, "qnos_calibration: 1", "qnos_calibration: one"),
        "1: qnos_calibration is 'one', a format",
    ),
    (lambda text: text[: text.index("links:")], "4: network is not what was saved: the file was cut short"),
    (lambda text: text[:-6], "4: network is not what was saved"),
    (lambda text: text[: text.index("sha256")], "1: sha256 is missing"),
    (lambda text: changed(text, "  - bob\n", "  - [bob\n"), "is not YAML"),
    (lambda text: changed(text, "fidelity: 0.95", "fidelity: 0.96"), "4: network is not what was saved"),
    (lambda text: changed(text, "network:\n", "network: 3\nmore:\n"), "4: network is 3; allowed: a mapping"),
    (lambda text: text + "extra: 1\n", "extra is no field of a calibration snapshot"),
]


@pytest.mark.parametrize(("damage", "message"), SNAPSHOT_FAULTS)
def test_damaged_snapshot_is_one_message(damage: Callable[[str], str], message: str, tmp_path: Path) -> None:
    path = calibration.save("two_generic", tmp_path / "s.yaml")
    path.write_text(damage(path.read_text()))
    with pytest.raises(ConfigError) as raised:
        calibration.load(path)
    assert message in str(raised.value)
    assert str(raised.value).startswith(f"{path}:") and "\n" not in str(raised.value)


def test_no_part_of_a_snapshot_passes_for_the_whole(tmp_path: Path) -> None:
    whole = calibration.save("two_generic", tmp_path / "s.yaml").read_text()
    cut = tmp_path / "cut.yaml"
    for length in range(len(whole.rstrip())):
        cut.write_text(whole[:length])
        with pytest.raises(ConfigError):
            calibration.load(cut)


@pytest.mark.parametrize("keep", [0, 1, 40, 700, -3])
def test_damaged_result_is_one_message(keep: int, tmp_path: Path) -> None:
    path = result_of(load_network("perfect")).save(tmp_path)
    path.write_text(path.read_text()[:keep])
    with pytest.raises(ConfigError) as raised:
        calibration.load(path)
    assert str(raised.value).startswith(f"{path}: is damaged: ")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("r.json", '{"app": "x"}', "r.json: has no calibration; allowed: a result that qnos run saved"),
        ("r.json", '{"calibration": 3}', "r.json: calibration: is 3; allowed: a mapping of nodes, os"),
        ("r.json", '{"calibration": {}}', "r.json: calibration: nodes is missing"),
        ("r.json", "[1]", "r.json: is [1]; allowed: a mapping of nodes, os"),
        ("r.json", "nodes: 3", "r.json: is damaged: JSON is malformed"),
        ("s.yaml", "", "s.yaml: is empty"),
        ("s.yaml", "{a", "s.yaml:2: is not YAML"),
    ],
)
def test_file_that_is_no_calibration_is_one_message(
    name: str, text: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        calibration.load(path)
    assert message in str(raised.value)


def test_value_that_this_version_does_not_take_is_told_with_its_line(tmp_path: Path) -> None:
    network = load_network("two_generic").to_dict()
    network["links"][0]["fidelity"] = 7
    snapshot = {
        "qnos_calibration": 1,
        "qnos_version": "9.9",
        "sha256": calibration.digest(network),
        "network": network,
    }
    path = tmp_path / "s.yaml"
    path.write_text(yaml.safe_dump(snapshot, sort_keys=False))
    line = path.read_text()[: path.read_text().index("fidelity: 7")].count("\n") + 1
    with pytest.raises(ConfigError, match=rf"s\.yaml:{line}: links\[0\]\.fidelity is 7; allowed: a number"):
        calibration.load(path)


# --- comparing ------------------------------------------------------------------------------------------


def test_each_change_of_one_value_is_the_only_difference() -> None:
    network = load_network("two_generic")
    for path, value in calibration.parameters(network).items():
        if not isinstance(value, float):
            continue
        other = value / 2 if value else 0.5
        found = calibration.differences(network, with_values(network, {path: other}))
        assert found == [Difference(path, value, other)]


def test_paths_are_those_that_a_run_may_change() -> None:
    data = load_network("complete4").to_dict()
    for path in calibration.parameters(load_network("complete4")):
        if path != "os.preset":
            set_path(data, path, 0)


def test_names_order_and_absence_are_differences(odd: NetworkConfig) -> None:
    found = {each.path: each[1:] for each in calibration.differences("three_generic", odd)}
    assert found["name"] == ("three_generic", "odd")
    assert found["nodes.alice.device.t1_ns"] == (1e10, math.inf)
    assert found["links.alice-charlie.kind"] == ("depolarise", "perfect")
    assert found["links.alice-charlie.fidelity"] == (0.95, ABSENT)
    assert found["links.alice-charlie.delay_ns"] == (ABSENT, 1e-3)
    assert found["links"][1] == ["alice-bob", "charlie-alice", "bob-charlie"]  # which end is which
    assert found["channels.alice-bob.cnpu_cnpu_ns"] == (ABSENT, 5)
    assert found["addresses.world"] == (ABSENT, "tcp://127.0.0.1:5001")
    data = load_network("two_generic").to_dict()
    data["nodes"].reverse()
    turned = [Difference("nodes", ["alice", "bob"], ["bob", "alice"])]
    assert calibration.differences(load_network("two_generic"), data) == turned


def test_a_network_does_not_differ_from_itself(odd: NetworkConfig) -> None:
    assert calibration.differences(odd, odd) == []


# --- showing --------------------------------------------------------------------------------------------


def rows_of(network: NetworkConfig) -> dict[str, list[tuple[str, Any, str]]]:
    return {section.title: [tuple(row) for row in section.rows] for section in sections(network)}


def test_every_parameter_is_shown_in_its_section(odd: NetworkConfig) -> None:
    shown = rows_of(odd)
    inputs = {
        title: {name: value for name, value, meaning in rows if "derived" not in meaning}
        for title, rows in shown.items()
    }
    assert inputs["device of bob"] == odd.to_dict()["nodes"][1]["device"]
    assert inputs["link charlie-alice"] == {"kind": "perfect", "delay_ns": 1e-3}
    assert inputs["channel bob-alice"] == {"cnpu_cnpu_ns": 5, "qnpu_qnpu_ns": None, "qnpu_loss": 0.0}
    assert inputs["os.cnpu"] == odd.to_dict()["os"]["cnpu"]
    assert inputs["testing"]["jitter_ns"] == 7
    assert inputs["hosts"] == {"addresses.world": "tcp://127.0.0.1:5001"}
    assert "hosts" not in rows_of(load_network("perfect"))


def test_what_follows_from_the_parameters_is_marked_as_derived() -> None:
    shown = rows_of(load_network("two_generic"))
    assert ("mean_pair_ns", 100_000, "100 us, derived") in shown["link alice-bob"]
    assert ("communication qubits", 5, "derived") in shown["device of alice, bob"]
    assert ("cnot, cphase: duration_ns", 100_000, "100 us, derived") in shown["device of alice, bob"]
    assert ("t2_ns", 1e9, "1 s") in shown["device of alice, bob"]
    nv = rows_of(load_network("two_nv"))["device of alice, bob"]
    assert ("init: duration_ns", 2_000, "2 us, derived") in nv
    assert ("init of memory qubits: duration_ns", 310_000, "310 us, derived") in nv


def test_equal_devices_and_links_share_a_section() -> None:
    titles = [section.title for section in sections(load_network("star6"))]
    assert "device of hub" in titles
    assert "device of leaf1, leaf2, leaf3, leaf4, leaf5" in titles
    assert "link hub-leaf1, hub-leaf2, hub-leaf3, hub-leaf4, hub-leaf5" in titles


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (25_226_185.94, "25_226_185.94"), (1e10, "10_000_000_000"), (0.95, "0.95"), (math.inf, ".inf"),
        (0.1 + 0.2, "0.30000000000000004"), (1e-15, "1e-15"), (1e22, "1e+22"), (0.0, "0"), (7, "7"),
        (10_000, "10_000"), (None, "null"), (True, "true"), ("each", "each"),
    ],
)  # fmt: skip
def test_values_are_shown_with_every_digit(value: object, text: str) -> None:
    assert fields.exact(value) == text


# --- the commands ---------------------------------------------------------------------------------------


def test_show_prints_parameters_and_what_they_amount_to(invoke: Invoke) -> None:
    lines = [line.split() for line in invoke("calibration", "show", "two_generic").stdout.splitlines()]
    assert lines[0] == ["network"]
    assert ["t2_ns", "1_000_000_000", "1", "s"] in lines
    assert ["mean_pair_ns", "100_000", "100", "us,", "derived"] in lines


def test_save_and_diff_speak_as_diff_does(invoke: Invoke) -> None:
    assert invoke("calibration", "save", "two_generic", "s.yaml").stdout == "saved    s.yaml\n"
    same = invoke("calibration", "diff", "two_generic", "s.yaml")
    assert (same.exit_code, same.stdout, same.stderr) == (0, "", "")
    other = invoke("calibration", "diff", "two_generic_werner", "s.yaml")
    assert other.exit_code == 1
    assert ["links.alice-bob.fidelity", "0.9", "0.95"] in [line.split() for line in other.stdout.splitlines()]
    broken = invoke("calibration", "diff", "two_generic", "none.yaml")
    assert broken.exit_code == 2
    assert broken.stderr.startswith("Error: none.yaml: no such file")


def test_run_takes_exactly_the_parameters_of_a_calibration(invoke: Invoke, simulated: Simulated) -> None:
    invoke("run", "teleport", "--shots", "4", "--set-network", "links.*.fidelity=0.8125")
    saved = next(Path("qnos-results").iterdir())
    calibration.save(saved, "s.yaml")
    for source in (str(saved), "s.yaml"):
        again = invoke("run", "teleport", "--shots", "4", "--calibration", source)
        assert again.exit_code == 0, again.stderr
        assert again.stdout.startswith(f"values   {source}\n")
        assert simulated.calls[-1]["network"] == simulated.calls[0]["network"]
    assert simulated.calls[0]["network"].links[0].model.fidelity == 0.8125


def test_run_says_what_it_changed_on_top_of_a_calibration(invoke: Invoke, simulated: Simulated) -> None:
    done = invoke(
        "run", "teleport", "--shots", "4", "--calibration", "perfect", "--set-network", "os=qnodeos"
    )
    assert done.stdout.startswith("values   perfect, but os=qnodeos\n")
    assert simulated.calls[0]["network"].os.preset == "qnodeos"


@pytest.mark.parametrize(
    "other", [["--network", "perfect"], ["--at", "net.yaml"], ["-n", "two_generic"]], ids=" ".join
)
def test_a_calibration_goes_without_a_network(invoke: Invoke, simulated: Simulated, other: list[str]) -> None:
    done = invoke("run", "teleport", "--calibration", "perfect", *other)
    assert done.exit_code == 2
    assert "--calibration says what to run on; it goes without --network and --at" in done.stderr


def test_a_damaged_calibration_runs_nothing(invoke: Invoke, simulated: Simulated) -> None:
    Path("r.json").write_text('{"app": ')
    done = invoke("run", "teleport", "--calibration", "r.json")
    assert (done.exit_code, simulated.calls) == (1, [])
    assert done.stderr == "Error: r.json: is damaged: Input data was truncated\n"

"""Parameter sets: what a shipped one must say, and how a network file uses one."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from qdriver.generic import GenericConfig
from qdriver.nv import NvConfig
from qnos import fields
from qnos.config import NetworkConfig
from qnos.loading import load_network, shipped_networks
from qnos.sets import SHIPPED, ParameterSet, load_set, shipped_sets
from qruntime.errors import ConfigError
from qworld.links import DepolariseLink

ROOT = Path(__file__).parents[3]
SHIPPED_SETS = [(family, name) for family in SHIPPED for name in shipped_sets(family)]

OWN = """\
about: two qubits in our laboratory
kind: generic
parameters:
  t1_ns: 2e9
  t2_ns: 1e9
  measure_ns: 7_000
sources:
  default: measured on a Monday
  t2_ns: measured on a Tuesday
"""

NETWORK = """\
os: ideal
nodes:
  - name: alice
    device: {set: generic_squidasm_default}
  - name: bob
    device:
      set: generic_squidasm_default
      num_qubits: 3
links:
  - nodes: [alice, bob]
    set: netqasm_study
    fidelity: 0.95
"""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Puts text into a file of a directory that is not the working directory."""
    lab = tmp_path / "lab"
    lab.mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    def write_file(text: str, name: str = "net.yaml") -> Path:
        (lab / name).write_text(text, "utf-8")
        return lab / name

    return write_file


def matters(row: fields.Row) -> bool:
    """Whether a device or link is another if this is left out: its default is neither off nor nothing."""
    return row.default not in ("0", "false", "null", ".inf", "none", "[]")


# --- the shipped sets -----------------------------------------------------------------------------------


@pytest.fixture(params=SHIPPED_SETS, ids=lambda shipped: shipped[1])
def shipped(request: pytest.FixtureRequest) -> ParameterSet:
    family, name = request.param
    return load_set(name, family)


def test_shipped_set_has_a_plain_name_and_says_in_a_sentence_what_it_is(shipped: ParameterSet) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", shipped.name)
    assert shipped.about.endswith(".") and "\n" not in shipped.about


def test_shipped_set_states_every_parameter_that_matters(shipped: ParameterSet) -> None:
    needed = {row.name for row in fields.rows(shipped.schema) if matters(row)}
    assert needed - shipped.parameters.keys() == set()


def test_every_parameter_of_a_shipped_set_has_a_source(shipped: ParameterSet) -> None:
    assert [name for name in shipped.parameters if not shipped.source(name).strip()] == []


def test_shipped_set_makes_a_network_with_its_values_and_nothing_beside(shipped: ParameterSet) -> None:
    device = {"set": shipped.name} if shipped.family == "device" else {"kind": "generic"}
    link = {"set": shipped.name} if shipped.family == "link" else {"kind": "perfect"}
    nodes = [{"name": name, "device": device} for name in ("alice", "bob")]
    network = load_network({"os": "ideal", "nodes": nodes, "links": [{"nodes": ["alice", "bob"], **link}]})
    data = network.to_dict()
    found = data["nodes"][1]["device"] if shipped.family == "device" else data["links"][0]
    assert found["kind"] == shipped.kind
    values = {name: found[name] for name in shipped.parameters}
    assert {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()} == shipped.parameters
    assert "set" not in found


def test_no_name_is_both_that_of_a_device_and_that_of_a_link() -> None:
    names = [name for _, name in SHIPPED_SETS]
    assert len(names) == len(set(names)) >= 11


def test_every_directory_of_configurations_is_in_the_wheel() -> None:
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    used = {path.parent.name for path in (ROOT / "configs").rglob("*.yaml")}
    assert used == {"devices", "links", "networks", "schedules"}
    for name in used:
        assert f"qnos.shipped.configs.{name}" in packages
        assert (ROOT / "configs" / name / "__init__.py").is_file()


@pytest.mark.parametrize(
    ("name", "mean_ns", "fidelity"),
    [
        ("metropolitan_delft_den_haag", 35.98e6, 0.95),
        ("metropolitan_rotterdam_den_haag", 222.9e6, 0.95),
        ("metropolitan_rotterdam_leiden", 1.408e9, 0.95),
        ("metropolitan_150_km", 6.196e9, 0.95),
        ("metropolitan_200_km", 25.23e9, 0.95),
        ("nv_bench", 2.3e9, 0.828),
        ("netqasm_study", 20_000, 0.9),
        ("werner_example", 100_000, 0.95),
    ],
)
def test_links_make_pairs_as_often_and_as_good_as_published(
    name: str, mean_ns: float, fidelity: float
) -> None:
    found = load_set(name, "link").parameters
    assert found["cycle_ns"] / found["success_probability"] == pytest.approx(mean_ns, rel=1e-3)
    assert found["fidelity"] == fidelity


# SquidASM's values are the defaults of our generic device, so a change of these must not go unnoticed.
def test_generic_sets_have_the_published_values() -> None:
    def device(name: str) -> GenericConfig:
        return GenericConfig(**load_set(name, "device").parameters)

    assert device("generic_squidasm_default") == GenericConfig(
        num_qubits=2,
        t1_ns=10e9,
        t2_ns=1e9,
        init_ns=10_000,
        single_qubit_gate_ns=1_000,
        two_qubit_gate_ns=100_000,
        measure_ns=10_000,
        two_qubit_gate_depolarise=0.01,
    )
    assert device("generic_squidasm_example") == GenericConfig(
        single_qubit_gate_depolarise=0.01, two_qubit_gate_depolarise=0.1
    )
    assert device("generic_qoala_default") == GenericConfig(
        t1_ns=1e9,
        t2_ns=1e8,
        init_ns=5_000,
        single_qubit_gate_ns=5_000,
        two_qubit_gate_ns=200_000,
        measure_ns=5_000,
        two_qubit_gate_depolarise=0,
    )


# As published, where that says anything: times in s, fidelities of Qoala as p = 2 (1 - F) and 4 (1 - F)/3.
NV_COLUMNS = (
    "electron_t1", "electron_t2", "carbon_t1", "carbon_t2", "electron_init_depolarise", "electron_init",
    "electron_gate_depolarise", "electron_gate", "readout_error_0", "readout_error_1", "measure",
    "carbon_init_depolarise", "carbon_init", "carbon_rot_xy_depolarise", "carbon_rot_xy",
    "carbon_rot_z_depolarise", "carbon_rot_z", "electron_carbon_depolarise", "electron_carbon",
)  # fmt: skip
NV_PUBLISHED = {
    "nv_netqasm_study": (
        3600, 1.46, 36000, 1, 0.05, 2e-6, 0, 5e-9, 0.05, 0.005, 3.7e-6, 0.05, 310e-6, 0.001, 500e-6,
        0.001, 5e-9, 0.008, 500e-6,
    ),
    "nv_2207_10579": (
        3600, 0.5, 36000, 1, 0.01, 2e-6, 0.01, 5e-9, 0.07, 0.005, 3.7e-6, 0.02, 300e-6, 0.002, 20e-6,
        0.002, 20e-6, 0.06, 500e-6,
    ),
    "nv_squidasm_tutorial": (
        1, 0.3, 150, 1.5, 0.05, 2e-6, 0.01, 5e-9, 0.05, 0.005, 3.7e-6, 0.05, 310e-6, 0.001, 500e-6,
        0.001, 500e-6, 0.008, 500e-6,
    ),
    "nv_delft_2019": (
        3600, 1.46, 36000, 1, 0.02, None, 0, None, 0.05, 0.005, None, 0.006, None, None, None,
        0.00133, None, 0.02, None,
    ),
    "nv_computaex_2026": (
        3600, 1.58, 36000, 37, 0.0253, 2e-6, 0.00093, 144e-9, 0.001, 0.01, 190e-6, 0.168, 310e-6, None,
        3e-6, 0.0008, 100e-6, 0.0008, 700e-6,
    ),
    "nv_qoala_default": (
        3600, 0.5, 35000, 1, None, 300e-9, None, 300e-9, None, None, 300e-9, None, 1.2e-3, None, 1.2e-3,
        None, 1.2e-3, None, 1e-3,
    ),
    "nv_qoala_bench": (
        0, 0.013, 0, 0.013, 2 * 0.005, 20e-6, 2 * 0.005, 20e-6, *[None] * 9, 4 * 0.03 / 3, 500e-6,
    ),
    "nv_qnodeos": (None, 0.013, *[None] * 17),
}  # fmt: skip


@pytest.mark.parametrize("name", NV_PUBLISHED)
def test_nv_sets_have_the_published_values_and_say_where_there_are_none(name: str) -> None:
    found = load_set(name, "device")
    NvConfig(**found.parameters)
    for column, published in zip(NV_COLUMNS, NV_PUBLISHED[name], strict=True):
        per_unit = 1 if column in found.parameters else 1e9
        parameter = column if column in found.parameters else f"{column}_ns"
        source = found.source(parameter)
        taken = re.search(r"; (off|as in|that of)|of no effect", source) is not None
        assert taken == (published is None), f"{parameter}: {source}"
        if published is not None:
            assert found.parameters[parameter] == pytest.approx(published * per_unit, rel=1e-12), parameter
        elif "as in" in source:
            other = load_set(source.rpartition(" ")[2].partition(",")[0], "device")
            assert found.parameters[parameter] == other.parameters[parameter], parameter


def test_defaults_of_an_nv_centre_are_those_of_squidasm() -> None:
    tutorial = NvConfig(**load_set("nv_squidasm_tutorial", "device").parameters)
    assert msgspec.structs.replace(tutorial, electron_gate_depolarise=0) == NvConfig()


# --- their use ------------------------------------------------------------------------------------------


def test_keys_beside_a_set_override_single_parameters(write: Write) -> None:
    network = load_network(write(NETWORK))
    alice, bob = (node.device.parameters for node in network.nodes)
    assert alice == GenericConfig()
    assert bob == GenericConfig(num_qubits=3)
    assert network.links[0].kind == "depolarise"
    assert network.links[0].model == DepolariseLink(fidelity=0.95, success_probability=0.5, cycle_ns=10_000)


def test_network_holds_every_value_and_remembers_the_sets_for_people(write: Write) -> None:
    network = load_network(write(NETWORK))
    assert network.sets == {
        "nodes.alice": "generic_squidasm_default",
        "nodes.bob": "generic_squidasm_default, num_qubits 3",
        "links.alice-bob": "netqasm_study, fidelity 0.95",
    }
    assert "set" not in network.to_dict()["nodes"][0]["device"]
    again = load_network(network.to_dict())
    assert isinstance(again, NetworkConfig) and again == network and again.sets == {}


def test_networks_of_different_values_differ_whatever_their_sets(write: Write) -> None:
    network = load_network(write(NETWORK))
    assert network != load_network(write(NETWORK.replace("fidelity: 0.95", "fidelity: 0.94")))
    assert network != "net"


def test_a_set_of_your_own_is_found_beside_the_network_file(write: Write) -> None:
    write(OWN, "ours.yaml")
    text = NETWORK.replace("{set: generic_squidasm_default}", "{set: ours.yaml, t1_ns: .inf}")
    device = load_network(write(text)).nodes[0].device.parameters
    assert device == GenericConfig(t1_ns=math.inf, t2_ns=1e9, measure_ns=7_000)


def test_a_set_may_leave_to_the_network_what_it_does_not_know(write: Write) -> None:
    write("about: x\nkind: depolarise\nparameters: {cycle_ns: 5}\n", "part.yaml")
    whole = NETWORK.replace("set: netqasm_study", "set: part.yaml\n    success_probability: 1")
    assert load_network(write(whole)).links[0].model.cycle_ns == 5
    with pytest.raises(ConfigError, match=r"net\.yaml:10: links\[0\]\.success_probability is missing; "):
        load_network(write(NETWORK.replace("set: netqasm_study", "set: part.yaml")))


def test_kind_beside_a_set_must_be_that_of_the_set(write: Write) -> None:
    same = NETWORK.replace("set: netqasm_study", "set: netqasm_study\n    kind: depolarise")
    assert load_network(write(same)).links[0].kind == "depolarise"
    with pytest.raises(ConfigError) as raised:
        load_network(write(same.replace("kind: depolarise", "kind: perfect")))
    assert str(raised.value).endswith(
        "net.yaml:12: links[0].kind is 'perfect', but the set netqasm_study is of kind depolarise; "
        "allowed: depolarise, or no kind beside a set"
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "set: netqasm_study",
            "set: netqasm_studdy",
            "net.yaml:11: links[0].set cannot be used: 'netqasm_studdy' is no parameter set of a link; "
            "did you mean netqasm_study? allowed: double_click_colour_centre, ",
        ),
        (
            "{set: generic_squidasm_default}",
            "{set: netqasm_study}",
            "net.yaml:4: nodes[0].device.set cannot be used: 'netqasm_study' is no parameter set of a dev",
        ),
        ("set: netqasm_study", "set: [a]", "net.yaml:11: links[0].set is ['a']; allowed: double_click_"),
        (
            "set: netqasm_study",
            "set: none/such.yaml",
            "net.yaml:11: links[0].set cannot be used: none/such.yaml: cannot be read: No such file",
        ),
        (
            "num_qubits: 3",
            "qubits: 3",
            "net.yaml:8: nodes[1].device.qubits is no field of a generic device; did you mean num_qubits?",
        ),
        (
            "num_qubits: 3",
            "t1_ns: 10",
            "net.yaml:6: nodes[1].device.t2_ns is 1e+09; with t1_ns 10 at most 20 is physical",
        ),
    ],
)  # fmt: skip
def test_mistake_in_the_use_of_a_set_is_told_where_it_was_made(
    write: Write, old: str, new: str, message: str
) -> None:
    assert NETWORK.count(old) == 1
    with pytest.raises(ConfigError) as raised:
        load_network(write(NETWORK.replace(old, new)))
    assert message in str(raised.value)
    assert raised.value.data["field"].startswith(("links[0]", "nodes["))  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("t1_ns: 2e9", "t1: 2e9", "ours.yaml:4: parameters.t1 is no field of a generic device; did you mean"),
        ("t1_ns: 2e9", "t1_ns: -1", "ours.yaml:4: parameters.t1_ns is -1; allowed: a number of at least 0"),
        ("t1_ns: 2e9", "t1_ns: 1e3", "ours.yaml:5: parameters.t2_ns is 1e+09; with t1_ns 1000 at most"),
        ("kind: generic", "kind: genric", "ours.yaml:2: kind is 'genric', which is no known hardware"),
        ("kind: generic\n", "", "ours.yaml:1: kind is missing; allowed: text"),
        ("about: two qubits in our laboratory", "about: ''", "ours.yaml:1: about is ''; allowed: text"),
        ("parameters:", "parameter:", "ours.yaml:3: parameter is no field of a parameter set; did you mean"),
        ("  t2_ns: measured on", "  t3_ns: measured on", "ours.yaml:9: sources.t3_ns is no parameter"),
        ("  t2_ns: measured on a Tuesday", "  t2_ns: 7", "ours.yaml:7: sources is "),
        (OWN, "[", "ours.yaml:2: is not YAML: "),
        (OWN, "7", "ours.yaml:1: is 7; allowed: a mapping of about, kind, parameters, sources"),
    ],
)  # fmt: skip
def test_mistake_in_a_set_is_told_with_its_line(write: Write, old: str, new: str, message: str) -> None:
    assert OWN.count(old) == 1
    path = write(OWN.replace(old, new), "ours.yaml")
    with pytest.raises(ConfigError) as alone:
        load_set(str(path), "device")
    assert message in str(alone.value)
    with pytest.raises(ConfigError) as used:
        load_network(write(NETWORK.replace("{set: generic_squidasm_default}", "{set: ours.yaml}")))
    assert message in str(used.value)


def test_source_of_a_parameter_is_its_own_or_that_of_all(write: Write) -> None:
    found = load_set(str(write(OWN, "ours.yaml")))
    assert (found.family, found.kind) == ("device", "generic")
    assert found.source("t1_ns") == "measured on a Monday"
    assert found.source("t2_ns") == "measured on a Tuesday"
    unsaid = load_set(str(write("about: x\nkind: perfect\nparameters: {delay_ns: 5}\n", "p.yaml")))
    assert (unsaid.family, unsaid.source("delay_ns")) == ("link", "")


def test_numbers_of_a_set_are_numbers_however_they_are_written(write: Write) -> None:
    found = load_set(str(write(OWN.replace("2e9", "'2e9'"), "ours.yaml")))
    assert found.parameters == {"t1_ns": 2e9, "t2_ns": 1e9, "measure_ns": 7_000}


@pytest.mark.parametrize("name", shipped_networks())
def test_shipped_networks_use_sets_for_what_is_noisy(name: str) -> None:
    network = load_network(name)
    assert bool(network.sets) == (name != "perfect")

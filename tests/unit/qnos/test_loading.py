"""Networks from files: what loads, and how each mistake is told."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from qdriver.generic import GenericConfig
from qnos.config import IDEAL, PRESETS, QNODEOS, Testing
from qnos.loading import load_network, set_path, shipped_networks, with_values
from qruntime.errors import ConfigError
from qworld.links import DepolariseLink, PerfectLink

GOOD = """\
os: ideal
nodes:
  - name: alice
    device:
      kind: generic
      num_qubits: 3
      t1_ns: 1e10
  - name: bob
    device: {kind: generic}
links:
  - nodes: [alice, bob]
    kind: depolarise
    fidelity: 0.9
    success_probability: 0.1
    cycle_ns: 10_000
channels:
  - nodes: [bob, alice]
    cnpu_cnpu_ns: 7
testing: {jitter_ns: 5}
"""

# What is replaced in GOOD, by what, and the message: line, field, what was found, what is allowed.
MISTAKES = [
    pytest.param(
        "      t1_ns: 1e10",
        "      t1ns: 1e10",
        "net.yaml:7: nodes[0].device.t1ns is no field of a generic device; did you mean t1_ns? allowed: "
        "num_qubits, t1_ns, t2_ns, depolarise_ns, init_ns, single_qubit_gate_ns, two_qubit_gate_ns, "
        "measure_ns, init_depolarise, single_qubit_gate_depolarise, two_qubit_gate_depolarise, "
        "two_qubit_noise, readout_error_0, readout_error_1, single_qubits, tick_ns",
        id="unknown field of a device",
    ),
    pytest.param(
        "    fidelity: 0.9",
        "    fidelty: 0.9",
        "net.yaml:13: links[0].fidelty is no field of a depolarise link; did you mean fidelity? allowed: "
        "fidelity, success_probability, cycle_ns, random_bell_state",
        id="unknown field of a link",
    ),
    pytest.param(
        "channels:",
        "chanels:",
        "net.yaml:16: chanels is no field of a network; did you mean channels? allowed: "
        "nodes, os, name, links, channels, testing",
        id="unknown field at the top",
    ),
    pytest.param(
        "{jitter_ns: 5}",
        "{jiter_ns: 5}",
        "net.yaml:19: testing.jiter_ns is no field of testing; did you mean jitter_ns? allowed: "
        "jitter_ns, permute_ranks",
        id="unknown field of testing",
    ),
    pytest.param(
        "      t1_ns: 1e10",
        "      t1_ns: long",
        "net.yaml:7: nodes[0].device.t1_ns is 'long'; allowed: a number of at least 0",
        id="text for a number",
    ),
    pytest.param(
        "      num_qubits: 3",
        "      num_qubits: 2.5",
        "net.yaml:6: nodes[0].device.num_qubits is 2.5; allowed: an integer from 1 to 1024",
        id="fraction for an integer",
    ),
    pytest.param(
        "      num_qubits: 3",
        "      num_qubits: 1000000000",
        "net.yaml:6: nodes[0].device.num_qubits is 1_000_000_000; allowed: an integer from 1 to 1024",
        id="more qubits than anybody has",
    ),
    pytest.param(
        "      num_qubits: 3",
        f"      num_qubits: 0x{'f' * 5000}",
        "net.yaml:6: nodes[0].device.num_qubits is an integer of 20000 bits; allowed: an integer from",
        id="integer that fills the screen",
    ),
    pytest.param(
        "      num_qubits: 3",
        f"      num_qubits: {'9' * 5000}",
        "net.yaml:6: has a value that cannot be read: Exceeds the limit",
        id="integer that is not read at all",
    ),
    pytest.param(
        "      num_qubits: 3",
        "      num_qubits: 2026-02-30",
        "net.yaml:6: has a value that cannot be read: day is out of range for month",
        id="date that is none",
    ),
    pytest.param(
        "      num_qubits: 3",
        "      num_qubits: !!bool perhaps",
        "net.yaml:6: has a value that cannot be read: 'perhaps'",
        id="tag that the value does not fit",
    ),
    pytest.param(
        "      num_qubits: 3",
        "      num_qubits: [3]",
        "net.yaml:6: nodes[0].device.num_qubits is [3]; allowed: an integer from 1 to 1024",
        id="list for an integer",
    ),
    pytest.param(
        "os: ideal",
        "os: {preset: ideal, cnpu: {submit_ns: 1e21}}",
        "net.yaml:1: os.cnpu.submit_ns is '1e21'; allowed: an integer from 0 to 1_000_000_000_000_000",
        id="cost longer than any run",
    ),
    pytest.param(
        "os: ideal",
        "os: {preset: ideal, latency: {cnpu_cnpu_ns: 10000000000000000000000}}",
        "net.yaml:1: os.latency.cnpu_cnpu_ns is 10_000_000_000_000_000_000_000; "
        "allowed: an integer from 0 to 1_000_000_000_000_000",
        id="latency longer than any run",
    ),
    pytest.param(
        "    cnpu_cnpu_ns: 7",
        "    cnpu_cnpu_ns: 10000000000000000",
        "net.yaml:18: channels[0].cnpu_cnpu_ns is 10_000_000_000_000_000; allowed: an integer from 0 to",
        id="latency of a pair longer than any run",
    ),
    pytest.param(
        "testing: {jitter_ns: 5}",
        "addresses: {world: 3}",
        "net.yaml:19: addresses is {'world': 3}; allowed: a mapping, each value text",
        id="wrong type inside of a mapping",
    ),
    pytest.param(
        "    fidelity: 0.9",
        "    fidelity: 1.5",
        "net.yaml:13: links[0].fidelity is 1.5; allowed: a number from 0.25 to 1",
        id="out of range",
    ),
    pytest.param(
        "    fidelity: 0.9",
        "    fidelity: .nan",
        "net.yaml:13: links[0].fidelity is nan; allowed: a number from 0.25 to 1",
        id="not a number",
    ),
    pytest.param(
        "    success_probability: 0.1",
        "    success_probability: 0",
        "net.yaml:14: links[0].success_probability is 0; allowed: a number from 1e-15 to 1",
        id="on an excluded bound",
    ),
    pytest.param(
        "    fidelity: 0.9\n",
        "",
        "net.yaml:11: links[0].fidelity is missing; allowed: a number from 0.25 to 1 "
        "(fidelity of the heralded pair)",
        id="missing field",
    ),
    pytest.param(
        "{kind: generic}",
        "{kind: genric}",
        "net.yaml:9: nodes[1].device.kind is 'genric', which is no known hardware; did you mean generic? "
        "allowed: ",
        id="unknown device kind",
    ),
    pytest.param(
        "{kind: generic}",
        "{num_qubits: 3}",
        "net.yaml:9: nodes[1].device.kind is missing; allowed: ",
        id="no device kind",
    ),
    pytest.param(
        "{kind: generic}",
        "{kind: 7}",
        "net.yaml:9: nodes[1].device.kind is 7; allowed: ",
        id="device kind that is no text",
    ),
    pytest.param(
        "{kind: generic}",
        "{kind: 'no_such_module:Class'}",
        "net.yaml:9: nodes[1].device.kind is 'no_such_module:Class': ",
        id="device plug-in that cannot be loaded",
    ),
    pytest.param(
        "{kind: generic}",
        "{kind: '..module:Class'}",
        "net.yaml:9: nodes[1].device.kind is '..module:Class': device kind '..module:Class' cannot be "
        "loaded: TypeError: ",
        id="device plug-in of no package",
    ),
    pytest.param(
        "{kind: generic}",
        "generic",
        "net.yaml:9: nodes[1].device is 'generic'; allowed: a mapping",
        id="device that is no mapping",
    ),
    pytest.param(
        "      t1_ns: 1e10",
        "      t1_ns: 10\n      t2_ns: 30",
        "net.yaml:8: nodes[0].device.t2_ns is 30; with t1_ns 10 at most 20 is physical",
        id="unphysical coherence times",
    ),
    pytest.param(
        "    kind: depolarise",
        "    kind: depolarize",
        "net.yaml:12: links[0].kind is 'depolarize', which is no known kind of link; "
        "did you mean depolarise? allowed: perfect, depolarise",
        id="unknown link kind",
    ),
    pytest.param(
        "os: ideal",
        "os: idael",
        "net.yaml:1: os is 'idael', which is no preset; did you mean ideal? allowed: ideal, qnodeos",
        id="unknown preset",
    ),
    pytest.param(
        "os: ideal",
        "os: {preset: quick}",
        "net.yaml:1: os.preset is 'quick', which is no preset; allowed: ideal, qnodeos",
        id="unknown preset in a mapping",
    ),
    pytest.param(
        "os: ideal",
        "os: {cnpu: {submit_ns: 5}}",
        "net.yaml:1: os.preset is missing; allowed: text (costs to start from: ideal or qnodeos)",
        id="os without preset",
    ),
    pytest.param(
        "os: ideal\n",
        "",
        "net.yaml:1: os is missing; allowed: the name of a preset (ideal, qnodeos) or a mapping with one",
        id="no os",
    ),
    pytest.param(
        "os: ideal",
        "os:\n  preset: ideal\n  qnpu:\n    gate_nanoseconds: 5",
        "net.yaml:4: os.qnpu.gate_nanoseconds is no field of os.qnpu; did you mean ",
        id="unknown cost",
    ),
    pytest.param(
        "os: ideal",
        "os: {preset: ideal, latency: {cnpu_qnpu_ns: -1}}",
        "net.yaml:1: os.latency.cnpu_qnpu_ns is -1; allowed: an integer from 0 to 1_000_000_000_000_000",
        id="negative cost",
    ),
    pytest.param(
        "os: ideal",
        "os: {preset: ideal, qnpu: {epr_start: never}}",
        "net.yaml:1: os.qnpu.epr_start is 'never'; allowed: one of ",
        id="no such choice",
    ),
    pytest.param(
        "os: ideal",
        "os: [ideal]",
        "net.yaml:1: os is ['ideal']; allowed: a mapping of preset",
        id="os a list",
    ),
    pytest.param(
        "  - name: bob",
        "  - name: alice",
        "net.yaml:8: nodes[1].name is 'alice', already used in line 3; allowed: each name once",
        id="duplicate node",
    ),
    pytest.param(
        "  - name: bob",
        "  - name: world",
        "net.yaml:8: nodes[1].name is 'world', which is reserved; allowed: any other name",
        id="reserved name",
    ),
    pytest.param(
        "  - name: bob",
        "  - name: 9bob",
        "net.yaml:8: nodes[1].name is '9bob'; allowed: text of at most 32 characters matching "
        "^[A-Za-z][A-Za-z0-9_-]*$",
        id="name that is none",
    ),
    pytest.param(
        "  - name: bob",
        f"  - name: {'b' * 33}",
        f"net.yaml:8: nodes[1].name is '{'b' * 33}'; allowed: text of at most 32 characters",
        id="name too long",
    ),
    pytest.param(
        "  - nodes: [alice, bob]",
        "  - nodes: [alice, bbo]",
        "net.yaml:11: links[0].nodes[1] is 'bbo', which is no node; did you mean bob? allowed: alice, bob",
        id="dangling link",
    ),
    pytest.param(
        "  - nodes: [alice, bob]",
        "  - nodes: [alice, alice]",
        "net.yaml:11: links[0].nodes joins alice to itself; allowed: two different nodes",
        id="self link",
    ),
    pytest.param(
        "  - nodes: [alice, bob]",
        "  - nodes: [alice]",
        "net.yaml:11: links[0].nodes is ['alice']; allowed: a list of two names of alice, bob",
        id="link with one end",
    ),
    pytest.param(
        "  - nodes: [alice, bob]\n    kind: depolarise",
        "  - kind: depolarise",
        "net.yaml:11: links[0].nodes is missing; allowed: a list of two names of alice, bob",
        id="link without ends",
    ),
    pytest.param(
        "channels:",
        "  - {nodes: [bob, alice], kind: perfect}\nchannels:",
        "net.yaml:16: links[1].nodes joins bob and alice, already joined in line 11; allowed: each pair once",
        id="duplicate link",
    ),
    pytest.param(
        "  - nodes: [bob, alice]",
        "  - nodes: [bob, carol]",
        "net.yaml:17: channels[0].nodes[1] is 'carol', which is no node; allowed: alice, bob",
        id="dangling channel",
    ),
    pytest.param(
        "    cnpu_cnpu_ns: 7",
        "    cnpu_cnpu_ns: -7",
        "net.yaml:18: channels[0].cnpu_cnpu_ns is -7; allowed: an integer from 0 to 1_000_000_000_000_000",
        id="negative latency",
    ),
    pytest.param(
        "    fidelity: 0.9",
        "    fidelity: 0.9\n    fidelity: 0.8",
        "net.yaml:14: fidelity is given twice, first in line 13; allowed: each key once",
        id="duplicate key",
    ),
    pytest.param(
        "    fidelity: 0.9",
        "    7: 0.9",
        "net.yaml:13: key '7' is not text; a field name is expected",
        id="key that is no text",
    ),
    pytest.param("    fidelity: 0.9", "    fidelity: [0.9", "net.yaml:14: is not YAML: ", id="not YAML"),
    pytest.param(
        "    fidelity: 0.9",
        "    fidelity: !!python/name:os.system",
        "net.yaml:13: is not YAML: could not determine a constructor",
        id="code instead of a value",
    ),
    pytest.param(
        "    fidelity: 0.9", "    fidelity: \x01", "net.yaml: is not YAML: ", id="control character"
    ),
    pytest.param(GOOD, "null\n", "net.yaml:1: is null; allowed: a mapping of nodes, os,", id="null"),
    pytest.param(
        GOOD, GOOD + "---\n" + GOOD, "net.yaml:20: is not YAML: but found another", id="two documents"
    ),
    pytest.param(
        GOOD, "# nothing\n", "net.yaml: is empty; a mapping of settings is expected", id="empty file"
    ),
    pytest.param(GOOD, "- a\n- b\n", "net.yaml:1: is ['a', 'b']; allowed: a mapping of nodes", id="a list"),
    pytest.param(
        GOOD,
        "os: ideal\nnodes: []\n",
        "net.yaml:2: nodes is []; allowed: a list of at least 1, each",
        id="no nodes",
    ),
    pytest.param(
        GOOD,
        "os: ideal\n",
        "net.yaml:1: nodes is missing; allowed: a list of at least 1, each",
        id="nodes absent",
    ),
    pytest.param(
        GOOD,
        "os: ideal\nnodes: 3\n",
        "net.yaml:2: nodes is 3; allowed: a list of at least 1, each",
        id="nodes a number",
    ),
]

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Puts text into net.yaml in the working directory."""
    monkeypatch.chdir(tmp_path)

    def write_network(text: str) -> Path:
        Path("net.yaml").write_text(text, "utf-8")
        return Path("net.yaml")

    return write_network


def test_a_file_gives_a_typed_network(write: Write) -> None:
    network = load_network(write(GOOD))
    assert network.name == "net"
    assert network.os == IDEAL
    assert network.node_names == ("alice", "bob")
    assert network.nodes[0].device.kind == "generic"
    assert network.nodes[0].device.parameters == GenericConfig(num_qubits=3, t1_ns=1e10)
    assert network.nodes[1].device.parameters == GenericConfig()
    (link,) = network.links
    assert (link.nodes, link.kind) == (("alice", "bob"), "depolarise")
    assert link.model == DepolariseLink(fidelity=0.9, success_probability=0.1, cycle_ns=10_000)
    assert network.testing == Testing(jitter_ns=5)


def test_latencies_of_a_pair_override_those_of_the_os_in_either_order(write: Write) -> None:
    network = load_network(write(GOOD.replace("os: ideal", "os: qnodeos")))
    assert network.cnpu_latency_ns("alice", "bob") == network.cnpu_latency_ns("bob", "alice") == 7
    assert network.qnpu_latency_ns("alice", "bob") == 320_000


def test_links_are_found_in_either_order(write: Write) -> None:
    network = load_network(write(GOOD))
    assert network.link_between("bob", "alice") is network.links[0]
    assert network.link_between("alice", "alice") is None


def test_name_in_the_file_wins_over_that_of_the_file(write: Write) -> None:
    assert load_network(write("name: lab\n" + GOOD)).name == "lab"


@pytest.mark.parametrize(("old", "new", "message"), MISTAKES)
def test_mistake_is_told_with_line_field_found_and_allowed(
    write: Write, old: str, new: str, message: str
) -> None:
    assert GOOD.count(old) == 1
    with pytest.raises(ConfigError) as raised:
        load_network(write(GOOD.replace(old, new)))
    assert str(raised.value).startswith(message)


def test_error_carries_its_facts_as_data(write: Write) -> None:
    with pytest.raises(ConfigError) as raised:
        load_network(write(GOOD.replace("fidelity: 0.9", "fidelity: 2")))
    assert raised.value.data == {"file": "net.yaml", "line": 13, "field": "links[0].fidelity"}


def test_mistake_in_a_mapping_is_told_by_field_alone() -> None:
    with pytest.raises(ConfigError) as raised:
        load_network({"os": "ideal", "nodes": [{"name": "alice", "device": {"kind": "generic", "t1": 3}}]})
    assert str(raised.value).startswith(
        "network: nodes[0].device.t1 is no field of a generic device; did you"
    )
    assert "line" not in raised.value.data


def test_mistake_behind_a_merge_key_names_the_line_it_was_written_in(write: Write) -> None:
    text = """\
os: ideal
nodes:
  - name: alice
    device: &d
      kind: generic
      num_qubits: 0
  - name: bob
    device:
      <<: *d
      num_qubits: -1
"""
    with pytest.raises(ConfigError, match=r"^net\.yaml:6: nodes\[0\]\.device\.num_qubits is 0;"):
        load_network(write(text))
    with pytest.raises(ConfigError, match=r"^net\.yaml:10: nodes\[1\]\.device\.num_qubits is -1;"):
        load_network(write(text.replace("num_qubits: 0", "num_qubits: 1")))


def test_recursive_aliases_are_refused_not_followed(write: Write) -> None:
    with pytest.raises(ConfigError, match=r"^net\.yaml"):
        load_network(write("os: ideal\nnodes: &n [*n]\n"))


@pytest.mark.parametrize(
    ("written", "value"), [("1e4", 1e4), ("'1e4'", 1e4), ("3.6e12", 3.6e12), ("10_000", 1e4), ("5", 5.0)]
)
def test_numbers_may_be_written_in_every_usual_way(write: Write, written: str, value: float) -> None:
    network = load_network(write(GOOD.replace("cycle_ns: 10_000", f"cycle_ns: {written}")))
    assert network.links[0].model.cycle_ns == value


@pytest.mark.parametrize("written", [".inf", "inf"])
def test_a_time_may_be_infinite(write: Write, written: str) -> None:
    network = load_network(write(GOOD.replace("t1_ns: 1e10", f"t1_ns: {written}")))
    assert network.nodes[0].device.parameters.t1_ns == math.inf


def test_whole_numbers_with_an_exponent_are_integers_where_one_is_expected(write: Write) -> None:
    network = load_network(write(GOOD.replace("jitter_ns: 5", "jitter_ns: 5e3")))
    assert network.testing.jitter_ns == 5000
    assert isinstance(network.testing.jitter_ns, int)


def test_missing_file_lists_what_is_shipped() -> None:
    with pytest.raises(ConfigError) as raised:
        load_network("no/such.yaml")
    assert str(raised.value) == (
        f"no/such.yaml: no such file; shipped networks are {', '.join(shipped_networks())}"
    )


def test_unknown_name_suggests_the_nearest_shipped_one() -> None:
    with pytest.raises(ConfigError) as raised:
        load_network("two_generics")
    assert str(raised.value) == (
        "no network is called 'two_generics'; did you mean two_generic? "
        f"allowed: {', '.join(shipped_networks())}"
    )


def test_directory_and_binary_files_are_config_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_network(tmp_path)
    binary = tmp_path / "net.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read: is not UTF-8 text"):
        load_network(binary)


def test_presets_have_the_published_costs() -> None:
    ideal, qnodeos = PRESETS["ideal"], PRESETS["qnodeos"]
    assert (ideal.latency.cnpu_qnpu_ns, ideal.latency.cnpu_cnpu_ns, ideal.latency.qnpu_qnpu_ns) == (0, 0, 0)
    assert (ideal.cnpu.submit_first_ns, ideal.cnpu.submit_ns, ideal.qnpu.request_ns) == (0, 0, 0)
    assert ideal.qnpu.epr_start == "both"
    assert qnodeos.cnpu.submit_first_ns == 1_500_000
    assert qnodeos.cnpu.submit_ns == 860_000
    assert qnodeos.cnpu.after_result_ns == 370_000
    assert qnodeos.cnpu.after_message_ns == 1_320_000
    assert qnodeos.latency.cnpu_qnpu_ns == 290_000
    assert qnodeos.latency.cnpu_cnpu_ns == qnodeos.latency.qnpu_qnpu_ns == 320_000
    assert qnodeos.qnpu.subroutine_ns == 140_000
    assert qnodeos.qnpu.gate_ns == 90_000
    assert qnodeos.qnpu.measure_ns == 280_000
    assert qnodeos.qnpu.request_ns == 5_800_000
    assert qnodeos.qnpu.epr_start == "create"


def test_os_mapping_changes_only_what_it_names(write: Write) -> None:
    text = GOOD.replace(
        "os: ideal",
        "os: {preset: qnodeos, cnpu: {submit_ns: 0}, qnpu: {epr_start: both}, "
        "latency: {cnpu_cnpu_ns: 500_000}}",
    )
    os = load_network(write(text)).os
    assert os.preset == "qnodeos"
    assert os.cnpu.submit_ns == 0
    assert os.cnpu.submit_first_ns == QNODEOS.cnpu.submit_first_ns
    assert os.qnpu.epr_start == "both"
    assert os.qnpu.request_ns == QNODEOS.qnpu.request_ns
    assert os.latency.cnpu_cnpu_ns == 500_000
    assert os.latency.cnpu_qnpu_ns == QNODEOS.latency.cnpu_qnpu_ns


@pytest.mark.parametrize("name", shipped_networks())
def test_shipped_network_loads_and_survives_the_way_through_plain_data(name: str) -> None:
    network = load_network(name)
    assert network.name == name
    assert load_network(network.to_dict()) == network
    fewest = 1 if name == "qnodeos_nv" else 3
    assert all(node.device.parameters.num_qubits >= fewest for node in network.nodes)


def test_shipped_networks_are_those_the_applications_need() -> None:
    assert shipped_networks() == [
        "complete4",
        "line3",
        "perfect",
        "qnodeos_nv",
        "star6",
        "three_generic",
        "three_mixed",
        "two_generic",
        "two_generic_werner",
        "two_ion",
        "two_nv",
    ]
    assert len(load_network("complete4").links) == 6
    assert load_network("line3").link_between("alice", "charlie") is None
    hub, *leaves = load_network("star6").nodes
    assert hub.device.parameters.num_qubits > len(leaves) == 5
    assert isinstance(load_network("perfect").links[0].model, PerfectLink)


def test_set_path_reaches_every_item_one_item_and_named_items() -> None:
    data = load_network("three_generic").to_dict()
    everywhere = set_path(data, "links.*.fidelity", 0.8)
    assert [link["fidelity"] for link in everywhere["links"]] == [0.8] * 3
    one = set_path(data, "links.1.fidelity", 0.8)
    assert [link["fidelity"] for link in one["links"]] == [0.95, 0.8, 0.95]
    between = set_path(data, "links.charlie-bob.fidelity", 0.8)
    assert [link["fidelity"] for link in between["links"]] == [0.95, 0.95, 0.8]
    named = set_path(data, "nodes.bob.device.t2_ns", 5.0)
    assert [node["device"]["t2_ns"] for node in named["nodes"]] == [1e9, 5.0, 1e9]
    assert set_path(data, "os.cnpu.submit_ns", 1)["os"]["cnpu"]["submit_ns"] == 1


def test_set_path_leaves_its_argument_alone() -> None:
    data = load_network("two_generic").to_dict()
    set_path(data, "links.*.fidelity", 0.5)
    assert data == load_network("two_generic").to_dict()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "links.*.fidelty",
            "links.*.fidelty: links.* has no 'fidelty'; did you mean fidelity? allowed: nodes, kind, "
            "fidelity, success_probability, cycle_ns, random_bell_state",
        ),
        (
            "link.0.fidelity",
            "link.0.fidelity: the network has no 'link'; did you mean links? allowed: name, os,",
        ),
        (
            "nodes.carol.device",
            "nodes.carol.device: nodes has no 'carol'; allowed: alice, bob, an index below 2",
        ),
        (
            "links.7.fidelity",
            "links.7.fidelity: links has no '7'; allowed: alice-bob, an index below 1, or *",
        ),
        ("links.0.fidelity.x", "links.0.fidelity.x: links.0.fidelity is 0.95, which has no parts"),
        (
            "channels.*.cnpu_cnpu_ns",
            "channels.*.cnpu_cnpu_ns: channels is an empty list, so nothing would change",
        ),
        ("os.preset", "os.preset is only what the costs started from; to replace all of them set os"),
    ],
)
def test_set_path_to_nowhere_lists_what_is_there(path: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        set_path(load_network("two_generic").to_dict(), path, 1)
    assert str(raised.value).startswith(message)


def test_with_values_checks_the_changed_network() -> None:
    changed = with_values("two_generic", {"links.*.fidelity": 0.8, "os": "ideal"})
    assert changed.name == "two_generic"
    assert changed.os == IDEAL
    assert changed.links[0].model.fidelity == 0.8
    with pytest.raises(ConfigError) as raised:
        with_values("two_generic", {"links.*.fidelity": 8})
    assert str(raised.value) == (
        "two_generic with links.*.fidelity=8: links[0].fidelity is 8; allowed: a number from 0.25 to 1"
    )


def test_with_no_values_the_network_is_the_same_object() -> None:
    network = load_network("perfect")
    assert with_values(network, {}) is network

"""What configurations tolerate.

Numbers as text, fields nobody knows, nothing at all; and what they refuse.
"""

import tempfile
import warnings
from pathlib import Path

from _short import Short
from netqasm.sdk.qubit import Qubit
from squidasm.run.stack.config import (
    CLinkConfig,
    DefaultCLinkConfig,
    DepolariseLinkConfig,
    GenericQDeviceConfig,
    HeraldedLinkConfig,
    LinkConfig,
    NVQDeviceConfig,
    StackConfig,
    StackNetworkConfig,
)
from squidasm.run.stack.run import run
from squidasm.util.util import create_complete_graph_network, create_two_node_network

FILE = """
qdevice_cfg: &device
  num_qubits: 3
  T1: 1e10
  T2: 1_000_000_000
  init_time: 85e1
  measurement_time: 5
link_cfg: &link
  fidelity: 0.9
  prob_success: 1
  t_cycle: 1.0e+3
stacks:
  - name: alice
    qdevice_typ: generic
    qdevice_cfg:
      <<: *device
      init_time: 20
  - name: bob
    qdevice_typ: generic
    qdevice_cfg: {dummy: null}
  - name: carol
    qdevice_typ: nv
links:
  - stack1: alice
    stack2: bob
    typ: depolarise
    cfg: *link
  - stack1: bob
    stack2: carol
    typ: perfect
    cfg: None
unknown_key: 7
"""


def quiet(context):
    Qubit(context.connection)
    yield from context.connection.flush()
    return context.connection.network_info._get_node_id("carol")


def refused(make) -> str:
    try:
        make()
    except Exception as error:
        return str(error)
    raise AssertionError("this should be refused")


def expect() -> None:
    with tempfile.TemporaryDirectory() as directory, warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        path = Path(directory) / "network.yaml"
        path.write_text(FILE)
        network = StackNetworkConfig.from_file(path)
        texts = [str(w.message) for w in said]
        assert len([t for t in texts if "unknown_key" in t]) == 1 and not any("link_cfg" in t for t in texts)
        results = run(network, {"alice": Short(quiet, [])})
        assert results == [[2], [], []]
        run(network, {})
        texts = [str(w.message) for w in said]
        for once in (
            "measurement_time",
            "bob: no qdevice_cfg",
            "carol: no qdevice_cfg",
            "cfg is the text 'None'",
        ):
            assert len([t for t in texts if once in t]) == 1, (once, texts)
        assert any("did you mean measure_time?" in t for t in texts)

    device = GenericQDeviceConfig(num_qubits="3", T1="1e5", measure_time="2.5e2")
    assert (device.num_qubits, device.T1, device.measure_time) == (3, 1e5, 250.0)
    assert (device.T2, device.two_qubit_gate_depolar_prob) == (1e9, 0.01)
    perfect = GenericQDeviceConfig.perfect_config()
    assert (perfect.num_qubits, perfect.T1, perfect.two_qubit_gate_depolar_prob) == (100, 0, 0)
    nv = NVQDeviceConfig()
    assert (nv.electron_T2, nv.carbon_init, nv.prob_error_0, nv.measure) == (3e8, 310_000, 0.05, 3700)
    assert NVQDeviceConfig.perfect_config().electron_T1 == 1e9

    network = create_two_node_network()
    assert [s.name for s in network.stacks] == ["Alice", "Bob"]
    assert network.stacks[0].qdevice_cfg is network.stacks[1].qdevice_cfg
    network = create_complete_graph_network(["a", "b", "c"], "perfect", None)
    assert len(network.links) == len(network.clinks) == 3

    shared = DepolariseLinkConfig(fidelity=0.5, prob_success=1, t_cycle=10)
    link = LinkConfig(stack1="a", stack2="b", typ="depolarise", cfg=shared)
    shared.fidelity = "0.75"
    assert link.cfg is shared and link.cfg.fidelity == 0.75
    stacks = StackNetworkConfig(stacks=[], links=[])
    stacks.stacks.append(StackConfig.perfect_generic_config("x"))
    assert stacks.stacks[0].name == "x" and stacks.clinks is None
    assert CLinkConfig.perfect_config("a", "b").typ == "instant"

    assert "t_cycle" in refused(lambda: DepolariseLinkConfig(fidelity=1, prob_success=1))
    assert "either" in refused(lambda: DefaultCLinkConfig(delay=1, length=1))
    assert "fidelity" in refused(lambda: DepolariseLinkConfig(prob_success=1, t_cycle=1))
    assert "number" in refused(lambda: GenericQDeviceConfig(T1="soon"))
    assert "length" in refused(lambda: HeraldedLinkConfig(p_loss_init=0.1).link())
    bad = StackNetworkConfig(stacks=[StackConfig(name="a", qdevice_typ="ion")], links=[])
    assert "generic, nv" in refused(lambda: run(bad, {}))
    bad = create_complete_graph_network(["a", "b"], "teleporter", None)
    assert "teleporter" in refused(lambda: run(bad, {}))
    bad = StackNetworkConfig(stacks=[stacks.stacks[0]], links=[LinkConfig.perfect_config("x", "y")])
    assert "'y'" in refused(lambda: run(bad, {}))


if __name__ == "__main__":
    expect()

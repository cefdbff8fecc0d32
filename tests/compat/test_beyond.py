"""What SquidASM ignores or hangs on and works here, and what `run` can do beyond it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netqasm.sdk.epr_socket import EPRSocket
from netqasm.sdk.qubit import Qubit

from qnos.compat.clock import sim_time
from qnos.compat.devices import NVQDeviceConfig
from qnos.compat.networks import LinkConfig, StackConfig, StackNetworkConfig, Translated
from qnos.compat.options import OPTIONS
from qnos.compat.stack import run, run_beside
from qnos.compat.states import get_qubit_state
from qnos.loading import load_network
from qruntime.errors import ConfigError, EprError, ProgramError
from qruntime.trace import Trace
from tests.compat.test_errors import Of, both, nodes


def slow_link() -> StackNetworkConfig:
    network = nodes("a", "b", links=False)
    cfg = {"fidelity": 1, "prob_success": 1e-9, "t_cycle": 1000}
    network.links = [LinkConfig(stack1="a", stack2="b", typ="depolarise", cfg=cfg)]
    return network


def test_time_limit_of_a_request_holds_and_its_error_can_be_caught() -> None:
    def asks(call: str, **limits: Any) -> Any:
        def program(context: Any) -> Any:
            (socket,) = context.epr_sockets.values()
            getattr(socket, call)(**limits)
            with pytest.raises(EprError) as caught:
                yield from context.connection.flush()
            return caught.value.data["epr"], sim_time()

        return program

    (of_a,), (of_b,) = run(slow_link(), both(asks("create_keep", max_time=5000), asks("recv_keep")))
    assert of_a == ("TIMEOUT", 5_000_000.0)
    assert of_b[1] == 5_000_000.0


def test_minimum_fidelity_of_100_percent_means_that_none_is_stated() -> None:
    network = nodes("a", "b", links=False)
    cfg = {"fidelity": 0.8, "prob_success": 1, "t_cycle": 1000}
    network.links = [LinkConfig(stack1="a", stack2="b", typ="depolarise", cfg=cfg)]

    def asks(context: Any) -> Any:
        socket = context.epr_sockets["b"]
        assert isinstance(socket, EPRSocket) and socket.min_fidelity == 100
        socket.create_keep()
        yield from context.connection.flush()

    def takes(context: Any) -> Any:
        context.epr_sockets["a"].recv_keep()
        yield from context.connection.flush()

    assert run(network, both(asks, takes)) == [[None], [None]]


def nv(**cfg: Any) -> StackNetworkConfig:
    device = NVQDeviceConfig.perfect_config(num_qubits=3)
    for name in ("electron_T1", "electron_T2", "carbon_T1", "carbon_T2"):
        setattr(device, name, 0)
    return StackNetworkConfig(stacks=[StackConfig(name="a", qdevice_typ="nv", qdevice_cfg=device)], links=[])


def test_compiler_of_the_sdk_makes_subroutines_for_nv_centres_if_asked() -> None:
    def turns(context: Any) -> Any:
        q = Qubit(context.connection)
        q.H()
        q.S()
        yield from context.connection.flush()
        return get_qubit_state(q)

    plus_i = np.array([[1, -1j], [1j, 1]]) / 2
    ((ours,),) = run(nv(), {"a": Of(turns, [], [])})
    assert np.allclose(ours, plus_i)
    ((theirs,),) = run(nv(), {"a": Of(turns, [], [])}, sdk_compiler=True)
    assert np.allclose(theirs, plus_i.conj()), "the SDK's S is the inverse"


def test_costs_of_an_os_can_be_added() -> None:
    def waits(context: Any) -> Any:
        Qubit(context.connection).measure()
        yield from context.connection.flush()
        return sim_time()

    programs = {"a": Of(waits, [], [])}
    assert run(nodes("a"), programs) == [[0.0]]
    ((qnodeos,),) = run(nodes("a"), programs, os="qnodeos")
    # first submission, latency there and back, init, measurement, subroutine, computing with the result
    assert qnodeos == 1_500_000 + 2 * 290_000 + 90_000 + 280_000 + 140_000 + 370_000
    own = {"preset": "ideal", "latency": {"cnpu_qnpu_ns": 100}}
    assert run(nodes("a"), programs, os=own) == [[200.0]]
    OPTIONS.os = own
    try:
        assert run(nodes("a"), programs) == [[200.0]]
    finally:
        OPTIONS.os = "ideal"


def test_same_seed_gives_the_same_trace() -> None:
    def makes(context: Any) -> Any:
        (socket,) = context.epr_sockets.values()
        (q,) = socket.create_keep() if "b" in context.epr_sockets else socket.recv_keep()
        m = q.measure()
        yield from context.connection.flush()
        return m

    found = []
    for seed in (5, 5, 6):
        trace = Trace()
        results = run(nodes("a", "b"), both(makes, makes), num_times=20, seed=seed, trace=trace)
        found.append((results, trace.sha256()))
    assert found[0] == found[1] != found[2]


def test_memory_over_many_iterations_is_flat() -> None:
    import gc

    def once(context: Any) -> Any:
        m = Qubit(context.connection).measure()
        yield from context.connection.flush()
        return m

    programs = {"a": Of(once, [], [])}
    counts = []
    for _ in range(3):
        run(nodes("a"), programs, num_times=30)
        gc.collect()
        counts.append(len(gc.get_objects()))
    assert counts[2] - counts[1] < 200


def test_states_are_shown_only_by_networks_that_say_so_and_to_who_runs() -> None:
    kept = []

    def keeps(context: Any) -> Any:
        q = Qubit(context.connection)
        yield from context.connection.flush()
        with pytest.raises(ProgramError, match="not bound"):
            get_qubit_state(Qubit(context.connection))
        kept.append(q)

    run(nodes("a"), {"a": Of(keeps, [], [])})
    with pytest.raises(ProgramError, match="only by a program that runs"):
        get_qubit_state(kept[0])
    assert Translated(nodes("a")).network.testing.states_readable


def test_several_programs_of_a_node_run_beside_each_other() -> None:
    def makes(context: Any) -> Any:
        (socket,) = context.epr_sockets.values()
        (q,) = socket.create_keep() if "b" in context.epr_sockets else socket.recv_keep()
        m = q.measure()
        yield from context.connection.flush()
        (to_peer,) = context.csockets.values()
        to_peer.send(int(m))
        other = yield from to_peer.recv()
        return int(m), other, sim_time()

    sets = [both(makes, makes), both(makes, makes)]
    found = run_beside(nodes("a", "b"), sets, num_times=10)
    for of_a, of_b in found:
        assert [m for m, _, _ in of_a] == [other for _, other, _ in of_b]
        assert all(m == other for m, other, _ in of_a) and {m for m, _, _ in of_a} == {0, 1}
    # a link makes one pair at a time: the two take turns
    assert max(t for _, _, t in found[0][0] + found[1][0]) == 20 * 1000
    alone = run(nodes("a", "b"), sets[0], num_times=10)
    assert max(t for _, _, t in alone[0]) == 10 * 1000


def test_network_files_of_squidasm_load_for_programs_of_ours(tmp_path: Path) -> None:
    file = tmp_path / "squid.yaml"
    file.write_text(
        "link_cfg: &l {fidelity: '0.9', prob_success: 1, t_cycle: 1e3}\n"
        "stacks:\n"
        "  - {name: alice, qdevice_typ: generic, qdevice_cfg: {num_qubits: 3, T1: 1e10}}\n"
        "  - {name: bob, qdevice_typ: nv, qdevice_cfg: {electron_T1: 2e9}}\n"
        "links:\n"
        "  - {stack1: alice, stack2: bob, typ: depolarise, cfg: *l}\n"
        "clinks:\n"
        "  - {stack1: alice, stack2: bob, typ: default, cfg: {delay: 700}}\n"
    )
    network = load_network(file)
    assert network.name == "squid" and network.node_names == ("alice", "bob")
    assert [node.device.kind for node in network.nodes] == ["generic", "nv"]
    assert network.cnpu_latency_ns("alice", "bob") == network.qnpu_latency_ns("bob", "alice") == 700
    assert network.links[0].kind == "depolarise" and not network.testing.states_readable
    assert load_network(network.to_dict()) == network
    file.write_text("stacks: [{name: a, qdevice_typ: x}]\nlinks: []\n")
    with pytest.raises(ConfigError, match=r"squid\.yaml: a: qdevice_typ is 'x'"):
        load_network(file)

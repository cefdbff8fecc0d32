"""Networks of application directories: what their words are here, and what follows for states and times."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from netqasm.runtime.interface.config import parse_network_config

from qnos.compat.external.network import complete_network, translated
from qnos.compat.model import CompatWarning
from qruntime.errors import ConfigError
from qworld.bell import bell_diagonal_tensor, fidelity_to_bell, werner_tensor
from tests.compat.appdirs import simulated, write


def network(noise: str = "NoNoise", fidelity: float = 1.0, **node: Any) -> Any:
    nodes = [
        {"name": name, "gate_fidelity": 0.9, "qubits": [{"id": 0, "t1": 4e6, "t2": 1e6}], **node}
        for name in ("alice", "bob")
    ]
    ends = {"node_name1": "bob", "node_name2": "alice"}
    link = {"name": "line", **ends, "noise_type": noise, "fidelity": fidelity}
    return parse_network_config({"nodes": nodes, "links": [link]})


def delivered(noise: str, fidelity: float) -> Any:
    (link,) = translated(network(noise, fidelity)).network.links
    (point,) = link.model.points()
    ((probability, bell, tensor),) = point.outcomes
    assert (probability, bell, point.success_probability, point.cycle_ns) == (1.0, 0, 1.0, 1000.0)
    assert point.fidelity == pytest.approx(fidelity_to_bell(tensor))
    return tensor


def test_links_deliver_the_states_of_their_noise_types() -> None:
    np.testing.assert_allclose(delivered("NoNoise", 0.3), werner_tensor(1.0))
    mixed = 0.8 * werner_tensor(1.0) + 0.2 * werner_tensor(0.25)
    np.testing.assert_allclose(delivered("Depolarise", 0.8), mixed)
    np.testing.assert_allclose(delivered("DiscreteDepolarise", 0.8), mixed)
    np.testing.assert_allclose(delivered("Bitflip", 0.8), bell_diagonal_tensor((0.8, 0.2, 0, 0)))
    np.testing.assert_allclose(delivered("Depolarise", 0.0), werner_tensor(0.25))


def test_generic_nodes_have_the_durations_and_noise_of_the_sdks_simulations() -> None:
    device = translated(network()).network.nodes[0].device.parameters
    for name, duration_ns in (("init", 100_000), ("single_qubit_gate", 1_000), ("two_qubit_gate", 500_000)):
        assert getattr(device, f"{name}_ns") == duration_ns
        assert getattr(device, f"{name}_depolarise") == pytest.approx(0.1)
    assert device.times_ns == ((4e6, 1e6),)


def test_missing_network_is_a_complete_graph_of_five_noiseless_qubits() -> None:
    found = translated(complete_network(["a", "b", "c"], "nv"))
    assert {name: list(peers) for name, peers in found.links.items()} == {
        "a": ["b", "c"],
        "b": ["a", "c"],
        "c": ["a", "b"],
    }
    assert found.nv == ["a", "b", "c"]
    assert found.network.nodes[0].device.parameters.num_qubits == 5


def test_unknown_hardware_is_generic_with_a_warning() -> None:
    with pytest.warns(CompatWarning, match="taken for Generic"):
        assert translated(network(hardware="Rubidium")).nv == []


def test_nv_parameters_can_be_given() -> None:
    found = translated(network(hardware="NV"), nv_config={"electron_init": 12, "prob_error_0": 0.25})
    device = found.network.nodes[1].device.parameters
    assert (device.electron_init_ns, device.readout_error_0, device.num_qubits) == (12, 0.25, 1)


def test_two_links_between_two_nodes_have_to_be_the_same() -> None:
    config = network()
    config.links.append(network("Bitflip", 0.5).links[0])
    with pytest.raises(ConfigError, match="another link between these nodes"):
        translated(config)


def test_states_on_an_nv_node_are_those_of_its_gate_fidelity_and_times(tmp_path: Path) -> None:
    directory = write(
        tmp_path / "app",
        alice="""
        import netsquid

        def main():
            with NetQASMConnection("alice") as conn:
                qubit = Qubit(conn)
                qubit.rot_X(n=1, d=1)
                conn.flush()
                first = get_qubit_state(qubit), netsquid.sim_time()
                qubit.rot_X(n=1, d=1)
                conn.flush()
                return {"first": first, "second": (get_qubit_state(qubit), netsquid.sim_time())}
        """,
        network__yaml="""
        nodes:
          - {name: alice, hardware: NV, gate_fidelity: 0.9, qubits: [{id: 0, t1: 0, t2: 100}]}
        links: []
        """,
    )
    (result,) = simulated(directory)
    found = result["app_alice"]
    (first, first_ns), (second, second_ns) = found["first"], found["second"]
    assert (first_ns, second_ns) == (3, 5)  # a reset takes 1 ns, a rotation 2 ns
    y, z = np.array([[0, -1j], [1j, 0]]), np.diag([1, -1])
    np.testing.assert_allclose(first, (np.eye(2) - 0.81 * y) / 2, atol=1e-9)  # Rx(pi/2)|0> is -Y
    np.testing.assert_allclose(second, (np.eye(2) - 0.729 * z) / 2, atol=1e-9)


def test_idle_qubit_of_a_generic_node_decoheres_by_its_own_times(tmp_path: Path) -> None:
    directory = write(
        tmp_path / "app",
        alice="""
        import time

        def main():
            with NetQASMConnection("alice") as conn:
                qubits = [Qubit(conn), Qubit(conn)]
                for qubit in qubits:
                    qubit.H()
                conn.flush()
                time.sleep(0.002)
                return {"states": [get_qubit_state(qubit) for qubit in qubits]}
        """,
        network__yaml="""
        nodes:
          - name: alice
            gate_fidelity: 1
            qubits: [{id: 0, t1: 0, t2: 4e6}, {id: 1, t1: 1e6, t2: 2e6}]
        links: []
        """,
    )
    (result,) = simulated(directory)
    first, second = result["app_alice"]["states"]
    assert 2 * first[0][1] == pytest.approx(math.exp(-(2e6 + 1000) / 4e6))
    assert 2 * second[0][1] == pytest.approx(math.exp(-2e6 / 2e6))
    assert second[1][1] == pytest.approx(0.5 * math.exp(-2e6 / 1e6))

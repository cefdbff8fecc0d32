"""Helpers of netsquid-netbuilder that scripts call: networks by their shape, and the fidelity of a pair."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from qnos.compat.devices import GenericQDeviceConfig
from qnos.compat.networks import NetworkConfig, NodeCLinkConfig, ProcessingNodeConfig, QLinkConfig
from qruntime.errors import ProgramError


def create_single_node_network(qdevice_typ: str, qdevice_cfg: Any) -> NetworkConfig:
    """One node, Alice."""
    node = ProcessingNodeConfig(name="Alice", qdevice_typ=qdevice_typ, qdevice_cfg=qdevice_cfg)
    return NetworkConfig(processing_nodes=[node], qlinks=[], clinks=[])


def create_2_node_network(
    qlink_typ: str,
    qlink_cfg: Any,
    clink_typ: str = "instant",
    clink_cfg: Any = None,
    qdevice_typ: str = "generic",
    qdevice_cfg: Any = None,
) -> NetworkConfig:
    """Alice and Bob."""
    return create_complete_graph_network(
        ["Alice", "Bob"], qlink_typ, qlink_cfg, clink_typ, clink_cfg, qdevice_typ, qdevice_cfg
    )


def create_complete_graph_network(
    node_names: list[str],
    qlink_typ: str,
    qlink_cfg: Any,
    clink_typ: str = "instant",
    clink_cfg: Any = None,
    qdevice_typ: str = "generic",
    qdevice_cfg: Any = None,
) -> NetworkConfig:
    """Every two nodes have a link of each kind; they share the configurations."""
    if qdevice_cfg is None and qdevice_typ == "generic":
        qdevice_cfg = GenericQDeviceConfig.perfect_config()
    pairs = list(combinations(node_names, 2))
    return NetworkConfig(
        processing_nodes=[
            ProcessingNodeConfig(name=name, qdevice_typ=qdevice_typ, qdevice_cfg=qdevice_cfg)
            for name in node_names
        ],
        qlinks=[QLinkConfig(node1=a, node2=b, typ=qlink_typ, cfg=qlink_cfg) for a, b in pairs],
        clinks=[NodeCLinkConfig(node1=a, node2=b, typ=clink_typ, cfg=clink_cfg) for a, b in pairs],
    )


def create_complete_graph_network_simplified(
    node_names: list[str],
    qdevice_noise: float = 0,
    qdevice_op_time: float = 0,
    link_delay: float = 0,
    clink_delay: float = 0,
) -> NetworkConfig:
    """Generic devices whose operations all take `qdevice_op_time` and whose gates all depolarise with
    `qdevice_noise`; links without noise."""
    device = GenericQDeviceConfig.perfect_config()
    device.init_time = device.single_qubit_gate_time = qdevice_op_time
    device.two_qubit_gate_time = device.measure_time = qdevice_op_time
    device.single_qubit_gate_depolar_prob = device.two_qubit_gate_depolar_prob = qdevice_noise
    return create_complete_graph_network(
        node_names,
        "perfect",
        {"state_delay": link_delay},
        "default",
        {"delay": clink_delay},
        "generic",
        device,
    )


def calculate_fidelity_epr(dm: Any, bell_index: Any) -> float:
    """The fidelity of a density matrix of two qubits with a Bell state: 0 Phi+, 1 Psi+, 2 Psi-, 3 Phi-."""
    number = int(getattr(bell_index, "value", bell_index))
    kets = {0: (1, 0, 0, 1), 1: (0, 1, 1, 0), 2: (0, 1, -1, 0), 3: (1, 0, 0, -1)}
    if number not in kets:
        raise ProgramError(f"no Bell state {bell_index!r}; allowed: 0..3")
    ket = np.array(kets[number]) / np.sqrt(2)
    return float(np.real(ket @ np.asarray(dm) @ ket))

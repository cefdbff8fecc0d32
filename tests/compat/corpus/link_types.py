"""Every type of link: the state of its pairs, and the time that one takes, in closed form."""

import numpy as np
from _short import pair, two
from netsquid_netbuilder.modules.qlinks.heralded_single_click import HeraldedSingleClickQLinkConfig
from netsquid_netbuilder.modules.qlinks.perfect import PerfectQLinkConfig
from netsquid_netbuilder.network_config import CLinkConfig, NetworkConfig, ProcessingNodeConfig, QLinkConfig
from netsquid_netbuilder.util.fidelity import calculate_fidelity_epr
from netsquid_netbuilder.util.network_generation import (
    create_2_node_network,
    create_complete_graph_network_simplified,
)
from squidasm.run.stack.config import (
    DefaultCLinkConfig,
    DepolariseLinkConfig,
    GenericQDeviceConfig,
    HeraldedLinkConfig,
    InstantCLinkConfig,
    LinkConfig,
)
from squidasm.run.stack.run import run
from squidasm.util import get_qubit_state


def creator_and_look(context):
    qubits = context.epr_sockets["Bob"].create_keep(number=2)
    yield from context.connection.flush()
    info = qubits[1].entanglement_info
    states = [get_qubit_state(q, "Alice", full_state=True) for q in qubits]
    context.csockets["Bob"].send("seen")
    return states, int(info.goodness)


def receiver(context):
    context.epr_sockets["Alice"].recv_keep(number=2)
    yield from context.connection.flush()
    yield from context.csockets["Alice"].recv()


def pairs(typ: str, cfg) -> tuple:
    network = two()
    network.links = [LinkConfig(stack1="Alice", stack2="Bob", typ=typ, cfg=cfg)]
    ((result,), _) = run(network, pair(creator_and_look, receiver))
    return result


def expect() -> None:
    states, us = pairs("perfect", PerfectQLinkConfig(state_delay=3000))
    assert us == 6 and all(abs(calculate_fidelity_epr(state, 0) - 1) < 1e-9 for state in states)
    _, us = pairs("perfect", {"length": 2})
    assert us == 20  # two pairs of 2 km at 200 000 km/s

    for bell in (False, True):
        cfg = DepolariseLinkConfig(fidelity=0.7, prob_success=1, length=1, random_bell_state=bell)
        states, us = pairs("depolarise", cfg)
        assert us == 10
        for state in states:  # whatever was heralded, Phi+ is delivered
            assert abs(calculate_fidelity_epr(state, 0) - 0.7) < 1e-9

    # double click without noise but for visibility: fidelity (1 + V)/2, two clicks in half of the attempts
    cfg = HeraldedLinkConfig(length=2, p_loss_length=0, visibility=0.9)
    states, us = pairs("heralded", cfg)
    assert us % 10 == 0 and all(abs(calculate_fidelity_epr(state, 0) - 0.95) < 1e-9 for state in states)

    network = create_2_node_network(
        "heralded-single-click", HeraldedSingleClickQLinkConfig(length=2, p_loss_init=0.5)
    )
    ((result,), _) = run(network, pair(creator_and_look, receiver))
    assert all(abs(calculate_fidelity_epr(state, 0) - 0.99) < 2e-3 for state in result[0])

    nodes = [
        ProcessingNodeConfig(name=n, qdevice_typ="generic", qdevice_cfg=GenericQDeviceConfig.perfect_config())
        for n in ("Alice", "Bob")
    ]
    qlink = QLinkConfig(node1="Alice", node2="Bob", typ="perfect", cfg=None)
    for typ, cfg, delay in (
        ("instant", InstantCLinkConfig(), 0),
        ("default", DefaultCLinkConfig(length=1), 5000),
        ("default", {"delay": "1e3"}, 1000),
    ):
        clink = CLinkConfig(node1="Alice", node2="Bob", typ=typ, cfg=cfg)
        network = NetworkConfig(processing_nodes=nodes, qlinks=[qlink], clinks=[clink])
        ((result,), _) = run(network, pair(creator_and_look, receiver))
        assert result[1] == 2 + 2 * delay // 1000 or result[1] == 2
    network = create_complete_graph_network_simplified(["Alice", "Bob"], link_delay=500)
    ((result,), _) = run(network, pair(creator_and_look, receiver))
    assert result[1] == 1 and np.allclose(result[0][0], result[0][1])


if __name__ == "__main__":
    expect()

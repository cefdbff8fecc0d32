"""From a checked network to the actors that run it: one CNPU and one QNPU per node, and the world."""

from __future__ import annotations

from typing import NamedTuple

from cnpu.main import Cnpu

from qdriver.registry import hardware
from qdriver.spec import LinkPoint
from qnos.config import LinkConfig, NetworkConfig
from qnpu.main import Qnpu
from qruntime.limits import GROUP_QUBITS
from qruntime.rng import Streams
from qworld.engine import Engine
from qworld.registry import device_model
from qworld.world import World


class Actors(NamedTuple):
    """Everything that runs, with the least latency of every channel between them."""

    cnpus: list[Cnpu]
    qnpus: list[Qnpu]
    world: World
    channels: dict[tuple[str, str], int]

    def in_rank_order(self) -> list[Cnpu | Qnpu | World]:
        """CNPU and QNPU node by node, the world last: the order that breaks ties of time."""
        actors: list[Cnpu | Qnpu | World] = []
        for cnpu, qnpu in zip(self.cnpus, self.qnpus, strict=True):
            actors += [cnpu, qnpu]
        return [*actors, self.world]


def assemble(network: NetworkConfig, seed: int) -> Actors:
    """Fresh actors for `network`.

    Raises `ConfigError` if a plug-in it names cannot be used.
    """
    nodes = network.node_names
    streams = Streams(seed)
    engine = Engine(GROUP_QUBITS)
    cnpus, qnpus, devices = [], [], []
    for i, node in enumerate(network.nodes):
        peers = {j: link for j, link in _links_of(network, node.name)}
        plugin = hardware(node.device.kind)
        spec = plugin.spec(node.device.parameters, {j: (_working_point(link),) for j, link in peers.items()})
        others = [name for name in nodes if name != node.name]
        cnpus.append(
            Cnpu(
                node.name,
                nodes,
                network.os.cnpu,
                qnpu_latency_ns=network.os.latency.cnpu_qnpu_ns,
                cnpu_latency_ns={name: network.cnpu_latency_ns(node.name, name) for name in others},
                linked=[nodes[j] for j in peers],
                streams=streams,
                max_qubits=len(spec.qubits),
            )
        )
        qnpus.append(
            Qnpu(
                i,
                nodes,
                network.os.qnpu,
                plugin.driver(spec),
                cnpu_latency_ns=network.os.latency.cnpu_qnpu_ns,
                latencies_ns={j: network.qnpu_latency_ns(node.name, nodes[j]) for j in peers},
                streams=streams,
            )
        )
        devices.append(device_model(node.device.kind)(node.device.parameters, engine))
    links = {}
    for link in network.links:
        a, b = sorted(nodes.index(name) for name in link.nodes)
        links[a, b] = link.model
    ticks = {i: qnpu.driver.spec.tick_ns for i, qnpu in enumerate(qnpus)}
    world = World(nodes, devices, links, streams, engine, ticks)
    return Actors(cnpus, qnpus, world, _channels(network))


def _links_of(network: NetworkConfig, node: str) -> list[tuple[int, LinkConfig]]:
    nodes = network.node_names
    return [
        (nodes.index(link.nodes[0] if link.nodes[1] == node else link.nodes[1]), link)
        for link in network.links
        if node in link.nodes
    ]


def _working_point(link: LinkConfig) -> LinkPoint:
    model = link.model
    return LinkPoint(0, model.fidelity, model.success_probability, model.cycle_ns, model.bell_states)


def _channels(network: NetworkConfig) -> dict[tuple[str, str], int]:
    nodes = network.node_names
    local = network.os.latency.cnpu_qnpu_ns
    channels: dict[tuple[str, str], int] = {}
    for a in nodes:
        channels[f"{a}/cnpu", f"{a}/qnpu"] = channels[f"{a}/qnpu", f"{a}/cnpu"] = local
        channels[f"{a}/qnpu", "world"] = channels["world", f"{a}/qnpu"] = 0
        for b in nodes:
            if a != b:
                channels[f"{a}/cnpu", f"{b}/cnpu"] = network.cnpu_latency_ns(a, b)
    for link in network.links:
        for a, b in (link.nodes, link.nodes[::-1]):
            channels[f"{a}/qnpu", f"{b}/qnpu"] = network.qnpu_latency_ns(a, b)
    return channels

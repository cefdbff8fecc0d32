"""From a checked network to the actors that run it: one CNPU and one QNPU per node, the world under
them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from cnpu.runtime import Cnpu
from qdriver.registry import hardware
from qdriver.spec import DeviceSpec, LinkPoint
from qnos.config import LinkConfig, NetworkConfig
from qnpu.main import Qnpu
from qnpu.timetable import LinkBins
from qruntime.errors import ConfigError, QnosError
from qruntime.limits import GROUP_QUBITS
from qruntime.rng import Streams
from qworld.engine import Engine
from qworld.links import WorkingPoint
from qworld.registry import device_model
from qworld.world import World

Made = TypeVar("Made")


class Actors(NamedTuple):
    """Everything that runs, with the least latency of every channel between them."""

    cnpus: list[Cnpu]
    qnpus: list[Qnpu]
    worlds: list[World]
    channels: dict[tuple[str, str], int]

    def in_rank_order(self) -> list[Cnpu | Qnpu | World]:
        """CNPU and QNPU node by node, the worlds last: the order that breaks ties of time."""
        actors: list[Cnpu | Qnpu | World] = []
        for cnpu, qnpu in zip(self.cnpus, self.qnpus, strict=True):
            actors += [cnpu, qnpu]
        return [*actors, *self.worlds]


def assemble(network: NetworkConfig, seed: int) -> Actors:
    """Fresh actors for `network`.

    Raises `ConfigError` if a plug-in it names cannot be used.
    """
    streams = Streams(seed)
    count = len(network.nodes)
    return Actors(
        [make_cnpu(network, i, streams) for i in range(count)],
        [make_qnpu(network, i, streams) for i in range(count)],
        make_worlds(network, streams),
        channels(network),
    )


def make_cnpu(network: NetworkConfig, node_id: int, streams: Streams) -> Cnpu:
    """The CNPU of one node."""
    nodes = network.node_names
    name = nodes[node_id]
    return Cnpu(
        name,
        nodes,
        network.os.cnpu,
        qnpu_latency_ns=network.os.latency.cnpu_qnpu_ns,
        cnpu_latency_ns={other: network.cnpu_latency_ns(name, other) for other in nodes if other != name},
        linked=[nodes[j] for j, _ in _links_of(network, name)],
        streams=streams,
        max_qubits=len(device_spec(network, node_id).qubits),
    )


def make_qnpu(network: NetworkConfig, node_id: int, streams: Streams) -> Qnpu:
    """The QNPU of one node, with its driver."""
    nodes = network.node_names
    name = nodes[node_id]
    kind = network.nodes[node_id].device.kind
    return Qnpu(
        node_id,
        nodes,
        network.os.qnpu,
        _made_by(kind, "driver", hardware(kind).driver, device_spec(network, node_id)),
        cnpu_latency_ns=network.os.latency.cnpu_qnpu_ns,
        latencies_ns={j: network.qnpu_latency_ns(name, nodes[j]) for j, _ in _links_of(network, name)},
        streams=streams,
        world=world_names(network)[node_id],
        losses={j: network.qnpu_loss(name, nodes[j]) for j, _ in _links_of(network, name)},
        bins=_bins_of(network, node_id),
        instructions_traced=network.testing.instructions_traced,
    )


def _bins_of(network: NetworkConfig, node_id: int) -> dict[int, LinkBins] | None:
    """The bins of each link of a node, by peer, if the network has a schedule."""
    schedule = network.schedule
    if schedule is None:
        return None
    name = network.nodes[node_id].name
    found = {}
    for peer, _ in _links_of(network, name):
        ticks = [device_spec(network, end).tick_ns for end in (node_id, peer)]
        rows = schedule.of_link(name, network.nodes[peer].name)
        found[peer] = LinkBins(schedule.first_ns, schedule.period_ns, rows, max(ticks))
    return found


def make_worlds(network: NetworkConfig, streams: Streams) -> list[World]:
    """One world for each set of nodes that links join: what is not linked shares no quantum state."""
    nodes = network.node_names
    names = world_names(network)
    ticks = {i: device_spec(network, i).tick_ns for i in range(len(nodes))}
    worlds = []
    for world in dict.fromkeys(names):
        engine = Engine(GROUP_QUBITS)
        devices = {
            i: _made_by(
                node.device.kind, "device", device_model(node.device.kind), node.device.parameters, engine
            )
            for i, node in enumerate(network.nodes)
            if names[i] == world
        }
        links = {}
        for link in network.links:
            a, b = (nodes.index(name) for name in link.nodes)
            if a in devices:
                links[a, b] = link.model
        testing = network.testing
        looks = testing.snapshot_idle, testing.states_readable, testing.instructions_traced
        worlds.append(World(nodes, devices, links, streams, engine, ticks, world, *looks))
    return worlds


def world_names(network: NetworkConfig) -> list[str]:
    """For each node the name of its world: `world`, or if there are several `world0`, `world1` and so on."""
    nodes = network.node_names
    root = list(range(len(nodes)))
    for link in network.links:
        a, b = (root[nodes.index(name)] for name in link.nodes)
        root = [min(a, b) if r in (a, b) else r for r in root]
    distinct = list(dict.fromkeys(root))
    if len(distinct) == 1:
        return ["world"] * len(nodes)
    return [f"world{distinct.index(r)}" for r in root]


def device_spec(network: NetworkConfig, node_id: int) -> DeviceSpec:
    """The device of one node as its OS sees it."""
    device = network.nodes[node_id].device
    points = link_points(network, node_id)
    return _made_by(device.kind, "spec", hardware(device.kind).spec, device.parameters, points)


def link_points(network: NetworkConfig, node_id: int) -> dict[int, tuple[LinkPoint, ...]]:
    """The working points of one node's links, by peer."""
    return {
        j: tuple(_as_known_to_the_os(point) for point in link.model.points())
        for j, link in _links_of(network, network.nodes[node_id].name)
    }


def _links_of(network: NetworkConfig, node: str) -> list[tuple[int, LinkConfig]]:
    nodes = network.node_names
    return [
        (nodes.index(link.nodes[0] if link.nodes[1] == node else link.nodes[1]), link)
        for link in network.links
        if node in link.nodes
    ]


def _made_by(kind: str, part: str, make: Callable[..., Made], *given: Any) -> Made:
    """What a plug-in makes; whatever goes wrong in it is told as its fault."""
    try:
        return make(*given)
    except QnosError:
        raise
    except Exception as error:
        what = f"{part}() raised {type(error).__name__}: {error}"
        raise ConfigError(f"hardware {kind!r} breaks the rule parts: {what}", kind=kind) from error


def _as_known_to_the_os(at: WorkingPoint) -> LinkPoint:
    return LinkPoint(
        at.parameter, at.fidelity, at.success_probability, at.cycle_ns, at.measure_cycle_ns, at.bell_states
    )


def channels(network: NetworkConfig) -> dict[tuple[str, str], int]:
    """The least latency of every channel between two actors, in ns."""
    nodes = network.node_names
    local = network.os.latency.cnpu_qnpu_ns
    names = world_names(network)
    ways: dict[tuple[str, str], int] = {}
    for i, a in enumerate(nodes):
        ways[f"{a}/cnpu", f"{a}/qnpu"] = ways[f"{a}/qnpu", f"{a}/cnpu"] = local
        ways[f"{a}/qnpu", names[i]] = ways[names[i], f"{a}/qnpu"] = 0
        for b in nodes:
            if a != b:
                ways[f"{a}/cnpu", f"{b}/cnpu"] = network.cnpu_latency_ns(a, b)
    for link in network.links:
        for a, b in (link.nodes, link.nodes[::-1]):
            ways[f"{a}/qnpu", f"{b}/qnpu"] = network.qnpu_latency_ns(a, b)
    return ways

"""Networks as SquidASM programs describe them: `StackNetworkConfig`, and netsquid-netbuilder's
`NetworkConfig`.

`Translated` is one as a network of ours, with the names that programs use.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import combinations
from typing import Any, Final

from qnos.compat.devices import GenericQDeviceConfig, device_of
from qnos.compat.links import DepolariseLinkConfig, clink_delay_ns, link_of
from qnos.compat.model import Model
from qnos.config import NAME_LENGTH, NAME_PATTERN, RESERVED_NAMES
from qnos.config import NetworkConfig as OurNetwork
from qnos.loading import load_network
from qruntime.errors import ConfigError
from qruntime.limits import LONGEST_NS


class StackConfig(Model):
    """A node: its name, and its device."""

    name: str
    qdevice_typ: str
    qdevice_cfg: Any = None

    @classmethod
    def perfect_generic_config(cls, name: str) -> StackConfig:
        """A generic device without noise, on which nothing takes time."""
        return cls(name=name, qdevice_typ="generic", qdevice_cfg=GenericQDeviceConfig.perfect_config())


class LinkConfig(Model):
    """A quantum link between two nodes."""

    stack1: str
    stack2: str
    typ: str
    cfg: Any = None

    @classmethod
    def perfect_config(cls, stack1: str, stack2: str) -> LinkConfig:
        """|Phi+> every 1000 ns."""
        return cls(stack1=stack1, stack2=stack2, typ="perfect")


class CLinkConfig(LinkConfig):
    """A classical link between two nodes."""

    @classmethod
    def perfect_config(cls, stack1: str, stack2: str) -> CLinkConfig:
        """Without delay."""
        return cls(stack1=stack1, stack2=stack2, typ="instant")


class StackNetworkConfig(Model):
    """Nodes and links; without `clinks` all nodes can talk to each other without delay."""

    stacks: list[StackConfig]
    links: list[LinkConfig]
    clinks: list[LinkConfig] | None = None


class ProcessingNodeConfig(Model):
    """A node: its name, and its device."""

    name: str
    qdevice_typ: str
    qdevice_cfg: Any = None


class QLinkConfig(Model):
    """A quantum link between two nodes."""

    node1: str
    node2: str
    typ: str
    cfg: Any = None


class NodeCLinkConfig(Model):
    """A classical link between two nodes."""

    node1: str
    node2: str
    typ: str
    cfg: Any = None


class NetworkConfig(Model):
    """Nodes and links in the words of netsquid-netbuilder."""

    processing_nodes: list[ProcessingNodeConfig]
    qlinks: list[QLinkConfig] | None = None
    clinks: list[NodeCLinkConfig] | None = None
    hubs: Any = None
    repeater_chains: Any = None


Config = StackNetworkConfig | NetworkConfig

_NAME: Final = re.compile(NAME_PATTERN)


class Translated:
    """A network for programs: ours, and theirs.

    `names` are those of the programs, in their order, `ours` the node that stands for each. `talk` has the
    pairs of names with a classical link, None if all have one.
    """

    def __init__(
        self,
        config: Any,
        os: str | Mapping[str, Any] = "ideal",
        *,
        name: str = "compat",
        readable: bool = True,
    ) -> None:
        """Raises `ConfigError` for a network that there cannot be; `config` is not changed.

        `os` is the name of a preset, or an `os` section of a network file; `readable` says whether programs
        may be shown states.
        """
        stacks, links, clinks = _parts(config)
        self.names = [stack.name for stack in stacks]
        self.ours = our_names(self.names)
        self.talk: list[tuple[str, str]] | None = None
        channels = []
        if clinks:
            self.talk = []
            for a, b, typ, cfg in clinks:
                where = f"clink {a}-{b}"
                delay_ns = clink_delay_ns(where, typ, cfg)
                self.talk.append((a, b))
                channels.append(
                    {"nodes": self._ends(where, a, b), "cnpu_cnpu_ns": delay_ns, "qnpu_qnpu_ns": delay_ns}
                )
        self.network: OurNetwork = load_network(
            {
                "name": name,
                "os": os_section(os),
                "nodes": [
                    {
                        "name": self.ours[stack.name],
                        "device": device_of(stack.name, stack.qdevice_typ, stack.qdevice_cfg),
                    }
                    for stack in stacks
                ],
                "links": [
                    {"nodes": self._ends(f"link {a}-{b}", a, b), **link_of(f"link {a}-{b}", typ, cfg)}
                    for a, b, typ, cfg in links
                ],
                "channels": channels,
                "testing": {"snapshot_idle": True, "states_readable": True} if readable else {},
            }
        )

    def _ends(self, where: str, a: str, b: str) -> list[str]:
        for end in (a, b):
            if end not in self.ours:
                raise ConfigError(f"{where}: there is no node {end!r}; there are {', '.join(self.names)}")
        return [self.ours[a], self.ours[b]]

    def can_talk(self, a: str, b: str) -> bool:
        """Whether two nodes have a classical link."""
        return self.talk is None or (a, b) in self.talk or (b, a) in self.talk


def os_section(given: str | Mapping[str, Any]) -> dict[str, Any]:
    """An `os` section in which requests wait as long as it takes and the first qubit of a program is the
    electron, unless it says otherwise."""
    section: dict[str, Any] = {"preset": given} if isinstance(given, str) else dict(given)
    patience = dict.fromkeys(("request_timeout_ns", "unclaimed_timeout_ns", "accept_grace_ns"), LONGEST_NS)
    section["qnpu"] = {**patience, "allocate": "first", **section.get("qnpu", {})}
    return section


def our_names(names: list[str]) -> dict[str, str]:
    """Name of a node as programs have it -> as we have it; `ConfigError` if two nodes have one name."""
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"{twice!r} is the name of two nodes; each has one of its own")
    if not names:
        raise ConfigError("a network without nodes; give it at least one")
    return {name: _our_name(name, index, names) for index, name in enumerate(names)}


def _our_name(name: str, index: int, names: list[str]) -> str:
    """The name itself, if ours may be like that."""
    if _NAME.match(name) and len(name) <= NAME_LENGTH and name not in RESERVED_NAMES:
        return name
    ours = f"node{index}"
    while ours in names:
        ours += "_"
    return ours


def _parts(config: Any) -> tuple[list[Any], list[tuple[str, str, str, Any]], list[tuple[str, str, str, Any]]]:
    """Nodes, quantum links and classical links of either kind of configuration."""
    if isinstance(config, StackNetworkConfig):
        return (
            config.stacks,
            [(link.stack1, link.stack2, link.typ, link.cfg) for link in config.links],
            [(link.stack1, link.stack2, link.typ, link.cfg) for link in config.clinks or ()],
        )
    if isinstance(config, NetworkConfig):
        if config.hubs or config.repeater_chains:
            raise ConfigError(
                "hubs and repeater chains are not provided by qnos.compat; name every link in qlinks"
            )
        return (
            config.processing_nodes,
            [(link.node1, link.node2, link.typ, link.cfg) for link in config.qlinks or ()],
            [(link.node1, link.node2, link.typ, link.cfg) for link in config.clinks or ()],
        )
    raise ConfigError(f"config is {config!r}; allowed: a StackNetworkConfig or a NetworkConfig")


# --- networks by their shape ------------------------------------------------------------------------------


def create_two_node_network(
    node_names: list[str] | None = None,
    link_noise: float = 0,
    qdevice_noise: float = 0,
    clink_delay: float = 0.0,
    link_delay: float = 0.0,
) -> StackNetworkConfig:
    """Two generic nodes; noise is that of Werner pairs and of gates, delays are in ns."""
    names = node_names or ["Alice", "Bob"]
    link = DepolariseLinkConfig(fidelity=1 - 0.75 * link_noise, prob_success=1, t_cycle=link_delay)
    device = GenericQDeviceConfig.perfect_config()
    device.single_qubit_gate_depolar_prob = device.two_qubit_gate_depolar_prob = qdevice_noise
    return create_complete_graph_network(
        names, "depolarise", link, "default", {"delay": clink_delay}, "generic", device
    )


def create_complete_graph_network(
    node_names: list[str],
    link_typ: str,
    link_cfg: Any,
    clink_typ: str = "instant",
    clink_cfg: Any = None,
    qdevice_typ: str = "generic",
    qdevice_cfg: Any = None,
) -> StackNetworkConfig:
    """Every two nodes have a link of each kind; they share the configurations."""
    if qdevice_cfg is None and qdevice_typ == "generic":
        qdevice_cfg = GenericQDeviceConfig.perfect_config()
    pairs = list(combinations(node_names, 2))
    return StackNetworkConfig(
        stacks=[
            StackConfig(name=name, qdevice_typ=qdevice_typ, qdevice_cfg=qdevice_cfg) for name in node_names
        ],
        links=[LinkConfig(stack1=a, stack2=b, typ=link_typ, cfg=link_cfg) for a, b in pairs],
        clinks=[CLinkConfig(stack1=a, stack2=b, typ=clink_typ, cfg=clink_cfg) for a, b in pairs],
    )

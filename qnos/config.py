"""What a network is: nodes with devices, links, classical channels, and the costs of the OS on them.

`NetworkConfig` is a network that was checked as a whole; `loading.load_network` makes it from a file, a
shipped name or a mapping. The `...File` structs say what a file may contain; devices and links have schemas
of their own, by kind. `PRESETS` are the named costs of an OS.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from cnpu.launch import CnpuSettings
from qnos.schedule import Schedule
from qnpu.settings import QnpuSettings
from qruntime.limits import LONGEST_NS
from qworld.links import Link

NAME_PATTERN = "^[A-Za-z][A-Za-z0-9_-]*$"
NAME_LENGTH = 32
RESERVED_NAMES = ("world",)  # the simulated world is an actor beside the nodes

NanosecondsOrNull = Annotated[int, Meta(ge=0, le=LONGEST_NS)] | None
Name = Annotated[str, Meta(pattern=NAME_PATTERN, max_length=NAME_LENGTH)]


class Latency(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One-way times of messages, in simulated ns."""

    cnpu_qnpu_ns: Annotated[
        int, Meta(ge=0, le=LONGEST_NS, description="between CNPU and QNPU of a node, each direction")
    ] = 0
    cnpu_cnpu_ns: Annotated[int, Meta(ge=0, le=LONGEST_NS, description="between the CNPUs of two nodes")] = 0
    qnpu_qnpu_ns: Annotated[int, Meta(ge=0, le=LONGEST_NS, description="between the QNPUs of two nodes")] = 0


class OsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Costs and policies of the OS on every node of a network; `preset` is the one it started from."""

    preset: str
    cnpu: CnpuSettings
    qnpu: QnpuSettings
    latency: Latency


# Costs measured on, or derived from, the published runs of QNodeOS on two NV nodes (delegated computation):
# means of the stage durations; the QNPU costs per gate and measurement are weakly determined.
QNODEOS = OsConfig(
    preset="qnodeos",
    cnpu=CnpuSettings(
        submit_first_ns=1_500_000,
        submit_ns=860_000,
        after_result_ns=370_000,
        after_message_ns=1_320_000,
    ),
    qnpu=QnpuSettings(
        subroutine_ns=140_000,
        gate_ns=90_000,
        measure_ns=280_000,
        request_ns=5_800_000,
        epr_start="create",
    ),
    latency=Latency(cnpu_qnpu_ns=290_000, cnpu_cnpu_ns=320_000, qnpu_qnpu_ns=320_000),
)

IDEAL = OsConfig(preset="ideal", cnpu=CnpuSettings(), qnpu=QnpuSettings(epr_start="both"), latency=Latency())

PRESETS: dict[str, OsConfig] = {"ideal": IDEAL, "qnodeos": QNODEOS}


class OsFile(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The `os` section written as a mapping: a preset, and what differs from it."""

    preset: Annotated[str, Meta(description="costs to start from: ideal or qnodeos")]
    cnpu: Annotated[dict[str, Any], Meta(description="costs of the CNPU that differ from the preset")] = {}
    qnpu: Annotated[dict[str, Any], Meta(description="costs and policies of the QNPU that differ")] = {}
    latency: Annotated[dict[str, Any], Meta(description="message latencies that differ")] = {}


class NodeFile(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One entry of `nodes`."""

    name: Annotated[Name, Meta(description="unique name of the node; not world")]
    device: Annotated[
        dict[str, Any],
        Meta(description="kind of hardware with its parameters, or set: a parameter set, and what differs"),
    ]


class ChannelConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Classical channels of one pair of nodes: latencies in place of those of `os.latency`, and loss."""

    nodes: Annotated[tuple[str, str], Meta(description="names of the two nodes")]
    cnpu_cnpu_ns: Annotated[
        NanosecondsOrNull, Meta(description="between their CNPUs; null: os.latency holds")
    ] = None
    qnpu_qnpu_ns: Annotated[
        NanosecondsOrNull, Meta(description="between their QNPUs; null: os.latency holds")
    ] = None
    qnpu_loss: Annotated[
        float,
        Meta(
            ge=0,
            lt=1,
            description="probability that a message between their QNPUs gets lost; what must arrive is sent "
            "again",
        ),
    ] = 0.0


class Testing(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Disturbances that a correct program and OS must survive, drawn from the seed of the run, and how states
    are looked at."""

    jitter_ns: Annotated[
        int,
        Meta(ge=0, le=LONGEST_NS, description="each message is late by up to this, at most by its latency"),
    ] = 0
    permute_ranks: Annotated[
        bool, Meta(description="break ties between events of one time in another order")
    ] = False
    snapshot_idle: Annotated[
        bool, Meta(description="breakpoints show qubits with their decoherence since their last operation")
    ] = False
    states_readable: Annotated[
        bool, Meta(description="programs may be told quantum states, which no real node could do")
    ] = False
    instructions_traced: Annotated[
        bool, Meta(description="traces say which instruction of a program each operation is")
    ] = False


def _plain(value: Any) -> Any:
    """Structs as mappings, sequences as lists: what YAML gives back."""
    builtin = value if isinstance(value, dict | list | tuple) else msgspec.to_builtins(value)
    if isinstance(builtin, dict):
        return {key: _plain(item) for key, item in builtin.items()}
    return [_plain(item) for item in builtin] if isinstance(builtin, list | tuple) else builtin


class NetworkFile(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    nodes: Annotated[
        list[NodeFile],
        Meta(
            min_length=1,
            description="the nodes, in the order that gives their numbers and breaks ties of time",
        ),
    ]
    os: Annotated[Any, Meta(description="costs of the OS, required: the name of a preset, or a mapping")] = (
        None
    )
    name: Annotated[str | None, Meta(description="name of the network; null: that of the file")] = None
    links: Annotated[
        list[dict[str, Any]],
        Meta(description="entanglement links: nodes, and kind with its parameters, or set and what differs"),
    ] = []
    channels: Annotated[
        list[dict[str, Any]],
        Meta(description="classical channels whose latency differs, or that lose messages"),
    ] = []
    testing: Annotated[dict[str, Any], Meta(description="disturbances for tests of programs")] = {}
    schedule: Annotated[
        Any,
        Meta(
            description="when links may attempt entanglement: a shipped name, the path of a file, or what it "
            "would say; null or on-demand: whenever there is a request"
        ),
    ] = None
    addresses: Annotated[
        dict[str, str],
        Meta(
            description="where processes started by hand listen, by name: world, alice/cnpu, alice/qnpu; "
            "tcp://HOST:PORT or ipc://PATH; one that is missing listens in the runtime directory"
        ),
    ] = {}
    keys: Annotated[
        Any,
        Meta(
            description="who may take part: name (world, a node, any other for an operator) -> public key, "
            "or a directory of NAME.public files; required for TCP beyond this machine"
        ),
    ] = None
    insecure_tcp: Annotated[
        bool, Meta(description="allow TCP beyond this machine without keys: anybody can listen and speak")
    ] = False


class DeviceConfig(msgspec.Struct, frozen=True):
    """A device: the kind of hardware and its parameters, an instance of that kind's schema."""

    kind: str
    parameters: Any


class NodeConfig(msgspec.Struct, frozen=True):
    """A node: its name and its device."""

    name: str
    device: DeviceConfig


class LinkConfig(msgspec.Struct, frozen=True):
    """A link between two nodes: its kind and its model, an instance of that kind's schema."""

    nodes: tuple[str, str]
    kind: str
    model: Link


class NetworkConfig(msgspec.Struct, frozen=True, eq=False):
    """A checked network.

    `nodes` are in the order that gives node numbers. Without a `schedule` links attempt on demand.
    `addresses` and `keys` (public ones, as text) are for processes started by hand. `to_dict()` is the
    mapping with every value in force, defaults included, from which the same network loads again; it says a
    `schedule` only if there is one. `sets` has the parameter sets that devices and links were made from
    (``nodes.alice``, ``links.alice-bob``), for people: two networks with the same values are equal.
    """

    name: str
    os: OsConfig
    nodes: tuple[NodeConfig, ...]
    links: tuple[LinkConfig, ...] = ()
    channels: tuple[ChannelConfig, ...] = ()
    testing: Testing = Testing()
    schedule: Schedule | None = None
    addresses: dict[str, str] = {}
    keys: dict[str, str] = {}
    insecure_tcp: bool = False
    sets: dict[str, str] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NetworkConfig) and all(
            getattr(self, name) == getattr(other, name) for name in self.__struct_fields__ if name != "sets"
        )

    @property
    def node_names(self) -> tuple[str, ...]:
        """Names of the nodes, in order."""
        return tuple(node.name for node in self.nodes)

    def link_between(self, a: str, b: str) -> LinkConfig | None:
        """The link of two nodes, given in either order; None if they have none."""
        return next((link for link in self.links if link.nodes in ((a, b), (b, a))), None)

    def cnpu_latency_ns(self, a: str, b: str) -> int:
        """One-way time of a message between the CNPUs of two nodes."""
        channel = self._channel(a, b)
        if channel is None or channel.cnpu_cnpu_ns is None:
            return self.os.latency.cnpu_cnpu_ns
        return channel.cnpu_cnpu_ns

    def qnpu_latency_ns(self, a: str, b: str) -> int:
        """One-way time of a message between the QNPUs of two nodes."""
        channel = self._channel(a, b)
        if channel is None or channel.qnpu_qnpu_ns is None:
            return self.os.latency.qnpu_qnpu_ns
        return channel.qnpu_qnpu_ns

    def qnpu_loss(self, a: str, b: str) -> float:
        """Probability that a message between the QNPUs of two nodes gets lost."""
        channel = self._channel(a, b)
        return 0.0 if channel is None else channel.qnpu_loss

    def to_dict(self) -> dict[str, Any]:
        """Every value in force as plain data, in the shape of a network file."""
        plain = _plain
        return {
            "name": self.name,
            "os": plain(self.os),
            "nodes": [
                {
                    "name": node.name,
                    "device": {"kind": node.device.kind, **plain(node.device.parameters)},
                }
                for node in self.nodes
            ],
            "links": [
                {"nodes": list(link.nodes), "kind": link.kind, **plain(link.model)} for link in self.links
            ],
            "channels": [{**plain(channel), "nodes": list(channel.nodes)} for channel in self.channels],
            "testing": plain(self.testing),
            **({} if self.schedule is None else {"schedule": self.schedule.to_dict()}),
            **self._hosts(),
        }

    def _hosts(self) -> dict[str, Any]:
        """Where it runs is no part of what it is: it is said only if there is something to say."""
        hosts: dict[str, Any] = {}
        if self.addresses:
            hosts["addresses"] = dict(self.addresses)
        if self.keys:
            hosts["keys"] = dict(self.keys)
        if self.insecure_tcp:
            hosts["insecure_tcp"] = True
        return hosts

    def _channel(self, a: str, b: str) -> ChannelConfig | None:
        return next((channel for channel in self.channels if channel.nodes in ((a, b), (b, a))), None)

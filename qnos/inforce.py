"""Every parameter of a network in force, section by section, with what the parameters amount to.

`sections(network)` is what ``qnos calibration show`` prints. Equal devices and equal links share a section.
Derived values, such as the mean time of a pair, are marked: they follow from the parameters and are no input.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from qdriver import registry
from qdriver.spec import GateSpec
from qnos.config import DeviceConfig, NetworkConfig
from qnos.noise import link_facts
from qnos.schedule import Schedule
from qnos.units import duration

DERIVED = "derived"


class Row(NamedTuple):
    """A value by name; `meaning` is a time in words, and whether the value is derived."""

    name: str
    value: Any
    meaning: str = ""


class Section(NamedTuple):
    """Values that belong together."""

    title: str
    rows: list[Row]


def sections(network: NetworkConfig) -> list[Section]:
    """All parameters of a network, by section, in the order of a network file."""
    data = network.to_dict()
    found = [
        Section("network", [Row("name", network.name), Row("nodes", list(network.node_names))]),
        Section("os", [Row("preset", network.os.preset)]),
    ]
    found += [Section(f"os.{part}", _rows(data["os"][part])) for part in ("cnpu", "qnpu", "latency")]
    found += _grouped(
        "device of",
        [
            (node.name, [*_rows(said["device"]), *_derived_of_device(node.device)])
            for node, said in zip(network.nodes, data["nodes"], strict=True)
        ],
    )
    found += _grouped(
        "link",
        [
            ("-".join(link.nodes), [*_rows(said), *_derived(link_facts(link)._asdict())])
            for link, said in zip(network.links, data["links"], strict=True)
        ],
    )
    found += _grouped("channel", [("-".join(said["nodes"]), _rows(said)) for said in data["channels"]])
    found.append(Section("testing", _rows(data["testing"])))
    if network.schedule is not None:
        found.append(_scheduled(network.schedule))
    hosts: dict[str, Any] = {key: data[key] for key in ("addresses", "keys", "insecure_tcp") if key in data}
    return [*found, Section("hosts", _rows(hosts))] if hosts else found


def _scheduled(schedule: Schedule) -> Section:
    period = schedule.period_ns
    rows = [
        Row("name", schedule.name),
        Row("first_ns", schedule.first_ns, _time("first_ns", schedule.first_ns)),
        Row("period_ns", period, _time("period_ns", period) if period else "its bins come once"),
        Row("bins", len(schedule.bins)),
    ]
    shares = {f"share of {a}-{b}": schedule.share(a, b) for a, b in schedule.links}
    return Section("schedule", rows + _derived(shares))


def _grouped(title: str, parts: list[tuple[str, list[Row]]]) -> list[Section]:
    """One section for all that have the same rows."""
    groups: list[tuple[list[str], list[Row]]] = []
    for name, rows in parts:
        names = next((names for names, others in groups if others == rows), None)
        if names is None:
            groups.append(([name], rows))
        else:
            names.append(name)
    return [Section(f"{title} {', '.join(names)}", rows) for names, rows in groups]


def _rows(said: dict[str, Any], before: str = "") -> list[Row]:
    """The values of a mapping, those inside of it by dotted names; the ends of a link are in its title."""
    rows = []
    for name, value in said.items():
        if isinstance(value, dict):
            rows += _rows(value, f"{before}{name}.")
        elif name != "nodes":
            rows.append(Row(before + name, value, _time(name, value)))
    return rows


def _derived(values: dict[str, Any]) -> list[Row]:
    return [
        Row(name, value, ", ".join(filter(None, (_time(name, value), DERIVED))))
        for name, value in values.items()
    ]


def _derived_of_device(device: DeviceConfig) -> list[Row]:
    """The device as the OS sees it: qubits, and how long each native instruction takes."""
    spec = registry.hardware(device.kind).spec(device.parameters, {})
    values: dict[str, Any] = {}
    for role in dict.fromkeys(qubit.role for qubit in spec.qubits):
        qubits = [qubit for qubit in spec.qubits if qubit.role == role]
        values[f"{role} qubits"] = len(qubits)
        for name in ("t1_ns", "t2_ns"):
            times = list(dict.fromkeys(getattr(qubit, name) for qubit in qubits))
            values[f"{name} of {role} qubits"] = times[0] if len(times) == 1 else times
    values["flavour"] = spec.flavour
    rows = _derived(values)
    rows += _gates(spec.gates, "")
    own: dict[str, dict[str, GateSpec]] = {}
    for qubit in spec.qubits:
        own.setdefault(qubit.role, {}).update(qubit.gates)
    for whose, gates in own.items():
        rows += _gates(gates, f" of {whose} qubits")
    return rows


def _gates(gates: dict[str, GateSpec], whose: str) -> list[Row]:
    """Instructions with the same numbers share their rows."""
    alike: dict[GateSpec, list[str]] = {}
    for name, gate in gates.items():
        alike.setdefault(gate, []).append(name)
    rows = []
    for gate, names in alike.items():
        rows += _derived({f"{', '.join(names)}{whose}: {key}": value for key, value in _gate(gate).items()})
    return rows


def _gate(gate: GateSpec) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(gate)
    return plain


def _time(name: str, value: Any) -> str:
    """A time of a microsecond and more in words."""
    is_time = "_ns" in name and isinstance(value, int | float) and not isinstance(value, bool)
    return duration(value) if is_time and value >= 1000 else ""

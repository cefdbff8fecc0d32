"""Networks of application directories, `network.yaml`, as networks of ours.

    nodes: name, gate_fidelity, qubits (id, t1, t2), hardware (Generic, NV)
    links: name, node_name1, node_name2, noise_type, fidelity

A gate fidelity g is depolarising with probability 1 - g after every operation, resets included, on each qubit
of it; t1 and t2 are in ns, 0: none. Durations are those of the SDK's own simulations: generic reset 100 us,
one-qubit gate 1 us, two-qubit gate 500 us; NV reset 1 ns, rotation 2 ns, electron-carbon rotation 5 ns.
Measurements take none. A pair takes 1000 ns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from netqasm.runtime.interface.config import NetworkConfig as SdkNetwork
from netqasm.runtime.interface.config import (
    Node,
    NoiseType,
    QuantumHardware,
    default_network_config,
    parse_network_config,
)

from qnos.compat.devices import NVQDeviceConfig
from qnos.compat.model import warn_once
from qnos.compat.networks import os_section, our_names
from qnos.config import NetworkConfig
from qnos.loading import load_network
from qruntime.errors import ConfigError

PAIR_NS: Final = 1000
_GENERIC_NS: Final = {
    "init_ns": 100_000,
    "single_qubit_gate_ns": 1_000,
    "two_qubit_gate_ns": 500_000,
    "measure_ns": 0,
}
_NV_NS: Final = {
    "electron_init_ns": 1,
    "electron_gate_ns": 2,
    "carbon_init_ns": 1,
    "carbon_rot_xy_ns": 2,
    "carbon_rot_z_ns": 2,
    "electron_carbon_ns": 5,
    "measure_ns": 0,
}
_NV_NOISE: Final = (
    "electron_init_depolarise",
    "electron_gate_depolarise",
    "carbon_init_depolarise",
    "carbon_rot_xy_depolarise",
    "carbon_rot_z_depolarise",
    "electron_carbon_depolarise",
)


@dataclass(frozen=True)
class Network:
    """A network of an application, and ours.

    `names` are its nodes, `ours` the node that stands for each, `nv` those that are NV centres, `links` the
    nodes that each has a link to, and `paths` the name of the link between two nodes.
    """

    ours: Mapping[str, str]
    network: NetworkConfig
    nv: Sequence[str]
    links: Mapping[str, Sequence[str]]
    paths: Mapping[tuple[str, str], str]

    @property
    def names(self) -> list[str]:
        """Of the nodes, in order."""
        return list(self.ours)


def read_network(path: Path) -> SdkNetwork:
    """What a network file says; `ConfigError` that names the file, and what is missing in it."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: {error}") from None
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: a mapping with nodes and links is needed; found {type(data).__name__}")
    for key, fields in _FIELDS.items():
        entries = data.get(key)
        if not isinstance(entries, list):
            raise ConfigError(f"{path}: {key} is {entries!r}; a list is needed")
        for index, entry in enumerate(entries):
            _check_fields(f"{path}: {key}[{index}]", entry, fields)
            for number, qubit in enumerate(entry["qubits"] if key == "nodes" else ()):
                _check_fields(f"{path}: {key}[{index}].qubits[{number}]", qubit, ("id", "t1", "t2"))
    network: SdkNetwork = parse_network_config(data)
    return network


_FIELDS: Final = {
    "nodes": ("name", "gate_fidelity", "qubits"),
    "links": ("name", "node_name1", "node_name2", "noise_type", "fidelity"),
}


def _check_fields(where: str, entry: Any, fields: Sequence[str]) -> None:
    if not isinstance(entry, dict):
        raise ConfigError(f"{where} is {entry!r}; a mapping with {', '.join(fields)} is needed")
    missing = [name for name in fields if name not in entry]
    if missing:
        raise ConfigError(f"{where}: {', '.join(missing)} is missing; needed are {', '.join(fields)}")


def complete_network(names: Sequence[str], hardware: str) -> SdkNetwork:
    """Nodes of five qubits without noise, all of them linked; for directories that say nothing."""
    kind = QuantumHardware.NV if hardware == "nv" else QuantumHardware.Generic
    network: SdkNetwork = default_network_config(list(names), kind)
    return network


def translated(
    config: SdkNetwork, os: str | Mapping[str, Any] = "ideal", nv_config: Any = None, logged: bool = False
) -> Network:
    """A network of ours; `ConfigError` for one that there cannot be.

    `os` is what the OS costs. `nv_config` has parameters for all NV centres (`NVQDeviceConfig` or a mapping),
    in place of what durations and gate fidelities say. With `logged` its trace has every instruction.
    """
    names = [str(node.name) for node in config.nodes]
    ours = our_names(names)
    kinds = {str(node.name): _hardware(node) for node in config.nodes}
    nodes = [
        {
            "name": ours[node.name],
            "device": _nv(node, nv_config) if kinds[node.name] == "nv" else _generic(node),
        }
        for node in config.nodes
    ]
    links: dict[tuple[str, str], dict[str, Any]] = {}
    paths: dict[tuple[str, str], str] = {}
    linked: dict[str, list[str]] = {name: [] for name in names}
    for link in config.links:
        a, b = ends = str(link.node_name1), str(link.node_name2)
        where = f"link {link.name} ({a}-{b})"
        for end in ends:
            if end not in ours:
                raise ConfigError(f"{where}: there is no node {end!r}; there are {', '.join(names)}")
        if a == b:
            raise ConfigError(f"{where}: both ends are {a}; a link joins two nodes")
        model = _link(where, link.noise_type, link.fidelity)
        if (b, a) in links or ends in links:
            if links.get(ends, links.get((b, a))) != model:
                raise ConfigError(f"{where}: there is another link between these nodes; one is allowed")
            continue
        links[ends] = model
        paths[a, b] = paths[b, a] = str(link.name)
        linked[a].append(b)
        linked[b].append(a)
    network = load_network(
        {
            "name": "application",
            "os": os_section(os),
            "nodes": nodes,
            "links": [{"nodes": [ours[a], ours[b]], **model} for (a, b), model in links.items()],
            "testing": {"snapshot_idle": True, "states_readable": True, "instructions_traced": logged},
        }
    )
    return Network(ours, network, [name for name in names if kinds[name] == "nv"], linked, paths)


def _hardware(node: Node) -> str:
    said = getattr(node.hardware, "value", node.hardware)
    if said == QuantumHardware.TrappedIon.value:
        raise ConfigError(
            f"node {node.name}: hardware TrappedIon has no gates in these applications; use Generic or NV"
        )
    if said not in (QuantumHardware.Generic.value, QuantumHardware.NV.value):
        warn_once(f"node {node.name}: hardware {said!r} is not known and taken for Generic")
    return "nv" if said == QuantumHardware.NV.value else "generic"


def _error(node: Node) -> float:
    return 1.0 - _share(f"node {node.name}: gate_fidelity", node.gate_fidelity)


def _qubits(node: Node) -> list[dict[str, float]]:
    if not node.qubits:
        raise ConfigError(f"node {node.name}: no qubits; a node has at least one")
    times = []
    for index, qubit in enumerate(sorted(node.qubits, key=lambda qubit: int(qubit.id))):
        where = f"node {node.name}: qubits"
        if int(qubit.id) != index:
            ids = ", ".join(str(each.id) for each in node.qubits)
            raise ConfigError(f"{where} have the ids {ids}; allowed: 0, 1, ... each once")
        said = {f"{name}_ns": (name, getattr(qubit, name)) for name in ("t1", "t2")}
        times.append({ours: _time(f"{where}[{index}].{name}", value) for ours, (name, value) in said.items()})
    return times


def _generic(node: Node) -> dict[str, Any]:
    error, qubits = _error(node), _qubits(node)
    return {
        "kind": "generic",
        "num_qubits": len(qubits),
        **_GENERIC_NS,
        **qubits[0],
        "single_qubits": qubits if any(qubit != qubits[0] for qubit in qubits) else [],
        "init_depolarise": error,
        "single_qubit_gate_depolarise": error,
        "two_qubit_gate_depolarise": error,
    }


def _nv(node: Node, config: Any) -> dict[str, Any]:
    qubits = _qubits(node)
    electron, *carbons = qubits
    if config is not None:
        given = config if isinstance(config, NVQDeviceConfig) else NVQDeviceConfig(**config)
        return {**given.device(), "num_qubits": len(qubits)}
    return {
        "kind": "nv",
        "num_qubits": len(qubits),
        **_NV_NS,
        **dict.fromkeys(_NV_NOISE, _error(node)),
        "readout_error_0": 0.0,
        "readout_error_1": 0.0,
        **{f"electron_{name}": value for name, value in electron.items()},
        "carbon_t1_ns": 0.0,
        "carbon_t2_ns": 0.0,
        "carbons": carbons,
    }


def _link(where: str, noise: Any, fidelity: Any) -> dict[str, Any]:
    """The link of a noise type; `fidelity` f is as the types use it: f Phi+ + (1-f) I/4, or X on one half
    with probability 1 - f."""
    said = getattr(noise, "value", noise)
    f = _share(f"{where}: fidelity", fidelity)
    if said == NoiseType.NoNoise.value:
        return {"kind": "perfect", "delay_ns": PAIR_NS}
    if said in (NoiseType.Depolarise.value, NoiseType.DiscreteDepolarise.value):
        state: dict[str, Any] = {"kind": "depolarise", "fidelity": f + (1.0 - f) / 4}
    elif said == NoiseType.Bitflip.value:
        state = {"kind": "bell_diagonal", "weights": [f, 1.0 - f, 0.0, 0.0]}
    else:
        known = ", ".join(kind.value for kind in NoiseType)
        raise ConfigError(f"{where}: noise_type is {said!r}; allowed: {known}")
    return {**state, "success_probability": 1.0, "cycle_ns": PAIR_NS}


def _share(where: str, value: Any) -> float:
    number = _number(where, value)
    if not 0 <= number <= 1:
        raise ConfigError(f"{where} is {value!r}; allowed: 0 to 1")
    return number


def _time(where: str, value: Any) -> float:
    number = _number(where, value)
    if not number >= 0:
        raise ConfigError(f"{where} is {value!r}; allowed: a time in ns, 0 for none")
    return number


def _number(where: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ConfigError(f"{where} is {value!r}; a number is needed") from None

"""Networks from files: `load_network`, and the changes a sweep makes to one.

`load_network(source)` takes a shipped name, a path (of a file of ours, or of SquidASM's), a mapping or a
network already loaded;
`shipped_networks()` lists the names. `with_values(network, {path: value})` is the same network with some
values changed; `set_path` does one such change on plain data. Everything wrong with a file is a
`ConfigError` that names file, line, field, what was found and what is allowed.
"""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from qdriver import registry
from qnos.config import (
    PRESETS,
    RESERVED_NAMES,
    ChannelConfig,
    DeviceConfig,
    LinkConfig,
    NetworkConfig,
    NetworkFile,
    NodeConfig,
    OsConfig,
    OsFile,
    Testing,
)
from qnos.documents import Document, in_short, nearest
from qnos.documents import Path as FieldPath
from qnos.hosts_section import read_addresses, read_keys
from qnos.kinds import described, device_schema, link_schema, with_scheduler
from qnos.sets import with_set
from qruntime.errors import ConfigError
from qworld.links import KINDS

SHIPPED = "qnos.shipped.configs.networks"

_STACKS = re.compile(r"^stacks\s*:", re.MULTILINE)  # what tells a network file of SquidASM's from ours

Settings = TypeVar("Settings", bound=msgspec.Struct)
Source = str | os.PathLike[str] | Mapping[str, Any] | NetworkConfig


def load_network(source: Source) -> NetworkConfig:
    """The network that `source` names (shipped, or a path to a YAML file) or describes (a mapping)."""
    if isinstance(source, NetworkConfig):
        return source
    if isinstance(source, Mapping):
        return network_of(Document(dict(source), "network"), "unnamed")
    if not isinstance(source, str | os.PathLike):
        raise ConfigError(
            f"network is {source!r}; allowed: a shipped name, a path, a mapping, or a loaded network"
        )
    label, text = text_of(source)
    if _STACKS.search(text):
        return _of_stacks(label, text)
    return network_of(Document.read(text, label), Path(label).stem, Path(label).parent)


def _of_stacks(label: str, text: str) -> NetworkConfig:
    """The network of a file of SquidASM's, on an OS that costs nothing."""
    from qnos.compat.networks import StackNetworkConfig, Translated  # few files are

    try:
        config = StackNetworkConfig.from_text(text, label)
        return Translated(config, name=Path(label).stem, readable=False).network
    except (ConfigError, ValueError) as error:
        raise ConfigError(f"{label}: {error}", file=label) from None


def shipped_networks() -> list[str]:
    """Names of the networks that travel with the package."""
    return sorted(
        entry.name.removesuffix(".yaml") for entry in files(SHIPPED).iterdir() if entry.name.endswith(".yaml")
    )


def with_values(network: Source, values: Mapping[str, Any]) -> NetworkConfig:
    """The network with the value at each path replaced, checked again as a whole.

    Paths are those of `set_path`. Raises `ConfigError` for a path that is not there or a value out of
    range.
    """
    loaded = load_network(network)
    if not values:
        return loaded
    data = loaded.to_dict()
    for path, value in values.items():
        data = set_path(data, path, value)
    changes = ", ".join(f"{path}={in_short(value)}" for path, value in values.items())
    return network_of(Document(data, f"{loaded.name} with {changes}"), loaded.name)


def set_path(data: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of `data` with `value` at the dotted `path`.

    A step is a key, an index of a list, `*` for every item, the name of a node
    (``nodes.alice.device.t2_ns``) or the ends of a link or channel (``links.alice-bob.fidelity``). The
    place must be there already, so pass the full mapping (`NetworkConfig.to_dict()`); `os` may be replaced
    by the name of a preset. Raises `ConfigError` that lists what is there.
    """
    changed = copy.deepcopy(dict(data))
    steps = path.split(".")
    if steps[:2] == ["os", "preset"] and len(steps) == 2:
        raise ConfigError(
            "os.preset is only what the costs started from; to replace all of them set os", field=path
        )
    _set(changed, steps, 0, value)
    return changed


def _set(container: Any, steps: list[str], at: int, value: Any) -> None:
    last = at == len(steps) - 1
    for key in _keys(container, steps, at):
        if last:
            container[key] = value
        else:
            _set(container[key], steps, at + 1, value)


def _keys(container: Any, steps: list[str], at: int) -> list[Any]:
    """The keys or indices of `container` that step `at` means."""
    step = steps[at]
    place = ".".join(steps[:at]) or "the network"
    path = ".".join(steps)
    if isinstance(container, dict):
        if step in container:
            return [step]
        raise ConfigError(f"{path}: {place} has no {step!r}; {nearest(step, container)}", field=path)
    if not isinstance(container, list):
        raise ConfigError(f"{path}: {place} is {in_short(container)}, which has no parts", field=path)
    if not container:
        raise ConfigError(f"{path}: {place} is an empty list, so nothing would change", field=path)
    if step == "*":
        return list(range(len(container)))
    labels = [_label(item) for item in container]
    found = [i for i, names in enumerate(labels) if step in names]
    if found:
        return found
    if step.isdecimal() and int(step) < len(container):
        return [int(step)]
    known = [names[0] for names in labels if names]
    raise ConfigError(
        f"{path}: {place} has no {step!r}; {nearest(step, known)}, an index below {len(container)}, or *",
        field=path,
    )


def _label(item: Any) -> list[str]:
    """What a list item may be called: a node by name, a link or channel by its ends in either order."""
    if not isinstance(item, dict):
        return []
    if isinstance(item.get("name"), str):
        return [item["name"]]
    ends = item.get("nodes")
    if isinstance(ends, list) and len(ends) == 2:
        return [f"{ends[0]}-{ends[1]}", f"{ends[1]}-{ends[0]}"]
    return []


def text_of(source: str | os.PathLike[str]) -> tuple[str, str]:
    """Label and content of the file that a shipped name or a path means; `ConfigError` if there is none."""
    name = os.fspath(source)
    plain = os.sep not in name and not name.endswith((".yaml", ".yml", ".json"))
    if plain and name in shipped_networks():
        return f"{name}.yaml", files(SHIPPED).joinpath(f"{name}.yaml").read_text("utf-8")
    try:
        return name, Path(name).read_text("utf-8")
    except FileNotFoundError:
        if plain:
            raise ConfigError(
                f"no network is called {name!r}; {nearest(name, shipped_networks())}", file=name
            ) from None
        listed = ", ".join(shipped_networks())
        raise ConfigError(f"{name}: no such file; shipped networks are {listed}", file=name) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        raise ConfigError(f"{name}: cannot be read: {reason}", file=name) from None


def network_of(document: Document, default_name: str, folder: Path | None = None) -> NetworkConfig:
    """The network that a document describes, checked as a whole.

    `default_name` is its name if it says none; files it refers to are looked for in `folder`.
    """
    top = document.convert((), NetworkFile, document.data, "a network")
    here = Path() if folder is None else folder
    keys = read_keys(document, top, here)
    sets: dict[str, str] = {}
    network = NetworkConfig(
        name=top.name or default_name,
        os=_os(document, top.os),
        nodes=_nodes(document, top, here, sets),
        links=_links(document, top, here, sets),
        channels=_channels(document, top),
        testing=document.convert(("testing",), Testing, top.testing, "testing"),
        addresses=read_addresses(document, top, keys),
        keys=keys,
        insecure_tcp=top.insecure_tcp,
        sets=sets,
    )
    for index, node in enumerate(network.nodes):
        if not registry.is_built_in(node.device.kind):
            _refuse_unsound(document, network, index)
    return network


def _os(document: Document, given: Any) -> OsConfig:
    presets = ", ".join(PRESETS)
    if given is None:
        raise document.error(
            ("os",), f"is missing; allowed: the name of a preset ({presets}) or a mapping with one", beside=()
        )
    if isinstance(given, str):
        return _preset(document, ("os",), given)
    named = document.convert(("os",), OsFile, given, "os")
    base = _preset(document, ("os", "preset"), named.preset)

    return OsConfig(
        preset=named.preset,
        cnpu=_merged(document, "cnpu", base.cnpu, named.cnpu),
        qnpu=with_scheduler(document, _merged(document, "qnpu", base.qnpu, named.qnpu)),
        latency=_merged(document, "latency", base.latency, named.latency),
    )


def _preset(document: Document, path: FieldPath, name: str) -> OsConfig:
    if name in PRESETS:
        return PRESETS[name]
    raise document.error(path, f"is {name!r}, which is no preset; {nearest(name, PRESETS)}")


def _merged(document: Document, section: str, base: Settings, differs: dict[str, Any]) -> Settings:
    value = {**msgspec.to_builtins(base), **differs}
    return document.convert(("os", section), type(base), value, f"os.{section}")


def _nodes(
    document: Document, top: NetworkFile, folder: Path, sets: dict[str, str]
) -> tuple[NodeConfig, ...]:
    first: dict[str, FieldPath] = {}
    nodes = []
    for index, node in enumerate(top.nodes):
        path = ("nodes", index, "name")
        if node.name in RESERVED_NAMES:
            raise document.error(path, f"is {node.name!r}, which is reserved; allowed: any other name")
        if node.name in first:
            line = document.line(first[node.name])
            before = f"in line {line}" if line else "before"
            raise document.error(path, f"is {node.name!r}, already used {before}; allowed: each name once")
        first[node.name] = path
        device, named = _device(document, ("nodes", index, "device"), node.device, folder)
        if named:
            sets[f"nodes.{node.name}"] = named
        nodes.append(NodeConfig(node.name, device))
    return tuple(nodes)


def _device(
    document: Document, path: FieldPath, said: Mapping[str, Any], folder: Path
) -> tuple[DeviceConfig, str]:
    given, named = with_set(document, path, said, "device", folder)
    kind = _kind(document, path, given, registry.names)
    schema = device_schema(document, path, kind)
    parameters = {key: value for key, value in given.items() if key != "kind"}
    what = described(kind, "device")
    try:
        device = DeviceConfig(kind, document.convert(path, schema, parameters, what))
    except ConfigError:
        raise
    except Exception as error:  # a plug-in is other people's code
        raised = f"rule schema: it raised {type(error).__name__}: {error}"
        raise document.error(path, f"is hardware {kind!r}, which breaks the {raised}") from error
    return device, named


def _refuse_unsound(document: Document, network: NetworkConfig, node_id: int) -> None:
    """A plug-in that cannot be used is told before anything runs on it."""
    from qnos.assembly import (
        link_points,
    )  # brings in the OS and the world, which our devices do not need here
    from qnos.vetting import faults

    device = network.nodes[node_id].device
    broken = faults(device.kind, device.parameters, link_points(network, node_id))
    if broken:
        path: FieldPath = ("nodes", node_id, "device")
        raise document.error(path, f"is hardware {device.kind!r}, which breaks a rule: {'; '.join(broken)}")


def _links(
    document: Document, top: NetworkFile, folder: Path, sets: dict[str, str]
) -> tuple[LinkConfig, ...]:
    names = [node.name for node in top.nodes]
    first: dict[tuple[str, str], FieldPath] = {}
    links = []
    for index, said in enumerate(top.links):
        path: FieldPath = ("links", index)
        nodes = _ends(document, path, said, names, first)
        given, named = with_set(document, path, said, "link", folder)
        kind = _kind(document, path, given, lambda: KINDS)
        schema = link_schema(document, path, kind)
        parameters = {key: value for key, value in given.items() if key not in ("nodes", "kind")}
        model: Any = document.convert(path, schema, parameters, described(kind, "link"))
        if named:
            sets[f"links.{nodes[0]}-{nodes[1]}"] = named
        links.append(LinkConfig(nodes, kind, model))
    return tuple(links)


def _channels(document: Document, top: NetworkFile) -> tuple[ChannelConfig, ...]:
    names = [node.name for node in top.nodes]
    first: dict[tuple[str, str], FieldPath] = {}
    channels = []
    for index, given in enumerate(top.channels):
        path: FieldPath = ("channels", index)
        _ends(document, path, given, names, first)
        channels.append(document.convert(path, ChannelConfig, given, "a channel"))
    return tuple(channels)


def _kind(
    document: Document, path: FieldPath, given: Mapping[str, Any], known: Callable[[], Iterable[str]]
) -> str:
    kind = given.get("kind")
    if isinstance(kind, str):
        return kind
    listed = ", ".join(known())  # asked for late: it searches what is installed
    if kind is None:
        raise document.error((*path, "kind"), f"is missing; allowed: {listed}", beside=path)
    raise document.error((*path, "kind"), f"is {in_short(kind)}; allowed: {listed}")


def _ends(
    document: Document,
    path: FieldPath,
    given: Mapping[str, Any],
    names: Sequence[str],
    first: dict[tuple[str, str], FieldPath],
) -> tuple[str, str]:
    """The two different, known nodes at the ends of a link or channel, a pair not met before."""
    field = (*path, "nodes")
    ends = given.get("nodes")
    if ends is None:
        raise document.error(
            field, f"is missing; allowed: a list of two names of {', '.join(names)}", beside=path
        )
    if not isinstance(ends, list | tuple) or len(ends) != 2 or not all(isinstance(end, str) for end in ends):
        raise document.error(
            field, f"is {in_short(ends)}; allowed: a list of two names of {', '.join(names)}"
        )
    for place, end in enumerate(ends):
        if end not in names:
            raise document.error((*field, place), f"is {end!r}, which is no node; {nearest(end, names)}")
    a, b = ends
    if a == b:
        raise document.error(field, f"joins {a} to itself; allowed: two different nodes")
    pair = (min(a, b), max(a, b))
    if pair in first:
        line = document.line(first[pair])
        before = f"in line {line}" if line else "before"
        raise document.error(field, f"joins {a} and {b}, already joined {before}; allowed: each pair once")
    first[pair] = field
    return a, b

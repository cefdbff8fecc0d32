"""What a run ran on: every parameter of a network in force, to look at, keep, compare and run on again.

`load(source)` gives the network of a saved result, of a snapshot, or of whatever `load_network` takes;
`save(source, path)` writes a snapshot, a YAML file that stands alone; `differences(a, b)` lists the paths at
which two of them differ. Parameters are data: an application never sees the numbers of one run behind those
of another.

A snapshot has `qnos_calibration`, the version of its format, `qnos_version`, which wrote it, `sha256` of its
values, and `network`, the values. It is a record: one that was cut short or edited is refused.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import msgspec
import yaml
from msgspec import Meta

from qnos import __version__
from qnos.config import NetworkConfig
from qnos.documents import Document
from qnos.loading import Source, load_network, network_of, text_of
from qnos.results import RunResult
from qruntime.errors import ConfigError

FORMAT: Final = 1
MARK: Final = "qnos_calibration"  # the key that tells a snapshot from a network file
IN_RESULT: Final = "calibration"  # the key of a saved result


class Absent:
    """The value at a path that one of two networks does not have."""

    def __repr__(self) -> str:
        return "absent"


ABSENT: Final = Absent()


class Difference(NamedTuple):
    """A path at which two networks differ, with both values; `ABSENT` where one has nothing there."""

    path: str
    a: Any
    b: Any


class Snapshot(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The file of a calibration."""

    qnos_calibration: Annotated[int, Meta(description="version of this format")]
    qnos_version: Annotated[str, Meta(description="the version of qnos that wrote it")]
    sha256: Annotated[str, Meta(description="of the values, to tell whether they are those that were saved")]
    network: Annotated[
        dict[str, Any], Meta(description="every value in force, in the shape of a network file")
    ]


def load(source: Source | RunResult) -> NetworkConfig:
    """The network with every parameter that `source` ran on or describes.

    `source` is a result (or the path of a saved one), the path of a snapshot, or anything that
    `load_network` takes. Raises `ConfigError` for a damaged file, a snapshot in a format that this version
    does not know, a result without calibration, and values that this version does not take.
    """
    if isinstance(source, RunResult):
        return network_of(Document(source.calibration, f"calibration of {source.app}"), source.network)
    if isinstance(source, NetworkConfig | Mapping) or not isinstance(source, str | os.PathLike):
        return load_network(source)
    label, text = text_of(source)
    document = _read(text, label)
    if isinstance(document.data, dict) and MARK in document.data:
        return _of_snapshot(document)
    if isinstance(document.data, dict) and IN_RESULT in document.data:
        values = Document(document.data[IN_RESULT], f"{label}: {IN_RESULT}")
        return network_of(values, str(document.data.get("network")))
    if label.endswith(".json") and isinstance(document.data, dict) and "nodes" not in document.data:
        raise ConfigError(
            f"{label}: has no calibration; allowed: a result that qnos run saved, a snapshot, a network",
            file=label,
        )
    return network_of(document, Path(label).stem, Path(label).parent)


def save(source: Source | RunResult, path: str | os.PathLike[str]) -> Path:
    """Write what `load` gives for `source` as a snapshot; returns its path.

    Raises `ConfigError` if the file exists already, as a record is not to be lost, or cannot be written.
    """
    data = load(source).to_dict()
    snapshot = {MARK: FORMAT, "qnos_version": __version__, "sha256": digest(data), "network": data}
    text = yaml.safe_dump(snapshot, sort_keys=False, allow_unicode=True)
    target = Path(path)
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(f"{target}: exists already; allowed: a new name", file=str(target)) from None
    except OSError as error:
        raise ConfigError(f"{target}: cannot be written: {error.strerror}", file=str(target)) from None
    return target


def parameters(network: NetworkConfig) -> dict[str, Any]:
    """Path -> value of everything in force, in the order of a file; `with_values` takes the paths of values.

    `nodes`, `links` and `channels` have the order of these, which gives numbers and breaks ties.
    """
    data = network.to_dict()
    flat: dict[str, Any] = {"name": data.pop("name")}
    nodes, links, channels = (data.pop(key) for key in ("nodes", "links", "channels"))
    flat.update(_flat(data))
    flat["nodes"] = [node["name"] for node in nodes]
    for node in nodes:
        flat.update(_flat(node["device"], f"nodes.{node['name']}.device."))
    for key, items in (("links", links), ("channels", channels)):
        flat[key] = ["-".join(item["nodes"]) for item in items]
        for item in items:
            values = {name: value for name, value in item.items() if name != "nodes"}
            flat.update(_flat(values, f"{key}.{'-'.join(sorted(item['nodes']))}."))
    return flat


def differences(a: Source | RunResult, b: Source | RunResult) -> list[Difference]:
    """Every path whose value differs between what `load` gives for `a` and for `b`, in the order of a file.

    Values of devices of different kinds have no counterpart: they are `ABSENT` on one side.
    """
    left, right = parameters(load(a)), parameters(load(b))
    return [
        Difference(path, left.get(path, ABSENT), right.get(path, ABSENT))
        for path in dict.fromkeys([*left, *right])
        if path not in left or path not in right or left[path] != right[path]
    ]


def digest(values: dict[str, Any]) -> str:
    """SHA-256 of the values of a network, whatever the order of keys, as a snapshot has it."""
    return hashlib.sha256(msgspec.json.encode(_plain(values), order="deterministic")).hexdigest()


def _read(text: str, label: str) -> Document:
    """A document from YAML or JSON; JSON, which may be large, by the quicker parser."""
    if not (label.endswith(".json") or text.lstrip()[:1] == "{"):
        return Document.read(text, label)
    try:
        return Document(msgspec.json.decode(text), label)
    except msgspec.DecodeError as error:
        if label.endswith(".json"):
            raise ConfigError(f"{label}: is damaged: {error}", file=label) from None
        return Document.read(text, label)


def _of_snapshot(document: Document) -> NetworkConfig:
    version = document.data[MARK]
    if version != FORMAT or isinstance(version, bool):
        writer = document.data.get("qnos_version", "an unknown version")
        raise document.error(
            (MARK,),
            f"is {version!r}, a format that qnos {__version__} does not read (written by {writer}); "
            f"allowed: {FORMAT}",
        )
    snapshot = document.convert((), Snapshot, document.data, "a calibration snapshot")
    if snapshot.sha256 != digest(snapshot.network):
        raise document.error(
            ("network",),
            "is not what was saved: the file was cut short or edited; allowed: a snapshot as it was written "
            "(--set-network changes values for a run)",
        )
    return network_of(document.part("network"), "unnamed")


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)  # JSON has no number for it
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | None) else str(value)


def _flat(data: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in data.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{before}{key}.")
        else:
            yield before + key, value

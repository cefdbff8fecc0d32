"""Network schedules from files: `load_schedule` and `with_schedule`, and what makes one fit a network.

`load_schedule(source, network)` takes a shipped name, a path, a mapping or a `Schedule`;
`with_schedule(network, source)` is the network with it, or on demand. A schedule fits if its bins are of
links that exist, are long enough for an attempt, and never ask a device to attempt on more links at once
than it can. Whatever is wrong is a `ConfigError` that names file, line and field.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from qnos.documents import Document, in_short, nearest
from qnos.documents import Path as FieldPath
from qnos.schedule import Bin, BinFile, Schedule, ScheduleFile
from qruntime.errors import ConfigError
from qruntime.limits import SCHEDULE_BINS

if TYPE_CHECKING:
    from qnos.config import NetworkConfig

SHIPPED: Final = "qnos.shipped.configs.schedules"
ON_DEMAND: Final = "on-demand"  # no schedule
_SUFFIXES: Final = (".yaml", ".yml", ".json")


def shipped_schedules() -> list[str]:
    """Names of the schedules that travel with the package."""
    return sorted(
        entry.name.removesuffix(".yaml") for entry in files(SHIPPED).iterdir() if entry.name.endswith(".yaml")
    )


def load_schedule(source: Any, network: NetworkConfig, folder: Path | None = None) -> Schedule:
    """The schedule that `source` names or describes, checked against a network.

    A path is taken relative to `folder`.
    """
    if isinstance(source, Schedule):
        return schedule_of(Document(source.to_dict(), f"schedule {source.name}"), source.name, network)
    if isinstance(source, Mapping):
        return schedule_of(Document(dict(source), "schedule"), "inline", network)
    if not isinstance(source, str | os.PathLike):
        raise ConfigError(
            f"schedule is {in_short(source)}; allowed: {ON_DEMAND}, a shipped name, a path, a mapping"
        )
    name = os.fspath(source)
    label, text = _text_of(name, folder or Path())
    return schedule_of(Document.read(text, label), Path(label).stem, network)


def with_schedule(network: NetworkConfig, source: Any, folder: Path | None = None) -> NetworkConfig:
    """The network with another schedule, or with none if `source` is `on-demand` or None."""
    if source is None or source == ON_DEMAND:
        return msgspec.structs.replace(network, schedule=None)
    return msgspec.structs.replace(network, schedule=load_schedule(source, network, folder))


def schedule_of(document: Document, default_name: str, network: NetworkConfig) -> Schedule:
    """The schedule that a document describes."""
    top = document.convert((), ScheduleFile, document.data, "a schedule")
    if len(top.bins) > SCHEDULE_BINS:
        raise document.error(("bins",), f"has {len(top.bins)} entries; allowed: at most {SCHEDULE_BINS}")
    attempt_ns = {link.nodes: min(point.cycle_ns for point in link.model.points()) for link in network.links}
    bins: list[Bin] = []
    at_ns = 0
    for index, said in enumerate(top.bins):
        row = _bin(document, index, said, top, at_ns, network)
        least_ns = attempt_ns[row.nodes]
        if row.length_ns < least_ns:
            sentence = f"lasts {row.length_ns} ns; allowed: at least an attempt of its link, {least_ns:g} ns"
            raise document.error(("bins", index), sentence)
        bins.append(row)
        at_ns = row.end_ns
    last = max(range(len(bins)), key=lambda index: bins[index].end_ns)
    if top.period_ns is not None and bins[last].end_ns > top.period_ns:
        raise document.error(
            ("bins", last),
            f"ends {bins[last].end_ns} ns after the period began; allowed: up to period_ns, {top.period_ns}",
        )
    period_ns = top.period_ns or bins[last].end_ns
    _refuse_conflicts(document, bins, network)
    in_order = tuple(sorted(bins, key=lambda row: (row.start_ns, row.end_ns, row.nodes)))
    return Schedule(top.name or default_name, in_order, top.first_ns, period_ns if top.repeat else None)


def attempts_at_once(network: NetworkConfig, node: str) -> int:
    """On how many links the device of a node can attempt at the same time."""
    from qnos.assembly import device_spec  # brings in the OS, which on-demand networks do not need here

    spec = device_spec(network, network.node_names.index(node))
    if spec.attempt_exclusive:
        return 1
    return sum(qubit.role == "communication" for qubit in spec.qubits)


def _text_of(name: str, folder: Path) -> tuple[str, str]:
    plain = os.sep not in name and not name.endswith(_SUFFIXES)
    if plain and name in shipped_schedules():
        return f"{name}.yaml", files(SHIPPED).joinpath(f"{name}.yaml").read_text("utf-8")
    path = folder / name
    try:
        return str(path), path.read_text("utf-8")
    except FileNotFoundError:
        known = nearest(name, [ON_DEMAND, *shipped_schedules()])
        what = "no schedule is called that, and there is no such file" if plain else "no such file"
        raise ConfigError(f"{name}: {what}; {known}, or the path of a file", file=name) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        raise ConfigError(f"{name}: cannot be read: {reason}", file=name) from None


def _bin(
    document: Document, index: int, said: Any, top: ScheduleFile, at_ns: int, network: NetworkConfig
) -> Bin:
    path: FieldPath = ("bins", index)
    entry = document.convert(path, BinFile, said, "a bin")
    for place, node in enumerate(entry.nodes):
        if node not in network.node_names:
            known = nearest(node, network.node_names)
            raise document.error(
                (*path, "nodes", place), f"is {node!r}, which is no node of {network.name}; {known}"
            )
    link = network.link_between(*entry.nodes)
    if link is None:
        links = ", ".join("-".join(other.nodes) for other in network.links) or "none"
        raise document.error(
            (*path, "nodes"),
            f"is {'-'.join(entry.nodes)}, which no link of {network.name} joins; allowed: {links}",
        )
    length_ns = entry.length_ns or top.bin_ns
    if length_ns is None:
        raise document.error(
            (*path, "length_ns"), "is missing, and the schedule has no bin_ns; allowed: either", beside=path
        )
    start_ns = at_ns if entry.start_ns is None else entry.start_ns
    return Bin(link.nodes, start_ns, length_ns, tuple(entry.apps), entry.demand)


def _refuse_conflicts(document: Document, bins: list[Bin], network: NetworkConfig) -> None:
    """No link has two bins at once, and no device has more than it can attempt in."""
    in_order = sorted(range(len(bins)), key=lambda index: (bins[index].start_ns, index))
    room = {node: attempts_at_once(network, node) for node in network.node_names}
    running: dict[str, list[int]] = {node: [] for node in room}  # entries under way, at each node
    for index in in_order:
        row = bins[index]
        for node in row.nodes:
            running[node] = [other for other in running[node] if bins[other].end_ns > row.start_ns]
            same = next((other for other in running[node] if bins[other].nodes == row.nodes), None)
            if same is not None:
                raise _conflict(document, index, same, f"of the same link {'-'.join(row.nodes)}", bins)
            if len(running[node]) >= room[node]:
                links = "one link" if room[node] == 1 else f"{room[node]} links"
                why = f"at node {node}, whose device attempts on {links} at a time"
                raise _conflict(document, index, running[node][0], why, bins)
            running[node].append(index)


def _conflict(document: Document, index: int, other: int, why: str, bins: list[Bin]) -> ConfigError:
    line = document.line(("bins", other))
    where = f"bins[{other}]" + (f" in line {line}" if line else "")
    first, second = bins[other], bins[index]
    both = f"{max(first.start_ns, second.start_ns)} to {min(first.end_ns, second.end_ns)} ns"
    return document.error(("bins", index), f"overlaps {where} from {both}, {why}")

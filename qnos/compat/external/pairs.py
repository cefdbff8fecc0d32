"""`network_log.yaml`: the entangled pairs of a round, from its trace.

Each pair has an entry when attempts for it begin and one when both ends have it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qnos.compat.external.groups import Groups
from qnos.compat.external.network import Network
from qnos.compat.external.roundlog import Entry, RoundLog, now
from qruntime.trace import Record

_KEPT, _MEASURED = "CK", "MD"


def logged(
    log: RoundLog, network: Network, names: Mapping[str, str], records: Sequence[Record]
) -> list[Entry]:
    """The entries, in the order of simulated time; `names` are those that the application has for nodes."""
    order = list(names.values())
    begun: dict[tuple[Any, ...], None] = {}
    one_end: dict[tuple[int, int, int], Record] = {}
    entries: list[Entry] = []
    groups = Groups(names)
    wall = now()
    for record in records:
        groups.take(record)
        here = names.get(record.node, "")
        if record.event == "LINK_ATTEMPTS":
            there = names[record.unit.partition(":")[2]]
            pair = here, there, *record.data[:3]
            if order.index(here) < order.index(there) and pair not in begun:
                begun[pair] = None
                entries.append(_entry(network, wall, record.t_ns, "start", None, (here, there), [], None))
        elif record.event == "EGP_DELIVERED":
            peer, serial = int(record.data[0]), int(record.data[1])
            own = order.index(here)
            key = min(own, peer), max(own, peer), serial
            other = one_end.pop(key, None)
            if other is None:
                one_end[key] = record
                continue
            ends = sorted((other, record), key=lambda end: order.index(names[end.node]))
            qubits = [int(end.data[2]) for end in ends]
            kind = _MEASURED if -1 in qubits else _KEPT
            outcomes = [(int(end.data[3]), int(end.data[4])) for end in ends] if kind == _MEASURED else None
            nodes = order[key[0]], order[key[1]]
            qubits = [qubit for qubit in qubits if qubit >= 0]
            entries.append(_entry(network, wall, record.t_ns, "finish", kind, nodes, qubits, outcomes))
    for entry in entries:
        groups.at(entry["SIT"], entry)
    groups.finish()
    return sorted(entries, key=lambda entry: int(entry["SIT"]))


def _entry(
    network: Network,
    wall: str,
    t_ns: int,
    stage: str,
    kind: str | None,
    nodes: tuple[str, str],
    qubits: list[int],
    outcomes: list[tuple[int, int]] | None,
) -> Entry:
    done = "Start" if stage == "start" else "Finish"
    return {
        "WCT": wall,
        "SIT": t_ns,
        "TYP": kind,
        "INS": f"epr_{stage}",
        "BAS": None if outcomes is None else [basis for _, basis in outcomes],
        "MSR": None if outcomes is None else [outcome for outcome, _ in outcomes],
        "NOD": list(nodes),
        "PTH": [network.paths[nodes]],
        "QID": qubits,
        "QGR": None,
        "LOG": f"{done} entanglement of {nodes[0]} and {nodes[1]}",
    }

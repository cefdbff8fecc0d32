"""The runner with processes: shots, round trips, starts, and what the time authority costs.

Wall times depend on the other work of the machine; processor time per shot, of all processes together, does
so much less (it is read from /proc, so on Linux only). `python -m benchmarks.processes` prints the table.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trio
import zmq

from benchmarks.table import Row, keeps, show
from cnpu.app import App, load_app
from cnpu.launch import Ended
from qnos.config import NetworkConfig
from qnos.loading import load_network
from qnos.processes import ProcessNetwork
from qnos.simulate import Plan
from qruntime.messages import Done, Submit
from qruntime.sockets import Socket, Sockets
from qruntime.trace import Record
from qruntime.wire import decode, encode

SHOTS = 150
IN_FLIGHT = (2, 4, 8, 16, 32)
ROUND_TRIPS = 1000
STARTS = 3
LARGE = 16  # nodes of the large network: 33 processes
PAIR_ROUNDS = 5
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")

EMPTY = '''"""Round trips of an empty subroutine, as the program sees them on the wall."""

import time

TEXT = "# NETQASM 1.0\\n# APPID 0\\n"


async def alice(node, rounds: int = 1):
    walls_ns = []
    for _ in range(rounds):
        began = time.perf_counter_ns()
        await node.run_subroutine(TEXT)
        walls_ns.append(time.perf_counter_ns() - began)
    return {"walls_ns": walls_ns}


ROLES = {"alice": alice}
'''

PAIRS = '''"""Three pairs of nodes that share nothing; each makes and measures pairs of its own."""


def end(peer, creates):
    async def program(node, rounds: int = 1):
        outcomes = []
        for _ in range(rounds):
            epr = node.epr(peer)
            (half,) = epr.create_keep() if creates else epr.recv_keep()
            outcome = half.measure()
            await node.flush()
            outcomes.append(int(outcome))
        return {"outcomes": outcomes}

    return program


PEERS = (("a", "b"), ("c", "d"), ("e", "f"))
ROLES = {name: end(other, name == ends[0]) for ends in PEERS for name, other in (ends, ends[::-1])}
'''


def run() -> list[Row]:
    """Every figure; the machine should have nothing else to do."""
    return [*_teleport(), *_empty_subroutine(), *_bare_data_path(), *_starts(), *_unrelated_pairs()]


class Measured:
    """A run of shots on processes: wall and processor time per shot, grants, and what programs returned."""

    def __init__(self, processes: ProcessNetwork, plan: Plan, shots: int, in_flight: int) -> None:
        self.values: list[dict[str, Any]] = []
        grants, overlapping, cpu_s = processes.grants, processes.overlapping, _cpu_s(processes)
        began = time.perf_counter()
        processes.run(plan, 0, shots, in_flight, False, self._keep)
        self.wall_ms = (time.perf_counter() - began) / shots * 1e3
        self.cpu_ms = {name: (now_s - cpu_s[name]) / shots * 1e3 for name, now_s in _cpu_s(processes).items()}
        self.grants = (processes.grants - grants) / shots
        self.overlapping = (processes.overlapping - overlapping) / shots

    @property
    def all_cpu_ms(self) -> float:
        """Of all processes together."""
        return sum(self.cpu_ms.values())

    def _keep(self, shot: int, ended: list[Ended], records: list[Record]) -> None:
        for end in ended:
            if end.error is not None:
                raise end.error
            self.values.append(end.value)


def _teleport() -> list[Row]:
    plan = Plan(load_app("teleport"), load_network("two_generic"))
    with ProcessNetwork(plan.network) as processes:
        Measured(processes, plan, SHOTS, 4)  # warms up
        alone = Measured(processes, plan, SHOTS, 1)
        several = {number: Measured(processes, plan, 2 * SHOTS, number) for number in IN_FLIGHT}
    best = min(several, key=lambda number: several[number].wall_ms)
    shot = "teleport shot with processes, two nodes"
    rows: list[Row] = [
        {"what": f"{shot}: one in flight", "value": alone.wall_ms, "unit": "ms", "limit": 10.0},
        {
            "what": f"  {best} in flight, the best number",
            "value": several[best].wall_ms,
            "unit": "ms",
            "limit": 3.0,
        },
    ]
    rows += [
        {"what": f"  {number} in flight", "value": measured.wall_ms, "unit": "ms"}
        for number, measured in several.items()
        if number != best
    ]
    for name, measured in (("one in flight", alone), (f"{best} in flight", several[best])):
        rows.append({"what": f"processor time per shot, {name}", "value": measured.all_cpu_ms, "unit": "ms"})
        rows.append(
            {"what": "  of which world and authority", "value": measured.cpu_ms["world"], "unit": "ms"}
        )
    rows += [
        {"what": "grants per teleport shot", "value": alone.grants, "unit": ""},
        {"what": "  of which while another is out", "value": alone.overlapping, "unit": ""},
        {
            "what": "wall time per grant, one shot in flight",
            "value": alone.wall_ms / alone.grants * 1e3,
            "unit": "us",
        },
        {
            "what": f"wall time per grant, {best} shots in flight",
            "value": several[best].wall_ms / several[best].grants * 1e3,
            "unit": "us",
        },
        {
            "what": "processor time of the authority per grant, world included",
            "value": several[best].cpu_ms["world"] / several[best].grants * 1e3,
            "unit": "us",
        },
    ]
    return rows


def _empty_subroutine() -> list[Row]:
    with _app(EMPTY) as app, ProcessNetwork(load_network("perfect")) as processes:
        plan = Plan(app, processes.network, inputs={"alice": {"rounds": ROUND_TRIPS}})
        measured = [Measured(processes, plan, 1, 1) for _ in range(2)][-1]
    walls_ms = [ns / 1e6 for ns in measured.values[0]["walls_ns"]]
    trip = "empty subroutine CNPU to QNPU to CNPU, under the authority"
    return [
        {"what": f"{trip}: median", "value": statistics.median(walls_ms), "unit": "ms", "limit": 0.6},
        {"what": "  99 of 100 take at most", "value": _p99(walls_ms), "unit": "ms"},
        {
            "what": "  processor time of all processes",
            "value": measured.all_cpu_ms / ROUND_TRIPS,
            "unit": "ms",
        },
    ]


def _bare_data_path() -> list[Row]:
    """The same bodies over the same kind of sockets between two processes, with nobody to ask."""
    with tempfile.TemporaryDirectory() as directory:
        ours, theirs = (f"ipc://{directory}/{name}" for name in ("here", "there"))
        command = [sys.executable, "-m", "benchmarks.processes", "echo", theirs, ours]
        echo = subprocess.Popen(command)
        try:
            walls_ms = trio.run(_trips, ours, theirs)
        finally:
            echo.terminate()
            echo.wait()
    return [
        {
            "what": "the bare data path of the same messages: median",
            "value": statistics.median(walls_ms),
            "unit": "ms",
        },
        {"what": "  99 of 100 take at most", "value": _p99(walls_ms), "unit": "ms"},
    ]


async def _trips(ours: str, theirs: str) -> list[float]:
    walls_ms = []
    with Sockets() as sockets:
        inbox, outbox = _ends(sockets, ours, theirs)
        question = encode(Submit(0, 0, b"\x00\x01\x00\x00"))
        for _ in range(2 * ROUND_TRIPS):
            began = time.perf_counter()
            outbox.send([b"", b"token", question])
            decode((await inbox.receive())[2])
            walls_ms.append((time.perf_counter() - began) * 1e3)
    return walls_ms[ROUND_TRIPS:]  # the first of them wait for the other process


async def _echo(ours: str, theirs: str) -> None:
    """Answer whatever comes, until terminated."""
    with Sockets() as sockets:
        inbox, outbox = _ends(sockets, ours, theirs)
        answer = encode(Done(0, 0, (), ()))
        while True:
            decode((await inbox.receive())[2])
            outbox.send([b"", b"token", answer])


def _ends(sockets: Sockets, ours: str, theirs: str) -> tuple[Socket, Socket]:
    return sockets.bind(zmq.PULL, ours), sockets.connect(zmq.PUSH, theirs)


def _starts() -> list[Row]:
    two = load_network("two_generic")
    nodes = [f"node{i}" for i in range(LARGE)]
    large = _network(two, nodes, [(nodes[i], nodes[i + 1]) for i in range(LARGE - 1)])
    app = load_app("teleport")
    placement = {"alice": nodes[0], "bob": nodes[1]}
    small_s = statistics.median(_start_s(Plan(app, two)) for _ in range(STARTS))
    large_s = _start_s(Plan(app, large, placement=placement))
    processes = 2 * LARGE + 1
    return [
        {"what": "start to first shot, two nodes", "value": small_s, "unit": "s", "limit": 1.5},
        {"what": f"start to first shot, {LARGE} nodes, {processes} processes", "value": large_s, "unit": "s"},
    ]


def _start_s(plan: Plan) -> float:
    began = time.perf_counter()
    with ProcessNetwork(plan.network) as processes:
        Measured(processes, plan, 1, 1)
        return time.perf_counter() - began


def _unrelated_pairs() -> list[Row]:
    two = load_network("two_generic")
    network = _network(two, list("abcdef"), [("a", "b"), ("c", "d"), ("e", "f")])
    with _app(PAIRS) as app, ProcessNetwork(network) as processes:
        plan = Plan(app, network, inputs={role: {"rounds": PAIR_ROUNDS} for role in "abcdef"})
        Measured(processes, plan, 5, 1)
        measured = Measured(processes, plan, 40, 1)
    share = measured.overlapping / measured.grants
    return [
        {
            "what": "six nodes in three unrelated pairs, one shot in flight: grants",
            "value": measured.grants,
            "unit": "",
        },
        {"what": "  of which while another is out", "value": 100 * share, "unit": "%", "floor": 50.0},
        {"what": "  wall time per grant", "value": measured.wall_ms / measured.grants * 1e3, "unit": "us"},
    ]


def _network(like: NetworkConfig, nodes: list[str], pairs: list[tuple[str, str]]) -> NetworkConfig:
    """A network of the devices, links and OS of another one."""
    data = like.to_dict()
    device, link = data["nodes"][0]["device"], data["links"][0]
    return load_network(
        {
            **data,
            "nodes": [{"name": name, "device": device} for name in nodes],
            "links": [{**link, "nodes": list(pair)} for pair in pairs],
        }
    )


@contextmanager
def _app(text: str) -> Iterator[App]:
    """An application from its source."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "measured.py"
        file.write_text(text)
        yield load_app(str(file))


def _cpu_s(processes: ProcessNetwork) -> dict[str, float]:
    """Processor time of each process so far, in user and system mode."""
    spent = {}
    for name, process in processes.processes.items():
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        spent[name] = (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
    return spent


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


def main(arguments: list[str]) -> int:
    """Print the table; the status says whether all limits are kept."""
    if arguments[:1] == ["echo"]:
        theirs, ours = arguments[1:]
        trio.run(_echo, theirs, ours)
        return 0
    rows = run()
    show("Processes", rows)
    return int(not all(keeps(row) for row in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

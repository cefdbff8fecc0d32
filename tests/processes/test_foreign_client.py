"""The wire is all one needs: a CNPU written with pyzmq and msgpack alone takes part as our own would."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cnpu.app import load_app
from cnpu.launch import Ended
from qnos.config import NetworkConfig
from qnos.loading import load_network, with_values
from qnos.processes import ProcessNetwork
from qnos.simulate import Plan, Simulation
from qruntime.trace import Record, Trace

FOREIGN = Path(__file__).with_name("foreign_cnpu.py")
ACTOR = "alice/cnpu"
SEED, SHOTS = 7, 6


def network() -> NetworkConfig:
    """Without noise, so that bob finds alice's state in every shot; with latencies, so that order matters."""
    latencies = {f"os.latency.{way}_ns": 290_000 for way in ("cnpu_qnpu", "cnpu_cnpu", "qnpu_qnpu")}
    return with_values(load_network("perfect"), {**latencies, "testing.jitter_ns": 20_000})


class WithForeignCnpu(ProcessNetwork):
    """A network of processes whose alice is somebody else's."""

    def _start(self, kind: str, node: str = "") -> None:
        if (kind, node) != ("cnpu", "alice"):
            super()._start(kind, node)
            return
        here = self.network
        addresses = [self.runtime.address(ACTOR), self.runtime.address("world")]
        latencies = [here.os.latency.cnpu_qnpu_ns, here.cnpu_latency_ns("alice", "bob")]
        with self.runtime.log(ACTOR).open("wb") as log:
            self.processes[ACTOR] = subprocess.Popen(
                [sys.executable, str(FOREIGN), *addresses, *map(str, latencies)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def printed(self) -> list[dict[str, object]]:
        """What the foreign process printed so far."""
        return [json.loads(line) for line in self.runtime.log(ACTOR).read_text().splitlines()]


@pytest.fixture(scope="module")
def started() -> Iterator[WithForeignCnpu]:
    processes = WithForeignCnpu(network())
    with processes:
        yield processes


def test_foreign_client_knows_nothing_of_ours() -> None:
    tree = ast.parse(FOREIGN.read_text())
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"__future__", "json", "os", "sys", "typing", "msgpack", "zmq"}


def test_foreign_cnpu_teleports_a_state_as_our_own_would(started: WithForeignCnpu) -> None:
    plan = Plan(load_app("teleport"), started.network, seed=SEED)
    ours = Simulation(plan)
    told: dict[int, tuple[dict[str, Ended], list[Record]]] = {}
    started.run(
        plan,
        0,
        SHOTS,
        3,
        True,
        lambda k, ended, records: told.update({k: ({e.role: e for e in ended}, records)}),
    )
    assert sorted(told) == list(range(SHOTS))
    printed = {line["shot"]: line for line in started.printed()}
    outcomes = set()
    for shot, (ended, records) in told.items():
        trace = Trace()
        ours.shot(shot, trace.on_record)
        expected = {end.role: end for end in ours.ended()}
        assert ended["bob"].value == expected["bob"].value == {"outcome": 0}
        assert ended["alice"].value == expected["alice"].value
        assert [end.ended_ns for end in ended.values()] == [end.ended_ns for end in expected.values()]
        alice = ended["alice"]
        assert printed[shot] == {"shot": shot, "ended_ns": alice.ended_ns, "fault": None, **alice.value}
        # it leaves no records of its own; those of all others are the same
        others = [record for record in trace.end() if (record.node, record.unit) != ("alice", "cnpu")]
        assert records == others
        assert len(others) > 20
        outcomes.add((alice.value["m1"], alice.value["m2"]))
    assert len(outcomes) > 1

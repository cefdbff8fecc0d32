"""Alice's CNPU, written from docs/reference/wire.md alone: nothing here comes from the project but the bytes.

`python foreign_cnpu.py OWN_ADDRESS WORLD_ADDRESS QNPU_LATENCY_NS PEER_LATENCY_NS` teleports a state to bob in
every shot of a run, and prints one JSON line per shot with what the QNPU returned.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import msgpack
import zmq

VERSION = 1
ACTOR, QNPU, PEER = "alice/cnpu", "alice/qnpu", "bob/cnpu"

HELLO, WELCOME, GRANT, REPORT, ASK, ANSWER, FORGET, LOAD, LOADED, LEAVE = range(60, 70)
START, ARRIVAL, EXPIRY, DOOMED, CANCELLED = range(5)
SEND = 0
REGISTER, SUBMIT, STOP = 1, 3, 6
REFUSED, DONE, ABORTED, REQUEST_FAILED = 10, 11, 12, 13
CLASSICAL = 30
TUPLE = 1  # MessagePack extension

PID = 0
THETA, PHI = 0.3, 1.1
M0, M1 = 3, 7  # register bytes
EPR_SOCKET = [1, 1, 0, 100]  # our socket 1 to socket 0 of node 1; any fidelity
# set up registers; qalloc, init, rot_y and rot_z by theta and phi; create_epr, wait_all; cnot, h; meas, meas;
# ret_reg M0, ret_reg M1
SUBROUTINE = bytes.fromhex(
    "000a0000"
    "04020000000000" "04060100000000" "04010a00000000" "04050100000000" "04090000000000" "040d1600000000"
    "04110200000000" "01020000000000" "02020000000000" "1c020305000000" "1c02390f000000" "1d020b05000000"
    "1d02d10f000000" "03010000000000" "03050100000000" "05060100000009" "030d0200000000" "05090200000009"
    "05050200000005" "21050505110900" "23000000000901" "1e020600000000" "17020000000000" "20020300000000"
    "26020000000000" "20060700000000" "26060000000000" "27030000000000" "27070000000000"
)  # fmt: skip


def pack(*items: Any) -> bytes:
    """One message."""
    body: bytes = msgpack.packb(list(items))
    return bytes([VERSION]) + body


def unpack(frame: bytes) -> list[Any]:
    """The tag and fields of one message."""
    assert frame[0] == VERSION, f"version {frame[0]}"
    items: list[Any] = msgpack.unpackb(frame[1:], strict_map_key=False)
    return items


class Universe:
    """One shot under way."""

    def __init__(self, shot: int) -> None:
        self.shot = shot
        self.sent = 0
        self.running = False


class ForeignCnpu:
    """The sockets, the universes, and bodies and grants that wait for each other."""

    def __init__(self, address: str, world: str, qnpu_ns: int, peer_ns: int) -> None:
        self.context = zmq.Context()
        self.inbox = self.context.socket(zmq.PULL)
        self.inbox.bind(address)
        self.world = self.connect(world)
        self.outboxes: dict[str, Any] = {}
        self.latency_ns = {QNPU: qnpu_ns, PEER: peer_ns}
        self.universes: dict[int, Universe] = {}
        self.bodies: dict[tuple[Any, ...], list[Any]] = {}
        self.waiting: dict[tuple[Any, ...], list[Any]] = {}
        self.world.send(pack(HELLO, ACTOR, address, VERSION, os.getpid()))

    def connect(self, address: str) -> Any:
        socket = self.context.socket(zmq.PUSH)
        socket.connect(address)
        return socket

    def serve(self) -> None:
        """Follow the authority until it says leave."""
        while True:
            control, *rest = self.inbox.recv_multipart()
            tokens = [tuple(msgpack.unpackb(token)) for token in rest[0::2]]
            self.bodies.update(zip(tokens, map(unpack, rest[1::2]), strict=True))
            if control:
                tag, *fields = unpack(control)
                if tag == LEAVE:
                    break
                self.control(tag, fields)
            for token in tokens:
                if token in self.waiting:
                    self.granted(self.waiting.pop(token))
        self.context.destroy(linger=0)

    def control(self, tag: int, fields: list[Any]) -> None:
        if tag == WELCOME:
            self.outboxes = {actor: self.connect(fields[0][actor]) for actor in (QNPU, PEER)}
        elif tag == LOAD:
            self.world.send(pack(LOADED, ACTOR, None))
        elif tag == GRANT:
            universe, _shot, _now_ns, kind, src, n = fields[:6]
            token = (universe, src, n)
            if kind == ARRIVAL and token not in self.bodies:
                self.waiting[token] = fields
            else:
                self.granted(fields)
        elif tag == ASK:
            running = fields[0] in self.universes and self.universes[fields[0]].running
            waits = [[PID, 0, "subroutine", "subroutine 0"]] if running else []
            self.world.send(pack(ANSWER, fields[0], ACTOR, waits))
        elif tag == FORGET:
            self.universes.pop(fields[0], None)

    def granted(self, grant: list[Any]) -> None:
        """Take one event and report what it causes."""
        universe, shot, now_ns, kind, src, n, _timer, _pid, report = grant[:9]
        effects: list[Any] = []
        ended: list[Any] = []
        if kind == START and n == 0:
            here = self.universes[universe] = Universe(shot)
            here.running = True
            register = pack(REGISTER, PID, "teleport", 5, "vanilla", 0, [EPR_SOCKET])
            effects.append(self.send(universe, QNPU, register))
            effects.append(self.send(universe, QNPU, pack(SUBMIT, PID, 0, SUBROUTINE)))
        elif kind == ARRIVAL:
            tag, *fields = self.bodies.pop((universe, src, n))
            if tag == DONE:
                values = dict(fields[2])
                m1, m2 = values[M0], values[M1]
                pair = msgpack.ExtType(TUPLE, msgpack.packb([m1, m2, THETA, PHI]))
                effects.append(self.send(universe, PEER, pack(CLASSICAL, 0, "alice", "bob", pair)))
                ended.append(self.over(universe, now_ns, {"m1": m1, "m2": m2}, None, effects))
            elif tag in (REFUSED, ABORTED, REQUEST_FAILED):
                ended.append(self.over(universe, now_ns, {}, fields[-1], effects))
        elif kind == DOOMED:
            ended.append(self.over(universe, now_ns, {}, ["DEADLOCK", report, {}], effects))
        self.world.send(pack(REPORT, universe, ACTOR, effects, ended))

    def over(self, universe: int, now_ns: int, value: Any, fault: Any, effects: list[Any]) -> list[Any]:
        """The program ends: its row in the report."""
        here = self.universes[universe]
        here.running = False
        effects.append(self.send(universe, QNPU, pack(STOP, PID)))
        print(json.dumps({"shot": here.shot, "ended_ns": now_ns, **value, "fault": fault}), flush=True)
        return [0, "alice", PID, value, fault, "", 0, now_ns]

    def send(self, universe: int, actor: str, body: bytes) -> list[Any]:
        """Send a body straight to its receiver; returns its row in the report."""
        here = self.universes[universe]
        self.outboxes[actor].send_multipart([b"", msgpack.packb([universe, ACTOR, here.sent]), body])
        here.sent += 1
        return [SEND, actor, self.latency_ns[actor]]


if __name__ == "__main__":
    own, world_address, qnpu_latency, peer_latency = sys.argv[1:]
    ForeignCnpu(own, world_address, int(qnpu_latency), int(peer_latency)).serve()

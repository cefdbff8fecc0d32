"""One control message of every type."""

from __future__ import annotations

import typing

from qruntime import control as c
from qruntime.actors import Message
from qruntime.errors import Fault
from qruntime.messages import ProcessStatus
from qruntime.trace import Record
from qruntime.wire import VERSION

TYPES: tuple[type[Message], ...] = typing.get_args(c.ControlMessage)

_FAULT = Fault("CONFIG", "no role carol", {"role": "carol", "roles": 2})
_LOAD = c.Load(
    "teleport",
    "5c1f",
    7,
    0,
    ("alice", "bob"),
    {"alice": {"theta": 0.25, "pairs": [(0, 1), (2,)]}, "bob": {}},
    {"alice": "delft", "bob": "leiden"},
    True,
)
_LATER = c.Load(
    "lgt", "77ab", 7, 1, ("alice",), {"alice": {"pairs": [(0, 1)]}}, {"alice": "delft"}, True, 5_000,
    {"priority": 3, "weight": 2}, {"qubits": 2},
)  # fmt: skip
_STATUS = ProcessStatus(3, "bqc", "waiting", 1, (0, 1), 2)
_ENDED = c.EndedRow(
    0, "alice", 3, {"m": (0, 1), "raw": b"\xff"}, None, "", 0, 14_020_150, ((5, "measured"),)
)  # fmt: skip
_FAILED = c.EndedRow(0, "bob", 0, {}, _FAULT, "Traceback", 0, 90)
_STATE = c.SessionState(4, "teleport", "failed", 17, ("alice", "bob"), (_ENDED, _FAILED), _FAULT)

EXAMPLES: tuple[Message, ...] = (
    c.Hello("alice/cnpu", "tcp://127.0.0.1:40001", VERSION, 4711),
    c.Welcome({"alice/cnpu": "ipc:///run/a", "world": "ipc:///run/world"}),
    c.Grant(2, 17, 14_000_000, c.ARRIVAL, "alice/qnpu", 5, tracing=True),
    c.Report(
        2,
        "alice/cnpu",
        (
            c.SendRow("bob/cnpu", 1_000_000),
            c.SetTimerRow(0, 14_000_500),
            c.CancelTimerRow(1),
            c.EmitRow(14_000_000, "cnpu", "PROGRAM_STARTED", 0, (0, "alice")),
        ),
        (_ENDED,),
        "",
        ((13_000_000, 14_000_000), (14_000_000, -1)),
    ),
    c.Ask(2),
    c.Answer(2, "alice/qnpu", (c.WaitRow(3, 0, "request", "a pair from bob"),), (_STATUS,), 1),
    c.Forget(2),
    _LOAD,
    c.Loaded("bob/cnpu", _FAULT),
    c.Leave(),
    c.Run("ipc:///run/client", _LOAD, 0, 100, 8, True, "/tmp/trace", (_LATER,), True, True, 5_000_000),
    c.Halt(17, 14_000_000, (_ENDED,)),
    c.GoOn("ipc:///run/client", (_LATER,), 9_000_000, 8_000_000),
    c.ShotDone(
        17,
        (_ENDED, _FAILED),
        (Record(0, "alice", "cnpu", "PROGRAM_STARTED", 0, (0, "alice")),),
        {"delft": (1, 2, 3, 4)},
    ),
    c.RunDone(_FAULT, 2700, 310),
    c.ShotTrace(17, (Record(5, "bob", "link:alice", "LINK_UP", -1, ()),)),
    c.SubmitApp("ipc:///run/client", _LOAD),
    c.AskSession("ipc:///run/client", 4, True),
    c.CancelSession("ipc:///run/client", 4),
    c.AskNetwork("ipc:///run/client"),
    _STATE,
    c.SessionList((_STATE,)),
    c.NetworkState(14_000_001, True, 81, 1, 0, {"alice": (_STATUS,), "bob": ()}, {"alice": 1, "bob": 3}),
)

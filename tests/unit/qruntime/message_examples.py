"""One message of every type, strategies that make more of them, and the wire's view of one."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from enum import IntEnum
from types import UnionType
from typing import Any

import msgspec
from hypothesis import strategies as st

from qruntime import messages as m
from qruntime import qdevice
from qruntime.actors import Message
from qruntime.errors import Fault
from qruntime.inspection import Inspect, Inspected, Picture, Scope
from tests.unit.qruntime import program_values

TYPES: tuple[type[Message], ...] = typing.get_args(m.AnyMessage)

_FAULT = Fault("EPR", "no pair within 1 s", {"epr": "TIMEOUT", "delivered": 2})
_REQUEST = m.LinkRequest(
    create_id=9,
    socket=0,
    remote_socket=1,
    type=2,
    number=3,
    min_fidelity=80,
    max_time_ns=1_000_000_000,
    priority=1,
    atomic=True,
    consecutive=False,
    random_local=0,
    random_remote=2,
    probabilities_local=(),
    probabilities_remote=(85, 170),
    axes_local=0,
    rotations_local=(0, 24, 8),
    axes_remote=2,
    rotations_remote=(1, 2, 31),
)

_CNOT = qdevice.DeviceOp(qdevice.OpCode.TWO_QUBIT, 1500, "cnot", 0, 1)
_MEASURE = qdevice.DeviceOp(qdevice.OpCode.MEASURE, 2500, "", 0, ref=6)

EXAMPLES: tuple[Message, ...] = (
    m.Register(3, "bqc", 2, "nv", 1, ((0, 1, 0, 80), (1, 2, 0, 100)), 5_000_000, 3, {"qubits": 2}, 1024),
    m.OpenEprSocket(3, 1, 2, 0, 75),
    m.Submit(3, 0, b"\x00\x01\xff"),
    m.Cancel(3, 1),
    m.ReadMemory(3, 17, (0, 48), (0, 5)),
    m.Stop(3),
    m.Status(18),
    Inspect(3, 19, Scope.ENTANGLED, (0, 2)),
    m.Refused(3, "register", Fault("LIMIT", "4096 processes are registered", {})),
    m.Done(3, 0, ((0, 1), (48, -7)), ((0, (1, None, 2**31 - 1)), (1, ()))),
    m.Aborted(3, 1, _FAULT),
    m.RequestFailed(3, _FAULT),
    m.Memory(3, 17, ((0, 1), (48, None)), ((0, (1, None)), (5, None))),
    m.StatusReport(18, (m.ProcessStatus(3, "bqc", "waiting", 1, (0, 1), 2),), 4),
    Inspected(3, 19, (Picture((("alice", 0),), (0.5, 0.0, 0.25, -0.25, 0.25, 0.25, 0.5, 0.0)),), "why"),
    m.LinkAdd(0, 5, 1, -1, _REQUEST),
    m.LinkAck(0, 5, 1, 4, 0),
    m.LinkReject(0, 5, 3, "no open socket"),
    m.LinkClaim(0, 1, 4),
    m.LinkWithdraw(0, 1, 4, 10, "the program stopped"),
    m.LinkExpire(0, 1, 4, 2, 9),
    m.LinkExpireAck(0, 1, 4, 2, True),
    m.LinkReceipt(0, 23, 4),
    m.LinkAbandon(0, 7, 3, "nobody answered"),
    m.ClassicalMessage(0, "alice", "bob", {"bits": [0, 1], "pair": (1, (b"\xff", None)), 7: -0.5, "å": True}),
    m.ProgramEnded(0, "alice", "bob", ""),
    qdevice.Operate((_CNOT, _MEASURE)),
    qdevice.Entangle(
        1,
        0,
        2500,
        3,
        (qdevice.EntangleItem(1, 4, 0), qdevice.EntangleItem(1, 4, 1, True, 1, (0, 8, 31), 9)),
        2,
    ),
    qdevice.Outcome(6, qdevice.Response.SUCCESS_ONE, "why"),
    qdevice.Herald(1, 1, 4, 0, 0, 2, 5000, 123_456_789, 8, 1),
    qdevice.Attempted(1, 2, qdevice.Response.ENTANGLEMENT_SYNC_FAILURE),
)


def fields(message: msgspec.Struct) -> list[Any]:
    """The values of a struct's fields, in order."""
    return [getattr(message, name) for name in message.__struct_fields__]


def plain(value: Any) -> Any:
    """What a MessagePack reader without our types should see of a field other than a program's value."""
    if isinstance(value, msgspec.Struct):
        return [plain(field) for field in fields(value)]
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return int(value) if isinstance(value, IntEnum) else value


def messages_of(cls: type[Message]) -> st.SearchStrategy[Message]:
    """Messages of one type with any values that its annotations allow."""
    return _struct(cls)


def _struct(cls: type[Any]) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(cls)
    names = cls.__struct_fields__ if issubclass(cls, msgspec.Struct) else cls._fields
    return st.builds(cls, *(_of(hints[name]) for name in names))


def _of(hint: Any) -> st.SearchStrategy[Any]:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, UnionType):
        return st.one_of([_of(arg) for arg in args])
    if origin is tuple and args[-1] is Ellipsis:
        return st.lists(_of(args[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*(_of(arg) for arg in args))
    if origin is dict:
        return st.dictionaries(_of(args[0]), _of(args[1]), max_size=3)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct | tuple):
        return _struct(hint)
    return _PLAIN[hint]


_PLAIN: Mapping[Any, st.SearchStrategy[Any]] = {
    int: program_values.integers,
    str: program_values.texts,
    bool: st.booleans(),
    float: st.floats(allow_nan=False),
    bytes: st.binary(max_size=12),
    type(None): st.none(),
    Any: program_values.values,
}

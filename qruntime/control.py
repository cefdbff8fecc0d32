"""What the time authority and the processes of actors say to each other, beside the messages of the actors
themselves.

A `Grant` lets one actor take one event; its `Report` has the effects, with a token in place of each
message body: the body itself goes straight to its receiver. A *universe* is one network on one timeline (a
shot, or a live session); several are under way at once, and nothing of one can reach another.

`encode_control(message) -> bytes`, `decode_control(data) -> message`; tokens are in `tokens`. As in
`wire`, whatever is not exactly a message of this version is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from qruntime.actors import Message
from qruntime.errors import Fault, ProgramError, WireError
from qruntime.limits import CONTROL_BYTES
from qruntime.messages import ProcessStatus
from qruntime.orders import (
    AskNetwork,
    AskSession,
    CancelSession,
    EndedRow,
    GoOn,
    Halt,
    Load,
    NetworkState,
    Run,
    RunDone,
    SessionList,
    SessionState,
    ShotDone,
    ShotTrace,
    SubmitApp,
)
from qruntime.values import normalise
from qruntime.wire import VERSION, tag_tuples, untag_tuple

START, ARRIVAL, EXPIRY, DOOMED, CANCELLED = range(5)  # kinds of event in a Grant
SEND, SET_TIMER, CANCEL_TIMER, EMIT = range(4)  # kinds of effect in a Report


class Hello(Message, frozen=True, tag=60):
    """A process is up: which actor it runs, and where it listens."""

    actor: str
    address: str
    wire_version: int
    pid: int


class Welcome(Message, frozen=True, tag=61):
    """All are up: where each actor listens."""

    addresses: dict[str, str]


class Grant(Message, frozen=True, tag=62):
    """Take this event now; with the first START (`n` 0) the actor of this universe is as new, for `shot`.

    `n` is the sender's number of an arrival (with `src` the token of its body), `timer` the number that the
    process gave to a timer's name; `pid` and `report` belong to a deadlock verdict; `pid` is the session of
    a cancellation.
    """

    universe: int
    shot: int
    now_ns: int
    kind: int
    src: str = ""
    n: int = -1
    timer: int = -1
    pid: int = -1
    report: str = ""
    tracing: bool = False


class WaitRow(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One `Wait` on the wire."""

    pid: int
    started_ns: int
    kind: str
    what: str


class SendRow(
    msgspec.Struct, frozen=True, array_like=True, tag=SEND, forbid_unknown_fields=True, gc=False
):  # fmt: skip
    """A message leaves for `dst`; its body goes there itself, under the token with this effect's number."""

    dst: str
    delay_ns: int


class SetTimerRow(
    msgspec.Struct, frozen=True, array_like=True, tag=SET_TIMER, forbid_unknown_fields=True, gc=False
):
    """Wake the actor at `at_ns`; `timer` is the number that its process gave to the timer's name."""

    timer: int
    at_ns: int


class CancelTimerRow(
    msgspec.Struct, frozen=True, array_like=True, tag=CANCEL_TIMER, forbid_unknown_fields=True, gc=False
):
    """Forget the timer of this number."""

    timer: int


class EmitRow(
    msgspec.Struct, frozen=True, array_like=True, tag=EMIT, forbid_unknown_fields=True, gc=False
):  # fmt: skip
    """A trace record of the actor."""

    t_ns: int
    unit: str
    event: str
    pid: int
    data: tuple[int | str, ...]


EffectRow = SendRow | SetTimerRow | CancelTimerRow | EmitRow


class Report(Message, frozen=True, tag=63):
    """What an event caused, in order.

    Sends and timers are numbered together, from 0 in each universe. `ended` has the programs that ended
    with it; `crash` says what ends the run: a bug with its traceback, or a user's fault; else it is empty.
    `busy` is from when to when the processor of a QNPU was in use, as far as that was not told yet; to -1
    if it still is.
    """

    universe: int
    actor: str
    effects: tuple[EffectRow, ...]
    ended: tuple[EndedRow, ...] = ()
    crash: str = ""
    busy: tuple[tuple[int, int], ...] = ()


class Ask(Message, frozen=True, tag=64):
    """Nothing is left to happen in this universe, yet programs have not ended: who waits?"""

    universe: int


class Answer(Message, frozen=True, tag=65):
    """Answer to `Ask`."""

    universe: int
    actor: str
    waits: tuple[WaitRow, ...]
    processes: tuple[ProcessStatus, ...] = ()
    qubits_free: int = -1


class Forget(Message, frozen=True, tag=66):
    """This universe is over."""

    universe: int


class Loaded(Message, frozen=True, tag=68):
    """Answer to `Load`; `fault` says why not."""

    actor: str
    fault: Fault | None = None


class Leave(Message, frozen=True, tag=69):
    """End the process."""


ControlMessage = (
    Hello | Welcome | Grant | Report | Ask | Answer | Forget | Load | Loaded | Leave
    | Run | Halt | GoOn | ShotDone | RunDone | ShotTrace
    | SubmitApp | AskSession | CancelSession | AskNetwork | SessionState | SessionList | NetworkState
)  # fmt: skip

Ends = Report | Halt | ShotDone | SessionState  # what has programs in it that ended

_decoder: Final[msgspec.msgpack.Decoder[ControlMessage]] = msgspec.msgpack.Decoder(
    ControlMessage, ext_hook=untag_tuple
)
_encoder: Final = msgspec.msgpack.Encoder()
_HEADER: Final = bytes([VERSION])


def encode_control(message: Message) -> bytes:
    """Bytes of one control message; program values in it keep their tuples.

    Raises `ProgramError` for an input that is no program value, `WireError` if the message is longer than
    `CONTROL_BYTES`.
    """
    convert = _TO_WIRE.get(message.__class__)
    if convert is not None:
        message = convert(message)
    data = _HEADER + _encoder.encode(message)
    if len(data) > CONTROL_BYTES:
        raise WireError(f"control message of {len(data)} bytes; {CONTROL_BYTES} are allowed")
    return data


def decode_control(data: bytes) -> ControlMessage:
    """The control message in `data`.

    Raises `WireError` for anything else, whatever the bytes; programs' values in it are held to what
    `normalise` lets pass.
    """
    if len(data) > CONTROL_BYTES:
        raise WireError(f"control message of {len(data)} bytes; {CONTROL_BYTES} are allowed")
    if not data or data[0] != VERSION:
        raise WireError(
            f"control message version {data[0] if data else 'missing'}; this end speaks {VERSION}"
        )
    try:
        message = _decoder.decode(memoryview(data)[1:])
        if message.__class__ in _TO_WIRE:
            _check_values(message)
    except (msgspec.MsgspecError, ProgramError, ValueError, RecursionError) as error:
        raise WireError(f"not a control message: {error}") from None
    return message


# --- messages with values of programs in them: tuples are marked on the way out, all is checked on the way in


def _tagged_load(load: Load) -> Load:
    inputs = {
        role: {name: tag_tuples(normalise(value, f"input {role}.{name}")) for name, value in given.items()}
        for role, given in load.inputs.items()
    }
    return msgspec.structs.replace(load, inputs=inputs)


def _tagged_order(order: Run | SubmitApp) -> Run | SubmitApp:
    tagged = msgspec.structs.replace(order, load=_tagged_load(order.load))
    if isinstance(tagged, Run) and tagged.more:
        tagged = msgspec.structs.replace(tagged, more=tuple(map(_tagged_load, tagged.more)))
    return tagged


def _tagged_step(step: GoOn) -> GoOn:
    return msgspec.structs.replace(step, loads=tuple(map(_tagged_load, step.loads)))


def _tagged_ends(message: Ends) -> Ends:
    if not message.ended:
        return message
    ended = tuple(msgspec.structs.replace(row, value=tag_tuples(row.value)) for row in message.ended)
    return msgspec.structs.replace(message, ended=ended)


def _tagged_list(message: SessionList) -> Any:
    return SessionList(tuple(_tagged_ends(state) for state in message.sessions))  # type: ignore[misc]


_TO_WIRE: Final[dict[type[Message], Callable[[Any], Message]]] = {
    Load: _tagged_load,
    Run: _tagged_order,
    GoOn: _tagged_step,
    Halt: _tagged_ends,
    SubmitApp: _tagged_order,
    Report: _tagged_ends,
    ShotDone: _tagged_ends,
    SessionState: _tagged_ends,
    SessionList: _tagged_list,
}


def _check_values(message: ControlMessage) -> None:
    """`ProgramError` unless every value of a program in the message is one that `normalise` lets pass."""
    if isinstance(message, Ends):
        for row in message.ended:
            normalise(row.value, f"the result of {row.role}")
    elif isinstance(message, Load):
        for role, given in message.inputs.items():
            for name, value in given.items():
                normalise(value, f"input {role}.{name}")
    elif isinstance(message, Run | SubmitApp):
        for load in (message.load, *(message.more if isinstance(message, Run) else ())):
            _check_values(load)
    elif isinstance(message, GoOn):
        for load in message.loads:
            _check_values(load)
    elif isinstance(message, SessionList):
        for state in message.sessions:
            _check_values(state)

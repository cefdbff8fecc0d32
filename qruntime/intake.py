"""What a process takes in: who may say what, and what becomes of the rest.

`unpack` reads what came in. Keys say who it is from (see `keys`); `at_world` and `at_actor` say why it is
refused from them, empty if it is not. Without keys everybody who can connect is believed. `Refusals` counts
and logs what was refused; the process goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from typing import Final

from qruntime.actors import Message
from qruntime.addresses import address_fault, split_holder
from qruntime.control import (
    Answer,
    Ask,
    ControlMessage,
    Forget,
    Grant,
    Hello,
    Leave,
    Loaded,
    Report,
    Welcome,
    decode_control,
)
from qruntime.errors import WireError
from qruntime.orders import AskNetwork, AskSession, CancelSession, GoOn, Load, Run, SubmitApp
from qruntime.tokens import unpack_token
from qruntime.wire import VERSION, decode

WORLD: Final = "world"
_LOGGED = 100  # refusals of one process that are logged; the others are only counted
_ORDERS = (Run, GoOn, SubmitApp, AskSession, CancelSession, AskNetwork, Leave)
_ACCOUNTS = (Hello, Report, Answer, Loaded)
_FROM_WORLD = (Grant, Ask, Forget, Load, Welcome, Leave)

Token = tuple[int, str, int]

_log = logging.getLogger("qnos.intake")


class Refusals:
    """What a process refused: a count, and the first of them in its log."""

    def __init__(self, process: str) -> None:
        self.count = 0
        self._process = process

    def note(self, why: str) -> None:
        """One more."""
        self.count += 1
        if self.count <= _LOGGED:
            last = "; no more of them are logged" if self.count == _LOGGED else ""
            _log.warning("%s refused what came in: %.300s%s", self._process, why, last)


def unpack(frames: Sequence[bytes]) -> tuple[ControlMessage | None, list[Token], list[Message]]:
    """What one thing that came in says: a control message or None, and bodies with the token of each.

    Raises `WireError` if any part of it is not what it should be.
    """
    tokens = [unpack_token(frame) for frame in frames[1::2]]
    bodies: list[Message] = [decode(frame) for frame in frames[2::2]]
    if len(tokens) != len(bodies):
        raise WireError("a token without its message")
    return decode_control(frames[0]) if frames[0] else None, tokens, bodies


def holder_of(actor: str) -> str:
    """Whose key the process of an actor has: its node's, or the world's."""
    node, mark, _ = actor.partition("/")
    return node if mark else WORLD


def at_world(sender: str, message: Message | None, tokens: Sequence[Token], actors: Collection[str]) -> str:
    """Why the world does not take this from `sender`: the words of an actor come from its own node, and
    orders from an operator."""
    if isinstance(message, _ACCOUNTS):
        if message.actor not in actors:
            return f"{type(message).__name__} of {message.actor}, which is no actor of this network"
        if sender and holder_of(message.actor) != sender:
            return f"{type(message).__name__} of {message.actor} from {sender}"
        if isinstance(message, Hello):
            if message.wire_version != VERSION:
                return f"Hello of {message.actor}, which speaks version {message.wire_version}, not {VERSION}"
            listens = message.address.partition("@")[0] if sender else sender
            if listens != sender:
                return f"Hello of {message.actor} with an address of {listens}"
    elif isinstance(message, _ORDERS):
        if sender and any(holder_of(actor) == sender for actor in actors):
            return f"{type(message).__name__} from {sender}, which is a node and no operator"
        if isinstance(message, Run) and (
            message.first_shot < 0 or message.shots < 0 or message.in_flight < 1
        ):
            return f"Run of {message.shots} shots, {message.in_flight} at once"
        if not isinstance(message, Leave):
            fault = address_fault(split_holder(message.reply_to)[1])
            if fault:
                return f"{type(message).__name__} with the address {message.reply_to!r}, which {fault}"
    elif message is not None:
        return f"{type(message).__name__}, which is not for the world"
    return _foreign(sender, tokens)


def at_actor(sender: str, message: Message | None, tokens: Sequence[Token]) -> str:
    """Why the process of an actor does not take this from `sender`: only the world grants, and bodies come
    from the node of the actor that sent them."""
    if message is not None and not isinstance(message, _FROM_WORLD):
        return f"{type(message).__name__}, which is for the world"
    if not sender or sender == WORLD:
        return ""
    if message is not None:
        return f"{type(message).__name__} from {sender}; only the world may say that"
    return _foreign(sender, tokens)


def _foreign(sender: str, tokens: Sequence[Token]) -> str:
    if sender:
        for _, actor, _ in tokens:
            if holder_of(actor) != sender:
                return f"a message of {actor} from {sender}"
    return ""

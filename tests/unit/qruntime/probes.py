"""Actors for tests of the runtime: one that does what a function says, and one that follows a table."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import NamedTuple

from qruntime.actors import CancelTimer, Effect, Event, Send, SetTimer, Wait
from qruntime.messages import Status

Seen = tuple[str, int, Event]  # who, when, what


class Probe:
    """Reacts as `react(event, now_ns)` says and keeps what it saw; `waiting` is what it says it waits for."""

    def __init__(
        self, name: str, react: Callable[[Event, int], Sequence[Effect]] = lambda event, now_ns: ()
    ) -> None:
        self.name = name
        self.tracing = False
        self.react = react
        self.seen: list[tuple[int, Event]] = []
        self.waiting: list[Wait] = []
        self.shots: list[int] = []

    def reset(self, shot: int) -> None:
        self.seen = []
        self.shots.append(shot)

    def handle(self, event: Event, now_ns: int) -> Sequence[Effect]:
        self.seen.append((now_ns, event))
        return self.react(event, now_ns)

    def waits(self) -> list[Wait]:
        return self.waiting


class Act(NamedTuple):
    """One effect, relative to the time of its cause and to the least latency of the channel."""

    kind: str  # send, set or cancel
    target: Hashable  # actor or timer
    later_ns: int = 0


class Player:
    """Answers the k-th event of a shot with row k of its table; all players write into one log."""

    def __init__(
        self, name: str, rows: Sequence[Sequence[Act]], minima: Mapping[tuple[str, str], int], log: list[Seen]
    ) -> None:
        self.name = name
        self.tracing = False
        self._rows = rows
        self._minima = minima
        self._log = log
        self._handled = 0
        self._sent = 0

    def reset(self, shot: int) -> None:
        self._handled = self._sent = 0

    def handle(self, event: Event, now_ns: int) -> Sequence[Effect]:
        self._log.append((self.name, now_ns, event))
        row = self._rows[self._handled] if self._handled < len(self._rows) else ()
        self._handled += 1
        return [self._effect(act, now_ns) for act in row]

    def waits(self) -> list[Wait]:
        return []

    def _effect(self, act: Act, now_ns: int) -> Effect:
        if act.kind == "set":
            return SetTimer(act.target, now_ns + act.later_ns)
        if act.kind == "cancel":
            return CancelTimer(act.target)
        self._sent += 1
        dst = str(act.target)
        return Send(dst, Status(self._sent), self._minima[self.name, dst] + act.later_ns)

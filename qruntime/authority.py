"""The time authority: the kernel's heap, with most of its actors in processes of their own.

Pure, like everything that decides: `advance()` says which events may be granted now, `reported()` takes
what a granted event caused. Actors that cannot reach each other in time are granted together (`lookahead`);
the order of events is the kernel's own, so a trace does not depend on which process answered first.

Message bodies are not here: on the heap an arrival holds a `Token`. The world is an actor of this process;
its bodies come and go through `bodies` and `send_body`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import heappop, heappush
from typing import Protocol

from qruntime.actors import (
    Actor,
    Arrival,
    Cancelled,
    CancelTimer,
    Doomed,
    Effect,
    Emit,
    Event,
    Expiry,
    Message,
    Send,
    SetTimer,
    Start,
    Wait,
)
from qruntime.control import (
    ARRIVAL,
    CANCELLED,
    DOOMED,
    EXPIRY,
    START,
    EffectRow,
    EmitRow,
    Grant,
    SendRow,
    SetTimerRow,
)
from qruntime.errors import QnosError
from qruntime.kernel import _OUTSIDE_RANK, Kernel, _is_stale, _Slot


class Token(Message, frozen=True, gc=False):
    """Stands for a message body that is on its way from its sender to its receiver: the sender's `n`-th
    effect."""

    n: int


class Metering(Protocol):
    """Adds up how busy nodes are on a timeline."""

    def begin(self, is_on: bool = True) -> None:
        """A timeline begins at 0, measured or not."""

    def processor(self, node: str, times: Iterable[tuple[int, int]], safe_ns: int) -> None:
        """A processor was in use from when to when; to -1: it still is. Nothing earlier than `safe_ns` will
        happen in the world."""

    def end(self, now_ns: int) -> None:
        """The timeline is over."""

    def take(self) -> dict[str, tuple[int, ...]]:
        """By node what was measured, and begin to count anew."""


class Remote:
    """An actor that lives in another process: a name on the heap, nothing else."""

    tracing = False

    def __init__(self, name: str) -> None:
        self.name = name

    def reset(self, shot: int) -> None:
        """Its process makes it afresh at the first grant."""

    def handle(self, event: Event, now_ns: int) -> Sequence[Effect]:
        """Never called: the authority grants instead."""
        raise AssertionError(f"{self.name} is in another process")

    def waits(self) -> list[Wait]:
        """Known only by asking its process."""
        return []


class Authority(Kernel):
    """One universe.

    `distances` is `lookahead.distances` of the same actors and channels.
    """

    def __init__(
        self,
        universe: int,
        actors: Sequence[Actor],
        channels: Mapping[tuple[str, str], int],
        distances: Mapping[tuple[str, str], int],
        send_body: Callable[[str, tuple[int, str, int], Message], None],
        *,
        jitter_ns: int = 0,
        jitter_seed: int = 0,
        rank_seed: int | None = None,
    ) -> None:
        super().__init__(actors, channels, jitter_ns=jitter_ns, jitter_seed=jitter_seed, rank_seed=rank_seed)
        self.universe = universe
        self.shot = -1
        self.bodies: dict[tuple[str, int], Message] = {}  # for the actors of this process, by (src, n)
        self._send_body = send_body
        self._reach = {
            slot.name: {other.name: distances[slot.name, other.name] for other in self._slots}
            for slot in self._slots
        }
        self._declared = self._reach
        self.meter: Metering | None = None
        self.reported_ns = 0  # the time of the event that was reported last
        self._granted: dict[str, tuple[_Slot, int, int]] = {}  # who is busy, at which time and delta
        self._entered: dict[str, None] = {}  # actors that have had their first Start
        self.latest_ns = 0  # no event later than this was granted yet
        self.overlapping = 0  # grants given while another was out

    def is_granted(self, actor: str) -> bool:
        """Whether the actor has been granted an event that it has not reported yet."""
        return actor in self._granted

    @property
    def is_quiet(self) -> bool:
        """Whether nobody is busy and nothing is left to happen."""
        return not self._granted and not self._heap

    def begin(self, shot: int, serial: Sequence[str] = ()) -> None:
        """A fresh universe for `shot`.

        What one of the actors `serial` does may concern the others of them at once: they are granted events
        one after another, in the order of time.
        """
        self.shot = shot
        self._reach = self._tightened(serial) if serial else self._declared
        self.reported_ns = 0
        self.bodies.clear()
        self._granted.clear()
        self._entered.clear()
        self.latest_ns = 0
        self.reset(shot)

    def _tightened(self, serial: Sequence[str]) -> dict[str, dict[str, int]]:
        """Distances with ways of no time among `serial`."""
        declared = self._declared
        into = {a: min(reach[c] for c in serial) for a, reach in declared.items()}
        out = {b: min(declared[c][b] for c in serial) for b in declared}
        return {a: {b: min(ns, into[a] + out[b]) for b, ns in to.items()} for a, to in declared.items()}

    def join(self, actor: str, event: Event, at_ns: int) -> None:
        """An input from outside that follows from an event at `at_ns`, which others may have passed already;
        the actor itself has not, if it is one of `serial`."""
        heappush(self._heap, (at_ns, 0, _OUTSIDE_RANK, self._outside_n, self._slot(actor), event))
        self._outside_n += 1

    @property
    def safe_ns(self) -> int:
        """No actor of this process will take an event that is earlier."""
        times = [now for _, now, _ in self._granted.values()]
        return min([*times, *(entry[0] for entry in self._heap[:1])], default=self.now_ns)

    def is_over(self, until_ns: int) -> bool:
        """Whether nobody is busy and nothing is left to happen up to `until_ns`."""
        return not self._granted and (not self._heap or self._heap[0][0] > until_ns)

    @property
    def next_ns(self) -> int | None:
        """When the next event is due, None if there is none."""
        return self._heap[0][0] if self._heap else None

    def advance(self, limit_ns: int | None = None) -> list[tuple[str, Grant]]:
        """The grants that may go out now, with their actors; events of the world are handled on the way.

        Nothing later than `limit_ns` happens.
        """
        grants: list[tuple[str, Grant]] = []
        kept = []
        heap = self._heap
        busy = [(now, self._reach[name]) for name, (_, now, _) in self._granted.items()]
        while heap:
            if limit_ns is not None and heap[0][0] > limit_ns and not _is_stale(heap[0]):
                break
            entry = heappop(heap)
            now, delta, _, n, slot, event = entry
            if event.__class__ is Expiry and slot.timers.get(event.timer) != n:
                continue  # cancelled or replaced
            name = slot.name
            if any(now >= since + reach[name] for since, reach in busy):
                kept.append(entry)
                busy.append((now, self._reach[name]))
                if len(busy) > 2 * len(self._slots):
                    break  # everybody waits for somebody
                continue
            self.latest_ns = max(self.latest_ns, now)
            if slot.actor.__class__ is Remote:
                grants.append((name, self._grant(slot, event, now, n)))
                self.overlapping += bool(self._granted)
                self._granted[name] = (slot, now, delta)
                busy.append((now, self._reach[name]))
                self.events += 1
            elif not self._handle_here(slot, event, now, delta):
                kept.append(entry)  # its body is still on the way
                busy.append((now, self._reach[name]))
        for entry in kept:
            heappush(heap, entry)
        return grants

    def reported(self, actor: str, rows: Sequence[EffectRow]) -> None:
        """What the event granted to `actor` caused.

        Raises `QnosError` if nothing was granted to it, if it sends where or sooner than it may, or if it
        sets a timer in the past; then the universe cannot go on.
        """
        granted = self._granted.pop(actor, None)
        if granted is None:
            raise QnosError(f"{actor} reports without a grant", actor=actor)
        slot, now, delta = granted
        n = slot.n
        effects: list[Effect] = []
        for row in rows:
            kind = row.__class__
            if kind is SendRow:
                effects.append(Send(row.dst, Token(n), row.delay_ns))  # type: ignore[union-attr]
                n += 1
            elif kind is EmitRow:
                assert isinstance(row, EmitRow)
                effects.append(Emit(row.t_ns, row.unit, row.event, row.pid, row.data))
            elif kind is SetTimerRow:
                assert isinstance(row, SetTimerRow)
                if row.at_ns < now:
                    raise QnosError(
                        f"{actor} sets a timer at {row.at_ns} ns, but it is {now} ns there", actor=actor
                    )
                effects.append(SetTimer(row.timer, row.at_ns))
                n += 1
            else:
                effects.append(CancelTimer(row.timer))  # type: ignore[union-attr]
        self._pass_to(now)
        self.reported_ns = now
        self._apply(slot, effects, now, delta)

    def _grant(self, slot: _Slot, event: Event, now: int, n: int) -> Grant:
        tracing = self.on_record is not None
        if isinstance(event, Arrival):
            token = event.message
            assert isinstance(token, Token)
            return Grant(self.universe, self.shot, now, ARRIVAL, event.src, token.n, tracing=tracing)
        if isinstance(event, Expiry):
            del slot.timers[event.timer]
            assert isinstance(event.timer, int)
            return Grant(self.universe, self.shot, now, EXPIRY, timer=event.timer, tracing=tracing)
        if isinstance(event, Start):
            again = slot.name in self._entered
            self._entered[slot.name] = None
            return Grant(self.universe, self.shot, now, START, n=int(again), tracing=tracing)
        if isinstance(event, Cancelled):
            return Grant(self.universe, self.shot, now, CANCELLED, pid=event.session, tracing=tracing)
        assert isinstance(event, Doomed)
        return Grant(
            self.universe, self.shot, now, DOOMED, pid=event.pid, report=event.report, tracing=tracing
        )

    def _handle_here(self, slot: _Slot, event: Event, now: int, delta: int) -> bool:
        """Let an actor of this process take its event; False if the body is not here yet."""
        if isinstance(event, Arrival):
            assert isinstance(event.message, Token)
            body = self.bodies.pop((event.src, event.message.n), None)
            if body is None:
                return False
            event = Arrival(event.src, body)
        elif isinstance(event, Expiry):
            del slot.timers[event.timer]
        self._pass_to(now)
        self.events += 1
        n = slot.n
        effects: list[Effect] = []
        for effect in slot.handle(event, now):
            if isinstance(effect, Send):
                receiver = self._by_name.get(effect.dst)
                if receiver is None or receiver.actor.__class__ is Remote:
                    self._send_body(effect.dst, (self.universe, slot.name, n), effect.message)
                else:
                    self.bodies[slot.name, n] = effect.message
                effect = Send(effect.dst, Token(n), effect.delay_ns)
                n += 1
            elif isinstance(effect, SetTimer):
                n += 1
            effects.append(effect)
        self._apply(slot, effects, now, delta)
        return True

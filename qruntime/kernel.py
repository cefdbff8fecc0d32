"""The in-process runner: all actors on one heap, integer nanoseconds.

Events are ordered by `(t_ns, delta, src_rank, n)`: `delta` counts effects that fall into the nanosecond of
their cause, `n` is the sender's own counter, ranks come from the network. No number is global, so the order
does not depend on who ran first, and a runner with one process per actor can give the same order.

`Kernel(actors, channels, ...)`, then per shot `reset(shot)` and `run()`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from heapq import heapify, heappop, heappush
from typing import Any

from qruntime.actors import (
    Actor,
    Arrival,
    CancelTimer,
    Doomed,
    Effect,
    Emit,
    Event,
    Expiry,
    Send,
    SetTimer,
    Start,
    Wait,
)
from qruntime.errors import LatencyError, LimitError
from qruntime.limits import EVENTS_PER_NANOSECOND
from qruntime.rng import key, mix

_OUTSIDE_RANK = -1  # inputs from outside (submit, cancel, a deadlock verdict) come before what the actors did
_MASK = (1 << 64) - 1
_CANCELLED = 1024  # timers that may be cancelled before the heap is looked through for them

_Entry = tuple[int, int, int, int, "_Slot", Event]  # order (t_ns, delta, rank, n), then who gets what


class _Slot:
    """One actor on the heap, with what the kernel keeps about it."""

    __slots__ = ("actor", "channels", "handle", "n", "name", "rank", "timers")

    def __init__(self, actor: Actor, rank: int) -> None:
        self.actor = actor
        self.handle: Callable[[Event, int], Sequence[Effect]] = actor.handle
        self.name = actor.name
        self.rank = rank
        self.n = 0
        self.timers: dict[Any, int] = {}
        self.channels: dict[str, _Channel] = {}


class _Channel:
    """A way from one actor to another: its least latency, and what jitter needs to keep it first in, first
    out."""

    __slots__ = ("base_key", "dst", "jitter_key", "last_ns", "min_ns")

    def __init__(self, dst: _Slot, min_ns: int, base_key: int) -> None:
        self.dst = dst
        self.min_ns = min_ns
        self.base_key = base_key
        self.jitter_key = base_key  # of the present shot
        self.last_ns = 0


class Kernel:
    """Runs actors in simulated time.

    `channels` maps (src, dst) to the least latency in ns: a Send below it, or along no channel, is a bug of
    the actor. `jitter_ns` adds to each message of a channel with a latency a delay in [0, min(jitter_ns,
    that latency)], a hash of (jitter_seed, src, dst, shot, n), and keeps the channel first in, first out.
    An actor's rank is its position in `actors`, or with `rank_seed` the position of a hash of (rank_seed,
    name); jitter and permuted ranks are for tests that order nobody promised does not matter.

    Raises `ValueError` for two actors of one name, and for a channel of an unknown actor or with a negative
    latency.
    """

    def __init__(
        self,
        actors: Sequence[Actor],
        channels: Mapping[tuple[str, str], int],
        *,
        jitter_ns: int = 0,
        jitter_seed: int = 0,
        rank_seed: int | None = None,
        on_record: Callable[[str, Emit], None] | None = None,
    ) -> None:
        self.now_ns = 0
        self.events = 0
        self._jitter_ns = jitter_ns
        self.on_record = on_record
        if rank_seed is not None:
            actors = sorted(actors, key=lambda actor: key(rank_seed, actor.name))
        self._slots = [_Slot(actor, rank) for rank, actor in enumerate(actors)]
        self._by_name = {slot.name: slot for slot in self._slots}
        if len(self._by_name) != len(self._slots):
            raise ValueError(f"actors must have different names, got {[slot.name for slot in self._slots]}")
        for (src, dst), min_ns in channels.items():
            if min_ns < 0:
                raise ValueError(f"channel {src} to {dst} has latency {min_ns} ns; 0 or more is allowed")
            channel = _Channel(self._slot(dst), min_ns, key(jitter_seed, f"{src}>{dst}"))
            self._slot(src).channels[dst] = channel
        self._heap: list[_Entry] = []
        self._outside_n = 0
        self._cancelled = 0  # timers since the heap was last cleaned
        self._first_at_now = self.events

    @property
    def names(self) -> list[str]:
        """Names of the actors, in rank order."""
        return [slot.name for slot in self._slots]

    def reset(self, shot: int, *, start_ns: int = 0) -> None:
        """A fresh network at `start_ns`: every actor as new, nothing on the heap but the Start of each."""
        self._heap.clear()
        self._cancelled = 0
        self.now_ns = start_ns
        self._outside_n = 0
        self._first_at_now = self.events
        tracing = self.on_record is not None
        for slot in self._slots:
            slot.n = 0
            slot.timers.clear()
            for channel in slot.channels.values():
                channel.last_ns = 0
                if self._jitter_ns:
                    channel.jitter_key = mix((channel.base_key + shot) & _MASK)
            slot.actor.tracing = tracing
            slot.actor.reset(shot)
        for slot in self._slots:
            self.inject(slot.name, Start(), start_ns)

    def inject(self, actor: str, event: Event, at_ns: int) -> None:
        """An input from outside, admitted at `at_ns`.

        Raises `ValueError` for an unknown actor and for a time that is over.
        """
        if at_ns < self.now_ns:
            raise ValueError(f"input for {actor} at {at_ns} ns, but it is already {self.now_ns} ns")
        entry = (at_ns, 0, _OUTSIDE_RANK, self._outside_n, self._slot(actor), event)
        heappush(self._heap, entry)
        self._outside_n += 1

    def run(self, until_ns: int | None = None) -> None:
        """Run until nothing is left to happen, or to `until_ns` inclusive.

        When nothing is left and programs still wait, the youngest of them gets `Doomed`, and the run goes
        on: its handler may free the others.

        Raises `LatencyError` for a Send that its channel does not allow, and `LimitError` that names the
        actor when events go on without time passing.
        """
        while True:
            self._drain(until_ns)
            if self._heap:
                self._pass_to(until_ns or 0)
                return
            if not self.doom(self.waits()):
                return

    def doom(self, waits: Sequence[Wait]) -> bool:
        """Nothing is left to happen: tell the youngest of the programs that wait; False if none does."""
        victims = [wait for wait in waits if wait.pid >= 0 and wait.kind in ("message", "subroutine")]
        if not victims:
            return False
        victim = max(victims, key=lambda w: (w.started_ns, self._by_name[w.actor].rank, w.pid))
        self._check_time_passes(self._by_name[victim.actor])
        report = "; ".join(f"{w.actor} program {w.pid} waits for {w.what}" for w in waits)
        self.inject(victim.actor, Doomed(victim.pid, report), self.now_ns)
        return True

    def _drain(self, until_ns: int | None) -> None:
        heap = self._heap
        apply = self._apply
        while heap:
            if until_ns is not None and heap[0][0] > until_ns and not _is_stale(heap[0]):
                break
            now, delta, _, n, slot, event = heappop(heap)
            if event.__class__ is Expiry:
                timer = event.timer
                if slot.timers.get(timer) != n:
                    continue  # cancelled or replaced
                del slot.timers[timer]
            if now != self.now_ns:
                self.now_ns = now
                self._first_at_now = self.events
            self.events += 1
            effects = slot.handle(event, now)
            if effects:
                apply(slot, effects, now, delta)

    def _apply(self, slot: _Slot, effects: Sequence[Effect], now: int, delta: int) -> None:
        """Make what an actor wants happen: put its messages and timers on the heap, hand on its records."""
        effect: Any
        for effect in effects:
            kind = effect.__class__
            if kind is Send:
                try:
                    channel = slot.channels[effect.dst]
                except KeyError:
                    raise LatencyError(f"{slot.name} sends to {effect.dst} without a channel") from None
                delay = effect.delay_ns
                if delay < channel.min_ns:
                    raise LatencyError(
                        f"{slot.name} sends to {channel.dst.name} with {delay} ns, "
                        f"below the declared {channel.min_ns} ns"
                    )
                n = slot.n
                slot.n = n + 1
                if self._jitter_ns and channel.min_ns:
                    most = min(self._jitter_ns, channel.min_ns)
                    delay += mix((channel.jitter_key + n) & _MASK) % (most + 1)
                    delay = max(delay, channel.last_ns - now)
                    channel.last_ns = now + delay
                arrival = Arrival(slot.name, effect.message)
                if delay:
                    heappush(self._heap, (now + delay, 0, slot.rank, n, channel.dst, arrival))
                else:
                    self._check_time_passes(slot)
                    heappush(self._heap, (now, delta + 1, slot.rank, n, channel.dst, arrival))
            elif kind is SetTimer:
                at = effect.at_ns
                timer = effect.timer
                if at < now:
                    raise AssertionError(f"{slot.name} sets timer {timer!r} at {at} ns, now is {now} ns")
                n = slot.n
                slot.n = n + 1
                slot.timers[timer] = n
                if at == now:
                    self._check_time_passes(slot)
                heappush(self._heap, (at, 0 if at > now else delta + 1, slot.rank, n, slot, Expiry(timer)))
            elif kind is CancelTimer:
                if slot.timers.pop(effect.timer, None) is not None:
                    self._cancelled += 1
                    if self._cancelled > _CANCELLED and 2 * self._cancelled > len(self._heap):
                        self._clean()
            elif kind is not Emit:
                raise AssertionError(f"{slot.name} returned {effect!r}, which is no effect")
            elif self.on_record is not None:
                self.on_record(slot.name, effect)

    def _clean(self) -> None:
        """Take timers off the heap that were cancelled or replaced long before their time."""
        self._heap[:] = [entry for entry in self._heap if not _is_stale(entry)]
        heapify(self._heap)
        self._cancelled = 0

    def _pass_to(self, now: int) -> None:
        """It is at least `now`."""
        if now > self.now_ns:
            self.now_ns = now
            self._first_at_now = self.events

    def _check_time_passes(self, slot: _Slot) -> None:
        if self.events - self._first_at_now > EVENTS_PER_NANOSECOND:
            raise _endless(slot.name, self.now_ns)

    def _slot(self, actor: str) -> _Slot:
        slot = self._by_name.get(actor)
        if slot is None:
            raise ValueError(f"no actor {actor}; there are {', '.join(self._by_name)}")
        return slot

    def waits(self) -> list[Wait]:
        """Every wait of every actor, as the deadlock report would list them."""
        return [wait for slot in self._slots for wait in slot.actor.waits()]


def _is_stale(entry: _Entry) -> bool:
    """Whether this is a timer that was cancelled or replaced: nothing is left to happen because of it."""
    event = entry[5]
    return event.__class__ is Expiry and entry[4].timers.get(event.timer) != entry[3]


def _endless(actor: str, now_ns: int) -> LimitError:
    return LimitError(
        f"{actor} goes on after {EVENTS_PER_NANOSECOND} events within simulated nanosecond {now_ns}: "
        "an endless exchange without delay",
        actor=actor,
    )

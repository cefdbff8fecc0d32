"""The in-process runner: all actors on one heap, integer nanoseconds.

Events are ordered by `(t_ns, delta, src_rank, n)`: `delta` counts effects that fall into the nanosecond of
their cause, `n` is the sender's own counter, ranks come from the network. No number is global, so the order
does not depend on who ran first, and a runner with one process per actor can give the same order.

`Kernel(actors, channels, ...)`, then per shot `reset(shot)` and `run()`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from heapq import heappop, heappush
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

    __slots__ = ("dst", "jitter_key", "last_ns", "min_ns")

    def __init__(self, dst: _Slot, min_ns: int, jitter_key: int) -> None:
        self.dst = dst
        self.min_ns = min_ns
        self.jitter_key = jitter_key
        self.last_ns = 0


class Kernel:
    """Runs actors in simulated time.

    `channels` maps (src, dst) to the least latency in ns: a Send below it, or along no channel, is a bug of
    the actor. `jitter_ns` adds to each message of a channel with a latency a delay in [0, min(jitter_ns,
    that latency)], a hash of (jitter_seed, src, dst, n), and keeps the channel first in, first out.
    `rank_seed` permutes ranks; both are for tests that order nobody promised does not matter.
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
        order = list(range(len(actors)))
        if rank_seed is not None:
            order.sort(key=lambda i: key(rank_seed, actors[i].name))
        ranks = {i: rank for rank, i in enumerate(order)}
        self._slots = [_Slot(actor, ranks[i]) for i, actor in enumerate(actors)]
        self._by_name = {slot.name: slot for slot in self._slots}
        if len(self._by_name) != len(self._slots):
            raise ValueError(f"actors must have different names, got {[slot.name for slot in self._slots]}")
        for (src, dst), min_ns in channels.items():
            channel = _Channel(self._by_name[dst], min_ns, key(jitter_seed, f"{src}>{dst}"))
            self._by_name[src].channels[dst] = channel
        self._heap: list[tuple[int, int, int, int, _Slot, Event]] = []
        self._outside_n = 0

    def reset(self, shot: int, *, start_ns: int = 0) -> None:
        """A fresh network at `start_ns`: every actor as new, nothing on the heap but the Start of each."""
        self._heap.clear()
        self.now_ns = start_ns
        self._outside_n = 0
        tracing = self.on_record is not None
        for slot in self._slots:
            slot.n = 0
            slot.timers.clear()
            for channel in slot.channels.values():
                channel.last_ns = 0
            slot.actor.tracing = tracing
            slot.actor.reset(shot)
        for slot in self._slots:
            self.inject(slot.name, Start(), start_ns)

    def inject(self, actor: str, event: Event, at_ns: int) -> None:
        """An input from outside, admitted at `at_ns`."""
        entry = (at_ns, 0, _OUTSIDE_RANK, self._outside_n, self._by_name[actor], event)
        heappush(self._heap, entry)
        self._outside_n += 1

    def run(self, until_ns: int | None = None) -> None:
        """Run until nothing is left to happen, or to `until_ns` inclusive.

        When nothing is left and programs still wait, the youngest of them gets `Doomed`, and the run goes
        on: its handler may free the others.
        """
        while True:
            self._drain(until_ns)
            if self._heap:
                self.now_ns = max(self.now_ns, until_ns or 0)
                return
            waits = [wait for slot in self._slots for wait in slot.actor.waits()]
            victims = [wait for wait in waits if wait.pid >= 0 and wait.kind in ("message", "subroutine")]
            if not victims:
                return
            victim = max(victims, key=lambda w: (w.started_ns, self._by_name[w.actor].rank, w.pid))
            report = "; ".join(f"{w.actor} program {w.pid} waits for {w.what}" for w in waits)
            self.inject(victim.actor, Doomed(victim.pid, report), self.now_ns)

    def _drain(self, until_ns: int | None) -> None:
        heap = self._heap
        jitter_ns = self._jitter_ns
        on_record = self.on_record
        count = 0
        while heap:
            if until_ns is not None and heap[0][0] > until_ns:
                break
            now, delta, _, n, slot, event = heappop(heap)
            if event.__class__ is Expiry:
                timer = event.timer
                if slot.timers.get(timer) != n:
                    continue  # cancelled or replaced
                del slot.timers[timer]
            self.now_ns = now
            count += 1
            effect: Any
            for effect in slot.handle(event, now):
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
                    m = slot.n
                    slot.n = m + 1
                    if jitter_ns and channel.min_ns:
                        delay += mix((channel.jitter_key + m) & _MASK) % (min(jitter_ns, channel.min_ns) + 1)
                        delay = max(delay, channel.last_ns - now)
                        channel.last_ns = now + delay
                    if delay:
                        entry = (
                            now + delay,
                            0,
                            slot.rank,
                            m,
                            channel.dst,
                            Arrival(slot.name, effect.message),
                        )
                    else:
                        entry = (
                            now,
                            delta + 1,
                            slot.rank,
                            m,
                            channel.dst,
                            Arrival(slot.name, effect.message),
                        )
                        if delta > EVENTS_PER_NANOSECOND:
                            raise _endless(slot.name, now)
                    heappush(heap, entry)
                elif kind is SetTimer:
                    at = effect.at_ns
                    timer = effect.timer
                    if at < now:
                        raise AssertionError(f"{slot.name} sets timer {timer!r} at {at} ns, now is {now} ns")
                    m = slot.n
                    slot.n = m + 1
                    slot.timers[timer] = m
                    if delta > EVENTS_PER_NANOSECOND:
                        raise _endless(slot.name, now)
                    heappush(heap, (at, 0 if at > now else delta + 1, slot.rank, m, slot, Expiry(timer)))
                elif kind is CancelTimer:
                    slot.timers.pop(effect.timer, None)
                elif on_record is not None:
                    assert kind is Emit
                    on_record(slot.name, effect)
        self.events += count

    def waits(self) -> list[Wait]:
        """Every wait of every actor, as the deadlock report would list them."""
        return [wait for slot in self._slots for wait in slot.actor.waits()]


def _endless(actor: str, now_ns: int) -> LimitError:
    return LimitError(
        f"{actor} caused {EVENTS_PER_NANOSECOND} effects in a row within simulated nanosecond {now_ns}: "
        "an endless exchange without delay",
        actor=actor,
    )

"""The authority grants what the kernel would run, in whatever order answers come, and several at once."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qruntime.actors import (
    Actor,
    Arrival,
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
from qruntime.authority import Authority, Remote
from qruntime.control import (
    ARRIVAL,
    DOOMED,
    EXPIRY,
    START,
    CancelTimerRow,
    EffectRow,
    EmitRow,
    Grant,
    SendRow,
    SetTimerRow,
)
from qruntime.errors import LatencyError, QnosError
from qruntime.kernel import Kernel
from qruntime.lookahead import distances
from qruntime.messages import Status
from qruntime.trace import Record, Trace
from tests.unit.qruntime.probes import Player, Probe
from tests.unit.qruntime.test_kernel_order import BUSY, Network, networks

WORLD = "world"

# As busy, with latencies: what is sent within a few nanoseconds cannot reach anybody yet.
WIDE = Network(BUSY.names, {way: 2 + ns for way, ns in BUSY.channels.items()}, BUSY.tables, [])


class Talker:
    """An actor that also records what it does, so that a trace tells all."""

    def __init__(self, player: Player) -> None:
        self.name = player.name
        self.tracing = False
        self._player = player

    def reset(self, shot: int) -> None:
        self._player.reset(shot)

    def handle(self, event: Event, now_ns: int) -> Sequence[Effect]:
        effects = self._player.handle(event, now_ns)
        return [*effects, Emit(now_ns, f"{self.name}/unit", type(event).__name__, len(effects))]

    def waits(self) -> list[Wait]:
        return []


class Elsewhere:
    """Stands for the processes of remote actors: bodies on their way, grants that are out.

    `pick` chooses which grant is answered next.
    """

    def __init__(self, actors: Sequence[Actor], here: str, pick: random.Random, **options: Any) -> None:
        self.actors = {actor.name: actor for actor in actors}
        self.pick = pick
        self.bodies: dict[tuple[str, int], Message] = {}
        self.sent = dict.fromkeys(self.actors, 0)
        self.timers: dict[str, list[Any]] = {name: [] for name in self.actors}
        self.out: list[tuple[str, Grant]] = []
        self.late: list[tuple[str, int]] = []  # bodies for the world that come after the report that told
        self.most_out = 0
        channels: Mapping[tuple[str, str], int] = options.pop("channels")
        reach = distances(list(self.actors), channels, (), {})
        self.authority = Authority(
            0,
            [actor if actor.name == here else Remote(actor.name) for actor in actors],
            channels,
            reach,
            lambda dst, token, message: self.bodies.update({token[1:]: message}),
            **options,
        )
        self.here = here

    def run(self) -> None:
        """Until nothing is left to happen."""
        while True:
            self.out += self.authority.advance()
            self.most_out = max(self.most_out, len(self.out))
            if self.late and (not self.out or self.pick.random() < 0.3):
                token = self.late.pop(self.pick.randrange(len(self.late)))
                self.authority.bodies[token] = self.bodies.pop(token)
            elif self.out:
                self.answer(*self.out.pop(self.pick.randrange(len(self.out))))
            else:
                assert self.authority.is_quiet
                return

    def answer(self, name: str, grant: Grant) -> None:
        """Let an actor take its event and report."""
        if grant.kind == START:
            event: Event = Start()
        elif grant.kind == ARRIVAL:
            event = Arrival(grant.src, self.bodies.pop((grant.src, grant.n)))
        elif grant.kind == DOOMED:
            event = Doomed(grant.pid, grant.report)
        else:
            assert grant.kind == EXPIRY
            event = Expiry(self.timers[name][grant.timer])
        rows = [self.row(name, effect) for effect in self.actors[name].handle(event, grant.now_ns)]
        self.authority.reported(name, rows)

    def row(self, name: str, effect: Effect) -> EffectRow:
        if isinstance(effect, Send):
            token = name, self.sent[name]
            self.bodies[token] = effect.message
            self.sent[name] += 1
            if effect.dst == self.here:
                self.late.append(token)
            return SendRow(effect.dst, effect.delay_ns)
        if isinstance(effect, SetTimer):
            self.sent[name] += 1
            self.timers[name].append(effect.timer)
            return SetTimerRow(self.number(name, effect.timer), effect.at_ns)
        if isinstance(effect, CancelTimer):
            return CancelTimerRow(self.number(name, effect.timer))
        return EmitRow(effect.t_ns, effect.unit, effect.event, effect.pid, effect.data)

    def number(self, name: str, timer: Any) -> int:
        known = self.timers[name]
        if timer not in known:
            known.append(timer)
        return known.index(timer)


def kernel_trace(network: Network, **options: Any) -> list[Record]:
    trace = Trace()
    actors = [Talker(player) for player in network.players([])]
    kernel = Kernel(actors, network.channels, on_record=trace.on_record, **options)
    kernel.reset(0)
    kernel.run()
    return trace.end()


def authority_trace(network: Network, pick: random.Random, **options: Any) -> tuple[list[Record], Elsewhere]:
    trace = Trace()
    actors = [Talker(player) for player in network.players([])]
    elsewhere = Elsewhere(actors, WORLD, pick, channels=network.channels, **options)
    elsewhere.authority.on_record = trace.on_record
    elsewhere.authority.begin(0)
    elsewhere.run()
    return trace.end(), elsewhere


# ----------------------------------------------------------------------------------------------- same trace


@pytest.mark.parametrize(("network", "least_out"), [(BUSY, 1), (WIDE, 3)])
def test_busy_network_gives_the_trace_of_the_kernel_with_many_grants_out_if_there_is_latency(
    network: Network, least_out: int
) -> None:
    expected = kernel_trace(network)
    assert len(expected) > 100
    for seed in range(10):
        found, elsewhere = authority_trace(network, random.Random(seed))
        assert found == expected
        assert elsewhere.most_out >= least_out


@given(networks(), st.randoms(use_true_random=False))
@settings(max_examples=250, deadline=None)
def test_random_actors_give_the_trace_of_the_kernel_in_whatever_order_they_answer(
    network: Network, pick: random.Random
) -> None:
    assert authority_trace(network, pick)[0] == kernel_trace(network)


@given(networks(), st.randoms(use_true_random=False), st.integers(1, 9), st.integers(0, 2**64))
@settings(max_examples=100, deadline=None)
def test_jitter_and_permuted_ranks_give_the_trace_of_the_kernel(
    network: Network, pick: random.Random, jitter_ns: int, seed: int
) -> None:
    options = {"jitter_ns": jitter_ns, "jitter_seed": seed, "rank_seed": seed}
    assert authority_trace(network, pick, **options)[0] == kernel_trace(network, **options)


def test_shot_after_shot_on_one_authority_gives_the_trace_of_the_kernel() -> None:
    actors = [Talker(player) for player in WIDE.players([])]
    elsewhere = Elsewhere(actors, WORLD, random.Random(1), channels=WIDE.channels)
    expected = kernel_trace(WIDE)
    for shot in range(3):
        trace = Trace()
        elsewhere.authority.on_record = trace.on_record
        for actor in actors:
            actor.reset(shot)
        elsewhere.sent = dict.fromkeys(elsewhere.actors, 0)
        elsewhere.timers = {name: [] for name in elsewhere.actors}
        elsewhere.authority.begin(shot)
        elsewhere.run()
        assert trace.end() == expected


# -------------------------------------------------------------------------------------------------- overlap

PAIRS = [("a", "b"), ("c", "d"), ("e", "f")]
GAP_NS = 10


def rallies(rounds: int) -> list[Probe]:
    """Three pairs that have nothing to do with each other; in each a ball goes to and fro."""

    def player(name: str, other: str, serves: bool) -> Probe:
        def react(event: Event, now_ns: int) -> list[Send]:
            count = event.message.ref if isinstance(event, Arrival) else 0  # type: ignore[attr-defined]
            if count >= rounds or (isinstance(event, Start) and not serves):
                return []
            return [Send(other, Status(count + 1), GAP_NS)]

        return Probe(name, react)

    return [player(*ends, serves) for a, b in PAIRS for ends, serves in (((a, b), True), ((b, a), False))]


def test_actors_of_unrelated_pairs_are_granted_together_and_those_of_one_pair_in_turn() -> None:
    channels = {way: GAP_NS for a, b in PAIRS for way in ((a, b), (b, a))}
    elsewhere = Elsewhere(rallies(30), WORLD, random.Random(0), channels=channels)
    authority = elsewhere.authority
    authority.begin(0)
    together = []
    out = authority.advance()
    assert len(out) == 6  # all start: nobody can reach anybody else within the first nanosecond
    while out:
        together.append(len(out))
        assert len({name for name, _ in out}) == len(out)
        for name, grant in out:
            elsewhere.answer(name, grant)
        out = authority.advance()
    assert authority.is_quiet
    assert together[1:] == [3] * 30
    assert authority.overlapping == 5 + 2 * 30


def test_pair_that_answers_at_once_runs_ahead_of_one_that_does_not() -> None:
    channels = {way: GAP_NS for a, b in PAIRS for way in ((a, b), (b, a))}
    elsewhere = Elsewhere(rallies(30), WORLD, random.Random(0), channels=channels)
    elsewhere.authority.begin(0)
    out = elsewhere.authority.advance()
    slow = next(entry for entry in out if entry[0] == "a")
    out.remove(slow)
    answered = 0
    while out:
        for name, grant in out:
            elsewhere.answer(name, grant)
            answered += 1
        out = elsewhere.authority.advance()
    assert answered == 5 + 2 * 30
    assert elsewhere.authority.latest_ns == 30 * GAP_NS
    assert not elsewhere.authority.is_quiet
    elsewhere.out = [slow]
    elsewhere.run()


@pytest.mark.parametrize(("later_ns", "joins"), [(GAP_NS - 1, True), (GAP_NS, False)])
def test_actor_joins_a_busy_one_iff_nothing_can_reach_it_in_time(later_ns: int, joins: bool) -> None:
    # B at t_b joins A at t_a iff t_b < t_a + D(A, B)
    actors: list[Actor] = [Remote("a"), Remote("b")]
    channels = {("a", "b"): GAP_NS}
    authority = Authority(0, actors, channels, distances("ab", channels, (), {}), lambda *_: None)
    authority.begin(0)
    assert [name for name, _ in authority.advance()] == ["a", "b"]
    for name, at_ns in (("a", 50), ("b", 50 + later_ns)):
        authority.reported(name, [SetTimerRow(0, at_ns)])
    assert [name for name, _ in authority.advance()] == (["a", "b"] if joins else ["a"])
    authority.reported("a", [])
    assert [name for name, _ in authority.advance()] == ([] if joins else ["b"])


def test_actor_that_waits_its_turn_holds_back_whom_it_may_reach() -> None:
    # a is busy at 0 and holds b back at 20; c at 25 is out of a's reach, but not of b's
    channels = {("a", "b"): 5, ("b", "c"): 3}
    actors: list[Actor] = [Remote(name) for name in "abc"]
    reach = {**distances("abc", channels, (), {}), ("a", "c"): 100}
    authority = Authority(0, actors, channels, reach, lambda *_: None)
    authority.begin(0)
    authority.advance()
    authority.reported("b", [SetTimerRow(0, 20)])
    authority.reported("c", [SetTimerRow(0, 25)])
    assert authority.advance() == []
    authority.reported("a", [])
    assert [name for name, _ in authority.advance()] == ["b"]


# ---------------------------------------------------------------------------------------- time held, quiet


def one_timer(*rows: EffectRow) -> Authority:
    """An authority whose one actor has started and reported these effects."""
    actors: list[Actor] = [Remote("a")]
    authority = Authority(0, actors, {("a", "a"): 0}, {("a", "a"): 0}, lambda *_: None)
    authority.begin(0)
    authority.advance()
    authority.reported("a", rows)
    return authority


def test_nothing_later_than_the_limit_is_granted() -> None:
    authority = one_timer(SetTimerRow(0, 100))
    assert authority.advance(99) == []
    assert authority.next_ns == 100
    assert [grant.now_ns for _, grant in authority.advance(100)] == [100]


def test_cancelled_timer_is_nothing_left_to_happen_whatever_the_limit() -> None:
    # a replay finds out at once that nobody can go on; so must a network that keeps pace with the wall
    authority = one_timer(SetTimerRow(0, 10**9), CancelTimerRow(0))
    assert authority.advance(5) == []
    assert authority.is_quiet
    assert authority.next_ns is None


def test_youngest_in_vain_is_told_in_a_grant() -> None:
    authority = one_timer()
    assert authority.is_quiet
    assert authority.doom([Wait("a", 4, 3, "message", "bob"), Wait("a", 2, 1, "message", "bob")])
    ((name, grant),) = authority.advance()
    assert (name, grant.kind, grant.pid) == ("a", DOOMED, 4)
    assert grant.report == "a program 4 waits for bob; a program 2 waits for bob"


# --------------------------------------------------------------------------------- what a process must not


def test_report_without_a_grant_is_refused() -> None:
    authority = one_timer()
    with pytest.raises(QnosError, match="a reports without a grant"):
        authority.reported("a", [])
    with pytest.raises(QnosError, match="mallory reports without a grant"):
        authority.reported("mallory", [])


def busy() -> Authority:
    authority = one_timer(SetTimerRow(0, 100))
    authority.advance()
    return authority


def test_timer_in_the_past_and_message_off_the_channels_are_refused() -> None:
    with pytest.raises(QnosError, match="a sets a timer at 99 ns, but it is 100 ns there"):
        busy().reported("a", [SetTimerRow(0, 99)])
    with pytest.raises(LatencyError, match="without a channel"):
        busy().reported("a", [SendRow("b", 5)])
    with pytest.raises(LatencyError, match="below the declared 0 ns"):
        busy().reported("a", [SendRow("a", -1)])

"""The kernel one rule at a time: order, timers, latencies, limits, deadlock verdicts, resets, trace."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from qruntime.actors import (
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
from qruntime.authority import Authority
from qruntime.errors import LatencyError, LimitError
from qruntime.kernel import Kernel
from qruntime.messages import Status
from tests.unit.qruntime.probes import Probe

React = Callable[[Event, int], Sequence[Effect]]


def on_start(*effects: Effect) -> React:
    """Does this at its start and nothing after."""
    return lambda event, now_ns: effects if isinstance(event, Start) else ()


def refs(probe: Probe) -> list[tuple[int, int]]:
    """(time, ref) of the messages that reached a probe."""
    return [
        (now_ns, event.message.ref)
        for now_ns, event in probe.seen
        if isinstance(event, Arrival) and isinstance(event.message, Status)
    ]


def timers(probe: Probe) -> list[tuple[int, object]]:
    return [(now_ns, event.timer) for now_ns, event in probe.seen if isinstance(event, Expiry)]


def run(kernel: Kernel, until_ns: int | None = None) -> None:
    kernel.reset(0)
    kernel.run(until_ns)


# ------------------------------------------------------------------------------------------------ order


def test_every_actor_starts_once_in_rank_order_before_anything_else() -> None:
    log: list[str] = []

    def noting(name: str) -> React:
        def react(event: Event, now_ns: int) -> Sequence[Effect]:
            log.append(f"{name} {type(event).__name__}")
            return [Send("a", Status(0), 0)] if isinstance(event, Start) and name != "a" else ()

        return react

    probes = [Probe(name, noting(name)) for name in "cab"]
    run(Kernel(probes, {("c", "a"): 0, ("b", "a"): 0}))
    assert log == ["c Start", "a Start", "b Start", "a Arrival", "a Arrival"]


def test_message_arrives_after_its_delay_with_its_sender() -> None:
    a, b = Probe("a", on_start(Send("b", Status(7), 25))), Probe("b")
    run(Kernel([a, b], {("a", "b"): 10}))
    assert b.seen == [(0, Start()), (25, Arrival("a", Status(7)))]


def test_earlier_time_wins_over_lower_rank() -> None:
    a, b = Probe("a", on_start(Send("c", Status(1), 6))), Probe("b", on_start(Send("c", Status(2), 5)))
    c = Probe("c")
    run(Kernel([a, b, c], {("a", "c"): 0, ("b", "c"): 0}))
    assert refs(c) == [(5, 2), (6, 1)]


def test_at_equal_time_the_sender_of_lower_rank_comes_first() -> None:
    late, early = Probe("z", on_start(Send("c", Status(1), 5))), Probe("a", on_start(Send("c", Status(2), 5)))
    c = Probe("c")
    run(Kernel([late, early, c], {("z", "c"): 0, ("a", "c"): 0}))
    assert refs(c) == [(5, 1), (5, 2)]


def test_shorter_chain_within_a_nanosecond_wins_over_lower_rank() -> None:
    # a (lowest rank) hears of it one step later than c, so its message to d is one step later too
    def relay(event: Event, now_ns: int) -> Sequence[Effect]:
        return [Send("d", Status(1), 0)] if isinstance(event, Arrival) else ()

    def second(event: Event, now_ns: int) -> Sequence[Effect]:
        return [Send("d", Status(2), 0)] if isinstance(event, Expiry) else [SetTimer("t", 5)]

    def first(event: Event, now_ns: int) -> Sequence[Effect]:
        return [Send("a", Status(0), 0)] if isinstance(event, Expiry) else [SetTimer("t", 5)]

    a, b, c, d = Probe("a", relay), Probe("b", first), Probe("c", second), Probe("d")
    run(Kernel([a, b, c, d], {("a", "d"): 0, ("b", "a"): 0, ("c", "d"): 0}))
    assert refs(d) == [(5, 2), (5, 1)]


def test_effects_of_one_sender_at_one_time_keep_their_order() -> None:
    a = Probe("a", on_start(*(Send("b", Status(k), 3) for k in range(20))))
    b = Probe("b")
    run(Kernel([a, b], {("a", "b"): 3}))
    assert refs(b) == [(3, k) for k in range(20)]


def test_message_and_timer_of_one_actor_at_one_time_come_in_the_order_of_its_effects() -> None:
    a = Probe("a", on_start(SetTimer("before", 4), Send("a", Status(1), 4), SetTimer("after", 4)))
    run(Kernel([a], {("a", "a"): 0}))
    assert [event for _, event in a.seen] == [
        Start(),
        Expiry("before"),
        Arrival("a", Status(1)),
        Expiry("after"),
    ]


def test_zero_delay_chain_ends_within_its_nanosecond() -> None:
    def countdown(event: Event, now_ns: int) -> Sequence[Effect]:
        if not isinstance(event, Arrival) or not isinstance(event.message, Status) or not event.message.ref:
            return ()
        return [Send("b" if event.src == "b" else "a", Status(event.message.ref - 1), 0)]

    a, b = Probe("a", countdown), Probe("b", countdown)
    kernel = Kernel([a, b], {("a", "b"): 0, ("b", "a"): 0})
    kernel.reset(0)
    kernel.run()
    kernel.inject("a", Arrival("b", Status(10)), 9)
    kernel.run()
    assert refs(a) == [(9, k) for k in (10, 8, 6, 4, 2, 0)]
    assert refs(b) == [(9, k) for k in (9, 7, 5, 3, 1)]
    assert kernel.now_ns == 9
    assert kernel.events == 2 + 11


# ------------------------------------------------------------------------------------------------ timers


def test_timer_expires_at_its_time_under_its_name() -> None:
    a = Probe("a", on_start(SetTimer(("retry", 3), 12)))
    run(Kernel([a], {}))
    assert timers(a) == [(12, ("retry", 3))]


def test_timer_set_again_expires_only_at_the_new_time() -> None:
    a = Probe("a", on_start(SetTimer("t", 5), SetTimer("u", 7), SetTimer("t", 9)))
    run(Kernel([a], {}))
    assert timers(a) == [(7, "u"), (9, "t")]


def test_timer_moved_to_an_earlier_time_does_not_expire_twice() -> None:
    a = Probe("a", on_start(SetTimer("t", 9), SetTimer("t", 5)))
    run(Kernel([a], {}))
    assert timers(a) == [(5, "t")]


def test_cancelled_timer_never_expires_and_cancelling_nothing_is_no_error() -> None:
    a = Probe("a", on_start(SetTimer("t", 5), CancelTimer("t"), CancelTimer("never set")))
    kernel = Kernel([a], {})
    run(kernel)
    assert timers(a) == []
    assert kernel.now_ns == 0


def test_timer_cancelled_and_set_again_expires_once() -> None:
    a = Probe("a", on_start(SetTimer("t", 5), CancelTimer("t"), SetTimer("t", 5)))
    run(Kernel([a], {}))
    assert timers(a) == [(5, "t")]


def test_cancelled_timers_do_not_stay_until_their_time() -> None:
    """Of 10000 timers an hour ahead one in a hundred is left, and those come in their order."""
    far_ns, count, longest = 3600 * 10**9, 10_000, []

    def react(event: Event, now_ns: int) -> Sequence[Effect]:
        if now_ns >= far_ns:
            return ()
        longest.append(len(kernel._heap))
        i = 0 if isinstance(event, Start) else now_ns
        if i == count:
            return ()
        again: list[Effect] = [SetTimer("next", now_ns + 1), SetTimer(i, far_ns + count - i)]
        return again if i % 100 == 0 else [*again, CancelTimer(i)]

    a = Probe("a", react)
    kernel = Kernel([a], {})
    run(kernel)
    assert max(longest) < 2_500
    late = [timer for _, timer in timers(a) if timer != "next"]
    assert late == list(range(count - 100, -1, -100))


def test_timer_can_be_set_again_when_it_expires() -> None:
    def ticking(event: Event, now_ns: int) -> Sequence[Effect]:
        return [SetTimer("tick", now_ns + 10)] if now_ns < 30 else ()

    a = Probe("a", ticking)
    run(Kernel([a], {}))
    assert timers(a) == [(10, "tick"), (20, "tick"), (30, "tick")]


def test_timer_set_to_now_expires_in_this_nanosecond_after_what_was_there_before() -> None:
    a = Probe("a", on_start(SetTimer("t", 0)))
    b = Probe("b", on_start(Send("a", Status(1), 0)))
    run(Kernel([a, b], {("b", "a"): 0}))
    assert a.seen == [(0, Start()), (0, Expiry("t")), (0, Arrival("b", Status(1)))]


def test_timers_of_different_actors_do_not_meet() -> None:
    a, b = Probe("a", on_start(SetTimer("t", 5))), Probe("b", on_start(SetTimer("t", 6), CancelTimer("t")))
    run(Kernel([a, b], {}))
    assert (timers(a), timers(b)) == ([(5, "t")], [])


def test_timer_in_the_past_is_a_bug_of_the_actor() -> None:
    def late(event: Event, now_ns: int) -> Sequence[Effect]:
        return [SetTimer("t", 5)] if isinstance(event, Start) else [SetTimer("u", 4)]

    with pytest.raises(AssertionError, match="a sets timer 'u' at 4 ns, now is 5 ns"):
        run(Kernel([Probe("a", late)], {}))


# ------------------------------------------------------------------------------------------------ latencies


def test_send_below_the_declared_minimum_is_refused() -> None:
    a, b = Probe("a", on_start(Send("b", Status(1), 9))), Probe("b")
    with pytest.raises(LatencyError, match="a sends to b with 9 ns, below the declared 10 ns"):
        run(Kernel([a, b], {("a", "b"): 10}))


def test_send_with_negative_delay_is_refused() -> None:
    a = Probe("a", on_start(Send("a", Status(1), -1)))
    with pytest.raises(LatencyError, match="a sends to a with -1 ns"):
        run(Kernel([a], {("a", "a"): 0}))


@pytest.mark.parametrize("dst", ["b", "a", "nobody"])
def test_send_along_no_channel_is_refused(dst: str) -> None:
    a, b = Probe("a", on_start(Send(dst, Status(1), 10))), Probe("b")
    with pytest.raises(LatencyError, match=f"a sends to {dst} without a channel"):
        run(Kernel([a, b], {("b", "a"): 0}))


def test_actors_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match=r"different names, got \['a', 'b', 'a'\]"):
        Kernel([Probe("a"), Probe("b"), Probe("a")], {})


@pytest.mark.parametrize("ends", [("a", "c"), ("c", "a")])
def test_channel_of_an_unknown_actor_is_refused(ends: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="no actor c; there are a, b"):
        Kernel([Probe("a"), Probe("b")], {ends: 0})


def test_channel_with_negative_latency_is_refused() -> None:
    with pytest.raises(ValueError, match="channel a to b has latency -1 ns; 0 or more is allowed"):
        Kernel([Probe("a"), Probe("b")], {("a", "b"): -1})


def test_what_is_no_effect_is_a_bug_of_the_actor() -> None:
    a = Probe("a", lambda event, now_ns: [Start()])  # type: ignore[list-item]
    with pytest.raises(AssertionError, match=r"a returned Start\(\), which is no effect"):
        run(Kernel([a], {}))


# ------------------------------------------------------------------------------------- endless exchanges


LIMIT = 60


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qruntime.kernel.EVENTS_PER_NANOSECOND", LIMIT)


def returning(*first: str) -> React:
    """Sends every message back without delay; begins with one to each of `first`."""

    def react(event: Event, now_ns: int) -> Sequence[Effect]:
        to = first if isinstance(event, Start) else (event.src,) if isinstance(event, Arrival) else ()
        return [Send(name, Status(0), 0) for name in to]

    return react


@pytest.mark.usefixtures("small_limit")
def test_endless_exchange_within_a_nanosecond_is_an_error_that_names_an_actor_of_it() -> None:
    innocent = Probe("innocent")
    a, b = Probe("a", returning("b")), Probe("b", returning())
    with pytest.raises(LimitError, match=f"after {LIMIT} events within simulated nanosecond 0") as caught:
        run(Kernel([innocent, a, b], {("a", "b"): 0, ("b", "a"): 0}))
    assert caught.value.data["actor"] in ("a", "b")
    assert len(a.seen) + len(b.seen) <= LIMIT + 1


@pytest.mark.usefixtures("small_limit")
def test_exchange_that_doubles_is_stopped_before_it_fills_the_memory() -> None:
    def doubling(event: Event, now_ns: int) -> Sequence[Effect]:
        return [Send("a", Status(0), 0)] * 2

    a = Probe("a", doubling)
    with pytest.raises(LimitError) as caught:
        run(Kernel([a], {("a", "a"): 0}))
    assert caught.value.data == {"actor": "a"}
    assert len(a.seen) == LIMIT + 1


@pytest.mark.usefixtures("small_limit")
def test_timer_set_to_now_for_ever_is_an_error_that_names_the_actor() -> None:
    def restless(event: Event, now_ns: int) -> Sequence[Effect]:
        return [SetTimer("t", 3 if isinstance(event, Start) else now_ns)]

    with pytest.raises(LimitError, match=r"a goes on .* nanosecond 3: an endless exchange") as caught:
        run(Kernel([Probe("a", restless)], {}))
    assert caught.value.data == {"actor": "a"}


@pytest.mark.usefixtures("small_limit")
def test_program_that_waits_again_after_every_deadlock_verdict_is_an_error_that_names_its_actor() -> None:
    stubborn = Probe("a")
    stubborn.waiting = [Wait("a", 0, 0, "message", "a message from b")]
    with pytest.raises(LimitError) as caught:
        run(Kernel([stubborn], {}))
    assert caught.value.data == {"actor": "a"}


@pytest.mark.usefixtures("small_limit")
def test_exchange_may_go_on_for_ever_if_time_passes() -> None:
    def slow(event: Event, now_ns: int) -> Sequence[Effect]:
        return [SetTimer("t", now_ns + 1)] if now_ns < 10 * LIMIT else ()

    a = Probe("a", slow)
    run(Kernel([a], {}))
    assert len(timers(a)) == 10 * LIMIT


@pytest.mark.usefixtures("small_limit")
def test_limit_counts_each_nanosecond_by_itself_and_effects_that_leave_it_never_exceed_it() -> None:
    def bursts(event: Event, now_ns: int) -> Sequence[Effect]:
        if isinstance(event, Start) or (isinstance(event, Expiry) and now_ns < 5):
            return [SetTimer("next", now_ns + 1), *(Send("b", Status(k), 0) for k in range(LIMIT - 10))]
        return ()

    a, b = Probe("a", bursts), Probe("b")
    run(Kernel([a, b], {("a", "b"): 0}))
    assert len(refs(b)) == 5 * (LIMIT - 10)


@pytest.mark.usefixtures("small_limit")
def test_authority_counts_each_nanosecond_by_itself_too() -> None:
    def restless(event: Event, now_ns: int) -> Sequence[Effect]:
        if isinstance(event, Arrival) or now_ns > 10 * LIMIT:
            return ()
        return [Send("a", Status(0), 0), SetTimer("next", now_ns + 1)]

    def deliver(dst: str, token: tuple[int, str, int], body: Message) -> None:
        authority.bodies[token[1:]] = body

    a = Probe("a", restless)
    authority = Authority(0, [a], {("a", "a"): 0}, {("a", "a"): 0}, deliver)
    authority.begin(0)
    while not authority.is_quiet:
        assert authority.advance() == []
    assert len(refs(a)) == 10 * LIMIT + 1


@pytest.mark.usefixtures("small_limit")
def test_authority_stops_an_endless_exchange() -> None:
    def deliver(dst: str, token: tuple[int, str, int], body: Message) -> None:
        authority.bodies[token[1:]] = body

    authority = Authority(0, [Probe("a", returning("a"))], {("a", "a"): 0}, {("a", "a"): 0}, deliver)
    authority.begin(0)
    with pytest.raises(LimitError) as caught:
        authority.advance()
    assert caught.value.data == {"actor": "a"}


# ------------------------------------------------------------------------------------------ until, inject


def ticker(event: Event, now_ns: int) -> Sequence[Effect]:
    return [SetTimer("tick", now_ns + 10)]


def test_run_until_includes_its_nanosecond_and_stops_the_clock_there() -> None:
    a = Probe("a", ticker)
    kernel = Kernel([a], {})
    run(kernel, 20)
    assert timers(a) == [(10, "tick"), (20, "tick")]
    kernel.run(25)
    assert (len(timers(a)), kernel.now_ns) == (2, 25)
    kernel.run(30)
    assert timers(a)[-1] == (30, "tick")
    assert kernel.now_ns == 30


def test_run_that_ends_before_until_leaves_the_clock_at_the_last_event() -> None:
    kernel = Kernel([Probe("a", on_start(SetTimer("t", 5)))], {})
    run(kernel, 100)
    assert kernel.now_ns == 5


def test_deadlock_verdict_does_not_wait_for_a_cancelled_timer_beyond_until() -> None:
    a = Probe("a")
    a.waiting = [Wait("a", 0, 0, "message", "a message")]

    def react(event: Event, now_ns: int) -> Sequence[Effect]:
        if isinstance(event, Start):
            return [SetTimer("t", 500), CancelTimer("t")]
        a.waiting = []
        return ()

    a.react = react
    run(Kernel([a], {}), 100)
    assert [(now_ns, type(event)) for now_ns, event in a.seen] == [(0, Start), (0, Doomed)]


def test_no_verdict_while_something_is_left_beyond_until() -> None:
    a = Probe("a", on_start(SetTimer("t", 500)))
    a.waiting = [Wait("a", 0, 0, "message", "a message")]
    kernel = Kernel([a], {})
    run(kernel, 100)
    assert a.seen == [(0, Start())]


def test_input_from_outside_comes_before_what_actors_did_at_that_time() -> None:
    a = Probe("a", on_start(SetTimer("t", 5)))
    kernel = Kernel([a], {})
    kernel.reset(0)
    kernel.run(3)
    kernel.inject("a", Arrival("operator", Status(1)), 5)
    kernel.inject("a", Arrival("operator", Status(2)), 5)
    kernel.run()
    assert [event for _, event in a.seen[1:]] == [
        Arrival("operator", Status(1)),
        Arrival("operator", Status(2)),
        Expiry("t"),
    ]


def test_input_for_a_time_that_is_over_is_refused() -> None:
    kernel = Kernel([Probe("a", on_start(SetTimer("t", 5)))], {})
    run(kernel)
    with pytest.raises(ValueError, match="input for a at 4 ns, but it is already 5 ns"):
        kernel.inject("a", Start(), 4)


def test_input_for_an_unknown_actor_is_refused() -> None:
    with pytest.raises(ValueError, match="no actor b; there are a"):
        Kernel([Probe("a")], {}).inject("b", Start(), 0)


# ------------------------------------------------------------------------------------------------ deadlock


def waiting(actor: str, pid: int, started_ns: int, kind: str = "message") -> Wait:
    return Wait(actor, pid, started_ns, kind, f"{kind} {pid}")


def gives_up(probe: Probe, *effects: Effect) -> React:
    """A CNPU whose doomed programs end at once, with `effects`."""

    def react(event: Event, now_ns: int) -> Sequence[Effect]:
        if not isinstance(event, Doomed):
            return ()
        probe.waiting = [wait for wait in probe.waiting if wait.pid != event.pid]
        return effects

    return react


def doomed(probe: Probe) -> list[tuple[int, int]]:
    return [(now_ns, event.pid) for now_ns, event in probe.seen if isinstance(event, Doomed)]


@pytest.mark.parametrize(
    ("waits", "youngest"),
    [
        ([waiting("a", 0, 5), waiting("a", 1, 9), waiting("b", 0, 7)], ("a", 1)),
        ([waiting("a", 0, 5), waiting("a", 1, 5), waiting("b", 0, 5)], ("b", 0)),
        ([waiting("b", 0, 5), waiting("b", 3, 5), waiting("a", 7, 5)], ("b", 3)),
        ([waiting("b", 0, 5), waiting("b", 3, 9, "memory"), waiting("a", 2, 6, "subroutine")], ("a", 2)),
    ],
)
def test_verdict_goes_first_to_the_youngest_blocked_program(
    waits: list[Wait], youngest: tuple[str, int]
) -> None:
    probes = {name: Probe(name) for name in "ab"}
    verdicts: list[tuple[str, int]] = []
    for name, probe in probes.items():
        probe.waiting = [wait for wait in waits if wait.actor == name]

        def react(event: Event, now_ns: int, probe: Probe = probe) -> Sequence[Effect]:
            if isinstance(event, Doomed):
                verdicts.append((probe.name, event.pid))
                probe.waiting = [wait for wait in probe.waiting if wait.pid != event.pid]
            return ()

        probe.react = react
    run(Kernel(list(probes.values()), {}))
    assert verdicts[0] == youngest
    programs = {(wait.actor, wait.pid) for wait in waits if wait.kind != "memory"}
    assert sorted(verdicts) == sorted(programs)


def test_program_freed_by_the_end_of_another_gets_no_verdict_and_the_run_goes_on() -> None:
    a, b = Probe("a"), Probe("b")
    a.waiting, b.waiting = [waiting("a", 0, 1)], [waiting("b", 0, 2)]
    b.react = gives_up(b, Send("a", Status(1), 40))

    def freed(event: Event, now_ns: int) -> Sequence[Effect]:
        if isinstance(event, Arrival):
            a.waiting = []
            return [SetTimer("later", now_ns + 10)]
        return ()

    a.react = freed
    kernel = Kernel([a, b], {("b", "a"): 40})
    run(kernel)
    assert (doomed(a), doomed(b)) == ([], [(0, 0)])
    assert timers(a) == [(50, "later")]
    assert kernel.now_ns == 50


def test_verdict_comes_at_the_time_of_the_last_event_and_lists_every_wait() -> None:
    a, b = Probe("a"), Probe("b", on_start(SetTimer("t", 33)))
    a.waiting = [waiting("a", 4, 0)]
    b.waiting = [Wait("b", -1, 0, "device", "the device")]
    a.react = gives_up(a)
    kernel = Kernel([a, b], {})
    run(kernel)
    assert a.seen[-1] == (
        33,
        Doomed(4, "a program 4 waits for message 4; b program -1 waits for the device"),
    )
    assert kernel.waits() == [Wait("b", -1, 0, "device", "the device")]


@pytest.mark.parametrize(
    "wait", [waiting("a", 0, 0, "device"), waiting("a", 0, 0, "memory"), waiting("a", -1, 0)]
)
def test_wait_that_is_no_programs_ends_the_run_without_a_verdict(wait: Wait) -> None:
    a = Probe("a")
    a.waiting = [wait]
    run(Kernel([a], {}))
    assert doomed(a) == []


# ------------------------------------------------------------------------------------------- reset, trace


def test_reset_after_any_part_of_a_run_equals_a_new_kernel() -> None:
    def build() -> tuple[Kernel, list[Probe]]:
        def echo(event: Event, now_ns: int) -> Sequence[Effect]:
            if isinstance(event, Start):
                return [SetTimer("t", now_ns + 40), Send("b", Status(0), 10)]
            if isinstance(event, Arrival) and now_ns < 200:
                return [Send(event.src, Status(now_ns), 10), SetTimer("t", now_ns + 15)]
            return ()

        def answer(event: Event, now_ns: int) -> Sequence[Effect]:
            return [Send("a", Status(now_ns), 10)] if isinstance(event, Arrival) else ()

        probes = [Probe("a", echo), Probe("b", answer)]
        return Kernel(probes, {("a", "b"): 10, ("b", "a"): 10}, jitter_ns=7, jitter_seed=3), probes

    fresh, expected = build()
    run(fresh)
    assert len(expected[0].seen) > 10
    for until_ns in (0, 12, 55, 130, None):
        kernel, probes = build()
        run(kernel, until_ns)
        run(kernel)
        assert [probe.seen for probe in probes] == [probe.seen for probe in expected]


def test_reset_tells_every_actor_the_shot_and_starts_at_the_given_time() -> None:
    a, b = Probe("a"), Probe("b", ticker)
    kernel = Kernel([a, b], {})
    run(kernel, 100)
    kernel.reset(17, start_ns=1000)
    kernel.run(1010)
    assert (a.shots, b.shots) == ([0, 17], [0, 17])
    assert a.seen == [(1000, Start())]
    assert b.seen == [(1000, Start()), (1010, Expiry("tick"))]


def test_reset_may_go_back_in_time() -> None:
    a = Probe("a", ticker)
    kernel = Kernel([a], {})
    run(kernel, 100)
    run(kernel, 10)
    assert a.seen == [(0, Start()), (10, Expiry("tick"))]


def test_records_reach_the_listener_with_the_actors_name_in_order() -> None:
    got: list[tuple[str, Emit]] = []
    first, second = Emit(0, "cpu", "BEGIN", 1, (2, "x")), Emit(4, "cpu", "END", 1)
    a = Probe("a/qnpu", on_start(first, second))
    kernel = Kernel([a], {}, on_record=lambda actor, emit: got.append((actor, emit)))
    run(kernel)
    assert got == [("a/qnpu", first), ("a/qnpu", second)]
    assert a.tracing


def test_actors_are_told_when_nobody_listens_and_stray_records_are_dropped() -> None:
    a = Probe("a", on_start(Emit(0, "cpu", "BEGIN", 1)))
    a.tracing = True
    kernel = Kernel([a], {})
    run(kernel)
    assert not a.tracing
    assert a.seen == [(0, Start())]

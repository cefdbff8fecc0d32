"""The kernel against a scheduler that keeps all that is pending in a list and looks for the least: the same
trace for random actors, and jitter that keeps its promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from qruntime.actors import Actor, Arrival, CancelTimer, Event, Expiry, Send, SetTimer, Start
from qruntime.kernel import Kernel
from qruntime.messages import Status
from qruntime.rng import key
from tests.unit.qruntime.probes import Act, Player, Probe, Seen

Channels = Mapping[tuple[str, str], int]
Inputs = Sequence[tuple[str, int]]

NAMES = ("dam", "cow", "bee", "ant", "world")


@dataclass
class Pending:
    t_ns: int
    step: int  # steps within the nanosecond since the cause that was before it
    rank: int
    number: int
    to: str
    event: Event

    def order(self) -> tuple[int, int, int, int]:
        return self.t_ns, self.step, self.rank, self.number


def naive_run(actors: Sequence[Actor], inputs: Inputs) -> None:
    """Runs `actors`, ranked by position, by the written rule alone."""
    by_name = {actor.name: actor for actor in actors}
    rank = {actor.name: position for position, actor in enumerate(actors)}
    outside = [(actor.name, 0) for actor in actors]
    todo = [Pending(0, 0, -1, number, name, Start()) for number, (name, _) in enumerate(outside)]
    todo += [
        Pending(at_ns, 0, -1, len(outside) + number, name, Arrival("outside", Status(number)))
        for number, (name, at_ns) in enumerate(inputs)
    ]
    numbers = dict.fromkeys(by_name, 0)
    while todo:
        head = min(todo, key=Pending.order)
        todo.remove(head)
        for effect in by_name[head.to].handle(head.event, head.t_ns):
            if isinstance(effect, Send):
                t_ns, to, event = head.t_ns + effect.delay_ns, effect.dst, Arrival(head.to, effect.message)
            elif isinstance(effect, (SetTimer, CancelTimer)):
                expiry = Expiry(effect.timer)
                todo = [entry for entry in todo if (entry.to, entry.event) != (head.to, expiry)]
                if isinstance(effect, CancelTimer):
                    continue
                t_ns, to, event = effect.at_ns, head.to, expiry  # type: ignore[assignment]
            else:
                continue
            step = head.step + 1 if t_ns == head.t_ns else 0
            todo.append(Pending(t_ns, step, rank[head.to], numbers[head.to], to, event))
            numbers[head.to] += 1


@dataclass
class Network:
    names: list[str]
    channels: dict[tuple[str, str], int]
    tables: dict[str, list[list[Act]]]
    inputs: list[tuple[str, int]]

    def players(self, log: list[Seen], names: Sequence[str] | None = None) -> list[Player]:
        return [Player(name, self.tables[name], self.channels, log) for name in names or self.names]

    def kernel_log(self, names: Sequence[str] | None = None, **options: Any) -> list[Seen]:
        log: list[Seen] = []
        kernel = Kernel(self.players(log, names), options.pop("channels", self.channels), **options)
        kernel.reset(0)
        self.inject(kernel)
        kernel.run()
        return log

    def naive_log(self, names: Sequence[str] | None = None) -> list[Seen]:
        log: list[Seen] = []
        naive_run(self.players(log, names), self.inputs)
        return log

    def inject(self, kernel: Kernel) -> None:
        for number, (name, at_ns) in enumerate(self.inputs):
            kernel.inject(name, Arrival("outside", Status(number)), at_ns)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """A few actors with random channels and tables; times are small, so that ties are the rule."""
    names = draw(st.permutations(NAMES[: draw(st.integers(1, len(NAMES)))]))
    pairs = [(src, dst) for src in names for dst in names]
    channels = draw(st.dictionaries(st.sampled_from(pairs), st.integers(0, 3), max_size=10))
    tables: dict[str, list[list[Act]]] = {}
    for name in names:
        timers = st.sampled_from(["t", 7])
        acts = [
            st.builds(Act, st.just("set"), timers, st.integers(0, 4)),
            st.builds(Act, st.just("cancel"), timers),
        ]
        peers = [dst for src, dst in channels if src == name]
        if peers:
            send = st.builds(Act, st.just("send"), st.sampled_from(peers), st.integers(0, 2))
            acts += [send, send]  # messages twice as often as each kind of timer effect
        tables[name] = draw(st.lists(st.lists(st.one_of(acts), max_size=4), max_size=8))
    inputs = draw(st.lists(st.tuples(st.sampled_from(names), st.integers(0, 6)), max_size=3))
    return Network(names, channels, tables, inputs)


# Busy by construction, so that the property cannot pass on idle networks alone.
BUSY = Network(
    list(NAMES),
    {(src, dst): (len(src) + len(dst)) % 2 for src in NAMES for dst in NAMES},
    {
        name: [
            [Act("send", dst, k % 2) for dst in NAMES if (k + len(dst)) % 2] + [Act("set", "t", k % 3)]
            for k in range(12)
        ]
        for name in NAMES
    },
    [("bee", 0), ("ant", 2), ("bee", 2)],
)


def test_busy_network_has_many_ties_and_gives_the_trace_of_the_rule() -> None:
    log = BUSY.kernel_log()
    times = [now_ns for _, now_ns, _ in log]
    assert len(log) > 100
    assert len(set(times)) < len(times) / 5
    assert log == BUSY.naive_log()


@given(networks())
@settings(max_examples=250, deadline=None)
def test_random_actors_give_the_trace_of_the_rule(network: Network) -> None:
    assert network.kernel_log() == network.naive_log()


@given(networks(), st.integers(0, 2**64), st.randoms(use_true_random=False))
@settings(max_examples=80, deadline=None)
def test_order_of_dicts_and_with_permuted_ranks_of_actors_does_not_matter(
    network: Network, rank_seed: int, random: Any
) -> None:
    entries = list(network.channels.items())
    random.shuffle(entries)
    assert network.kernel_log(channels=dict(entries)) == network.kernel_log()
    names = list(network.names)
    random.shuffle(names)
    permuted = network.kernel_log(rank_seed=rank_seed)
    assert network.kernel_log(names, rank_seed=rank_seed) == permuted
    assert network.naive_log(sorted(names, key=lambda name: key(rank_seed, name))) == permuted


@given(networks(), st.lists(st.integers(0, 12), max_size=4))
@settings(max_examples=80, deadline=None)
def test_run_in_pieces_gives_the_trace_of_one_run(network: Network, stops: list[int]) -> None:
    log: list[Seen] = []
    kernel = Kernel(network.players(log), network.channels)
    kernel.reset(0)
    network.inject(kernel)
    for until_ns in sorted(stops):
        kernel.run(until_ns)
        assert all(now_ns <= until_ns for _, now_ns, _ in log)
    kernel.run()
    assert log == network.kernel_log()


def test_permuted_ranks_change_who_wins_ties() -> None:
    orders = set()
    for rank_seed in range(20):
        log: list[str] = []

        def note(name: str, log: list[str] = log) -> Probe:
            def react(event: Event, now_ns: int) -> list[SetTimer]:
                if isinstance(event, Start):
                    return [SetTimer("t", 5)]
                log.append(name)
                return []

            return Probe(name, react)

        kernel = Kernel([note(name) for name in "abc"], {}, rank_seed=rank_seed)
        kernel.reset(0)
        kernel.run()
        assert sorted(log) == ["a", "b", "c"]
        orders.add("".join(log))
    assert len(orders) == 6


# ------------------------------------------------------------------------------------------------- jitter


MESSAGES = 300


def arrivals(min_ns: int, jitter_ns: int, *, seed: int = 0, gap_ns: int = 7, busy: bool = False) -> list[int]:
    """Times at which messages sent every `gap_ns` with the least latency arrive; asserts their order."""

    def talk(event: Event, now_ns: int) -> list[Send | SetTimer]:
        number = now_ns // gap_ns
        if number >= MESSAGES:
            return []
        return [Send("b", Status(number), min_ns), SetTimer("next", now_ns + gap_ns)]

    a, b, c = Probe("a", talk), Probe("b"), Probe("c", talk if busy else lambda event, now_ns: ())
    channels = {("a", "b"): min_ns, ("c", "b"): min_ns}
    kernel = Kernel([a, b, c], channels, jitter_ns=jitter_ns, jitter_seed=seed)
    kernel.reset(0)
    kernel.run()
    got = [(now_ns, event) for now_ns, event in b.seen if isinstance(event, Arrival) and event.src == "a"]
    assert [event.message for _, event in got] == [Status(k) for k in range(MESSAGES)]
    return [now_ns for now_ns, _ in got]


@given(st.integers(1, 60), st.integers(1, 100), st.integers(0, 2**64), st.integers(1, 80))
@settings(max_examples=25, deadline=None)
def test_jitter_keeps_a_channel_in_order_and_its_delay_between_the_minimum_and_twice_that(
    min_ns: int, jitter_ns: int, seed: int, gap_ns: int
) -> None:
    most_ns = min(jitter_ns, min_ns)
    at = arrivals(min_ns, jitter_ns, seed=seed, gap_ns=gap_ns)
    assert at == sorted(at)
    delays = [t_ns - k * gap_ns for k, t_ns in enumerate(at)]
    assert all(min_ns <= delay <= min_ns + most_ns for delay in delays)


def test_jitter_fills_its_range_evenly() -> None:
    # N = 300 delays over 0 to 30 ns, seed 0, never pushed on (gap above the range): mean 15 ns, sigma of
    # the mean sqrt((31**2 - 1) / 12 / 300) = 0.516 ns, tolerance 5 sigma.
    extra = [t_ns - 100 * k - 50 for k, t_ns in enumerate(arrivals(50, 30, gap_ns=100))]
    assert (min(extra), max(extra)) == (0, 30)
    assert abs(sum(extra) / MESSAGES - 15) < 5 * 0.516


def test_jitter_is_equal_for_equal_seeds_and_different_for_others() -> None:
    assert arrivals(50, 30, seed=4) == arrivals(50, 30, seed=4)
    assert arrivals(50, 30, seed=4) != arrivals(50, 30, seed=5)


def test_jitter_of_one_channel_does_not_depend_on_traffic_of_others() -> None:
    assert arrivals(50, 30, busy=True) == arrivals(50, 30)


def test_no_jitter_and_channels_without_latency_are_exact() -> None:
    assert arrivals(50, 0) == [50 + 7 * k for k in range(MESSAGES)]
    assert arrivals(0, 30) == [7 * k for k in range(MESSAGES)]


def test_jitter_leaves_messages_of_a_channel_without_latency_to_overtake_as_they_did() -> None:
    def talk(event: Event, now_ns: int) -> list[Send]:
        return [Send("b", Status(1), 9), Send("b", Status(2), 3)] if isinstance(event, Start) else []

    b = Probe("b")
    kernel = Kernel([Probe("a", talk), b], {("a", "b"): 0}, jitter_ns=30)
    kernel.reset(0)
    kernel.run()
    assert b.seen[1:] == [(3, Arrival("a", Status(2))), (9, Arrival("a", Status(1)))]

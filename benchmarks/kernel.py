"""What the runtime costs without any OS on it: events of the kernel, messages, random draws.

``python -m benchmarks.kernel`` prints a table of rates per second; ``run()`` returns its rows. The actors do
next to nothing, but what they do (build a message, return a list) is in the figures of the kernel; a loop and
a call without arguments are in all others. Each rate is the median of a few repeats.
"""

from collections.abc import Callable, Iterator, Sequence
from statistics import median
from time import perf_counter_ns

from benchmarks.table import Row, median_s, show
from qruntime.actors import CancelTimer, Effect, Event, Send, SetTimer, Start, Wait
from qruntime.kernel import Kernel
from qruntime.messages import ClassicalMessage, Stop
from qruntime.qdevice import DeviceOp, Herald, Operate
from qruntime.rng import Stream, Streams
from qruntime.values import normalise
from qruntime.wire import decode, encode

EVENTS = 100_000
CALLS = 50_000
REPEATS = 7
EVENTS_FLOOR = 500_000  # per second, one core

ONE_PAIR = 1
MANY_PAIRS = 50


class _Idle:
    """What the actors of this page have in common."""

    def __init__(self, name: str, rounds: int) -> None:
        self.name = name
        self.tracing = False
        self.rounds = rounds
        self.left = 0

    def reset(self, shot: int) -> None:
        self.left = self.rounds

    def waits(self) -> list[Wait]:
        return []


class _Player(_Idle):
    """Returns every message; the one that serves begins."""

    def __init__(self, name: str, rounds: int, peer: str, delay_ns: int, serves: bool) -> None:
        super().__init__(name, rounds)
        self.peer = peer
        self.delay_ns = delay_ns
        self.serves = serves

    def handle(self, event: Event, now_ns: int) -> Sequence[Effect]:
        if event.__class__ is Start and not self.serves:
            return ()
        self.left -= 1
        return [Send(self.peer, Stop(1), self.delay_ns)] if self.left >= 0 else ()


class _Ticker(_Idle):
    """Sets its timer again whenever it expires."""

    def handle(self, event: Event, now_ns: int) -> Sequence[Effect]:
        self.left -= 1
        return [SetTimer("tick", now_ns + 10)] if self.left >= 0 else ()


class _Changer(_Idle):
    """A ticker that each time also moves one timer and cancels another before they expire."""

    def handle(self, event: Event, now_ns: int) -> Sequence[Effect]:
        self.left -= 1
        if self.left < 0:
            return ()
        return [
            CancelTimer("limit"),
            SetTimer("tick", now_ns + 10),
            SetTimer("limit", now_ns + 15),
            SetTimer("watch", now_ns + 15),
        ]


def _pairs(pairs: int, delay_ns: int) -> Kernel:
    rounds = EVENTS // (2 * pairs)
    actors = []
    channels = {}
    for k in range(pairs):
        a, b = f"a{k}", f"b{k}"
        # unequal delays keep the heap from seeing all pairs at the same nanosecond
        actors += [_Player(a, rounds, b, delay_ns + k, True), _Player(b, rounds, a, delay_ns, False)]
        channels[a, b] = channels[b, a] = delay_ns
    return Kernel(actors, channels)


KERNELS: list[tuple[str, Callable[[], Kernel]]] = [
    ("events, two actors, Send with a latency", lambda: _pairs(ONE_PAIR, 10)),
    ("events, two actors, Send without delay", lambda: _pairs(ONE_PAIR, 0)),
    ("events, 100 actors, Send with a latency", lambda: _pairs(MANY_PAIRS, 10)),
    ("events, one timer", lambda: Kernel([_Ticker("a", EVENTS)], {})),
    ("events, timers moved and cancelled", lambda: Kernel([_Changer("a", EVENTS)], {})),
]


def _events_per_s(kernel: Kernel) -> float:
    rates = []
    for shot in range(REPEATS):
        kernel.reset(shot)
        before = kernel.events
        began_ns = perf_counter_ns()
        kernel.run()
        rates.append((kernel.events - before) * 1e9 / (perf_counter_ns() - began_ns))
    return median(rates)


def _calls_per_s(call: Callable[[], object]) -> float:
    def loop() -> None:
        for _ in range(CALLS):
            call()

    return CALLS / median_s(loop, REPEATS)


def _calls() -> Iterator[tuple[str, Callable[[], object]]]:
    """What is timed call by call."""
    herald = Herald(1, 1, 4, 0, 0, 2, 5000, 123_456_789, 8, 1)
    value = {"basis": [0, 1, 1, 0], "round": 17, "angles": (0.25, -1.5)}
    classical = ClassicalMessage(0, "alice", "bob", value)
    herald_bytes, classical_bytes = encode(herald), encode(classical)
    streams, stream = Streams(7), Stream(7)
    yield "nothing", lambda: None
    yield "build Herald (10 fields)", lambda: Herald(1, 1, 4, 0, 0, 2, 5000, 123_456_789, 8, 1)
    yield "build Operate of one DeviceOp", lambda: Operate((DeviceOp(4, 2500, "", 0, ref=6),))
    yield "encode Herald", lambda: encode(herald)
    yield "decode Herald", lambda: decode(herald_bytes)
    yield "encode ClassicalMessage, 8 numbers", lambda: encode(classical)
    yield "decode ClassicalMessage, 8 numbers", lambda: decode(classical_bytes)
    yield "normalise an int", lambda: normalise(17)
    yield "normalise 8 numbers in a dict", lambda: normalise(value)
    yield "uniform draw", stream.uniform
    yield "new stream", lambda: streams.stream("link/0-1/attempts", 17)


def run() -> list[Row]:
    """Median rates per second."""
    rows: list[Row] = []
    for what, make in KERNELS:
        rows.append(
            {"what": what, "value": round(_events_per_s(make())), "unit": "1/s", "floor": EVENTS_FLOOR}
        )
    for what, call in _calls():
        rows.append({"what": what, "value": round(_calls_per_s(call)), "unit": "1/s"})
    return rows


if __name__ == "__main__":
    show("Kernel", run())

"""The trace: one order whoever emitted first, lines as written, and a digest of exactly those lines."""

from __future__ import annotations

import hashlib
import io
import json
import random

import pytest

from qruntime.actors import Effect, Emit, Event, Start
from qruntime.kernel import Kernel
from qruntime.trace import Record, Trace
from tests.unit.qruntime.probes import Probe

EMITTED = [
    ("bob/qnpu", Emit(5, "cpu", "B", 1)),
    ("alice/qnpu", Emit(5, "device", "D", -1)),
    ("alice/qnpu", Emit(5, "cpu", "C1", 1, (3, "x"))),
    ("alice/cnpu", Emit(7, "cpu", "LATE", 2)),
    ("alice/qnpu", Emit(5, "cpu", "C2", 1)),
    ("alice/qnpu", Emit(4, "zz", "EARLY", 1)),
]

IN_ORDER = [
    Record(4, "alice", "zz", "EARLY", 1, ()),
    Record(5, "alice", "cpu", "C1", 1, (3, "x")),
    Record(5, "alice", "cpu", "C2", 1, ()),
    Record(5, "alice", "device", "D", -1, ()),
    Record(5, "bob", "cpu", "B", 1, ()),
    Record(7, "alice", "cpu", "LATE", 2, ()),
]


def record(trace: Trace, shot: int, emitted: list[tuple[str, Emit]]) -> list[Record]:
    trace.begin(shot)
    for actor, emit in emitted:
        trace.on_record(actor, emit)
    return trace.end()


def test_records_are_ordered_by_time_node_and_unit_and_within_a_unit_as_emitted() -> None:
    assert record(Trace(), 0, EMITTED) == IN_ORDER


def test_order_of_units_among_each_other_does_not_reach_the_trace() -> None:
    source = random.Random(3)
    by_unit: dict[tuple[str, str], list[tuple[str, Emit]]] = {}
    for actor, emit in EMITTED:
        by_unit.setdefault((actor, emit.unit), []).append((actor, emit))
    for _ in range(50):  # merge the units' sequences in a random order
        queues = [list(queue) for queue in by_unit.values()]
        merged = []
        while any(queues):
            merged.append(source.choice([queue for queue in queues if queue]).pop(0))
        trace = Trace()
        record(trace, 0, merged)
        expected = Trace()
        record(expected, 0, EMITTED)
        assert trace.records == IN_ORDER
        assert trace.sha256() == expected.sha256()


def test_record_of_the_world_belongs_to_the_node_and_unit_it_names() -> None:
    trace = Trace()
    trace.begin(0)
    trace.on_record("world", Emit(1, "alice/device", "MEASURED", -1, (0, 1)))
    trace.on_record("world", Emit(2, "link", "ATTEMPTS", -1))
    trace.on_record("worldly/qnpu", Emit(3, "a/b", "X", 0))
    assert trace.end() == [
        Record(1, "alice", "device", "MEASURED", -1, (0, 1)),
        Record(2, "link", "", "ATTEMPTS", -1, ()),
        Record(3, "worldly", "a/b", "X", 0, ()),
    ]


def test_each_shot_is_a_line_with_its_number_and_one_line_per_record() -> None:
    file = io.BytesIO()
    trace = Trace(file)
    record(trace, 0, EMITTED[:1])
    record(trace, 17, [])
    record(trace, 18, EMITTED[2:3])
    assert file.getvalue().decode().splitlines() == [
        '{"shot":0}',
        '[5,"bob","cpu","B",1,[]]',
        '{"shot":17}',
        '{"shot":18}',
        '[5,"alice","cpu","C1",1,[3,"x"]]',
    ]
    assert file.getvalue().endswith(b"\n")


def test_names_and_texts_of_any_language_stay_one_line_of_json() -> None:
    file = io.BytesIO()
    trace = Trace(file)
    record(trace, 0, [("århus/cnpu", Emit(1, "log", "SAY", 1, ('"a"\n', "ψ")))])
    lines = file.getvalue().splitlines()
    assert len(lines) == 2
    assert json.loads(lines[1]) == [1, "århus", "log", "SAY", 1, ['"a"\n', "ψ"]]


def test_digest_is_that_of_the_file() -> None:
    file = io.BytesIO()
    trace, silent = Trace(file), Trace()
    assert trace.sha256() == hashlib.sha256(b"").hexdigest()
    for shot in range(3):
        record(trace, shot, EMITTED)
        record(silent, shot, EMITTED)
        assert trace.sha256() == hashlib.sha256(file.getvalue()).hexdigest() == silent.sha256()


@pytest.mark.parametrize(
    "changed",
    [
        [*EMITTED[:5], ("alice/qnpu", Emit(3, "zz", "EARLY", 1))],
        [*EMITTED[:2], ("alice/qnpu", Emit(5, "cpu", "C1", 1, ("3", "x"))), *EMITTED[3:]],
        [*EMITTED[:2], EMITTED[4], EMITTED[3], EMITTED[2], EMITTED[5]],
        EMITTED[:5],
    ],
)
def test_digest_tells_any_other_trace_apart(changed: list[tuple[str, Emit]]) -> None:
    trace, other, moved = Trace(), Trace(), Trace()
    record(trace, 0, EMITTED)
    record(other, 0, changed)
    record(moved, 1, EMITTED)
    assert len({trace.sha256(), other.sha256(), moved.sha256()}) == 3


def test_only_the_records_of_the_last_shot_are_kept() -> None:
    trace = Trace()
    first = record(trace, 0, EMITTED)
    record(trace, 1, EMITTED[:1])
    assert len(trace.records) == 1
    assert first == IN_ORDER  # what was handed out stays


def test_kernel_feeds_the_trace() -> None:
    def says(event: Event, now_ns: int) -> list[Effect]:
        return [Emit(now_ns, "cpu", "BEGIN", 4)] if isinstance(event, Start) else []

    trace = Trace()
    kernel = Kernel([Probe("bob/qnpu", says), Probe("alice/qnpu", says)], {}, on_record=trace.on_record)
    trace.begin(0)
    kernel.reset(0)
    kernel.run()
    assert trace.end() == [
        Record(0, "alice", "cpu", "BEGIN", 4, ()),
        Record(0, "bob", "cpu", "BEGIN", 4, ()),
    ]

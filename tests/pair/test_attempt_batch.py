"""`attempt_batch`: a long stretch of attempts makes room for a program that waits for the device, at the end
of a batch; then attempts go on."""

from __future__ import annotations

import pytest

from qnpu.settings import QnpuSettings
from qworld.links import DepolariseLink
from tests.pair.harness import NOISELESS, Bench, keep, lines, measure, qubit, receive
from tests.pair.test_nv_sharing import assert_exclusive, nv, stretches

CYCLE_NS = 10_000
RARE = DepolariseLink(fidelity=1, success_probability=0.001, cycle_ns=CYCLE_NS)
ASKED_NS = 57_000


def waiting(batch: int | None, scheduler: str = "qnodeos", *, generic: bool = False, pair: str = "") -> Bench:
    """Alice attempts from the start on; at 57 us her program 2 wants to turn a qubit of its own."""
    bench = Bench(
        device=NOISELESS if generic else nv(3),
        links={(0, 1): RARE},
        settings=QnpuSettings(epr_start="create", attempt_batch=batch, scheduler=scheduler),
    )
    bench.program(0, 1, pair or keep()).program(1, 1, receive(ids=None) if pair else receive())
    return bench.program(0, 2, qubit(1, "x {q}", "x {q}"), peers=(), at_ns=ASKED_NS).run()


def counts(bench: Bench) -> list[int]:
    return [int(emit.data[3]) for emit in bench.emits("LINK_ATTEMPTS", 0)]


def done_ns(bench: Bench, pid: int) -> int:
    return next(t_ns for t_ns, message in bench.cnpus[0].got if message.pid == pid)


@pytest.mark.parametrize("scheduler", ["qnodeos", "round_robin", "edf", "fair_share"])
@pytest.mark.parametrize(("batch", "attempts"), [(1, 6), (4, 8), (7, 7)])
def test_program_that_waits_has_the_device_at_the_end_of_the_batch(
    scheduler: str, batch: int, attempts: int
) -> None:
    bench = waiting(batch, scheduler)
    assert counts(bench)[0] == attempts
    assert len(counts(bench)) == 2, "one stretch before, one after: it had the device for all its gates"
    assert attempts * CYCLE_NS < done_ns(bench, 2) < attempts * CYCLE_NS + 3_000
    assert [len(cnpu.done) for cnpu in bench.cnpus] == [2, 1]
    assert_exclusive(bench, 0)


def test_without_batches_it_waits_until_attempts_succeed() -> None:
    bench = waiting(None)
    ((_, end_ns),) = stretches(bench, 0)
    assert done_ns(bench, 2) > end_ns > 100 * ASKED_NS / 10


def test_nothing_changes_while_nobody_waits() -> None:
    bench = Bench(
        device=nv(3), links={(0, 1): RARE}, settings=QnpuSettings(epr_start="create", attempt_batch=2)
    )
    bench.program(0, 1, keep()).program(1, 1, receive()).run()
    assert len(counts(bench)) == 1


def test_pairs_that_are_measured_at_once_are_interrupted_as_well() -> None:
    bench = waiting(5, pair=measure())
    assert counts(bench)[0] == 10


def test_other_devices_have_no_batches() -> None:
    bench = waiting(1, generic=True)
    assert len(counts(bench)) == 1
    assert done_ns(bench, 2) < ASKED_NS + 100_000


def test_attempts_are_counted_once_and_dephase_carbons() -> None:
    """A carbon sees every attempt of both stretches: the sum of their counts, as the device hears it."""
    bench = Bench(
        device=nv(3), links={(0, 1): RARE}, settings=QnpuSettings(epr_start="create", attempt_batch=3)
    )
    heard: list[int] = []
    device = bench.world._devices[0]
    device.after_attempts = lambda count, bright: heard.append(count)  # type: ignore[method-assign]
    bench.program(0, 1, keep()).program(1, 1, receive())
    bench.program(0, 2, lines(qubit(1, "x {q}")), peers=(), at_ns=ASKED_NS)
    bench.run()
    assert heard == counts(bench) and heard[0] == 6 and len(heard) == 2


def test_attempts_and_programs_take_turns_while_programs_keep_asking() -> None:
    """Five programs one after another, batches of two: each waits for the end of a batch at most."""
    bench = Bench(
        device=nv(4), links={(0, 1): RARE}, settings=QnpuSettings(epr_start="create", attempt_batch=2)
    )
    bench.program(0, 1, keep()).program(1, 1, receive())
    for k in range(5):
        at_ns = 13_000 + 60_000 * k
        bench.program(0, 2 + k, lines(qubit(1, "x {q}"), "qfree Q0"), peers=(), at_ns=at_ns)
    bench.run()
    for k in range(5):
        assert done_ns(bench, 2 + k) <= 13_000 + 60_000 * k + 2 * CYCLE_NS + 5_000
    assert len(counts(bench)) >= 5 and [len(cnpu.done) for cnpu in bench.cnpus] == [6, 1]

"""Time bins at two QNPUs: attempts run in bins of their link only, both ends agree without a word, and
outside of them the device is free."""

from __future__ import annotations

from typing import Any

import pytest

from qnpu.settings import QnpuSettings
from qnpu.timetable import LinkBin, LinkBins
from qruntime.messages import OpenEprSocket, Register
from qworld.links import DepolariseLink, PerfectLink
from tests.pair.harness import (
    NOISELESS,
    Bench,
    DeviceParameters,
    assert_quiet,
    epr_error,
    keep,
    lines,
    measure,
    qubit,
    read_out,
    receive,
)
from tests.pair.test_nv_sharing import nv

MS = 1_000_000
CYCLE_NS = 10_000
SURE = DepolariseLink(fidelity=1, success_probability=1, cycle_ns=CYCLE_NS)
RARE = DepolariseLink(fidelity=1, success_probability=0.002, cycle_ns=CYCLE_NS)
HALF = LinkBins(0, 4 * MS, [LinkBin(2 * MS, 4 * MS)])  # the second half of every 4 ms
DEVICES = [NOISELESS, nv(1), nv(3)]
CREATE = QnpuSettings(epr_start="create")


def bench_of(bins: LinkBins, link: Any = RARE, **options: Any) -> Bench:
    return Bench(links={(0, 1): link}, bins={(0, 1): bins}, **options)


def stretches(bench: Bench) -> list[tuple[int, int, int]]:
    """Start, end and number of attempts of every stretch, the same at both ends."""
    alice, bob = (
        [(emit.t_ns, emit.t_ns + int(emit.data[4]), int(emit.data[3])) for emit in found]
        for found in (bench.emits("LINK_ATTEMPTS", 0), bench.emits("LINK_ATTEMPTS", 1))
    )
    assert alice == bob
    return alice


@pytest.mark.parametrize("device", DEVICES, ids=["generic", "nv1", "nv3"])
@pytest.mark.parametrize("start", ["create", "both"])
def test_attempts_run_in_bins_only(device: DeviceParameters, start: Any) -> None:
    for seed in range(5):
        bench = bench_of(HALF, device=device, settings=QnpuSettings(epr_start=start), seed=seed)
        bench.program(0, 1, keep()).program(1, 1, receive()).run()
        assert [len(cnpu.done) for cnpu in bench.cnpus] == [1, 1]
        found = stretches(bench)
        assert found
        for begin, end, count in found:
            assert begin % (4 * MS) >= 2 * MS
            assert (end - 1) % (4 * MS) >= 2 * MS, "no attempt ends after the bin"
            assert count <= 2 * MS // CYCLE_NS


def test_pair_of_the_last_attempt_that_fits_is_kept() -> None:
    exactly = LinkBins(0, MS, [LinkBin(0, CYCLE_NS)])
    for device in DEVICES:
        bench = bench_of(exactly, SURE, device=device, settings=CREATE)
        bench.program(0, 1, keep(), at_ns=MS // 2).program(1, 1, receive(), at_ns=MS // 2).run()
        assert [len(cnpu.done) for cnpu in bench.cnpus] == [1, 1]
        assert bench.cnpus[0].got[0][0] == MS + CYCLE_NS
        bench.run(1)


@pytest.mark.parametrize("tick_ns", [7_000, 20_000])
def test_pair_heard_of_after_the_bin_is_kept(tick_ns: int) -> None:
    # the attempt ends with the bin at 1.01 ms, and is heard of at the next tick of the slower clock
    bins = LinkBins(0, 2 * MS, [LinkBin(MS - 10_000, MS + 15_000)], grid_ns=tick_ns)
    bench = bench_of(bins, SURE, devices={0: nv(1), 1: nv(1, tick_ns=tick_ns)}, settings=CREATE)
    bench.program(0, 1, keep()).program(1, 1, receive()).run()
    assert [len(cnpu.done) for cnpu in bench.cnpus] == [1, 1]
    assert not bench.cnpus[0].faults


def test_attempt_that_does_not_fit_is_not_made() -> None:
    short = LinkBins(0, MS, [LinkBin(0, CYCLE_NS - 1)])
    bench = bench_of(short, SURE, settings=QnpuSettings(request_timeout_ns=10 * MS))
    bench.program(0, 1, keep()).program(1, 1, receive()).run()
    assert epr_error(bench) == "TIMEOUT"
    assert {count for _, _, count in stretches(bench)} == {0}


@pytest.mark.parametrize("device", DEVICES, ids=["generic", "nv1", "nv3"])
def test_device_is_free_between_bins(device: DeviceParameters) -> None:
    never = DepolariseLink(fidelity=1, success_probability=1e-9, cycle_ns=CYCLE_NS)
    settings = QnpuSettings(epr_start="create", request_timeout_ns=9 * MS)
    bench = bench_of(HALF, never, device=device, settings=settings)
    bench.program(0, 1, keep(ids=(1,) if device == nv(3) else (0,))).program(1, 1, receive())
    local = lines(qubit(2, "x {q}"), read_out(2, "M0"))
    bench.program(0, 2, local, peers=(), at_ns=MS // 2)
    bench.program(0, 3, local, peers=(), at_ns=5 * MS)
    bench.run()
    done = {message.pid: at_ns for at_ns, message in bench.cnpus[0].got if hasattr(message, "registers")}
    assert done[2] < 2 * MS, "before the first bin"
    assert 5 * MS < done[3] < 6 * MS, "between the first and the second"
    assert epr_error(bench) == "TIMEOUT"


def test_local_program_on_one_qubit_waits_for_the_end_of_the_bin() -> None:
    never = DepolariseLink(fidelity=1, success_probability=1e-9, cycle_ns=CYCLE_NS)
    settings = QnpuSettings(epr_start="create", request_timeout_ns=9 * MS)
    bench = bench_of(HALF, never, device=nv(1), settings=settings)
    bench.program(0, 1, keep()).program(1, 1, receive())
    bench.program(0, 2, lines(qubit(2, "x {q}"), read_out(2, "M0")), peers=(), at_ns=3 * MS)
    bench.run()
    done = [at_ns for at_ns, message in bench.cnpus[0].got if getattr(message, "registers", None)]
    assert len(done) == 1 and 4 * MS < done[0] < 5 * MS


def test_begin_and_end_of_bins_are_traced_while_something_is_pending() -> None:
    bench = bench_of(HALF, SURE)
    bench.program(0, 1, keep(), at_ns=5 * MS).program(1, 1, receive(), at_ns=5 * MS).run()
    events = [
        (emit.event, emit.t_ns, emit.data[1:])
        for _, emit in bench.records
        if "_BIN" in emit.event and emit.unit == "egp"
    ]
    assert events == [
        ("EGP_AWAITS_BIN", 5 * MS, (6 * MS,)),
        ("EGP_AWAITS_BIN", 5 * MS, (6 * MS,)),
        ("EGP_BIN_START", 6 * MS, (8 * MS,)),
        ("EGP_BIN_START", 6 * MS, (8 * MS,)),
    ]


def test_no_timer_is_left_when_nothing_is_pending() -> None:
    bench = bench_of(HALF, SURE).program(0, 1, keep()).program(1, 1, receive())
    bench.stop(0, 1, 20 * MS).stop(1, 1, 20 * MS).run()
    assert_quiet(bench)


def test_withdrawal_in_a_bin_ends_the_attempts() -> None:
    bench = bench_of(HALF, DepolariseLink(fidelity=1, success_probability=1e-9, cycle_ns=CYCLE_NS))
    bench.program(0, 1, keep()).program(1, 1, receive()).cancel(0, 1, 0, 3 * MS).run()
    ((begin, end, count),) = stretches(bench)
    assert (begin, end, count) == (2 * MS, 3 * MS, 100)


def test_request_for_which_no_bin_will_come_is_refused() -> None:
    once = LinkBins(0, None, [LinkBin(0, MS)])
    bench = bench_of(once, SURE).program(0, 1, keep(), at_ns=2 * MS).run()
    assert epr_error(bench) == "NOTIME"
    assert "no bin" in bench.cnpus[0].faults[0].message


def test_request_whose_last_bin_is_over_ends() -> None:
    once = LinkBins(0, None, [LinkBin(0, MS)])
    never = DepolariseLink(fidelity=1, success_probability=1e-9, cycle_ns=CYCLE_NS)
    bench = bench_of(once, never).program(0, 1, keep()).program(1, 1, receive()).run()
    assert epr_error(bench) == "NOTIME"
    assert len(bench.cnpus[1].faults) == 1
    assert bench.kernel.now_ns < 2 * MS


def test_link_without_bins_of_a_schedule_never_attempts() -> None:
    links = {(0, 1): PerfectLink(), (0, 2): PerfectLink()}
    bench = Bench(("alice", "bob", "charlie"), links, bins={(0, 1): HALF})
    bench.program(0, 1, keep(peer=2), peers=(2,)).run()
    assert epr_error(bench) == "NOTIME"


def test_bin_for_an_application_is_for_its_requests_only() -> None:
    bins = LinkBins(0, 4 * MS, [LinkBin(0, 2 * MS, ("bqc",)), LinkBin(2 * MS, 4 * MS, ("qkd",))])
    for start in ("create", "both"):
        bench = bench_of(bins, SURE, settings=QnpuSettings(epr_start=start))
        for node, text in ((0, measure()), (1, receive(ids=None, number=1))):
            for pid, app in ((1, "qkd"), (2, "bqc")):
                bench.at(node, MS, Register(pid, app, 3))
                bench.at(node, MS, OpenEprSocket(pid, pid, 1 - node, pid, 0))
                bench.submit(node, pid, 0, text.replace(" 0 C0", f" {pid} C0"), at_ns=MS)
        bench.run()
        when = {message.pid: at_ns for at_ns, message in bench.cnpus[0].got}
        assert MS < when[2] < 2 * MS < when[1] < 3 * MS, start


def test_bins_side_by_side_go_on_without_a_loss() -> None:
    bins = LinkBins(0, MS, [LinkBin(0, MS)])
    counts = []
    for seed in range(20):
        bench = bench_of(bins, RARE, device=nv(1), settings=CREATE, seed=seed)
        bench.program(0, 1, keep()).program(1, 1, receive()).run()
        assert [len(cnpu.done) for cnpu in bench.cnpus] == [1, 1]
        found = stretches(bench)
        assert all(count >= 99 for _, _, count in found[:-1])
        counts.append(len(found))
    assert max(counts) > 3

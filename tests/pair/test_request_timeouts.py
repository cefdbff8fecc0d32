"""Entanglement requests with one end late, early or missing, and who is told what."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qnpu.settings import QnpuSettings
from qruntime.messages import Aborted, Done, RequestFailed
from qworld.links import DepolariseLink
from tests.pair.harness import (
    BOTH_STARTS,
    MILLISECOND_NS,
    PHI,
    Bench,
    bits_of,
    keep,
    lines,
    only_fault,
    receive,
    requests,
)


@pytest.mark.parametrize("start", BOTH_STARTS)
@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("latency_ns", [0, 700])
def test_either_end_may_ask_long_before_the_other(start: Any, first: int, latency_ns: int) -> None:
    late = 5 * MILLISECOND_NS
    bench = Bench(settings=QnpuSettings(epr_start=start), latency_ns=latency_ns)
    bench.program(0, 1, at_ns=0).program(1, 1, at_ns=0)
    bench.submit(0, 1, 0, keep(), at_ns=late if first == 1 else 0)
    bench.submit(1, 1, 0, receive(), at_ns=late if first == 0 else 0).run()
    assert [len(cnpu.done) for cnpu in bench.cnpus] == [1, 1]
    times = [cnpu.time_of(Done) for cnpu in bench.cnpus]
    assert times[1] >= late
    assert (times[0] >= late) == (start == "both" or first == 1)
    assert np.allclose(bench.state((0, 0), (1, 0)), PHI, atol=1e-12)


@pytest.mark.parametrize("start", BOTH_STARTS)
def test_lone_receive_times_out_and_says_who_is_missing(start: Any) -> None:
    settings = QnpuSettings(epr_start=start, request_timeout_ns=3 * MILLISECOND_NS)
    bench = Bench(settings=settings).program(0, 1, "").program(1, 1, receive()).run()
    fault = only_fault(bench, 1)
    assert fault.data["epr"] == "TIMEOUT"
    assert "no program on alice asked for the other half (create_epr) within 3 ms" in fault.message
    assert bench.cnpus[1].time_of(Aborted) == 3 * MILLISECOND_NS
    assert not bench.cnpus[0].faults


def test_lone_create_times_out_and_says_who_is_missing() -> None:
    bench = Bench(settings=QnpuSettings(request_timeout_ns=3 * MILLISECOND_NS))
    bench.program(0, 1, keep()).program(1, 1, "").run()
    assert "no program on bob asked for the other half (recv_epr) within 3 ms" in only_fault(bench).message
    assert not bench.cnpus[1].faults


def test_timeout_is_raised_at_both_ends_that_asked() -> None:
    link = DepolariseLink(fidelity=1, success_probability=1e-9, cycle_ns=1000)
    settings = QnpuSettings(request_timeout_ns=2 * MILLISECOND_NS)
    bench = requests(keep(ids=(0, 1)), receive(ids=(0, 1)), links={(0, 1): link}, settings=settings)
    for node in (0, 1):
        fault = only_fault(bench, node)
        assert fault.data["epr"] == "TIMEOUT"
        assert fault.data["delivered"] == 0
        assert fault.data["number"] == 2
        assert "0 of 2 pairs" in fault.message


def test_timeout_names_the_request_and_the_pairs_that_came() -> None:
    """Pair 0 comes; pair 1 waits for an id that the receiver keeps busy elsewhere."""
    settings = QnpuSettings(request_timeout_ns=2 * MILLISECOND_NS)
    creator = lines(keep(ids=(0, 0), wait=False, ret=False), "wait_all @0[0:10]")
    bench = requests(
        creator, lines(receive(ids=(0, 0), wait=False, ret=False), "wait_all @0[0:10]"), settings=settings
    )
    for cnpu in bench.cnpus:
        assert len(cnpu.done) == 1
        (failure,) = cnpu.failed
        assert failure.fault.data["delivered"] == 1
        assert "delivered=1" in failure.fault.message


def test_failure_that_nobody_waits_for_reaches_the_program_once() -> None:
    settings = QnpuSettings(request_timeout_ns=MILLISECOND_NS)
    bench = Bench(settings=settings).program(0, 1, keep(wait=False, ret=False)).program(1, 1, "").run()
    assert [type(message) for _, message in bench.cnpus[0].got] == [Done, RequestFailed]
    assert bench.cnpus[0].time_of(RequestFailed) == MILLISECOND_NS


@pytest.mark.parametrize(
    "touch", ["wait_single @0[9]", "wait_any @0[0:10]", "load R9 @0[3]", "wait_all @0[0:1]"]
)
def test_wait_on_or_load_of_a_failed_array_aborts_with_the_cause(touch: str) -> None:
    settings = QnpuSettings(request_timeout_ns=MILLISECOND_NS)
    bench = Bench(settings=settings).program(0, 1, keep(wait=False, ret=False)).program(1, 1, "")
    bench.submit(0, 1, 1, touch, at_ns=2 * MILLISECOND_NS).run()
    (abort,) = bench.cnpus[0].aborted
    assert abort.fault.data["epr"] == "TIMEOUT"
    assert str(abort.fault.data["instruction"]).split()[0] == touch.split()[0]


def test_failed_array_that_is_declared_again_is_forgiven() -> None:
    settings = QnpuSettings(request_timeout_ns=MILLISECOND_NS)
    bench = Bench(settings=settings).program(0, 1, keep(wait=False, ret=False)).program(1, 1, "")
    bench.submit(
        0, 1, 1, "array 10 @0\nstore 1 @0[0]\nload R0 @0[0]\nret_reg R0", at_ns=2 * MILLISECOND_NS
    ).run()
    assert bits_of(bench.cnpus[0].done[1]) == [1]

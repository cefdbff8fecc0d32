"""What the OS costs, when operations begin, and when a subroutine is done: exact nanoseconds."""

from __future__ import annotations

import math

import pytest

from netqasm_isa.epr import ArgsIndex
from qdriver.generic import GenericConfig
from qnpu.quotas import Quotas
from qnpu.settings import QnpuSettings
from qruntime.messages import Aborted, Done, RequestFailed
from qworld.links import PerfectLink
from tests.pair.harness import (
    MILLISECOND_NS,
    NOISELESS,
    Bench,
    bits_of,
    keep,
    lines,
    measure,
    pairs_of,
    qubit,
    read_out,
    receive,
    run_one,
)

INIT, GATE, TWO, MEASURE = 10_000, 1_000, 100_000, 10_000  # durations of the device
COSTS = QnpuSettings(subroutine_ns=140_000, gate_ns=90_000, measure_ns=280_000, classical_instruction_ns=500)


def done_ns(bench: Bench, number: int = 0) -> int:
    return bench.cnpus[0].time_of(Done, number)


def test_without_costs_only_the_device_takes_time() -> None:
    bench = run_one(lines(qubit(0, "h {q}", "x {q}"), "meas Q0 M0\nret_reg M0\nqfree Q0"))
    assert bench.starts(0) == [
        ("init", 0),
        ("h", INIT),
        ("x", INIT + GATE),
        ("measure", INIT + 2 * GATE),
    ]
    assert done_ns(bench) == INIT + 2 * GATE + MEASURE


def test_costs_are_spent_before_the_operation_is_issued() -> None:
    """set, qalloc, init, h, x, meas, ret_reg with every cost on."""
    bench = run_one("set Q0 0\nqalloc Q0\ninit Q0\nh Q0\nx Q0\nmeas Q0 M0\nret_reg M0", settings=COSTS)
    init = 2 * 500 + 90_000
    h = init + 90_000  # longer than the init lasts
    x = h + 90_000
    meas = x + 280_000
    assert bench.starts(0) == [("init", init), ("h", h), ("x", x), ("measure", meas)]
    assert done_ns(bench) == meas + MEASURE + 500 + 140_000


def test_gate_waits_for_the_device_when_that_is_slower_than_the_processor() -> None:
    settings = QnpuSettings(gate_ns=300)
    bench = run_one("set Q0 0\nqalloc Q0\ninit Q0\nh Q0\nx Q0", settings=settings)
    assert bench.starts(0) == [("init", 300), ("h", 300 + INIT), ("x", 300 + INIT + GATE)]


def test_done_waits_for_the_end_of_the_last_operation() -> None:
    bench = run_one(lines(qubit(0), qubit(1, register="Q1"), "cnot Q0 Q1"))
    assert done_ns(bench) == 2 * INIT + TWO


def test_done_waits_for_the_processor_when_that_is_later() -> None:
    settings = QnpuSettings(classical_instruction_ns=70_000)
    bench = run_one(lines(qubit(0), "set R0 1\nset R1 1"), settings=settings)
    assert done_ns(bench) == 4 * 70_000


def test_subroutine_cost_rides_on_done_and_delays_nothing_else() -> None:
    settings = QnpuSettings(subroutine_ns=5_000)
    bench = run_one(qubit(0), "set Q0 0\nx Q0", settings=settings)
    assert bench.starts(0) == [("init", 0), ("x", INIT)]
    assert [done_ns(bench, 0), done_ns(bench, 1)] == [INIT + 5_000, INIT + GATE + 5_000]


def test_subroutine_cost_rides_on_an_abort_too() -> None:
    bench = run_one("x Q0", settings=QnpuSettings(subroutine_ns=5_000))
    assert bench.cnpus[0].time_of(Aborted) == 5_000


def test_empty_subroutine_costs_its_fixed_cost_and_latency() -> None:
    bench = Bench(("alice",), settings=COSTS, cnpu_latency_ns=290_000).program(0, 1, "").run()
    assert done_ns(bench) == 290_000 + 140_000 + 290_000


def test_classical_instructions_cost_once_each_even_where_they_wait() -> None:
    """The ret_reg after the gates has to let time catch up, and still costs 500 ns, not more."""
    settings = QnpuSettings(classical_instruction_ns=500, gate_ns=90_000)
    bench = run_one("set Q0 0\nqalloc Q0\ninit Q0\nret_reg Q0\nret_reg Q0\nqfree Q0", settings=settings)
    assert done_ns(bench) == 2 * 500 + 90_000 + max(3 * 500, INIT)
    short = run_one("set R0 1\nret_reg R0\nret_reg R0", settings=QnpuSettings(classical_instruction_ns=500))
    assert done_ns(short) == 1_500


def test_loop_pays_every_round() -> None:
    text = "set R0 0\nset R1 7\nset R2 1\nLOOP:\nadd R0 R0 R2\nblt R0 R1 LOOP"
    bench = run_one(text, settings=QnpuSettings(classical_instruction_ns=10))
    assert done_ns(bench) == 10 * (3 + 7 * 2)


def test_loop_of_one_jump_pays_every_round() -> None:
    settings = QnpuSettings(classical_instruction_ns=10, quotas=Quotas(instruction_budget=50))
    bench = run_one("START:\njmp START", settings=settings)
    assert bench.cnpus[0].time_of(Aborted) == 10 * 51


def test_rotated_measurement_costs_its_gates_and_itself() -> None:
    """Two of the three rotations turn; the third one is no operation and costs nothing."""
    settings = QnpuSettings(gate_ns=90_000, measure_ns=280_000)
    bench = run_one("set Q0 0\nqalloc Q0\nmeas_basis Q0 M0 3 0 5 4\nret_reg M0", settings=settings)
    issued = 280_000 + 2 * 90_000
    assert bench.starts(0) == [("rot_x", issued), ("rot_x", issued + GATE), ("measure", issued + 2 * GATE)]
    assert done_ns(bench) == issued + 2 * GATE + MEASURE


def test_qubits_idle_while_costs_are_spent() -> None:
    """|+> waits for 100 classical instructions of 10 us with T2 = 1 ms, then is looked at: coherence e^-1."""
    device = GenericConfig(
        num_qubits=1, t1_ns=0, t2_ns=1e6, init_ns=0, single_qubit_gate_ns=0, two_qubit_gate_depolarise=0
    )
    text = lines(qubit(0, "h {q}"), "set R0 1\n" * 99 + "breakpoint 1 0")
    settings = QnpuSettings(classical_instruction_ns=10_000)
    (rho,) = run_one(text, device=device, settings=settings).states()
    assert 2 * rho[0, 1].real == pytest.approx(math.exp(-1), abs=1e-8)


def test_qubits_idle_while_the_cost_of_a_gate_on_them_is_spent() -> None:
    device = GenericConfig(
        num_qubits=1, t1_ns=0, t2_ns=1e6, init_ns=0, single_qubit_gate_ns=0, two_qubit_gate_depolarise=0
    )
    text = lines(qubit(0, "h {q}", "x {q}", "x {q}"), "breakpoint 1 0")
    (rho,) = run_one(text, device=device, settings=QnpuSettings(gate_ns=250_000)).states()
    assert 2 * rho[0, 1].real == pytest.approx(math.exp(-0.5), abs=1e-8)


def test_abort_comes_when_the_processor_gets_there() -> None:
    settings = QnpuSettings(gate_ns=90_000, classical_instruction_ns=500)
    text = "set Q0 0\nqalloc Q0\ninit Q0\nh Q0\ndiv R0 Q0 Q0"
    bench = run_one(text, settings=settings)
    (only,) = bench.cnpus[0].aborted
    assert only.fault.data["index"] == 4
    assert bench.cnpus[0].time_of(Aborted) == 2 * 500 + 2 * 90_000 + 500


def test_processor_is_busy_until_the_clock_of_the_process_that_has_it() -> None:
    """The first process spends 10 gates of cost before it waits; only then may the second one begin."""
    settings = QnpuSettings(gate_ns=90_000)
    gates = "\n".join(["x Q0"] * 10)
    waits = lines(qubit(0), gates, receive(1, ids=(1,), wait=False, ret=False), "set Q1 1\nx Q1")
    bench = Bench(settings=settings).program(0, 1, waits).program(0, 2, "set Q0 0\nqalloc Q0\nx Q0")
    bench.run(until_ns=10 * MILLISECOND_NS)
    second = [t_ns for gate, t_ns in bench.starts(0) if gate == "x"][-1]
    assert second == 11 * 90_000 + 90_000


def test_qubit_awaited_from_a_request_holds_the_processor_until_the_clock() -> None:
    """The wait is for an unbound id, met while gates are still being issued ahead of time."""
    settings = QnpuSettings(gate_ns=90_000)
    waits = lines(receive(1, ids=(1,), wait=False, ret=False), qubit(0, "x {q}", "x {q}"), "set Q1 1\nx Q1")
    bench = Bench(settings=settings).program(0, 1, waits).program(0, 2, "set Q0 0\nqalloc Q0\ninit Q0")
    bench.run(until_ns=10 * MILLISECOND_NS)
    assert [t_ns for gate, t_ns in bench.starts(0) if gate == "init"] == [90_000, 3 * 90_000 + 90_000]


def test_pair_overwrites_what_the_program_stored_before_it_came() -> None:
    text = lines(keep(wait=False, ret=False), "store 42 @0[4]\nstore 42 @0[5]\nundef @0[5]\nret_arr @0")
    bench = Bench().program(0, 1, text, "wait_all @0[0:10]\nret_arr @0").program(1, 1, receive()).run()
    first, second = (pairs_of(done)[0] for done in bench.cnpus[0].done)
    assert (first[4], first[5]) == (42, None)
    assert (second[4], second[5]) == (0, 0)


def test_load_of_a_pair_not_handed_over_yet_aborts_at_its_own_time() -> None:
    """The load comes 90 us after the request. Only a wait would have let the network process in between."""
    settings = QnpuSettings(gate_ns=90_000)
    text = lines(keep(wait=False, ret=False), qubit(1, register="Q1"), "load R9 @0[6]")
    bench = Bench(settings=settings).program(0, 1, text).program(1, 1, receive()).run()
    (only,) = bench.cnpus[0].aborted
    assert "entry @0[6] has no value" in only.fault.message
    assert bench.cnpus[0].time_of(Aborted) == 90_000


def test_pair_waits_while_user_process_has_the_processor() -> None:
    """The network process is not served before the running subroutine ends, 271 us after its request."""
    settings = QnpuSettings(gate_ns=90_000)
    text = lines(keep(wait=False, ret=False), qubit(1, "x {q}", "x {q}", register="Q1"), "ret_arr @0")
    bench = Bench(settings=settings)
    bench.program(0, 1, text, "wait_all @0[0:10]\nret_arr @0").program(1, 1, receive()).run()
    first, second = (pairs_of(done)[0] for done in bench.cnpus[0].done)
    assert first[0] is None
    assert second[7] == 271 + 1  # microseconds since the request


# --- requests ----------------------------------------


def test_pair_takes_the_link_and_the_correction_nothing_without_one() -> None:
    bench = Bench(links={(0, 1): PerfectLink(delay_ns=5_000)}).program(0, 1, keep()).program(1, 1, receive())
    bench.run()
    assert [cnpu.time_of(Done) for cnpu in bench.cnpus] == [5_000, 5_000]


def test_agreement_takes_one_round_trip_before_attempts() -> None:
    bench = Bench(links={(0, 1): PerfectLink(delay_ns=5_000)}, latency_ns=700)
    bench.program(0, 1, keep()).program(1, 1, receive()).run()
    assert [cnpu.time_of(Done) for cnpu in bench.cnpus] == [2 * 700 + 5_000] * 2


def test_request_cost_delays_the_first_attempt_of_the_creator() -> None:
    settings = QnpuSettings(request_ns=30_000)
    bench = Bench(links={(0, 1): PerfectLink(delay_ns=5_000)}, settings=settings, latency_ns=700)
    bench.program(0, 1, keep(ids=(0, 1))).program(1, 1, receive(ids=(0, 1))).run()
    goodness = [pair[8] for pair in pairs_of(bench.cnpus[0].done[0])]
    assert goodness == [35, 40]  # the second pair follows at once


def test_attempts_start_on_the_grid_of_the_coarser_device() -> None:
    bench = Bench(
        links={(0, 1): PerfectLink(delay_ns=5_000)},
        latency_ns=700,
        device=NOISELESS,
        devices={1: GenericConfig(num_qubits=3, t1_ns=0, t2_ns=0, tick_ns=20_000)},
    )
    bench.program(0, 1, keep()).program(1, 1, receive()).run()
    assert bench.emits("LINK_ATTEMPTS")[0].t_ns == 20_000
    assert bench.cnpus[0].time_of(Done) == 40_000  # both hear of it at the next tick of the coarser


def test_operations_start_on_the_tick_grid() -> None:
    device = GenericConfig(num_qubits=1, t1_ns=0, t2_ns=0, init_ns=300, single_qubit_gate_ns=30, tick_ns=100)
    bench = run_one(
        "set Q0 0\nqalloc Q0\ninit Q0\nx Q0\nx Q0\nmeas Q0 M0",
        device=device,
        settings=QnpuSettings(gate_ns=7),
    )
    assert bench.starts(0) == [("init", 100), ("x", 400), ("x", 500), ("measure", 600)]


def test_timeout_comes_at_its_nanosecond() -> None:
    bench = Bench(settings=QnpuSettings(request_timeout_ns=12_345)).program(0, 1, keep(wait=False, ret=False))
    bench.program(1, 1, "")
    assert bench.run().cnpus[0].time_of(RequestFailed) == 12_345


def test_measured_pair_comes_when_its_measurement_ends() -> None:
    rotated = {ArgsIndex.ROTATION_LOCAL_2: 24}
    bench = Bench(links={(0, 1): PerfectLink(delay_ns=5_000)})
    bench.program(0, 1, measure(args=rotated)).program(1, 1, receive(ids=None, number=1)).run()
    assert bench.cnpus[0].time_of(Done) == 5_000 + GATE + MEASURE
    assert bench.cnpus[1].time_of(Done) == 5_000 + MEASURE


def test_outcome_of_a_measurement_is_returned_when_it_ends() -> None:
    bench = run_one(lines(qubit(0, "x {q}"), read_out(0, "M5")))
    assert bits_of(bench.cnpus[0].done[0]) == [1]
    assert done_ns(bench) == INIT + GATE + MEASURE

"""The physics of NV centres through the whole stack, against closed forms; states are exact unless N is
stated."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from netqasm_isa.epr import ArgsIndex
from qdriver.nv import CarbonConfig, NvConfig
from qnos.lab import Lab
from qnpu.settings import QnpuSettings
from qruntime.messages import Aborted, Done
from qworld.bell import bell_tensor
from qworld.gates import density_of
from qworld.links import DepolariseLink, PerfectLink
from tests.pair.harness import (
    MILLISECOND_NS,
    NOISELESS,
    Bench,
    bits_of,
    density_of_record,
    epr_error,
    keep,
    lines,
    measure,
    qubit,
    read_out,
    receive,
    run_one,
)

EXACT = 2e-9  # breakpoints give states in units of 1e-9
QUIET: dict[str, Any] = {
    "electron_t1_ns": 0, "electron_t2_ns": 0, "carbon_t1_ns": 0, "carbon_t2_ns": 0,
    "electron_init_depolarise": 0, "carbon_init_depolarise": 0, "carbon_rot_xy_depolarise": 0,
    "carbon_rot_z_depolarise": 0, "electron_carbon_depolarise": 0, "readout_error_0": 0,
    "readout_error_1": 0,
}  # fmt: skip
E_INIT, E_GATE, MEASURE, C_INIT, C_ROT, E_C = 2_000, 5, 3_700, 310_000, 500_000, 500_000
MOVE_TO_ELECTRON = E_INIT + 4 * E_GATE + 2 * E_C
MOVE_TO_CARBON = C_INIT + 2 * E_GATE + 2 * E_C
DUMP = "breakpoint 1 0"


def nv(num_qubits: int = 2, **parameters: Any) -> NvConfig:
    """An NV centre with the durations of SquidASM and only the noise that is named."""
    return NvConfig(num_qubits=num_qubits, **(QUIET | parameters))


def dumped(bench: Bench, node: int = 0) -> dict[int, tuple[int, Any]]:
    """Place -> time and density matrix, of the last breakpoint of each place of a node."""
    found = {}
    for emit in bench.emits("BREAKPOINT_LOCAL", node):
        found[int(emit.data[2])] = (emit.t_ns, density_of_record(emit))
    return found


def last_end(bench: Bench, place: int, before_ns: int) -> int:
    """When the last operation on a place was over."""
    return max(
        emit.t_ns + int(emit.data[3])
        for emit in bench.emits("QDEVICE_CONSUME_CMD", 0)
        if place in emit.data[1:3] and emit.t_ns + int(emit.data[3]) <= before_ns
    )


def close(found: Any, wanted: Any) -> bool:
    return bool(np.allclose(found, wanted, atol=EXACT))


# --- memory ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gate", ["x", "h"])
def test_each_spin_idles_with_its_own_times(gate: str) -> None:
    """|1> keeps exp(-t/T1) of its population, |+> exp(-t/T2) of its coherence; carbon 2 has times of its
    own."""
    times = {0: (3e7, 2e7), 1: (5e8, 9e7), 2: (2e8, 3e7), 3: (5e8, 1e7)}
    device = nv(
        4,
        electron_t1_ns=3e7,
        electron_t2_ns=2e7,
        carbon_t1_ns=5e8,
        carbon_t2_ns=9e7,
        carbons=(CarbonConfig(), CarbonConfig(t1_ns=2e8, t2_ns=3e7), CarbonConfig(t2_ns=1e7)),
    )
    program = [qubit(v, f"{gate} {{q}}", register=f"Q{v}") for v in range(4)]
    settings = QnpuSettings(classical_instruction_ns=700_000)
    bench = run_one(lines(*program, "set R0 0\n" * 9, DUMP), device=device, settings=settings)
    states = dumped(bench)
    assert set(states) == {0, 1, 2, 3}, "the memory first, then the electron"
    for place, (at_ns, rho) in states.items():
        t1, t2 = times[place]
        idle = at_ns - last_end(bench, place, at_ns)
        assert idle > 5_000_000
        left = math.exp(-idle / t1) if gate == "x" else math.exp(-idle / t2)
        assert close(rho[1, 1] if gate == "x" else 2 * rho[0, 1], left), place


def test_other_carbons_idle_while_a_qubit_is_moved_and_measured() -> None:
    """The spectator loses exp(-t/T2) over the move to the electron and the measurement."""
    device = nv(4, carbon_t2_ns=5e6)
    text = lines(
        qubit(0, "x {q}"), qubit(1, "h {q}", register="Q1"), "meas Q0 M0\nret_reg M0\nqfree Q0", DUMP
    )
    bench = run_one(text, device=device)
    at_ns, rho = dumped(bench)[2]
    busy = MOVE_TO_ELECTRON + MEASURE
    assert at_ns - last_end(bench, 2, at_ns) == busy
    assert close(2 * rho[0, 1], math.exp(-busy / 5e6))
    assert bits_of(bench.cnpus[0].done[0]) == [1]


# --- gates ----------------------------------------------------------------------------------------------


def test_gate_between_electron_and_carbon_depolarises_both() -> None:
    """|00> under CNOT: a move brings nothing here, so one electron-carbon gate with D_p on each qubit."""
    p = 0.06
    text = lines(qubit(0, register="Q0"), qubit(1, register="Q1"), "cnot Q1 Q0", "breakpoint 2 0")
    bench = run_one(lines(text, DUMP), device=nv(2, electron_carbon_depolarise=p))
    names = [name for name, _ in bench.starts(0)]
    assert names == ["init", "init", "crot_x", "rot_z", "rot_x"], "virtual 1 is the electron"
    for _, rho in dumped(bench).values():
        assert close(rho, np.diag([1 - p / 2, p / 2]))
    both = bench.state((0, 0), (0, 1))
    assert np.allclose(both, np.kron(np.diag([1 - p / 2, p / 2]), np.diag([1 - p / 2, p / 2])))


def test_noise_of_resets_and_rotations_is_that_of_the_spin() -> None:
    device = nv(
        2,
        electron_init_depolarise=0.02, electron_gate_depolarise=0.01, carbon_init_depolarise=0.06,
        carbon_rot_xy_depolarise=0.03, carbon_rot_z_depolarise=0.05,
    )  # fmt: skip
    turns = ("rot_y {q} 8 4", "rot_z {q} 5 4")
    bench = run_one(lines(qubit(0, *turns), qubit(1, *turns, register="Q1"), DUMP), device=device)
    states = dumped(bench)
    left = {0: 0.98 * 0.99**2, 1: 0.94 * 0.97 * 0.95}
    for place, factor in left.items():
        rho = states[place][1]
        assert close(rho[1, 0], 0.5 * factor * np.exp(5j * math.pi / 16)), place


# --- readout --------------------------------------------------------------------------------------------


def test_asymmetric_readout_has_the_statistics_and_leaves_the_state_of_the_kraus_pair() -> None:
    """N = 3000 shots of |+>, seed 0, 4 sigma: P(0) = .4775 for errors .05 and .005; then M rho M exactly."""
    bench = Bench(("alice",), device=nv(1, readout_error_0=0.05, readout_error_1=0.005))
    bench.program(0, 1, lines(qubit(0, "h {q}"), "meas Q0 M0\nret_reg M0", DUMP))
    zeros = 0
    after = {
        0: np.array([[0.475, 0.5 * math.sqrt(0.95 * 0.005)], [0.5 * math.sqrt(0.95 * 0.005), 0.0025]])
        / 0.4775,
        1: np.array([[0.025, 0.5 * math.sqrt(0.05 * 0.995)], [0.5 * math.sqrt(0.05 * 0.995), 0.4975]])
        / 0.5225,
    }
    assert after[0][1, 1] == pytest.approx(0.0052356, abs=5e-8)
    assert after[0][0, 1] == pytest.approx(0.0721678, abs=5e-8)
    for shot in range(3000):
        bench.run(shot)
        (bit,) = bits_of(bench.cnpus[0].done[0])
        zeros += bit == 0
        assert close(dumped(bench)[0][1], after[bit])
    assert abs(zeros - 3000 * 0.4775) < 4 * math.sqrt(3000 * 0.4775 * 0.5225)


def test_carbon_is_measured_through_the_electron() -> None:
    """N = 3000, seed 0, 4 sigma: statistics of the channels multiplied out, and times to the nanosecond."""
    noise = {
        "electron_init_depolarise": 0.05, "electron_carbon_depolarise": 0.1, "carbon_rot_xy_depolarise": 0.03,
        "readout_error_0": 0.05, "readout_error_1": 0.01, "carbon_init_depolarise": 0.04,
    }  # fmt: skip
    bench = Bench(("alice",), device=nv(2, **noise))
    bench.program(0, 1, lines(qubit(0, "rot_y {q} 3 4"), "meas Q0 M0\nret_reg M0"))
    ones = 0
    for shot in range(3000):
        bench.run(shot)
        ones += bits_of(bench.cnpus[0].done[0])[0]
    begin = C_INIT + C_ROT
    moves = [
        ("init", begin), ("rot_y", begin + E_INIT), ("crot_y", begin + E_INIT + 5),
        ("rot_x", begin + E_INIT + 5 + E_C), ("crot_x", begin + E_INIT + 10 + E_C),
        ("rot_y", begin + E_INIT + 10 + 2 * E_C), ("rot_z", begin + E_INIT + 15 + 2 * E_C),
        ("measure", begin + MOVE_TO_ELECTRON),
    ]  # fmt: skip
    assert bench.starts(0)[2:] == moves
    assert bench.cnpus[0].time_of(Done) == begin + MOVE_TO_ELECTRON + MEASURE

    lab = Lab()
    electron, carbon = lab.qubit(), lab.qubit()
    lab.depolarise(0.04, carbon)
    lab.rotation("y", 3 * math.pi / 16, carbon)
    lab.depolarise(0.03, carbon)
    lab.depolarise(0.05, electron)
    move_to_electron(lab, electron, carbon, 0.1)
    z = lab.expectation("z", (electron,))
    p = 0.05 * (1 + z) / 2 + 0.99 * (1 - z) / 2
    assert abs(ones - 3000 * p) < 4 * math.sqrt(3000 * p * (1 - p))


def crot(axis: str, theta: float) -> Any:
    pauli = np.array([[0, 1], [1, 0]]) if axis == "x" else np.array([[0, -1j], [1j, 0]])

    def turn(angle: float) -> Any:
        return math.cos(angle / 2) * np.eye(2) - 1j * math.sin(angle / 2) * pauli

    return np.kron(np.diag([1, 0]), turn(theta)) + np.kron(np.diag([0, 1]), turn(-theta))


def four(lab: Lab, electron: int, carbon: int, p: float) -> None:
    """The part that all moves have, with D_p on both spins after each electron-carbon gate."""
    lab.rotation("y", math.pi / 2, electron)
    for axis, theta in (("y", -math.pi / 2), ("x", math.pi / 2)):
        if axis == "x":
            lab.rotation("x", -math.pi / 2, electron)
        lab.unitary(crot(axis, theta), (electron, carbon))
        lab.depolarise(p, electron)
        lab.depolarise(p, carbon)


def move_to_electron(lab: Lab, electron: int, carbon: int, p: float) -> None:
    four(lab, electron, carbon, p)
    lab.rotation("y", -math.pi / 2, electron)
    lab.rotation("z", -math.pi / 2, electron)


# --- pairs ----------------------------------------------------------------------------------------------


def test_first_pair_is_moved_to_memory_before_the_second() -> None:
    """A pair whose half went to a carbon: the electron idles while the carbon is reset; each of the two
    electron-carbon gates costs (1 - p) on each spin."""
    p, t2 = 0.04, 9e6
    bench = Bench(
        devices={0: nv(3, electron_carbon_depolarise=p, electron_t2_ns=t2), 1: NOISELESS},
        links={(0, 1): PerfectLink(delay_ns=1_000)},
    )
    bench.program(0, 1, keep(ids=(0, 1))).program(1, 1, receive(ids=(0, 1))).run()
    moves = bench.emits("MEMORY_MOVE", 0)
    assert [emit.data for emit in moves] == [(0, 0, 1)], "virtual 0 from the electron to carbon 1"
    heralds = [emit.t_ns + int(emit.data[4]) for emit in bench.emits("LINK_ATTEMPTS", 0)]
    assert heralds == [1_000, 1_000 + MOVE_TO_CARBON + 1_000], "attempts wait for the move"

    lab = Lab()
    electron, far = lab.werner_pair(1.0)
    carbon = lab.qubit()
    lab.decay(electron, 1.0, math.exp(-C_INIT / t2))
    four(lab, electron, carbon, p)
    coherence = math.exp(-C_INIT / t2)
    pair = bench.state((0, 1), (1, 0))
    for a, b in itertools.product("xyz", repeat=2):
        paulis = np.kron(PAULI[a], PAULI[b])
        found = np.real(np.trace(pair @ paulis))
        assert found == pytest.approx(lab.expectation(a + b, (carbon, far)), abs=1e-9), (a, b)
    left = {"xx": coherence * (1 - p) ** 2, "yy": -coherence * (1 - p) ** 3, "zz": (1 - p) ** 3}
    for (a, b), wanted in left.items():
        found = np.real(np.trace(pair @ np.kron(PAULI[a], PAULI[b])))
        assert found == pytest.approx(wanted, abs=1e-9), (a, b)
    assert np.allclose(bench.state((0, 0), (1, 1)), density_of(bell_tensor(0)), atol=1e-9)


@pytest.mark.parametrize(
    ("mov", "x_idle_ns", "x_gates", "y_idle_ns", "y_gates"),
    [("directed", 310_000, 2, 310_000, 3), ("cnots", 810_000, 4, 2_310_000, 5)],
)
def test_move_costs_a_stored_state_what_the_published_study_of_gate_noise_has(
    mov: str, x_idle_ns: int, x_gates: int, y_idle_ns: int, y_gates: int
) -> None:
    """Coherence exp(-t/T2) (1 - p)^n along X and along Y: the closed form of the remote states of
    arXiv:2111.09823, Fig. 14, for both of its compilations."""
    p, t2 = 0.03, 9e6
    device = nv(3, electron_carbon_depolarise=p, electron_t2_ns=t2, carbon_rot_z_ns=5, mov=mov)
    bench = Bench(devices={0: device, 1: NOISELESS}, links={(0, 1): PerfectLink(delay_ns=1_000)})
    bench.program(0, 1, keep(ids=(0, 1))).program(1, 1, receive(ids=(0, 1))).run()
    pair = bench.state((0, 1), (1, 0))
    for axis, idle_ns, gates in (("x", x_idle_ns, x_gates), ("y", y_idle_ns, y_gates)):
        found = abs(np.trace(pair @ np.kron(PAULI[axis], PAULI[axis])))
        assert found == pytest.approx(math.exp(-idle_ns / t2) * (1 - p) ** gates, rel=1e-5), axis


PAULI = {
    "x": np.array([[0, 1], [1, 0]]),
    "y": np.array([[0, -1j], [1j, 0]]),
    "z": np.diag([1, -1]),
}


# --- attempts -------------------------------------------------------------------------------------------


def attempts_of(bench: Bench, node: int = 0) -> list[tuple[int, int]]:
    """Count and success of each stretch."""
    return [(int(emit.data[3]), int(emit.data[5])) for emit in bench.emits("LINK_ATTEMPTS", node)]


@pytest.mark.parametrize("seed", range(4))
def test_attempts_dephase_the_carbons_by_their_number_and_not_the_electron(seed: int) -> None:
    """Coherence (1 - 2p)^N with N attempts up to the herald, each carbon with its own p."""
    p = {1: 0.004, 2: 0.5 * (1 - math.exp(-((2 * math.pi * 62e3 * 163e-9) ** 2) / 2)) / 2}
    device = nv(
        3,
        electron_reset_time_ns=163,
        carbons=(CarbonConfig(attempt_dephasing=0.004), CarbonConfig(coupling_hz=62e3)),
    )
    bench = Bench(
        device=device,
        links={(0, 1): DepolariseLink(fidelity=1, success_probability=0.01, cycle_ns=1_234.5)},
        seed=seed,
    )
    carbons = lines(qubit(1, "h {q}", register="Q1"), qubit(2, "h {q}", register="Q2"))
    for node, request in ((0, keep()), (1, receive())):
        bench.program(node, 1, lines(carbons, request, DUMP))
    bench.run()
    ((count, success),) = attempts_of(bench)
    assert success and count > 1
    for node in (0, 1):
        states = dumped(bench, node)
        for place, of_one in p.items():
            assert close(2 * states[place][1][0, 1], (1 - 2 * of_one) ** count), (node, place)
    assert np.allclose(bench.state((0, 0), (1, 0)), density_of(bell_tensor(0)), atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_attempts_that_were_cancelled_have_dephased_as_well(seed: int) -> None:
    """N = floor(elapsed/cycle), coherence (1 - 2p)^N, after a request that timed out."""
    cycle_ns, max_us = 700.3 + 10 * seed, 90
    device = nv(2, carbon_attempt_dephasing=0.002)
    bench = Bench(
        device=device,
        links={(0, 1): DepolariseLink(fidelity=1, success_probability=1e-9, cycle_ns=cycle_ns)},
    )
    prepared = qubit(1, "h {q}", register="Q1")
    for node in (0, 1):
        request = keep(args={ArgsIndex.MAX_TIME: max_us, ArgsIndex.TIME_UNIT: 0}) if node == 0 else receive()
        bench.program(node, 1, prepared, request).submit(node, 1, 2, DUMP, 2 * MILLISECOND_NS)
    bench.run()
    assert epr_error(bench, 0) == "TIMEOUT"
    (emit,) = bench.emits("LINK_ATTEMPTS", 0)
    count, elapsed, success = (int(emit.data[i]) for i in (3, 4, 5))
    assert not success
    assert count == math.floor(elapsed / cycle_ns) > 50
    assert close(2 * dumped(bench)[1][1][0, 1], (1 - 0.004) ** count)


def test_first_attempt_waits_for_the_gates_that_were_begun() -> None:
    """Bob's device still turns its carbon when both ends have asked: attempts start when it is free."""
    slow = lines(qubit(1, "x {q}", "x {q}", register="Q1"))
    bench = Bench(device=nv(2), links={(0, 1): PerfectLink(delay_ns=1_000)})
    bench.program(0, 1, keep()).program(1, 1, lines(slow, receive())).run()
    (emit,) = bench.emits("LINK_ATTEMPTS", 0)
    assert emit.t_ns == C_INIT + 2 * C_ROT
    assert emit.t_ns == last_end_of(bench, 1)


def last_end_of(bench: Bench, node: int) -> int:
    return max(emit.t_ns + int(emit.data[3]) for emit in bench.emits("QDEVICE_CONSUME_CMD", node))


def test_everything_happens_on_the_ticks_of_the_clock() -> None:
    """Operations begin and attempts start on multiples of the tick, and answers come on them."""
    tick = 10_000
    bench = Bench(
        device=nv(3, tick_ns=tick),
        links={
            (0, 1): DepolariseLink(fidelity=1, success_probability=0.2, cycle_ns=3_456.7, bell_states=(1, 2))
        },
        settings=QnpuSettings(gate_ns=1_234, measure_ns=777),
    )
    texts = lines(read_out(0, "M0", free=False), qubit(1, "h {q}", register="Q1"), read_out(1, "M1", "Q1"))
    bench.program(0, 1, lines(keep(), texts)).program(1, 1, lines(receive(), texts)).run()
    starts = [emit.t_ns for emit in bench.emits("QDEVICE_CONSUME_CMD")]
    assert len(starts) > 10
    assert [t for t in starts if t % tick] == []
    assert [emit.t_ns for emit in bench.emits("LINK_ATTEMPTS") if emit.t_ns % tick] == []
    assert [emit.t_ns for emit in bench.emits("QDEVICE_PRODUCE_OUTCOME") if emit.t_ns % tick] == []
    one, other = (bits_of(cnpu.done[0]) for cnpu in bench.cnpus)
    assert one[0] == other[0]


# --- whose electron it is -------------------------------------------------------------------------------


def test_qubit_of_another_program_makes_room_on_the_electron_and_comes_back() -> None:
    """Program 2 holds half of a pair on the electron; program 1 has its carbon measured; both are right."""
    bench = Bench(device=nv(3), links={(0, 1): PerfectLink(delay_ns=1_000)})
    bench.program(0, 2, keep()).submit(0, 2, 1, read_out(0, "M0"), 20 * MILLISECOND_NS)
    bench.program(1, 2, receive(), read_out(0, "M0"))
    bench.program(0, 1, lines(qubit(0, "x {q}"), read_out(0, "M1")), peers=(), at_ns=2 * MILLISECOND_NS)
    bench.run()
    by_pid = {(done.pid, done.subroutine): bits_of(done) for done in bench.cnpus[0].done}
    assert by_pid[1, 0] == [1]
    assert by_pid[2, 1] == bits_of(bench.cnpus[1].done[1])
    moves = [emit.data for emit in bench.emits("MEMORY_MOVE", 0)]
    assert moves == [(0, 0, 2), (0, 1, 0), (0, 2, 0)], "out of the way, measured, back"


def test_full_memory_makes_qubits_change_places() -> None:
    """Every qubit is in use: what is on the electron and the carbon to be measured swap."""
    text = lines(
        qubit(0, "x {q}", register="Q0"), qubit(1, register="Q1"), read_out(0, "M0", "Q0", free=False),
        read_out(1, "M1", "Q1", free=False), read_out(0, "M2", "Q0"),
    )  # fmt: skip
    bench = run_one(text, device=nv(2))
    assert bits_of(bench.cnpus[0].done[0]) == [1, 0, 1]
    assert [emit.data for emit in bench.emits("MEMORY_SWAP")] == [(0, 1, 0), (1, 1, 0), (0, 1, 0)]
    assert bench.emits("MEMORY_MOVE") == []


def test_program_in_the_flavour_of_the_device_keeps_its_electron() -> None:
    """Virtual 0 of flavour nv is the electron and stays there: another program's carbon waits to be
    measured."""
    hold = "set Q0 0\nqalloc Q0\ninit Q0\nset Q1 1\nqalloc Q1\ninit Q1\ncrot_x Q0 Q1 16 4"
    bench = Bench(("alice",), device=nv(3))
    bench.at(0, 0)
    bench.program(0, 1, hold, flavour="nv", peers=())
    bench.submit(0, 1, 1, "set Q0 0\nmeas Q0 M0\nret_reg M0\nqfree Q0", 9 * MILLISECOND_NS, "nv")
    bench.program(0, 2, lines(qubit(0, "x {q}"), read_out(0, "M0")), peers=(), at_ns=2 * MILLISECOND_NS)
    bench.run()
    done = {
        (message.pid, message.subroutine): at
        for at, message in bench.cnpus[0].got
        if isinstance(message, Done)
    }
    assert done[2, 0] > done[1, 1] >= 9 * MILLISECOND_NS
    assert [bits_of(message) for message in bench.cnpus[0].done if message.pid == 2] == [[1]]
    assert not bench.cnpus[0].of(Aborted)


def test_measure_directly_needs_no_memory_and_agrees() -> None:
    """N = 300: pairs measured at once are correlated through readout errors of neither side."""
    bench = Bench(device=nv(1), links={(0, 1): PerfectLink(delay_ns=1_000)})
    bench.program(0, 1, measure(number=2)).program(1, 1, receive(ids=None, number=2))
    for shot in range(300):
        bench.run(shot)
        mine, theirs = (dict(cnpu.done[0].arrays)[0] for cnpu in bench.cnpus)
        assert [mine[2], mine[12]] == [theirs[2], theirs[12]]

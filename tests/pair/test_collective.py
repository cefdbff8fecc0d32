"""Instructions on all ions: what they do to a process's own qubits, and nothing to anybody else's."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import numpy as np
import pytest

from netqasm_isa import assemble
from qdriver.ion import IonConfig
from qnpu.settings import QnpuSettings
from qruntime.actors import Message
from qruntime.messages import Aborted, Done, Register, Stop, Submit
from qworld.gates import rotation
from qworld.links import DepolariseLink, PerfectLink
from tests.pair.harness import (
    MILLISECOND_NS,
    NOISELESS,
    PHI,
    Bench,
    DeviceParameters,
    assert_quiet,
    bits_of,
    keep,
    receive,
)

TRAP = IonConfig(
    num_qubits=3, t2_ns=0, init_ns=36_000, rot_z_depolarise=0, all_ion_depolarise=0, ms_depolarise=0,
    measure_ns=100_000,
)  # fmt: skip
ION = "trapped_ion"
COSTS = QnpuSettings(gate_ns=1_000, measure_ns=5_000)


def alone(*texts: str, config: DeviceParameters = TRAP, settings: QnpuSettings | None = None) -> Bench:
    """One trap, one program of the native flavour."""
    return Bench(("alice",), device=config, settings=settings).program(0, 1, *texts, flavour=ION).run()


def allocate(*ids: int) -> str:
    return "\n".join(f"set Q0 {v}\nqalloc Q0\ninit Q0" for v in ids)


def flip(virtual: int) -> str:
    """Another state for one qubit of several, with the gates of the flavour: X on it, nothing on others."""
    return f"set Q0 {virtual}\nrot_y_all 3 1\nrot_z Q0 1 0\nrot_y_all 1 1"


# --- what they do ----------------------------------------


def test_all_qubits_are_measured_into_the_entries_of_their_ids() -> None:
    """Whatever their physical places; entries of other ids stay as they are."""
    text = f"{allocate(4, 1, 2)}\n{flip(4)}\n{flip(2)}\narray 6 @3\nstore 7 @3[0]\nmeas_all R5 @3"
    bench = alone(text + "\nret_reg R5\nret_arr @3")
    (done,) = bench.cnpus[0].done
    assert done.arrays == ((3, (7, 0, 1, None, 1, None)),)
    assert bits_of(done) == [3]


def test_readout_of_all_is_one_readout_long() -> None:
    bench = alone(f"{allocate(0, 1, 2)}\narray 3 @0\nmeas_all R5 @0\nret_arr @0", settings=COSTS)
    starts = [at for gate, at in bench.starts(0) if gate == "measure"]
    assert len(starts) == 3 and len(set(starts)) == 1
    assert starts[0] == 1_000 + 2 * 36_000  # the last two resets ran together
    assert bench.cnpus[0].time_of(type(bench.cnpus[0].done[0])) == starts[0] + 100_000


def test_reset_of_all_is_one_reset_long_and_leaves_the_ids_bound() -> None:
    text = f"{allocate(0, 1, 2)}\nrot_x_all 1 0\ninit_all\narray 3 @0\nmeas_all R5 @0\nret_arr @0"
    bench = alone(text)
    assert bench.cnpus[0].done[0].arrays == ((0, (0, 0, 0)),)
    resets = [at for gate, at in bench.starts(0) if gate == "init"]
    assert len(resets) == 6 and len(set(resets[3:])) == 1


def test_interaction_entangles_all() -> None:
    """MS(pi/2) |00>, then an analysis pulse: both ions agree, always. 40 seeds."""
    text = f"{allocate(0, 1)}\nbichromatic 1 1\narray 2 @0\nmeas_all R5 @0\nret_arr @0"
    seen = set()
    for seed in range(40):
        bench = Bench(("alice",), device=TRAP, seed=seed).program(0, 1, text, flavour=ION).run()
        seen.add(bench.cnpus[0].done[0].arrays[0][1])
    assert seen == {(0, 0), (1, 1)}


def test_program_without_qubits_measures_none() -> None:
    bench = alone("array 1 @0\ninit_all\nrot_x_all 1 0\nmeas_all R5 @0\nret_reg R5\nret_arr @0")
    (done,) = bench.cnpus[0].done
    assert (bits_of(done), done.arrays) == ([0], ((0, (None,)),))


@pytest.mark.parametrize(
    ("array", "reason"),
    [("", "there is no array @0"), ("array 2 @0", "array @0 of length 2 has no entry for virtual qubit 2")],
)
def test_outcomes_without_room_abort_the_subroutine_before_anything_is_measured(
    array: str, reason: str
) -> None:
    bench = alone(f"{allocate(0, 2)}\n{array}\nmeas_all R5 @0")
    (aborted,) = bench.cnpus[0].aborted
    assert reason in aborted.fault.message and "`meas_all R5 @0`" in aborted.fault.message
    assert "measure" not in dict(bench.starts(0))


def test_collective_instruction_in_a_loop_costs_each_time() -> None:
    loop = "set R1 0\nset R2 3\nset R3 1\nagain:\nrot_x_all 1 0\nadd R1 R1 R3\nblt R1 R2 again\nret_reg R1"
    bench = alone(f"{allocate(0)}\n{loop}", settings=QnpuSettings(gate_ns=200_000))
    turns = [at for gate, at in bench.starts(0) if gate == "rot_x_all"]
    assert [b - a for a, b in pairwise(turns)] == [200_000, 200_000]
    assert bits_of(bench.cnpus[0].done[0]) == [3]


def test_cancelled_while_outcomes_are_due_is_as_if_they_never_came() -> None:
    text = f"{allocate(0, 1, 2)}\narray 3 @0\nmeas_all R5 @0\nret_arr @0"
    bench = Bench(("alice",), device=TRAP).program(
        0, 1, text, "array 3 @0\nmeas_all R5 @0\nret_arr @0", flavour=ION
    )
    bench.cancel(0, 1, 0, 80_000)
    bench.submit(0, 1, 2, "array 3 @1\nmeas_all R5 @1\nret_arr @1", 300_000, ION).run()
    assert [a.fault.code for a in bench.cnpus[0].aborted] == ["SUBROUTINE", "PREDECESSOR_ABORTED"]
    assert bench.cnpus[0].done[-1].arrays == ((1, (0, 0, 0)),)


def test_device_that_cannot_aborts_the_subroutine() -> None:
    """Eleven ions together are more than the world holds."""
    config = msgspec.structs.replace(TRAP, num_qubits=11)
    text = f"{allocate(*range(11))}\nbichromatic 1 1\narray 11 @0\nmeas_all R5 @0"
    bench = Bench(("alice",), device=config).program(0, 1, text, flavour=ION, max_qubits=11).run()
    (aborted,) = bench.cnpus[0].aborted
    assert aborted.fault.data["response"] == 7


# --- who may ----------------------------------------


@pytest.mark.parametrize(
    ("config", "flavour", "known"),
    [(NOISELESS, ION, "it takes vanilla"), (TRAP, "nv", "it takes vanilla and trapped_ion")],
)
def test_flavour_of_another_device_is_refused(config: DeviceParameters, flavour: str, known: str) -> None:
    bench = Bench(("alice",), device=config).at(0, 0, Register(1, "p", 1, flavour))
    bench.at(0, 0, Submit(1, 0, assemble("set R0 1").encode())).run()
    (refused,) = bench.cnpus[0].refused
    assert known in refused.fault.message
    assert len(bench.cnpus[0].aborted) == 1


def test_vanilla_program_has_no_such_instruction() -> None:
    code = assemble("rot_x_all 1 0", flavour=ION).encode()
    bench = Bench(("alice",), device=TRAP).program(0, 1, code).run()
    assert "refused" in bench.cnpus[0].aborted[0].fault.message


# --- nobody else's qubits ----------------------------------------

PREPARED = "set Q0 0\nqalloc Q0\ninit Q0\nrot_y Q0 5 3\n"  # vanilla, then undone much later
UNDONE = "rot_y Q0 11 3\nmeas Q0 M0\nqfree Q0\nret_reg M0"


def test_operation_on_all_waits_for_the_qubits_of_others() -> None:
    """The other's qubit is as it was, and the one who waited goes on when it is free."""
    bench = Bench(("alice",), device=TRAP)
    bench.program(0, 1, PREPARED, UNDONE.replace("rot_y", "set Q0 0\nrot_y", 1))
    (*_, (_, undo)) = bench.cnpus[0].script
    bench.cnpus[0].script[-1] = (5 * MILLISECOND_NS, undo)
    text = f"{allocate(0)}\nrot_x_all 1 0\nmeas Q0 M1\nqfree Q0\nret_reg M1"
    bench.program(0, 2, text, flavour=ION).run()
    first, second = (next(d for d in bench.cnpus[0].done if d.pid == pid and d.registers) for pid in (1, 2))
    assert (bits_of(first), bits_of(second)) == ([0], [1])
    assert min(at for gate, at in bench.starts(0) if gate == "rot_x_all" and at > 4 * MILLISECOND_NS)
    wait = bench.emits("PROCESSOR_WAIT_USER_PROCESS")
    assert [emit.pid for emit in wait] == [2]


def test_resets_and_readouts_of_all_need_not_wait() -> None:
    bench = Bench(("alice",), device=TRAP).program(0, 1, PREPARED)
    text = f"{allocate(0)}\ninit_all\narray 1 @0\nmeas_all R5 @0\nret_arr @0"
    bench.program(0, 2, text, flavour=ION, at_ns=MILLISECOND_NS)
    bench.submit(0, 1, 1, "set Q0 0\n" + UNDONE, 3 * MILLISECOND_NS).run()
    assert not bench.emits("PROCESSOR_WAIT_USER_PROCESS")
    assert bits_of(bench.cnpus[0].done[-1]) == [0]


def test_two_that_wait_for_each_other_are_a_deadlock_of_the_younger() -> None:
    """One qubit of the trap is free, which would help neither."""
    one = f"{allocate(0)}\nset R0 0"
    two = "set Q0 0\nrot_x_all 1 0\nmeas Q0 M0\nqfree Q0\nret_reg M0"
    bench = Bench(("alice",), device=TRAP)
    bench.program(0, 1, one, flavour=ION).program(0, 2, one, flavour=ION, at_ns=10)
    bench.submit(0, 1, 1, two, MILLISECOND_NS, ION).submit(0, 2, 1, two, MILLISECOND_NS + 10, ION)
    bench.stop(0, 2, 4 * MILLISECOND_NS).run()
    (aborted,) = bench.cnpus[0].aborted
    assert (aborted.pid, aborted.fault.code) == (2, "DEADLOCK")
    assert "waits for the device to itself" in aborted.fault.message
    assert bits_of(bench.cnpus[0].done[-1]) == [1]


def test_one_waits_for_the_device_and_one_for_a_qubit() -> None:
    config = msgspec.structs.replace(TRAP, num_qubits=2)
    bench = Bench(("alice",), device=config)
    bench.program(0, 1, f"{allocate(0)}", "set Q0 0\nrot_x_all 1 0\nqfree Q0", flavour=ION)
    bench.program(0, 2, f"{allocate(0)}", allocate(1)).stop(0, 2, 4 * MILLISECOND_NS).run()
    (aborted,) = bench.cnpus[0].aborted
    assert (aborted.pid, aborted.fault.code) == (2, "DEADLOCK")
    assert len([done for done in bench.cnpus[0].done if done.pid == 1]) == 2


def test_third_who_holds_nothing_waits_for_both() -> None:
    """It is no part of the circle, and goes on when the others are through."""
    one = f"{allocate(0)}\nset R0 0"
    two = "set Q0 0\nrot_x_all 1 0\nqfree Q0"
    bench = Bench(("alice",), device=TRAP)
    for pid in (1, 2):
        bench.program(0, pid, one, flavour=ION, at_ns=pid)
        bench.submit(0, pid, 1, two, MILLISECOND_NS + pid, ION)
    bench.program(0, 3, "rot_x_all 1 0", flavour=ION, at_ns=MILLISECOND_NS - 200_000)
    bench.stop(0, 2, 4 * MILLISECOND_NS).run()
    assert [aborted.pid for aborted in bench.cnpus[0].aborted] == [2]
    assert {done.pid for done in bench.cnpus[0].done if done.subroutine or done.pid == 3} == {1, 3}


def test_unclaimed_pair_is_given_up_and_made_again() -> None:
    bench = Bench(device=TRAP, settings=QnpuSettings(epr_start="create"))
    bench.program(0, 1, keep(), max_qubits=1).program(1, 1, receive(), max_qubits=1)
    claim = bench.cnpus[1].script.pop()[1]
    bench.at(1, 9 * MILLISECOND_NS, claim)
    text = f"{allocate(0)}\nrot_x_all 1 0\nmeas Q0 M0\nqfree Q0\nret_reg M0"
    bench.program(1, 2, text, peers=(), at_ns=2 * MILLISECOND_NS, flavour=ION).run()
    assert bits_of(next(done for done in bench.cnpus[1].done if done.pid == 2)) == [1]
    assert bench.emits("EGP_EXPIRE", 1)
    faults = bench.cnpus[0].faults + bench.cnpus[1].faults
    if (
        not faults
    ):  # the creator may have used its half by then: then the request fails, else it is made again
        assert np.abs(bench.state((0, 0), (1, 0)) - PHI).max() < 1e-9
    else:
        assert all("EPR" in fault.code for fault in faults)


@pytest.mark.parametrize("bell", [True, False])
@pytest.mark.parametrize("tick_ns", [0, 20_000])
@pytest.mark.parametrize("seed", range(6))
def test_own_pair_on_its_way_is_not_turned(seed: int, tick_ns: int, bell: bool) -> None:
    """A program turns all its ions again and again while its pair is heralded and corrected.

    Its half takes part in exactly those turns that began after it was delivered.
    """
    link = DepolariseLink(fidelity=1, success_probability=0.3, cycle_ns=100_000, random_bell_state=bell)
    trap = msgspec.structs.replace(TRAP, tick_ns=tick_ns)
    turns = "\n".join(["rot_x_all 3 3"] * 20)
    bench = Bench(links={(0, 1): link}, devices={1: trap}, seed=seed)
    bench.program(0, 1, keep()).program(
        1, 1, receive(wait=False, ret=False) + f"\n{turns}", flavour=ION
    ).run()
    assert not bench.cnpus[0].faults + bench.cnpus[1].faults
    (delivered,) = bench.emits("EGP_ENT_OK", 1)
    after = sum(gate == "rot_x_all" and at >= delivered.t_ns for gate, at in bench.starts(1))
    held = [place for place, q in enumerate(bench.world._devices[1].qubits) if q is not None]
    turned = np.kron(np.eye(2), rotation("x", after * 3 * np.pi / 8))
    assert np.abs(bench.state((0, 0), (1, held[0])) - turned @ PHI @ turned.conj().T).max() < 1e-8


VANILLA_KEPT = (
    PREPARED
    + "set Q1 1\nqalloc Q1\ninit Q1\nh Q1\ncnot Q1 Q0\nset R0 0\nset R1 1\nset R2 9\n"
    + "again:\nadd R0 R0 R1\nx Q0\nx Q0\nblt R0 R2 again\ncnot Q1 Q0\nh Q1\nrot_y Q0 11 3\n"
    + "meas Q0 M0\nmeas Q1 M1\nqfree Q0\nqfree Q1\nret_reg M0\nret_reg M1"
)
NATIVE = (
    f"{allocate(0, 1)}\nrot_x_all 3 3\nbichromatic 1 3\nrot_z_all 1 2\nrot_z_all 7 2\nbichromatic 15 3\n"
    "rot_x_all 13 3\narray 2 @9\nmeas_all R5 @9\nset Q0 0\nqfree Q0\nset Q0 1\nqfree Q0\nret_arr @9"
)


def stopped_when_over(message: Message, now_ns: int) -> list[Message]:
    return [Stop(message.pid)] if isinstance(message, Done | Aborted) else []


@pytest.mark.parametrize("tick_ns", [0, 20_000])
@pytest.mark.parametrize("seed", range(8))
def test_many_programs_on_one_trap_undo_what_they_did_and_find_nothing_changed(
    seed: int, tick_ns: int
) -> None:
    """Programs that all return to |0>, vanilla and native, with pairs coming in between; order varies.

    A deadlock may abort a native program; whoever ends has found zeros, and everybody ends.
    """
    rng = np.random.default_rng(seed)
    trap = msgspec.structs.replace(TRAP, num_qubits=5, tick_ns=tick_ns)
    link = DepolariseLink(fidelity=1, success_probability=0.3, cycle_ns=50_000, random_bell_state=True)
    settings = QnpuSettings(
        epr_start="create" if seed % 2 else "both", gate_ns=500, unclaimed_timeout_ns=10**8
    )
    bench = Bench(
        links={(0, 1): link}, device=trap, settings=settings, seed=seed, latency_ns=1_000,
        cnpu_latency_ns=1_000, jitter_ns=900, jitter_seed=seed, rank_seed=seed,
    )  # fmt: skip
    at: list[int] = [int(t) for t in rng.integers(0, 4 * MILLISECOND_NS, size=8)]
    pair = "set Q0 0\nh Q0\nmeas Q0 M0\nqfree Q0\nret_reg M0"
    for node in (0, 1):
        ask = keep() if node == 0 else receive()
        bench.program(node, 1, f"{ask}\n{pair}", at_ns=at[node])
        bench.program(node, 2, VANILLA_KEPT, peers=(), at_ns=at[2 + node])
        bench.program(node, 3, NATIVE, peers=(), at_ns=at[4 + node], flavour=ION)
        bench.program(node, 4, NATIVE, peers=(), at_ns=at[6 + node], flavour=ION)
        bench.cnpus[node].on_message = stopped_when_over
    bench.run()
    for cnpu in bench.cnpus:
        over = {message.pid for message in [*cnpu.done, *cnpu.aborted]}
        assert over == {1, 2, 3, 4}
        assert all(aborted.fault.code == "DEADLOCK" for aborted in cnpu.aborted)
        for done in cnpu.done:
            if done.pid == 2:
                assert bits_of(done) == [0, 0]
            if done.pid in (3, 4):
                assert done.arrays[-1][1] == (0, 0)
    halves = [[bits_of(done) for done in cnpu.done if done.pid == 1] for cnpu in bench.cnpus]
    assert halves[0] == halves[1]  # Phi+ in the X basis
    assert_quiet(bench)


def test_perfect_link_serves_traps_as_well() -> None:
    bench = Bench(links={(0, 1): PerfectLink()}, device=TRAP)
    bench.program(0, 1, keep()).program(1, 1, receive()).run()
    assert np.abs(bench.state((0, 0), (1, 0)) - PHI).max() < 1e-9

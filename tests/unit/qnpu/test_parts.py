"""The small parts of the QNPU on their own: memory table, scheduler, loader, measurement bases, settings."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netqasm_isa import assemble
from netqasm_isa.epr import PAULI_ROTATIONS, Basis, BellState, RotationAxes
from qdriver.spec import DeviceSpec, GateSpec, QubitSpec
from qnpu.arrays import is_there
from qnpu.code import GATE, GATE2, GATE_ALL, MEASURE_ROTATED, Loader
from qnpu.memory import FREE, NETWORK, MemoryManager
from qnpu.policies import QNodeOsPolicy
from qnpu.process import Process
from qnpu.requests import ROTATIONS, correct_bit, correctable_by_flip, keep_result
from qnpu.scheduler import NoOptions, View
from qnpu.settings import QnpuSettings
from qnpu.traps import failure_tag
from qruntime.errors import SubroutineError
from qworld.bell import bell_tensor
from qworld.gates import PAULIS, density_of, rotation

INT_MAX = 2**31 - 1


# --- memory ----------------------------------------


def memory(*roles: Any) -> MemoryManager:
    qubits = tuple(QubitSpec(role, 1e9, 1e9) for role in roles)
    return MemoryManager(DeviceSpec("test", "vanilla", qubits, {"init": GateSpec(1)}))


def test_pairs_get_communication_qubits_only_and_others_leave_those_alone() -> None:
    table = memory("communication", "memory", "communication", "memory")
    assert [table.take(1) for _ in range(5)] == [1, 3, 0, 2, None]
    table.reset()
    assert [table.take(1, communication=False) for _ in range(3)] == [1, 3, None]
    table.reset()
    assert [table.take(NETWORK, communication=True) for _ in range(3)] == [0, 2, None]
    assert table.owners == [NETWORK, FREE, NETWORK, FREE]
    assert table.count_free() == 2


def test_freed_qubit_is_the_next_one_taken() -> None:
    table = memory("communication", "communication")
    table.take(1)
    second = table.take(2)
    assert second == 1
    table.free(second)
    assert table.take(3) == 1
    assert table.owners == [1, 3]


def test_binding_hands_a_qubit_of_the_network_process_to_a_program() -> None:
    table = memory("communication")
    process = Process(5, "alice/cnpu", "app", 1, "vanilla", 0, 0)
    qubit = table.take(NETWORK, communication=True)
    assert qubit is not None and table.owners == [NETWORK]
    table.bind(process, 9, qubit)
    assert (table.owners, process.virtual) == ([5], {9: 0})


# --- scheduler ----------------------------------------


def candidate(pid: int, arrival: int, is_network: bool = False) -> Any:
    return SimpleNamespace(pid=pid, arrival=arrival, priority=0, is_network=is_network)


def test_network_process_goes_first_then_who_came_first() -> None:
    users = [candidate(2, 3), candidate(1, 7), candidate(3, 9)]  # in the order that a view promises
    network = candidate(NETWORK, 99, is_network=True)
    subject = QNodeOsPolicy(NoOptions())
    assert subject.decide(View(0, None, users)) == (users[0], None)
    assert subject.decide(View(0, None, [network, *users])) == (network, None)
    assert subject.decide(View(0, users[0], users[1:])) == (None, None)
    assert subject.decide(View(0, None, [])) == (None, None)
    assert not subject.preemptive


# --- loader ----------------------------------------


def test_gates_are_lowered_to_three_operations() -> None:
    text = "h Q0\nrot_y Q1 3 4\ncnot Q0 Q1\nmov Q1 Q0\nmeas_basis_yzy Q0 M1 1 2 3 4\nset R0 5"
    assert Loader().load(assemble(text).encode(), "vanilla").code == (
        (GATE, 2, "h", 0, 0),
        (GATE, 6, "rot_y", 3, 4),
        (GATE2, 2, 6, "cnot", 0, 0),
        (GATE2, 6, 2, "mov", 0, 0),
        (MEASURE_ROTATED, 2, 7, 1, (1, 2, 3), 4),
        (4, 0, 5),
    )


def test_flavour_decides_what_opcode_30_is_and_both_are_cached() -> None:
    loader = Loader()
    data = assemble("cnot Q0 Q1").encode()
    vanilla, nv = (loader.load(data, flavour) for flavour in ("vanilla", "nv"))
    assert (vanilla.code[0][3], nv.code[0][3]) == ("cnot", "crot_x")
    assert loader.load(data, "vanilla") is vanilla
    assert loader.load(data, "nv") is nv
    assert (vanilla.text(0), nv.text(0)) == ("cnot Q0 Q1", "crot_x Q0 Q1 0 0")


def test_collective_gates_are_lowered_and_the_rest_stays() -> None:
    data = assemble(
        "init_all\nrot_x_all 1 2\nbichromatic 3 4\nmeas_all R1 @7", flavour="trapped_ion"
    ).encode()
    assert Loader().load(data, "trapped_ion").code == (
        (42,),
        (GATE_ALL, "rot_x_all", 1, 2),
        (GATE_ALL, "bichromatic", 3, 4),
        (43, 4, 7),
    )


@pytest.mark.parametrize("data", [b"", b"abc", bytes(4) + b"\xff" + bytes(6), bytes(4) + bytes(6)])
def test_bad_bytes_are_refused_with_an_error_of_our_own(data: bytes) -> None:
    loader = Loader()
    with pytest.raises(SubroutineError, match="subroutine refused"):
        loader.load(data, "vanilla")
    assert not loader._programs


def test_cache_is_bounded_by_what_is_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qnpu.code._CACHED", 100)
    loader = Loader()
    for value in range(60):
        loader.load(assemble(f"set R0 {value}\n" * (1 + value)).encode(), "vanilla")
        assert sum(len(program.code) + 1 for program in loader._programs.values()) <= 100
    kept = assemble("set R0 59\n" * 60).encode()
    assert loader.load(kept, "vanilla") is loader.load(kept, "vanilla")


# --- waiting ----------------------------------------


@given(st.lists(st.one_of(st.none(), st.integers(-3, 3)), max_size=12), st.data())
def test_what_is_there_is_there(array: list[int | None], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(array)))
    stop = data.draw(st.integers(start, len(array)))
    entries = array[start:stop]
    assert is_there(array, start, stop, True) == all(entry is not None for entry in entries)
    assert is_there(array, start, stop, False) == (not entries or any(e is not None for e in entries))


@given(st.integers(0, 10**6))
def test_failure_tag_is_its_own_inverse_and_never_a_reference(pid: int) -> None:
    assert failure_tag(failure_tag(pid)) == pid
    assert failure_tag(pid) < -1


# --- bases ----------------------------------------

OBSERVABLES = {
    Basis.X: PAULIS[1],
    Basis.Y: PAULIS[2],
    Basis.Z: PAULIS[3],
    Basis.ZPLUSX: (PAULIS[3] + PAULIS[1]) / math.sqrt(2),
    Basis.ZMINUSX: (PAULIS[3] - PAULIS[1]) / math.sqrt(2),
}


@pytest.mark.parametrize("basis", list(Basis))
def test_rotations_of_a_basis_turn_its_observable_into_z(basis: Basis) -> None:
    turned = np.eye(2, dtype=complex)
    for axis, n in zip("xyx", ROTATIONS[basis], strict=True):
        turned = rotation(axis, n * math.pi / 16) @ turned
    assert np.allclose(turned.conj().T @ PAULIS[3] @ turned, OBSERVABLES[basis], atol=1e-12)


@pytest.mark.parametrize("bell", list(BellState))
@pytest.mark.parametrize("basis", list(Basis))
def test_corrected_bit_has_the_statistics_of_phi_plus_with_every_observable_at_the_other_end(
    bell: BellState, basis: Basis
) -> None:
    """A bit steers the other half into a state: after correction the one of |Phi+> and the reported basis."""

    def steered(state: int, observable: Basis, bit: int) -> Any:
        projector = (np.eye(2) + (-1) ** bit * OBSERVABLES[observable]) / 2
        rho = density_of(bell_tensor(state)).reshape(2, 2, 2, 2)
        return np.einsum("ji,iajb->ab", projector, rho)

    random = int(basis) if basis in (Basis.ZPLUSX, Basis.ZMINUSX) else 0
    assert correctable_by_flip(0, ROTATIONS[basis], random)
    for bit in (0, 1):
        corrected, reported = correct_bit(int(bell), 0, ROTATIONS[basis], random, bit)
        claimed = Basis(reported) if random else basis
        assert np.allclose(steered(bell, basis, bit), steered(0, claimed, corrected), atol=1e-12)


@pytest.mark.parametrize("axes", list(RotationAxes))
def test_pauli_bases_of_all_axes_are_correctable_and_others_are_not(axes: RotationAxes) -> None:
    for rotations in PAULI_ROTATIONS[axes].values():
        assert correctable_by_flip(int(axes), rotations, 0)
    assert not correctable_by_flip(int(axes), (1, 2, 3), 0)


def test_bit_of_phi_plus_is_never_touched_whatever_the_rotation() -> None:
    for bit in (0, 1):
        assert correct_bit(0, 2, (9, 9, 9), 0, bit) == (bit, 0)


def test_times_in_results_stop_at_the_largest_number() -> None:
    entries = keep_result(0, 1, 2, True, 3, 4, 5, 10**16, 10**17, 0)
    assert entries == [0, 1, 2, 0, 3, 4, 5, INT_MAX, INT_MAX, 0]
    assert keep_result(0, 1, 2, False, 3, 4, 5, 1_999, 2_000, 0)[7:9] == [1, 2]


# --- settings ----------------------------------------


@pytest.mark.parametrize(
    "name", [f.name for f in msgspec.structs.fields(QnpuSettings) if f.name.endswith("_ns")]
)
def test_times_of_the_settings_are_not_negative(name: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=name):
        msgspec.convert({name: -1}, QnpuSettings)


@pytest.mark.parametrize(
    "values",
    [
        {"epr_start": "never"},
        {"correcting_side": "both"},
        {"quotas": {"instruction_budget": 0}},
        {"request_timeout_ns": 0},
        {"unclaimed_timeout_ns": 0},
        {"gate_us": 1},
    ],
)
def test_settings_outside_their_range_are_refused_by_name(values: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError, match=next(iter(values))):
        msgspec.convert(values, QnpuSettings)

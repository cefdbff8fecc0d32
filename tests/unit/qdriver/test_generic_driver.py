"""The generic driver: translations multiplied out, timing of composed operations, refusal of the rest."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from qdriver.driver import Operation, QDriver
from qdriver.generic import ONE_QUBIT_GATES, TWO_QUBIT_GATES, GenericConfig, GenericHardware
from qdriver.spec import LinkPoint
from qruntime.actors import Message
from qruntime.errors import DriverError
from qruntime.qdevice import DeviceOp, Entangle, EntangleItem, OpCode, Operate
from qworld.gates import controlled_rotation, rotation, unitary
from tests.unit.qworld.dense import Array, Dense

CONFIG = GenericConfig(
    num_qubits=4, init_ns=11, single_qubit_gate_ns=13, two_qubit_gate_ns=170, measure_ns=190, t1_ns=0, t2_ns=0
)


def driver(config: GenericConfig = CONFIG) -> QDriver:
    return GenericHardware.driver(GenericHardware.spec(config, {}))


def gate(name: str, qubit: int, qubit2: int = -1, n: int = 0, d: int = 0) -> Operation:
    return Operation(OpCode.ONE_QUBIT if qubit2 < 0 else OpCode.TWO_QUBIT, name, qubit, qubit2, n, d)


def operations(messages: Sequence[Message]) -> list[DeviceOp]:
    return [op for message in messages if isinstance(message, Operate) for op in message.ops]


def multiplied_out(natives: Sequence[Operation], count: int) -> Array:
    """The unitary of native operations on `count` qubits; a reset at the beginning is left to the caller."""
    dense = Dense()
    dense.keys = list(range(count))
    total = np.eye(2**count, dtype=complex)
    for native in natives:
        qubits = [native.qubit] if native.qubit2 < 0 else [native.qubit, native.qubit2]
        matrix = (
            rotation(native.gate[-1], native.n * np.pi / 2**native.d)
            if native.gate.startswith("rot_")
            else unitary(native.gate)
        )
        total = dense.embed(matrix, qubits) @ total
    return total


@pytest.mark.parametrize(("first", "second"), [(0, 1), (1, 0), (0, 2), (2, 1)])
def test_swap_multiplies_out_to_swap(first: int, second: int) -> None:
    natives = driver().translate(gate("swp", first, second))
    dense = Dense()
    dense.keys = [0, 1, 2]
    assert np.allclose(multiplied_out(natives, 3), dense.embed(unitary("swap"), [first, second]), atol=1e-12)


@pytest.mark.parametrize(("source", "target"), [(0, 1), (1, 0)])
def test_move_carries_any_state_onto_any_state_of_the_target(source: int, target: int) -> None:
    """Also entangled with a third qubit: what the third one shares with the source it then shares with the
    target."""
    natives = driver().translate(gate("mov", source, target))
    assert [native.gate for native in natives] == ["init", "cnot", "cnot"]
    assert natives[0].qubit == target
    rng = np.random.default_rng(4)
    for _ in range(5):
        state = rng.normal(size=4) + 1j * rng.normal(size=4)
        state /= np.linalg.norm(state)
        dense = Dense()
        dense.add([source, 2], np.outer(state, state.conj()))
        junk = rng.normal(size=2) + 1j * rng.normal(size=2)
        junk /= np.linalg.norm(junk)
        dense.add([target], np.outer(junk, junk.conj()))
        before = dense.reduced([source, 2])
        for native in natives:
            if native.gate == "init":
                dense.reset(native.qubit)
            else:
                dense.kraus([unitary(native.gate)], [native.qubit, native.qubit2])
        assert np.allclose(dense.reduced([target, 2]), before, atol=1e-12)


@pytest.mark.parametrize("name", [*ONE_QUBIT_GATES, *TWO_QUBIT_GATES])
def test_native_gates_pass_straight_through(name: str) -> None:
    operation = gate(name, 2, 0 if name in TWO_QUBIT_GATES else -1, n=3, d=2)
    assert list(driver().translate(operation)) == [operation]


def test_translated_gates_are_those_of_the_table() -> None:
    """Every vanilla gate becomes gates that the spec has a duration for."""
    spec = GenericHardware.spec(CONFIG, {})
    for name in (*ONE_QUBIT_GATES, *TWO_QUBIT_GATES, "mov", "swp"):
        qubits = (0, 1) if name in (*TWO_QUBIT_GATES, "mov", "swp") else (0,)
        assert {native.gate for native in driver().translate(gate(name, *qubits))} <= set(spec.gates)


@pytest.mark.parametrize(
    ("name", "qubits", "duration_ns"),
    [("x", (0,), 13), ("cnot", (0, 1), 170), ("swp", (0, 1), 3 * 170), ("mov", (0, 1), 11 + 2 * 170)],
)
def test_duration_is_the_sum_of_the_native_ones(name: str, qubits: tuple[int, ...], duration_ns: int) -> None:
    subject = driver()
    assert subject.submit(gate(name, *qubits), 1_000) == 1_000 + duration_ns
    ops = operations(subject.take())
    lasts = {"init": 11, "x": 13, "cnot": 170}
    clock = 1_000
    for op in ops:
        assert op.start_ns == clock
        clock += lasts[op.gate]
    assert clock == 1_000 + duration_ns


def test_operations_run_one_after_another() -> None:
    subject = driver()
    assert subject.submit(gate("x", 0), 100) == 113
    assert subject.submit(gate("x", 1), 50) == 126  # the device does one thing at a time
    assert subject.submit(gate("x", 2), 500) == 513
    assert subject.free_ns == 513
    assert subject.qubit_free_ns == [113, 126, 513, 0]
    assert [op.start_ns for op in operations(subject.take())] == [100, 113, 500]


@pytest.mark.parametrize("tick_ns", [1, 10, 100, 10_000])
def test_every_native_operation_starts_on_the_grid(tick_ns: int) -> None:
    subject = driver(msgspec.structs.replace(CONFIG, tick_ns=tick_ns))
    end = subject.submit(gate("mov", 0, 1), 12_345)
    starts = [op.start_ns for op in operations(subject.take())]
    assert all(start % tick_ns == 0 for start in starts)
    assert starts[0] == -(-12_345 // tick_ns) * tick_ns
    assert [b - a for a, b in zip(starts, [*starts[1:], end], strict=True)] == [
        -(-11 // tick_ns) * tick_ns,
        -(-170 // tick_ns) * tick_ns,
        170,
    ]


def test_grid_of_zero_is_no_grid() -> None:
    assert [driver().on_grid(t) for t in (0, 1, 12_345)] == [0, 1, 12_345]


def test_gate_the_device_lacks_is_refused_and_leaves_nothing_behind() -> None:
    subject = driver()
    for name in ("crot_x", "toffoli", ""):
        with pytest.raises(DriverError, match="which the device does not have; native are cnot, cphase, h"):
            subject.submit(gate(name, 0), 5)
    assert subject.free_ns == 0
    assert subject.take() == []


class HalfBroken(QDriver):
    """Translates everything into a native gate and one the device lacks."""

    def translate(self, operation: Operation) -> Sequence[Operation]:
        return (gate("x", operation.qubit), gate("nothing", operation.qubit))


def test_translation_with_one_unknown_gate_is_refused_as_a_whole() -> None:
    subject = HalfBroken(GenericHardware.spec(CONFIG, {}))
    with pytest.raises(DriverError, match="translated h into nothing"):
        subject.submit(gate("h", 0), 5)
    assert subject.take() == []
    assert subject.qubit_free_ns == [0] * 4


def test_reference_of_a_measurement_travels_with_it() -> None:
    subject = driver()
    subject.submit(Operation(OpCode.MEASURE, "measure", 3, ref=17), 5)
    (op,) = operations(subject.take())
    assert (op.op, op.gate, op.qubit, op.ref, op.start_ns) == (OpCode.MEASURE, "measure", 3, 17, 5)


def test_mark_of_an_operation_that_asks_for_no_outcome_is_on_all_its_native_ones() -> None:
    subject = driver()
    subject.submit(Operation(OpCode.TWO_QUBIT, "swp", 0, 1, ref=-9), 0)
    subject.submit(Operation(OpCode.ONE_QUBIT, "x", 0), 0)
    assert [op.ref for op in operations(subject.take())] == [-9, -9, -9, -1]


def test_batches_keep_the_order_of_operations_and_entangling() -> None:
    subject = driver()
    subject.submit(gate("x", 0), 0)
    subject.entangle(1, 2, [EntangleItem(0, 5, 0)], 4, 3)
    subject.submit(gate("y", 0), 0)
    first, second, third = subject.take()
    assert isinstance(first, Operate) and [op.gate for op in first.ops] == ["x"]
    assert second == Entangle(1, 2, 4, 3, (EntangleItem(0, 5, 0),))
    assert isinstance(third, Operate) and [op.gate for op in third.ops] == ["y"]
    assert subject.take() == []


def test_entangling_starts_when_the_qubit_is_free_and_on_the_grid() -> None:
    subject = driver(msgspec.structs.replace(CONFIG, tick_ns=20))
    subject.submit(gate("x", 2), 100)
    subject.entangle(1, 2, [EntangleItem(0, 0, 0)], 101, 0)
    subject.entangle(1, 3, [EntangleItem(0, 0, 0)], 101, 0)
    subject.entangle(1, 3, [], 101, 0)
    starts = [message.start_ns for message in subject.take() if isinstance(message, Entangle)]
    assert starts == [120, 120, 120]
    subject.submit(gate("cnot", 0, 1), 200)
    subject.entangle(1, 0, [EntangleItem(0, 0, 0)], 200, 0)
    (start,) = [message.start_ns for message in subject.take() if isinstance(message, Entangle)]
    assert start == 380


def test_discards_alone_wait_for_company() -> None:
    subject = driver()
    subject.discard(1)
    assert subject.take() == []
    subject.submit(gate("x", 0), 0)
    assert [op.op for op in operations(subject.take())] == [OpCode.DISCARD, OpCode.ONE_QUBIT]
    subject.discard(1)
    subject.entangle(1, 1, [EntangleItem(0, 0, 0)], 0, 0)
    kinds = [type(message) for message in subject.take()]
    assert kinds == [Operate, Entangle]


def test_breakpoint_stands_behind_what_was_submitted() -> None:
    subject = driver()
    subject.submit(gate("cnot", 0, 1), 100)
    subject.breakpoint(2, 1, [3, 0], 150)
    ops = [op for op in operations(subject.take()) if op.op == OpCode.BREAKPOINT]
    assert [(op.start_ns, op.qubit, op.qubit2, op.n, op.d) for op in ops] == [
        (270, 3, 1, 2, 1),
        (270, 0, 0, 2, 1),
    ]


def test_reset_forgets_clock_and_batches() -> None:
    subject = driver()
    subject.submit(gate("x", 0), 100)
    subject.entangle(1, 2, [EntangleItem(0, 5, 0)], 4, 3)
    subject.discard(2)
    subject.reset()
    assert (subject.free_ns, subject.qubit_free_ns, subject.take()) == (0, [0] * 4, [])
    assert subject.submit(gate("x", 0), 0) == 13


def test_spec_says_what_the_configuration_says() -> None:
    points = {3: (LinkPoint(7, 0.9, 0.1, 500.0, 400.0, (1, 2)),)}
    config = GenericConfig(num_qubits=2, t1_ns=0, t2_ns=5e6, tick_ns=10, single_qubit_gate_depolarise=0.25)
    spec = GenericHardware.spec(config, points)
    assert (spec.kind, spec.flavour, spec.tick_ns, spec.attempt_exclusive) == (
        "generic",
        "vanilla",
        10,
        False,
    )
    assert [qubit.role for qubit in spec.qubits] == ["communication"] * 2
    assert (spec.qubits[0].t1_ns, spec.qubits[0].t2_ns) == (float("inf"), 5e6)
    assert spec.qubits[0].depolarise_ns == float("inf")
    assert spec.gates["h"].depolarise == 0.25
    assert spec.links == points
    assert {"init", "measure"} <= set(spec.gates)


def test_controlled_rotation_is_not_among_the_native_gates() -> None:
    """A generic device cannot run NV code: crot_x by pi/2 is another gate than any of its own."""
    assert "crot_x" not in GenericHardware.spec(CONFIG, {}).gates
    assert not np.allclose(controlled_rotation("x", np.pi / 2), unitary("cnot"))

"""The ion driver on the ion device: the same ions, the same times, and the gate that was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest

from qdriver.driver import Operation, QDriver
from qdriver.ion import UNSHELVE, IonConfig, IonHardware
from qdriver.registry import hardware
from qdriver.spec import broken_rules
from qruntime.actors import Message
from qruntime.errors import DriverError
from qruntime.qdevice import DeviceOp, OpCode, Operate, Response
from qruntime.rng import Stream
from qworld.bell import bell_tensor
from qworld.device import Device
from qworld.engine import Engine, Qubit
from qworld.gates import rotation, tensor_of, unitary
from qworld.registry import device_model
from tests.unit.qworld.dense import Array, Dense, bell

QUIET = IonConfig(
    num_qubits=5, t2_ns=0, init_ns=36, rot_z_ns=27, all_ion_ns=107, ms_ns=109, measure_ns=1500,
    rot_z_depolarise=0, all_ion_depolarise=0, ms_depolarise=0,
)  # fmt: skip
LASTS = {"init": 36, "rot_z": 27, "bichromatic": 109, "measure": 1500}
PHI = bell(0)
FIELDS = msgspec.structs.fields(IonConfig)


def driver(config: IonConfig = QUIET) -> QDriver:
    return IonHardware.driver(IonHardware.spec(config, {}))


def operations(messages: Sequence[Message]) -> list[DeviceOp]:
    return [op for message in messages if isinstance(message, Operate) for op in message.ops]


def gate(name: str, qubit: int, qubit2: int = -1, n: int = 0, d: int = 0) -> Operation:
    return Operation(OpCode.ONE_QUBIT if qubit2 < 0 else OpCode.TWO_QUBIT, name, qubit, qubit2, n, d)


class Trap:
    """A driver and the device it drives; every response must be a success, every end the driver's."""

    def __init__(self, config: IonConfig = QUIET) -> None:
        self.engine = Engine()
        self.device: Device = device_model("ion")(config, self.engine)
        self.driver = driver(config)

    def do(self, operation: Operation, at_ns: int = 0) -> list[DeviceOp]:
        end = self.driver.submit(operation, at_ns)
        ops = operations(self.driver.take())
        ends = [self.device.operate(op, Stream(7)) for op in ops]
        assert all(response >= Response.SUCCESS_ZERO for _, response in ends)
        assert max(ended for ended, _ in ends) == end == self.driver.free_ns
        return ops

    def put(self, places: Sequence[int], rho: Array) -> list[Qubit]:
        """One qubit, or two, in that state, taken by the OS."""
        tensor = tensor_of(rho)
        halves = list(self.engine.create_pair(tensor, self.device.busy_ns, None, None))
        for place, half in zip(places, halves, strict=False):
            self.device.place(place, half)
            self.driver.received(place)
        return halves

    def state(self, *places: int | Qubit) -> Array:
        held = [self.device.qubits[place] if isinstance(place, int) else place for place in places]
        return self.engine.density_matrix([q for q in held if q is not None])


def pure(rng: np.random.Generator, qubits: int) -> Array:
    vector = rng.normal(size=2**qubits) + 1j * rng.normal(size=2**qubits)
    vector /= np.linalg.norm(vector)
    return np.outer(vector, vector.conj())


@pytest.mark.parametrize("ions", [1, 2, 3, 4])
@pytest.mark.parametrize("name", ["x", "h", "k", "t", "rot_y", "cnot", "cphase", "swp"])
def test_gate_on_halves_of_pairs_is_the_gate(name: str, ions: int) -> None:
    """Seed 5: each ion is entangled with a qubit elsewhere; all of them together are compared."""
    rng = np.random.default_rng(5)
    two = name in ("cnot", "cphase", "swp")
    if two and ions == 1:
        return
    trap, dense = Trap(), Dense()
    places = [int(place) for place in rng.permutation(5)[:ions]]
    partners = {}
    for place in places:
        rho = pure(rng, 2)
        partners[place] = trap.put([place], rho)[1]
        dense.add([place, (place, "partner")], rho)
    n, d = int(rng.integers(256)), 5
    operands = places[:2] if two else places[:1]
    ideal = rotation("y", n * np.pi / 2**d) if name == "rot_y" else unitary("swap" if name == "swp" else name)
    trap.do(gate(name, *operands, n=n if name == "rot_y" else 0, d=d if name == "rot_y" else 0))
    dense.kraus([ideal], operands)
    keys = [key for place in places for key in (place, (place, "partner"))]
    found = trap.state(*[held for place in places for held in (place, partners[place])])
    assert np.abs(found - dense.reduced(keys)).max() < 1e-12


@pytest.mark.parametrize("spectators", [0, 1, 2, 3])
def test_move_takes_entanglement_along(spectators: int) -> None:
    """Seed 6."""
    rng = np.random.default_rng(6)
    trap = Trap()
    rho = pure(rng, 2)
    partner = trap.put([0], rho)[1]
    others = []
    for place in range(2, 2 + spectators):
        others += [place, trap.put([place], pure(rng, 2))[1]]
    before = trap.state(*others) if others else None
    ops = trap.do(gate("mov", 0, 1))
    assert [op.qubit for op in ops if op.gate == "init"] == [1]
    assert np.abs(trap.state(1, partner) - rho).max() < 1e-12
    if others:
        assert np.abs(trap.state(*others) - before).max() < 1e-12


def test_every_translation_lasts_as_long_as_its_native_operations() -> None:
    for name, qubits in [("h", (0,)), ("t", (1,)), ("cnot", (0, 2)), ("swp", (2, 1)), ("mov", (0, 1))]:
        for present in ((), (3,), (3, 4), (1, 3, 4)):
            trap = Trap()
            for place in {*present, *qubits}:
                trap.do(Operation(OpCode.INIT, "init", place))
            start = trap.driver.free_ns
            ops = trap.do(gate(name, *qubits), start)
            assert ops[0].start_ns == start
            assert trap.driver.free_ns == start + sum(LASTS.get(op.gate, 107) for op in ops)


def test_places_that_hold_nothing_take_no_part() -> None:
    trap = Trap()
    trap.do(Operation(OpCode.INIT, "init", 2))
    assert [op.gate for op in trap.do(gate("x", 2))] == ["rot_x_all"]
    assert [q is not None for q in trap.device.qubits] == [False, False, True, False, False]
    trap.do(Operation(OpCode.INIT, "init", 0))
    assert [op.gate for op in trap.do(gate("x", 2))] == ["rot_y_all", "rot_z", "rot_y_all"]
    trap.driver.discard(0)
    assert [op.gate for op in trap.do(gate("x", 2))] == ["", "rot_x_all"]
    assert trap.driver.present == 0b100
    assert trap.device.qubits[0] is None


def test_ion_that_nobody_prepared_is_reset_first() -> None:
    trap = Trap()
    assert [op.gate for op in trap.do(gate("h", 1))] == ["init", "rot_z", "rot_y_all"]
    assert trap.do(gate("cphase", 1, 3))[0].gate == "init"
    measure = Operation(OpCode.MEASURE, "measure", 4, ref=3)
    assert [(op.gate, op.ref) for op in trap.do(measure)] == [("init", -1), ("measure", 3)]


def test_fresh_half_of_a_pair_takes_no_part_until_the_os_knows_of_it() -> None:
    """Whatever was on its way to the device when the pair was heralded acts on the others alone."""
    trap = Trap()
    trap.do(Operation(OpCode.INIT, "init", 1))
    half, partner = trap.engine.create_pair(bell_tensor(0), trap.device.busy_ns, None, None)
    trap.device.place(0, half)
    ops = trap.do(gate("x", 1))
    assert [op.gate for op in ops] == ["rot_x_all"]
    assert np.abs(trap.state(0, partner) - PHI).max() < 1e-12
    assert np.abs(trap.state(1) - np.diag([0, 1])).max() < 1e-12
    trap.driver.received(0)
    assert [op.gate for op in trap.do(gate("x", 1))] == [UNSHELVE, "rot_y_all", "rot_z", "rot_y_all"]
    assert np.abs(trap.state(0, partner) - PHI).max() < 1e-12
    assert np.abs(trap.state(1) - np.diag([1, 0])).max() < 1e-12


def test_given_up_half_leaves_nothing_behind() -> None:
    trap = Trap()
    trap.put([0], PHI)
    trap.driver.discard(0)
    trap.do(Operation(OpCode.INIT, "init", 0))
    trap.do(gate("x", 0))
    assert np.abs(trap.state(0) - np.diag([0, 1])).max() < 1e-12


def test_resets_and_readouts_of_several_ions_run_at_once() -> None:
    trap = Trap()
    for place in (0, 1, 2):
        trap.do(Operation(OpCode.INIT, "init", place), 100)
    assert trap.driver.free_ns == 136
    for ref, place in enumerate((2, 0, 1)):
        ops = trap.do(Operation(OpCode.MEASURE, "measure", place, ref=ref), 100)
        assert [op.start_ns for op in ops] == [136]
    assert trap.driver.free_ns == 1636
    assert trap.do(Operation(OpCode.MEASURE, "measure", 0, ref=9), 100)[0].start_ns == 1636


@pytest.mark.parametrize("tick_ns", [1, 10, 1000, 20_000])
def test_native_operations_start_on_the_grid(tick_ns: int) -> None:
    trap = Trap(msgspec.structs.replace(QUIET, tick_ns=tick_ns))
    for place in range(4):
        trap.do(Operation(OpCode.INIT, "init", place), 12_345)
    ops = trap.do(gate("cnot", 0, 2), 12_345)
    assert len(ops) == 16
    assert all(op.start_ns % tick_ns == 0 for op in ops)


def test_native_operations_pass_straight_through() -> None:
    for name in ("rot_x_all", "rot_y_all", "rot_z_all", "bichromatic"):
        operation = Operation(OpCode.ALL_QUBITS, name, n=3, d=2, ref=-5)
        assert list(driver().translate(operation)) == [operation]
    rot_z = gate("rot_z", 1, n=3, d=2)
    trap = Trap()
    trap.do(Operation(OpCode.INIT, "init", 1))
    assert list(trap.driver.translate(rot_z)) == [rot_z]


def test_operation_the_trap_lacks_is_refused_and_leaves_nothing_behind() -> None:
    subject = driver()
    for operation in (gate("toffoli", 1), gate("toffoli", 1, 2), gate("", 0)):
        with pytest.raises(DriverError, match="native are bichromatic, init, measure, rot_x_all, rot_y_all"):
            subject.submit(operation, 0)
    assert (subject.free_ns, subject.present, subject.take()) == (0, 0, [])


def test_reset_forgets_who_was_present() -> None:
    subject = driver()
    subject.submit(Operation(OpCode.INIT, "init", 3), 0)
    assert subject.present == 0b1000
    subject.reset()
    assert subject.present == 0


def test_spec_says_what_the_configuration_says() -> None:
    config = IonConfig(num_qubits=3, t1_ns=0, t2_ns=5e6, tick_ns=20_000, ms_ns=7, ms_depolarise=0.25)
    spec = IonHardware.spec(config, {})
    assert not broken_rules(spec)
    assert (spec.kind, spec.flavour, spec.tick_ns, spec.attempt_exclusive) == (
        "ion",
        "trapped_ion",
        20_000,
        True,
    )
    assert [(q.role, q.measurable) for q in spec.qubits] == [("communication", True)] * 3
    assert (spec.gates["bichromatic"].duration_ns, spec.gates["bichromatic"].depolarise) == (7, 0.25)
    assert spec.parallel == ("init", "measure")
    assert isinstance(hardware("ion"), IonHardware)


def test_one_ion_alone_is_only_turned_about_z() -> None:
    subject = driver()
    assert [subject.has(name, 0) for name in ("rot_z", "rot_x", "rot_y", "x", "measure")] == [
        True, False, False, False, True,
    ]  # fmt: skip


# --- the schema ----------------------------------------


def load(**values: Any) -> IonConfig:
    return msgspec.convert(values, IonConfig)


def test_defaults_are_valid_and_noisy() -> None:
    config = load()
    assert config == IonConfig()
    assert (config.t2_ns, config.all_ion_ns, config.rot_z_ns, config.measure_ns) == (
        85e6,
        107_000,
        26_600,
        1_500_000,
    )
    assert (config.rot_z_depolarise, config.all_ion_depolarise, config.ms_depolarise) == (0.02, 0.1, 0.1)


@pytest.mark.parametrize("name", [f.name for f in FIELDS if f.name.endswith("_ns")])
def test_times_are_not_negative(name: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=name):
        load(**{name: -1})


@pytest.mark.parametrize("name", [f.name for f in FIELDS if "depolarise" in f.name or "readout" in f.name])
def test_probabilities_are_probabilities(name: str) -> None:
    for value in (-0.01, 1.01):
        with pytest.raises(msgspec.ValidationError, match=name):
            load(**{name: value})
    load(**{name: 1.0})


def test_what_cannot_be_is_refused() -> None:
    for values, match in [
        ({"num_qubits": 0}, "num_qubits"),
        ({"num_qubits": 65}, "num_qubits"),
        ({"dephasing": "both"}, "dephasing"),
        ({"t3_ns": 5}, "t3_ns"),
        ({"t1_ns": 1e6, "t2_ns": 3e6}, "at most 2e\\+06 is physical"),
    ]:
        with pytest.raises(msgspec.ValidationError, match=match):
            load(**values)

"""Rules about device models: durations, what native gates do, noise and readout."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations

import numpy as np

from qdriver.driver import Operation
from qdriver.spec import DeviceSpec
from qnos.conformance.subject import Subject, named, operands_of, told, wrong_answer
from qnos.unitaries import Matrix, apply
from qruntime.errors import DriverError
from qruntime.limits import GROUP_QUBITS
from qruntime.qdevice import ROTATION_GATES, DeviceOp, OpCode, Response
from qruntime.rng import Stream, Streams
from qworld.bell import bell_tensor
from qworld.channels import IdleNoise
from qworld.device import Device
from qworld.engine import Engine, Qubit
from qworld.gates import density_of

RECOGNISABLE = 0.5  # least process fidelity of a native gate, noise included, with what its name means
MEANT = 0.99  # least fidelity of the greatest Kraus operator of a native gate with what its name means
_ROUNDING = 1e-7
_WAIT_NS = 1_000
_SHOTS = 40
_GATES = (OpCode.ONE_QUBIT, OpCode.TWO_QUBIT, OpCode.ALL_QUBITS)


def timing_rule(subject: Subject) -> Iterator[str]:
    """The device model does each native operation, in the time that the spec says, and the driver begins it
    on the tick grid."""
    spec = subject.spec()
    yield from _durations(spec, subject.device(Engine()))
    yield from _sequence(subject, spec)


def _durations(spec: DeviceSpec, device: Device) -> Iterator[str]:
    """Each native operation of the spec, on each qubit or pair that the model can do it on."""
    count = len(spec.qubits)
    pairs = list(permutations(range(min(count, 4)), 2)) if spec.pairs is None else spec.pairs
    names = dict.fromkeys([*spec.gates, *(name for qubit in spec.qubits for name in qubit.gates)])
    for name in names:
        op = {"init": OpCode.INIT, "measure": OpCode.MEASURE}.get(name, OpCode.ONE_QUBIT)
        places = [
            DeviceOp(op, 0, name, q)
            for q in range(count)
            if op != OpCode.MEASURE or spec.qubits[q].measurable
        ]
        places += [DeviceOp(OpCode.TWO_QUBIT, 0, name, a, b) for a, b in pairs]
        known = False
        for place in [*places, DeviceOp(OpCode.ALL_QUBITS, 0, name)]:
            if known and place.op == OpCode.ALL_QUBITS:
                break
            try:
                found = device.duration_ns(place)
            except KeyError:
                continue
            known = True
            gate = spec.gate(name, max(place.qubit, 0))
            if gate is not None and (type(found) is not int or found != gate.duration_ns):
                yield f"{name} lasts {found!r} ns in the device model, {gate.duration_ns} ns in the spec"
                break
        if not known and pairs:  # one qubit cannot tell about gates of two
            yield f"the device model does not know {name}, which is native in the spec"


def _sequence(subject: Subject, spec: DeviceSpec) -> Iterator[str]:
    """What a driver submits, done by the device model one after the other."""
    driver, device = subject.driver(), subject.device(Engine())
    stream = Streams(0).stream("measure", 0)
    resets = [Operation(OpCode.INIT, "init", q) for q in range(min(len(spec.qubits), GROUP_QUBITS))]
    at = 1  # off any grid
    for operation in [*resets, *subject.operations(spec)]:
        promised = driver.submit(operation, at)
        ends = [at]
        for op in told(driver):
            if spec.tick_ns and op.op != OpCode.DISCARD and op.start_ns % spec.tick_ns:
                yield f"{op.gate} begins at {op.start_ns} ns, off the grid of {spec.tick_ns} ns"
                return
            answer = device.operate(op, stream)
            wrong = wrong_answer(op, answer)
            if wrong:
                yield f"{named(operation)}: {wrong}"
                return
            ends.append(answer[0])
        if max(ends) != promised:
            yield f"{named(operation)} ends at {max(ends)} ns; spec and driver promised {promised} ns"
            return
        if operation in resets:
            continue  # those that may begin together do
        for qubit in operands_of(operation):  # what is entangled would grow beyond what the engine holds
            driver.discard(qubit)
        at = promised + 1


def action_rule(subject: Subject) -> Iterator[str]:
    """A native gate of the device model does what its name means: a physical map, always the same, whose
    process fidelity is at least one half, noise included, and whose greatest part is that gate."""
    spec = subject.spec()
    natives: dict[tuple[str, int, int, int, int], Operation] = {}
    for operation in [*subject.gates(spec), *_moves(subject, spec)]:
        held = (
            range(min(3, len(spec.qubits))) if operation.op == OpCode.ALL_QUBITS else operands_of(operation)
        )
        for native in subject.holding(held).translate(operation):
            if native.op in _GATES:
                natives.setdefault((native.gate, native.qubit, native.qubit2, native.n, native.d), native)
    for native in natives.values():
        matrix = subject.unitary(native)
        qubits = list(range(min(3, len(spec.qubits)))) if native.qubit < 0 else operands_of(native)
        if matrix is None:
            continue  # a driver that uses it breaks the rule `translation`
        broken = _acts_wrongly(subject, native, qubits, apply(native, matrix, qubits))
        if broken:
            yield f"{named(native)} {broken}"


def _moves(subject: Subject, spec: DeviceSpec) -> list[Operation]:
    return [Operation(OpCode.TWO_QUBIT, "mov", a, b) for a, b in subject.pairs(spec)]


def _acts_wrongly(subject: Subject, native: Operation, qubits: list[int], matrix: Matrix) -> str:
    rho = _choi(subject, native, qubits)
    if isinstance(rho, str):
        return rho
    unphysical = _unphysical(rho)
    if unphysical:
        return unphysical
    if not np.array_equal(rho, _choi(subject, native, qubits)):
        return "does not do the same twice"
    ket = matrix.reshape(-1) / np.sqrt(len(matrix))
    found = float(np.real(ket.conj() @ rho @ ket))
    if found < RECOGNISABLE:
        return f"has process fidelity {found:.3f} with the gate of that name"
    greatest = np.linalg.eigh(rho)[1][:, -1]
    meant = float(abs(ket.conj() @ greatest) ** 2)
    if meant < MEANT:
        return f"is, but for noise, another gate: fidelity {meant:.3f} with that of its name"
    return ""


def _choi(subject: Subject, native: Operation, qubits: list[int]) -> Matrix | str:
    """What the device model's gate makes of halves of Bell pairs: qubits, then their partners; or why it
    does not."""
    engine = Engine(12)
    device = subject.device(engine)
    partners = _halves(engine, device, qubits)
    stream = Streams(0).stream("measure", 0)
    for op in _submitted(subject, native, qubits):
        answer = device.operate(op, stream)
        wrong = "" if op.gate != native.gate else wrong_answer(op, answer)
        if wrong:
            return f"cannot be done: {wrong}"
    return _state(engine, device, qubits, partners)


def _submitted(subject: Subject, native: Operation, qubits: list[int]) -> list[DeviceOp]:
    """The native operation as the driver sends it, with what it sends beside; bare if no program can ask for
    it by its name."""
    bare = DeviceOp(native.op, 0, native.gate, native.qubit, native.qubit2, native.n, native.d)
    if native.op != OpCode.ALL_QUBITS:
        return [bare]
    driver = subject.holding(qubits)
    try:
        driver.submit(native, 0)
    except DriverError:
        return [bare]
    return told(driver)


def _halves(engine: Engine, device: Device, qubits: Sequence[int]) -> list[Qubit]:
    """Put halves of Bell pairs into places of a device; gives the other halves."""
    partners = []
    for place in qubits:
        half, partner = engine.create_pair(bell_tensor(0), 0, device.idle(place), None)
        device.place(place, half)
        partners.append(partner)
    return partners


def _state(engine: Engine, device: Device, qubits: Sequence[int], partners: Sequence[Qubit]) -> Matrix:
    held = [q for q in (device.qubits[place] for place in qubits) if q is not None]
    return density_of(engine.pauli_tensor([*held, *partners]))


def _unphysical(rho: Matrix) -> str:
    """Why this is no state, and so what made it no physical map; empty if it is one."""
    if not np.all(np.isfinite(rho)):
        return "makes a state of numbers that are none"
    trace = float(np.real(np.trace(rho)))
    least = float(np.linalg.eigvalsh(rho)[0])
    if abs(trace - 1) > _ROUNDING or least < -_ROUNDING:
        return f"is no physical map: it makes a state of trace {trace:.6g} with least eigenvalue {least:.2g}"
    return ""


def noise_rule(subject: Subject) -> Iterator[str]:
    """Waiting, attempts to entangle, and a measurement at once of a pair's half are physical, take the time
    that the spec says, and readout errors are probabilities."""
    spec = subject.spec()
    for q in range(min(len(spec.qubits), 4)):
        engine = Engine()
        device = subject.device(engine)
        idle = device.idle(q)
        if not (idle is None or isinstance(idle, IdleNoise)):
            yield f"idle({q}) gave {type(idle).__name__}; a qworld.channels.IdleNoise or None is needed"
            return
        errors = device.readout(q)
        if len(errors) != 2 or not all(0 <= error <= 1 for error in errors):
            yield f"readout({q}) gave {errors!r}; two probabilities are needed"
        partners = _halves(engine, device, [q])
        half = device.qubits[q]
        assert half is not None
        engine.idle_until(half, _WAIT_NS)
        waited = _unphysical(_state(engine, device, [q], partners))
        device.after_attempts(3, 0.5)
        attempted = _unphysical(_state(engine, device, [q], partners))
        if waited or attempted:
            yield f"{'waiting' if waited else 'an attempt'} on qubit {q} {waited or attempted}"
        if spec.qubits[q].measurable and spec.qubits[q].role == "communication":
            yield from _measured_at_once(subject, spec, q)
    if not isinstance(subject.device(Engine()).can_herald, bool):
        yield "can_herald is neither True nor False"


def _measured_at_once(subject: Subject, spec: DeviceSpec, qubit: int) -> Iterator[str]:
    for axes, names in enumerate(ROTATION_GATES):
        gates = [spec.gate(name, qubit) for name in (*names, "measure")]
        if any(gate is None for gate in gates):
            continue  # the OS then measures in two steps
        engine = Engine()
        device = subject.device(engine)
        _halves(engine, device, [qubit])
        stream = Streams(0).stream("measure", 0)
        end_ns, bit = device.measure_pair_half(qubit, axes, (3, 5, 7), 0, stream)
        promised = sum(gate.duration_ns for gate in gates if gate is not None)
        if end_ns != promised or bit not in (0, 1):
            yield (
                f"measuring half of a pair in qubit {qubit} at once gave {bit!r} at {end_ns!r} ns; "
                f"the spec says {promised} ns"
            )


def readout_rule(subject: Subject) -> Iterator[str]:
    """A qubit that was reset reads 0, and one that was flipped then reads 1, more often than not."""
    spec = subject.spec()
    for q in [q for q in range(len(spec.qubits)) if spec.qubits[q].measurable][:4]:
        for wanted in (0, 1):
            right = sum(_read(subject, q, bool(wanted), shot) == wanted for shot in range(_SHOTS))
            if right <= _SHOTS // 2:
                yield f"qubit {q} prepared in {wanted} reads so in {right} of {_SHOTS} shots"


def _read(subject: Subject, qubit: int, flipped: bool, shot: int) -> int:
    device, driver = subject.device(Engine()), subject.driver()
    driver.submit(Operation(OpCode.INIT, "init", qubit), 0)
    if flipped:
        driver.submit(Operation(OpCode.ONE_QUBIT, "x", qubit), 0)
    driver.submit(Operation(OpCode.MEASURE, "measure", qubit, ref=0), 0)
    stream: Stream = Streams(5).stream("measure", shot)
    response = int(Response.UNKNOWN_FAILURE)
    for op in told(driver):
        _, answered = device.operate(op, stream)
        if op.ref >= 0:
            response = answered
    return {Response.SUCCESS_ZERO: 0, Response.SUCCESS_ONE: 1}.get(Response(response), -1)

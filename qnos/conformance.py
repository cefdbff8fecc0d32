"""The conformance kit: what the OS relies on in a hardware plug-in, checked rule by rule.

`check(kind, parameters)` runs every rule of `RULES` on a kind of hardware, by name or ``module:Class``, and
gives a `Verdict` each; the first rules tell whether the later ones can be tried at all. Our own devices pass
the same rules. A rule looks at the plug-in from outside, as the OS and the world use it: driver and device
model are given operations, and what they do is compared with what the spec says and gates' names mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import permutations
from typing import Any, NamedTuple, TypeVar

import msgspec
import numpy as np

from qdriver.driver import Operation, QDriver
from qdriver.registry import hardware
from qdriver.spec import DeviceSpec, LinkPoint, broken_rules
from qnos import fields
from qnos.unitaries import Matrix, apply, fidelity, native_unitary, reset, vanilla_unitary
from qruntime.errors import ConfigError, DriverError
from qruntime.limits import GROUP_QUBITS
from qruntime.messages import DeviceOp, EntangleItem, OpCode, Operate, Response
from qruntime.rng import Stream, Streams
from qworld.bell import bell_tensor
from qworld.device import Device
from qworld.engine import Engine
from qworld.gates import density_of
from qworld.registry import device_model

ONE_QUBIT = ("x", "y", "z", "h", "s", "k", "t", "rot_x", "rot_y", "rot_z")
TWO_QUBIT = ("cnot", "cphase", "swp")
EXACT = 1e-9  # how far a translation may be from its gate, as 1 - fidelity
RECOGNISABLE = 0.5  # least process fidelity of a native gate, noise included, with what its name means
SAMPLES = 12  # random angles, and qubit pairs of large devices
_UNKNOWN = "native gate {}: give the plug-in a method unitary(gate, n, d) that knows it"
Item = TypeVar("Item")
_POINT = LinkPoint(0, 0.9, 0.5, 1000.0, 1000.0, (0,))


class Verdict(NamedTuple):
    """A rule, and what was found against it: empty if it holds, None if it could not be tried."""

    rule: str
    broken: str | None


class Subject:
    """The plug-in under test: its parts, made anew whenever a rule asks."""

    def __init__(self, kind: str, parameters: Mapping[str, Any]) -> None:
        self.kind = kind
        self.plugin = hardware(kind)
        self.given = dict(parameters)

    def config(self) -> Any:
        """The parameters, checked by the plug-in's own schema."""
        return msgspec.convert(self.given, self.plugin.schema)

    def spec(self) -> DeviceSpec:
        """The spec with one link, to node 1."""
        return self.plugin.spec(self.config(), {1: (_POINT,)})

    def driver(self) -> QDriver:
        """A fresh driver."""
        return self.plugin.driver(self.spec())

    def device(self, engine: Engine) -> Device:
        """A fresh device model at the beginning of shot 0."""
        device = device_model(self.kind)(self.config(), engine)
        device.reset()
        device.begin_shot(lambda purpose: Streams(0).stream(purpose, 0))
        return device

    def unitary(self, native: Operation) -> Matrix | None:
        """What a native gate does ideally, by its name or as the plug-in says; None if neither knows it."""
        known = native_unitary(native.gate, native.n, native.d)
        if known is not None:
            return known
        says = getattr(self.plugin, "unitary", None)
        return None if says is None else np.asarray(says(native.gate, native.n, native.d))

    def pairs(self, spec: DeviceSpec) -> list[tuple[int, int]]:
        """Qubit pairs that two-qubit gates join, both ways round, some of them if they are many."""
        joined = spec.pairs
        if joined is None:
            joined = tuple(permutations(range(len(spec.qubits)), 2))
        both = sorted({*joined, *((b, a) for a, b in joined)})
        return both if len(both) <= SAMPLES else sorted(_some(both, SAMPLES, _draw("pairs")))


def check(kind: str, parameters: Mapping[str, Any] | None = None) -> list[Verdict]:
    """Every rule's verdict on a kind of hardware with these parameters (defaults for the rest).

    Raises `ConfigError` if there is no such hardware.
    """
    subject = Subject(kind, parameters or {})
    verdicts: list[Verdict] = []
    for name, rule in RULES.items():
        if any(verdict.broken and verdict.rule in _FIRST for verdict in verdicts):
            verdicts.append(Verdict(name, None))
            continue
        try:
            broken = "; ".join(rule(subject))
        except Exception as error:  # whatever a plug-in does is a finding about it
            broken = f"raised {type(error).__name__}: {error}"
        verdicts.append(Verdict(name, broken))
    return verdicts


# --------------------------------------------------------------------------------------------- the rules


def schema_rule(subject: Subject) -> Iterator[str]:
    """`schema` is a frozen msgspec.Struct that refuses unknown fields, has a default for every field, and
    describes each."""
    schema = subject.plugin.schema
    if not (isinstance(schema, type) and issubclass(schema, msgspec.Struct)):
        yield f"schema is {schema!r}; a msgspec.Struct type is needed"
        return
    if not (schema.__struct_config__.frozen and schema.__struct_config__.forbid_unknown_fields):
        yield "schema has to be frozen=True, forbid_unknown_fields=True"
    bare = [row.name for row in fields.rows(schema) if not row.description]
    if bare:
        yield f"no description for {', '.join(bare)}"
    required = [row.name for row in fields.rows(schema) if row.default == "required"]
    if required:
        yield f"no default for {', '.join(required)}"
    subject.config()


def spec_rule(subject: Subject) -> Iterator[str]:
    """`spec(config, links)` is a sound DeviceSpec with the links it was given, the same each time."""
    spec = subject.spec()
    yield from broken_rules(spec)
    if spec != subject.spec():
        yield "two specs of the same parameters differ"
    if spec.links != {1: (_POINT,)}:
        yield f"links are {spec.links}, not those it was given"


def parts_rule(subject: Subject) -> Iterator[str]:
    """`driver(spec)` is a QDriver, the device model a Device; both agree on qubits, exclusivity and what runs
    in parallel."""
    spec, driver, device = subject.spec(), subject.driver(), subject.device(Engine())
    if not isinstance(driver, QDriver):
        yield f"driver() gave {type(driver).__name__}; a qdriver.driver.QDriver is needed"
        return
    if not isinstance(device, Device):
        yield f"the device model is {type(device).__name__}; a qworld.device.Device is needed"
        return
    for what, declared, modelled in (
        ("qubits", len(spec.qubits), len(device.qubits)),
        ("attempt_exclusive", spec.attempt_exclusive, device.attempt_exclusive),
        ("parallel", frozenset(spec.parallel), frozenset(device.parallel)),
    ):
        if declared != modelled:
            yield f"{what}: {declared} in the spec, {modelled} in the device model"


def translation_rule(subject: Subject) -> Iterator[str]:
    """Every gate of the vanilla flavour is translated into native gates that multiply to it, up to a global
    phase, on every qubit and pair, whatever else the device holds."""
    spec, draw = subject.spec(), _draw("translation")
    for operation in _gates(subject, spec, draw):
        operands = [q for q in (operation.qubit, operation.qubit2) if q >= 0]
        others = [q for q in range(len(spec.qubits)) if q not in operands]
        bystanders = _some(others, 2, draw)
        qubits = [*operands, *bystanders]
        driver = _holding(subject, qubits)
        whole = np.eye(2 ** len(qubits), dtype=np.complex128)
        for native in driver.translate(operation):
            matrix = subject.unitary(native)
            if matrix is None:
                yield _UNKNOWN.format(native.gate)
                return
            whole = apply(native, matrix, qubits, whole)
        wanted = apply(operation, vanilla_unitary(operation.gate, operation.n, operation.d), qubits)
        off = 1 - fidelity(whole, wanted)
        if off > EXACT:
            yield f"{_named(operation)} beside qubits {bystanders} is off by {off:.2g} in fidelity"


def move_rule(subject: Subject) -> Iterator[str]:
    """`mov` carries a state, with whatever it is entangled with, to a qubit that held anything before."""
    spec = subject.spec()
    for source, target in subject.pairs(spec):
        driver = _holding(subject, [source, target])
        # qubits: source, target, and a third that is in |Phi+> with the source
        ket = np.zeros((2, 2, 2), dtype=np.complex128)
        ket[0, :, 0] = ket[1, :, 1] = 0.5
        rho = np.outer(ket.reshape(-1), ket.reshape(-1).conj())
        for native in driver.translate(Operation(OpCode.TWO_QUBIT, "mov", source, target)):
            if native.op == OpCode.INIT:
                rho = reset(rho, [source, target].index(native.qubit))
                continue
            matrix = subject.unitary(native)
            if matrix is None:
                yield _UNKNOWN.format(native.gate)
                return
            gate = np.kron(apply(native, matrix, [source, target]), np.eye(2))
            rho = gate @ rho @ gate.conj().T
        pair = np.einsum("sabscd->abcd", rho.reshape((2,) * 6)).reshape(4, 4)
        off = 1 - float(np.real(pair[0, 0] + pair[0, 3] + pair[3, 0] + pair[3, 3])) / 2
        if off > EXACT:
            yield f"mov {source} -> {target} is off by {off:.2g} in fidelity"


def refusal_rule(subject: Subject) -> Iterator[str]:
    """What the hardware cannot do raises DriverError and leaves nothing behind: unknown gates, qubits that
    do not exist, and measuring a qubit that is not measurable."""
    spec = subject.spec()
    count = len(spec.qubits)
    bad = [
        Operation(OpCode.ONE_QUBIT, "no_such_gate", 0),
        Operation(OpCode.ONE_QUBIT, "x", count),
        Operation(OpCode.MEASURE, "measure", count, ref=1),
    ]
    bad += [
        Operation(OpCode.MEASURE, "measure", q, ref=1) for q in range(count) if not spec.qubits[q].measurable
    ][:1]
    for operation in bad:
        driver = subject.driver()
        try:
            driver.submit(operation, 0)
        except DriverError:
            if driver.take():
                yield f"{_named(operation)} was refused, but something of it was left behind"
            continue
        yield f"{_named(operation)} was taken; DriverError is expected"


def timing_rule(subject: Subject) -> Iterator[str]:
    """The device model does each native operation, in the time that the spec says, and on the tick grid."""
    spec, driver = subject.spec(), subject.driver()
    engine = Engine()
    device = subject.device(engine)
    stream = Streams(0).stream("measure", 0)
    count = len(spec.qubits)
    work: list[Operation] = [Operation(OpCode.INIT, "init", q) for q in range(min(count, GROUP_QUBITS))]
    work += _gates(subject, spec, _draw("timing"))
    measurable = [q for q in range(count) if spec.qubits[q].measurable]
    work += [Operation(OpCode.MEASURE, "measure", q, ref=q) for q in measurable]
    at = 0
    for operation in work:
        promised = driver.submit(operation, at)
        driver.flush()
        ends = [at]
        for message in driver.take():
            for op in message.ops if isinstance(message, Operate) else ():
                if spec.tick_ns and op.start_ns % spec.tick_ns:
                    yield f"{op.gate} begins at {op.start_ns} ns, off the grid of {spec.tick_ns} ns"
                    return
                end, response = device.operate(op, stream)
                ends.append(end)
                if response < Response.SUCCESS_ZERO:
                    answer = Response(response).name
                    yield f"{_named(operation)}: the device model answered {answer} to {op.gate}"
                    return
        if max(ends) != promised:
            yield f"{_named(operation)} ends at {max(ends)} ns; spec and driver promised {promised}"
            return
        for q in range(count):  # what is entangled would grow beyond what the engine holds
            device.operate(DeviceOp(OpCode.DISCARD, promised, "", q), stream)
        at = promised


def action_rule(subject: Subject) -> Iterator[str]:
    """A native gate of the device model does what its name means: its process fidelity, noise included, is at
    least one half."""
    spec = subject.spec()
    natives: dict[tuple[str, int, int, int, int], Operation] = {}
    for operation in _gates(subject, spec, _draw("action")):
        for native in _holding(subject, []).translate(operation):
            if native.op in (OpCode.ONE_QUBIT, OpCode.TWO_QUBIT):
                natives.setdefault((native.gate, native.qubit, native.qubit2, native.n, native.d), native)
    for native in natives.values():
        matrix = subject.unitary(native)
        qubits = [q for q in (native.qubit, native.qubit2) if q >= 0]
        if matrix is None:
            continue
        found = _process_fidelity(subject, native, qubits, matrix)
        if found < RECOGNISABLE:
            yield f"{_named(native)} has process fidelity {found:.3f} with the gate of that name"


def readout_rule(subject: Subject) -> Iterator[str]:
    """A qubit that was reset reads 0, and one that was flipped then reads 1, more often than not."""
    spec = subject.spec()
    for q in [q for q in range(len(spec.qubits)) if spec.qubits[q].measurable][:4]:
        for wanted in (0, 1):
            right = sum(_read(subject, q, bool(wanted), shot) == wanted for shot in range(40))
            if right <= 20:
                yield f"qubit {q} prepared in {wanted} reads so in {right} of 40 shots"


def reset_rule(subject: Subject) -> Iterator[str]:
    """After `reset` driver and device model begin at time 0 as new ones do."""
    driver = subject.driver()
    operation = Operation(OpCode.INIT, "init", 0)
    first = driver.submit(operation, 0)
    fresh = driver.take()
    driver.entangle(1, 0, (EntangleItem(0, 0, 0),), first, 0)
    driver.reset()
    if driver.take():
        yield "the driver still has something to say after reset"
    if driver.submit(operation, 0) != first or driver.take() != fresh:
        yield "the driver answers differently after reset"
    engine = Engine()
    device = subject.device(engine)
    stream = Streams(0).stream("measure", 0)
    op = DeviceOp(OpCode.INIT, 0, "init", 0)
    before = device.operate(op, stream)
    engine.clear()
    device.reset()
    device.begin_shot(lambda purpose: Streams(0).stream(purpose, 0))
    if device.operate(op, stream) != before:
        yield "the device model answers differently after reset"


def network_rule(subject: Subject) -> Iterator[str]:
    """Under the OS: applications run to their end on two such devices, no response is lost, and the same run
    gives the same trace."""
    from qnos.api import run

    device = {"kind": subject.kind, **subject.given}
    network = {
        "os": "qnodeos",
        "nodes": [{"name": "alice", "device": device}, {"name": "bob", "device": device}],
        "links": [{"nodes": ["alice", "bob"], "kind": "perfect"}],
    }
    apps = ["lgt", "bell_pair", *["teleport"] * (len(subject.spec().qubits) > 1)]
    for app in apps:
        results = [run(app, network, shots=3, seed=4, trace=True) for _ in range(2)]
        if results[0].errors:
            yield f"{app}: {results[0].errors[0].message}"
        elif results[0].trace_sha256 != results[1].trace_sha256:
            yield f"{app}: two runs with one seed differ"


RULES: dict[str, Callable[[Subject], Iterable[str]]] = {
    "schema": schema_rule,
    "spec": spec_rule,
    "parts": parts_rule,
    "translation": translation_rule,
    "move": move_rule,
    "refusal": refusal_rule,
    "timing": timing_rule,
    "action": action_rule,
    "readout": readout_rule,
    "reset": reset_rule,
    "network": network_rule,
}
_FIRST = ("schema", "spec", "parts")  # nothing else can be tried without these


# --------------------------------------------------------------------------------------- what rules share


def _gates(subject: Subject, spec: DeviceSpec, draw: Stream) -> list[Operation]:
    """Gates of the vanilla flavour on qubits and pairs where the OS would ask for them."""
    qubits = list(range(len(spec.qubits)))
    some = qubits if len(qubits) <= 4 else [0, *sorted(_some(qubits[1:], 3, draw))]
    gates = []
    for q in some:
        for gate in ONE_QUBIT:
            n, d = (int(256 * draw.uniform()), int(9 * draw.uniform())) if gate.startswith("rot") else (0, 0)
            gates.append(Operation(OpCode.ONE_QUBIT, gate, q, -1, n, d))
    gates += [Operation(OpCode.TWO_QUBIT, gate, a, b) for a, b in subject.pairs(spec) for gate in TWO_QUBIT]
    return gates


def _draw(purpose: str) -> Stream:
    """Always the same draws, so that a verdict can be had again."""
    return Streams(0).stream(f"conformance/{purpose}", 0)


def _some(items: Sequence[Item], count: int, draw: Stream) -> list[Item]:
    """At most `count` of the items, drawn without replacement."""
    left = list(items)
    return [left.pop(int(len(left) * draw.uniform())) for _ in range(min(count, len(left)))]


def _holding(subject: Subject, qubits: Sequence[int]) -> QDriver:
    """A fresh driver of a device that holds something in these qubits."""
    driver = subject.driver()
    for q in qubits:
        driver.received(q)
    return driver


def _process_fidelity(subject: Subject, native: Operation, qubits: list[int], matrix: Matrix) -> float:
    """Of the device model's gate with a unitary, from its action on halves of Bell pairs."""
    engine = Engine()
    device = subject.device(engine)
    partners = []
    for q in qubits:
        half, partner = engine.create_pair(bell_tensor(0), 0, None, None)
        device.place(q, half)
        partners.append(partner)
    op = DeviceOp(native.op, 0, native.gate, native.qubit, native.qubit2, native.n, native.d)
    _, response = device.operate(op, Streams(0).stream("measure", 0))
    if response < Response.SUCCESS_ZERO:
        raise ConfigError(f"the device model answered {Response(response).name} to native {native.gate}")
    halves = [q for q in (device.qubits[place] for place in qubits) if q is not None]
    rho = density_of(engine.pauli_tensor([*halves, *partners]))
    size = 2 ** len(qubits)
    ket = (matrix @ np.eye(size)).reshape(-1) / np.sqrt(size)
    return float(np.real(ket.conj() @ rho @ ket))


def _read(subject: Subject, qubit: int, flipped: bool, shot: int) -> int:
    engine = Engine()
    device = subject.device(engine)
    driver = subject.driver()
    driver.submit(Operation(OpCode.INIT, "init", qubit), 0)
    if flipped:
        driver.submit(Operation(OpCode.ONE_QUBIT, "x", qubit), 0)
    driver.submit(Operation(OpCode.MEASURE, "measure", qubit, ref=0), 0)
    stream = Streams(5).stream("measure", shot)
    response = int(Response.UNKNOWN_FAILURE)
    for message in driver.take():
        for op in message.ops if isinstance(message, Operate) else ():
            _, answered = device.operate(op, stream)
            if op.ref >= 0:
                response = answered
    return int(response == Response.SUCCESS_ONE)


def _named(operation: Operation) -> str:
    qubits = " ".join(str(q) for q in (operation.qubit, operation.qubit2) if q >= 0)
    angle = f" by {operation.n} pi/2^{operation.d}" if operation.n else ""
    return f"{operation.gate} {qubits}{angle}"


def title(rule: str) -> str:
    """What a rule demands, in a sentence."""
    return " ".join((RULES[rule].__doc__ or "").split())


def holds(verdicts: Iterable[Verdict]) -> bool:
    """Whether every rule was tried and holds."""
    return all(verdict.broken == "" for verdict in verdicts)

"""Rules about the plug-in as a whole: what it is made of, what it refuses, that it begins anew, and that
programs run on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from qdriver.driver import Operation, QDriver
from qdriver.spec import broken_rules
from qnos import fields
from qnos.conformance.subject import POINT, Subject, begin, named, operands_of, told
from qnos.vetting import misfits
from qruntime.errors import DriverError
from qruntime.qdevice import DeviceOp, EntangleItem, OpCode
from qruntime.rng import Streams
from qworld.device import Device
from qworld.engine import Engine


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
    broken = broken_rules(spec)
    if broken:
        yield from broken
        return
    if spec != subject.spec():
        yield "two specs of the same parameters differ"
    if spec.links != {1: (POINT,)}:
        yield f"links are {spec.links}, not those it was given"


def parts_rule(subject: Subject) -> Iterator[str]:
    """`driver(spec)` is a QDriver, the device model a Device; both agree on qubits, exclusivity and what runs
    in parallel."""
    engine = Engine()
    spec, driver, device = subject.spec(), subject.driver(), subject.bare_device(engine)
    yield from misfits(spec, driver, device)
    if isinstance(device, Device):
        begin(device)


def refusal_rule(subject: Subject) -> Iterator[str]:
    """What the hardware cannot do raises DriverError and leaves nothing behind: unknown gates, qubits that
    do not exist or are not joined, and measuring a qubit that is not measurable."""
    spec = subject.spec()
    count = len(spec.qubits)
    bad = [
        Operation(OpCode.ONE_QUBIT, "no_such_gate", 0),
        Operation(OpCode.ONE_QUBIT, "x", count),
        Operation(OpCode.TWO_QUBIT, "cnot", 0, count),
        Operation(OpCode.TWO_QUBIT, "cnot", 0, 0),
        Operation(OpCode.MEASURE, "measure", count, ref=1),
    ]
    bad += [
        Operation(OpCode.MEASURE, "measure", q, ref=1) for q in range(count) if not spec.qubits[q].measurable
    ]
    if spec.pairs is not None:
        joined = {*spec.pairs, *((b, a) for a, b in spec.pairs)}
        apart = [(a, b) for a in range(count) for b in range(count) if a != b and (a, b) not in joined]
        bad += [Operation(OpCode.TWO_QUBIT, "cnot", a, b) for a, b in apart[:4]]
    for operation in bad:
        driver = subject.driver()
        try:
            driver.submit(operation, 0)
        except DriverError:
            if driver.take():
                yield f"{named(operation)} was refused, but something of it was left behind"
            continue
        except Exception as error:
            yield f"{named(operation)} raised {type(error).__name__}: {error}; DriverError is expected"
            continue
        yield f"{named(operation)} was taken; DriverError is expected"


def reset_rule(subject: Subject) -> Iterator[str]:
    """After `reset` driver and device model begin at time 0 as new ones do."""
    work = subject.operations(subject.spec())
    driver = subject.driver()
    fresh = _submitted(driver, work)
    driver.submit(work[0], 0)
    driver.received(0)
    driver.entangle(1, 0, (EntangleItem(0, 0, 0),), driver.free_ns, 0)
    driver.reset()
    if driver.take():
        yield "the driver still has something to say after reset"
    if _submitted(driver, work) != fresh or _submitted(subject.driver(), work) != fresh:
        yield "the driver answers differently after reset, or when it is made again"
    engine = Engine()
    device = subject.device(engine)
    ops = [op for _, batch in fresh for op in batch]
    before = _answers(device, ops)
    engine.clear()
    begin(device)
    if _answers(device, ops) != before:
        yield "the device model answers differently after reset"


def _submitted(driver: QDriver, work: Sequence[Operation]) -> list[tuple[int, list[DeviceOp]]]:
    found = []
    for operation in work:
        found.append((driver.submit(operation, 0), told(driver)))
        for qubit in operands_of(operation):
            driver.discard(qubit)
    return found


def _answers(device: Device, ops: Sequence[DeviceOp]) -> list[Any]:
    stream = Streams(0).stream("measure", 0)
    return [device.operate(op, stream) for op in ops]


def network_rule(subject: Subject) -> Iterator[str]:
    """Under the OS: applications run to their end on two such devices, no response is lost, and the same run
    gives the same results and trace."""
    from qnos.api import first_cause, run

    device = {"kind": subject.kind, **subject.given}
    network = {
        "os": "qnodeos",
        "nodes": [{"name": "alice", "device": device}, {"name": "bob", "device": device}],
        "links": [{"nodes": ["alice", "bob"], "kind": "perfect"}],
    }
    several = len(subject.spec().qubits) > 1
    for app in ["lgt", "bell_pair", "chsh", *["teleport"] * several]:
        first, second = (run(app, network, shots=3, seed=4, trace=True) for _ in range(2))
        if first.errors:
            yield f"{app}: {first_cause(first).message}"
        elif (first.trace_sha256, first.results) != (second.trace_sha256, second.results):
            yield f"{app}: two runs with one seed differ"

"""The plug-in under test: `Subject` makes its parts, and has the operations that the rules try on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import permutations
from typing import Any, TypeVar

import msgspec
import numpy as np

from qdriver.driver import Operation, QDriver
from qdriver.registry import hardware
from qdriver.spec import DeviceSpec, LinkPoint
from qnos.unitaries import Matrix, native_unitary
from qruntime.qdevice import DeviceOp, OpCode, Operate, Response
from qruntime.rng import Stream, Streams
from qworld.device import Device
from qworld.engine import Engine
from qworld.registry import device_model

ONE_QUBIT = ("x", "y", "z", "h", "s", "k", "t", "rot_x", "rot_y", "rot_z")
TWO_QUBIT = ("cnot", "cphase", "swp")
OF_FLAVOUR = {  # what a program in the device's own flavour may ask for beside that
    "vanilla": (),
    "nv": ((OpCode.TWO_QUBIT, "crot_x"), (OpCode.TWO_QUBIT, "crot_y")),
    "trapped_ion": tuple(
        (OpCode.ALL_QUBITS, gate) for gate in ("rot_x_all", "rot_y_all", "rot_z_all", "bichromatic")
    ),
}
SAMPLES = 12  # qubit pairs of large devices
UNKNOWN = "native gate {}: give the plug-in a method unitary(gate, n, d) that knows it"
POINT = LinkPoint(0, 0.9, 0.5, 1000.0, 1000.0, (0,))
Item = TypeVar("Item")


class Subject:
    """A plug-in with parameters: its parts, made anew whenever a rule asks."""

    def __init__(self, kind: str, parameters: Mapping[str, Any]) -> None:
        self.kind = kind
        self.plugin = hardware(kind)
        self.given = dict(parameters)

    def config(self) -> Any:
        """The parameters, checked by the plug-in's own schema."""
        return msgspec.convert(self.given, self.plugin.schema)

    def spec(self) -> DeviceSpec:
        """The spec with one link, to node 1."""
        return self.plugin.spec(self.config(), {1: (POINT,)})

    def driver(self) -> QDriver:
        """A fresh driver."""
        return self.plugin.driver(self.spec())

    def holding(self, qubits: Iterable[int]) -> QDriver:
        """A fresh driver of a device that holds something in these qubits."""
        driver = self.driver()
        for qubit in qubits:
            driver.received(qubit)
        return driver

    def bare_device(self, engine: Engine) -> Device:
        """A fresh device model."""
        return device_model(self.kind)(self.config(), engine)

    def device(self, engine: Engine) -> Device:
        """A fresh device model at the beginning of shot 0."""
        device = self.bare_device(engine)
        begin(device)
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
        return both if len(both) <= SAMPLES else sorted(some(both, SAMPLES, draw("pairs")))

    def gates(self, spec: DeviceSpec) -> list[Operation]:
        """Gates of the vanilla flavour on qubits and pairs where the OS would ask for them, then those of
        the device's own flavour."""
        angles = draw("angles")

        def angle(gate: str) -> tuple[int, int]:
            if "rot" not in gate and gate != "bichromatic":
                return 0, 0
            return 1 + int(255 * angles.uniform()), int(9 * angles.uniform())

        qubits = list(range(len(spec.qubits)))
        some_qubits = qubits if len(qubits) <= 4 else [0, *sorted(some(qubits[1:], 3, draw("qubits")))]
        pairs = self.pairs(spec)
        gates = [
            Operation(OpCode.ONE_QUBIT, gate, q, -1, *angle(gate)) for q in some_qubits for gate in ONE_QUBIT
        ]
        gates += [Operation(OpCode.TWO_QUBIT, gate, a, b) for a, b in pairs for gate in TWO_QUBIT]
        for op, gate in OF_FLAVOUR.get(spec.flavour, ()):
            if op == OpCode.ALL_QUBITS:
                gates.append(Operation(op, gate, -1, -1, *angle(gate)))
            else:
                own = [pair for pair in pairs if spec.pairs is None or pair in spec.pairs]
                gates += [Operation(op, gate, a, b, *angle(gate)) for a, b in own]
        return gates

    def operations(self, spec: DeviceSpec) -> list[Operation]:
        """The gates, moves, and a reset and a measurement of each qubit that can be measured."""
        count = len(spec.qubits)
        moves = [Operation(OpCode.TWO_QUBIT, "mov", a, b) for a, b in self.pairs(spec)]
        resets = [Operation(OpCode.INIT, "init", q) for q in range(count)]
        measurable = [q for q in range(count) if spec.qubits[q].measurable]
        return [
            *self.gates(spec),
            *moves,
            *resets,
            *(Operation(OpCode.MEASURE, "measure", q, ref=q) for q in measurable),
        ]


def begin(device: Device) -> None:
    """Shot 0 begins on a device model."""
    device.reset()
    device.begin_shot(lambda purpose: Streams(0).stream(purpose, 0))


def operands_of(operation: Operation) -> list[int]:
    """The qubits that an operation names."""
    return [qubit for qubit in (operation.qubit, operation.qubit2) if qubit >= 0]


def told(driver: QDriver) -> list[DeviceOp]:
    """What the driver tells the device to do now."""
    return [op for message in driver.take() if isinstance(message, Operate) for op in message.ops]


def wrong_answer(op: DeviceOp, answer: Any) -> str:
    """What is wrong with what a device model answered, empty if nothing is."""
    allowed = (
        (Response.SUCCESS_ZERO, Response.SUCCESS_ONE) if op.op == OpCode.MEASURE else (Response.SUCCESS_ZERO,)
    )
    try:
        end_ns, response = answer
    except (TypeError, ValueError):
        return f"the device model answered {answer!r} to {op.gate}; (end in ns, response) is expected"
    if type(end_ns) is not int or end_ns < op.start_ns:
        return f"the device model let {op.gate} begin at {op.start_ns} ns and end at {end_ns!r}"
    if not isinstance(response, int) or response not in allowed:
        name = Response(response).name if response in list(Response) else repr(response)
        return f"the device model answered {name} to {op.gate}"
    return ""


def draw(purpose: str) -> Stream:
    """Always the same draws, so that a verdict can be had again."""
    return Streams(0).stream(f"conformance/{purpose}", 0)


def some(items: Sequence[Item], count: int, stream: Stream) -> list[Item]:
    """At most `count` of the items, drawn without replacement."""
    left = list(items)
    return [left.pop(int(len(left) * stream.uniform())) for _ in range(min(count, len(left)))]


def bystanders_of(operation: Operation, spec: DeviceSpec, count: int) -> list[int]:
    """At most `count` qubits that an operation does not name."""
    return [q for q in range(len(spec.qubits)) if q not in operands_of(operation)][-count:]


def named(operation: Operation) -> str:
    """An operation in words."""
    angle = f"by {operation.n} pi/2^{operation.d}" if operation.n else ""
    return " ".join(filter(None, [operation.gate, *map(str, operands_of(operation)), angle]))

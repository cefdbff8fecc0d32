"""Hardware plug-ins that are wrong in one way each, and the rule that each of them breaks.

All derive from a sound one. `BROKEN` lists them with what the kit has to find.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from hashlib import sha256
from itertools import count
from typing import Annotated, Any, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta
from msgspec.structs import replace

from qdriver.driver import Operation, QDriver
from qdriver.generic import GenericConfig, GenericDriver, GenericHardware
from qdriver.ion import IonDriver, IonHardware
from qdriver.nv import NvDriver, NvHardware
from qdriver.spec import DeviceSpec, GateSpec, QubitSpec
from qruntime.qdevice import DeviceOp, OpCode, Response
from qworld.generic import GenericDevice
from qworld.ion import IonDevice
from qworld.nv import NvDevice


class Broken(NamedTuple):
    """A plug-in, the rule it breaks, words of the finding, and rules that cannot hold then."""

    plugin: type[Any]
    rule: str
    words: str
    consequences: frozenset[str]

    @property
    def kind(self) -> str:
        """As a network file names it."""
        return f"{self.plugin.__module__}:{self.plugin.__name__}"


BROKEN: list[Broken] = []


def breaks(rule: str, words: str, *consequences: str) -> Callable[[type[Any]], type[Any]]:
    """Note a plug-in with what the kit has to find; `words` is a regular expression."""

    def note(plugin: type[Any]) -> type[Any]:
        BROKEN.append(Broken(plugin, rule, words, frozenset(consequences)))
        return plugin

    return note


class Sound(GenericHardware):
    """The generic hardware under another name."""

    device: Any = GenericDevice


class Centre(NvHardware):
    """An NV centre under another name."""

    device: Any = NvDevice


class Trap(IonHardware):
    """An ion trap under another name."""

    device: Any = IonDevice


SOUND = [f"{plugin.__module__}:{plugin.__name__}" for plugin in (Sound, Centre, Trap)]


def spec_with(**changes: Any) -> staticmethod[..., Any]:
    """A `spec` that differs from the sound one."""
    return staticmethod(lambda config, links: replace(GenericHardware.spec(config, links), **changes))


def gates_with(**changes: Any) -> staticmethod[..., Any]:
    """A `spec` with other gates."""

    def spec(config: Any, links: Any) -> DeviceSpec:
        sound = GenericHardware.spec(config, links)
        return replace(sound, gates={**sound.gates, **changes})

    return staticmethod(spec)


# --- schema -------------------------------------------------------------------------------------------


@breaks("schema", "schema is <class 'dict'>; a msgspec.Struct type is needed")
class SchemaIsDict(Sound):
    schema: Any = dict


@breaks("schema", "schema is None; a msgspec.Struct type")
class SchemaIsNone(Sound):
    schema: Any = None


@breaks("schema", "frozen=True")
class SchemaMayChange(Sound):
    class Parameters(msgspec.Struct, forbid_unknown_fields=True):
        num_qubits: Annotated[int, Meta(description="qubits")] = 2

    schema: Any = Parameters


@breaks("schema", "forbid_unknown_fields=True")
class SchemaTakesAnything(Sound):
    class Parameters(msgspec.Struct, frozen=True):
        num_qubits: Annotated[int, Meta(description="qubits")] = 2

    schema: Any = Parameters


@breaks("schema", "no description for num_qubits")
class SchemaSaysNothing(Sound):
    class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
        num_qubits: int = 2

    schema: Any = Parameters


@breaks("schema", "no default for num_qubits; raised ValidationError")
class SchemaWithoutDefaults(Sound):
    class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
        num_qubits: Annotated[int, Meta(description="qubits")]

    schema: Any = Parameters


@breaks("schema", "raised ValidationError: two are too few")
class SchemaRefusesItsDefaults(Sound):
    class Parameters(GenericConfig, frozen=True, forbid_unknown_fields=True, kw_only=True):
        def __post_init__(self) -> None:
            raise ValueError("two are too few")

    schema: Any = Parameters


# --- spec ---------------------------------------------------------------------------------------------


@breaks("spec", "raised KeyError: 'qubits'")
class SpecRaises(Sound):
    @staticmethod
    def spec(config: Any, links: Any) -> Any:
        raise KeyError("qubits")


@breaks("spec", "spec-type: spec\\(\\) gave dict")
class SpecIsDict(Sound):
    spec: Any = staticmethod(lambda config, links: {})


_serial = count()


@breaks("spec", "two specs of the same parameters differ")
class SpecChanges(Sound):
    @staticmethod
    def spec(config: Any, links: Any) -> DeviceSpec:
        options = {"serial": str(next(_serial))}
        return replace(GenericHardware.spec(config, links), options=options)


@breaks("spec", "links are {}, not those it was given")
class SpecForgetsLinks(Sound):
    spec: Any = spec_with(links={})


@breaks("spec", "spec-gates: x lasts -5 ns; allowed: at least 0")
class GateOfNegativeDuration(Sound):
    spec: Any = gates_with(x=GateSpec(-5))


@breaks("spec", "spec-type: .*`int`, got `float`")
class GateOfBrokenDuration(Sound):
    spec: Any = gates_with(x=GateSpec(0.5))  # type: ignore[arg-type]


@breaks("spec", "spec-type: Expected `int`, got `float`")
class GateOfFloatDuration(Sound):
    spec: Any = gates_with(x=GateSpec(1000.0))  # type: ignore[arg-type]


@breaks("spec", "spec-gates: there is no 'init'")
class NoReset(Sound):
    @staticmethod
    def spec(config: Any, links: Any) -> DeviceSpec:
        sound = GenericHardware.spec(config, links)
        return replace(sound, gates={name: gate for name, gate in sound.gates.items() if name != "init"})


@breaks("spec", "spec-flavour: flavour is 'strawberry'")
class StrangeFlavour(Sound):
    spec: Any = spec_with(flavour="strawberry")


@breaks("spec", "spec-coherence: qubit 0 has T2 30.0 above 2 T1, 20.0")
class UnphysicalCoherence(Sound):
    spec: Any = spec_with(qubits=(QubitSpec("communication", 10.0, 30.0),) * 2)


@breaks("spec", "spec-type: Invalid enum value 'idle'")
class StrangeRole(Sound):
    spec: Any = spec_with(qubits=(QubitSpec("idle", math.inf, math.inf),) * 2)  # type: ignore[arg-type]


@breaks("spec", "spec-measurable: no qubit can be measured")
class NothingMeasurable(Sound):
    spec: Any = spec_with(qubits=(QubitSpec("communication", math.inf, math.inf, measurable=False),) * 2)


@breaks("spec", "spec-communication: no qubit can be entangled")
class NoCommunication(Sound):
    spec: Any = spec_with(qubits=(QubitSpec("memory", math.inf, math.inf),) * 2)


@breaks("spec", r"spec-pairs: \(0, 2\) is no pair")
class PairOutside(Sound):
    spec: Any = spec_with(pairs=((0, 2),))


@breaks("spec", "spec-parallel: wait in parallel is no native")
class StrangeParallel(Sound):
    spec: Any = spec_with(parallel=("wait",))


# --- parts --------------------------------------------------------------------------------------------


@breaks("parts", "gave object; a qdriver.driver.QDriver is needed")
class DriverIsNone(Sound):
    driver: Any = staticmethod(lambda spec: object())


@breaks("parts", "raised RuntimeError: no licence")
class DriverRaises(Sound):
    @staticmethod
    def driver(spec: DeviceSpec) -> QDriver:
        raise RuntimeError("no licence")


@breaks("parts", "the device model is dict")
class DeviceIsNone(Sound):
    device: Any = staticmethod(lambda parameters, engine: {})


@breaks("parts", "raised RuntimeError: no cooling")
class DeviceRaises(Sound):
    @staticmethod
    def device(parameters: Any, engine: Any) -> Any:
        raise RuntimeError("no cooling")


@breaks("parts", "qubits: 2 in the spec, 3 in the device model")
class MoreQubitsThanSaid(Sound):
    @staticmethod
    def device(parameters: Any, engine: Any) -> Any:
        return GenericDevice(replace(parameters, num_qubits=3), engine)


@breaks("parts", "attempt_exclusive: False in the spec, True in the device model")
class ExclusiveUnsaid(Sound):
    class device(GenericDevice):
        attempt_exclusive = True


@breaks("parts", r"parallel: \['init'\] in the spec, \[\] in the device model")
class ParallelInVain(Sound):
    spec: Any = spec_with(parallel=("init",))


@breaks("parts", "raised ValueError: no field")
class ShotCannotBegin(Sound):
    class device(GenericDevice):
        def begin_shot(self, stream: Any) -> None:
            raise ValueError("no field")


# --- translation --------------------------------------------------------------------------------------


def driver_of(translate: Callable[..., Any], base: type[QDriver] = GenericDriver) -> staticmethod[..., Any]:
    """A `driver` whose `translate(driver, operation)` may give None for what the sound one says."""

    class Driver(base):  # type: ignore[valid-type, misc]
        def translate(self, operation: Operation) -> Sequence[Operation]:
            found = translate(self, operation)
            return super().translate(operation) if found is None else found

    return staticmethod(Driver)


def one(gate: str, qubit: int, n: int = 0, d: int = 0, ref: int = -1) -> Operation:
    """A native operation on one qubit."""
    return Operation(OpCode.ONE_QUBIT, gate, qubit, -1, n, d, ref)


def cnot(a: int, b: int) -> Operation:
    """A native cnot."""
    return Operation(OpCode.TWO_QUBIT, "cnot", a, b)


@breaks("translation", "t 0 alone is off by 0.5 in fidelity; t 1 alone is off")
class InvertedT(Sound):
    driver: Any = driver_of(lambda self, op: [one("rot_z", op.qubit, 7, 2)] if op.gate == "t" else None)


@breaks("translation", "swp 0 1 alone is off by 0.75")
class SwapOfTwo(Sound):
    driver: Any = driver_of(
        lambda self, op: [cnot(op.qubit, op.qubit2), cnot(op.qubit2, op.qubit)] if op.gate == "swp" else None
    )


@breaks("translation", "x 0 alone becomes init of qubit 0, which cannot be undone")
class ResetsOnTheWay(Sound):
    driver: Any = driver_of(
        lambda self, op: [Operation(OpCode.INIT, "init", op.qubit), op] if op.gate == "x" else None
    )


@breaks("translation", "cannot be judged: native gate wiggle: give the plug-in a method unitary")
class UnknownGate(Sound):
    spec: Any = gates_with(wiggle=GateSpec(1_000))
    driver: Any = driver_of(lambda self, op: [one("wiggle", op.qubit)] if op.gate == "x" else None)

    class device(GenericDevice):
        def duration_ns(self, op: DeviceOp) -> int:
            return 1_000 if op.gate == "wiggle" and op.qubit2 < 0 else super().duration_ns(op)

        def map1(self, gate: str, n: int, d: int, qubit: int) -> Any:
            return super().map1("x" if gate == "wiggle" else gate, n, d, qubit)


@breaks(
    "translation",
    "cnot 1 0 alone becomes crot_x 1 0 by 8 pi/2.4, a pair that is not in the spec that way round",
)
class ControlsWithCarbon(Centre):
    driver: Any = driver_of(
        lambda self, op: (
            [Operation(OpCode.TWO_QUBIT, "crot_x", op.qubit, op.qubit2, 8, 4)]
            if op.gate == "cnot" and op.qubit == 1
            else None
        ),
        NvDriver,
    )


@breaks("translation", r"x 0 beside qubits \[1\] is off by 1 in fidelity")
class BlindToOthers(Trap):
    """Translates for an empty trap, whoever is there."""

    class driver(IonDriver):
        looks_at_present = False

        def translate(self, operation: Operation) -> Sequence[Operation]:
            self.present = 0
            operands = [q for q in (operation.qubit, operation.qubit2) if q >= 0]
            for qubit in operands:
                self.present |= 1 << qubit
            found = super().translate(operation)
            self.present = 0
            return found


# --- history ------------------------------------------------------------------------------------------


@breaks("history", "x 0 becomes something else on a new driver", "reset")
class TranslatesByChance(Sound):
    """Every other driver does `x` in another way."""

    class driver(GenericDriver):
        def __init__(self, spec: DeviceSpec) -> None:
            super().__init__(spec)
            self.times = 1 + 2 * (next(_serial) % 2)

        def translate(self, operation: Operation) -> Sequence[Operation]:
            return [operation] * self.times if operation.gate == "x" else super().translate(operation)


@breaks("history", r"x 0 becomes something else when others have come")
class KeepsItsOwnBooks(Sound):
    """Looks at who is there, and does not tell the base class that it does."""

    class driver(GenericDriver):
        def __init__(self, spec: DeviceSpec) -> None:
            super().__init__(spec)
            self.guests: list[int] = []

        def reset(self) -> None:
            super().reset()
            self.guests.clear()

        def received(self, qubit: int) -> None:
            super().received(qubit)
            self.guests.append(qubit)

        def discard(self, qubit: int) -> None:
            super().discard(qubit)
            if qubit in self.guests:
                self.guests.remove(qubit)

        def translate(self, operation: Operation) -> Sequence[Operation]:
            if operation.gate == "x" and len(self.guests) > 1:
                return [operation] * 3
            return super().translate(operation)


@breaks("history", "becomes something else when they are gone again")
class NeverForgetsGuests(Sound):
    class driver(GenericDriver):
        looks_at_present = True

        def discard(self, qubit: int) -> None:
            present = self.present
            super().discard(qubit)
            self.present = present

        def translate(self, operation: Operation) -> Sequence[Operation]:
            if operation.gate == "x" and self.present.bit_count() > 1:
                return [operation] * 3
            return super().translate(operation)


# --- move ---------------------------------------------------------------------------------------------


@breaks("move", "mov 0 -> 1 alone is off by")
class MovesOntoLeftovers(Sound):
    driver: Any = driver_of(
        lambda self, op: [cnot(op.qubit, op.qubit2), cnot(op.qubit2, op.qubit)] if op.gate == "mov" else None
    )


@breaks("move", "mov 0 -> 1 alone is off by 0.5")
class CopiesInsteadOfMoving(Sound):
    driver: Any = driver_of(
        lambda self, op: (
            [Operation(OpCode.INIT, "init", op.qubit2), cnot(op.qubit, op.qubit2)]
            if op.gate == "mov"
            else None
        )
    )


# --- refusal ------------------------------------------------------------------------------------------


@breaks("refusal", "no_such_gate 0 was taken; DriverError is expected")
class TakesAnyGate(Sound):
    driver: Any = driver_of(lambda self, op: [one("x", op.qubit)] if op.gate == "no_such_gate" else None)


@breaks("refusal", "measure 1 was taken; DriverError is expected")
class MeasuresCarbon(Centre):
    driver: Any = driver_of(lambda self, op: [op] if op.op == OpCode.MEASURE else None, NvDriver)


@breaks("refusal", "cnot 1 2 was taken")
class JoinsCarbons(Centre):
    class Parameters(NvHardware.schema, frozen=True, forbid_unknown_fields=True, kw_only=True):
        num_qubits: Annotated[int, Meta(description="qubits")] = 3

    schema: Any = Parameters
    driver: Any = driver_of(
        lambda self, op: (
            [one("rot_x", op.qubit)] if op.gate == "cnot" and 0 not in (op.qubit, op.qubit2) else None
        ),
        NvDriver,
    )


@breaks("refusal", "no_such_gate 0 raised KeyError: 'no_such_gate'; DriverError is expected")
class RefusesItsOwnWay(Sound):
    class driver(GenericDriver):
        def submit(self, operation: Operation, at_ns: int) -> int:
            if operation.gate not in self.spec.gates and operation.gate not in ("swp", "mov"):
                raise KeyError(operation.gate)
            return super().submit(operation, at_ns)


@breaks("refusal", "no_such_gate 0 was refused, but something of it was left behind", "readout")
class LeavesHalfBehind(Sound):
    class driver(GenericDriver):
        def submit(self, operation: Operation, at_ns: int) -> int:
            super().submit(one("x", 0), at_ns)
            return super().submit(operation, at_ns)


# --- timing -------------------------------------------------------------------------------------------


def slower(gate: str, by: Any) -> type[GenericDevice]:
    """A device model with one gate of another duration."""

    class Slower(GenericDevice):
        def duration_ns(self, op: DeviceOp) -> int:
            found = super().duration_ns(op)
            return found + by if op.gate == gate else found  # type: ignore[no-any-return]

    return Slower


@breaks("timing", "cnot lasts 100001 ns in the device model, 100000 ns in the spec", "network")
class SlowerByOne(Sound):
    device: Any = slower("cnot", 1)


@breaks("timing", "k lasts 999 ns in the device model, 1000 ns in the spec")
class FasterByOne(Sound):
    device: Any = slower("k", -1)


@breaks("timing", r"x lasts 1000.0 ns in the device model", "action", "network")
class FloatTimes(Sound):
    device: Any = slower("x", 0.0)


@breaks("timing", "measure lasts 10001 ns in the device model", "noise", "network")
class SlowReadout(Sound):
    device: Any = slower("measure", 1)


@breaks("timing", "the device model does not know wiggle, which is native in the spec")
class PromisesTooMuch(Sound):
    spec: Any = gates_with(wiggle=GateSpec(1_000))


@breaks("timing", "x begins at 20001 ns, off the grid of 20 ns|begins at .* ns, off the grid")
class OffTheGrid(Sound):
    spec: Any = spec_with(tick_ns=20)

    class driver(GenericDriver):
        def on_grid(self, t_ns: int) -> int:
            return t_ns


class _Answers(GenericDevice):
    """Answers something else to one gate."""

    gate = "z"

    def operate(self, op: DeviceOp, stream: Any) -> Any:
        answer = super().operate(op, stream)
        return self.instead(op, answer) if op.gate == self.gate else answer

    def instead(self, op: DeviceOp, answer: tuple[int, int]) -> Any:
        return answer


@breaks("timing", "z 0: the device model answered 99 to z", "action")
class NonsenseResponse(Sound):
    class device(_Answers):
        def instead(self, op: DeviceOp, answer: Any) -> Any:
            return answer[0], 99


@breaks("timing", "z 0: the device model answered HARDWARE_FAILURE to z", "action")
class FailsAtZ(Sound):
    class device(_Answers):
        def instead(self, op: DeviceOp, answer: Any) -> Any:
            return op.start_ns, Response.HARDWARE_FAILURE


@breaks("timing", "z 0: the device model answered None to z", "action")
class SaysNothing(Sound):
    class device(_Answers):
        def instead(self, op: DeviceOp, answer: Any) -> Any:
            return None


@breaks("timing", r"let z begin at \d+ ns and end at -1", "action")
class EndsBeforeItBegins(Sound):
    class device(_Answers):
        def instead(self, op: DeviceOp, answer: Any) -> Any:
            return -1, answer[1]


@breaks("timing", "answered SUCCESS_PSI_PLUS to measure", "readout", "network")
class HeraldsAMeasurement(Sound):
    class device(_Answers):
        gate = "measure"

        def instead(self, op: DeviceOp, answer: Any) -> Any:
            return answer[0], Response.SUCCESS_PSI_PLUS


@breaks("timing", "raised ZeroDivisionError", "action", "reset")
class RaisesAtZ(Sound):
    class device(_Answers):
        def instead(self, op: DeviceOp, answer: Any) -> Any:
            return 1 // 0


@breaks(
    "history", "raised DriverError: .*not exactly one measures and has its ref",
    "timing", "readout", "reset", "network",
)  # fmt: skip
class LosesTheRef(Sound):
    driver: Any = driver_of(lambda self, op: [replace(op, ref=-1)] if op.op == OpCode.MEASURE else None)


@breaks(
    "history", "raised DriverError: .*not exactly one measures and has its ref",
    "timing", "readout", "reset", "network",
)  # fmt: skip
class GivesTheRefTwice(Sound):
    driver: Any = driver_of(lambda self, op: [op, op] if op.op == OpCode.MEASURE else None)


@breaks(
    "history", "raised DriverError: .*not exactly one measures and has its ref",
    "timing", "readout", "reset", "network",
)  # fmt: skip
class AsksTheWrongOne(Sound):
    """The reset is asked for the outcome."""

    driver: Any = driver_of(
        lambda self, op: (
            [replace(op, ref=-1), Operation(OpCode.INIT, "init", op.qubit, ref=op.ref)]
            if op.op == OpCode.MEASURE
            else None
        )
    )


@breaks(
    "history", "raised DriverError: .*into whirl, which the device does not have", "move", "timing", "reset"
)
class GateThatThereIsNot(Sound):
    driver: Any = driver_of(lambda self, op: [one("whirl", op.qubit)] if op.gate == "mov" else None)


# --- action -------------------------------------------------------------------------------------------


def acting(**instead: str) -> type[GenericDevice]:
    """A device model that does another gate than it is asked for."""

    class Acting(GenericDevice):
        def map1(self, gate: str, n: int, d: int, qubit: int) -> Any:
            return super().map1(instead.get(gate, gate), n, d, qubit)

        def map2(self, gate: str, n: int, d: int, qubit: int, qubit2: int) -> Any:
            return super().map2(instead.get(gate, gate), n, d, qubit, qubit2)

    return Acting


@breaks("action", "z 0 has process fidelity 0.000 with the gate of that name")
class ZIsX(Sound):
    device: Any = acting(z="x")


@breaks("action", "cnot 0 1 has process fidelity 0.2")
class CnotIsCphase(Sound):
    device: Any = acting(cnot="cphase")


@breaks("action", "t 0 is, but for noise, another gate: fidelity 0.854")
class NoT(Sound):
    class device(GenericDevice):
        def map1(self, gate: str, n: int, d: int, qubit: int) -> Any:
            return np.eye(4) if gate == "t" else super().map1(gate, n, d, qubit)


@breaks("action", "cnot 0 1 has process fidelity 0.062")
class CnotBackwards(Sound):
    class device(GenericDevice):
        def map2(self, gate: str, n: int, d: int, qubit: int, qubit2: int) -> Any:
            found = super().map2(gate, n, d, qubit, qubit2)
            return found.reshape(4, 4, 4, 4).transpose(1, 0, 3, 2).reshape(16, 16)


@breaks("action", "s 0 is no physical map: it makes a state of trace 1 with least eigenvalue -0.5")
class Transposes(Sound):
    class device(GenericDevice):
        def map1(self, gate: str, n: int, d: int, qubit: int) -> Any:
            found = super().map1(gate, n, d, qubit)
            return np.diag([1.0, 1.0, -1.0, 1.0]) @ found if gate == "s" else found


@breaks("action", "s 0 makes a state of numbers that are none")
class MakesNan(Sound):
    class device(GenericDevice):
        def map1(self, gate: str, n: int, d: int, qubit: int) -> Any:
            found = super().map1(gate, n, d, qubit)
            return found * np.nan if gate == "s" else found


_noise = count()


@breaks("action", "s 0 does not do the same twice")
class NoiseOfItsOwn(Sound):
    class device(GenericDevice):
        def map1(self, gate: str, n: int, d: int, qubit: int) -> Any:
            found = super().map1(gate, n, d, qubit)
            kept = 1.0 - 0.01 * (next(_noise) % 7)
            return np.diag([1.0, kept, kept, 1.0]) @ found if gate == "s" else found


@breaks("action", "rot_x_all by .* has process fidelity|rot_x_all by .* is, but for noise")
class TrapTurnsTheOtherWay(Trap):
    class device(IonDevice):
        def collective(self, op: DeviceOp) -> None:
            if op.gate == "rot_x_all":
                op = replace(op, gate="rot_y_all")
            super().collective(op)


# --- noise --------------------------------------------------------------------------------------------


@breaks("noise", r"idle\(0\) gave float", "network")
class IdleIsANumber(Sound):
    class device(GenericDevice):
        def idle(self, qubit: int) -> Any:
            return 1e9

        def _fresh(self, qubit: int, t_ns: int) -> Any:
            q = self.qubits[qubit] = self.engine.create(t_ns, None)
            return q


@breaks("noise", r"readout\(0\) gave \(0.0, 1.5\); two probabilities are needed")
class ReadoutAboveOne(Sound):
    class device(GenericDevice):
        def readout(self, qubit: int) -> tuple[float, float]:
            return 0.0, 1.5

        def _measure(self, q: Any, qubit: int, start_ns: int, stream: Any) -> int:
            return self.engine.measure(q, stream.uniform())


@breaks("noise", "an attempt on qubit 0 is no physical map")
class AttemptsTranspose(Sound):
    class device(GenericDevice):
        def after_attempts(self, count: int, bright: float) -> None:
            for q in self.qubits:
                if q is not None:
                    self.engine.apply1(q, np.diag([1.0, 1.0, -1.0, 1.0]))


@breaks("noise", "raised RuntimeError: shelved", "network")
class AttemptsRaise(Sound):
    class device(GenericDevice):
        def after_attempts(self, count: int, bright: float) -> None:
            raise RuntimeError("shelved")


@breaks("noise", "measuring half of a pair in qubit 0 at once gave")
class LateAtOnce(Sound):
    class device(GenericDevice):
        def measure_pair_half(self, *given: Any) -> tuple[int, int]:
            end_ns, bit = super().measure_pair_half(*given)
            return end_ns + 1, bit


@breaks("noise", "can_herald is neither True nor False")
class HeraldsSometimes(Sound):
    class device(GenericDevice):
        can_herald: Any = 0.5


# --- readout ------------------------------------------------------------------------------------------


@breaks("readout", "qubit 0 prepared in 0 reads so in 0 of 40 shots; qubit 0 prepared in 1 reads so in 0")
class ReadsBackwards(Sound):
    class device(GenericDevice):
        def readout(self, qubit: int) -> tuple[float, float]:
            return 1.0, 1.0


@breaks("readout", "qubit 1 prepared in 1 reads so in 0 of 40 shots")
class NeverReadsOne(Sound):
    class device(GenericDevice):
        def readout(self, qubit: int) -> tuple[float, float]:
            return (0.0, 1.0) if qubit == 1 else (0.0, 0.0)


# --- reset --------------------------------------------------------------------------------------------


@breaks("reset", "the driver answers differently after reset")
class DriverKeepsItsClock(Sound):
    class driver(GenericDriver):
        def reset(self) -> None:
            free_ns = self.free_ns
            super().reset()
            self.free_ns = free_ns


@breaks("reset", "the driver still has something to say after reset")
class DriverKeepsItsMessages(Sound):
    class driver(GenericDriver):
        def reset(self) -> None:
            messages = list(self._messages)
            super().reset()
            self._messages += messages


@breaks("reset", "the device model answers differently after reset", "network")
class DeviceKeepsItsClock(Sound):
    class device(GenericDevice):
        def reset(self) -> None:
            busy_ns = self.busy_ns
            super().reset()
            self.busy_ns = busy_ns


# --- network ------------------------------------------------------------------------------------------


@breaks("network", "bell_pair: .*TIMEOUT: 0 of 1 pairs with bob were made within")
class NeverAttempts(Sound):
    """What it is told about pairs does not reach the device."""

    class driver(GenericDriver):
        def entangle(self, *given: Any, **more: Any) -> None:
            return None


@breaks("network", "chsh: two runs with one seed differ")
class DrawsByItself(Sound):
    """Flips outcomes by a generator of its own, which no shot begins anew."""

    class device(GenericDevice):
        def measure_pair_half(self, *given: Any) -> tuple[int, int]:
            end_ns, bit = super().measure_pair_half(*given)
            return end_ns, bit ^ (sha256(str(next(_serial)).encode()).digest()[0] & 1)

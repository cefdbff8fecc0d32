"""Hardware plug-ins that load and go wrong only when they are used."""

from __future__ import annotations

from typing import Any

from qdriver.driver import Operation
from qruntime.qdevice import DeviceOp, OpCode, Response
from qworld.generic import GenericDevice
from tests.conformance.broken import Sound, driver_of, slower


class TranslateRaises(Sound):
    driver: Any = driver_of(lambda self, op: 1 // 0 if op.gate == "z" else None)


class TranslatesToText(Sound):
    driver: Any = driver_of(lambda self, op: ["z"] if op.gate == "z" else None)


HALF: Any = 0.5


class TranslatesToFloats(Sound):
    driver: Any = driver_of(
        lambda self, op: [Operation(OpCode.ONE_QUBIT, "z", HALF)] if op.gate == "z" else None
    )


class TranslatesToNothing(Sound):
    driver: Any = driver_of(lambda self, op: [] if op.gate == "z" else None)


class OperateRaises(Sound):
    class device(GenericDevice):
        def operate(self, op: DeviceOp, stream: Any) -> Any:
            if op.gate == "z":
                raise OSError("laser off")
            return super().operate(op, stream)


class OperateAnswers(Sound):
    """The answer to `z` is `answer`."""

    answer: Any = None

    @classmethod
    def device(cls, parameters: Any, engine: Any) -> Any:
        answer = cls.answer

        class Device(GenericDevice):
            def operate(self, op: DeviceOp, stream: Any) -> Any:
                found = super().operate(op, stream)
                return answer if op.gate == "z" else found

        return Device(parameters, engine)


class AnswersNone(OperateAnswers):
    answer = None


class AnswersNonsense(OperateAnswers):
    answer = 10**9, 99


class AnswersUnhashable(OperateAnswers):
    answer = 10**9, [8]


class AnswersThePast(OperateAnswers):
    answer = -1, Response.SUCCESS_ZERO


class MapRaises(Sound):
    class device(GenericDevice):
        def map1(self, gate: str, n: int, d: int, qubit: int) -> Any:
            if gate == "z":
                raise LookupError("no table")
            return super().map1(gate, n, d, qubit)


class GateTooSlow(Sound):
    """The model needs longer for `z` than the spec says, so what follows comes too soon."""

    device: Any = slower("z", 10**6)


class ReadoutRaises(Sound):
    class device(GenericDevice):
        def readout(self, qubit: int) -> Any:
            raise OSError("camera off")


class ReadoutTooSlow(Sound):
    device: Any = slower("measure", 1)


class ReadoutTooFast(Sound):
    device: Any = slower("measure", -1)


class NeverReads(Sound):
    """A measurement ends in eleven days."""

    device: Any = slower("measure", 10**15)


class ShotRaises(Sound):
    class device(GenericDevice):
        def begin_shot(self, stream: Any) -> None:
            raise OSError("no field")


class IdleRaises(Sound):
    class device(GenericDevice):
        def idle(self, qubit: int) -> Any:
            raise OSError("no table")

        def _fresh(self, qubit: int, t_ns: int) -> Any:
            q = self.qubits[qubit] = self.engine.create(t_ns, None)
            return q


class AttemptsRaise(Sound):
    class device(GenericDevice):
        def after_attempts(self, count: int, bright: float) -> None:
            raise OSError("no light")


class AtOnceRaises(Sound):
    class device(GenericDevice):
        def measure_pair_half(self, *given: Any) -> Any:
            raise OSError("camera off")


class AtOnceNonsense(Sound):
    class device(GenericDevice):
        def measure_pair_half(self, *given: Any) -> Any:
            return 0, 7


class HeraldingRaises(Sound):
    class device(GenericDevice):
        @property
        def can_herald(self) -> Any:
            raise OSError("no counter")

"""The generic hardware: any number of equal qubits, all of them communication qubits, with simple durations
and noise.

Everything of the vanilla flavour is native but `mov` and `swp`. `GenericConfig` is what a network file may
say.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from qdriver.driver import Operation, QDriver
from qdriver.spec import DeviceSpec, GateSpec, LinkPoint, QubitSpec
from qruntime.limits import LONGEST_NS
from qruntime.qdevice import OpCode

ONE_QUBIT_GATES = ("x", "y", "z", "h", "s", "k", "t", "rot_x", "rot_y", "rot_z")
TWO_QUBIT_GATES = ("cnot", "cphase")

Time = Annotated[float, Meta(ge=0)]


class GenericQubitConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is known of one qubit in particular; null: as the device says for all."""

    t1_ns: Annotated[Time | None, Meta(description="amplitude damping time; 0 or .inf: none")] = None
    t2_ns: Annotated[
        Time | None,
        Meta(description="dephasing time, at most 2 t1_ns; 0 or .inf: none"),
    ] = None


class GenericConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True):
    """Parameters of a generic device.

    The defaults are those of SquidASM's generic device, so they are noisy.
    """

    num_qubits: Annotated[int, Meta(ge=1, le=1024, description="number of qubits; all can be entangled")] = 2
    t1_ns: Annotated[float, Meta(ge=0, description="amplitude damping time; 0 or .inf: none")] = 1e10
    t2_ns: Annotated[float, Meta(ge=0, description="dephasing time, at most 2 t1_ns; 0 or .inf: none")] = 1e9
    depolarise_ns: Annotated[
        float, Meta(ge=0, description="idle depolarising time, beside T1 and T2; 0 or .inf: none")
    ] = 0.0
    init_ns: Annotated[int, Meta(ge=0, le=LONGEST_NS, description="duration of a reset to |0>")] = 10_000
    single_qubit_gate_ns: Annotated[
        int, Meta(ge=0, le=LONGEST_NS, description="duration of a one-qubit gate")
    ] = 1_000
    two_qubit_gate_ns: Annotated[
        int, Meta(ge=0, le=LONGEST_NS, description="duration of cnot and cphase")
    ] = 100_000
    measure_ns: Annotated[int, Meta(ge=0, le=LONGEST_NS, description="duration of a measurement")] = 10_000
    init_depolarise: Annotated[float, Meta(ge=0, le=1, description="depolarising probability of a reset")] = (
        0.0
    )
    single_qubit_gate_depolarise: Annotated[
        float, Meta(ge=0, le=1, description="depolarising probability of a one-qubit gate")
    ] = 0.0
    two_qubit_gate_depolarise: Annotated[
        float, Meta(ge=0, le=1, description="depolarising probability of a two-qubit gate, on each qubit")
    ] = 0.01
    two_qubit_noise: Annotated[
        Literal["each", "joint"],
        Meta(description="each: D_p on both qubits independently; joint: (1-p) rho + p I/4"),
    ] = "each"
    readout_error_0: Annotated[float, Meta(ge=0, le=1, description="P(read 1 | prepared 0)")] = 0.0
    readout_error_1: Annotated[float, Meta(ge=0, le=1, description="P(read 0 | prepared 1)")] = 0.0
    single_qubits: Annotated[
        tuple[GenericQubitConfig, ...], Meta(description="what is known of single qubits, in their order")
    ] = ()
    tick_ns: Annotated[
        int, Meta(ge=0, le=LONGEST_NS, description="operations start on multiples of this; 0: any time")
    ] = 0

    def __post_init__(self) -> None:
        if len(self.single_qubits) > self.num_qubits:
            raise ValueError(
                f"single_qubits describes {len(self.single_qubits)} of them; num_qubits is {self.num_qubits}"
            )
        _check_times("", self.t1_ns, self.t2_ns)
        for index, (t1_ns, t2_ns) in enumerate(self.times_ns):
            _check_times(f"single_qubits[{index}].", t1_ns, t2_ns)

    @cached_property
    def times_ns(self) -> tuple[tuple[float, float], ...]:
        """T1 and T2 of every qubit."""
        described = [
            *self.single_qubits,
            *[GenericQubitConfig()] * (self.num_qubits - len(self.single_qubits)),
        ]
        return tuple(
            (
                self.t1_ns if qubit.t1_ns is None else qubit.t1_ns,
                self.t2_ns if qubit.t2_ns is None else qubit.t2_ns,
            )
            for qubit in described
        )


def _check_times(where: str, t1_ns: float, t2_ns: float) -> None:
    most_ns = 2 * (t1_ns or math.inf)
    if math.isfinite(t2_ns) and t2_ns > most_ns:
        raise ValueError(f"{where}t2_ns is {t2_ns:g}; with t1_ns {t1_ns:g} at most {most_ns:g} is physical")


class GenericHardware:
    """Equal qubits, all of them communication qubits, with simple durations and noise."""

    schema = GenericConfig

    @staticmethod
    def spec(config: GenericConfig, links: Mapping[int, Sequence[LinkPoint]]) -> DeviceSpec:
        """The device as the OS sees it."""
        one = GateSpec(config.single_qubit_gate_ns, config.single_qubit_gate_depolarise)
        two = GateSpec(config.two_qubit_gate_ns, config.two_qubit_gate_depolarise)
        gates = dict.fromkeys(ONE_QUBIT_GATES, one) | dict.fromkeys(TWO_QUBIT_GATES, two)
        gates["init"] = GateSpec(config.init_ns, config.init_depolarise)
        gates["measure"] = GateSpec(config.measure_ns)
        depolarise_ns = config.depolarise_ns or math.inf
        qubits = [
            QubitSpec("communication", t1_ns or math.inf, t2_ns or math.inf, depolarise_ns=depolarise_ns)
            for t1_ns, t2_ns in config.times_ns
        ]
        return DeviceSpec(
            kind="generic",
            flavour="vanilla",
            qubits=tuple(qubits),
            gates=gates,
            attempt_exclusive=False,
            tick_ns=config.tick_ns,
            links={peer: tuple(points) for peer, points in links.items()},
            readout_errors=(config.readout_error_0, config.readout_error_1),
        )

    @staticmethod
    def driver(spec: DeviceSpec) -> QDriver:
        """A driver for that spec."""
        return GenericDriver(spec)


class GenericDriver(QDriver):
    """Passes gates through; composes the two that the device lacks."""

    def translate(self, operation: Operation) -> Sequence[Operation]:
        """`swp` is three cnot; `mov` resets the target and needs two."""
        if operation.gate == "swp":
            a, b = operation.qubit, operation.qubit2
            return (_cnot(a, b), _cnot(b, a), _cnot(a, b))
        if operation.gate == "mov":
            source, target = operation.qubit, operation.qubit2
            reset = Operation(OpCode.INIT, "init", target)
            return (reset, _cnot(source, target), _cnot(target, source))
        return (operation,)


def _cnot(control: int, target: int) -> Operation:
    return Operation(OpCode.TWO_QUBIT, "cnot", control, target)

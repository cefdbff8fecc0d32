"""The trapped-ion hardware: ions of one trap, each of which can be entangled with another node.

Native are rotations of one ion about Z, rotations of all ions about X, Y or Z, the Moelmer-Sorensen
interaction of all ions (`bichromatic`), and reset and readout ion by ion, several at a time. `ion_gates`
makes the vanilla gates of them. `IonConfig` is what a network file may say.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from qdriver.driver import Operation, QDriver
from qdriver.ion_gates import one_ion_gate, two_ion_gate
from qdriver.spec import DeviceSpec, GateSpec, LinkPoint, QubitSpec
from qruntime.limits import LONGEST_NS
from qruntime.qdevice import DeviceOp, OpCode

ROTATIONS_OF_ALL = ("rot_x_all", "rot_y_all", "rot_z_all")
PARALLEL = ("init", "measure")
UNSHELVE = "unshelve"  # of the device, not of programs: an ion whose pair was heralded takes part from now on


class IonConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Parameters of a trapped-ion device.

    The defaults are those of SquidASM's trapped-ion set, which cites arXiv:2207.10579 App. A.6, so they are
    noisy.
    """

    num_qubits: Annotated[int, Meta(ge=1, le=64, description="number of ions; all can be entangled")] = 2
    t1_ns: Annotated[float, Meta(ge=0, description="amplitude damping time; 0 or .inf: none")] = 0.0
    t2_ns: Annotated[
        float, Meta(ge=0, description="dephasing time, at most 2 t1_ns if exponential; 0 or .inf: none")
    ] = 85e6
    dephasing: Annotated[
        Literal["exponential", "collective"],
        Meta(
            description="exponential: each ion on its own, e^(-t/T2); collective: all ions of the trap turn "
            "by 2 x t/T2 about Z, x normal and drawn once per shot"
        ),
    ] = "exponential"
    init_ns: Annotated[int, Meta(ge=0, le=LONGEST_NS, description="duration of a reset to |0>")] = 36_000
    rot_z_ns: Annotated[int, Meta(ge=0, le=LONGEST_NS, description="duration of a Z rotation of one ion")] = (
        26_600
    )
    all_ion_ns: Annotated[
        int, Meta(ge=0, le=LONGEST_NS, description="duration of a rotation of all ions")
    ] = 107_000
    ms_ns: Annotated[
        int, Meta(ge=0, le=LONGEST_NS, description="duration of a Moelmer-Sorensen interaction")
    ] = 107_000
    measure_ns: Annotated[
        int, Meta(ge=0, le=LONGEST_NS, description="duration of a measurement, of one ion or several")
    ] = 1_500_000
    init_depolarise: Annotated[float, Meta(ge=0, le=1, description="depolarising probability of a reset")] = (
        0.0
    )
    rot_z_depolarise: Annotated[
        float, Meta(ge=0, le=1, description="depolarising probability of a Z rotation of one ion")
    ] = 0.02
    all_ion_depolarise: Annotated[
        float, Meta(ge=0, le=1, description="depolarising probability of a rotation of all ions, on each ion")
    ] = 0.1
    ms_depolarise: Annotated[
        float,
        Meta(
            ge=0, le=1, description="depolarising probability of a Moelmer-Sorensen interaction, on each ion"
        ),
    ] = 0.1
    readout_error_0: Annotated[float, Meta(ge=0, le=1, description="P(read 1 | prepared 0)")] = 0.0
    readout_error_1: Annotated[float, Meta(ge=0, le=1, description="P(read 0 | prepared 1)")] = 0.0
    tick_ns: Annotated[
        int, Meta(ge=0, le=LONGEST_NS, description="operations start on multiples of this; 0: any time")
    ] = 0

    def __post_init__(self) -> None:
        t1_ns = self.t1_ns or math.inf
        t2_ns = self.t2_ns or math.inf
        if math.isfinite(t2_ns) and t2_ns > 2 * t1_ns:
            raise ValueError(
                f"t2_ns is {self.t2_ns:g}; with t1_ns {self.t1_ns:g} at most {2 * t1_ns:g} is physical"
            )


class IonHardware:
    """Ions of one trap: rotations of one about Z, all else of all at once; each can be entangled."""

    schema = IonConfig

    @staticmethod
    def spec(config: IonConfig, links: Mapping[int, Sequence[LinkPoint]]) -> DeviceSpec:
        """The device as the OS sees it."""
        gates = dict.fromkeys(ROTATIONS_OF_ALL, GateSpec(config.all_ion_ns, config.all_ion_depolarise))
        gates["rot_z"] = GateSpec(config.rot_z_ns, config.rot_z_depolarise)
        gates["bichromatic"] = GateSpec(config.ms_ns, config.ms_depolarise)
        gates["init"] = GateSpec(config.init_ns, config.init_depolarise)
        gates["measure"] = GateSpec(config.measure_ns)
        qubit = QubitSpec("communication", config.t1_ns or math.inf, config.t2_ns or math.inf)
        return DeviceSpec(
            kind="ion",
            flavour="trapped_ion",
            qubits=(qubit,) * config.num_qubits,
            gates=gates,
            parallel=PARALLEL,
            attempt_exclusive=True,
            tick_ns=config.tick_ns,
            links={peer: tuple(points) for peer, points in links.items()},
            readout_errors=(config.readout_error_0, config.readout_error_1),
        )

    @staticmethod
    def driver(spec: DeviceSpec) -> QDriver:
        """A driver for that spec."""
        return IonDriver(spec)


class IonDriver(QDriver):
    """Makes vanilla gates of native operations, on the ions that are present.

    An ion is present from its first operation, or from when the OS took its half of a pair, until nobody
    owns it any more. An operation on one that nobody has prepared resets it first.
    """

    looks_at_present = True

    def __init__(self, spec: DeviceSpec) -> None:
        super().__init__(spec)
        self._joining: list[int] = []

    def reset(self) -> None:
        """As new: nobody is present."""
        super().reset()
        self._joining.clear()

    def translate(self, operation: Operation) -> Sequence[Operation]:
        """Native operations that leave the other ions present as they are."""
        if operation.op in (OpCode.ALL_QUBITS, OpCode.INIT):
            return (operation,)
        first, second = operation.qubit, operation.qubit2
        operands = [first] if second < 0 else [first, second]
        unprepared = [q for q in operands if not self.present >> q & 1]
        if operation.gate == "mov" and second not in unprepared:
            unprepared.append(second)
        resets = [Operation(OpCode.INIT, "init", q) for q in unprepared]
        if operation.op == OpCode.MEASURE:
            return (*resets, operation)
        spectators = [q for q in range(len(self.spec.qubits)) if self.present >> q & 1 and q not in operands]
        gate, n, d = operation.gate, operation.n, operation.d
        try:
            if second < 0:
                natives = one_ion_gate(gate, first, n, d, alone=not spectators)
            else:
                natives = two_ion_gate(gate, first, second, n, d, spectators)
        except KeyError:
            return (operation,)  # refused by its name
        return (*resets, *natives)

    def received(self, qubit: int) -> None:
        """A half of a pair came into `qubit`: from the next operation on it takes part.

        The device is told, so both mean the same ions, whatever was on its way when the pair was heralded.
        """
        super().received(qubit)
        self._joining.append(qubit)

    def submit(self, operation: Operation, at_ns: int) -> int:
        """As elsewhere, after those who joined."""
        if self._joining:
            start = self.on_grid(max(at_ns, self.free_ns))
            self._ops += [DeviceOp(OpCode.ONE_QUBIT, start, UNSHELVE, qubit) for qubit in self._joining]
            self._joining.clear()
        return super().submit(operation, at_ns)

    def discard(self, qubit: int) -> None:
        """Nobody owns `qubit` any more."""
        if qubit in self._joining:
            self._joining.remove(qubit)
        super().discard(qubit)

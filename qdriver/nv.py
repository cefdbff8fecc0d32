"""The NV centre: an electron spin, the only qubit that can be entangled and measured, and carbon spins.

Native are rotations of every spin about X, Y and Z and the electron-controlled rotations of a carbon,
CR_P(t) = |0><0| x exp(-i t P/2) + |1><1| x exp(+i t P/2) for P = X, Y: the gates of the NetQASM flavour `nv`,
which passes through. Gates of the vanilla flavour between the electron and a carbon are composed of them;
the OS moves qubits so that nothing else is asked. `NvConfig` is what a network file may say.
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
from qruntime.errors import DriverError
from qruntime.limits import LONGEST_NS
from qruntime.qdevice import OpCode

ELECTRON = 0  # its place; the carbons follow

Duration = Annotated[int, Meta(ge=0, le=LONGEST_NS)]
Probability = Annotated[float, Meta(ge=0, le=1)]
Time = Annotated[float, Meta(ge=0)]


class CarbonConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is known of one carbon in particular; null: as `carbon_...` says for all."""

    t1_ns: Annotated[Time | None, Meta(description="amplitude damping time; 0 or .inf: none")] = None
    t2_ns: Annotated[Time | None, Meta(description="dephasing time, at most 2 t1_ns; 0 or .inf: none")] = None
    attempt_dephasing: Annotated[
        Probability | None, Meta(description="probability of a Z per entangling attempt of the electron")
    ] = None
    coupling_hz: Annotated[
        Time | None, Meta(description="change of its precession with the state of the electron")
    ] = None


class NvConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True):
    """Parameters of an NV centre.

    The defaults are those of SquidASM's NV device, so they are noisy.
    """

    num_qubits: Annotated[
        int, Meta(ge=1, le=64, description="number of qubits: the electron and its carbons")
    ] = 2
    electron_t1_ns: Annotated[
        Time, Meta(description="amplitude damping time of the electron; 0 or .inf: none")
    ] = 1e9
    electron_t2_ns: Annotated[
        Time, Meta(description="dephasing time of the electron, at most 2 T1; 0 or .inf: none")
    ] = 3e8
    electron_init_ns: Annotated[Duration, Meta(description="duration of a reset of the electron")] = 2_000
    electron_init_depolarise: Annotated[
        Probability, Meta(description="depolarising probability of a reset of the electron")
    ] = 0.05
    electron_gate_ns: Annotated[Duration, Meta(description="duration of a rotation of the electron")] = 5
    electron_gate_depolarise: Annotated[
        Probability, Meta(description="depolarising probability of a rotation of the electron")
    ] = 0.0
    measure_ns: Annotated[Duration, Meta(description="duration of a measurement of the electron")] = 3_700
    readout_error_0: Annotated[Probability, Meta(description="P(read 1 | prepared 0)")] = 0.05
    readout_error_1: Annotated[Probability, Meta(description="P(read 0 | prepared 1)")] = 0.005
    carbon_t1_ns: Annotated[Time, Meta(description="amplitude damping time of a carbon; 0 or .inf: none")] = (
        1.5e11
    )
    carbon_t2_ns: Annotated[
        Time, Meta(description="dephasing time of a carbon, at most 2 T1; 0 or .inf: none")
    ] = 1.5e9
    carbon_init_ns: Annotated[Duration, Meta(description="duration of a reset of a carbon")] = 310_000
    carbon_init_depolarise: Annotated[
        Probability, Meta(description="depolarising probability of a reset of a carbon")
    ] = 0.05
    carbon_rot_xy_ns: Annotated[
        Duration, Meta(description="duration of a rotation of a carbon about X or Y")
    ] = 500_000
    carbon_rot_xy_depolarise: Annotated[
        Probability, Meta(description="depolarising probability of a rotation of a carbon about X or Y")
    ] = 0.001
    carbon_rot_z_ns: Annotated[Duration, Meta(description="duration of a rotation of a carbon about Z")] = (
        500_000
    )
    carbon_rot_z_depolarise: Annotated[
        Probability, Meta(description="depolarising probability of a rotation of a carbon about Z")
    ] = 0.001
    electron_carbon_ns: Annotated[
        Duration, Meta(description="duration of an electron-controlled rotation of a carbon")
    ] = 500_000
    electron_carbon_depolarise: Annotated[
        Probability,
        Meta(description="depolarising probability of such a rotation, on each of the two qubits"),
    ] = 0.008
    carbon_attempt_dephasing: Annotated[
        Probability, Meta(description="probability of a Z on a carbon per entangling attempt of the electron")
    ] = 0.0
    carbon_coupling_hz: Annotated[
        Time,
        Meta(
            description="change of a carbon's precession with the state of the electron; with "
            "electron_reset_time_ns it dephases the carbon at each attempt",
            extra={"noiseless": 0.0, "matters_with": "electron_reset_time_ns"},
        ),
    ] = 0.0
    electron_reset_time_ns: Annotated[
        Time, Meta(description="spread of the time at which an attempt resets the electron")
    ] = 0.0
    carbons: Annotated[
        tuple[CarbonConfig, ...], Meta(description="what is known of single carbons, in their order")
    ] = ()
    mov: Annotated[
        Literal["directed", "cnots"],
        Meta(description="a move is two electron-carbon rotations, or three CNOTs (a swap)"),
    ] = "directed"
    ionised_probability: Annotated[
        Probability, Meta(description="probability that the centre is in the wrong charge state, per shot")
    ] = 0.0
    ionised_reads_one: Annotated[
        Probability,
        Meta(
            description="probability that an ionised centre reads 1",
            extra={"matters_with": "ionised_probability"},
        ),
    ] = 0.5
    tick_ns: Annotated[Duration, Meta(description="operations start on multiples of this; 0: any time")] = 0

    def __post_init__(self) -> None:
        if len(self.carbons) > self.num_qubits - 1:
            raise ValueError(
                f"carbons describes {len(self.carbons)} carbons; with num_qubits {self.num_qubits} there are "
                f"{self.num_qubits - 1}"
            )
        _check_times("electron_t2_ns", self.electron_t1_ns, self.electron_t2_ns)
        _check_times("carbon_t2_ns", self.carbon_t1_ns, self.carbon_t2_ns)
        for index, carbon in enumerate(self.all_carbons):
            assert carbon.t1_ns is not None and carbon.t2_ns is not None
            _check_times(f"carbons[{index}].t2_ns", carbon.t1_ns, carbon.t2_ns)

    @cached_property
    def all_carbons(self) -> tuple[CarbonConfig, ...]:
        """Every carbon with nothing left open."""
        described = [*self.carbons, *[CarbonConfig()] * (self.num_qubits - 1 - len(self.carbons))]
        return tuple(
            CarbonConfig(
                t1_ns=self.carbon_t1_ns if carbon.t1_ns is None else carbon.t1_ns,
                t2_ns=self.carbon_t2_ns if carbon.t2_ns is None else carbon.t2_ns,
                attempt_dephasing=(
                    self.carbon_attempt_dephasing
                    if carbon.attempt_dephasing is None
                    else carbon.attempt_dephasing
                ),
                coupling_hz=self.carbon_coupling_hz if carbon.coupling_hz is None else carbon.coupling_hz,
            )
            for carbon in described
        )


def _check_times(field: str, t1_ns: float, t2_ns: float) -> None:
    t1_ns, t2_ns = t1_ns or math.inf, t2_ns or math.inf
    if math.isfinite(t2_ns) and t2_ns > 2 * t1_ns:
        raise ValueError(f"{field} is {t2_ns:g}; with a T1 of {t1_ns:g} at most {2 * t1_ns:g} is physical")


class NvHardware:
    """NV centre: an electron spin that is entangled and measured, and carbon spins that hold."""

    schema = NvConfig

    @staticmethod
    def spec(config: NvConfig, links: Mapping[int, Sequence[LinkPoint]]) -> DeviceSpec:
        """The device as the OS sees it."""
        rotation = GateSpec(config.electron_gate_ns, config.electron_gate_depolarise)
        between = GateSpec(config.electron_carbon_ns, config.electron_carbon_depolarise)
        around_xy = GateSpec(config.carbon_rot_xy_ns, config.carbon_rot_xy_depolarise)
        of_carbon = {
            "init": GateSpec(config.carbon_init_ns, config.carbon_init_depolarise),
            "rot_x": around_xy,
            "rot_y": around_xy,
            "rot_z": GateSpec(config.carbon_rot_z_ns, config.carbon_rot_z_depolarise),
        }
        electron = QubitSpec(
            "communication", config.electron_t1_ns or math.inf, config.electron_t2_ns or math.inf
        )
        carbons = [
            QubitSpec("memory", carbon.t1_ns or math.inf, carbon.t2_ns or math.inf, False, of_carbon)
            for carbon in config.all_carbons
        ]
        return DeviceSpec(
            kind="nv",
            flavour="nv",
            qubits=(electron, *carbons),
            gates={
                "init": GateSpec(config.electron_init_ns, config.electron_init_depolarise),
                "rot_x": rotation,
                "rot_y": rotation,
                "rot_z": rotation,
                "measure": GateSpec(config.measure_ns),
                "crot_x": between,
                "crot_y": between,
            },
            pairs=tuple((ELECTRON, carbon) for carbon in range(1, config.num_qubits)),
            attempt_exclusive=True,
            tick_ns=config.tick_ns,
            links={peer: tuple(points) for peer, points in links.items()},
            readout_errors=(config.readout_error_0, config.readout_error_1),
            options={"mov": config.mov},
        )

    @staticmethod
    def driver(spec: DeviceSpec) -> QDriver:
        """A driver for that spec."""
        return NvDriver(spec)


# Gates as sequences of (native gate, which spin, n), angles n pi/16: E the electron, C the carbon, q any.
_Steps = tuple[tuple[str, str, int], ...]

_ROTATIONS: dict[str, _Steps] = {
    "x": (("rot_x", "q", 16),),
    "y": (("rot_y", "q", 16),),
    "z": (("rot_z", "q", 16),),
    "h": (("rot_y", "q", 8), ("rot_x", "q", 16)),
    "s": (("rot_z", "q", 8),),
    "t": (("rot_z", "q", 4),),
    "k": (("rot_z", "q", 16), ("rot_x", "q", 24)),
}
_CNOT_EC: _Steps = (("crot_x", "EC", 8), ("rot_z", "E", 24), ("rot_x", "C", 24))
_CZ: _Steps = (("rot_y", "C", 8), *_CNOT_EC, ("rot_y", "C", 24))
_H_E: _Steps = (("rot_y", "E", 8), ("rot_x", "E", 16))
_CNOT_CE: _Steps = (*_H_E, *_CZ, *_H_E)
_SWAP: _Steps = (*_CNOT_EC, *_CNOT_CE, *_CNOT_EC)
_FOUR: _Steps = (("rot_y", "E", 8), ("crot_y", "EC", 24), ("rot_x", "E", 24), ("crot_x", "EC", 8))
_MOV_EC: _Steps = (("init", "C", 0), *_FOUR)
_MOV_CE: _Steps = (("init", "E", 0), *_FOUR, ("rot_y", "E", 24), ("rot_z", "E", 24))

_TWO: dict[str, tuple[_Steps, _Steps]] = {  # from the electron, to the electron
    "cnot": (_CNOT_EC, _CNOT_CE),
    "cphase": (_CZ, _CZ),
    "swp": (_SWAP, _SWAP),
    "mov": (_MOV_EC, _MOV_CE),
    "mov by cnots": ((("init", "C", 0), *_SWAP), (("init", "E", 0), *_SWAP)),
}


class NvDriver(QDriver):
    """Passes the nv flavour through and composes the gates of the vanilla flavour.

    Every sequence is exact up to a global phase. A move leaves what it took the state from in |0> (a
    carbon) or |+> (the electron).
    """

    def translate(self, operation: Operation) -> Sequence[Operation]:
        """Native operations that do `operation` on the electron, on a carbon, or on both."""
        gate = operation.gate
        if operation.op == OpCode.MEASURE and operation.qubit != ELECTRON:
            raise DriverError(
                f"carbon {operation.qubit} of an NV centre cannot be measured; its electron can"
            )
        if gate in _ROTATIONS:
            return [_native(step, n, operation.qubit) for step, _, n in _ROTATIONS[gate]]
        if operation.qubit2 < 0:
            return (operation,)
        if ELECTRON not in (operation.qubit, operation.qubit2):
            carbons = f"carbons {operation.qubit} and {operation.qubit2} of an NV centre"
            raise DriverError(f"{gate} between {carbons}: one operand has to be its electron")
        if gate in ("crot_x", "crot_y"):
            if operation.qubit != ELECTRON:
                raise DriverError(f"{gate} on an NV centre is controlled by its electron, not by a carbon")
            return (operation,)
        sequences = _TWO.get(
            "mov by cnots" if gate == "mov" and self.spec.options["mov"] == "cnots" else gate
        )
        if sequences is None:
            raise DriverError(f"an NV centre has no gate {gate}")
        carbon = operation.qubit + operation.qubit2
        return [
            _native(step, n, carbon if where == "C" else ELECTRON, carbon if where == "EC" else -1)
            for step, where, n in sequences[operation.qubit != ELECTRON]
        ]


def _native(gate: str, n: int, qubit: int, qubit2: int = -1) -> Operation:
    if gate == "init":
        return Operation(OpCode.INIT, gate, qubit)
    kind = OpCode.ONE_QUBIT if qubit2 < 0 else OpCode.TWO_QUBIT
    return Operation(kind, gate, qubit, qubit2, n, 4)

"""The generic device: equal qubits, one noise strength per kind of operation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from qworld.channels import IdleNoise
from qworld.engine import Engine
from qworld.tabled import Native, Place, TabledDevice


class GenericParameters(Protocol):
    """What the generic device reads of its configuration; units and ranges are those of the
    configuration."""

    times_ns: Sequence[tuple[float, float]]
    depolarise_ns: float
    init_ns: int
    single_qubit_gate_ns: int
    two_qubit_gate_ns: int
    measure_ns: int
    init_depolarise: float
    single_qubit_gate_depolarise: float
    two_qubit_gate_depolarise: float
    two_qubit_noise: str
    readout_error_0: float
    readout_error_1: float


_ONE_QUBIT = ("x", "y", "z", "h", "s", "k", "t", "rot_x", "rot_y", "rot_z")
_TWO_QUBIT = ("cnot", "cphase")


class GenericDevice(TabledDevice):
    """Noise is D_p after each operation on each touched qubit (or jointly for two); T1, T2 and
    depolarising while idle."""

    def __init__(self, parameters: GenericParameters, engine: Engine) -> None:
        one = Native(parameters.single_qubit_gate_ns, parameters.single_qubit_gate_depolarise)
        two = Native(parameters.two_qubit_gate_ns, parameters.two_qubit_gate_depolarise)
        gates = dict.fromkeys(_ONE_QUBIT, one) | {
            "init": Native(parameters.init_ns, parameters.init_depolarise),
            "measure": Native(parameters.measure_ns),
        }
        readout = parameters.readout_error_0, parameters.readout_error_1
        places = {
            times: Place(IdleNoise(*times, parameters.depolarise_ns), gates, readout)
            for times in dict.fromkeys(parameters.times_ns)
        }
        super().__init__(
            [places[times] for times in parameters.times_ns],
            dict.fromkeys(_TWO_QUBIT, two),
            engine,
            joint_noise=parameters.two_qubit_noise == "joint",
        )

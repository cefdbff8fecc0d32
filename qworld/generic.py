"""The generic device: equal qubits, one noise strength per kind of operation."""

from __future__ import annotations

from typing import Protocol

from qruntime.messages import DeviceOp
from qworld.channels import IdleNoise, depolarising, joint_depolarising
from qworld.device import Device
from qworld.engine import Engine
from qworld.gates import Ptm, freeze, in_sequence, ptm, rotation_ptm, side_by_side


class GenericParameters(Protocol):
    """What the generic device reads of its configuration; units and ranges are those of the
    configuration."""

    num_qubits: int
    t1_ns: float
    t2_ns: float
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


_ONE_QUBIT = ("x", "y", "z", "h", "s", "k", "t")
_ROTATIONS = {"rot_x": "x", "rot_y": "y", "rot_z": "z"}
_TWO_QUBIT = ("cnot", "cphase")


class GenericDevice(Device):
    """Noise is D_p after each operation on each touched qubit (or jointly for two); T1, T2 and
    depolarising while idle."""

    def __init__(self, parameters: GenericParameters, engine: Engine) -> None:
        super().__init__(parameters.num_qubits, engine)
        self.parameters = parameters
        self._idle = IdleNoise(parameters.t1_ns, parameters.t2_ns, parameters.depolarise_ns)
        self._readout = (parameters.readout_error_0, parameters.readout_error_1)
        p = parameters.two_qubit_gate_depolarise
        after_one = depolarising(parameters.single_qubit_gate_depolarise)
        if parameters.two_qubit_noise == "joint":
            after_two = joint_depolarising(p)
        else:
            after_two = side_by_side(depolarising(p), depolarising(p))
        self._after_one = after_one
        self._maps1: dict[tuple[str, int, int], Ptm] = {
            (gate, 0, 0): in_sequence(ptm(gate), after_one) for gate in _ONE_QUBIT
        }
        self._maps1["init", 0, 0] = freeze(depolarising(parameters.init_depolarise))
        self._maps2 = {gate: in_sequence(ptm(gate), after_two) for gate in _TWO_QUBIT}
        self._durations = dict.fromkeys((*_ONE_QUBIT, *_ROTATIONS), parameters.single_qubit_gate_ns)
        self._durations |= dict.fromkeys(_TWO_QUBIT, parameters.two_qubit_gate_ns)
        self._durations |= {"init": parameters.init_ns, "measure": parameters.measure_ns}

    def idle(self, qubit: int) -> IdleNoise | None:
        """The same for all."""
        return self._idle

    def duration_ns(self, op: DeviceOp) -> int:
        """By kind of gate."""
        return self._durations[op.gate]

    def map1(self, gate: str, n: int, d: int, qubit: int) -> Ptm:
        """Ideal gate, then D_p."""
        found = self._maps1.get((gate, n, d))
        if found is None:
            found = in_sequence(rotation_ptm(_ROTATIONS[gate], n, d), self._after_one)
            self._maps1[gate, n, d] = found  # at most 3 * 256 * 256 of them
        return found

    def map2(self, gate: str, n: int, d: int, qubit: int, qubit2: int) -> Ptm:
        """Ideal gate, then the two-qubit noise."""
        return self._maps2[gate]

    def readout(self, qubit: int) -> tuple[float, float]:
        """The same for all."""
        return self._readout

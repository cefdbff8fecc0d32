"""Devices whose operations are tables: each native gate's duration and depolarising noise, place by place.

Most devices need no more than a list of `Place` (one per physical qubit) and a table of two-qubit gates; the
generic, NV and ion devices are made that way. A device with gates of its own also says what these do ideally
(`ideal1`, `ideal2`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from qruntime.qdevice import DeviceOp
from qworld.channels import IdleNoise, dephasing, depolarising, joint_depolarising
from qworld.device import Device
from qworld.engine import Engine
from qworld.gates import IDENTITY, Ptm, controlled_rotation_ptm, in_sequence, ptm, rotation_ptm, side_by_side


class Native(NamedTuple):
    """A native operation: its duration in ns, and the depolarising probability on each qubit it touches."""

    duration_ns: int
    depolarise: float = 0.0


class Place(NamedTuple):
    """One physical qubit.

    `gates` has its one-qubit operations by name, `init` and `measure` among them (what `measure` says of
    noise is ignored: that is `readout`, P(read 1 | 0) and P(read 0 | 1)). While the device attempts
    entanglement on another qubit, each attempt dephases this one with probability `attempt_dephasing` plus
    `bright_dephasing` times the bright-state population of the qubit that takes part.
    """

    idle: IdleNoise | None
    gates: Mapping[str, Native]
    readout: tuple[float, float] = (0.0, 0.0)
    attempt_dephasing: float = 0.0
    bright_dephasing: float = 0.0


class TabledDevice(Device):
    """A device made of places and a table of two-qubit gates.

    Noise is D_p on each touched qubit after the ideal operation; with `joint_noise` two-qubit gates have
    (1-p) rho + p I/4 instead.
    """

    def __init__(
        self,
        places: Sequence[Place],
        two_qubit_gates: Mapping[str, Native],
        engine: Engine,
        *,
        joint_noise: bool = False,
    ) -> None:
        super().__init__(len(places), engine)
        self.places = tuple(places)
        self._two = dict(two_qubit_gates)
        self._joint = joint_noise
        self._durations1 = [
            {name: gate.duration_ns for name, gate in place.gates.items()} for place in places
        ]
        self._durations2 = {name: gate.duration_ns for name, gate in two_qubit_gates.items()}
        self._maps1: dict[tuple[str, int, int, int], Ptm] = {}
        self._maps2: dict[tuple[str, int, int], Ptm] = {}

    # --- what gates do ideally --------------------------------------------------------------------------

    def ideal1(self, gate: str, n: int, d: int) -> Ptm:
        """4x4 transfer matrix of a one-qubit gate without its noise, by n pi/2^d if it is a rotation."""
        return rotation_ptm(gate[-1], n, d) if gate in _ROTATIONS else ptm(gate)

    def ideal2(self, gate: str, n: int, d: int) -> Ptm:
        """16x16 transfer matrix of a two-qubit gate without its noise, the control first."""
        return controlled_rotation_ptm(gate[-1], n, d) if gate in _CONTROLLED_ROTATIONS else ptm(gate)

    # --- what `Device` asks -----------------------------------------------------------------------------

    def idle(self, qubit: int) -> IdleNoise | None:
        """As its place says."""
        return self.places[qubit].idle

    def duration_ns(self, op: DeviceOp) -> int:
        """From the tables."""
        return self._durations2[op.gate] if op.qubit2 >= 0 else self._durations1[op.qubit][op.gate]

    def map1(self, gate: str, n: int, d: int, qubit: int) -> Ptm:
        """Ideal gate, then D_p; for `init` D_p alone."""
        found = self._maps1.get((gate, n, d, qubit))
        if found is None:
            ideal = IDENTITY if gate == "init" else self.ideal1(gate, n, d)
            found = in_sequence(ideal, depolarising(self.places[qubit].gates[gate].depolarise))
            self._maps1[gate, n, d, qubit] = found  # at most 256 * 256 of each rotation and place
        return found

    def map2(self, gate: str, n: int, d: int, qubit: int, qubit2: int) -> Ptm:
        """Ideal gate, then the two-qubit noise."""
        found = self._maps2.get((gate, n, d))
        if found is None:
            p = self._two[gate].depolarise
            noise = joint_depolarising(p) if self._joint else side_by_side(depolarising(p), depolarising(p))
            found = self._maps2[gate, n, d] = in_sequence(self.ideal2(gate, n, d), noise)
        return found

    def readout(self, qubit: int) -> tuple[float, float]:
        """As its place says."""
        return self.places[qubit].readout

    def after_attempts(self, count: int, bright: float) -> None:
        """Coherence times (1 - 2p)^count, in one step."""
        for place, q in zip(self.places, self.qubits, strict=True):
            p = place.attempt_dephasing + place.bright_dephasing * bright
            if p and q is not None:
                self.engine.apply1(q, dephasing((1.0 - (1.0 - 2.0 * p) ** count) / 2.0))


_ROTATIONS = frozenset(("rot_x", "rot_y", "rot_z"))
_CONTROLLED_ROTATIONS = frozenset(("crot_x", "crot_y"))

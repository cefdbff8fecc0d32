"""The NV centre: an electron that attempts, is measured and controls; carbons that hold.

While the electron attempts entanglement nothing else runs, and each attempt dephases the carbons: with
probability (alpha/2) (1 - exp(-(Dw tau)^2/2)) for bright-state population alpha, coupling Dw = 2 pi f and
spread tau of the electron's reset (after Kalb et al., Phys. Rev. A 97, 062330, 2018; in closed form over any
number of attempts). A centre may be ionised for a whole shot: then gates do nothing, attempts never herald
and readout is a coin; the charge-resonance check tells, and experiments drop such shots.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol

from qruntime.rng import Stream
from qworld.channels import IdleNoise
from qworld.engine import Engine, Qubit
from qworld.gates import IDENTITY, Ptm, side_by_side
from qworld.tabled import Native, Place, TabledDevice


class Carbon(Protocol):
    """What is known of one carbon."""

    t1_ns: float
    t2_ns: float
    attempt_dephasing: float
    coupling_hz: float


class NvParameters(Protocol):
    """What the NV centre reads of its configuration; units and ranges are those of the configuration."""

    electron_t1_ns: float
    electron_t2_ns: float
    electron_init_ns: int
    electron_init_depolarise: float
    electron_gate_ns: int
    electron_gate_depolarise: float
    measure_ns: int
    readout_error_0: float
    readout_error_1: float
    carbon_init_ns: int
    carbon_init_depolarise: float
    carbon_rot_xy_ns: int
    carbon_rot_xy_depolarise: float
    carbon_rot_z_ns: int
    carbon_rot_z_depolarise: float
    electron_carbon_ns: int
    electron_carbon_depolarise: float
    electron_reset_time_ns: float
    all_carbons: Sequence[Carbon]
    ionised_probability: float
    ionised_reads_one: float


class NvDevice(TabledDevice):
    """Electron in place 0, carbons after it."""

    attempt_exclusive = True

    def __init__(self, parameters: NvParameters, engine: Engine) -> None:
        rotation = Native(parameters.electron_gate_ns, parameters.electron_gate_depolarise)
        electron = Place(
            IdleNoise(parameters.electron_t1_ns, parameters.electron_t2_ns),
            {
                "init": Native(parameters.electron_init_ns, parameters.electron_init_depolarise),
                "rot_x": rotation,
                "rot_y": rotation,
                "rot_z": rotation,
                "measure": Native(parameters.measure_ns),
            },
            (parameters.readout_error_0, parameters.readout_error_1),
        )
        around_xy = Native(parameters.carbon_rot_xy_ns, parameters.carbon_rot_xy_depolarise)
        of_carbon = {
            "init": Native(parameters.carbon_init_ns, parameters.carbon_init_depolarise),
            "rot_x": around_xy,
            "rot_y": around_xy,
            "rot_z": Native(parameters.carbon_rot_z_ns, parameters.carbon_rot_z_depolarise),
        }
        carbons = [
            Place(
                IdleNoise(carbon.t1_ns, carbon.t2_ns),
                of_carbon,
                attempt_dephasing=carbon.attempt_dephasing,
                bright_dephasing=bright_dephasing(carbon.coupling_hz, parameters.electron_reset_time_ns),
            )
            for carbon in parameters.all_carbons
        ]
        between = Native(parameters.electron_carbon_ns, parameters.electron_carbon_depolarise)
        super().__init__([electron, *carbons], {"crot_x": between, "crot_y": between}, engine)
        self._ionised_probability = parameters.ionised_probability
        self._reads_one = parameters.ionised_reads_one
        self._ionised = False

    def begin_shot(self, stream: Callable[[str], Stream]) -> None:
        """Draw the charge state."""
        self._ionised = is_ionised(self._ionised_probability, stream)

    @property
    def can_herald(self) -> bool:
        """An ionised centre emits no photons."""
        return not self._ionised

    def map1(self, gate: str, n: int, d: int, qubit: int) -> Ptm:
        """Nothing happens in an ionised centre."""
        return IDENTITY if self._ionised else super().map1(gate, n, d, qubit)

    def map2(self, gate: str, n: int, d: int, qubit: int, qubit2: int) -> Ptm:
        """Nothing happens in an ionised centre."""
        return _IDENTITY2 if self._ionised else super().map2(gate, n, d, qubit, qubit2)

    def _measure(self, q: Qubit, qubit: int, start_ns: int, stream: Stream) -> int:
        if self._ionised:
            self.engine.idle_until(q, start_ns)
            return int(stream.uniform() < self._reads_one)
        return super()._measure(q, qubit, start_ns, stream)


def is_ionised(probability: float, stream: Callable[[str], Stream]) -> bool:
    """Whether the centre whose random streams these are is in the wrong charge state in this shot."""
    return probability > 0 and stream("charge").uniform() < probability


def bright_dephasing(coupling_hz: float, reset_time_ns: float) -> float:
    """Probability of a Z on a carbon per attempt and bright-state population: (1 - exp(-(Dw tau)^2/2))/2."""
    phase = 2 * math.pi * coupling_hz * reset_time_ns * 1e-9
    return -math.expm1(-(phase**2) / 2) / 2


_IDENTITY2 = side_by_side(IDENTITY, IDENTITY)

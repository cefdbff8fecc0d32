"""The trapped-ion device: ions of one trap, operations on one of them or on all at once.

Operations on all ions act on those in the qubit subspace: a place that nobody has prepared, or that was
given up, takes no part, and neither does an ion with a fresh half of a pair until the OS says so
(`unshelve`).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import cos, inf, sin
from statistics import NormalDist
from typing import Protocol

import numpy as np

from qruntime.qdevice import DeviceOp, OpCode, Response
from qruntime.rng import Stream
from qworld.channels import IdleNoise, depolarising
from qworld.engine import Engine, GroupTooLarge, Qubit
from qworld.gates import Ptm, angle, in_sequence, molmer_sorensen_ptm, rotation_ptm
from qworld.tabled import Native, Place, TabledDevice

_UNSHELVE = "unshelve"
_ALL_QUBITS = int(OpCode.ALL_QUBITS)
_NORMAL = NormalDist()
_LEAST = 2.0**-54  # stands for a draw of exactly 0, whose normal deviate would be infinite


class IonParameters(Protocol):
    """What the ion device reads of its configuration; units and ranges are those of the configuration."""

    num_qubits: int
    t1_ns: float
    t2_ns: float
    dephasing: str
    init_ns: int
    rot_z_ns: int
    all_ion_ns: int
    ms_ns: int
    measure_ns: int
    init_depolarise: float
    rot_z_depolarise: float
    all_ion_depolarise: float
    ms_depolarise: float
    readout_error_0: float
    readout_error_1: float


class CollectiveDephasing(IdleNoise):
    """Idle noise of all ions of a trap together: they turn about Z by 2 x t/T, x normal, once per shot.

    One ion keeps e^(-2 (t/T)^2) of its coherence on average, |00>+|11> of two ions e^(-8 (t/T)^2), while
    |01>+|10> keeps all. Population decays with T1 as elsewhere.
    """

    __slots__ = ("_radians_per_ns", "_trap_t2_ns")

    def __init__(self, t1_ns: float, t2_ns: float) -> None:
        super().__init__(t1_ns, 0.0)
        self._trap_t2_ns = t2_ns if 0 < t2_ns < inf else inf
        self._radians_per_ns = 0.0

    def begin_shot(self, x: float) -> None:
        """The field of this shot is `x` standard deviations off."""
        self._radians_per_ns = 2.0 * x / self._trap_t2_ns

    def ptm(self, dt_ns: int) -> Ptm:
        """The transfer matrix of waiting `dt_ns` ns in this shot; 4 x 4."""
        if dt_ns < 0:
            raise ValueError(f"waiting time is {dt_ns} ns; allowed: 0 or more")
        turned = self._radians_per_ns * dt_ns
        kept = self.coherence(dt_ns)
        c, s = kept * cos(turned), kept * sin(turned)
        survival = self.survival(dt_ns)
        return np.array(
            [
                [1.0, 0.0, 0.0, 0.0],
                [0.0, c, -s, 0.0],
                [0.0, s, c, 0.0],
                [1.0 - survival, 0.0, 0.0, survival],
            ]
        )


class IonDevice(TabledDevice):
    """Noise is D_p after each operation on each ion it acts on; a faulty readout is right and misreported."""

    attempt_exclusive = True
    parallel = frozenset(("init", "measure"))
    readout_keeps_coherence = False

    def __init__(self, parameters: IonParameters, engine: Engine) -> None:
        collective = CollectiveDephasing(parameters.t1_ns, parameters.t2_ns)
        self._dephasing = collective if parameters.dephasing == "collective" else None
        place = Place(
            self._dephasing or IdleNoise(parameters.t1_ns, parameters.t2_ns),
            {
                "rot_z": Native(parameters.rot_z_ns, parameters.rot_z_depolarise),
                "init": Native(parameters.init_ns, parameters.init_depolarise),
                "measure": Native(parameters.measure_ns),
            },
            (parameters.readout_error_0, parameters.readout_error_1),
        )
        super().__init__([place] * parameters.num_qubits, {}, engine)
        rotation = Native(parameters.all_ion_ns, parameters.all_ion_depolarise)
        self._all = {"rot_x_all": rotation, "rot_y_all": rotation, "rot_z_all": rotation}
        self._all["bichromatic"] = Native(parameters.ms_ns, parameters.ms_depolarise)
        self._rotations: dict[tuple[str, int, int], Ptm] = {}
        self._shelved: set[int] = set()  # places with a half of a pair that the OS has not taken yet

    def reset(self) -> None:
        """As new."""
        super().reset()
        self._shelved.clear()

    def begin_shot(self, stream: Callable[[str], Stream]) -> None:
        """Draws how far the magnetic field is off in this shot."""
        if self._dephasing is not None:
            u = stream("dephasing").uniform()
            self._dephasing.begin_shot(_NORMAL.inv_cdf(u or _LEAST))

    def duration_ns(self, op: DeviceOp) -> int:
        """From the tables."""
        return self._all[op.gate].duration_ns if op.op == _ALL_QUBITS else super().duration_ns(op)

    def operate(self, op: DeviceOp, stream: Stream) -> tuple[int, int]:
        """One native operation; bringing an ion back into the qubit subspace takes no time."""
        if op.gate == _UNSHELVE:
            self._shelved.discard(op.qubit)
            return op.start_ns, Response.SUCCESS_ZERO
        return super().operate(op, stream)

    def place(self, qubit: int, q: Qubit | None) -> None:
        """A half of a pair is kept apart until the OS takes it."""
        super().place(qubit, q)
        if q is None:
            self._shelved.discard(qubit)
        else:
            self._shelved.add(qubit)

    def collective(self, op: DeviceOp) -> None:
        """Rotate all ions present, or let each pair of them interact; then D_p on each."""
        noise = self._all[op.gate].depolarise
        ions = [q for place, q in enumerate(self.qubits) if q is not None and place not in self._shelved]
        engine = self.engine
        if op.gate == "bichromatic":
            self._check_size(ions)
            for q in ions:
                engine.idle_until(q, op.start_ns)
            interaction = molmer_sorensen_ptm(angle(op.n, op.d))
            for a, b in combinations(ions, 2):
                engine.apply2(a, b, interaction)
            ptm = depolarising(noise)
        else:
            for q in ions:
                engine.idle_until(q, op.start_ns)
            ptm = self._rotation(op, noise)
        for q in ions:
            engine.apply1(q, ptm)

    def _rotation(self, op: DeviceOp, noise: float) -> Ptm:
        found = self._rotations.get((op.gate, op.n, op.d))
        if found is None:
            ideal = rotation_ptm(op.gate.removesuffix("_all")[-1], op.n, op.d)
            found = self._rotations[op.gate, op.n, op.d] = in_sequence(ideal, depolarising(noise))
        return found

    def _check_size(self, ions: list[Qubit]) -> None:
        """Raises GroupTooLarge before anything has changed."""
        if len(ions) < 2:
            return
        groups = {id(q.group): len(q.group.qubits) for q in ions if q.group is not None}
        size = sum(groups.values()) + sum(q.group is None for q in ions)
        if size > self.engine.max_group:
            raise GroupTooLarge(size, self.engine.max_group)

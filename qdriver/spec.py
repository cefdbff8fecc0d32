"""What a driver tells the OS about its hardware: qubits, native gates, timing, links.

Data only, no behaviour.
"""

from __future__ import annotations

import math
from typing import Literal, NewType

import msgspec

PhysicalQubit = NewType("PhysicalQubit", int)
VirtualQubit = NewType("VirtualQubit", int)


class QubitSpec(msgspec.Struct, frozen=True):
    """One physical qubit.

    Its number is its place in `DeviceSpec.qubits`. `communication` qubits can be entangled with another
    node, `memory` qubits only hold. T1, T2 and the time in which an idle qubit depolarises in ns; infinity
    where the process is switched off.
    """

    role: Literal["communication", "memory"]
    t1_ns: float
    t2_ns: float
    measurable: bool = True
    depolarise_ns: float = math.inf


class GateSpec(msgspec.Struct, frozen=True):
    """One native instruction: how long it takes, and the probability of its depolarising noise per touched
    qubit."""

    duration_ns: int
    depolarise: float = 0.0


class LinkPoint(msgspec.Struct, frozen=True):
    """One calibrated working point of a link: what fidelity it gives, how often, how fast.

    `parameter` is what the hardware sets to be there (a bright-state population, say), in units of 1e-6.
    `bell_states` are those it may herald.
    """

    parameter: int
    fidelity: float
    success_probability: float
    cycle_ns: float
    bell_states: tuple[int, ...] = (0,)


class DeviceSpec(msgspec.Struct, frozen=True):
    """A device as the OS sees it.

    `flavour` is the NetQASM flavour that passes straight through. `gates` has the native instructions by
    name, `init` and `measure` among them. `pairs` lists the ordered qubit pairs of two-qubit gates, None
    for all. With `attempt_exclusive` nothing else runs on the device while it attempts entanglement.
    Operations start, and responses come, on multiples of `tick_ns` (0: no grid). `links` has the working
    points per peer node id.
    """

    kind: str
    flavour: str
    qubits: tuple[QubitSpec, ...]
    gates: dict[str, GateSpec]
    pairs: tuple[tuple[int, int], ...] | None = None
    attempt_exclusive: bool = False
    tick_ns: int = 0
    links: dict[int, tuple[LinkPoint, ...]] = {}

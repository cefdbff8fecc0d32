"""What a driver tells the OS about its hardware: qubits, native gates, timing, links.

Data only; `broken_rules` says what in it cannot be.
"""

from __future__ import annotations

import math
from typing import Literal, NewType

import msgspec

from netqasm_isa import FLAVOURS

PhysicalQubit = NewType("PhysicalQubit", int)
VirtualQubit = NewType("VirtualQubit", int)


class GateSpec(msgspec.Struct, frozen=True):
    """One native instruction: how long it takes, and the probability of its depolarising noise per touched
    qubit."""

    duration_ns: int
    depolarise: float = 0.0


class QubitSpec(msgspec.Struct, frozen=True):
    """One physical qubit.

    Its number is its place in `DeviceSpec.qubits`. `communication` qubits can be entangled with another
    node, `memory` qubits only hold. T1, T2 and the time in which an idle qubit depolarises in ns; infinity
    where the process is switched off. `gates` has those of its one-qubit instructions that are not as
    `DeviceSpec.gates` says. A qubit that is not `measurable` has to be moved to one that is.
    """

    role: Literal["communication", "memory"]
    t1_ns: float
    t2_ns: float
    measurable: bool = True
    gates: dict[str, GateSpec] = {}
    depolarise_ns: float = math.inf


class LinkPoint(msgspec.Struct, frozen=True):
    """One calibrated working point of a link: what fidelity it gives, how often, how fast.

    `parameter` is what the hardware sets to be there (a bright-state population, say), in units of 1e-6.
    `cycle_ns` is the time of an attempt whose pair is kept, `measure_cycle_ns` of one that is measured at
    once. `bell_states` are those it may herald.
    """

    parameter: int
    fidelity: float
    success_probability: float
    cycle_ns: float
    measure_cycle_ns: float
    bell_states: tuple[int, ...] = (0,)


class DeviceSpec(msgspec.Struct, frozen=True):
    """A device as the OS sees it.

    `flavour` is the NetQASM flavour that passes straight through. `gates` has the native instructions by
    name, `init` and `measure` among them. `pairs` lists the qubit pairs that two-qubit gates join, in the
    order native gates take them; None for all. Instructions run one after another, but those named in
    `parallel` may begin together on different qubits. With `attempt_exclusive` nothing else runs on the
    device while it attempts entanglement. Operations start, and responses come, on multiples of `tick_ns`
    (0: no grid). `links` has the working points per peer node id, the default first. `options` is what a
    driver wants to know besides. `readout_errors` are P(read 1 | 0) and P(read 0 | 1).
    """

    kind: str
    flavour: str
    qubits: tuple[QubitSpec, ...]
    gates: dict[str, GateSpec]
    pairs: tuple[tuple[int, int], ...] | None = None
    parallel: tuple[str, ...] = ()
    attempt_exclusive: bool = False
    tick_ns: int = 0
    links: dict[int, tuple[LinkPoint, ...]] = {}
    options: dict[str, str] = {}
    readout_errors: tuple[float, float] = (0.0, 0.0)

    def gate(self, name: str, qubit: int) -> GateSpec | None:
        """The native instruction `name` on `qubit` (the first, for two-qubit gates); None if it has none."""
        return self.qubits[qubit].gates.get(name) or self.gates.get(name)


def broken_rules(spec: DeviceSpec) -> list[str]:
    """What in `spec` cannot be, one sentence each that begins with the rule's name; empty for a sound one.

    The OS refuses a device that breaks any.
    """
    if not isinstance(spec, DeviceSpec):
        return [f"spec-type: spec() gave {type(spec).__name__}; a qdriver.spec.DeviceSpec is needed"]
    try:
        msgspec.convert(msgspec.to_builtins(spec), DeviceSpec)
    except (TypeError, ValueError, msgspec.ValidationError) as error:
        return [f"spec-type: {error}"]
    gates = [*spec.gates.items(), *(row for qubit in spec.qubits for row in qubit.gates.items())]
    count = len(spec.qubits)
    broken = []
    if not count:
        broken.append("spec-qubits: the device has no qubits")
    if spec.flavour not in FLAVOURS:
        broken.append(f"spec-flavour: flavour is {spec.flavour!r}; allowed: {', '.join(FLAVOURS)}")
    if spec.tick_ns < 0:
        broken.append(f"spec-tick: tick_ns is {spec.tick_ns}; allowed: at least 0")
    for name in ("init", "measure"):
        able = [q for q in range(count) if spec.qubits[q].measurable or name == "init"]
        missing = [q for q in able if spec.gate(name, q) is None]
        if missing:
            broken.append(f"spec-gates: there is no {name!r} for qubits {missing}")
    if count and not any(qubit.measurable for qubit in spec.qubits):
        broken.append("spec-measurable: no qubit can be measured")
    if count and all(qubit.role != "communication" for qubit in spec.qubits):
        broken.append("spec-communication: no qubit can be entangled with another node")
    for q, qubit in enumerate(spec.qubits):
        if not (qubit.t1_ns > 0 and qubit.t2_ns > 0):
            broken.append(
                f"spec-coherence: qubit {q} has T1 {qubit.t1_ns}, T2 {qubit.t2_ns}; allowed: above 0"
            )
        elif math.isfinite(qubit.t2_ns) and qubit.t2_ns > 2 * qubit.t1_ns * (1 + 1e-12):
            broken.append(f"spec-coherence: qubit {q} has T2 {qubit.t2_ns} above 2 T1, {2 * qubit.t1_ns}")
    for name, gate in gates:
        if gate.duration_ns < 0:
            broken.append(f"spec-gates: {name} lasts {gate.duration_ns} ns; allowed: at least 0")
        if not 0 <= gate.depolarise <= 1:
            broken.append(f"spec-gates: {name} depolarises with {gate.depolarise}; allowed: 0 to 1")
    if not all(0 <= error <= 1 for error in spec.readout_errors):
        broken.append(f"spec-readout: readout_errors are {spec.readout_errors}; allowed: 0 to 1")
    unknown = [name for name in spec.parallel if not any(name == known for known, _ in gates)]
    if unknown:
        broken.append(f"spec-parallel: {', '.join(unknown)} in parallel is no native instruction")
    for pair in spec.pairs or ():
        if pair[0] == pair[1] or not all(0 <= q < count for q in pair):
            broken.append(f"spec-pairs: {pair} is no pair of different qubits below {count}")
    for peer, points in spec.links.items():
        for point in points:
            if not (0 <= point.fidelity <= 1 and 0 < point.success_probability <= 1):
                broken.append(f"spec-links: a working point to node {peer} is out of range: {point}")
    return broken

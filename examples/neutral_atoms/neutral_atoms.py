"""Neutral atoms in optical tweezers, one of them in a cavity, as a device for qnos.

Qubits are hyperfine clock states. Lasers turn one atom at a time; two atoms are brought together and joined
by a Rydberg blockade, which is a controlled Z, so any two can be. Only the atom in the cavity can be
entangled with another node: a cavity holds one atom well, and the array stays where its light does not
reach. The OS moves states between that atom and the others.

Numbers marked * are invented, of an order of magnitude that experiments reach. T1, T2 and the time to move
atoms are those of Bluvstein et al., Nature 604, 451 (2022); the controlled Z has the 99.5 % of Evered et al.,
Nature 622, 268 (2023). Left out: atoms that are lost (a real array is reloaded between shots), leakage to
other states, crosstalk, and noise that moving adds.

`Hardware` is the side that the OS loads, `DeviceModel` the side that the simulated world loads.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from qdriver.driver import Operation, QDriver
from qdriver.spec import DeviceSpec, GateSpec, QubitSpec
from qruntime.qdevice import OpCode
from qworld.channels import IdleNoise
from qworld.tabled import Native, Place, TabledDevice

ROTATIONS = ("rot_x", "rot_y", "rot_z")
PARALLEL = ("init", "measure")  # one beam pumps all atoms, one camera sees all

Ns = Meta(ge=0, le=10**12)
Probability = Meta(ge=0, le=1)


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a network file may say."""

    num_qubits: Annotated[int, Meta(ge=1, le=256, description="atoms; the first is in the cavity")] = 4
    t1_ns: Annotated[float, Meta(gt=0, description="decay time of the clock states")] = 4e9
    t2_ns: Annotated[float, Meta(gt=0, description="their coherence time, at most 2 t1_ns")] = 1.49e9
    rotation_ns: Annotated[int, Ns, Meta(description="duration of a rotation of one atom")] = 2_000  # *
    rotation_depolarise: Annotated[float, Probability, Meta(description="noise of a rotation")] = 0.0005  # *
    move_ns: Annotated[int, Ns, Meta(description="time to bring two atoms together")] = 200_000
    rydberg_ns: Annotated[int, Ns, Meta(description="duration of the Rydberg pulses")] = 300  # *
    rydberg_depolarise: Annotated[float, Probability, Meta(description="noise of these, on each atom")] = (
        0.004
    )
    init_ns: Annotated[int, Ns, Meta(description="duration of optical pumping")] = 20_000  # *
    init_depolarise: Annotated[float, Probability, Meta(description="noise of optical pumping")] = 0.002  # *
    measure_ns: Annotated[int, Ns, Meta(description="duration of a picture")] = 500_000  # *
    readout_error_0: Annotated[float, Probability, Meta(description="P(read 1 | prepared 0)")] = 0.003  # *
    readout_error_1: Annotated[float, Probability, Meta(description="P(read 0 | prepared 1)")] = 0.005  # *

    def __post_init__(self):
        if self.t2_ns > 2 * self.t1_ns:
            raise ValueError(f"t2_ns is {self.t2_ns:g}; at most 2 t1_ns, {2 * self.t1_ns:g}, is physical")


class Hardware:
    """Neutral atoms in tweezers, joined by Rydberg blockade, one of them in a cavity."""

    schema = Parameters

    @staticmethod
    def device(parameters, engine):
        """The device model, for network files that name this class as module:Class."""
        return DeviceModel(parameters, engine)

    @staticmethod
    def spec(config, links):
        """Qubits, native gates and working points of links, as the OS sees them."""
        gates = dict.fromkeys(ROTATIONS, GateSpec(config.rotation_ns, config.rotation_depolarise))
        gates["cphase"] = GateSpec(config.move_ns + config.rydberg_ns, config.rydberg_depolarise)
        gates["init"] = GateSpec(config.init_ns, config.init_depolarise)
        gates["measure"] = GateSpec(config.measure_ns)
        in_cavity = QubitSpec("communication", config.t1_ns, config.t2_ns)
        in_array = QubitSpec("memory", config.t1_ns, config.t2_ns)
        return DeviceSpec(
            kind="neutral_atoms",
            flavour="vanilla",
            qubits=(in_cavity, *[in_array] * (config.num_qubits - 1)),
            gates=gates,
            parallel=PARALLEL,
            links={peer: tuple(points) for peer, points in links.items()},
        )

    @staticmethod
    def driver(spec):
        """A driver for that spec."""
        return Driver(spec)


# Gates as native ones with angles n pi/16, in order: q is the only operand, a the first of two, b the second.
ONE = {
    "x": (("rot_x", "q", 16),),
    "y": (("rot_y", "q", 16),),
    "z": (("rot_z", "q", 16),),
    "h": (("rot_y", "q", 8), ("rot_x", "q", 16)),
    "k": (("rot_z", "q", 16), ("rot_x", "q", 24)),
    "s": (("rot_z", "q", 8),),
    "t": (("rot_z", "q", 4),),
}
# A controlled Z between quarter turns about Y is a controlled X.
CNOT_AB = (("rot_y", "b", 24), ("cphase", "ab", 0), ("rot_y", "b", 8))
CNOT_BA = (("rot_y", "a", 24), ("cphase", "ba", 0), ("rot_y", "a", 8))
TWO = {
    "cnot": CNOT_AB,
    "swp": CNOT_AB + CNOT_BA + CNOT_AB,
    "mov": (("init", "b", 0), *CNOT_AB, *CNOT_BA),
}
KINDS = {"init": OpCode.INIT, "cphase": OpCode.TWO_QUBIT}


class Driver(QDriver):
    """Makes the gates of the vanilla flavour of rotations and controlled Z."""

    def translate(self, operation):
        """Native operations that do `operation`; what is native already, or unknown, passes."""
        steps = {OpCode.ONE_QUBIT: ONE, OpCode.TWO_QUBIT: TWO}.get(operation.op, {}).get(operation.gate)
        if steps is None:
            return [operation]  # the base class refuses what is not in the spec
        atoms = {"q": operation.qubit, "a": operation.qubit, "b": operation.qubit2}
        return [
            Operation(KINDS.get(gate, OpCode.ONE_QUBIT), gate, *([atoms[x] for x in where] + [-1])[:2], n, 4)
            for gate, where, n in steps
        ]


class DeviceModel(TabledDevice):
    """What native gates do: durations and noise from tables, T1 and T2 while an atom waits."""

    parallel = frozenset(PARALLEL)

    def __init__(self, parameters, engine):
        p = parameters
        gates = dict.fromkeys(ROTATIONS, Native(p.rotation_ns, p.rotation_depolarise))
        gates |= {"init": Native(p.init_ns, p.init_depolarise), "measure": Native(p.measure_ns)}
        atom = Place(IdleNoise(p.t1_ns, p.t2_ns), gates, (p.readout_error_0, p.readout_error_1))
        cphase = Native(p.move_ns + p.rydberg_ns, p.rydberg_depolarise)
        super().__init__([atom] * p.num_qubits, {"cphase": cphase}, engine)

"""The QDevice interface: what a QNPU and its device, simulated by the world, say to each other.

Operations carry the time at which they begin; those without a result are not answered. Part of `messages`.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec

from qruntime.actors import Message

# --- QNPU <-> world: the QDevice interface --------------------------------------------------------


class OpCode(IntEnum):
    """Operations of the QDevice interface, numbered as QNodeOS does; 64 and above are ours."""

    INIT = 1
    ONE_QUBIT = 2
    TWO_QUBIT = 3
    MEASURE = 4
    ALL_QUBITS = 12
    DISCARD = 64
    BREAKPOINT = 65


class DeviceOp(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """One physical instruction.

    It begins at `start_ns`, never before what the device began earlier. `gate` is a native gate name, its
    angle n*pi/2^d. `qubit` and `qubit2` are physical, -1 if unused. `ref` >= 0 asks for an `Outcome`;
    below -1 it is -2 - pid of the process whose operation this is, and comes back only if that fails.
    """

    op: int
    start_ns: int
    gate: str = ""
    qubit: int = -1
    qubit2: int = -1
    n: int = 0
    d: int = 0
    ref: int = -1


class Operate(Message, frozen=True, tag=40):
    """Instructions for the device of the sender, in order."""

    ops: tuple[DeviceOp, ...]


ROTATION_GATES = (
    ("rot_x", "rot_y", "rot_x"),
    ("rot_y", "rot_z", "rot_y"),
    ("rot_z", "rot_x", "rot_z"),
)  # gates of the three rotations before a measurement, by NetQASM's number of rotation axes: XYX, YZY, ZXZ


class EntangleItem(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """One pair the sender is ready to make: absolute id (queue, sequence), pair index, and how to end it.

    `measure` False: keep the qubit. True: rotate (axes, three n of n pi/16) and measure at once. `parameter`
    is the working point the link is to be run at (`LinkPoint.parameter`).
    """

    queue: int
    sequence: int
    pair: int
    measure: bool = False
    axes: int = 0
    rotations: tuple[int, int, int] = (0, 0, 0)
    parameter: int = 0


class Entangle(Message, frozen=True, tag=41):
    """The sender's device is from `start_ns` in the entangling state for the link to `peer`, with `qubit`.

    It replaces what was said for this link before; no items means it leaves that state. Attempts run while
    both devices hold a common item; the first common one in the order of the node of lower id is served.
    `heard` counts the pairs of this link that the sender knows of: what it said without knowing of the last
    one is void. `number` comes back in the `Attempted` that answers.
    """

    peer: int
    qubit: int
    start_ns: int
    heard: int
    items: tuple[EntangleItem, ...]
    number: int = 0


class Response(IntEnum):
    """Response codes of the QDevice interface (QNodeOS).

    Bit 3 is success, the low bits the Bell state or outcome.
    """

    UNKNOWN_FAILURE = 0
    HARDWARE_FAILURE = 1
    UNSUPPORTED_REQUEST = 2
    INVALID_QUBIT = 3
    ENTANGLEMENT_FAILURE = 4
    ENTANGLEMENT_SYNC_FAILURE = 5
    SIMULATION_LIMIT = 7  # ours: more qubits entangled together than the world can hold
    SUCCESS_ZERO = 8
    SUCCESS_PHI_MINUS = 9
    SUCCESS_PSI_PLUS = 10
    SUCCESS_PSI_MINUS = 11
    SUCCESS_ONE = 12


class Outcome(Message, frozen=True, tag=42):
    """Response to the operation `ref`: SUCCESS_ZERO or SUCCESS_ONE for a measurement, else a failure code
    and what is known of the reason."""

    ref: int
    response: int
    detail: str = ""


class Herald(Message, frozen=True, tag=43):
    """A pair with `peer` is there, in `qubit` since `herald_ns`; `bell` is its BellState.

    `serial` counts the pairs of this link, the same at both ends.

    For a measured item `outcome` is the bit (the message comes when the measurement ends), else -1. `number`
    is that of the receiver's last `Entangle` for this link that counted.
    """

    peer: int
    queue: int
    sequence: int
    pair: int
    qubit: int
    bell: int
    attempts: int
    herald_ns: int
    serial: int
    outcome: int = -1
    number: int = 0


class Attempted(Message, frozen=True, tag=44):
    """What became of the first attempt since the sender's `Entangle` of that number, or since the peer came
    or went.

    ENTANGLEMENT_FAILURE: both devices are attempting, and go on. ENTANGLEMENT_SYNC_FAILURE: the peer's was
    not. Only a device that can do nothing else meanwhile is told. UNKNOWN_FAILURE: a device at one of the
    ends is at fault, as `detail` says; nothing is attempted any more, and both are told.
    """

    peer: int
    number: int
    response: int
    detail: str = ""

"""Every message between actors, in one place: CNPU to QNPU and back, QNPU to QNPU, CNPU to CNPU, QNPU to
world and back.

On the wire a message is a MessagePack array that begins with its tag; fields follow in order. Tags are
never reused. Times are ns of simulated time, node ids are positions in the network file, register operands
are NetQASM register bytes.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import msgspec

from qruntime.actors import Message
from qruntime.errors import Fault

# --- CNPU -> QNPU: system calls -------------------------------------------------------------------


class Register(Message, frozen=True, tag=1):
    """A program starts: make it a process.

    The CNPU chooses `pid`, unique on its node for the life of the network. What `priority` (higher is more
    urgent), `deadline_ns` (simulated time) and `weight` (1 or more) mean is up to the scheduling policy."""

    pid: int
    app: str
    max_qubits: int
    flavour: str = "vanilla"
    priority: int = 0
    sockets: tuple[tuple[int, int, int, int], ...] = ()
    deadline_ns: int | None = None
    weight: int = 1


class OpenEprSocket(Message, frozen=True, tag=2):
    """Open an EPR socket of process `pid`.

    `min_fidelity` is in percent; 100 means not stated.
    """

    pid: int
    socket: int
    remote_node: int
    remote_socket: int
    min_fidelity: int = 100


class Submit(Message, frozen=True, tag=3):
    """Run a subroutine (NetQASM bytes) of process `pid`.

    `subroutine` numbers them from 0 within the process.
    """

    pid: int
    subroutine: int
    code: bytes


class Cancel(Message, frozen=True, tag=4):
    """Abort a queued or running subroutine of process `pid`."""

    pid: int
    subroutine: int


class ReadMemory(Message, frozen=True, tag=5):
    """Ask for registers and arrays of process `pid`, as they are between subroutines (`Memory`)."""

    pid: int
    ref: int
    registers: tuple[int, ...] = ()
    arrays: tuple[int, ...] = ()


class Stop(Message, frozen=True, tag=6):
    """Process `pid` ends: free its qubits, withdraw its requests, close its sockets."""

    pid: int


class Status(Message, frozen=True, tag=7):
    """Ask the QNPU for a `StatusReport`."""

    ref: int


# --- QNPU -> CNPU ---------------------------------------------------------------------------------


class Refused(Message, frozen=True, tag=10):
    """A system call other than Submit was refused."""

    pid: int
    call: str
    fault: Fault


class Done(Message, frozen=True, tag=11):
    """A subroutine finished; what its ret_reg and ret_arr returned, in their order."""

    pid: int
    subroutine: int
    registers: tuple[tuple[int, int], ...]
    arrays: tuple[tuple[int, tuple[int | None, ...]], ...]


class Aborted(Message, frozen=True, tag=12):
    """A subroutine was refused or aborted."""

    pid: int
    subroutine: int
    fault: Fault


class RequestFailed(Message, frozen=True, tag=13):
    """An entanglement request failed while no subroutine of its process was there to be told."""

    pid: int
    fault: Fault


class Memory(Message, frozen=True, tag=14):
    """Answer to `ReadMemory`; a register never set, or an array that does not exist, is None."""

    pid: int
    ref: int
    registers: tuple[tuple[int, int | None], ...]
    arrays: tuple[tuple[int, tuple[int | None, ...] | None], ...]


class ProcessStatus(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One row of the process table."""

    pid: int
    app: str
    state: str
    queued: int
    qubits: tuple[int, ...]
    requests: int


class StatusReport(Message, frozen=True, tag=15):
    """Answer to `Status`."""

    ref: int
    processes: tuple[ProcessStatus, ...]
    qubits_free: int


# --- QNPU <-> QNPU: the link layer ----------------------------------------------------------------


class LinkRequest(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What the creator asks for.

    `type` is K 0, M 1, R 2. `socket` is the creator's socket id, `remote_socket` that of the peer.
    Rotations are n of n pi/16 about `axes` (XYX 0, YZY 1, ZXZ 2). Random basis sets are numbered as in the
    arguments array; probabilities are weights of the set's bases in 255ths, empty for uniform."""

    create_id: int
    socket: int
    remote_socket: int
    type: int
    number: int
    min_fidelity: int
    max_time_ns: int
    priority: int
    atomic: bool
    consecutive: bool
    random_local: int
    random_remote: int
    probabilities_local: tuple[int, ...]
    probabilities_remote: tuple[int, ...]
    axes_local: int
    rotations_local: tuple[int, int, int]
    axes_remote: int
    rotations_remote: tuple[int, int, int]


class LinkAdd(Message, frozen=True, tag=20):
    """Put a request into the link's distributed queue.

    `queue_sequence` is -1 from the slave: the master assigns it.
    """

    epoch: int
    comms_sequence: int
    queue: int
    queue_sequence: int
    request: LinkRequest


class LinkAck(Message, frozen=True, tag=21):
    """The item is in the peer's queue.

    `claimed` is the number of pairs its program has asked for, 0 if not yet.
    """

    epoch: int
    comms_sequence: int
    queue: int
    queue_sequence: int
    claimed: int


class LinkReject(Message, frozen=True, tag=22):
    """The peer refuses the item; `error` is a link-layer error number."""

    epoch: int
    comms_sequence: int
    error: int
    reason: str


class LinkClaim(Message, frozen=True, tag=23):
    """The receiver's program has asked for this item's pairs."""

    epoch: int
    queue: int
    queue_sequence: int


class LinkWithdraw(Message, frozen=True, tag=24):
    """This item ends early at both ends.

    Pairs below `kept` stay; `error` is what programs are told.
    """

    epoch: int
    queue: int
    queue_sequence: int
    error: int
    reason: str


class LinkExpire(Message, frozen=True, tag=25):
    """Pair `pair`, of the link's first `heard` heralds, is lost here: make it again, or fail it if used."""

    epoch: int
    queue: int
    queue_sequence: int
    pair: int
    heard: int


class LinkExpireAck(Message, frozen=True, tag=26):
    """Answer to LinkExpire: `again` says whether the pair will be made again."""

    epoch: int
    queue: int
    queue_sequence: int
    pair: int
    again: bool


class LinkReceipt(Message, frozen=True, tag=27):
    """On a lossy link: the message of tag `of` about `number` is here, a queue sequence (claim, withdrawal)
    or a comms sequence (abandon, or an ADD that will be answered later)."""

    epoch: int
    of: int
    number: int


class LinkAbandon(Message, frozen=True, tag=28):
    """The ADD of that comms sequence was never answered: it is taken back, with its item."""

    epoch: int
    comms_sequence: int
    error: int
    reason: str


# --- CNPU <-> CNPU --------------------------------------------------------------------------------


class ClassicalMessage(Message, frozen=True, tag=30):
    """One value from program `source` to program `destination` over a classical socket."""

    session: int
    source: str
    destination: str
    value: Any


class ProgramEnded(Message, frozen=True, tag=31):
    """Program `source` of this session is over; `error` is empty if it returned."""

    session: int
    source: str
    destination: str
    error: str


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


AnyMessage = (
    Register | OpenEprSocket | Submit | Cancel | ReadMemory | Stop | Status
    | Refused | Done | Aborted | RequestFailed | Memory | StatusReport
    | LinkAdd | LinkAck | LinkReject | LinkClaim | LinkWithdraw | LinkExpire | LinkExpireAck
    | LinkReceipt | LinkAbandon
    | ClassicalMessage | ProgramEnded
    | Operate | Entangle | Outcome | Herald | Attempted
)  # fmt: skip

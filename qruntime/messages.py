"""Every message between actors: CNPU to QNPU and back, QNPU to QNPU, CNPU to CNPU, QNPU to
world and back (`qdevice`, `inspection`).

On the wire a message is a MessagePack array that begins with its tag; fields follow in order. Tags are
never reused. Times are ns of simulated time, node ids are positions in the network file, register operands
are NetQASM register bytes.
"""

from __future__ import annotations

from typing import Any

import msgspec

from qruntime.actors import Message
from qruntime.errors import Fault
from qruntime.inspection import Inspect, Inspected
from qruntime.qdevice import Attempted, Entangle, Herald, Operate, Outcome

# --- CNPU -> QNPU: system calls -------------------------------------------------------------------


class Register(Message, frozen=True, tag=1):
    """A program starts: make it a process.

    The CNPU chooses `pid`, unique on its node for the life of the network. What `priority` (higher is more
    urgent), `deadline_ns` (simulated time) and `weight` (1 or more) mean is up to the scheduling policy.
    `quotas` are those that are lower for it than for other programs of the node, by name.
    What subroutines call EPR socket k is socket `first_socket` + k.
    """

    pid: int
    app: str
    max_qubits: int
    flavour: str = "vanilla"
    priority: int = 0
    sockets: tuple[tuple[int, int, int, int], ...] = ()
    deadline_ns: int | None = None
    weight: int = 1
    quotas: dict[str, int] = msgspec.field(default_factory=dict)
    first_socket: int = 0


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


AnyMessage = (
    Register | OpenEprSocket | Submit | Cancel | ReadMemory | Stop | Status | Inspect
    | Refused | Done | Aborted | RequestFailed | Memory | StatusReport | Inspected
    | LinkAdd | LinkAck | LinkReject | LinkClaim | LinkWithdraw | LinkExpire | LinkExpireAck
    | LinkReceipt | LinkAbandon
    | ClassicalMessage | ProgramEnded
    | Operate | Entangle | Outcome | Herald | Attempted
)  # fmt: skip

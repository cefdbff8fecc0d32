"""Processes: one per registered program, with registers, arrays and a virtual qubit space of its own.

States and moves are the one table below; an illegal move is a bug and names process, state and event.

    idle      nothing to run
    ready     wants the processor
    running   has the processor
    waiting   needs something that is not there yet
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from typing import TYPE_CHECKING

from qdriver.spec import PhysicalQubit, VirtualQubit
from qnpu.quotas import Quotas
from qnpu.traps import trap
from qruntime.errors import DriverError, Fault
from qruntime.limits import RETURNED_VALUES

if TYPE_CHECKING:
    from qnpu.code import Program
    from qnpu.requests import Request

MOVES: dict[tuple[str, str], str] = {
    ("idle", "submit"): "ready",
    ("ready", "dispatch"): "running",
    ("running", "wait"): "waiting",
    ("running", "preempt"): "ready",
    ("running", "finish"): "idle",
    ("waiting", "wake"): "ready",
    ("ready", "abort"): "idle",
    ("running", "abort"): "idle",
    ("waiting", "abort"): "idle",
    ("idle", "stop"): "gone",
    ("ready", "stop"): "gone",
    ("running", "stop"): "gone",
    ("waiting", "stop"): "gone",
}


DEFAULT = Quotas()


class Subroutine:
    """One submitted subroutine on its way through the processor."""

    __slots__ = (
        "code",
        "executed",
        "number",
        "paid",
        "pc",
        "program",
        "refused",
        "returned",
        "returned_arrays",
        "returned_registers",
    )

    def __init__(self, number: int, program: Program) -> None:
        self.number = number
        self.program = program
        self.code = program.code
        self.pc = 0
        self.executed = 0  # instructions before the present straight stretch, counted at branches
        self.paid = -1  # index of the instruction whose cost is already spent
        self.refused: DriverError | None = None  # by the hardware, at a time that is yet to come
        self.returned = 0  # values in what follows, which together must fit into one message
        self.returned_registers: list[tuple[int, int]] = []
        self.returned_arrays: list[tuple[int, tuple[int | None, ...]]] = []

    def count_returned(self, values: int) -> None:
        """It returns so many values more; raises `Trap` beyond the limit."""
        self.returned += values
        if self.returned > RETURNED_VALUES:
            raise trap(f"more than {RETURNED_VALUES} values returned by one subroutine")


class WaitReason:
    """What a waiting process needs.

    `kind`: array, qubit (an id that a request will bind), memory (a qubit for `virtual`, of one role if
    `communication` is not None; or that nobody else holds any, where `virtual` is -1), device (until it is
    done with attempts).
    """

    __slots__ = ("address", "all_of", "communication", "kind", "start", "stop", "virtual")

    def __init__(
        self,
        kind: str,
        address: int = -1,
        start: int = 0,
        stop: int = 0,
        all_of: bool = True,
        virtual: int = -1,
        communication: bool | None = None,
    ) -> None:
        self.communication = communication
        self.kind = kind
        self.address = address
        self.start = start
        self.stop = stop
        self.all_of = all_of
        self.virtual = virtual

    @property
    def is_for_device(self) -> bool:
        """Whether it waits until no other process holds a qubit."""
        return self.kind == "memory" and self.virtual < 0


class Process:
    """A user process."""

    __slots__ = (
        "app",
        "array_entries",
        "arrays",
        "arrival",
        "clock_ns",
        "current",
        "deadline_ns",
        "device_end_ns",
        "failed",
        "first_socket",
        "flavour",
        "left_ns",
        "lowered",
        "max_qubits",
        "open_arrays",
        "outcome_array",
        "outcome_entries",
        "outcome_ref",
        "outcome_register",
        "owner",
        "pid",
        "priority",
        "queue",
        "quotas",
        "registers",
        "requests",
        "sockets",
        "started_ns",
        "state",
        "unreported",
        "virtual",
        "wait",
        "weight",
    )
    is_network = False

    def __init__(
        self,
        pid: int,
        owner: str,
        app: str,
        max_qubits: int,
        flavour: str,
        priority: int,
        now_ns: int,
        deadline_ns: int | None = None,
        weight: int = 1,
        quotas: Quotas = DEFAULT,
        lowered: Collection[str] = (),
        first_socket: int = 0,
    ):
        self.pid = pid
        self.owner = owner  # actor name of its CNPU
        self.app = app
        self.max_qubits = max_qubits
        self.flavour = flavour
        self.priority = priority
        self.deadline_ns = deadline_ns
        self.weight = weight
        self.quotas = quotas
        self.lowered = lowered  # names of the quotas that are its own, not the node's
        self.first_socket = first_socket  # what its subroutines call EPR socket 0
        self.started_ns = now_ns
        self.state = "idle"
        self.arrival = 0  # order in which processes became ready
        self.registers: list[int | None] = [None] * 64
        self.arrays: dict[int, list[int | None]] = {}
        self.array_entries = 0
        self.virtual: dict[VirtualQubit, PhysicalQubit] = {}
        self.open_arrays: dict[int, int] = {}  # results address -> number of open requests that write it
        self.failed: dict[int, Fault] = {}  # results address -> why its request failed
        self.unreported: list[Fault] = []  # failures that no wait or load has met yet
        self.sockets: dict[
            int, tuple[int, int, int]
        ] = {}  # own id -> remote node, remote id, minimum fidelity
        self.requests: list[Request] = []
        self.queue: deque[Subroutine] = deque()
        self.current: Subroutine | None = None
        self.clock_ns = 0
        self.left_ns = 0  # of its clock's lead, when the processor was taken away
        self.device_end_ns = 0
        self.wait: WaitReason | None = None
        self.outcome_ref = -1  # the device operation whose outcome it awaits on the processor
        self.outcome_register = 0
        self.outcome_entries: dict[int, int] = {}  # of several at once: operation -> entry of outcome_array
        self.outcome_array = 0

    def can_bind(self, virtual: int) -> bool:
        """Whether a pair can be handed to it as that virtual qubit."""
        return virtual not in self.virtual and len(self.virtual) < self.quotas.qubits

    def awaits(self, ref: int) -> bool:
        """Whether `ref` is a device operation whose outcome it awaits."""
        return ref == self.outcome_ref >= 0 or ref in self.outcome_entries

    def take_outcome(self, ref: int, bit: int) -> bool:
        """Write an awaited outcome down; False if it awaits more."""
        if ref in self.outcome_entries:
            self.arrays[self.outcome_array][self.outcome_entries.pop(ref)] = bit
            if self.outcome_entries:
                return False
        else:
            self.registers[self.outcome_register] = bit
        self.outcome_ref = -1
        return True

    def move(self, event: str) -> None:
        """Change state by the table."""
        try:
            self.state = MOVES[self.state, event]
        except KeyError:
            raise AssertionError(
                f"process {self.pid} ({self.app}) in state {self.state}: illegal {event}"
            ) from None

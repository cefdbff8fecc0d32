"""Every limit in one place.

Hitting one is a typed error (`LimitError` or the owner's own) and a trace record. Those per process are the
most that a quota of a program may be.
"""

from __future__ import annotations

from typing import Final

MESSAGE_BYTES: Final = 1 << 20  # one message on the wire
CONTROL_BYTES: Final = 16 * MESSAGE_BYTES  # one message to or from the authority; results of a shot are one
RECORDS_PER_MESSAGE: Final = 20_000  # of a trace; the text in one is cut to some hundred characters
BODIES_WAITING: Final = 1 << 17  # message bodies in hand whose grants have not come
VALUE_BYTES: Final = (
    MESSAGE_BYTES - 4096
)  # one value a program sends, gets or returns; room for what names it
VALUE_DEPTH: Final = 32  # containers in containers of such a value

SUBROUTINE_INSTRUCTIONS: Final = 1 << 16
SUBROUTINES_QUEUED: Final = 1024  # per process
INSTRUCTION_BUDGET: Final = 1_000_000  # default instructions of one subroutine, then it is taken for endless
LONGEST_BUDGET: Final = 1 << 40  # of what may be configured in its place

ARRAYS: Final = 1 << 16  # per process
ARRAY_LENGTH: Final = 1 << 20
ARRAY_ENTRIES: Final = 1 << 22  # per process, all arrays together

PROCESSES: Final = 4096  # per QNPU
PROCESS_QUBITS: Final = 1024  # per process, at a time
EPR_SOCKETS: Final = 1024  # per process
REQUESTS_OPEN: Final = 256  # per process
PAIRS_PER_REQUEST: Final = 1 << 16
LINK_QUEUE: Final = 256  # items of one process in one link's distributed queue
PAIRS_OPEN: Final = 1 << 20  # per process, of all its open requests
SCHEDULE_BINS: Final = 1 << 17  # entries of a network schedule

PROGRAM_TASKS: Final = 1024  # concurrent tasks of one program
PROGRAM_RESUMES: Final = 100_000  # of one program in one nanosecond, then it is taken for endless
ZERO_WAIT_RESUMES: Final = 50  # what a wait of 0 ns counts as: it is a round trip to the authority
SENDS_PER_RESUME: Final = 10_000  # messages of one program before it waits; one report names them all
ROUTES_KEPT: Final = 1024  # launches of one CNPU of which the next shot finds the routes worked out
MAILBOXES: Final = 1 << 16  # of one CNPU, also for programs that have not begun
SOCKET_BACKLOG: Final = 1 << 16  # unread messages of one classical socket

EVENTS_PER_NANOSECOND: Final = 1_000_000  # events without time passing, then the run is taken for endless
LONGEST_NS: Final = 10**15  # any one duration or latency that is configured: 11.6 days

BATCH_OPS: Final = 4096  # physical instructions in one message to a device
RETURNED_VALUES: Final = (
    MESSAGE_BYTES // 8
)  # of one subroutine, or of one look at memory: one message holds them

DUMP_QUBITS: Final = 6  # shown together by a breakpoint; a matrix of n qubits has 4**n entries
INSPECTED_QUBITS: Final = 7  # shown together in answer to `Inspect`; one message holds their matrix
GROUP_QUBITS: Final = 10  # entangled together in the exact engine

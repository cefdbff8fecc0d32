"""Messages by which a simulation lets a program see what no real node could: quantum states.

The question goes from the CNPU to its QNPU, which knows where the program's qubits are, and on to the world;
the answer comes back the same way. Neither takes simulated time.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec

from qruntime.actors import Message


class Scope(IntEnum):
    """What `Inspect` is to show: the qubits together; with all that is entangled with them; the qubits of
    the last breakpoint."""

    TOGETHER = 0
    ENTANGLED = 1
    BREAKPOINT = 2


class Inspect(Message, frozen=True, tag=8):
    """Show the quantum state of these virtual qubits of process `pid`; the QNPU passes it on with physical
    ones.

    Nobody could do that: a world answers it only if its network says `states_readable`.
    """

    pid: int
    ref: int
    scope: int
    qubits: tuple[int, ...]


class Picture(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The state of the qubits at `places` (node, physical qubit), the first the most significant.

    `entries` are those of the density matrix row by row, each its real and its imaginary part.
    """

    places: tuple[tuple[str, int], ...]
    entries: tuple[float, ...]


class Inspected(Message, frozen=True, tag=16):
    """Answer to `Inspect`; `refusal` says why there are no pictures."""

    pid: int
    ref: int
    pictures: tuple[Picture, ...]
    refusal: str = ""

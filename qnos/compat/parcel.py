"""Values on their way between programs of one script.

Plain values travel as they are. A `StructuredMessage` and what has no plain form is left in a table of this
interpreter, where all programs of a script run, and a ticket for it travels. Either way the receiver gets a
copy.
"""

from __future__ import annotations

import copy
from typing import Any, Final

from netqasm.sdk.classical_communication.message import StructuredMessage

from qruntime.errors import ProgramError
from qruntime.values import normalise

_TICKET: Final = "\0qnos.compat.parcel"
_MESSAGE: Final = "\0qnos.compat.structured"


class Parcels:
    """The table of one run."""

    def __init__(self) -> None:
        self._left: dict[int, Any] = {}
        self._next = 0

    def pack(self, value: Any) -> Any:
        """What travels for a value."""
        if isinstance(value, StructuredMessage):
            return (_MESSAGE, self.pack(value.header), self.pack(value.payload))
        try:
            return normalise(value, "the value sent")
        except ProgramError:
            number = self._next
            self._next += 1
            self._left[number] = _copied(value)
            return (_TICKET, number)

    def unpack(self, value: Any) -> Any:
        """What a program gets of it."""
        if isinstance(value, tuple) and value:
            if value[0] == _MESSAGE:
                return StructuredMessage(self.unpack(value[1]), self.unpack(value[2]))
            if value[0] == _TICKET:
                return self._left.pop(value[1])
        return value


def _copied(value: Any) -> Any:
    """A copy, or the value itself if it cannot be copied."""
    try:
        return copy.deepcopy(value)
    except Exception:
        return value

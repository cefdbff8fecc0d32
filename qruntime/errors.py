"""Every error a user can meet, and the form in which one crosses the wire.

`QnosError` is the root. What went wrong travels as data (attributes), not only as text. A `Fault` is an
error on its way between processes: a stable code, a sentence, and the data; `Fault.of` and `error_of`
convert.
"""

from __future__ import annotations

from typing import Any

import msgspec

Datum = int | str


class QnosError(Exception):
    """Root of all errors of this project.

    `code` is stable across releases; `data` holds the facts that the sentence mentions.
    """

    code = "ERROR"

    def __init__(self, message: str, /, **data: Datum) -> None:
        super().__init__(message)
        self.message = message
        self.data: dict[str, Datum] = data


class ConfigError(QnosError):
    """A network, device or application setting is wrong: file, line, field, what was found and what is
    allowed."""

    code = "CONFIG"


class SubroutineError(QnosError):
    """A subroutine was refused or aborted.

    `data` has `index` and `instruction` where one is to blame.
    """

    code = "SUBROUTINE"


class PredecessorAborted(SubroutineError):
    """A queued subroutine that never ran because an earlier one of the same program was aborted."""

    code = "PREDECESSOR_ABORTED"


class QuotaError(SubroutineError):
    """A program asked for more of a node than it may have.

    `data` has `quota`, `allowed`, and `option`, which sets it.
    """

    code = "QUOTA"


class EprError(SubroutineError):
    """An entanglement request failed.

    `data["epr"]` is the link-layer name (UNSUPP, NOTIME, NORES, TIMEOUT, ...).
    """

    code = "EPR"


class DriverError(QnosError):
    """The hardware boundary refused an operation, or a driver broke a rule of its contract."""

    code = "DRIVER"


class NodeDown(QnosError):
    """A process of a node is gone."""

    code = "NODE_DOWN"


class Deadlock(QnosError):
    """This program can never wake: the text lists who waits for what."""

    code = "DEADLOCK"


class ProgramTimeout(QnosError):
    """A time limit that the program set itself ran out."""

    code = "TIMEOUT"


class ProgramError(QnosError):
    """An application program did what it must not (await something foreign, send a value that cannot
    travel, ...)."""

    code = "PROGRAM"


class ProgramCancelled(QnosError):
    """An operator ended this program."""

    code = "CANCELLED"


class PeerFailed(QnosError):
    """The program at the other end of a classical socket ended with an error, so nothing more will come."""

    code = "PEER_FAILED"


class LimitError(QnosError):
    """A table, queue or message reached its limit (`limits.py`)."""

    code = "LIMIT"


class WireError(QnosError):
    """Bytes that are no message: wrong version, unknown tag, failed validation, too long."""

    code = "WIRE"


class LatencyError(AssertionError):
    """An actor sent faster than the channel's declared minimum: a bug, because lookahead relies on the
    minimum."""


class Fault(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """An error in transit.

    `code` is that of the error class.
    """

    code: str
    message: str
    data: dict[str, int | str] = {}

    @staticmethod
    def of(error: QnosError) -> Fault:
        """The fault that carries `error`."""
        return Fault(error.code, error.message, dict(error.data))


def _by_code() -> dict[str, type[QnosError]]:
    table: dict[str, type[QnosError]] = {}
    todo: list[type[QnosError]] = [QnosError]
    while todo:
        cls = todo.pop()
        table[cls.code] = cls
        todo.extend(cls.__subclasses__())
    return table


_ERRORS = _by_code()


def error_of(fault: Fault) -> QnosError:
    """The error that `fault` carries; an unknown code becomes a plain `QnosError` with that code in its
    data."""
    data: dict[str, Any] = dict(fault.data)
    cls = _ERRORS.get(fault.code)
    if cls is None:
        cls, data = QnosError, {**data, "code": fault.code}
    return cls(fault.message, **data)

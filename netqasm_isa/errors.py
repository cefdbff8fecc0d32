"""Errors of the instruction set.

Everything this package refuses is an :class:`IsaError`. The subclasses say at which layer it was refused and
carry where and why as attributes, so that callers can report it in their own words.
"""


class IsaError(ValueError):
    """Something is not in the instruction set: an unknown flavour, register name, opcode or mnemonic."""


class AssemblyError(IsaError):
    """Text that is not a subroutine.

    ``line`` and ``column`` count from 1 in the text as given; for characters that a macro produced they point
    at the ``$`` that called it. ``message`` names the operand, the value and what is allowed.
    """

    def __init__(self, line: int, column: int, message: str) -> None:
        super().__init__(line, column, message)
        self.line = line
        self.column = column
        self.message = message

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message}"


class EncodeError(IsaError):
    """A subroutine that has no bytes. ``index`` is the instruction's, or None if the header is at fault."""

    def __init__(self, index: int | None, mnemonic: str, reason: str) -> None:
        super().__init__(index, mnemonic, reason)
        self.index = index
        self.mnemonic = mnemonic
        self.reason = reason

    def __str__(self) -> str:
        if self.index is None:
            return f"{self.mnemonic}: {self.reason}"
        return f"instruction {self.index} ({self.mnemonic}): {self.reason}"


class DecodeError(IsaError):
    """Bytes that are not a subroutine. ``index`` is the instruction's, or None if the whole is malformed."""

    def __init__(self, index: int | None, reason: str) -> None:
        super().__init__(index, reason)
        self.index = index
        self.reason = reason

    def __str__(self) -> str:
        return self.reason if self.index is None else f"instruction {self.index}: {self.reason}"


class CheckError(IsaError):
    """A subroutine that can be encoded but must not be run."""

    def __init__(self, index: int, mnemonic: str, reason: str) -> None:
        super().__init__(index, mnemonic, reason)
        self.index = index
        self.mnemonic = mnemonic
        self.reason = reason

    def __str__(self) -> str:
        return f"instruction {self.index} ({self.mnemonic}): {self.reason}"


class TemplateError(IsaError):
    """A value for a template or named address that is missing, unknown or out of range. ``name`` is the
    value's.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.name = name
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


class MessageError(IsaError):
    """A host message that cannot be encoded or decoded. ``message`` is its type, or "message" if that is
    unknown.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message, reason)
        self.message = message
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.message}: {self.reason}"

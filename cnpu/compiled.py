"""Subroutines as bytes: encoded once per distinct content, with what is needed when they come back."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final, NamedTuple

from cnpu.source import Place, place_of
from netqasm_isa import IsaError, encode_instructions
from qruntime.errors import LimitError, ProgramError
from qruntime.limits import SUBROUTINE_INSTRUCTIONS

if TYPE_CHECKING:
    from cnpu.builder import Builder

Instruction = tuple[int, ...]
_CACHED_CODES: Final = 4096
_CACHED_LENGTH: Final = 1024  # instructions; longer ones are rarely the same twice

Recipe = tuple[object, ...]


class Encoded(NamedTuple):
    """The bytes of a subroutine, its number of instructions, and how many stand before the first SDK
    call's."""

    code: bytes
    length: int
    offset: int


_codes: dict[Recipe, Encoded] = {}


def forget_codes() -> None:
    """Empty the cache of encoded subroutines, which all programs of this interpreter share."""
    _codes.clear()


def known_code(recipe: Recipe) -> Encoded | None:
    """What `encode` made of this recipe before, if that is still in the cache."""
    return _codes.get(recipe)


def encode(instructions: tuple[Instruction, ...], flavour: str, offset: int, recipe: Recipe) -> Encoded:
    """The bytes of `instructions`, of which `offset` stand at the head; kept under `recipe`.

    Raises `LimitError` if they are too many, `ProgramError` if the flavour lacks one.
    """
    length = len(instructions)
    if length > SUBROUTINE_INSTRUCTIONS:
        raise LimitError(f"a subroutine of {length} instructions; {SUBROUTINE_INSTRUCTIONS} are allowed")
    try:
        code = encode_instructions(instructions, flavour=flavour)
    except IsaError as error:
        raise ProgramError(f"the subroutine cannot be encoded for {flavour}: {error}") from None
    encoded = Encoded(code, length, offset)
    if length <= _CACHED_LENGTH:
        if len(_codes) >= _CACHED_CODES:
            _codes.clear()
        _codes[recipe] = encoded
    return encoded


class Compiled:
    """A subroutine ready to be sent, and what is needed when it comes back.

    `code`, `length` and `offset` as in `Encoded`. `settle` takes the results, `place` finds the SDK call
    that emitted an instruction.
    """

    __slots__ = ("arrays", "code", "events", "length", "marks", "offset", "outcomes")

    def __init__(self, encoded: Encoded, builder: Builder) -> None:
        self.code, self.length, self.offset = encoded
        self.marks = builder.marks
        self.outcomes = builder.outcomes
        self.arrays = builder.handed_over
        self.events = builder.events

    def settle(
        self, registers: tuple[tuple[int, int], ...], arrays: tuple[tuple[int, tuple[int | None, ...]], ...]
    ) -> None:
        """What the subroutine returned, in the order of its ret_reg and ret_arr."""
        for future, (_, value) in zip(self.outcomes, registers, strict=True):
            future.settle(value)
        for array, (_, values) in zip(self.arrays, arrays, strict=True):
            array.values = tuple(values)

    def place(self, index: int) -> Place | None:
        """The source line of the SDK call that emitted instruction `index`, None if no call did."""
        at = bisect_right(self.marks, index - self.offset, key=lambda entry: entry[0]) - 1
        return place_of(self.marks[at][1]) if at >= 0 else None

"""A subroutine as a program gives it, to bytes: `compile_raw`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from cnpu.checks import with_article
from netqasm_isa import IsaError, Subroutine, assemble
from qruntime.errors import ProgramError


def compile_raw(subroutine: Any, values: Mapping[str, int] | None, flavour: str) -> bytes:
    """The bytes of a text or `Subroutine` with the values filled in; bytes are taken as they are.

    Raises `ProgramError` with line and column for text that is no subroutine, and for values that are
    missing, unknown or out of range.
    """
    if isinstance(subroutine, bytes):
        if values:
            raise ProgramError("bytes have no templates to give values to")
        return subroutine
    if not isinstance(subroutine, (str, Subroutine)):
        found = with_article(type(subroutine).__qualname__)
        raise ProgramError(f"a subroutine is text, bytes or a Subroutine, not {found}")
    try:
        if isinstance(subroutine, str):
            if not values:
                return _bytes_of(subroutine, flavour)
            subroutine = assemble(subroutine, flavour)
        filled: Subroutine = subroutine.instantiate(0, dict(values or {}))
        return filled.encode()
    except IsaError as error:
        raise ProgramError(f"the subroutine is refused: {error}") from None


@lru_cache(maxsize=256)
def _bytes_of(text: str, flavour: str) -> bytes:
    return assemble(text, flavour).instantiate(0).encode()

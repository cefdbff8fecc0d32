"""Operands that stand for a number which is not known yet.

In the tuple of an instruction they take the place of the int until ``Subroutine.instantiate`` puts it in;
nothing that holds one can be encoded. ``Operand`` and ``Ins`` are the types of an instruction's elements and
of an instruction.
"""

import re
from collections.abc import Iterable
from typing import Final, TypeAlias

from netqasm_isa.errors import IsaError

NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)
ADDRESS_NAMES: Final = ("input", "output")


class Template(str):
    """A placeholder for an immediate, ``{name}`` in text. The string is the name: a letter, then letters,
    digits, _.
    """

    __slots__ = ()

    def __new__(cls, name: str) -> "Template":
        if NAME.fullmatch(name) is None:
            raise IsaError(f"template name {name!r}: allowed a letter, then letters, digits and _")
        return super().__new__(cls, name)

    def __repr__(self) -> str:
        return f"Template({str(self)!r})"


class NamedAddress(str):
    """A placeholder for an array address, ``@input`` or ``@output`` in text. The string is the name without
    @.
    """

    __slots__ = ()

    def __new__(cls, name: str) -> "NamedAddress":
        if name not in ADDRESS_NAMES:
            raise IsaError(f"named address {name!r}: allowed {', '.join(ADDRESS_NAMES)}")
        return super().__new__(cls, name)

    def __repr__(self) -> str:
        return f"NamedAddress({str(self)!r})"


Operand: TypeAlias = int | Template | NamedAddress
Ins: TypeAlias = tuple[Operand, ...]


def template_names(instructions: Iterable[Ins]) -> tuple[str, ...]:
    """The names of the templates in order of appearance; a name used twice is there twice."""
    return tuple(str(operand) for ins in instructions for operand in ins if isinstance(operand, Template))

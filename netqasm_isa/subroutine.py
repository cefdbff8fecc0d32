"""A subroutine: what a host hands to the QNPU in one piece.

It is a value: instantiating gives a new one. Make one with ``assemble``, ``decode`` or the constructor; get
the bytes with ``encode``, the canonical text with ``str``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from netqasm_isa.encoder import (
    DEFAULT_VERSION,
    allowed,
    encode_header,
    encode_instructions,
)
from netqasm_isa.errors import TemplateError
from netqasm_isa.instructions import Field, lookup
from netqasm_isa.operands import Ins, NamedAddress, Operand, Template
from netqasm_isa.printer import disassemble_instruction


@dataclass(frozen=True, slots=True)
class Subroutine:
    """Header, flavour and instructions.

    ``version`` is (major, minor), each 0..255; it tells nothing about the instructions. ``app_id`` is
    0..65535; the connection that carries the subroutine knows better. ``instructions`` are tuples ``(opcode,
    *operands)`` of ints, before instantiation also of ``Template`` and ``NamedAddress``. ``arguments`` are
    the names of the templates in order of appearance, repeated names repeated. The bytes do not hold the
    flavour.
    """

    version: tuple[int, int] = DEFAULT_VERSION
    app_id: int = 0
    flavour: str = "vanilla"
    instructions: tuple[Ins, ...] = ()
    arguments: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.instructions)

    def __str__(self) -> str:
        """Text that assembles, in the same flavour, to an equal subroutine (if ``check`` would pass its
        numbers).
        """
        major, minor = self.version
        lines = [f"# NETQASM {major}.{minor}", f"# APPID {self.app_id}"]
        lines.extend(disassemble_instruction(ins, self.flavour) for ins in self.instructions)
        return "\n".join(lines)

    def encode(self) -> bytes:
        """The bytes. EncodeError if a number does not fit its field or a template is still open."""
        return encode_instructions(self.instructions, self.version, self.app_id, flavour=self.flavour)

    def instantiate(self, app_id: int, values: Mapping[str, int] | None = None) -> "Subroutine":
        """A new subroutine of this application with every placeholder replaced by its value.

        A template is given by its name, a named address as ``"@input"`` or ``"input"`` (the first wins).
        TemplateError for a value that is missing, asked for by nothing, no int or outside of the range of its
        field; EncodeError for an application id outside of 0..65535.
        """
        encode_header(self.version, app_id)
        given = dict(values or {})
        used: dict[str, None] = {}
        instructions = tuple(self._filled(ins, given, used) for ins in self.instructions)
        for name in given:
            if name not in used:
                known = ", ".join(_placeholders(self.instructions)) or "none"
                raise TemplateError(name, f"nothing of this name is open; open are: {known}")
        return replace(self, app_id=app_id, instructions=instructions, arguments=())

    def _filled(self, ins: Ins, given: Mapping[str, int], used: dict[str, None]) -> Ins:
        if not any(isinstance(operand, str) for operand in ins):
            return ins
        opcode = ins[0]
        assert isinstance(opcode, int)
        fields = lookup(opcode, self.flavour).layout.fields
        filled: list[Operand] = [opcode]
        for operand, field in zip(ins[1:], fields, strict=True):
            filled.append(operand if isinstance(operand, int) else _value(operand, field, given, used))
        return tuple(filled)


def _value(
    placeholder: Template | NamedAddress, field: Field, given: Mapping[str, int], used: dict[str, None]
) -> int:
    name = str(placeholder)
    if isinstance(placeholder, NamedAddress) and f"@{name}" in given:
        name = f"@{name}"
    if name not in given:
        raise TemplateError(_shown(placeholder), "no value given")
    used[name] = None
    value = given[name]
    if not isinstance(value, int):
        raise TemplateError(_shown(placeholder), f"{value!r} is no int")
    if not field.low <= value <= field.high:
        raise TemplateError(_shown(placeholder), f"{value}, allowed {allowed(field)}")
    return int(value)


def _shown(placeholder: Template | NamedAddress) -> str:
    return f"@{placeholder}" if isinstance(placeholder, NamedAddress) else str(placeholder)


def _placeholders(instructions: tuple[Ins, ...]) -> list[str]:
    found = {
        _shown(operand): None
        for ins in instructions
        for operand in ins
        if isinstance(operand, Template | NamedAddress)
    }
    return list(found)

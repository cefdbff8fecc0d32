"""Text to a subroutine.

Use: ``assemble(text, flavour)``, or ``assemble_instruction`` for one instruction in canonical form.

    line         := [ preamble | label | instruction ] [ "//" comment ]
    preamble     := "#" ( "NETQASM" int "." int | "APPID" int | "DEFINE" name ( word | "{" words "}" ) )
    label        := name ":"
    instruction  := mnemonic [ "(" int { "," int } ")" ] { operand }
    operand      := register | int | address [ "[" index [ ":" index ] "]" ] | "{" name "}" | name
    register     := ( "R" | "C" | "Q" | "M" ) digits       index := register | int
    address      := "@" ( int | "input" | "output" )

Numbers in round brackets are operands put first. A number where a register is expected is loaded first: ``add
R0 R0 1`` becomes ``set R1 1; add R0 R0 R1``, with the lowest R register that stands nowhere in the text.
Labels, and numeric targets, count instructions after that. A number that does not fit where it stands is
refused, never wrapped.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from netqasm_isa import opcodes as op
from netqasm_isa.check import value_fault
from netqasm_isa.instructions import (
    FIELDS,
    INSTRUCTIONS,
    INT32_MAX,
    Field,
    Instruction,
    mnemonics,
)
from netqasm_isa.lines import INTEGER, Line, bounded, read, shortened
from netqasm_isa.operands import ADDRESS_NAMES, NAME, Ins, NamedAddress, Operand, Template, template_names
from netqasm_isa.registers import BANK_SIZE, BANKS
from netqasm_isa.subroutine import Subroutine

# A word ends at a blank outside of brackets.
_WORD: Final = re.compile(r"(?:\[[^\]]*\]|\{[^}]*\}|[^\s\[{]|[\[{])+")
_MNEMONIC_END: Final = re.compile(r"[\s(]|$")
_REGISTER: Final = re.compile(r"([RCQM])(-?[0-9]+)", re.ASCII)
_ADDRESS: Final = re.compile(r"@(?P<base>[^\[\]\s]*)(?:\[(?P<inside>[^\[\]]*)\])?", re.ASCII)
_TEMPLATE: Final = re.compile(r"\{\s*([^{}]*?)\s*\}")
_SCRATCH: Final = range(0, 4 * BANK_SIZE, 4)  # R0, R1, ... R15

_EXPECTED: Final = {
    "reg": "a register or a number",
    "u8": "a number",
    "i32": "a number",
    "addr": "an address like @3",
    "entry": "an array entry like @3[R0]",
    "slice": "an array slice like @3[R0:R1]",
}


@dataclass(frozen=True, slots=True)
class _Constant:
    """A number where a register is expected."""

    value: int


@dataclass(frozen=True, slots=True)
class _Label:
    """A branch target by name."""

    name: str


_Parsed = Operand | _Constant | _Label


@dataclass(frozen=True, slots=True)
class _Command:
    """An instruction as written: operands in the order of the tuple, with where each stands in the line."""

    row: Instruction
    operands: tuple[_Parsed, ...]
    places: tuple[int, ...]
    line: Line


def assemble(text: str, flavour: str = "vanilla") -> Subroutine:
    """The subroutine that the text means in this flavour.

    A text without NETQASM line has version 0.10, one without APPID application 0. Templates and named
    addresses stay open. Raises AssemblyError, with line and column, for anything that is not in the language
    or not in the flavour and for numbers out of range; IsaError for an unknown flavour.
    """
    rows = mnemonics(flavour)
    source = read(text)
    commands: list[_Command] = []
    labels: dict[str, tuple[int, Line]] = {}
    for line in source.body:
        if line.text.endswith(":"):
            _define_label(line, labels, len(commands))
        else:
            commands.append(_parse(line, rows.get, flavour))

    free = _free_registers(commands)
    expanded = [_with_constants_loaded(command, free) for command in commands]
    starts = [0]
    for loads, _ in expanded:
        starts.append(starts[-1] + len(loads) + 1)
    targets = {name: starts[before] for name, (before, _) in labels.items()}

    instructions: list[Ins] = []
    for command, (loads, operands) in zip(commands, expanded, strict=True):
        instructions.extend(loads)
        instructions.append(_finished(command, operands, targets, starts[-1]))
    final = tuple(instructions)
    return Subroutine(source.version, source.app_id, flavour, final, template_names(final))


def assemble_instruction(text: str, flavour: str = "vanilla") -> Ins:
    """The tuple of one instruction in canonical form, the inverse of ``disassemble_instruction``.

    There is no subroutine around it: constants for registers and labels are refused, and a branch target or
    breakpoint may be any number that fits its field. Raises AssemblyError as ``assemble`` does.
    """
    line = Line(1, text.strip(), range(1, len(text.strip()) + 1))
    if not line.text:
        raise line.error(0, "no instruction")
    command = _parse(line, mnemonics(flavour).get, flavour)
    operands: list[Operand] = [command.row.opcode]
    for operand, place in zip(command.operands, command.places, strict=True):
        if isinstance(operand, _Constant):
            raise line.error(place, f"the number {operand.value} stands where a register is needed")
        if isinstance(operand, _Label):
            raise line.error(place, f"the label {operand.name!r} has no meaning in a single instruction")
        operands.append(operand)
    return tuple(operands)


def _define_label(line: Line, labels: dict[str, tuple[int, Line]], before: int) -> None:
    name = line.text[:-1]
    if NAME.fullmatch(name) is None:
        raise line.error(0, f"label {shortened(name)!r}: a letter, then letters, digits and _ make a name")
    if name in labels:
        raise line.error(0, f"label {name!r} is given twice, first in line {labels[name][1].number}")
    labels[name] = (before, line)


def _parse(line: Line, row_of: Callable[[str], Instruction | None], flavour: str) -> _Command:
    end = _MNEMONIC_END.search(line.text)
    assert end is not None
    mnemonic = line.text[: end.start()]
    row = row_of(mnemonic)
    if row is None:
        raise line.error(0, _unknown(mnemonic, flavour))
    arguments, rest = _bracket_arguments(line, end.start())
    words = [*arguments, *((match[0], match.start()) for match in _WORD.finditer(line.text, rest))]
    shape = row.layout.shape
    if len(words) != len(shape):
        wanted = f" ({' '.join(row.names)})" if shape else ""
        place = words[len(shape)][1] if len(words) > len(shape) else len(line.text)
        plural = "operand" if len(shape) == 1 else "operands"
        raise line.error(place, f"{mnemonic} takes {len(shape)} {plural}{wanted}, {len(words)} given")

    operands: list[_Parsed] = []
    places: list[int] = []
    for kind, (word, at) in zip(shape, words, strict=True):
        for operand, place in _operand(row, kind, len(operands), word, at, line):
            operands.append(operand)
            places.append(place)
    return _Command(row, tuple(operands), tuple(places), line)


def _unknown(mnemonic: str, flavour: str) -> str:
    owners = [owner for row in INSTRUCTIONS if row.mnemonic == mnemonic for owner in row.flavours]
    if owners:
        return f"{mnemonic} is not in flavour {flavour}, only in {', '.join(owners)}"
    if mnemonic.lower() in mnemonics(flavour):
        return f"no mnemonic {mnemonic!r}: mnemonics are lower case"
    return f"no mnemonic {shortened(mnemonic)!r}"


def _bracket_arguments(line: Line, at: int) -> tuple[list[tuple[str, int]], int]:
    """The numbers of ``mnemonic(1, 2)`` with their places, and where the rest of the line begins."""
    if at >= len(line.text) or line.text[at] != "(":
        return [], at
    close = line.text.find(")", at)
    if close < 0:
        raise line.error(at, "the bracket is never closed")
    if close + 1 < len(line.text) and not line.text[close + 1].isspace():
        raise line.error(close + 1, "a blank is needed between the bracket and the next operand")
    arguments = []
    place = at + 1
    for piece in line.text[at + 1 : close].split(","):
        word = piece.strip()
        begin = place + len(piece) - len(piece.lstrip())
        if INTEGER.fullmatch(word) is None:
            raise line.error(begin, f"{shortened(word)!r} in brackets, a number is needed")
        arguments.append((word, begin))
        place += len(piece) + 1
    return arguments, close + 1


def _operand(
    row: Instruction, kind: str, first: int, word: str, at: int, line: Line
) -> Iterator[tuple[_Parsed, int]]:
    """What one word of the text gives: one operand of the tuple, or two or three for an entry or a slice."""
    name = row.names[first]
    if kind == "reg":
        yield _register_or_constant(name, word, at, line), at
        return
    if kind in ("u8", "i32"):
        yield _immediate(row, first, FIELDS[kind], word, at, line), at
        return
    match = _ADDRESS.fullmatch(word)
    wanted = {"addr": 0, "entry": 1, "slice": 2}[kind]
    if match is None:
        raise line.error(at, _wrong_kind(name, kind, word))
    inside = match["inside"]
    indices = [] if inside is None else inside.split(":")
    if len(indices) != wanted:
        raise line.error(at, _wrong_kind(name, kind, word))
    yield _address(name, match["base"], at, line), at
    place = match.start("inside") + at
    for offset, piece in enumerate(indices, start=1):
        begin = place + len(piece) - len(piece.lstrip())
        yield _register_or_constant(row.names[first + offset], piece.strip(), begin, line), begin
        place += len(piece) + 1


def _register_or_constant(name: str, word: str, at: int, line: Line) -> int | _Constant:
    if INTEGER.fullmatch(word):
        return _Constant(_integer(name, word, FIELDS["i32"], at, line))
    match = _REGISTER.fullmatch(word)
    if match is None:
        raise line.error(at, _wrong_kind(name, "reg", word))
    index = bounded(match[2], 0, BANK_SIZE - 1)
    if index is None:
        raise line.error(
            at,
            f"operand {name} is {shortened(word)}, register indices are 0..{BANK_SIZE - 1}",
        )
    return index << 2 | BANKS.index(match[1])


def _immediate(row: Instruction, first: int, field: Field, word: str, at: int, line: Line) -> _Parsed:
    name = row.names[first]
    position = first + 1
    if INTEGER.fullmatch(word):
        return _integer(name, word, field, at, line)
    template = _TEMPLATE.fullmatch(word)
    if template is not None:
        if position not in row.parameters:
            raise line.error(at, f"operand {name} of {row.mnemonic} cannot be left open as {shortened(word)}")
        if NAME.fullmatch(template[1]) is None:
            raise line.error(
                at, f"template {shortened(word)!r}: a letter, then letters, digits and _ make a name"
            )
        return Template(template[1])
    if position == row.target:
        if _REGISTER.fullmatch(word):
            raise line.error(at, f"operand {name} is {shortened(word)!r}, which reads as a register")
        if NAME.fullmatch(word):
            return _Label(word)
        raise line.error(at, f"operand {name} is {shortened(word)!r}, a label or a number is needed")
    raise line.error(at, _wrong_kind(name, field.kind, word))


def _address(name: str, base: str, at: int, line: Line) -> int | NamedAddress:
    if INTEGER.fullmatch(base):
        return _integer(name, base, FIELDS["addr"], at, line)
    if base in ADDRESS_NAMES:
        return NamedAddress(base)
    raise line.error(at, f"operand {name} is '@{shortened(base)}', allowed @0..@{INT32_MAX}, @input, @output")


def _integer(name: str, word: str, field: Field, at: int, line: Line) -> int:
    value = bounded(word, field.low, field.high)
    if value is None:
        raise line.error(at, f"operand {name} is {shortened(word)}, allowed {field.low}..{field.high}")
    return value


def _wrong_kind(name: str, kind: str, word: str) -> str:
    return f"operand {name} is {shortened(word)!r}, {_EXPECTED[kind]} is needed"


def _free_registers(commands: list[_Command]) -> list[int]:
    """The R registers that stand nowhere in the text, neither as operand nor inside brackets."""
    taken = {
        operand
        for command in commands
        for operand, field in zip(command.operands, command.row.layout.fields, strict=True)
        if field.kind == "reg" and isinstance(operand, int)
    }
    return [register for register in _SCRATCH if register not in taken]


def _with_constants_loaded(command: _Command, free: list[int]) -> tuple[list[Ins], list[Operand | _Label]]:
    """The ``set`` instructions to put before a command, and its operands with registers for constants."""
    loads: list[Ins] = []
    operands: list[Operand | _Label] = []
    for operand, place in zip(command.operands, command.places, strict=True):
        if not isinstance(operand, _Constant):
            operands.append(operand)
            continue
        if len(loads) == len(free):
            raise command.line.error(place, f"no R register is left to load the number {operand.value} into")
        scratch = free[len(loads)]
        loads.append((op.SET, scratch, operand.value))
        operands.append(scratch)
    return loads, operands


def _finished(
    command: _Command, operands: list[Operand | _Label], targets: dict[str, int], length: int
) -> Ins:
    """The tuple of a command: labels resolved, numbers checked against the length of the subroutine."""
    final: list[Operand] = [command.row.opcode]
    for operand, place in zip(operands, command.places, strict=True):
        if not isinstance(operand, _Label):
            final.append(operand)
        elif operand.name in targets:
            final.append(targets[operand.name])
        else:
            raise command.line.error(place, f"label {operand.name!r} is not defined")
    fault = value_fault(final, command.row, length)
    if fault is not None:
        position, reason = fault
        raise command.line.error(command.places[position - 1], reason)
    return tuple(final)

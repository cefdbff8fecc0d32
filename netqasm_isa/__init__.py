"""The NetQASM instruction set: one table, and everything that is read off it.

    assemble, disassemble_instruction      text <-> instructions
    decode, encode_instructions            bytes <-> instructions
    Subroutine, Template, NamedAddress     what they make
    check, Limits                          may it run?
    instruction_set, lookup, FLAVOURS      the table itself
    opcodes, registers, epr, messages      numbers by name, and the messages between host and QNPU

An instruction is a flat tuple ``(opcode, *operands)`` of ints; a register is its byte, 0..63. The package
imports nothing but the standard library.
"""

from netqasm_isa import epr, messages, opcodes, registers
from netqasm_isa.assembler import assemble, assemble_instruction
from netqasm_isa.check import Limits, check
from netqasm_isa.decoder import decode, decode_cached
from netqasm_isa.encoder import encode_instructions
from netqasm_isa.errors import (
    AssemblyError,
    CheckError,
    DecodeError,
    EncodeError,
    IsaError,
    MessageError,
    TemplateError,
)
from netqasm_isa.instructions import (
    FLAVOURS,
    INSTRUCTIONS,
    Instruction,
    Role,
    instruction_set,
    lookup,
    mnemonics,
)
from netqasm_isa.operands import Ins, NamedAddress, Operand, Template
from netqasm_isa.printer import disassemble_instruction
from netqasm_isa.registers import register, register_name
from netqasm_isa.subroutine import Subroutine

__all__ = [
    "FLAVOURS",
    "INSTRUCTIONS",
    "AssemblyError",
    "CheckError",
    "DecodeError",
    "EncodeError",
    "Ins",
    "Instruction",
    "IsaError",
    "Limits",
    "MessageError",
    "NamedAddress",
    "Operand",
    "Role",
    "Subroutine",
    "Template",
    "TemplateError",
    "assemble",
    "assemble_instruction",
    "check",
    "decode",
    "decode_cached",
    "disassemble_instruction",
    "encode_instructions",
    "epr",
    "instruction_set",
    "lookup",
    "messages",
    "mnemonics",
    "opcodes",
    "register",
    "register_name",
    "registers",
]

"""Subroutines of the SDK made ready to be sent, once per distinct content.

Programs emit the same instructions in every iteration, and the SDK's assembler takes longer than to see that:
`key_of` says whether two subroutines that are not assembled yet are the same.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from netqasm.lang.instr.core import BreakpointInstruction
from netqasm.lang.ir import BranchLabel, BreakpointAction, ICmd, ProtoSubroutine
from netqasm.lang.operand import Label, Register, Template
from netqasm.lang.subroutine import Subroutine

from qnos.compat.encoding import encoded

_KEPT: Final = 4096
_KEPT_COMMANDS: Final = 2048  # longer ones are rarely the same twice

Key = tuple[Any, ...]


class Prepared(NamedTuple):
    """Bytes for the QNPU, and what breakpoints in them do: show states, or nothing."""

    code: bytes
    shows: bool
    idle_breakpoints: int


_known: dict[Key, Prepared] = {}


def prepared(subroutine: Subroutine, flavour: str, key: Key | None = None) -> Prepared:
    """A compiled subroutine, kept under `key` if there is one.

    Raises `ProgramError` for what the flavour does not have.
    """
    actions = [
        instruction.action.value
        for instruction in subroutine.instructions
        if isinstance(instruction, BreakpointInstruction)
    ]
    idle = actions.count(BreakpointAction.NOP.value)
    found = Prepared(encoded(subroutine, flavour), len(actions) > idle, idle)
    if key is not None:
        if len(_known) >= _KEPT:
            _known.clear()
        _known[key] = found
    return found


def known(key: Key | None) -> Prepared | None:
    """What was prepared under a key, if that is still there."""
    return None if key is None else _known.get(key)


def key_of(protosubroutine: ProtoSubroutine, flavour: str) -> Key | None:
    """What tells a subroutine from others before it is assembled; None for one that is not worth keeping."""
    commands = protosubroutine.commands
    if len(commands) > _KEPT_COMMANDS:
        return None
    parts: list[Any] = [flavour]
    add = parts.append
    for command in commands:
        if command.__class__ is ICmd:
            add(None)
            add(command.instruction._value_)
            for operand in command.operands:
                kind = operand.__class__
                if kind is int:
                    add(operand)
                elif kind is Register:
                    add(_REGISTERS[operand.name._value_][operand.index])
                elif kind is Label:
                    add(operand.name)
                elif kind is Template:
                    return None
                else:
                    add(str(operand))
            if command.args:
                parts += [0.5, *command.args]
        elif command.__class__ is BranchLabel:
            add(command.name)
        else:
            return None
    return tuple(parts)


_REGISTERS: Final = tuple(tuple(f"{bank}{index}" for index in range(16)) for bank in "RCQM")

"""`<role>_instrs.yaml`: the instructions on qubits that a role's programs ran, from the trace of a round.

As in the SDK's own simulations these are instructions with a qubit in a Q register, without `set`, `qalloc`,
`qfree` and those that make pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from netqasm.lang.encoding import RegisterName
from netqasm.lang.operand import Immediate, Register

from qnos.compat.encoding import register_byte
from qnos.compat.external.groups import Groups
from qnos.compat.external.party import Cast
from qnos.compat.external.roundlog import Entry, RoundLog, Sent, now
from qruntime.trace import Record


def logged(
    log: RoundLog, cast: Cast, names: Mapping[str, str], records: Sequence[Record]
) -> dict[str, list[Entry]]:
    """Role -> its entries; `names` are those that the application has for nodes."""
    found: dict[str, list[Entry]] = {role: [] for role in cast.roles}
    asked: dict[tuple[str, int], list[Entry]] = {}  # measurements whose outcome is not there yet
    groups = Groups(names)
    wall = now()
    for record in records:
        groups.take(record)
        process = record.node, record.pid
        if record.event == "PROCESSOR_INSTRUCTION":
            number, pc, *places = record.data
            sent = log.sent.get((*process, int(number)))
            if sent is None:
                continue
            entry = _entry(sent, int(pc), [int(value) for value in places], record.t_ns, wall)
            if entry is not None:
                found[sent.role].append(entry)
                if entry["INS"].startswith("meas"):
                    asked.setdefault(process, []).append(entry)
                groups.at(record.t_ns, entry)
        elif record.event == "QDEVICE_PRODUCE_OUTCOME" and asked.get(process):
            entry = asked[process].pop(0)
            _with_outcome(entry, int(record.data[0]))
    groups.finish()
    return {role: entries for role, entries in found.items() if entries}


def _entry(sent: Sent, pc: int, places: list[int], t_ns: int, wall: str) -> Entry | None:
    """One instruction; `places` has register byte, virtual and physical qubit of each of its qubits."""
    instruction = sent.subroutine.instructions[pc]
    registers = [each for each in instruction.operands if isinstance(each, Register)]
    if not any(register.name == RegisterName.Q for register in registers):
        return None
    virtual = dict(zip(places[0::3], places[1::3], strict=True))
    operands = [
        f"{each}={_value(each, virtual)}"
        for each in instruction.operands
        if isinstance(each, Register | Immediate)
    ]
    mnemonic = str(instruction.mnemonic)
    place = getattr(instruction, "lineno", None)
    return {
        "WCT": wall,
        "SIT": t_ns,
        "AID": sent.app_id,
        "SID": sent.order,
        "PRC": pc,
        "HLN": getattr(place, "lineno", None),
        "HFL": getattr(place, "filename", None),
        "INS": mnemonic,
        "OPR": operands,
        "ANG": _angle(mnemonic, instruction),
        "QID": places[2::3],
        "VID": places[1::3],
        "OUT": None,
        "QGR": None,
        "LOG": f"Doing instruction {mnemonic} with operands {operands}",
    }


def _value(operand: Any, virtual: Mapping[int, int]) -> int | None:
    if isinstance(operand, Immediate):
        return int(operand.value)
    return virtual.get(register_byte(operand))


def _angle(mnemonic: str, instruction: Any) -> dict[str, int] | None:
    if not mnemonic.startswith(("rot_", "crot_")):
        return None
    numerator, exponent = (int(each.value) for each in instruction.operands[-2:])
    return {"num": numerator, "den": 2**exponent}


def _with_outcome(entry: Entry, outcome: int) -> None:
    """The register of a measurement has its outcome now."""
    entry["OUT"] = outcome
    entry["OPR"] = [text.replace("=None", f"={outcome}") for text in entry["OPR"]]
    entry["LOG"] = f"Doing instruction {entry['INS']} with operands {entry['OPR']}"

"""Rules about drivers: what the gates of programs become, multiplied out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from qdriver.driver import Operation, QDriver
from qdriver.spec import DeviceSpec
from qnos.conformance.subject import UNKNOWN, Subject, bystanders_of, named, operands_of, told
from qnos.unitaries import apply, fidelity, reset, vanilla_unitary
from qruntime.qdevice import OpCode

EXACT = 1e-9  # how far a translation may be from its gate, as 1 - fidelity
_IRREVERSIBLE = (OpCode.INIT, OpCode.MEASURE)


def translation_rule(subject: Subject) -> Iterator[str]:
    """Every gate of the vanilla flavour, and of the device's own, is translated into native gates that
    multiply to it, up to a global phase, on every qubit and pair, whatever else the device holds."""
    spec = subject.spec()
    for operation in subject.gates(spec):
        for bystanders in _companies(operation, spec):
            broken = _translated_wrongly(subject, spec, operation, bystanders)
            if broken:
                yield f"{named(operation)} {_beside(bystanders)} {broken}"
                break


def _companies(operation: Operation, spec: DeviceSpec) -> list[list[int]]:
    """Which other qubits hold something: none, or two."""
    if operation.op == OpCode.ALL_QUBITS:
        return [list(range(min(3, len(spec.qubits))))]
    others = bystanders_of(operation, spec, 2)
    return [[], others] if others else [[]]


def _translated_wrongly(
    subject: Subject, spec: DeviceSpec, operation: Operation, bystanders: list[int]
) -> str:
    qubits = [*operands_of(operation), *bystanders]
    whole = np.eye(2 ** len(qubits), dtype=np.complex128)
    for native in subject.holding(qubits).translate(operation):
        if native.op in _IRREVERSIBLE:
            return f"becomes {native.gate} of qubit {native.qubit}, which cannot be undone"
        places = (native.qubit, native.qubit2)
        if native.op == OpCode.TWO_QUBIT and spec.pairs is not None and places not in spec.pairs:
            return f"becomes {named(native)}, a pair that is not in the spec that way round"
        matrix = subject.unitary(native)
        if matrix is None:
            return f"cannot be judged: {UNKNOWN.format(native.gate)}"
        whole = apply(native, matrix, qubits, whole)
    known = subject.unitary(operation)
    ideal = vanilla_unitary(operation.gate, operation.n, operation.d) if known is None else known
    off = 1 - fidelity(whole, apply(operation, ideal, qubits))
    return f"is off by {off:.2g} in fidelity" if off > EXACT else ""


def history_rule(subject: Subject) -> Iterator[str]:
    """What an operation becomes depends on the operation and on which qubits hold something (`present`), not
    on what was done before, nor on chance."""
    spec = subject.spec()
    for operation in subject.operations(spec):
        operands, others = operands_of(operation), bystanders_of(operation, spec, 2)
        driver = subject.holding(operands)
        alone = _natives(driver, operation)
        for qubit in others:
            driver.received(qubit)
        crowded = _natives(driver, operation)
        for qubit in others:
            driver.discard(qubit)
        for what, now, wanted in (
            ("on a new driver", _natives(subject.holding(operands), operation), alone),
            ("when others have come", crowded, _natives(subject.holding([*operands, *others]), operation)),
            ("when they are gone again", _natives(driver, operation), alone),
        ):
            if now != wanted:
                yield f"{named(operation)} becomes something else {what}"
                break


def _natives(driver: QDriver, operation: Operation) -> list[tuple[object, ...]]:
    """The native operations that a driver submits for an operation, whenever they begin."""
    driver.submit(operation, 0)
    return [
        (op.op, op.gate, op.qubit, op.qubit2, op.n, op.d, op.ref)
        for op in told(driver)
        if driver.spec.gate(op.gate, max(op.qubit, 0)) is not None
    ]


def move_rule(subject: Subject) -> Iterator[str]:
    """`mov` carries a state, with whatever it is entangled with, to a qubit that held anything before or
    nothing, and leaves other qubits as they are."""
    spec = subject.spec()
    for source, target in subject.pairs(spec):
        move = Operation(OpCode.TWO_QUBIT, "mov", source, target)
        for bystanders in [[], bystanders_of(move, spec, 1)][: len(spec.qubits) - 1]:
            for held in ([source], [source, target]):
                broken = _moved_wrongly(subject, move, bystanders, held)
                if broken:
                    yield f"mov {source} -> {target} {_beside(bystanders)} {broken}"
                    return


def _moved_wrongly(subject: Subject, move: Operation, bystanders: list[int], held: list[int]) -> str:
    """Source and bystanders are each in |Phi+> with a partner outside the device; the target is in some
    state."""
    inside = [move.qubit, move.qubit2, *bystanders]
    outside = [-1 - place for place in range(1 + len(bystanders))]
    entangled = np.eye(2 ** len(outside)).reshape(-1) / np.sqrt(2 ** len(outside))
    pairs = entangled.reshape((2,) * (2 * len(outside)))  # source, bystanders, their partners
    ket = np.moveaxis(np.multiply.outer(np.array([0.6, 0.8j]), pairs), 0, 1).reshape(-1)
    rho = np.outer(ket, ket.conj())
    qubits = [*inside, *outside]
    for native in subject.holding([*held, *bystanders]).translate(move):
        if native.op == OpCode.INIT:
            rho = reset(rho, qubits.index(native.qubit))
            continue
        matrix = subject.unitary(native)
        if matrix is None:
            return f"cannot be judged: {UNKNOWN.format(native.gate)}"
        gate = apply(native, matrix, qubits)
        rho = gate @ rho @ gate.conj().T
    rest = np.einsum("aiaj->ij", rho.reshape(2, len(rho) // 2, 2, len(rho) // 2))  # without the source
    off = 1 - float(np.real(entangled @ rest @ entangled))
    return f"is off by {off:.2g} in fidelity" if off > EXACT else ""


def _beside(bystanders: list[int]) -> str:
    return f"beside qubits {bystanders}" if bystanders else "alone"

"""What the state engine costs per step, by size of the group, and for one noisy teleportation.

``python -m benchmarks.engine`` prints a table of medians; ``run()`` returns its rows. Each step is timed by
itself on a freshly prepared group, so every figure includes about one reading of the
clock, which is listed too.
"""

from collections.abc import Callable
from itertools import pairwise
from statistics import median
from time import perf_counter_ns

import numpy as np

from benchmarks.table import Row, show
from qworld.bell import werner_tensor
from qworld.channels import IdleNoise, depolarising
from qworld.engine import Engine, Qubit
from qworld.gates import in_sequence, ptm, rotation_ptm, side_by_side

SIZES = range(1, 7)
REPEATS = 400
TELEPORTS = 2000

NOISE = depolarising(0.01)
IDLE = IdleNoise(10e9, 1e9)
ROTATION = in_sequence(rotation_ptm("x", 3, 4), NOISE)
HADAMARD = in_sequence(ptm("h"), NOISE)
FLIP_X = in_sequence(ptm("x"), NOISE)
FLIP_Z = in_sequence(ptm("z"), NOISE)
CNOT = in_sequence(ptm("cnot"), side_by_side(NOISE, NOISE))
PAIR = werner_tensor(0.9)


def _group(size: int) -> tuple[Engine, list[Qubit]]:
    """A chain of entangled qubits, each with a gate waiting, as a program leaves them."""
    engine = Engine()
    qubits = [engine.create(0, IDLE) for _ in range(size)]
    engine.apply1(qubits[0], HADAMARD)
    for left, right in pairwise(qubits):
        engine.apply2(left, right, CNOT)
    for q in qubits:
        engine.apply1(q, ROTATION)
    return engine, qubits


def _gate(engine: Engine, qubits: list[Qubit]) -> None:
    engine.apply1(qubits[len(qubits) // 2], ROTATION)


def _wait(engine: Engine, qubits: list[Qubit]) -> None:
    engine.idle_until(qubits[len(qubits) // 2], 1000)


def _cnot(engine: Engine, qubits: list[Qubit]) -> None:
    engine.apply2(qubits[0], qubits[-1], CNOT)


def _measure(engine: Engine, qubits: list[Qubit]) -> None:
    engine.measure(qubits[len(qubits) // 2], 0.5)


def _measure_weakly(engine: Engine, qubits: list[Qubit]) -> None:
    engine.measure(qubits[len(qubits) // 2], 0.5, 0.05, 0.005)


def _reset(engine: Engine, qubits: list[Qubit]) -> None:
    engine.reset(qubits[len(qubits) // 2])


def _nothing(engine: Engine, qubits: list[Qubit]) -> None:
    pass


STEPS: list[tuple[str, Callable[[Engine, list[Qubit]], None], int]] = [
    ("clock alone", _nothing, 1),
    ("noisy one-qubit gate", _gate, 1),
    ("idle decoherence", _wait, 1),
    ("noisy two-qubit gate", _cnot, 2),
    ("measure", _measure, 1),
    ("measure, Kraus errors", _measure_weakly, 1),
    ("reset", _reset, 1),
]


def _step_us(step: Callable[[Engine, list[Qubit]], None], size: int) -> float:
    samples = []
    for _ in range(REPEATS):
        engine, qubits = _group(size)
        start = perf_counter_ns()
        step(engine, qubits)
        samples.append(perf_counter_ns() - start)
    return median(samples) / 1000


def teleport(engine: Engine, u_source: float, u_sender: float) -> float:
    """One teleportation, every operation with its noise and all waiting with decoherence; P(1) at the
    end."""
    source = engine.create(0, IDLE)
    engine.apply1(source, NOISE)
    engine.touch(source, 10_000)
    for ended_ns in (11_000, 12_000):
        engine.apply1(source, ROTATION)
        engine.touch(source, ended_ns)
    sender, receiver = engine.create_pair(PAIR, 500_000, IDLE, IDLE)
    engine.idle_until(source, 500_000)
    engine.apply2(source, sender, CNOT)
    engine.touch(source, 600_000)
    engine.touch(sender, 600_000)
    engine.apply1(source, HADAMARD)
    engine.touch(source, 601_000)
    engine.measure(source, u_source)
    engine.touch(source, 611_000)
    engine.idle_until(sender, 611_000)
    engine.measure(sender, u_sender)
    engine.touch(sender, 621_000)
    engine.idle_until(receiver, 700_000)
    engine.apply1(receiver, FLIP_X)
    engine.touch(receiver, 701_000)
    engine.apply1(receiver, FLIP_Z)
    engine.touch(receiver, 702_000)
    found = engine.probability_one(receiver)
    engine.clear()
    return found


def _teleport_us() -> float:
    engine = Engine()
    samples = []
    for u_source, u_sender in np.random.default_rng(1).random((TELEPORTS, 2)).tolist():
        start = perf_counter_ns()
        teleport(engine, u_source, u_sender)
        samples.append(perf_counter_ns() - start)
    return median(samples) / 1000


def run() -> list[Row]:
    """Medians in microseconds, by step and number of qubits in the group."""
    rows: list[Row] = [
        {"what": f"{name}, group of {size}", "value": _step_us(step, size), "unit": "us"}
        for name, step, least in STEPS
        for size in SIZES
        if size >= least
    ]
    return [*rows, {"what": "teleportation, 13 noisy steps", "value": _teleport_us(), "unit": "us"}]


if __name__ == "__main__":
    show("State engine", run())

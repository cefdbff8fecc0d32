"""Utilisation against the number of programs that share a node (closed formula; shape as in Delle Donne et
al., Nature 639, 321, 2025).

N programs on one node, each a block of S = 0.656 ms on the QPU and then Z = 2.76 ms elsewhere, over and over.
With constant times the share of time in which the processor of the QNPU is in use is min(1, N S/(S + Z)).

One generic node with the OS costs of the preset `qnodeos`, and a workload of N copies that repeat without
end. S: a reset and three gates that cost 90 us each to issue, a measurement that costs 280 us and takes
16 us; gates themselves take no time here. Z: the fixed cost of a subroutine, which rides on the way of its
result, 0.14 ms; that way 0.29 ms; 0.37 ms of computing on the result; 0.81 ms of thinking between instances;
submitting 0.86 ms, which is also that of the first subroutine here, as each instance is a program of its own;
and the way to the QNPU 0.29 ms. There are no bins and no entanglement. `shots` are tenths of a simulated
second; the beginning, at which all programs submit at once, is part of them.

Then the same beside a client of delegated computation, on a node with one qubit whose link has the first
20 ms of every 40 ms. A pair takes 570 ms of attempts on average, by attempts of 10 us; then its client works
for 0.69 ms on its half, five gates of 34 us and a measurement of 504 and 16 us, and asks for the next pair
2.65 ms later. The cost of a request and the way between the QNPUs are 0, as in the model, and S is a reset,
three gates and a measurement of the same costs. The client has the processor as soon as it has its pair, a
local program is never preempted, and attempts wait for one that runs as a bin begins. Without local programs
`shots` are tens of simulated seconds, and pairs are counted. With them they are fifths of a second, too few
pairs to count: the rate that is compared is that of the attempts made, times their probability of success. On
demand, where the client attempts whenever it has a request, each of `shots` is two simulated seconds. With
the 5.8 ms that a request costs in the preset `qnodeos`, local programs would have more of the device."""

from __future__ import annotations

import qnos
from qnos.experiments import block
from qnos.loading import load_network
from qnos.workload import Arrival, Entry, Workload
from validation import bins
from validation.networks import PERFECT
from validation.row import Row

SHOTS = 200
QUICK = 20

S_MS = 0.656
Z_MS = 2.76
THINK_NS = 810_000
MEASURE_NS = 16_000
PUBLISHED = {1: 0.1920, 2: 0.3841, 3: 0.5761, 4: 0.7681, 5: 0.9602, 6: 1.0, 8: 1.0}
TOLERANCE = 0.01


def rows(shots: int) -> list[Row]:
    """The utilisation for each number of programs, and how many blocks a second are done."""
    found: list[Row] = []
    for programs, wanted in PUBLISHED.items():
        share, per_s = measured(programs, shots)
        found.append(
            Row(
                what=f"utilisation, N = {programs}, constant times, no bins",
                published=wanted,
                ours=share,
                tolerance=TOLERANCE,
                derived=True,
            )
        )
        found.append(
            Row(
                what=f"blocks per second, N = {programs}",
                published=wanted / S_MS * 1e3,
                ours=per_s,
                tolerance=0.01 * wanted / S_MS * 1e3,
                derived=True,
            )
        )
    return found + bins.rows(shots)


def measured(programs: int, shots: int) -> tuple[float, float]:
    """Share of time in which the processor was in use, and blocks per second."""
    network = load_network(
        {
            "name": "validation",
            "os": {"preset": "qnodeos", "cnpu": {"submit_first_ns": 860_000}},
            "nodes": [{"name": "alice", "device": {**PERFECT, "num_qubits": 8, "measure_ns": MEASURE_NS}}],
        }
    )
    entry = Entry(app=block, count=programs, repetitions=None, think_ns=THINK_NS, arrival=Arrival(start_ns=0))
    workload = Workload("blocks", (entry,))
    result = qnos.run(workload, network, until_ns=shots * 100_000_000)
    assert not result.errors_total
    (app,) = result.apps.values()
    return result.utilisation["alice"].processor_local, app.throughput_per_s

"""Entanglement delivered on a clock (Humphreys et al., Nature 558, 268, 2018; arXiv:1712.07567).

Two NV nodes made entanglement at a rate r of up to 39 Hz, faster than the g = 5 Hz at which it decays, so
that a state could be delivered every 100 ms without selection, with an average fidelity above 1/2. The
model: attempts from time 0, a pair of Werner parameter w0 after an exponential time, kept until T while w
decays as e^(-gt), and a maximally mixed state if none came:

    F(T) = 1/4 + (3/4) w0 r/(r - g) (e^(-gT) - e^(-rT)),   largest at T* = ln(r/g)/(r - g).

Here it is a run of the whole system: two programs, the OS (preset ideal), a depolarising link and a memory
that depolarises with g/2 at each end. An attempt takes 5 us and succeeds with probability 1 - e^(-r 5 us),
so that the time to success is the exponential one, rounded up to whole attempts: that alone moves F by less
than 1e-5. T* is taken to the microsecond. Where no pair came each end measures |0> or |1>, drawn at random;
one row has a fresh |0> instead, which adds e^(-rT)/4. `shots` are deliveries, 30 to a shot of the
simulation."""

from __future__ import annotations

import itertools
import math
from typing import Any

import qnos
from qnos.loading import load_network
from qnos.results import RunResult
from validation.networks import PERFECT, line
from validation.programs import delivery
from validation.row import Row, sampled

SHOTS = 21_000
QUICK = 600
PER_SHOT = 30

RATE = 39.0  # 1/s
DECAY = 5.0  # 1/s, of both memories together
CYCLE_NS = 5_000
MS = 1_000_000

CURVE = [
    ("F(20 ms), w0 = 1", 20 * MS, 0.63406231),
    ("F(50 ms), w0 = 1", 50 * MS, 0.79760019),
    ("F(60.415 ms) = F(T*), w0 = 1", 60_415_000, 0.80446084),
    ("F(100 ms), w0 = 1", 100 * MS, 0.75438076),
    ("F(200 ms), w0 = 1", 200 * MS, 0.56613203),
]
PAIRS = [(0.65, 0.51900307), (0.70, 0.55262846), (0.80, 0.61987923)]


def rows(shots: int) -> list[Row]:
    """The curve, three fidelities of the pair, the success by 100 ms, and the clock."""
    found = []
    seeds = itertools.count()
    for what, period_ns, fidelity in CURVE:
        result = deliver(period_ns, shots, next(seeds))
        found.append(sampled(what, fidelity, result.metrics["fidelity"], derived=True))
        if period_ns == 100 * MS:
            found.append(sampled("success by 100 ms", 0.97975809, result.metrics["success"], derived=True))
            found += clock(result, period_ns)
    for pair, fidelity in PAIRS:
        metric = deliver(100 * MS, shots, next(seeds), pair).metrics["fidelity"]
        found.append(sampled(f"F(100 ms), pair fidelity {pair:g}", fidelity, metric, derived=True))
    metric = deliver(20 * MS, shots, next(seeds), fallback="zero").metrics["fidelity"]
    with_zero = 0.63406231 + math.exp(-RATE * 0.02) / 4
    found.append(sampled("F(20 ms), w0 = 1, |0> where no pair came", with_zero, metric, derived=True))
    return [*found, *of_the_link()]


def of_the_link() -> list[Row]:
    """What the single-click model gives for the nodes of the experiment, at its fastest (alpha = .3).

    From them F(100 ms) follows by the formula above, above 1/2 as published.
    """
    ends = ("alice", "bob")
    link = {"nodes": ends, "set": "single_click_nv_2019", "bright_state_population": 0.3}
    network = load_network(
        {"os": "ideal", "nodes": [{"name": end, "device": PERFECT} for end in ends], "links": [link]}
    )
    point = network.links[0].model.points()[0]
    rate = point.success_probability / point.cycle_ns * 1e9
    w0 = (4 * point.fidelity - 1) / 3
    decayed = math.exp(-DECAY * 0.1) - math.exp(-rate * 0.1)
    delivered = 0.25 + 0.75 * w0 * rate / (rate - DECAY) * decayed
    return [
        Row(what="rate at alpha = .3 (Hz)", published=39.0, ours=rate, tolerance=1.0),
        Row(
            what="pair fidelity at alpha = .3",
            published=0.63772118,
            ours=point.fidelity,
            tolerance=1e-8,
            derived=True,
        ),
        Row(
            what="F(100 ms) that follows, above 1/2",
            published=0.5113,
            ours=delivered,
            tolerance=2e-3,
            derived=True,
        ),
    ]


def deliver(
    period_ns: int, deliveries: int, seed: int, pair: float = 1.0, fallback: str = "mixed"
) -> RunResult:
    """A run of at least so many deliveries."""
    memory = {"depolarise_ns": 2e9 / DECAY}
    link = {"success_probability": -math.expm1(-RATE * CYCLE_NS / 1e9), "cycle_ns": CYCLE_NS}
    each: dict[str, Any] = {"deliveries": PER_SHOT, "period_ns": period_ns, "fallback": fallback}
    result = qnos.run(
        delivery,
        line(("alice", "bob"), (pair,), {"*": memory}, link),
        shots=math.ceil(deliveries / PER_SHOT),
        seed=seed,
        inputs={"alice": each, "bob": each},
        time_split=False,
    )
    assert not result.errors, qnos.failures(result)
    return result


def clock(result: RunResult, period_ns: int) -> list[Row]:
    """How far from the grid of attempts a pair came, and from its time a state was delivered, at most."""
    heralds, delivered = (
        [time_ns for role in ("alice", "bob") for shot in result.results[role][key] for time_ns in shot]
        for key in ("herald_ns", "delivered_ns")
    )
    off_grid = max(herald_ns % CYCLE_NS for herald_ns in heralds if herald_ns is not None)
    late = max(abs(time_ns - period_ns) for time_ns in delivered)
    return [
        Row(what="a pair's distance from the end of an attempt, ns", published=0, ours=off_grid, tolerance=0),
        Row(what="a delivery's distance from 100 ms, ns", published=0, ours=late, tolerance=0),
    ]

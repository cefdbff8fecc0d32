"""Protocols and memories whose result has a closed form, run as applications.

Each value is a formula of a textbook or of the paper that the application names, at the parameters given,
and was checked with density matrices outside of the simulation. Here a whole network runs: programs, OS
(preset ideal), devices that take no time and have no noise but the one stated, links that give Werner
pairs. `shots` are shots of each run, and several values may come from one run.

Pairs of fidelity 0.9 and 0.8 between the same two nodes come from one link of 0.9: the first waits for the
second in memories that depolarise just so much meanwhile. Bits are "flipped" by the program that sends
them.

Where noise acts in a swap matters. Halves that depolarise with p before the Bell measurement leave a Werner
pair of w1 w2 (1-p)^2. What depolarises after its CNOT makes one of the outcomes random, which leaves the
correlations of one basis as they are: F = (1 + w1 w2 (2 (1-p) + (1-p)^2))/4.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import msgspec

import qnos
from qnos.config import NetworkConfig
from validation.networks import CYCLE_NS, line
from validation.programs import (
    chain,
    distillation,
    flipped_teleport,
    memory,
    stored_pair,
    stored_rsp,
    stored_swap,
)
from validation.row import Row, sampled

SHOTS = 10_000
QUICK = 200

SECOND = 1_000_000_000
WAIT_NS = SECOND // 10
LATENCY_NS = 1_000_000
DECAY = {"t1_ns": SECOND, "t2_ns": 0.3 * SECOND}
READOUT = {"readout_error_0": 0.05, "readout_error_1": 0.005}
TWO = ("alice", "bob")
THREE = ("alice", "bob", "charlie")


class Case(msgspec.Struct, frozen=True):
    """One run and what it reproduces: metric -> (what, value)."""

    app: str | ModuleType
    network: NetworkConfig
    values: dict[str, tuple[str, float]]
    inputs: Mapping[str, Mapping[str, Any]] = {}


def rows(shots: int) -> list[Row]:
    """Run every case."""
    found = []
    for seed, case in enumerate(cases()):
        result = qnos.run(
            case.app, case.network, shots=shots, seed=seed, inputs=case.inputs, time_split=False
        )
        assert not result.errors, qnos.failures(result)
        for metric, (what, value) in case.values.items():
            found.append(sampled(what, value, result.metrics[metric], derived=True))
    return found


def cases() -> list[Case]:
    """All, in the order of the table."""
    return [*memories(), *networking(), *distilling(), *correlations(), *remote_states()]


def memories() -> list[Case]:
    """Qubits and pairs that wait 0.1 s with T1 1 s and T2 0.3 s."""
    network = line(TWO, (1.0,), {"*": DECAY})
    return [
        Case(
            memory,
            line(("alice",), devices={"*": {"t1_ns": SECOND}}),
            {"fidelity": ("|1> under T1 1 s for 0.1 s: P(1)", 0.90483742)},
            {"keeper": {"state": "1", "wait_ns": WAIT_NS}},
        ),
        Case(
            memory,
            line(("alice",), devices={"*": DECAY}),
            {"fidelity": ("|+> under T2 0.3 s for 0.1 s: F", 0.85826566)},
            {"keeper": {"state": "+", "wait_ns": WAIT_NS}},
        ),
        Case(
            stored_pair,
            network,
            {"fidelity": ("Phi+ after 0.1 s, T1 1 s, T2 0.3 s at both ends: F", 0.71365523)},
            {"alice": {"wait_ns": WAIT_NS}},
        ),
        Case(
            stored_pair,
            network,
            {"fidelity": ("Psi+ the same: F", 0.70912727)},
            {"alice": {"wait_ns": WAIT_NS}, "bob": {"bell": "psi"}},
        ),
        Case(
            stored_pair,
            line(TWO, (0.9,), {"*": DECAY}),
            {"fidelity": ("Werner pair of 0.9 the same: F", 0.65213639)},
            {"alice": {"wait_ns": WAIT_NS}},
        ),
    ]


def networking() -> list[Case]:
    """Teleportation and swapping."""
    return [
        Case("teleport", line(TWO, (0.8,)), {"fidelity": ("teleportation, pair 0.8: F", 0.86666667)}),
        Case(
            flipped_teleport,
            line(TWO, (0.8,)),
            {"fidelity": ("the same, bits flipped with 0.05 (Z) and 0.02 (X): mean F", 0.83293333)},
            {"alice": {"e_z": 0.05, "e_x": 0.02}},
        ),
        Case("swap", line(THREE, (0.9, 0.8)), {"fidelity": ("swap, pairs 0.9 and 0.8: F", 0.72666667)}),
        Case(
            chain,
            line((*THREE, "dave"), (0.95,) * 3),
            {"fidelity": ("two swaps, three pairs of 0.95: F", 0.85977778)},
        ),
        Case(
            stored_swap,
            line(THREE, (0.9, 0.8), {"bob": {"depolarise_ns": WAIT_NS / -math.log1p(-0.05)}}),
            {"fidelity": ("swap 0.9 and 0.8, both halves depolarised with 0.05 before: F", 0.68019167)},
            {"bob": {"wait_ns": WAIT_NS}},
        ),
        Case(
            "swap",
            line(THREE, (0.9, 0.8), {"bob": {"two_qubit_gate_depolarise": 0.05}}),
            {"fidelity": ("swap 0.9 and 0.8, both depolarised with 0.05 by the CNOT: F", 0.69528611)},
        ),
    ]


def distilling() -> list[Case]:
    """DEJMPS and BBPSSW on Werner pairs."""
    w_first, w_second = (4 * 0.8 - 1) / 3, (4 * 0.9 - 1) / 3
    waits = {"depolarise_ns": 2 * CYCLE_NS / math.log(w_second / w_first)}
    unequal = line(TWO, (0.9,), {"*": waits})

    def case(pairs: str, network: NetworkConfig, success: float, fidelity: float) -> Case:
        return Case(
            "distill",
            network,
            {
                "success": (f"distillation (DEJMPS), pairs {pairs}: success", success),
                "fidelity": (f"distillation (DEJMPS), pairs {pairs}: F", fidelity),
            },
        )

    return [
        case("0.9 and 0.8", unequal, 0.81777778, 0.88315217),
        case("0.8 and 0.8", line(TWO, (0.8,)), 0.76888889, 0.83815029),
        case("0.9 and 0.9", line(TWO, (0.9,)), 0.87555556, 0.92639594),
        Case(
            distillation,
            line(TWO, (0.8,)),
            {
                "second_success": ("second round of DEJMPS from 0.8: success", 0.74459554),
                "fidelity": ("two rounds of DEJMPS from 0.8: F", 0.94363922),
            },
        ),
        Case(
            distillation,
            line(TWO, (0.8,)),
            {"fidelity": ("two rounds of BBPSSW with twirl from 0.8: F", 0.87358452)},
            {"alice": {"protocol": "BBPSSW"}},
        ),
    ]


def correlations() -> list[Case]:
    """CHSH and error rates of Werner pairs of fidelity 0.8."""
    return [
        Case(
            "chsh",
            line(TWO, (0.8,)),
            {"S": ("CHSH, pair 0.8: S", 2.07417989), "win": ("CHSH game, pair 0.8: P(win)", 0.75927249)},
        ),
        Case(
            "bell_pair",
            line(TWO, (0.8,)),
            {f"error_{basis}": (f"error rate in {basis.upper()}, pair 0.8", 0.13333333) for basis in "xyz"},
        ),
        Case(
            "bell_pair",
            line(TWO, (0.8,), {"*": READOUT}),
            {
                f"error_{basis}": (f"the same in {basis.upper()}, readout errors 0.05 and 0.005", 0.171545)
                for basis in "xz"
            },
        ),
    ]


def remote_states() -> list[Case]:
    """Remote state preparation, and blind computation with it."""
    keeps = LATENCY_NS / math.log(1 / 0.6)  # T2 with which a wait for a message leaves 0.6 of the coherence

    def waiting(**bob: Any) -> NetworkConfig:
        return line(TWO, (0.8,), {"bob": {"t2_ns": keeps, **bob}}, latency_ns=LATENCY_NS)

    return [
        Case(
            "rsp",
            waiting(),
            {"fidelity": ("remote state preparation, pair 0.8, coherence kept 0.6: F", 0.72)},
        ),
        Case(
            stored_rsp,
            waiting(single_qubit_gate_depolarise=0.02),
            {"fidelity": ("the same with three gates that depolarise with 0.02: F", 0.70706224)},
        ),
        Case(
            "bqc",
            line(("client", "server"), (1.0,)),
            {"success": ("blind computation, angles 0.7 and 1.1: P(0)", 0.78706577)},
            {"client": {"alpha": 0.7, "beta": 1.1, "trap_probability": 0.0}},
        ),
    ]

"""The simulated world on its own: what it answers to commands, and which pair two devices make."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from qdriver.generic import GenericConfig
from qruntime.actors import Arrival, Effect, Expiry, Message, Send, SetTimer, Start
from qruntime.qdevice import (
    DeviceOp,
    Entangle,
    EntangleItem,
    Herald,
    OpCode,
    Operate,
    Outcome,
    Response,
)
from qruntime.rng import Streams
from qworld.engine import Engine
from qworld.links import DepolariseLink, Link, PerfectLink, attempts
from qworld.registry import device_model
from qworld.world import World

NODES = ("alice", "bob")
CONFIG = GenericConfig(num_qubits=3, t1_ns=0, t2_ns=0, init_ns=10, single_qubit_gate_ns=5, measure_ns=40)


class Lab:
    """A world between two nodes, spoken to directly."""

    def __init__(self, link: Link | None = None, config: GenericConfig = CONFIG) -> None:
        engine = Engine()
        devices = {i: device_model("generic")(config, engine) for i in (0, 1)}
        self.world = World(NODES, devices, {(0, 1): link or PerfectLink(delay_ns=100)}, Streams(0), engine)
        self.world.reset(0)
        assert not self.world.handle(Start(), 0)

    def say(self, node: int, message: Message, now_ns: int) -> Sequence[Effect]:
        return self.world.handle(Arrival(f"{NODES[node]}/qnpu", message), now_ns)

    def operate(self, *ops: DeviceOp, now_ns: int = 0) -> list[tuple[int, int, int]]:
        """(reference, response, delay) of what comes back to alice."""
        sends = [effect for effect in self.say(0, Operate(ops), now_ns) if isinstance(effect, Send)]
        return [
            (s.message.ref, s.message.response, s.delay_ns) for s in sends if isinstance(s.message, Outcome)
        ]

    def entangle(
        self, node: int, items: Sequence[EntangleItem], now_ns: int, qubit: int = 0, heard: int = 0
    ) -> list[int]:
        """Times at which an attempt is then due to succeed."""
        effects = self.say(node, Entangle(1 - node, qubit, now_ns, heard, tuple(items)), now_ns)
        return [effect.at_ns for effect in effects if isinstance(effect, SetTimer)]

    def succeed(self, now_ns: int) -> list[tuple[Herald, int]]:
        """The heralds, alice's first, with their delays."""
        sends = [e for e in self.world.handle(Expiry((0, 1)), now_ns) if isinstance(e, Send)]
        return [(s.message, s.delay_ns) for s in sends if isinstance(s.message, Herald)]


def op(kind: int, gate: str, qubit: int, qubit2: int = -1, start: int = 0, ref: int = -1) -> DeviceOp:
    return DeviceOp(kind, start, gate, qubit, qubit2, 0, 0, ref)


def test_measurement_is_answered_when_it_ends() -> None:
    lab = Lab()
    answers = lab.operate(
        op(OpCode.INIT, "init", 1, start=7),
        op(OpCode.ONE_QUBIT, "x", 1, start=17),
        op(OpCode.MEASURE, "measure", 1, start=22, ref=5),
        now_ns=3,
    )
    assert answers == [(5, Response.SUCCESS_ONE, 22 + 40 - 3)]


@pytest.mark.parametrize(
    ("bad", "response"),
    [
        (op(OpCode.ONE_QUBIT, "x", 3), Response.INVALID_QUBIT),
        (op(OpCode.ONE_QUBIT, "x", -1), Response.INVALID_QUBIT),
        (op(OpCode.TWO_QUBIT, "cnot", 0, 3), Response.INVALID_QUBIT),
        (op(OpCode.TWO_QUBIT, "cnot", 1, 1), Response.INVALID_QUBIT),
        (op(OpCode.ONE_QUBIT, "toffoli", 0), Response.UNSUPPORTED_REQUEST),
        (op(OpCode.ONE_QUBIT, "crot_x", 0), Response.UNSUPPORTED_REQUEST),
        (op(OpCode.ALL_QUBITS, "x", 0), Response.UNSUPPORTED_REQUEST),
    ],
)
def test_what_the_hardware_cannot_do_is_answered_and_changes_nothing(bad: DeviceOp, response: int) -> None:
    lab = Lab()
    assert lab.operate(bad) == [(-1, response, 0)]
    answers = lab.operate(op(OpCode.MEASURE, "measure", 0, start=100, ref=1))
    assert answers == [(1, Response.SUCCESS_ZERO, 140)]


def test_operation_that_begins_before_the_one_before_has_ended_is_a_hardware_failure() -> None:
    lab = Lab()
    answers = lab.operate(op(OpCode.INIT, "init", 0), op(OpCode.ONE_QUBIT, "x", 1, start=9, ref=3))
    assert answers == [(3, Response.HARDWARE_FAILURE, 9)]


def test_failure_carries_the_reference_it_was_given() -> None:
    assert Lab().operate(op(OpCode.ONE_QUBIT, "nothing", 0, ref=-7)) == [
        (-7, Response.UNSUPPORTED_REQUEST, 0)
    ]


# --- which pair is made ----------------------------------------

A, B, C = (EntangleItem(0, sequence, 0) for sequence in (4, 5, 6))


def test_attempts_need_both_devices_and_a_common_item() -> None:
    lab = Lab()
    assert lab.entangle(0, [A], 10) == []
    assert lab.entangle(1, [B], 20) == []
    assert lab.entangle(1, [A], 30) == [130]


def test_lowest_common_item_is_served() -> None:
    lab = Lab()
    lab.entangle(0, [A, B, C], 0)
    assert lab.entangle(1, [C, B], 0) == [100]
    heralds = lab.succeed(100)
    assert [(herald.sequence, herald.pair, delay) for herald, delay in heralds] == [(5, 0, 0)] * 2
    assert [herald.qubit for herald, _ in heralds] == [0, 0]


def test_later_start_of_the_two_devices_counts() -> None:
    lab = Lab()
    lab.say(0, Entangle(1, 0, 500, 0, (A,)), 10)
    assert lab.entangle(1, [A], 20) == [600]


def test_saying_the_same_again_does_not_start_anew() -> None:
    lab = Lab(DepolariseLink(fidelity=1, success_probability=0.01, cycle_ns=100))
    lab.entangle(0, [A], 0)
    (due,) = lab.entangle(1, [A], 0)
    assert lab.entangle(1, [A, B], 50) == []
    assert lab.entangle(0, [A, C], 60) == []
    assert [herald.attempts for herald, _ in lab.succeed(due)] == [due // 100] * 2


def test_more_urgent_item_interrupts() -> None:
    lab = Lab()
    lab.entangle(0, [B], 0)
    assert lab.entangle(1, [B], 0) == [100]
    assert lab.entangle(0, [A, B], 40) == []  # only one end holds A so far
    assert lab.entangle(1, [A, B], 60) == [160]


def test_leaving_the_entangling_state_stops_the_attempts() -> None:
    lab = Lab()
    lab.entangle(0, [A], 0)
    lab.entangle(1, [A], 0)
    lab.entangle(0, [], 50)
    assert lab.world._links[0, 1].stretch is None
    assert lab.entangle(0, [A], 70) == [170]


def test_word_spoken_before_the_last_herald_was_heard_does_not_count() -> None:
    lab = Lab()
    lab.entangle(0, [A], 0)
    lab.entangle(1, [A], 0)
    ((first, _), _) = lab.succeed(100)
    assert first.serial == 0
    assert lab.entangle(0, [A], 100, heard=0) == []
    assert lab.entangle(1, [A], 100, heard=0) == []  # both would make the same pair again
    assert lab.entangle(0, [B], 100, qubit=1, heard=1) == []
    assert lab.entangle(1, [B], 100, qubit=1, heard=1) == [200]


def test_word_about_a_qubit_that_got_a_pair_meanwhile_does_not_count() -> None:
    lab = Lab()
    lab.entangle(0, [A], 0)
    lab.entangle(1, [A], 0)
    lab.succeed(100)
    assert lab.entangle(0, [B], 100, heard=1) == []
    assert lab.entangle(1, [B], 100, qubit=1, heard=1) == []
    lab.operate(op(OpCode.DISCARD, "", 0, start=100), now_ns=100)
    assert lab.entangle(0, [B], 100, heard=1) == [200]


def test_measured_item_is_rotated_and_measured_at_once() -> None:
    lab = Lab()
    measured = EntangleItem(0, 4, 0, True, 0, (0, 24, 0))
    lab.entangle(0, [measured], 0)
    lab.entangle(1, [measured], 0)
    (alice, alice_delay), (bob, bob_delay) = lab.succeed(100)
    assert alice.outcome == bob.outcome in (0, 1)
    assert alice_delay == bob_delay == 5 + 40
    assert alice.herald_ns == 100


def test_new_half_takes_the_place_of_what_was_there() -> None:
    lab = Lab()
    lab.operate(op(OpCode.INIT, "init", 0), op(OpCode.ONE_QUBIT, "x", 0, start=10))
    lab.entangle(0, [A], 20)
    lab.entangle(1, [A], 20)
    lab.succeed(120)
    assert len(lab.world.engine) == 2
    q = lab.world._devices[0].qubits[0]
    assert q is not None
    assert np.allclose(lab.world.engine.density_matrix([q]), np.eye(2) / 2)


# --- number of attempts ----------------------------------------


@pytest.mark.parametrize("p", [1.0, 0.9, 0.5, 1e-3, 1e-12, 1e-300])
def test_drawn_number_of_attempts_is_the_quantile_of_the_geometric_distribution(p: float) -> None:
    assert attempts(0.0, p) == 1
    largest = np.nextafter(1.0, 0.0)
    numbers = [attempts(u, p) for u in (0.0, 0.1, 0.5, 0.9, float(largest))]
    assert numbers == sorted(numbers)
    assert all(n >= 1 for n in numbers)
    if 1e-9 < p < 1:
        for u, n in zip((0.1, 0.5, 0.9), numbers[1:4], strict=True):
            assert 1 - (1 - p) ** (n - 1) <= u + 1e-12
            assert u <= 1 - (1 - p) ** n + 1e-12

"""Hostile programs, written with the SDK or in NetQASM, beside applications on the same nodes: those give
what they give alone, and wait for the processor no longer than the policy promises."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

import qnos
from cnpu import Node, Qubit
from qnos.statistics import Tally
from qnos.testing import assert_within
from qnos.workload import load_workload
from qruntime.actors import Emit
from qruntime.errors import ConfigError, SubroutineError
from tests.network.test_multitasking import Sessions, assert_ideal, failures

BUDGET = 300
QUANTUM_NS = 500_000
GATE_NS, MEASURE_NS, LASTS_NS = 90_000, 280_000, 100_000  # of the preset qnodeos; no operation lasts longer
LONGEST_NS = MEASURE_NS + LASTS_NS
STRETCH_NS = MEASURE_NS + 2 * LASTS_NS
POLICIES: dict[str, dict[str, Any]] = {
    "qnodeos": {},
    "round_robin": {"quantum_ns": QUANTUM_NS},
    "edf": {},
    "fair_share": {"min_slice_ns": QUANTUM_NS},
}
HEADER = "# NETQASM 1.0\n# APPID 0\n"
LOOPS = {
    "counts": "set R0 1\nAGAIN:\nadd R1 R0 R0\njmp AGAIN\n",
    "turns": "set Q0 0\nAGAIN:\nx Q0\njmp AGAIN\n",
    "measures": "set Q0 0\nAGAIN:\nmeas Q0 M0\njmp AGAIN\n",
    "allocates": "set Q1 1\nAGAIN:\nqalloc Q1\nqfree Q1\njmp AGAIN\n",
}


async def loop(node: Node, kind: str) -> dict[str, Any]:
    """Loop without end, and once more whenever that is stopped."""
    await node.run_subroutine(HEADER + "set Q0 0\nqalloc Q0\ninit Q0\n")
    stopped = 0
    for _ in range(8):
        try:
            await node.run_subroutine(HEADER + LOOPS[kind])
        except SubroutineError as error:
            assert error.data["quota"] == "instruction_budget", error
            assert str(error.data["instruction"]).startswith("jmp")
            stopped += 1
    return {"stopped": stopped}


async def hoard(node: Node) -> dict[str, Any]:
    """Take every qubit it can get, and sit on them."""
    taken = 0
    try:
        for k in range(100):
            await node.run_subroutine(f"{HEADER}set Q0 {k}\nqalloc Q0\n")
            taken += 1
    except SubroutineError as error:
        assert error.data["quota"] == "qubits", error
    await node.sleep_ns(200_000_000)
    return {"stopped": taken}


async def guess(node: Node) -> dict[str, Any]:
    """Try ids of qubits, arrays and EPR sockets that may be somebody's."""
    stopped = 0
    request = "array 10 @90\narray 22 @92\nstore 1 @92[0]\nstore 1 @92[1]\n"
    for k in range(12):
        for attempt in (
            f"set Q0 {k}\nx Q0\n",
            f"set Q0 {k}\nmeas Q0 M0\n",
            f"set R0 0\nload R1 @{k}[R0]\n",
            f"{request}create_epr 1 {100 + k} C0 92 90\n",
        ):
            try:
                await node.run_subroutine(HEADER + attempt)
            except SubroutineError:
                stopped += 1
    assert stopped == 48, "something was there"
    return {"stopped": stopped}


async def ask_in_vain(node: Node) -> dict[str, Any]:
    """Ask for pairs that nobody at the other end wants."""
    for _ in range(5):
        node.epr("bob").create_measure()
    node.submit()
    await node.sleep_ns(30_000_000)
    return {"stopped": 1}


async def flood(node: Node) -> dict[str, Any]:
    """Send its peer thousands of messages that nobody reads."""
    for _ in range(20):
        for k in range(200):
            node.socket("bob").send(k)
        await node.sleep_ns(100_000)
    return {"stopped": 1}


async def crowd(node: Node) -> dict[str, Any]:
    """Queue more subroutines than it may."""

    async def one() -> int:
        try:
            await node.run_subroutine(HEADER + "set Q0 0\n" + 30 * "meas Q0 M0\n")
        except SubroutineError as error:
            assert error.data["quota"] == "queued_subroutines", error
            return 1
        return 0

    await node.run_subroutine(HEADER + "set Q0 0\nqalloc Q0\ninit Q0\n")
    return {"stopped": sum(await node.gather(*(one() for _ in range(40))))}


async def crash(node: Node) -> dict[str, Any]:
    """Fail with a qubit in hand and a pair on its way."""
    Qubit(node)
    node.epr("bob").create_keep()
    node.submit()
    await node.sleep_ns(9_000_000)
    raise ValueError("on purpose")


async def join_in(node: Node) -> dict[str, Any]:
    """What the peer of one that crashes does."""
    node.epr("alice").recv_keep()
    await node.flush()
    await node.socket("alice").recv()
    return {}


async def idle(node: Node) -> dict[str, Any]:
    """Stay for as long as anybody may be hostile."""
    await node.sleep_ns(60_000_000)
    return {}


HOSTILE: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    **{kind: (partial(loop, kind=kind), idle) for kind in LOOPS},
    "hoards": (hoard, idle),
    "guesses": (guess, idle),
    "asks in vain": (ask_in_vain, idle),
    "floods": (flood, idle),
    "crowds": (crowd, idle),
    "crashes": (crash, join_in),
}
QUOTAS = {"qubits": 4, "queued_subroutines": 10}


def longest_wait_ns(policy: str) -> int:
    """What a process waits for the processor at most, whenever it is ready, beside one other of weight 1."""
    turn_ns = QUANTUM_NS + STRETCH_NS
    return {
        "qnodeos": (BUDGET + 8) * LONGEST_NS,
        "round_robin": turn_ns,
        "edf": STRETCH_NS,
        "fair_share": 2 * turn_ns,
    }[policy]


def beside(hostile: str, policy: str, network: Any, seed: int, *victims: str) -> Sessions:
    """The victims, each with the earliest deadline, and one hostile program on alice."""
    alice, bob = HOSTILE[hostile]
    values = {
        "os": {
            "preset": "qnodeos",
            "qnpu": {
                "scheduler": policy, "scheduler_options": POLICIES[policy],
                "quotas": {"instruction_budget": BUDGET},
            },
        },
        "nodes.*.device.num_qubits": 4 + 3 * len(victims),
    }  # fmt: skip
    sessions = Sessions(network, *victims, {"alice": alice, "bob": bob}, seed=seed, values=values)
    for cnpu in sessions.simulation.actors.cnpus:
        for launch in cnpu.launches:
            if launch.session < len(victims):
                launch.deadline_ns = 1
            else:
                launch.quotas = dict(QUOTAS)
    return sessions


class Waits:
    """How long a program that was ready waited for the processor, by node; `pid` 0 is the first victim's."""

    def __init__(self) -> None:
        self.spans: list[int] = []
        self._since: dict[str, int] = {}

    def __call__(self, actor: str, emit: Emit) -> None:
        if emit.pid == 0 and emit.event == "SCHEDULER_ARRIVE_USER_PROCESS":
            self._since[actor] = emit.t_ns
        elif emit.pid == 0 and emit.event == "PROCESSOR_START_USER_PROCESS":
            self.spans.append(emit.t_ns - self._since.pop(actor))


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("policy", POLICIES)
def test_victim_gives_what_it_gives_alone_and_waits_no_longer_than_promised(
    policy: str, hostile: str
) -> None:
    """Without noise a teleported state is right in every shot; 2 shots, exact."""
    sessions = beside(hostile, policy, "perfect", 5, "teleport")
    for number in range(2):
        waits = Waits()
        sessions.simulation.shot(number, waits)
        ended = sessions.simulation.ended()
        good = {end.role: end for end in ended if end.session == 0}
        bad = {end.role: end for end in ended if end.session == 1}
        assert len(good) == 2 and not failures(good)
        assert_ideal(sessions.metrics(0, good))
        assert waits.spans and max(waits.spans) <= longest_wait_ns(policy)
        if hostile == "crashes":
            assert bad["alice"].error is not None and bad["alice"].error.code == "PROGRAM"
        else:
            assert not failures(bad)
            assert bad["alice"].value["stopped"] > 0


@pytest.mark.parametrize(
    ("hostile", "policy"), [("measures", "round_robin"), ("turns", "qnodeos"), ("hoards", "edf")]
)
def test_noise_of_a_victim_is_that_of_its_link_whoever_runs_beside(hostile: str, policy: str) -> None:
    """N = 150, seed 6, 4 sigma: at the closed forms for pairs of fidelity 0.9 and quiet devices."""
    sessions = beside(hostile, policy, "two_generic_werner", 6, "teleport", "bell_pair")
    teleported, paired = Tally(), Tally()
    for number in range(150):
        first, second, _ = sessions.shot(number)
        assert not failures(first) and not failures(second)
        teleported.add(sessions.metrics(0, first)["fidelity"])
        paired.add(sessions.metrics(1, second)["fidelity"])
    assert_within(teleported.metric(), (2 * 0.9 + 1) / 3)
    assert_within(paired.metric(), 0.9)


def test_distributed_gate_that_no_node_has_room_for_fails_at_once_at_both_ends() -> None:
    """One qubit per node: each end holds it and waits for a pair. Nobody waits for the 60 s of a request."""
    result = qnos.run(
        "distributed_cnot", "perfect", shots=1, values={"os": "qnodeos", "nodes.*.device.num_qubits": 1}
    )
    errors = {error.role: error for error in result.errors}
    assert list(errors) == ["alice", "bob"]
    for error in errors.values():
        assert "NORES: the program holds every qubit of the device while it waits for a pair" in error.message
        assert error.ended_ns < 20_000_000


def test_workload_gives_the_programs_of_an_application_quotas_of_their_own() -> None:
    entry = {"app": "bell_pair", "quotas": {"subroutine_instructions": 3}}
    workload = load_workload({"apps": [entry, {"app": "teleport"}]})
    result = qnos.run(workload, "perfect", shots=2)
    assert result.apps["teleport"].failed == 0
    assert result.apps["bell_pair"].failed == 2
    message = result.apps["bell_pair"].errors[0].message
    assert "allowed: 3 (quotas.subroutine_instructions of its application)" in message


@pytest.mark.parametrize(
    ("quotas", "why"),
    [
        ({"qubits": 2000}, r"app0: bell_pair\[0\]: quota qubits is 2000; allowed: 1 to 1024"),
        ({"time": 1}, r"there is no quota 'time'; allowed: qubits, array_entries"),
    ],
)
def test_workload_with_quotas_that_cannot_be_is_refused(quotas: dict[str, int], why: str) -> None:
    workload = load_workload({"name": "app0", "apps": [{"app": "bell_pair", "quotas": quotas}]})
    with pytest.raises(ConfigError, match=why):
        qnos.run(workload, "perfect", shots=1)

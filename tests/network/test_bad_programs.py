"""Programs that misbehave: each fails with its line, and everything else goes on as if it were not there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from cnpu import App, Ended, Launch, Node, Qubit, load_app
from qnos.loading import load_network
from qnos.placing import place
from qnos.simulate import Plan, Simulation, simulate

BAD_SHOTS = 3  # every third shot


def line_of(mark: str) -> int:
    with open(__file__) as file:
        return next(i for i, text in enumerate(file, 1) if text.rstrip().endswith(f"  {mark}"))


async def exits(node: Node) -> None:
    sys.exit(3)  # EXITS


async def sleeps(node: Node) -> None:
    while True:
        await node.sleep_ns(0)  # SLEEPS


async def floods(node: Node) -> None:
    for i in range(100_000):
        node.socket("bob").send(i)  # FLOODS


async def returns_a_number(node: Node) -> int:  # RETURNS
    return 3


BAD = [
    (exits, "# EXITS", "PROGRAM"),
    (sleeps, "# SLEEPS", "PROGRAM"),
    (floods, "# FLOODS", "LIMIT"),
    (returns_a_number, "# RETURNS", "PROGRAM"),
]


async def measures(node: Node) -> dict[str, Any]:
    outcome = Qubit(node).measure()
    await node.flush()
    return {"outcome": int(outcome)}


@pytest.mark.parametrize(("bad", "mark", "code"), BAD)
def test_bad_program_costs_its_own_shots_only(bad: Callable[..., Any], mark: str, code: str) -> None:
    turns = iter(range(100))

    async def alice(node: Node) -> Any:
        if next(turns) % BAD_SHOTS == 0:
            return await bad(node)
        return await measures(node)

    result = simulate(App("bad", {"alice": alice, "bob": measures}), load_network("perfect"), shots=6)
    assert result.shots == 6
    failed = [(error.shot, error.role, error.code) for error in result.errors]
    if bad is returns_a_number:
        mark_line = alice.__code__.co_firstlineno
    else:
        mark_line = line_of(mark)
    assert failed == [(0, "alice", code), (3, "alice", code)]
    assert all(f"test_bad_programs.py line {mark_line}" in error.message for error in result.errors)
    assert all("another exception" not in error.traceback for error in result.errors)


@pytest.mark.parametrize(("bad", "mark", "code"), BAD)
def test_session_beside_a_bad_program_stays_perfect(bad: Callable[..., Any], mark: str, code: str) -> None:
    async def bob(node: Node) -> None:
        while True:
            await node.socket("alice").recv()

    teleport = load_app("teleport")
    network = load_network("perfect")
    simulation = Simulation(Plan(teleport, network))
    app = App("bad", {"alice": bad, "bob": bob})
    placement, roles = place(app, network, {})
    for cnpu in simulation.actors.cnpus:
        for role, main in roles.items():
            if placement[role] == cnpu.node:
                cnpu.launches.append(Launch(1, "bad", role, main, {}, placement))
    simulation.shot(0)
    ended: dict[tuple[int, str], Ended] = {(end.session, end.role): end for end in simulation.ended()}
    error = ended[1, "alice"].error
    assert error is not None and error.code == code
    assert f"test_bad_programs.py line {line_of(mark)}" in error.message
    peer = ended[1, "bob"].error
    assert peer is not None and peer.code == "PEER_FAILED" and error.message[:40] in peer.message
    assert ended[0, "alice"].error is None and ended[0, "bob"].value == {"outcome": 0}

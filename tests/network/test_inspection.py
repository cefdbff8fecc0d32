"""What a runtime may ask the QNPU on behalf of a program: its memory always, quantum states only where the
network says so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import qnos
from cnpu import Qubit
from netqasm_isa import register
from qruntime.errors import ProgramError
from qruntime.inspection import Scope

READABLE = {"os": "ideal", "testing": {"states_readable": True}}
NETWORK = {
    "os": "ideal",
    "nodes": [
        {"name": name, "device": {"kind": "generic", "two_qubit_gate_depolarise": 0.0}} for name in ("a", "b")
    ],
    "links": [{"nodes": ["a", "b"], "kind": "perfect"}],
}


def values(network: dict[str, Any], *programs: Any) -> list[dict[str, Any]]:
    roles = dict(zip("ab", programs, strict=False))
    result = qnos.run(roles, network, shots=1, placement={role: role for role in roles})
    assert not result.errors, result.errors
    return [{name: column[0] for name, column in result.results[role].items()} for role in roles]


def test_memory_is_read_as_it_is() -> None:
    async def a(node: Any) -> dict[str, Any]:
        await node.run_subroutine("set R3 7\narray 2 @5\nstore R3 @5[1]")
        memory = await node.program.read_memory((register("R3"), register("M9")), (5, 6))
        return {
            "registers": [value for _, value in memory.registers],
            "arrays": [v for _, v in memory.arrays],
        }

    (found,) = values(NETWORK, a)
    assert found == {"registers": [7, None], "arrays": [(None, 7), None]}


async def halves(node: Any, peer: str, creates: bool) -> tuple[Any, ...]:
    epr = node.epr(peer)
    (q,) = epr.create_keep() if creates else epr.recv_keep()
    await node.flush()
    return (q,)


def test_states_are_kept_from_programs_unless_the_network_says_otherwise() -> None:
    async def a(node: Any) -> dict[str, Any]:
        q = Qubit(node)
        q.H()
        await node.flush()
        try:
            (picture,) = await node.program.inspect(Scope.TOGETHER, (0,))
        except ProgramError as error:
            return {"refused": error.message}
        return {"entries": picture.entries, "places": picture.places}

    (found,) = values(NETWORK, a)
    assert "testing.states_readable" in found["refused"]
    (found,) = values({**NETWORK, **READABLE}, a)
    assert np.allclose(np.array(found["entries"])[::2], 0.5) and found["places"] == (("a", 0),)


def test_what_is_entangled_is_shown_with_it_and_looking_disturbs_nothing() -> None:
    async def a(node: Any) -> dict[str, Any]:
        (q,) = await halves(node, "b", True)
        (picture,) = await node.program.inspect(Scope.ENTANGLED, (0,))
        (again,) = await node.program.inspect(Scope.ENTANGLED, (0,))
        assert again == picture
        m = q.measure()
        await node.flush()
        node.socket("b").send("seen")
        return {"real": picture.entries[::2], "places": picture.places, "m": m}

    async def b(node: Any) -> dict[str, Any]:
        (q,) = await halves(node, "a", False)
        await node.socket("a").recv()
        m = q.measure()
        await node.flush()
        return {"m": m}

    of_a, of_b = values({**NETWORK, **READABLE}, a, b)
    assert of_a["places"] == (("a", 0), ("b", 0)) and of_a["m"] == of_b["m"]
    phi = np.array([1, 0, 0, 1]) / np.sqrt(2)
    assert np.allclose(of_a["real"], np.outer(phi, phi).ravel())


def test_qubit_that_is_not_bound_cannot_be_looked_at() -> None:
    async def a(node: Any) -> dict[str, Any]:
        with pytest.raises(ProgramError, match="virtual qubit 3 is not bound"):
            await node.program.inspect(Scope.TOGETHER, (3,))
        return {}

    values({**NETWORK, **READABLE}, a)

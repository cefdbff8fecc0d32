"""A gate that the hardware refuses ends its subroutine at the time when it would have begun, once."""

from __future__ import annotations

from typing import Any

import pytest

import qnos


@pytest.mark.parametrize("os", ["ideal", "qnodeos"])
def test_gate_refused_at_a_time_to_come_does_not_ask_for_ever(os: str) -> None:
    async def alice(node: Any) -> dict[str, Any]:
        from cnpu import Qubit

        qubit = Qubit(node)
        qubit.Z()
        await node.flush()
        return {}

    network = {"os": os, "nodes": [{"name": "alice", "device": {"kind": KIND}}], "links": []}
    result = qnos.run({"alice": alice}, network, shots=1)
    assert "driver translated z by raising ZeroDivisionError" in result.errors[0].message


KIND = "tests.conformance.faulty:TranslateRaises"

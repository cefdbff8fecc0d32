"""The atoms keep the rules of the OS, applications run on them, and pairs are moved out of the cavity."""

import pytest

import qnos
from qnos.conformance import RULES, check

KIND = "neutral_atoms:Hardware"  # by its module, so that it need not be installed

SIZES = {size: {v.rule: v.broken for v in check(KIND, {"num_qubits": size})} for size in (1, 2, 5)}


def network(**parameters):
    """Two arrays on a perfect link."""
    device = {"kind": KIND, **parameters}
    return {
        "os": "qnodeos",
        "nodes": [{"name": "alice", "device": device}, {"name": "bob", "device": device}],
        "links": [{"nodes": ["alice", "bob"], "kind": "perfect"}],
    }


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("rule", RULES)
def test_rule_holds(rule, size):
    assert SIZES[size][rule] == ""


def test_teleportation_runs_on_two_of_them():
    result = qnos.run("teleport", network(), shots=400, seed=1)
    assert not result.errors
    # bounds: 3 sigma of 400 shots around 0.95 is 0.03
    assert result.metrics["fidelity"].mean > 0.92


def test_errors_of_readout_and_rydberg_pulses_cost_fidelity():
    noisy = network(readout_error_0=0.1, readout_error_1=0.1, rydberg_depolarise=0.1)
    means = [
        qnos.run("teleport", net, shots=400, seed=1).metrics["fidelity"].mean for net in (network(), noisy)
    ]
    assert means[1] < means[0] - 0.1


async def alice(node):
    """Hold two pairs at once; only one of them fits into the cavity."""
    halves = [node.epr("bob").create_keep()[0] for _ in range(2)]
    bits = [half.measure() for half in halves]
    await node.flush()
    return {"bits": [int(bit) for bit in bits]}


async def bob(node):
    """The same, the other half."""
    halves = [node.epr("alice").recv_keep()[0] for _ in range(2)]
    bits = [half.measure() for half in halves]
    await node.flush()
    return {"bits": [int(bit) for bit in bits]}


def test_a_second_pair_comes_into_the_cavity_when_the_first_has_been_moved_out():
    result = qnos.run({"alice": alice, "bob": bob}, network(), shots=200, seed=3)
    assert not result.errors
    mine, yours = (result.results[role]["bits"] for role in ("alice", "bob"))
    equal = sum(a == b for shot in zip(mine, yours, strict=True) for a, b in zip(*shot, strict=True))
    assert equal > 0.9 * 400  # 400 bits of which about 0.97 agree: 12 sigma


def test_coherence_above_twice_the_decay_time_is_refused():
    with pytest.raises(qnos.ConfigError, match="t2_ns is 5e"):
        qnos.run("ping", network(t1_ns=1e6, t2_ns=5e6), shots=1)

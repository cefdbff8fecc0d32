"""Remote state preparation: by measuring half of a kept pair, and as a request of its own kind."""

import numpy as np
from _short import pair, two
from netqasm.sdk.build_epr import EprMeasBasis
from squidasm.run.stack.run import run
from squidasm.util import get_qubit_state, get_reference_state
from squidasm.util.routines import measXY, recv_remote_state_preparation, remote_state_preparation

THETA = 0.9


def by_routine(context):
    m = remote_state_preparation(context.epr_sockets["Bob"], THETA)
    yield from context.connection.flush()
    return {"m": int(m)}


def received(context):
    q = recv_remote_state_preparation(context.epr_sockets["Alice"])
    yield from context.connection.flush()
    state = get_qubit_state(q, "Bob")
    m = measXY(q, -THETA)
    yield from context.connection.flush()
    return {"state": state, "m": m}


def by_request(context):
    results = context.epr_sockets["Bob"].create_rsp(number=2, basis_local=EprMeasBasis.X)
    yield from context.connection.flush()
    return [int(result.measurement_outcome) for result in results]


def kept(context):
    qubits = context.epr_sockets["Alice"].recv_rsp(number=2)
    yield from context.connection.flush()
    states = [get_qubit_state(q, "Bob") for q in qubits]
    for q in qubits:
        q.free()
    yield from context.connection.flush()
    return states


def expect() -> None:
    of_alice, of_bob = run(two(), pair(by_routine, received), num_times=10)
    for ours, theirs in zip(of_alice, of_bob):
        # the projector on Rz(-theta + m pi)|+> at one half of Phi+ leaves its complex conjugate at the other
        expected = get_reference_state(THETA + ours["m"] * np.pi, np.pi / 2)
        assert np.allclose(theirs["state"], expected, atol=1e-3)
        assert theirs["m"] == ours["m"]
    assert {r["m"] for r in of_alice} == {0, 1}

    of_alice, of_bob = run(two(), pair(by_request, kept), num_times=8)
    seen = set()
    for outcomes, states in zip(of_alice, of_bob):
        for m, state in zip(outcomes, states):
            assert np.allclose(state, get_reference_state(m * np.pi, np.pi / 2))
            seen.add(m)
    assert seen == {0, 1}


if __name__ == "__main__":
    expect()

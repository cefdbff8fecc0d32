"""Pairs measured at once: outcomes of Phi+ agree in Z and X, and differ in Y; with rotations and random
bases too, and Werner noise shows as errors with probability (1 - w)/2."""

import math

from _short import mean, pair, two, werner
from netqasm.qlink_compat import RandomBasis
from netqasm.sdk.build_epr import EprMeasBasis
from squidasm.run.stack.run import run

N = 40


def programs(number: int = N, **how) -> dict:
    def alice(context):
        results = context.epr_sockets["Bob"].create_measure(number=number, **how)
        yield from context.connection.flush()
        return [(int(r.measurement_outcome), int(r.raw_bell_state)) for r in results]

    def bob(context):
        results = context.epr_sockets["Alice"].recv_measure(number=number)
        yield from context.connection.flush()
        return [(int(r.measurement_outcome), int(r.remote_node_id)) for r in results]

    return pair(alice, bob)


def agreement(network, **how) -> float:
    ((of_alice,), (of_bob,)) = run(network, programs(**how))
    assert all(bell == 0 for _, bell in of_alice) and all(node == 0 for _, node in of_bob)
    return mean([a == b for (a, _), (b, _) in zip(of_alice, of_bob)])


def expect() -> None:
    for basis, agree in ((EprMeasBasis.X, 1), (EprMeasBasis.Y, 0), (EprMeasBasis.Z, 1)):
        assert agreement(two(), basis_local=basis, basis_remote=basis) == agree
    # Rx(pi/2) on both, then Z, is Y on both; on one of them alone half of the outcomes agree
    assert agreement(two(), rotations_local=(8, 0, 0), rotations_remote=(8, 0, 0)) == 0
    assert 0 < agreement(two(), rotations_local=(8, 0, 0)) < 1
    assert 0 < agreement(two(), random_basis_local=RandomBasis.XZ, random_basis_remote=RandomBasis.XZ) < 1
    # 400 pairs of fidelity 0.85, w = 0.8: agreement 0.9, tolerance 5 sigma
    found = agreement(werner(0.85), number=400, basis_local=EprMeasBasis.X, basis_remote=EprMeasBasis.X)
    assert abs(found - 0.9) < 5 * math.sqrt(0.09 / 400)


if __name__ == "__main__":
    expect()

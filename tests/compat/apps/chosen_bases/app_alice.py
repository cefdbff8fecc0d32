"""Measures pairs directly, both ends in bases that this end says."""

from netqasm.sdk import EPRSocket
from netqasm.sdk.build_epr import EprMeasBasis
from netqasm.sdk.external import NetQASMConnection


def main(app_config=None):
    epr_socket = EPRSocket("bob")
    outcomes = {}
    with NetQASMConnection("alice", log_config=app_config.log_config, epr_sockets=[epr_socket]) as connection:
        for basis in EprMeasBasis.X, EprMeasBasis.Y, EprMeasBasis.Z:
            pairs = epr_socket.create_measure(number=6, basis_local=basis, basis_remote=basis)
            connection.flush()
            outcomes[basis.name] = [int(pair.measurement_outcome) for pair in pairs]
    return outcomes

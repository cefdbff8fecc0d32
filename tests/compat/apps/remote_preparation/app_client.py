"""Prepares states at a distance: measures its halves of pairs in Y."""

from netqasm.sdk import EPRSocket
from netqasm.sdk.build_epr import EprMeasBasis
from netqasm.sdk.external import NetQASMConnection


def main(app_config=None, number=1):
    epr_socket = EPRSocket("server")
    with NetQASMConnection("client", log_config=app_config.log_config, epr_sockets=[epr_socket]):
        results = epr_socket.create_rsp(number=number, basis_local=EprMeasBasis.Y)
    return {"outcomes": [int(each.measurement_outcome) for each in results]}

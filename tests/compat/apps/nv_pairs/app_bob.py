"""Keeps two pairs on an NV centre, and reads them in X and in Z."""

from netqasm.sdk import EPRSocket
from netqasm.sdk.external import NetQASMConnection


def main(app_config=None):
    epr_socket = EPRSocket("alice")
    with NetQASMConnection("bob", log_config=app_config.log_config, epr_sockets=[epr_socket]):
        first, second = epr_socket.recv_keep(number=2)
        first.H()
        outcomes = [first.measure(), second.measure()]
    return {"outcomes": outcomes}

"""Takes part, and need not know in what."""

from netqasm.sdk import EPRSocket
from netqasm.sdk.external import NetQASMConnection


def main(app_config=None):
    epr_socket = EPRSocket("alice")
    outcomes = {}
    with NetQASMConnection("bob", log_config=app_config.log_config, epr_sockets=[epr_socket]) as connection:
        for name in "X", "Y", "Z":
            pairs = epr_socket.recv_measure(number=6)
            connection.flush()
            outcomes[name] = [int(pair.measurement_outcome) for pair in pairs]
    return outcomes

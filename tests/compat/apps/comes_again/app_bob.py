"""Is still busy with the last pair, and in the last connection, when Alice asks for the next."""

from netqasm.sdk import EPRSocket
from netqasm.sdk.external import NetQASMConnection, Socket


def main(app_config=None):
    socket = Socket("bob", "alice", log_config=app_config.log_config)
    epr_socket = EPRSocket("alice")
    outcomes = []
    for _ in range(4):
        with NetQASMConnection("bob", epr_sockets=[epr_socket]) as connection:
            (half,) = epr_socket.recv_keep()
            connection.flush()
            socket.recv()
            for _ in range(5):
                half.X()
            outcomes.append(half.measure())
    return outcomes

"""Opens a connection for each pair, and tells Bob of each before it asks for the next."""

from netqasm.sdk import EPRSocket
from netqasm.sdk.external import NetQASMConnection, Socket


def main(app_config=None):
    socket = Socket("alice", "bob", log_config=app_config.log_config)
    epr_socket = EPRSocket("bob")
    outcomes = []
    for _ in range(4):
        with NetQASMConnection("alice", epr_sockets=[epr_socket]) as connection:
            outcome = epr_socket.create_keep()[0].measure()
            connection.flush()
        outcomes.append(outcome)
        socket.send("next")
    return outcomes

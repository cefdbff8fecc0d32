"""Shares a node with bert, and pairs with cleo, who is elsewhere."""

from netqasm.sdk import EPRSocket
from netqasm.sdk.external import NetQASMConnection, Socket


def main(app_config=None):
    socket = Socket("ada", "bert")
    # the id for the far end is not the one that cleo has: there is no doubt which is meant
    epr_socket = EPRSocket("cleo", epr_socket_id=1)
    with NetQASMConnection("ada", epr_sockets=[epr_socket]) as connection:
        outcome = epr_socket.create_keep()[0].measure()
        connection.flush()
        socket.send(str(outcome))
    return {"outcome": outcome, "node": app_config.node_name}

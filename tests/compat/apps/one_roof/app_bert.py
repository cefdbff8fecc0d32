"""Shares a node with ada, and pairs with cleo, too."""

from netqasm.sdk import EPRSocket
from netqasm.sdk.external import NetQASMConnection, Socket


def main(app_config=None):
    socket = Socket("bert", "ada")
    epr_socket = EPRSocket("cleo")
    with NetQASMConnection("bert", epr_sockets=[epr_socket]):
        outcome = epr_socket.create_keep()[0].measure()
    return {"outcome": outcome, "ada": int(socket.recv()), "node": app_config.node_name}

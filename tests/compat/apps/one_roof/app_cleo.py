"""Takes a pair from each of two roles on one node, through sockets of the same id."""

from netqasm.sdk import EPRSocket
from netqasm.sdk.external import NetQASMConnection


def main(app_config=None):
    sockets = [EPRSocket("ada"), EPRSocket("bert")]
    with NetQASMConnection("cleo", epr_sockets=sockets):
        outcomes = [socket.recv_keep()[0].measure() for socket in sockets]
    return {"outcomes": outcomes}

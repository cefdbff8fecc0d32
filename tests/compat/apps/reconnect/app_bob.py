"""Listens, then takes both pairs in one connection."""

from netqasm.sdk import EPRSocket
from netqasm.sdk.external import NetQASMConnection, Socket


def main(app_config=None):
    socket = Socket("bob", "alice", socket_id=3, timeout=1.0)
    told = [socket.recv() for _ in range(3)]
    epr_socket = EPRSocket("alice")
    pairs = []
    with NetQASMConnection("bob", epr_sockets=[epr_socket]) as connection:
        for _ in range(2):
            pairs.append(epr_socket.recv_keep()[0].measure())
            connection.flush()
    try:
        socket.recv(block=False)
    except (RuntimeError, ConnectionError) as error:
        told.append(type(error).__name__)
    return {"told": told, "pairs": pairs}

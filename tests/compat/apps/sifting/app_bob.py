"""The other end of BB84 with measured pairs: random bases of its own, sifted with the peer's."""

from random import randint

from netqasm.sdk import EPRSocket
from netqasm.sdk.external import NetQASMConnection, Socket

PAIRS = 150


def main(app_config=None):
    socket = Socket("bob", "alice", log_config=app_config.log_config)
    epr_socket = EPRSocket("alice")
    bases, outcomes = [], []
    with NetQASMConnection("bob", log_config=app_config.log_config, epr_sockets=[epr_socket]) as connection:
        for _ in range(PAIRS):
            basis = randint(0, 1)
            qubit = epr_socket.recv_keep()[0]
            if basis:
                qubit.H()
            outcomes.append(qubit.measure())
            bases.append(basis)
            connection.flush()
    socket.send("".join(map(str, bases)))
    theirs = socket.recv()
    return {"bits": [int(m) for m in outcomes], "bases": bases, "theirs": [int(b) for b in theirs]}

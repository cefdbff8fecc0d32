"""Opens one connection after another on a node with one qubit, and leaves a qubit behind in each."""

from netqasm.sdk import EPRSocket, Qubit
from netqasm.sdk.external import NetQASMConnection, Socket


def main(app_config=None):
    socket = Socket("alice", "bob", socket_id=3, log_config=app_config.log_config)
    log_config = app_config.log_config
    seen = []
    for number in range(3):
        with NetQASMConnection("alice", log_config=log_config, max_qubits=2) as connection:
            qubit = Qubit(connection)
            if number:
                qubit.X()
            seen.append(qubit.measure(inplace=True))  # never freed: closing does that
            connection.flush()
            socket.send(f"{number} is {int(seen[-1])}")
    epr_socket = EPRSocket("bob")
    pairs = []
    for _ in range(2):
        with NetQASMConnection("alice", log_config=log_config, epr_sockets=[epr_socket]):
            pairs.append(epr_socket.create_keep()[0].measure())
    return {"seen": seen, "pairs": pairs}

"""Gets a qubit, and looks at its state."""

from netqasm.sdk import EPRSocket
from netqasm.sdk.external import NetQASMConnection, Socket, get_qubit_state


def main(app_config=None):
    socket = Socket("receiver", "sender", log_config=app_config.log_config)
    epr_socket = EPRSocket("sender")
    with NetQASMConnection(
        "receiver", log_config=app_config.log_config, epr_sockets=[epr_socket], max_qubits=2
    ) as connection:
        qubit = epr_socket.recv_keep()[0]
        connection.flush()
        message = socket.recv_structured()
        m1, m2 = message.payload
        if m2 == 1:
            qubit.X()
        if m1 == 1:
            qubit.Z()
        connection.flush()
        state = get_qubit_state(qubit)
    return {"header": message.header, "payload": message.payload, "state": state}

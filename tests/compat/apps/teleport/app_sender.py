"""Teleports a qubit, and tells the corrections in a structured message."""

from netqasm.sdk import EPRSocket, Qubit
from netqasm.sdk.classical_communication.message import StructuredMessage
from netqasm.sdk.external import NetQASMConnection, Socket
from netqasm.sdk.toolbox import set_qubit_state


def main(app_config=None, phi=0.0, theta=0.0):
    socket = Socket("sender", "receiver", log_config=app_config.log_config)
    epr_socket = EPRSocket("receiver")
    connection = NetQASMConnection(
        app_name=app_config.app_name, log_config=app_config.log_config, epr_sockets=[epr_socket]
    )
    with connection:
        qubit = Qubit(connection)
        set_qubit_state(qubit, phi, theta)
        half = epr_socket.create_keep()[0]
        qubit.cnot(half)
        qubit.H()
        m1, m2 = qubit.measure(), half.measure()
    socket.send_structured(StructuredMessage("corrections", (int(m1), int(m2))))
    return {"m1": m1, "m2": m2, "node": app_config.node_name}

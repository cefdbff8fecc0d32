"""Measures what was prepared, in Y."""

from netqasm.sdk import EPRSocket
from netqasm.sdk.external import NetQASMConnection


def main(app_config=None, number=1):
    epr_socket = EPRSocket("client")
    with NetQASMConnection(
        "server", log_config=app_config.log_config, epr_sockets=[epr_socket], max_qubits=number
    ):
        outcomes = []
        for qubit in epr_socket.recv_rsp(number=number):
            qubit.K()
            outcomes.append(qubit.measure())
    return {"outcomes": [int(each) for each in outcomes]}

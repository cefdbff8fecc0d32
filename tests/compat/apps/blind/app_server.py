"""Does what it is told, and learns nothing."""

from netqasm.sdk import EPRSocket, Qubit
from netqasm.sdk.external import NetQASMConnection, Socket


def main(app_config=None):
    socket = Socket("server", "client", log_config=app_config.log_config)
    epr_socket = EPRSocket("client")
    with NetQASMConnection(
        "server", log_config=app_config.log_config, epr_sockets=[epr_socket]
    ) as connection:
        prepared = epr_socket.recv_keep()[0]
        plus = Qubit(connection)
        plus.H()
        prepared.cphase(plus)
        connection.flush()
        delta = float(socket.recv())
        prepared.rot_Z(angle=-delta)
        prepared.H()
        first = prepared.measure()
        connection.flush()
        socket.send(str(first))
        second = plus.measure()
        connection.flush()
        socket.send(str(second))

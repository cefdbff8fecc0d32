"""Waits for a word before it takes part."""

from netqasm.sdk import EPRSocket
from netqasm.sdk.external import NetQASMConnection, Socket


def main(app_config=None):
    socket = Socket("bob", "alice", log_config=app_config.log_config)
    epr_socket = EPRSocket("alice")
    with NetQASMConnection("bob", log_config=app_config.log_config, epr_sockets=[epr_socket]) as connection:
        said = socket.recv()
        array = connection.new_array(4)

        def each(conn, qubit, pair):
            qubit.measure(future=array.get_future_index(pair))

        epr_socket.recv_keep(number=4, sequential=True, post_routine=each)
    return {"said": said, "outcomes": [array.get_future_index(i) for i in range(4)]}

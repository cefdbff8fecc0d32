"""Flushes without waiting: what it sends meanwhile is what the peer waits for."""

from netqasm.sdk import EPRSocket
from netqasm.sdk.external import NetQASMConnection, Socket


def main(app_config=None):
    socket = Socket("alice", "bob", log_config=app_config.log_config)
    epr_socket = EPRSocket("bob")
    called = []
    with NetQASMConnection("alice", log_config=app_config.log_config, epr_sockets=[epr_socket]) as connection:
        array = connection.new_array(4)

        def each(conn, qubit, pair):
            qubit.measure(future=array.get_future_index(pair))

        epr_socket.create_keep(number=4, sequential=True, post_routine=each)
        connection.flush(block=False, callback=lambda: called.append("done"))
        socket.send("ready when you are")
        before = list(called)
        connection.block()
    return {"before": before, "called": called, "outcomes": list(array)}

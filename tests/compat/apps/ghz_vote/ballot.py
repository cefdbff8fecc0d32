"""A vote whose parity is known and whose voters are not: a GHZ state, a Z for yes, outcomes of X to all."""

from netqasm.sdk import EPRSocket
from netqasm.sdk.external import BroadcastChannel, NetQASMConnection, Socket
from netqasm.sdk.toolbox import create_ghz

LINE = ["ann", "ben", "cid"]


def vote(name, in_favour, log_config):
    place = LINE.index(name)
    down = LINE[place - 1] if place > 0 else None
    up = LINE[place + 1] if place + 1 < len(LINE) else None
    down_epr = EPRSocket(down, epr_socket_id=0, remote_epr_socket_id=1) if down else None
    up_epr = EPRSocket(up, epr_socket_id=1, remote_epr_socket_id=0) if up else None
    down_socket = Socket(name, down, log_config=log_config) if down else None
    up_socket = Socket(name, up, log_config=log_config) if up else None
    channel = BroadcastChannel(name, [other for other in LINE if other != name], socket_id=7)
    connection = NetQASMConnection(
        name, log_config=log_config, epr_sockets=[each for each in (down_epr, up_epr) if each]
    )
    with connection:
        qubit, _ = create_ghz(
            down_epr_socket=down_epr,
            up_epr_socket=up_epr,
            down_socket=down_socket,
            up_socket=up_socket,
            do_corrections=True,
        )
        if in_favour:
            qubit.Z()
        qubit.H()
        outcome = qubit.measure()
        connection.flush()
        channel.send(str(outcome))
        heard = dict(channel.recv() for _ in range(len(LINE) - 1))
    parity = (int(outcome) + sum(map(int, heard.values()))) % 2
    return {"outcome": int(outcome), "heard": heard, "parity": parity}

"""Has a rotation and a measurement done by somebody who does not learn the angle.

The client measures its half of a pair, which leaves |+_theta> at the server up to a sign; the server
entangles that with |+>, measures at the angle it is told and returns both outcomes.
"""

from math import pi
from random import randint

from netqasm.sdk import EPRSocket
from netqasm.sdk.external import NetQASMConnection, Socket


def main(app_config=None, phi=0.0):
    socket = Socket("client", "server", log_config=app_config.log_config)
    epr_socket = EPRSocket("server")
    theta, flip = randint(0, 7), randint(0, 1)
    with NetQASMConnection(
        "client", log_config=app_config.log_config, epr_sockets=[epr_socket]
    ) as connection:
        half = epr_socket.create_keep()[0]
        half.rot_Z(theta, 2)
        half.H()
        sign = half.measure()
        connection.flush()
        theta_there = theta * pi / 4 + int(sign) * pi
        socket.send(str(phi * pi + theta_there + flip * pi))
        told = int(socket.recv()) ^ flip
        result = int(socket.recv()) ^ told
    return {"result": result, "theta": theta, "flip": flip}

"""Measurements in bases and after rotations, and the SDK's toolbox: every outcome is certain."""

import math

from _short import Short, one
from netqasm.sdk.qubit import Qubit, QubitMeasureBasis
from netqasm.sdk.toolbox import set_qubit_state, t_inverse, toffoli_gate
from netqasm.sdk.toolbox.measurements import parity_meas
from squidasm.run.stack.run import run


def alice(context):
    connection = context.connection
    found = {}
    for name, prepare in (("X", lambda q: q.H()), ("Y", lambda q: q.K()), ("Z", lambda q: None)):
        q = Qubit(connection)
        prepare(q)
        found[name] = q.measure(basis=getattr(QubitMeasureBasis, name))
        q = Qubit(connection)
        q.X()
        prepare(q)
        found["-" + name] = q.measure(basis=getattr(QubitMeasureBasis, name))
    q = Qubit(connection)
    found["rotated"] = q.measure(basis_rotations=(16, 0, 0))  # a half turn about X
    q = Qubit(connection)
    q.X()
    found["kept"] = q.measure(inplace=True)
    found["again"] = q.measure()
    q = Qubit(connection)
    set_qubit_state(q, phi=0.4, theta=1.3)
    q.rot_Z(angle=-0.4)
    q.rot_Y(angle=math.pi - 1.3)
    found["prepared"] = q.measure()
    yield from connection.flush()
    a, b, c = (Qubit(connection) for _ in range(3))
    a.X()
    b.X()
    toffoli_gate(a, b, c)
    found["toffoli"] = c.measure()
    found["parity"] = parity_meas([a, b], "ZZ")
    found["odd"] = parity_meas([a, b], "-ZZ")
    a.free(), b.free()
    q = Qubit(connection)
    q.H()
    q.T()
    t_inverse(q)
    q.H()
    found["undone"] = q.measure()
    q = Qubit(connection)
    q.X()
    q.reset()
    found["reset"] = q.measure()
    yield from connection.flush()
    return found


def expect() -> None:
    ((found,),) = run(one(), {"Alice": Short(alice, [])})
    ones = {"-X", "-Y", "-Z", "rotated", "kept", "again", "prepared", "toffoli", "odd"}
    assert found == {name: int(name in ones) for name in found}, found


if __name__ == "__main__":
    expect()

"""Subroutines compiled once and filled in for every use: rotations by n pi/8 make the states they should."""

import numpy as np
from _short import Short, one
from netqasm.lang.operand import Template
from netqasm.sdk.qubit import Qubit
from squidasm.run.stack.run import run
from squidasm.util import get_qubit_state, get_reference_state


def alice(context):
    connection = context.connection
    states = []
    for n in (0, 3, 8, 13):
        q = Qubit(connection)
        q.rot_Y(n=Template("n"), d=3)
        q.rot_Z(n=Template("m"), d=Template("d"))
        subroutine = connection.compile()
        assert sorted(set(subroutine.arguments)) == ["d", "m", "n"]
        subroutine.instantiate(context.app_id, {"n": n, "m": 5, "d": 3})
        yield from connection.commit_subroutine(subroutine)
        states.append((n, get_qubit_state(q, "Alice")))
        q.free()
        yield from connection.flush()
    assert connection.compile() is None
    return {"states": states}


def open_template(context):
    q = Qubit(context.connection)
    q.rot_X(n=Template("x"), d=4)
    try:
        yield from context.connection.flush()
    except Exception as error:
        return {"error": str(error)}
    return {"error": ""}


def expect() -> None:
    ((result, _),) = run(one(), {"Alice": Short(alice, [])}, num_times=2)
    for n, state in result["states"]:
        assert np.allclose(state, get_reference_state(5 * np.pi / 8, n * np.pi / 8))
    (((result,)),) = run(one(), {"Alice": Short(open_template, [])})
    assert "x" in result["error"]


if __name__ == "__main__":
    expect()

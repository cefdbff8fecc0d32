"""Values that come later.

Futures, registers and arrays, in arithmetic, as results, and after later flushes.
"""

from _short import Short, one
from netqasm.sdk.futures import Array, Future, NoValueError, RegFuture
from netqasm.sdk.qubit import Qubit
from squidasm.run.stack.run import run


def alice(context):
    connection = context.connection
    q = Qubit(connection)
    q.X()
    m = q.measure()
    assert isinstance(m, Future) and str(m).startswith("Future__@")
    try:
        m + 1
    except NoValueError:
        pass
    else:
        raise AssertionError("the value is not there yet")
    yield from connection.flush()
    assert m == 1 and m + 1 == 2 and isinstance(m, int)
    q = Qubit(connection)
    r = q.measure(store_array=False)
    assert isinstance(r, RegFuture)
    yield from connection.flush()
    assert r == 0
    array = connection.new_array(3, init_values=[5, None, 7])
    assert isinstance(array, Array)
    yield from connection.flush()
    q = Qubit(connection)
    q.X()
    q.measure(future=array.get_future_index(1))
    yield from connection.flush()
    later = array.get_future_index(1)
    assert later == 1, "stored by a later subroutine, which does not return the array"
    future = array.get_future_index(0)
    future.add(2)
    yield from connection.flush()
    assert connection.shared_memory.get_array(array.address) == [7, 1, 7]
    return {"m": m, "r": r, "list": [m, (r, m)], "array": array, "text": "x", "none": None}


def expect() -> None:
    ((result, again),) = run(one(), {"Alice": Short(alice, [])}, num_times=2)
    assert result == again
    assert result == {"m": 1, "r": 0, "list": [1, (0, 1)], "array": [7, 1, 7], "text": "x", "none": None}
    assert type(result["m"]) is int and type(result["array"]) is list


if __name__ == "__main__":
    expect()

"""Loops and conditions that run on the QNPU: what they leave in arrays and registers is certain."""

from _short import Short, one
from netqasm.sdk.constraint import ValueAtMostConstraint
from netqasm.sdk.qubit import Qubit
from squidasm.run.stack.run import run


def flipped(connection, times: int) -> Qubit:
    q = Qubit(connection)
    for _ in range(times):
        q.X()
    return q


def loops(context):
    connection = context.connection
    outcomes = connection.new_array(6)
    with connection.loop(6) as i:
        q = flipped(connection, 1)
        q.measure(future=outcomes.get_future_index(i))
    yield from connection.flush()
    first = list(outcomes)

    def body(conn, i) -> None:
        q = flipped(conn, 2)
        q.measure(future=outcomes.get_future_index(i))

    connection.loop_body(body, stop=4, start=1)
    yield from connection.flush()
    second = connection.shared_memory.get_array(outcomes.address)

    numbers = connection.new_array(4, init_values=[3, 1, 4, 1])
    total = connection.new_array(1, init_values=[0])
    with numbers.foreach() as number:
        total.get_future_index(0).add(number)
    with numbers.enumerate() as (index, number):
        total.get_future_index(0).add(index)
    yield from connection.flush()
    return {"first": [int(x) for x in first], "second": second, "total": total.get_future_index(0)}


def branches(context):
    connection = context.connection
    seen = connection.new_array(8, init_values=[0] * 8)
    values = connection.new_array(2, init_values=[2, 5])
    a, b = values.get_future_index(0), values.get_future_index(1)

    def mark(place: int):
        return lambda conn: seen.get_future_index(place).add(1)

    connection.if_eq(a, b, mark(0))
    connection.if_ne(a, b, mark(1))
    connection.if_lt(a, b, mark(2))
    connection.if_ge(a, b, mark(3))
    connection.if_ez(a, mark(4))
    connection.if_nz(a, mark(5))
    with a.if_lt(b):
        seen.get_future_index(6).add(1)
    with b.if_eq(2):
        seen.get_future_index(7).add(1)
    yield from connection.flush()
    return seen


def until(context):
    connection = context.connection
    tries = connection.new_array(1, init_values=[0])
    with connection.loop_until(10) as loop:
        tries.get_future_index(0).add(1)
        q = Qubit(connection)
        q.H()
        m = q.measure()
        loop.set_exit_condition(ValueAtMostConstraint(m, 1))  # strictly less: until it reads 0
    yield from connection.flush()
    with connection.try_until_success(max_tries=1):
        q = flipped(connection, 1)
        m2 = q.measure()
    yield from connection.flush()
    return {"tries": tries.get_future_index(0), "m": m, "m2": m2}


def tomography(context):
    connection = context.connection

    def prepare(conn) -> Qubit:
        q = Qubit(conn)
        q.H()
        return q

    found = connection.tomography(prepare, 20, progress=False)
    assert connection.test_preparation(prepare, (0, 0.5, 0.5), conf=4, iterations=20, progress=False)
    return found
    yield


def expect() -> None:
    ((result,),) = run(one(), {"Alice": Short(loops, [])})
    assert result == {"first": [1] * 6, "second": [1, 0, 0, 0, 1, 1], "total": 9 + 6}
    ((seen,),) = run(one(), {"Alice": Short(branches, [])})
    assert seen == [0, 1, 1, 0, 0, 1, 1, 0]
    (results,) = run(one(), {"Alice": Short(until, [])}, num_times=40)
    assert all(r["m"] == 0 and r["m2"] == 1 for r in results)
    # geometric with 1/2: 40 runs need 2 tries each on average, sigma of the mean sqrt(2/40)
    assert abs(sum(r["tries"] for r in results) / 40 - 2) < 5 * (2 / 40) ** 0.5
    ((found,),) = run(one(), {"Alice": Short(tomography, [])})
    assert found["X"] == 0 and 0 < found["Z"] < 1


if __name__ == "__main__":
    expect()

"""Three nodes whose lists of sockets differ in order: pairs go where they should, and iterations run ahead of
each other without getting mixed up."""

from _short import Short
from netqasm.sdk.qubit import Qubit
from squidasm.run.stack.config import LinkConfig, StackConfig, StackNetworkConfig
from squidasm.run.stack.run import run


def middle(context):
    left, right = context.epr_sockets["Left"], context.epr_sockets["Right"]
    (a,) = left.create_keep()
    (b,) = right.recv_keep()
    a.cnot(b)
    a.H()
    outcomes = a.measure(), b.measure()
    yield from context.connection.flush()
    z, x = map(int, outcomes)
    context.csockets["Right"].send((x, z))


def left(context):
    (q,) = context.epr_sockets["Middle"].recv_keep()
    m = q.measure()
    yield from context.connection.flush()
    return m  # does not wait for the others: its next iteration begins


def right(context):
    (q,) = context.epr_sockets["Middle"].create_keep()
    yield from context.connection.flush()
    x, z = yield from context.csockets["Middle"].recv()
    slow = Qubit(context.connection)
    for _ in range(100):
        slow.X()
    if x:
        q.X()
    if z:
        q.Z()
    m = q.measure()
    yield from context.connection.flush()
    return m


def expect() -> None:
    slow = StackConfig.perfect_generic_config("Right")
    slow.qdevice_cfg.single_qubit_gate_time = 100
    network = StackNetworkConfig(
        stacks=[
            StackConfig.perfect_generic_config("Left"),
            slow,
            StackConfig.perfect_generic_config("Middle"),
        ],
        links=[LinkConfig.perfect_config("Left", "Middle"), LinkConfig.perfect_config("Middle", "Right")],
    )
    programs = {
        "Middle": Short(middle, ["Right", "Left"]),
        "Left": Short(left, ["Middle"]),
        "Right": Short(right, ["Middle"]),
    }
    of_left, of_right, of_middle = run(network, programs, num_times=10)
    assert of_left == of_right and set(of_left) == {0, 1} and of_middle == [None] * 10


if __name__ == "__main__":
    expect()

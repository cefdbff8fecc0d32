"""Times on generic devices add up to the nanosecond: operations one after another, messages with their
delay, a round trip before the first attempt of a request and none before its other pairs."""

import netsquid as ns
from _short import Short, one, pair, two
from netqasm.sdk.qubit import Qubit
from squidasm.run.stack.config import CLinkConfig, DepolariseLinkConfig, LinkConfig
from squidasm.run.stack.run import run

TIMES = {"init_time": 11, "single_qubit_gate_time": 7, "two_qubit_gate_time": 130, "measure_time": 19}


def alone(context):
    a, b = Qubit(context.connection), Qubit(context.connection)
    a.H()
    a.rot_X(n=3, d=4)
    a.cnot(b)
    a.cphase(b)
    a.reset()
    a.measure()
    b.measure()
    yield from context.connection.flush()
    first = ns.sim_time()
    yield from context.connection.flush()
    assert ns.sim_time() == first
    return first


def creator(context):
    q = context.epr_sockets["Bob"].create_keep(number=3)
    yield from context.connection.flush()
    pairs = ns.sim_time()
    q[0].measure()
    yield from context.connection.flush()
    measured = ns.sim_time()
    context.csockets["Bob"].send("x")
    yield from context.csockets["Bob"].recv()
    return pairs, measured, ns.sim_time()


def receiver(context):
    context.epr_sockets["Alice"].recv_keep(number=3)
    yield from context.connection.flush()
    pairs = ns.sim_time()
    yield from context.csockets["Alice"].recv()
    context.csockets["Alice"].send("y")
    return pairs, ns.sim_time()


def expect() -> None:
    ((end,),) = run(one(**TIMES), {"Alice": Short(alone, [])})
    assert end == 2 * 11 + 2 * 7 + 2 * 130 + 11 + 2 * 19
    network = two(**TIMES)
    cfg = DepolariseLinkConfig(fidelity=1, prob_success=1, t_cycle=500)
    network.links = [LinkConfig(stack1="Alice", stack2="Bob", typ="depolarise", cfg=cfg)]
    network.clinks = [CLinkConfig(stack1="Alice", stack2="Bob", typ="default", cfg={"delay": 1000})]
    ((of_alice,), (of_bob,)) = run(network, pair(creator, receiver))
    pairs = 2 * 1000 + 3 * 500
    assert of_alice == (pairs, pairs + 19, pairs + 19 + 2000)
    assert of_bob == (pairs, pairs + 19 + 1000)


if __name__ == "__main__":
    expect()

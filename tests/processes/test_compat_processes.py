"""Compat programs with processes: the script's process is every CNPU, QNPUs and the world are their own, and
results and trace are those of a run in one process."""

from __future__ import annotations

from typing import Any

import pytest

from qnos.compat.clock import set_random_state
from qnos.compat.networks import create_two_node_network
from qnos.compat.program import Program, ProgramContext, ProgramMeta
from qnos.compat.routines import teleport_recv, teleport_send
from qnos.compat.stack import run
from qnos.compat.states import get_qubit_state
from qruntime.trace import Trace


class Side(Program):
    def __init__(self, peer: str) -> None:
        self.peer = peer

    @property
    def meta(self) -> ProgramMeta:
        return ProgramMeta(self.peer, [self.peer], [self.peer], 3)


class Alice(Side):
    def run(self, context: ProgramContext) -> Any:
        from netqasm.sdk.qubit import Qubit

        q = Qubit(context.connection)
        q.rot_Y(angle=0.7)
        yield from teleport_send(q, context, self.peer)
        return {"object": {1j}}


class Bob(Side):
    def run(self, context: ProgramContext) -> Any:
        q = yield from teleport_recv(context, self.peer)
        state = get_qubit_state(q)
        m = q.measure()
        yield from context.connection.flush()
        return {"m": m, "state": state.tolist()}


class Fails(Side):
    def run(self, context: ProgramContext) -> Any:
        yield from context.csockets[self.peer].recv()
        raise KeyError("mine")


def test_results_and_trace_are_those_of_one_process() -> None:
    found = []
    for processes in (False, True):
        set_random_state(9)
        trace = Trace()
        network = create_two_node_network(link_noise=0.1, link_delay=700, clink_delay=20, qdevice_noise=0.02)
        programs = {"Alice": Alice("Bob"), "Bob": Bob("Alice")}
        results = run(network, programs, num_times=4, trace=trace, processes=processes)
        found.append((results, trace.sha256(), len(trace.records)))
    assert found[0] == found[1]
    assert found[0][2] > 100


def test_error_of_a_program_comes_out_and_processes_end() -> None:
    with pytest.raises(KeyError, match="mine"):
        run(create_two_node_network(), {"Alice": Sends("Bob"), "Bob": Fails("Alice")}, processes=True)


class Sends(Side):
    def run(self, context: ProgramContext) -> Any:
        context.csockets[self.peer].send(1)
        yield from context.csockets[self.peer].recv()

"""Teleportation over a Werner pair of fidelity F: the state arrives with fidelity (1 + w)/2, w = (4F-1)/3.
Times follow from the delays."""

from collections.abc import Generator

import netsquid as ns
import numpy as np
from netqasm.sdk.qubit import Qubit
from pydynaa import EventExpression
from squidasm.run.stack.run import run
from squidasm.sim.stack.program import Program, ProgramContext, ProgramMeta
from squidasm.util import create_two_node_network, get_qubit_state, get_reference_state
from squidasm.util.routines import teleport_recv, teleport_send

THETA, PHI = 1.1, 0.7


class Sender(Program):
    PEER = "Bob"

    @property
    def meta(self) -> ProgramMeta:
        return ProgramMeta(name="sender", csockets=[self.PEER], epr_sockets=[self.PEER], max_qubits=2)

    def run(self, context: ProgramContext) -> Generator[EventExpression, None, dict]:
        q = Qubit(context.connection)
        q.rot_Y(angle=THETA)
        q.rot_Z(angle=PHI)
        yield from teleport_send(q, context, self.PEER)
        return {"end": ns.sim_time()}


class Receiver(Program):
    PEER = "Alice"

    @property
    def meta(self) -> ProgramMeta:
        return ProgramMeta(name="receiver", csockets=[self.PEER], epr_sockets=[self.PEER], max_qubits=1)

    def run(self, context: ProgramContext) -> Generator[EventExpression, None, dict]:
        q = yield from teleport_recv(context, self.PEER)
        return {"state": get_qubit_state(q, "Bob"), "end": ns.sim_time()}


def fidelity(state: np.ndarray) -> float:
    return float(np.real(np.trace(state @ get_reference_state(PHI, THETA))))


def expect() -> None:
    network = create_two_node_network(link_delay=1000.0, clink_delay=50.0)
    senders, receivers = run(network, {"Alice": Sender(), "Bob": Receiver()}, num_times=3)
    for k in range(3):
        # a round trip to agree on the pair, one attempt, the outcomes' way; the sender goes on by itself
        assert senders[k]["end"] == 1100 * (k + 1)
        assert receivers[k]["end"] == 1100 * (k + 1) + 50
        assert abs(fidelity(receivers[k]["state"]) - 1) < 1e-7  # angles are set to 1e-4 pi
    assert ns.sim_time() == 3350

    noise = 0.2  # fidelity 0.85 of the pair: w = 0.8
    network = create_two_node_network(link_noise=noise)
    _, receivers = run(network, {"Alice": Sender(), "Bob": Receiver()}, num_times=2)
    for received in receivers:
        assert abs(fidelity(received["state"]) - 0.9) < 1e-6


if __name__ == "__main__":
    expect()

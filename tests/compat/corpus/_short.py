"""Short ways to say programs and networks, for the scripts beside this one."""

from collections.abc import Callable
from typing import Any

from squidasm.run.stack.config import (
    CLinkConfig,
    DepolariseLinkConfig,
    GenericQDeviceConfig,
    LinkConfig,
    StackConfig,
    StackNetworkConfig,
)
from squidasm.sim.stack.program import Program, ProgramContext, ProgramMeta


class Short(Program):
    """A program made of a generator function of its context."""

    def __init__(self, body: Callable[[ProgramContext], Any], peers: list, max_qubits: int = 5) -> None:
        self.body, self.peers, self.max_qubits = body, peers, max_qubits

    @property
    def meta(self) -> ProgramMeta:
        return ProgramMeta(self.body.__name__, self.peers, self.peers, self.max_qubits)

    def run(self, context: ProgramContext) -> Any:
        return self.body(context)


def two(**device: float) -> StackNetworkConfig:
    """Alice and Bob, perfect but for what is said of both devices; a pair every 1000 ns."""
    config = GenericQDeviceConfig.perfect_config(num_qubits=5)
    for name, value in device.items():
        setattr(config, name, value)
    stacks = [StackConfig(name=name, qdevice_typ="generic", qdevice_cfg=config) for name in ("Alice", "Bob")]
    return StackNetworkConfig(stacks=stacks, links=[LinkConfig.perfect_config("Alice", "Bob")])


def werner(fidelity: float, delay: float = 0.0) -> StackNetworkConfig:
    """Alice and Bob with pairs of that fidelity, one per microsecond, and messages that take `delay`."""
    network = two()
    cfg = DepolariseLinkConfig(fidelity=fidelity, prob_success=1, t_cycle=1000)
    network.links = [LinkConfig(stack1="Alice", stack2="Bob", typ="depolarise", cfg=cfg)]
    network.clinks = [CLinkConfig(stack1="Alice", stack2="Bob", typ="default", cfg={"delay": delay})]
    return network


def one(**device: float) -> StackNetworkConfig:
    """Alice alone."""
    network = two(**device)
    return StackNetworkConfig(stacks=network.stacks[:1], links=[])


def pair(alice: Callable, bob: Callable, max_qubits: int = 5) -> dict:
    """Programs for the two."""
    return {"Alice": Short(alice, ["Bob"], max_qubits), "Bob": Short(bob, ["Alice"], max_qubits)}


def mean(values: list) -> float:
    return sum(values) / len(values)

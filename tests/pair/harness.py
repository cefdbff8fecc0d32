"""QNPUs on a world, with scripted CNPUs: the quantum-side OS under test without programs or sockets around
it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netqasm_isa import assemble
from qdriver.generic import GenericConfig, GenericHardware
from qdriver.spec import LinkPoint
from qnpu.main import Qnpu
from qnpu.settings import QnpuSettings
from qruntime.actors import Arrival, Effect, Emit, Event, Message, Send, Start, Wait
from qruntime.kernel import Kernel
from qruntime.messages import Aborted, Done, Register, RequestFailed, Submit
from qruntime.rng import Streams
from qworld.engine import Engine
from qworld.generic import GenericDevice
from qworld.links import Link, PerfectLink
from qworld.world import World

SECOND_NS = 1_000_000_000
NOISELESS = GenericConfig(num_qubits=3, t1_ns=0, t2_ns=0, two_qubit_gate_depolarise=0)


class ScriptedCnpu:
    """Sends what the script says, keeps what comes back with its time."""

    def __init__(self, node: str, latency_ns: int = 0) -> None:
        self.name = f"{node}/cnpu"
        self.tracing = False
        self._qnpu = f"{node}/qnpu"
        self._latency_ns = latency_ns
        self.script: list[tuple[int, Message]] = []
        self.got: list[tuple[int, Message]] = []
        self.on_message: Any = None

    def reset(self, shot: int) -> None:
        self.got.clear()

    def handle(self, event: Event, now_ns: int) -> Sequence[Effect]:
        if isinstance(event, Start):
            effects: list[Effect] = []
            for at_ns, message in self.script:
                effects.append(Send(self._qnpu, message, at_ns + self._latency_ns))
            return effects
        if isinstance(event, Arrival):
            self.got.append((now_ns, event.message))
            if self.on_message is not None:
                return [Send(self._qnpu, m, self._latency_ns) for m in self.on_message(event.message, now_ns)]
        return ()

    def waits(self) -> list[Wait]:
        return []

    def of(self, cls: type) -> list[Any]:
        return [message for _, message in self.got if isinstance(message, cls)]

    @property
    def done(self) -> list[Done]:
        return self.of(Done)

    @property
    def aborted(self) -> list[Aborted]:
        return self.of(Aborted)

    @property
    def failed(self) -> list[RequestFailed]:
        return self.of(RequestFailed)


class Bench:
    """`nodes` joined in the way `links` says (pairs of ids -> link model), each with a scripted CNPU."""

    def __init__(
        self,
        nodes: Sequence[str] = ("alice", "bob"),
        links: dict[tuple[int, int], Link] | None = None,
        *,
        device: GenericConfig = NOISELESS,
        settings: QnpuSettings | None = None,
        seed: int = 0,
        latency_ns: int = 0,
        cnpu_latency_ns: int = 0,
        jitter_ns: int = 0,
        rank_seed: int | None = None,
    ) -> None:
        links = {(0, 1): PerfectLink()} if links is None and len(nodes) > 1 else links or {}
        settings = settings or QnpuSettings()
        streams = Streams(seed)
        engine = Engine()
        self.nodes = nodes
        self.records: list[tuple[str, Emit]] = []
        self.cnpus = [ScriptedCnpu(node, cnpu_latency_ns) for node in nodes]
        self.qnpus = []
        channels: dict[tuple[str, str], int] = {}
        for i, node in enumerate(nodes):
            peers = [b if a == i else a for a, b in links if i in (a, b)]
            points = {peer: [_point(links[min(i, peer), max(i, peer)])] for peer in peers}
            driver = GenericHardware.driver(GenericHardware.spec(device, points))
            self.qnpus.append(
                Qnpu(
                    i, nodes, settings, driver,
                    cnpu_latency_ns=cnpu_latency_ns, latencies_ns=dict.fromkeys(peers, latency_ns),
                    streams=streams,
                )
            )  # fmt: skip
            channels[f"{node}/cnpu", f"{node}/qnpu"] = channels[f"{node}/qnpu", f"{node}/cnpu"] = (
                cnpu_latency_ns
            )
            channels[f"{node}/qnpu", "world"] = channels["world", f"{node}/qnpu"] = 0
            for peer in peers:
                channels[f"{node}/qnpu", f"{nodes[peer]}/qnpu"] = latency_ns
        self.world = World(nodes, [GenericDevice(device, engine) for _ in nodes], links, streams, engine)
        self.kernel = Kernel(
            [*self.cnpus, *self.qnpus, self.world],
            channels,
            jitter_ns=jitter_ns,
            rank_seed=rank_seed,
            on_record=lambda actor, emit: self.records.append((actor, emit)),
        )

    def program(
        self, node: int, pid: int, *texts: str | bytes, peers: Sequence[int] | None = None, at_ns: int = 0,
        max_qubits: int = 3, socket: int = 0, min_fidelity: int = 100,
    ) -> None:  # fmt: skip
        """A process with EPR socket `socket + k` to the k-th of `peers` (mirrored), and its subroutines."""
        if peers is None:
            peers = [n for n in range(len(self.nodes)) if n != node]
        sockets = tuple(
            (socket + k, peer, socket + (0 if len(peers) == 1 else k), min_fidelity)
            for k, peer in enumerate(peers)
        )
        script = self.cnpus[node].script
        script.append((at_ns, Register(pid, f"p{pid}", max_qubits, sockets=sockets)))
        for number, text in enumerate(texts):
            code = text if isinstance(text, bytes) else assemble(text).encode()
            script.append((at_ns, Submit(pid, number, code)))

    def run(self, shot: int = 0, until_ns: int | None = None) -> Bench:
        """Run one shot."""
        self.records.clear()
        self.kernel.reset(shot)
        self.kernel.run(until_ns)
        return self

    def events(self, unit: str | None = None) -> list[str]:
        """Names of the trace events, in order of emission."""
        return [emit.event for _, emit in self.records if unit is None or emit.unit == unit]


def _point(link: Link) -> LinkPoint:
    return LinkPoint(0, link.fidelity, link.success_probability, link.cycle_ns, link.bell_states)

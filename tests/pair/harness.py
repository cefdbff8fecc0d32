"""QNPUs on a world, with scripted CNPUs: the quantum-side OS under test without programs or sockets around
it.

`Bench(...)`, `program(...)` or `at(...)` to write the script, `run()`, then look at `cnpus[node].done` and
`records`. `keep`, `measure`, `prepare` and `receive` write the usual entanglement requests as NetQASM text;
`assert_consistent` and `assert_quiet` hold the invariants of the memory and of the end of a run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from netqasm_isa import assemble
from netqasm_isa.epr import ArgsIndex, EprType
from qdriver.generic import GenericConfig
from qdriver.ion import IonConfig
from qdriver.nv import NvConfig
from qdriver.registry import hardware
from qdriver.spec import LinkPoint, VirtualQubit
from qnpu.main import Qnpu
from qnpu.memory import FREE, NETWORK
from qnpu.memoryline import BEHIND, TRYING
from qnpu.process import Process
from qnpu.settings import QnpuSettings
from qnpu.timetable import LinkBins
from qruntime.actors import Arrival, Effect, Emit, Event, Message, Send, Start, Wait
from qruntime.errors import Fault
from qruntime.kernel import Kernel
from qruntime.messages import Aborted, Cancel, Done, Memory, Refused, Register, RequestFailed, Stop, Submit
from qruntime.rng import Streams
from qworld.bell import bell_tensor
from qworld.breakpoints import STATE_UNIT
from qworld.engine import Engine
from qworld.gates import density_of
from qworld.links import Link, PerfectLink
from qworld.registry import device_model
from qworld.world import World

MICROSECOND_NS = 1_000
MILLISECOND_NS = 1_000_000
SECOND_NS = 1_000_000_000
BOTH_STARTS = ("both", "create")  # values of `epr_start`
PHI = density_of(bell_tensor(0))
DeviceParameters = GenericConfig | IonConfig | NvConfig
KINDS: dict[type[Any], str] = {GenericConfig: "generic", IonConfig: "ion", NvConfig: "nv"}
NOISELESS = GenericConfig(num_qubits=3, t1_ns=0, t2_ns=0, two_qubit_gate_depolarise=0)


def noiseless_nv(num_qubits: int = 3, **values: Any) -> NvConfig:
    """An NV centre without any noise, and with gates of a carbon of 5 us instead of half a millisecond."""
    quiet = dict.fromkeys(
        (
            "electron_t1_ns", "electron_t2_ns", "electron_init_depolarise", "electron_gate_depolarise",
            "readout_error_0", "readout_error_1", "carbon_t1_ns", "carbon_t2_ns", "carbon_init_depolarise",
            "carbon_rot_xy_depolarise", "carbon_rot_z_depolarise", "electron_carbon_depolarise",
        ),
        0,
    )  # fmt: skip
    slow = ("carbon_init_ns", "carbon_rot_xy_ns", "carbon_rot_z_ns", "electron_carbon_ns")
    return NvConfig(num_qubits=num_qubits, **{**quiet, **dict.fromkeys(slow, 5_000), **values})


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
            script = sorted(self.script, key=lambda entry: entry[0])
            return [Send(self._qnpu, message, at_ns + self._latency_ns) for at_ns, message in script]
        if isinstance(event, Arrival):
            self.got.append((now_ns, event.message))
            if self.on_message is not None:
                return [Send(self._qnpu, m, self._latency_ns) for m in self.on_message(event.message, now_ns)]
        return ()

    def waits(self) -> list[Wait]:
        return []

    def of(self, cls: type) -> list[Any]:
        return [message for _, message in self.got if isinstance(message, cls)]

    def time_of(self, cls: type, number: int = 0) -> int:
        """When the `number`-th message of that class came."""
        return [at_ns for at_ns, message in self.got if isinstance(message, cls)][number]

    @property
    def done(self) -> list[Done]:
        return self.of(Done)

    @property
    def aborted(self) -> list[Aborted]:
        return self.of(Aborted)

    @property
    def failed(self) -> list[RequestFailed]:
        return self.of(RequestFailed)

    @property
    def refused(self) -> list[Refused]:
        return self.of(Refused)

    @property
    def memory(self) -> list[Memory]:
        return self.of(Memory)

    @property
    def faults(self) -> list[Fault]:
        """Every fault that was told, in order."""
        return [m.fault for _, m in self.got if isinstance(m, Aborted | RequestFailed | Refused)]


class Bench:
    """`nodes` joined in the way `links` says (pairs of ids -> link model), each with a scripted CNPU.

    `devices` and `each` give single nodes a device or settings of their own, `bins` has those of each link.
    """

    def __init__(
        self,
        nodes: Sequence[str] = ("alice", "bob"),
        links: Mapping[tuple[int, int], Link] | None = None,
        *,
        device: DeviceParameters = NOISELESS,
        devices: Mapping[int, DeviceParameters] | None = None,
        settings: QnpuSettings | None = None,
        each: Mapping[int, QnpuSettings] | None = None,
        seed: int = 0,
        latency_ns: int = 0,
        loss: float = 0.0,
        cnpu_latency_ns: int = 0,
        jitter_ns: int = 0,
        jitter_seed: int = 0,
        rank_seed: int | None = None,
        tracing: bool = True,
        snapshot_idle: bool = True,
        bins: Mapping[tuple[int, int], LinkBins] | None = None,
    ) -> None:
        links = {(0, 1): PerfectLink()} if links is None and len(nodes) > 1 else links or {}
        settings = settings or QnpuSettings()
        streams = Streams(seed)
        engine = Engine()
        configs = [(devices or {}).get(i, device) for i in range(len(nodes))]
        self.nodes = nodes
        self.records: list[tuple[str, Emit]] = []
        self.cnpus = [ScriptedCnpu(node, cnpu_latency_ns) for node in nodes]
        self.qnpus = []
        channels: dict[tuple[str, str], int] = {}
        for i, node in enumerate(nodes):
            peers = [b if a == i else a for a, b in links if i in (a, b)]
            points = {peer: _points(links[min(i, peer), max(i, peer)]) for peer in peers}
            plugin = hardware(KINDS[type(configs[i])])
            driver = plugin.driver(plugin.spec(configs[i], points))
            self.qnpus.append(
                Qnpu(
                    i, nodes, (each or {}).get(i, settings), driver,
                    cnpu_latency_ns=cnpu_latency_ns, latencies_ns=dict.fromkeys(peers, latency_ns),
                    streams=streams, losses=dict.fromkeys(peers, loss), bins=_bins_of(i, bins),
                )
            )  # fmt: skip
            channels[f"{node}/cnpu", f"{node}/qnpu"] = channels[f"{node}/qnpu", f"{node}/cnpu"] = (
                cnpu_latency_ns
            )
            channels[f"{node}/qnpu", "world"] = channels["world", f"{node}/qnpu"] = 0
            for peer in peers:
                channels[f"{node}/qnpu", f"{nodes[peer]}/qnpu"] = latency_ns
        ticks = {i: config.tick_ns for i, config in enumerate(configs)}
        models = {i: device_model(KINDS[type(config)])(config, engine) for i, config in enumerate(configs)}
        self.world = World(nodes, models, links, streams, engine, ticks, snapshot_idle=snapshot_idle)
        self.kernel = Kernel(
            [*self.cnpus, *self.qnpus, self.world],
            channels,
            jitter_ns=jitter_ns,
            jitter_seed=jitter_seed,
            rank_seed=rank_seed,
            on_record=(lambda actor, emit: self.records.append((actor, emit))) if tracing else None,
        )

    # --- script -------------------------------------------------------------------------------------------

    def program(
        self, node: int, pid: int, *texts: str | bytes, peers: Sequence[int] | None = None, at_ns: int = 0,
        max_qubits: int = 3, socket: int = 0, min_fidelity: int = 100, flavour: str = "vanilla",
    ) -> Bench:  # fmt: skip
        """A process with EPR socket `socket + k` to the k-th of `peers` (mirrored), and its subroutines."""
        if peers is None:
            peers = [n for n in range(len(self.nodes)) if n != node]
        sockets = tuple(
            (socket + k, peer, socket + (0 if len(peers) == 1 else k), min_fidelity)
            for k, peer in enumerate(peers)
        )
        self.at(node, at_ns, Register(pid, f"p{pid}", max_qubits, flavour, sockets=sockets))
        for number, text in enumerate(texts):
            self.submit(node, pid, number, text, at_ns, flavour)
        return self

    def at(self, node: int, at_ns: int, *messages: Message) -> Bench:
        """System calls of `node` at a time."""
        self.cnpus[node].script.extend((at_ns, message) for message in messages)
        return self

    def submit(
        self, node: int, pid: int, number: int, text: str | bytes, at_ns: int = 0, flavour: str = "vanilla"
    ) -> Bench:
        """One subroutine."""
        code = text if isinstance(text, bytes) else assemble(text, flavour=flavour).encode()
        return self.at(node, at_ns, Submit(pid, number, code))

    def stop(self, node: int, pid: int, at_ns: int) -> Bench:
        """The program ends."""
        return self.at(node, at_ns, Stop(pid))

    def cancel(self, node: int, pid: int, number: int, at_ns: int) -> Bench:
        """A subroutine is cancelled."""
        return self.at(node, at_ns, Cancel(pid, number))

    # --- run and look -------------------------------------------------------------------------------------

    def run(self, shot: int = 0, until_ns: int | None = None) -> Bench:
        """Run one shot."""
        self.records.clear()
        self.kernel.reset(shot)
        self.kernel.run(until_ns)
        for qnpu in self.qnpus:
            assert_consistent(qnpu)
        return self

    def events(self, unit: str | None = None) -> list[str]:
        """Names of the trace events, in order of emission."""
        return [emit.event for _, emit in self.records if unit is None or emit.unit == unit]

    def emits(self, event: str, node: int | None = None) -> list[Emit]:
        """Trace records of one kind; of one node if given."""
        mine = (None, None) if node is None else (self.nodes[node], self.nodes[node] + "/")
        return [
            emit
            for actor, emit in self.records
            if emit.event == event
            and (node is None or actor.startswith(str(mine[1])) or emit.unit.startswith(str(mine[1])))
        ]

    def starts(self, node: int) -> list[tuple[str, int]]:
        """Instructions that one node's device took and when they began; readouts of heralds are its own."""
        commands = self.emits("QDEVICE_CONSUME_CMD", node)
        return [(str(emit.data[0]), emit.t_ns) for emit in commands if emit.data[0] != "measure_pair"]

    def state(self, *places: tuple[int, int]) -> np.ndarray[Any, Any]:
        """Joint density matrix, at the end of the run, of physical qubits given as (node, place)."""
        held = [self.world._devices[node].qubits[place] for node, place in places]
        return self.world.engine.density_matrix([q for q in held if q is not None])

    def states(self, event: str = "BREAKPOINT_LOCAL") -> list[np.ndarray[Any, Any]]:
        """Density matrices that breakpoints left in the trace."""
        return [density_of_record(emit) for emit in self.emits(event)]


def run_one(
    *texts: str | bytes,
    device: DeviceParameters = NOISELESS,
    settings: QnpuSettings | None = None,
    seed: int = 0,
    until_ns: int | None = None,
    snapshot_idle: bool = True,
) -> Bench:
    """One node, one program with these subroutines, run to its end."""
    bench = Bench(("alice",), device=device, settings=settings, seed=seed, snapshot_idle=snapshot_idle)
    return bench.program(0, 1, *texts).run(until_ns=until_ns)


def density_of_record(emit: Emit) -> np.ndarray[Any, Any]:
    """The matrix in a breakpoint record: count, (node, place) of each, then real and imaginary parts."""
    count = emit.data[0]
    assert isinstance(count, int)
    numbers = [int(x) for x in emit.data[1 + 2 * count :]]
    flat = np.array(numbers[0::2]) + 1j * np.array(numbers[1::2])
    return flat.reshape(2**count, 2**count) / STATE_UNIT


# --- requests as text ----------------------------------------


def _arguments(address: int, entries: int, values: Mapping[int, int]) -> list[str]:
    lines = [f"array {entries} @{address}"]
    lines += [f"store {value} @{address}[{int(index)}]" for index, value in values.items()]
    return lines


def create(
    kind: EprType, peer: int = 1, *, ids: Sequence[int] | None = (0,), number: int | None = None,
    socket: int = 0, results: int = 0, args: Mapping[Any, int] | None = None, entries: int = 22,
    wait: bool = True, ret: bool = True,
) -> str:  # fmt: skip
    """A create_epr with arrays @results, @results+1 (ids) and @results+2 (arguments)."""
    pairs = number if number is not None else len(ids or ())
    lines = [f"array {10 * pairs} @{results}"]
    if ids is not None:
        lines += _arguments(results + 1, len(ids), dict(enumerate(ids)))
    wanted = {int(ArgsIndex.TYPE): int(kind), int(ArgsIndex.NUMBER): pairs}
    wanted.update({int(index): value for index, value in (args or {}).items()})
    lines += _arguments(results + 2, entries, wanted)
    id_operand = "C0" if ids is None else str(results + 1)
    lines.append(f"create_epr {peer} {socket} {id_operand} {results + 2} {results}")
    return "\n".join(lines + _tail(results, pairs, wait, ret))


def keep(peer: int = 1, ids: Sequence[int] = (0,), **options: Any) -> str:
    """create_epr of type K."""
    return create(EprType.K, peer, ids=ids, **options)


def measure(peer: int = 1, number: int = 1, **options: Any) -> str:
    """create_epr of type M."""
    return create(EprType.M, peer, ids=None, number=number, **options)


def prepare(peer: int = 1, number: int = 1, **options: Any) -> str:
    """create_epr of type R."""
    return create(EprType.R, peer, ids=None, number=number, **options)


def receive(
    peer: int = 0, ids: Sequence[int] | None = (0,), *, number: int | None = None, socket: int = 0,
    results: int = 0, wait: bool = True, ret: bool = True,
) -> str:  # fmt: skip
    """A recv_epr with arrays @results and @results+1 (ids, or C0 if there are none)."""
    pairs = number if number is not None else len(ids or ())
    lines = [f"array {10 * pairs} @{results}"]
    if ids is not None:
        lines += _arguments(results + 1, len(ids), dict(enumerate(ids)))
    id_operand = "C0" if ids is None else str(results + 1)
    lines.append(f"recv_epr {peer} {socket} {id_operand} {results}")
    return "\n".join(lines + _tail(results, pairs, wait, ret))


def _tail(results: int, pairs: int, wait: bool, ret: bool) -> list[str]:
    lines = []
    if wait:
        lines.append(f"wait_all @{results}[0:{10 * pairs}]")
    if ret:
        lines.append(f"ret_arr @{results}")
    return lines


def requests(creator: str, receiver: str, **options: Any) -> Bench:
    """Node 0 creates, node 1 receives, both at time 0; run to the end."""
    return Bench(**options).program(0, 1, creator).program(1, 1, receiver).run()


def only_fault(bench: Bench, node: int = 0) -> Fault:
    """The one fault that the programs of `node` were told."""
    (fault,) = bench.cnpus[node].faults
    return fault


def epr_error(bench: Bench, node: int = 0) -> str:
    """Link-layer name of the one fault that the programs of `node` were told."""
    fault = only_fault(bench, node)
    assert fault.code == "EPR"
    return str(fault.data["epr"])


def qubit(virtual: int, *gates: str, register: str = "Q0") -> str:
    """A fresh qubit with these gates on it; `{q}` stands for its register."""
    lines = [f"set {register} {virtual}", f"qalloc {register}", f"init {register}"]
    return "\n".join(lines + [gate.format(q=register) for gate in gates])


def read_out(virtual: int, outcome: str, register: str = "Q0", free: bool = True) -> str:
    """Measure a virtual qubit and return the bit."""
    lines = [f"set {register} {virtual}", f"meas {register} {outcome}", f"ret_reg {outcome}"]
    return "\n".join(lines + ([f"qfree {register}"] if free else []))


def lines(*texts: str) -> str:
    """Texts one after the other."""
    return "\n".join(texts)


def array_of(done: Done, address: int = 0) -> list[int | None]:
    """A returned array."""
    return list(dict(done.arrays)[address])


def pairs_of(done: Done, address: int = 0) -> list[list[int | None]]:
    """A returned results array, ten entries per pair."""
    entries = array_of(done, address)
    return [entries[i : i + 10] for i in range(0, len(entries), 10)]


def bits_of(done: Done) -> list[int]:
    """Returned registers, in order."""
    return [value for _, value in done.registers]


# --- invariants ----------------------------------------


def assert_consistent(qnpu: Qnpu) -> None:
    """Owners, virtual maps, requests and queues of one QNPU agree."""
    owners = qnpu.memory.owners
    held: dict[int, int] = {}
    for process in qnpu.processes.values():
        for virtual, physical in process.virtual.items():
            assert physical not in held, f"physical qubit {physical} is mapped twice"
            held[physical] = process.pid
            assert owners[physical] == process.pid, (
                f"{virtual} of {process.pid} belongs to {owners[physical]}"
            )
        open_arrays = [request.results_address for request in process.requests]
        assert sorted(open_arrays) == sorted(process.open_arrays)
        for request in process.requests:
            assert request.is_open
            assert 0 <= request.delivered <= request.number
        assert (process.state == "idle") == (process.current is None)
        assert (process.state == "running") == (process is qnpu.dispatcher.running)
        assert (process in qnpu.dispatcher.ready) == (process.state == "ready")
        waits_for_memory = (
            process.state == "waiting" and process.wait is not None and process.wait.kind == "memory"
        )
        in_line = any(place.who is process for place in qnpu.line.places)
        assert in_line or not waits_for_memory
        waits_for_device = process.wait is not None and process.wait.kind == "device"
        assert not in_line or waits_for_memory or waits_for_device or process.state in ("ready", "running")
    for place, owner in enumerate(owners):
        assert owner in (FREE, NETWORK) or held.get(place) == owner, f"qubit {place} is lost to {owner}"
        binding = qnpu.memory.bound[place]
        assert (binding is None) == (owner in (FREE, NETWORK)), f"qubit {place} of {owner}: {binding}"
        if binding is not None:
            assert binding.qubit == place
            assert binding.process.virtual[binding.virtual] == place
    assert_line_moves(qnpu)
    assert_placed(qnpu)
    exclusive = qnpu.driver.spec.attempt_exclusive
    reserved: list[int] = []
    for link in qnpu.netstack.links.values():
        assert link.qubit is not None or not link.registered, "it attempts with a qubit that it has not got"
        if link.qubit is not None and not (exclusive and link.qubit in reserved):  # its links may share one
            reserved.append(link.qubit)
        for sequence, item in link.items.items():
            assert item.sequence == sequence
            assert item.state in ("adding", "queued")
            reserved += [pair.qubit for pair in item.made if pair.qubit is not None]
    assert len(set(reserved)) == len(reserved), "one qubit is reserved twice"
    for place in reserved:
        assert owners[place] == NETWORK


def assert_line_moves(qnpu: Qnpu) -> None:
    """Whoever is held up in the line for memory has somebody ahead who will try without help."""
    for index, place in enumerate(qnpu.line.places):
        ahead = [other.who for other in qnpu.line.places[:index] if other.state == TRYING]
        assert place.state != BEHIND or ahead, f"place {index} is held up by nobody"
        if place.state == TRYING:
            who = place.who
            assert not isinstance(who, Process) or who.state in ("ready", "running")
            assert isinstance(who, Process) or qnpu.network.work, "its work was lost"


def assert_placed(qnpu: Qnpu) -> None:
    """Virtual qubit 0 of a program in the device's own flavour is where it is pinned; nobody waits for a
    device that is free."""
    communication = qnpu.memory.communication
    for process in qnpu.processes.values():
        if process.flavour != "vanilla" and not all(communication) and 0 in process.virtual:
            assert communication[process.virtual[VirtualQubit(0)]]
        if process.state == "waiting" and process.wait is not None and process.wait.kind == "device":
            assert qnpu.network.entangling.is_taken()


def assert_quiet(bench: Bench) -> None:
    """All programs have stopped and nothing is left of them anywhere."""
    for qnpu in bench.qnpus:
        assert not qnpu.processes
        assert qnpu.memory.owners == [FREE] * len(qnpu.memory.owners)
        assert qnpu.dispatcher.running is None
        assert not qnpu.dispatcher.ready
        assert not qnpu.line.places
        assert not qnpu._timers, f"timers left on {qnpu.node}: {list(qnpu._timers)}"
        assert not any(qnpu.netstack.receives.values())
        assert not qnpu.netstack.process.measuring
        for link in qnpu.netstack.links.values():
            assert not link.items
            assert not link.backlog
            assert not link.held
            assert not link.outstanding
            assert not link.unanswered and not link.unheard and not link.withheld
            assert link.qubit is None and not link.registered
    for link_state in bench.world._links.values():
        assert link_state.stretch is None


def assert_same_order(bench: Bench) -> list[int]:
    """From now on both ends of every link must give the items they both hold in one order.

    The list has the number of times that this was looked at.
    """
    world, looked = bench.world, [0]
    attempt = world._attempt

    def checked(link: Any, now_ns: int, effects: list[Effect]) -> None:
        if len(link.sides) == 2:
            a, b = (list(link.sides[end].items) for end in (link.a, link.b))
            assert [key for key in a if key in b] == [key for key in b if key in a]
            looked[0] += 1
        attempt(link, now_ns, effects)

    world._attempt = checked  # type: ignore[method-assign]
    return looked


def _bins_of(node: int, bins: Mapping[tuple[int, int], LinkBins] | None) -> dict[int, LinkBins] | None:
    if bins is None:
        return None
    return {ends[ends[0] == node]: found for ends, found in bins.items() if node in ends}


def _points(link: Link) -> list[LinkPoint]:
    return [
        LinkPoint(
            at.parameter,
            at.fidelity,
            at.success_probability,
            at.cycle_ns,
            at.measure_cycle_ns,
            at.bell_states,
        )
        for at in link.points()
    ]

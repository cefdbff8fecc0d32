"""`run`: SquidASM programs on a network.

Each program is a `Guest` of its node's CNPU for all its iterations. An iteration is an application: a process
of the QNPU with EPR sockets of that iteration, so nodes need not wait for each other in between; classical
sockets are the run's, and keep what nobody has read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from netqasm.sdk.epr_socket import EPRSocket

from cnpu.arguments import FIDELITY_NOT_STATED
from qnos.compat.application import Application, SocketRow
from qnos.compat.breakpoints import KEPT
from qnos.compat.clock import CLOCK, set_random_state
from qnos.compat.connection import GeneratorConnection, network_info
from qnos.compat.csocket import ClassicalSocket, NoSocket
from qnos.compat.guest import Guest, current
from qnos.compat.networks import Config, Translated
from qnos.compat.options import OPTIONS
from qnos.compat.parcel import Parcels
from qnos.compat.program import Program, ProgramContext, ProgramMeta, finished, plain
from qnos.compat.runner import Body, run_guests
from qruntime.errors import ConfigError, ProgramError
from qruntime.trace import Trace

_SOCKETS = 1024  # EPR socket ids of an iteration


def run(
    config: Config,
    programs: Mapping[str, Program],
    num_times: int = 1,
    *,
    seed: int | None = None,
    processes: bool | None = None,
    os: str | Mapping[str, Any] | None = None,
    sdk_compiler: bool | None = None,
    trace: Trace | None = None,
) -> list[list[Any]]:
    """Run each program `num_times` times on its node, and give what they returned: a list for each node, in
    the order of the network, with an entry for each iteration.

    Beyond what SquidASM has: `seed` is as `set_random_state`; `processes` makes QNPUs and the world processes
    of their own; `os` is what the OS costs (a preset or an `os` section; "ideal": nothing); `sdk_compiler`
    has the SDK's own compiler make subroutines for NV centres; `trace` records what happened. What is not
    given is as `OPTIONS` say.

    The first error of a program is raised, as it is. Raises `ConfigError` for a network or programs that
    there cannot be, `Deadlock` if all that is left waits in vain.
    """
    (results,) = run_beside(
        config,
        [programs],
        num_times,
        seed=seed,
        processes=processes,
        os=os,
        sdk_compiler=sdk_compiler,
        trace=trace,
    )
    return results


def run_beside(
    config: Config,
    programs: Sequence[Mapping[str, Program]],
    num_times: int = 1,
    *,
    seed: int | None = None,
    processes: bool | None = None,
    os: str | Mapping[str, Any] | None = None,
    sdk_compiler: bool | None = None,
    trace: Trace | None = None,
) -> list[list[list[Any]]]:
    """As `run`, with several sets of programs at the same time: their nodes share the devices, and programs
    of different sets know nothing of each other. Gives what `run` does, for each set."""
    if current() is not None:
        raise ProgramError("a program cannot run others")
    if not isinstance(num_times, int) or num_times < 0:
        raise ConfigError(f"num_times is {num_times!r}; allowed: an integer of at least 0")
    network = Translated(config, OPTIONS.os if os is None else os)
    for name in (name for each in programs for name in each):
        if name not in network.ours:
            raise ConfigError(f"a program is for {name!r}; the nodes are {', '.join(network.names)}")
    if seed is not None:
        set_random_state(seed)
    root_seed, number = CLOCK.next_run()
    KEPT.clear()
    compiler = OPTIONS.sdk_compiler if sdk_compiler is None else sdk_compiler
    stacks = [_Stacks(network, each, compiler, 1 + index * num_times) for index, each in enumerate(programs)]
    results: list[dict[str, list[Any]]] = [{name: [] for name in network.names} for _ in programs]
    run_guests(
        "compat",
        network.network,
        [
            {network.ours[name]: own.body(name, num_times, found[name]) for name in each}
            for own, each, found in zip(stacks, programs, results, strict=True)
        ],
        seed=root_seed,
        number=number,
        flavours=nv_flavours(network) if compiler else {},
        trace=trace,
        processes=OPTIONS.processes if processes is None else processes,
    )
    return [list(found.values()) for found in results]


def nv_flavours(network: Translated) -> dict[str, str]:
    """Our name of a node -> flavour, of nodes whose programs the SDK's compiler compiles."""
    return {node.name: "nv" for node in network.network.nodes if node.device.kind == "nv"}


class _Stacks:
    """The nodes of a run, as the programs of one set see them.

    EPR sockets of their iterations have numbers from `first_block` * 1024 on.
    """

    def __init__(
        self, network: Translated, programs: Mapping[str, Program], sdk_compiler: bool, first_block: int
    ) -> None:
        self._first_block = first_block
        self._flavours = nv_flavours(network) if sdk_compiler else {}
        self._network = network
        self._programs = programs
        self._numbers = {name: number for number, name in enumerate(network.names)}
        self._info = network_info({name: name for name in network.names}, self._numbers)
        self._parcels = Parcels()

    def body(self, name: str, num_times: int, results: list[Any]) -> Body:
        """What a node's guest does: all iterations of its program, each of which appends its result."""

        def body(guest: Guest) -> None:
            for iteration in range(num_times):
                try:
                    results.append(self._once(guest, name, iteration))
                except Exception as error:
                    error.add_note(f"iteration {iteration} of the program of {name}")
                    raise

        return body

    def _once(self, guest: Guest, name: str, iteration: int) -> Any:
        program = self._programs[name]
        meta = program.meta
        application = Application(guest, iteration)
        first_socket = (self._first_block + iteration) * _SOCKETS
        application.open(meta.name, meta.max_qubits, first_socket, self._rows(name, meta, first_socket))
        epr_sockets = {
            peer: EPRSocket(peer, epr_socket_id=index) for index, peer in enumerate(meta.epr_sockets)
        }
        connection = GeneratorConnection(
            application,
            self._info,
            meta.name,
            meta.name,
            meta.max_qubits,
            list(epr_sockets.values()),
            sdk_compiler=self._network.ours[name] in self._flavours,
        )
        csockets = {peer: self._csocket(guest, name, meta, peer) for peer in meta.csockets}
        context = ProgramContext(connection, csockets, epr_sockets, iteration)
        result = plain(finished(program.run(context)))
        application.close()
        return result

    def _csocket(self, guest: Guest, name: str, meta: ProgramMeta, peer: str) -> Any:
        if peer not in self._numbers or peer == name:
            raise ValueError(
                f"csockets of {name}: there is no other node {peer!r}; the nodes are "
                f"{', '.join(self._network.names)}"
            )
        if not self._network.can_talk(name, peer):
            return NoSocket(name, peer)
        socket = guest.node.socket(self._network.ours[peer])
        return ClassicalSocket(guest, socket, self._parcels, meta.name, peer)

    def _rows(self, name: str, meta: ProgramMeta, first_socket: int) -> list[SocketRow]:
        """The EPR sockets of one iteration: those of both ends go by their places in the lists of both
        programs."""
        rows = []
        for index, peer in enumerate(meta.epr_sockets):
            if peer not in self._numbers or peer == name:
                raise AssertionError(
                    f"epr_sockets of {name}: there is no other node {peer!r}; the nodes are "
                    f"{', '.join(self._network.names)}"
                )
            theirs = self._place_at(peer, name)
            rows.append(
                (first_socket + index, self._numbers[peer], first_socket + theirs, FIDELITY_NOT_STATED)
            )
        return rows

    def _place_at(self, peer: str, name: str) -> int:
        """Where the peer's program has the socket to `name`; the first place if it has none."""
        program = self._programs.get(peer)
        listed: Iterable[str] = program.meta.epr_sockets if program is not None else ()
        return next((index for index, other in enumerate(listed) if other == name), 0)

"""Runs of blocking programs: one timeline on a network, all programs in this interpreter.

`run_guests(app, network, [{node: body}], ...)` is the call: every body is called in a greenlet of its own,
with its `Guest`. It is for programs of any style; `stack.run` is the one for SquidASM's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cnpu.launch import Ended, Launch
from cnpu.node import Node
from qnos.assembly import assemble
from qnos.compat.chance import Chances
from qnos.compat.clock import CLOCK
from qnos.compat.guest import Guest
from qnos.config import NetworkConfig
from qnos.launching import launch_of
from qruntime.errors import ProgramError, QnosError
from qruntime.kernel import Kernel
from qruntime.trace import Trace

Body = Callable[[Guest], Any]


class Over(BaseException):
    """A program failed, and with it the run: carries the error to the caller, past everything on its way."""

    def __init__(self, end: Ended) -> None:
        super().__init__(str(end.error))
        self.end = end


def launches_of(
    app: str,
    network: NetworkConfig,
    sessions: Sequence[Mapping[str, Body]],
    chances: Chances,
    flavours: Mapping[str, str],
) -> list[Launch]:
    """The native programs around the bodies, session by session."""
    placement = {node: node for node in network.node_names}
    return [
        launch_of(
            app,
            flavours.get(node, "vanilla"),
            node,
            _main(body, chances),
            {},
            placement,
            session=session,
        )
        for session, bodies in enumerate(sessions)
        for node, body in bodies.items()
    ]


def _main(body: Body, chances: Chances) -> Callable[..., Any]:
    async def main(node: Node) -> None:
        guest = Guest(node, chances)
        await guest.run(lambda: body(guest))

    return main


def run_guests(
    app: str,
    network: NetworkConfig,
    sessions: Sequence[Mapping[str, Body]],
    *,
    seed: int = 0,
    number: int = 0,
    flavours: Mapping[str, str] | None = None,
    trace: Trace | None = None,
    processes: bool = False,
) -> None:
    """Call every body on its node and return when all are over.

    A session has a body for each of some nodes, who can reach each other; several run beside each other.
    Random numbers are those of run `number` under `seed`. The first body that fails ends the run; its error
    is raised, as it is. `flavours` says which nodes' subroutines are not vanilla. `trace` gets the records
    of the run if it ends well. With `processes` QNPUs and the world are processes of their own; the results
    are the same.
    """
    chances = Chances(seed, number)
    launches = launches_of(app, network, sessions, chances, flavours or {})
    try:
        with chances:
            if processes:
                from qnos.compat.hosting import run_hosting  # brings in the event loop and the sockets

                run_hosting(app, network, launches, seed, number, trace)
            else:
                _run_here(network, launches, seed, number, trace)
    except Over as over:
        raise original(over.end) from None


def _run_here(
    network: NetworkConfig, launches: Sequence[Launch], seed: int, number: int, trace: Trace | None
) -> None:
    actors = assemble(network, seed)
    kernel = Kernel(
        actors.in_rank_order(),
        actors.channels,
        jitter_ns=network.testing.jitter_ns,
        jitter_seed=seed,
        rank_seed=seed if network.testing.permute_ranks else None,
        on_record=None if trace is None else trace.on_record,
    )
    if trace is not None:
        trace.begin(number)
    for node, cnpu in zip(network.node_names, actors.cnpus, strict=True):
        cnpu.launches = [launch for launch in launches if launch.role == node]
        cnpu.on_ended = check_end
    try:
        kernel.reset(number)
        kernel.run()
    finally:
        for cnpu in actors.cnpus:
            cnpu.reset(number)  # lets go of programs that have not ended
    if trace is not None:
        trace.end()


def check_end(end: Ended) -> None:
    """A program is over: raise `Over` if it failed."""
    CLOCK.ended_ns = max(CLOCK.ended_ns, end.ended_ns)
    if end.error is not None:
        raise Over(end)


def original(end: Ended) -> BaseException:
    """What the program raised, not what we made of it, with where that was."""
    error: BaseException = end.error or ProgramError("a program failed")
    if isinstance(error, ProgramError) and error.__cause__ is not None:
        error = error.__cause__
    if not isinstance(error, QnosError) or end.role not in str(error):
        error.add_note(f"in the program on {end.role}, at {end.ended_ns} ns of simulated time")
    return error

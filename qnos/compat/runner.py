"""Runs of blocking programs: one timeline on a network, all programs in this interpreter.

`run_guests(app, network, [{role: body}], ...)` is the call: every body is called in a greenlet of its own,
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
from qruntime.trace import Record, Trace

Body = Callable[[Guest], Any]
OnRound = Callable[[int, list[Record]], None]


class Over(BaseException):
    """A program failed, and with it the run: carries the error to the caller, past everything on its way."""

    def __init__(self, end: Ended) -> None:
        super().__init__(str(end.error))
        self.end = end


def launches_of(
    app: str,
    placement: Mapping[str, str],
    sessions: Sequence[Mapping[str, Body]],
    chances: Chances,
    flavours: Mapping[str, str],
) -> list[Launch]:
    """The native programs around the bodies, session by session."""
    return [
        launch_of(
            app,
            flavours.get(role, "vanilla"),
            role,
            _main(body, chances),
            {},
            dict(placement),
            session=session,
        )
        for session, bodies in enumerate(sessions)
        for role, body in bodies.items()
    ]


def _main(body: Body, chances: Chances) -> Callable[..., Any]:
    async def main(node: Node) -> None:
        chances.begin(node.program.cnpu.shot)
        guest = Guest(node, chances)
        await guest.run(lambda: body(guest))

    return main


def run_guests(
    app: str,
    network: NetworkConfig,
    sessions: Sequence[Mapping[str, Body]],
    *,
    placement: Mapping[str, str] | None = None,
    seed: int = 0,
    number: int = 0,
    rounds: int = 1,
    flavours: Mapping[str, str] | None = None,
    trace: Trace | None = None,
    on_round: OnRound | None = None,
    processes: bool = False,
) -> None:
    """Call the body of every role and return when all are over; `rounds` times, each on a network as new.

    A session has bodies of some roles, who can reach each other; several run beside each other. `placement`
    has the node of each role; without it roles are nodes. Random numbers are those of runs `number`,
    `number` + 1, ... under `seed`. The first body that fails ends it all; its error is raised, as it is.
    `flavours` says which roles' subroutines are not vanilla. `trace` gets the records of rounds that end
    well, and `on_round` hears of each: its number, and its records if there is a trace. With `processes`
    QNPUs and the world are processes of their own; the results are the same.
    """
    placed = {node: node for node in network.node_names} if placement is None else placement
    chances = Chances(seed, number)
    launches = launches_of(app, placed, sessions, chances, flavours or {})
    numbers = range(number, number + rounds)
    try:
        with chances:
            if processes:
                from qnos.compat.hosting import run_hosting  # brings in the event loop and the sockets

                run_hosting(app, network, launches, placed, seed, numbers, trace, on_round)
            else:
                _run_here(network, launches, seed, numbers, trace, on_round)
    except Over as over:
        end = over.end
    else:
        return
    raise original(end)  # out here, where it keeps what it was raised from


def _run_here(
    network: NetworkConfig,
    launches: Sequence[Launch],
    seed: int,
    numbers: range,
    trace: Trace | None,
    on_round: OnRound | None,
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
    for node, cnpu in zip(network.node_names, actors.cnpus, strict=True):
        cnpu.launches = [launch for launch in launches if launch.placement[launch.role] == node]
        cnpu.on_ended = check_end
    try:
        for number in numbers:
            if trace is not None:
                trace.begin(number)
            kernel.reset(number)
            kernel.run()
            records = [] if trace is None else trace.end()
            if on_round is not None:
                on_round(number, records)
    finally:
        for cnpu in actors.cnpus:
            cnpu.reset(0)  # lets go of programs that have not ended


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

"""Runs of blocking programs with processes: the QNPUs and the world are processes of their own, and this one,
where the programs are, is every CNPU.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cnpu.launch import Ended, Launch
from cnpu.runtime import Cnpu
from qnos.assembly import make_cnpu
from qnos.compat.runner import OnRound, check_end
from qnos.config import NetworkConfig
from qnos.processes import ProcessNetwork
from qruntime.errors import Fault
from qruntime.orders import EndedRow, Load
from qruntime.rng import Streams
from qruntime.shell import Hosted
from qruntime.trace import Record, Trace


class _Plan:
    """What the processes run: whatever this process has for its CNPUs."""

    def __init__(
        self,
        app: str,
        network: NetworkConfig,
        launches: Sequence[Launch],
        placement: Mapping[str, str],
        seed: int,
    ) -> None:
        self.network = network
        self._loads = [
            Load(app, "", seed, session, tuple(roles), {role: {} for role in roles}, dict(placement))
            for session, roles in _by_session(launches).items()
        ]

    def loads(self) -> list[Load]:
        """One for each session, of which QNPUs take the seed and the world the number of programs."""
        return self._loads


def _by_session(launches: Sequence[Launch]) -> dict[int, list[str]]:
    roles: dict[int, list[str]] = {}
    for launch in launches:
        roles.setdefault(launch.session, []).append(launch.role)
    return roles


def run_hosting(
    app: str,
    network: NetworkConfig,
    launches: Sequence[Launch],
    placement: Mapping[str, str],
    seed: int,
    numbers: range,
    trace: Trace | None,
    on_round: OnRound | None,
) -> None:
    """Run these programs as the shots of these numbers.

    Raises `Over` if one fails, `NodeDown` if a process is gone.
    """
    if not launches or not numbers:
        return
    actors = [_Actor(network, node_id, launches, Streams(seed)) for node_id in range(len(network.nodes))]

    def on_shot(shot: int, ended: list[Ended], records: list[Record]) -> None:
        if trace is not None:
            trace.add(shot, records)
        if on_round is not None:
            on_round(shot, records)

    plan = _Plan(app, network, launches, placement, seed)
    tracing = trace is not None
    try:
        with ProcessNetwork(network, cnpus=False) as standing:
            hosted = [actor.hosted() for actor in actors]
            standing.run(plan, numbers.start, len(numbers), 1, tracing, on_shot, hosted=hosted)
    finally:
        for actor in actors:
            actor.cnpu.reset(0)  # lets go of programs that have not ended


class _Actor:
    """One CNPU of this process."""

    def __init__(
        self, network: NetworkConfig, node_id: int, launches: Sequence[Launch], streams: Streams
    ) -> None:
        self.cnpu = make_cnpu(network, node_id, streams)
        node = network.node_names[node_id]
        self.cnpu.launches = [launch for launch in launches if launch.placement[launch.role] == node]
        self.cnpu.on_ended = check_end

    def hosted(self) -> Hosted:
        """What its shell is offered."""
        return Hosted(self.cnpu.name, lambda: self.cnpu, lambda load: None, ended=_rows)


def _rows(cnpu: Cnpu, told: int) -> list[EndedRow]:
    """Programs that ended; what they returned stays here."""
    return [
        EndedRow(
            end.session,
            end.role,
            end.pid,
            {},
            None if end.error is None else Fault.of(end.error),
            end.traceback,
            end.started_ns,
            end.ended_ns,
        )
        for end in list(cnpu.ended.values())[told:]
    ]

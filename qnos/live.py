"""Networks that stay up: starting and ending one, submitting to it, asking how it is, and repeating its
journal.

up(network, ...), down(name)          start and end Connection(name)                      submit, results,
cancel, state replay(journal)                       the same again, in one process
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from cnpu.app import load_app
from cnpu.launch import Launch
from qnos.assembly import assemble
from qnos.launching import launch_of
from qnos.loading import load_network
from qnos.processes import how_it_ended
from qnos.runtime_dir import RuntimeDir
from qnos.simulate import Plan
from qruntime.actors import Actor, Arrival, Cancelled, Effect, Event, Message, Start, Wait
from qruntime.client import Client
from qruntime.errors import ConfigError, NodeDown, QnosError, error_of
from qruntime.kernel import Kernel
from qruntime.live import Entry, read_journal
from qruntime.orders import (
    AskNetwork,
    AskSession,
    CancelSession,
    Load,
    NetworkState,
    SessionList,
    SessionState,
    SubmitApp,
)
from qruntime.trace import Sink, Trace
from qruntime.watch import Lifeline

if TYPE_CHECKING:
    from qnos.config import NetworkConfig

READY_S = 30.0  # for all processes of a network to be there
ANSWER_S = 5.0  # for a network that is up to answer
_STOP_S = 5.0  # for processes to leave before they are killed
_SHORT_STOP_S = 1.0  # if one of them is gone anyway
_POLL_S = 0.02
_WORDS = 500  # characters of what a dead process said last
_numbers = itertools.count()
_children: dict[Path, list[subprocess.Popen[bytes]]] = {}  # what this process itself started and must reap
Answer = TypeVar("Answer", bound=Message)


def up(network: NetworkConfig, name: str, seed: int = 0, pace: float = 0.0) -> RuntimeDir:
    """Start the processes of a network that stays, and return when it answers.

    `pace` is simulated seconds per second, 0 for as fast as it goes. If one of that name has lost a process,
    what is left of it is ended first. Raises `ConfigError` if one of that name is up, `NodeDown` if it does
    not come up.
    """
    before = RuntimeDir.named(name)
    if gone(before):
        down(name)
    runtime = RuntimeDir.claim(name, network)
    started: dict[str, subprocess.Popen[bytes]] = {}

    def look() -> None:
        for process, popen in started.items():
            if popen.poll() is not None:
                raise NodeDown(f"process {process} {how_it_ended(popen.returncode)}", process=process)

    lifeline = Lifeline()
    try:
        started["world"] = _start(runtime, lifeline, "world", str(seed), str(pace))
        for node in network.node_names:
            started[f"{node}/qnpu"] = _start(runtime, lifeline, "qnpu", node)
            started[f"{node}/cnpu"] = _start(runtime, lifeline, "cnpu", node)
        _children[runtime.path] = list(started.values())
        runtime.note_processes({process: popen.pid for process, popen in started.items()})
        with Connection(name) as connection:
            connection.state(READY_S, look)
        look()
        lifeline.release(len(started))
    except BaseException as error:
        words = _last_words(runtime)
        for popen in started.values():
            popen.kill()
            popen.wait()
        _children.pop(runtime.path, None)
        runtime.remove()
        if isinstance(error, NodeDown):
            raise NodeDown(f"network {name} did not come up: {error.message}{words}", **error.data) from error
        raise
    finally:
        lifeline.close()
    return runtime


def gone(runtime: RuntimeDir) -> dict[str, str]:
    """Processes of a network that was up and has lost them, each with how one knows; empty if all is well."""
    found = {}
    if runtime.journal.exists() and runtime.is_up():
        with suppress(QnosError):  # it may be about to be written
            _, entries = read_journal(runtime.journal)
            found = {entry.lost.process: "no sign of life" for entry in entries if entry.lost is not None}
    alive = runtime.alive()
    return found | {process: "gone" for process, lives in alive.items() if not lives and any(alive.values())}


def down(name: str, journal: Path | None = None, trace: Path | None = None) -> None:
    """End the processes of a network and remove its runtime directory; journal and trace may be kept as
    files.

    A network of which only something was left behind is cleared away too. Raises `QnosError`, when all that
    is done, if a journal or trace that is to be kept is not whole.
    """
    runtime = _known(name)
    cut_short = ""
    if runtime.is_up():
        client = Client(runtime.address(f"down-{os.getpid()}"), runtime.address("world"))
        client.leave()
        _await_end(runtime, _SHORT_STOP_S if gone(runtime) else _STOP_S)
        client.close()
    _reap(runtime)
    if (journal is not None or trace is not None) and runtime.log("world").exists():
        cut_short = next(
            (line for line in _words(runtime.log("world")).splitlines() if "cannot be written" in line), ""
        )
    for kept, target in ((runtime.journal, journal), (runtime.trace, trace)):
        if target is not None and kept.exists():
            shutil.move(kept, target)
    runtime.remove()
    if cut_short:
        raise QnosError(f"network {name} is down, but what it leaves is cut short: {cut_short}")


class Connection:
    """A client's way to a network that is up; a context manager."""

    def __init__(self, name: str) -> None:
        self.runtime = _known(name)
        self.network = self.runtime.load()
        own = self.runtime.address(f"client-{os.getpid()}-{next(_numbers)}")
        self._client = Client(own, self.runtime.address("world"))

    def __enter__(self) -> Connection:
        return self

    def check_processes(self) -> None:
        """Raise `NodeDown` if a process of the network is gone."""
        dead = [process for process, alive in self.runtime.alive().items() if not alive]
        if dead:
            raise NodeDown(
                f"network {self.runtime.name}: process {', '.join(dead)} is gone{_last_words(self.runtime)}; "
                f"qnos down {self.runtime.name} clears it away",
                process=dead[0],
            )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        address = self._client.address
        self._client.close()
        Path(address.removeprefix("ipc://")).unlink(missing_ok=True)

    def submit(
        self,
        app: str,
        inputs: Mapping[str, Mapping[str, Any]] | None = None,
        placement: Mapping[str, str] | None = None,
    ) -> SessionState:
        """Run an application once; returns as soon as it is admitted.

        Raises `ConfigError` if it is refused.
        """
        (load,) = Plan(load_app(app), self.network, inputs=inputs, placement=placement).loads()
        state = self._ask(SubmitApp(self._client.address, load), SessionState, ANSWER_S)
        if state.state == "refused" and state.fault is not None:
            error = error_of(state.fault)
            kind = NodeDown if isinstance(error, NodeDown) else ConfigError
            raise kind(f"session {state.session} was refused: {error.message}", **error.data)
        return state

    def session(self, number: int, wait: bool = False) -> SessionState:
        """How a session is; with `wait` when it is over.

        Raises `ConfigError` if there is none of that number, `NodeDown` if the network cannot tell any more.
        A session that a dead process took with it is over: failed, with the fault.
        """
        if wait:
            self.session(number)  # that there is somebody to wait for
        question = AskSession(self._client.address, number, wait)
        return _that_exists(self._ask(question, SessionState, None if wait else ANSWER_S))

    def sessions(self) -> tuple[SessionState, ...]:
        """Every session so far."""
        return self._ask(AskSession(self._client.address, -1), SessionList, ANSWER_S).sessions

    def cancel(self, number: int) -> SessionState:
        """End the programs of a session; returns when they have ended.

        One that is over stays as it is.
        """
        question = CancelSession(self._client.address, number)
        return _that_exists(self._ask(question, SessionState, ANSWER_S))

    def state(self, timeout_s: float = ANSWER_S, look: Callable[[], None] | None = None) -> NetworkState:
        """What is going on; `look` is called while we wait and may raise."""
        return self._ask(AskNetwork(self._client.address), NetworkState, timeout_s, look)

    def _look_at_world(self) -> None:
        """Raise `NodeDown` if nobody will answer."""
        if not self.runtime.alive().get("world", True):
            raise NodeDown("process world is gone", process="world")

    def _ask(
        self,
        question: Message,
        kind: type[Answer],
        timeout_s: float | None,
        look: Callable[[], None] | None = None,
    ) -> Answer:
        try:
            answer = self._client.ask(question, timeout_s, look or self._look_at_world)
        except NodeDown:
            if look is not None:
                raise
            self.check_processes()  # says more
            raise
        if not isinstance(answer, kind):
            raise QnosError(f"the network answered with {type(answer).__name__}, expected {kind.__name__}")
        return answer


def replay(journal: Path, trace_file: Sink | None = None) -> str:
    """Repeat in one process what a network did; returns the SHA-256 of its trace.

    Raises `QnosError` for what is no journal, `ConfigError` if an application is not the one that was
    submitted.
    """
    header, entries = read_journal(journal)
    network = load_network(header.network)
    losses = {entry.lost.process: entry.lost for entry in entries if entry.lost is not None}
    actors = assemble(network, header.seed)
    cnpus = dict(zip(network.node_names, actors.cnpus, strict=True))
    trace = Trace(trace_file)
    trace.begin(0)
    testing = network.testing
    mortals = {
        actor.name: _Mortal(actor, losses[actor.name].events)
        for actor in actors.in_rank_order()
        if actor.name in losses
    }
    kernel = Kernel(
        [mortals.get(actor.name, actor) for actor in actors.in_rank_order()],
        actors.channels,
        jitter_ns=testing.jitter_ns,
        jitter_seed=header.seed,
        rank_seed=header.seed if testing.permute_ranks else None,
        on_record=trace.on_record,
    )
    kernel.reset(0)
    loads: dict[int, Entry] = {}
    for entry in entries:
        if entry.end:
            kernel.run(until_ns=entry.t_ns)
            trace.end()
            return trace.sha256()
        kernel.run(until_ns=entry.t_ns - 1)
        if entry.submit is not None:
            loads[entry.submit.session] = entry
            for node, launches in _launches(entry.submit, network).items():
                cnpus[node].launches = [*cnpus[node].launches, *launches]
                kernel.inject(f"{node}/cnpu", Start(), entry.t_ns)
        elif entry.cancel is not None:
            submitted = loads[entry.cancel].submit
            assert submitted is not None
            for node in dict.fromkeys(submitted.placement[role] for role in submitted.roles):
                kernel.inject(f"{node}/cnpu", Cancelled(entry.cancel), entry.t_ns)
        elif entry.lost is not None:
            mortals[entry.lost.process].is_gone = True
            for dst, src, message in entry.lost.news():
                kernel.inject(dst, Arrival(src, message), entry.t_ns)
    kernel.run()
    trace.end()
    return trace.sha256()


class _Mortal:
    """An actor whose process will be gone: it takes so many events, then no more."""

    def __init__(self, actor: Actor, events: int) -> None:
        self.name = actor.name
        self.is_gone = False  # the others know
        self._actor = actor
        self._left = events

    @property
    def tracing(self) -> bool:
        """Of the actor."""
        return self._actor.tracing

    @tracing.setter
    def tracing(self, tracing: bool) -> None:
        self._actor.tracing = tracing

    def reset(self, shot: int) -> None:
        """As the actor."""
        self._actor.reset(shot)

    def handle(self, event: Event, now_ns: int) -> Sequence[Effect]:
        """As the actor, as long as it lives."""
        if not self._left:
            return ()
        self._left -= 1
        return self._actor.handle(event, now_ns)

    def waits(self) -> list[Wait]:
        """Of those who can be asked."""
        return [] if self.is_gone else self._actor.waits()


def _launches(load: Load, network: NetworkConfig) -> dict[str, list[Launch]]:
    app = load_app(load.app)
    if app.sha256 != load.sha256:
        raise ConfigError(
            f"application {load.app} has sha256 {app.sha256[:12]}..., "
            f"the one submitted had {load.sha256[:12]}..."
        )
    roles = app.roles(len(network.nodes))
    found: dict[str, list[Launch]] = {}
    for role in load.roles:
        node = load.placement[role]
        placement = load.placement
        launch = launch_of(
            app.name,
            app.flavour,
            role,
            roles[role],
            load.inputs[role],
            placement,
            session=load.session,
            start_ns=load.start_ns,
            scheduling=load.scheduling,
            quotas=load.quotas,
        )
        found.setdefault(node, []).append(launch)
    return found


def _start(runtime: RuntimeDir, lifeline: Lifeline, kind: str, *arguments: str) -> subprocess.Popen[bytes]:
    name = kind if kind == "world" else f"{arguments[0]}/{kind}"
    command = [sys.executable, "-m", "qnos.daemons", kind, str(runtime.path), *arguments]
    with runtime.log(name).open("wb") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            **lifeline.options(),
        )


def _known(name: str) -> RuntimeDir:
    runtime = RuntimeDir.named(name)
    if not runtime.path.is_dir():
        names = ", ".join(other.name for other in RuntimeDir.all()) or "none"
        raise ConfigError(f"no network {name} is up; up are: {names}")
    return runtime


def _that_exists(state: SessionState) -> SessionState:
    if state.state == "unknown":
        assert state.fault is not None
        raise ConfigError(state.fault.message)
    return state


def _await_end(runtime: RuntimeDir, grace_s: float) -> None:
    deadline = time.monotonic() + grace_s
    while runtime.is_up() and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    alive = runtime.alive()
    _kill(pid for name, pid in runtime.processes().items() if alive[name])
    while runtime.is_up():  # killed is not gone yet
        time.sleep(_POLL_S)


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _reap(runtime: RuntimeDir) -> None:
    """Take note of the end of those of the network's processes that are our children."""
    for popen in _children.pop(runtime.path, []):
        popen.wait()


def _last_words(runtime: RuntimeDir) -> str:
    said = [
        f"\n{path.name}: {text[-_WORDS:].strip()}"
        for path in sorted(runtime.path.glob("*.log"))
        if (text := _words(path))
    ]
    return "".join(said)


def _words(log: Path) -> str:
    return log.read_text(errors="replace").strip()

"""A network whose processes are started one by one, each by its own command, as a person would."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import yaml

from qnos.loading import load_network
from qruntime.keys import new_pair

END_S = 5.0  # for a process to end once its world has
Prefix = Callable[[str], Sequence[str]]  # what goes before the command of the processes of a host


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens at."""
    with contextlib.ExitStack() as opened:
        probes = [opened.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def write_network(folder: Path, name: str, addresses: dict[str, str], **more: object) -> Path:
    """A file of the shipped network `name` with addresses, and whatever else it is to say."""
    data = load_network(name).to_dict() | {"name": "net", "addresses": addresses} | more
    path = folder / "network.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    return path


def make_keys(folder: Path, *names: str) -> Path:
    """A directory with a key pair for each name, which is also that of the user's keys."""
    directory = folder / "config" / "qnos" / "keys"
    for name in names:
        new_pair(directory, name)
    return directory


def environment(folder: Path) -> dict[str, str]:
    """What the processes of a test find of the user: keys and runtime directory are the test's own."""
    run = folder / "run"
    run.mkdir(mode=0o700, exist_ok=True)
    return os.environ | {"XDG_CONFIG_HOME": str(folder / "config"), "XDG_RUNTIME_DIR": str(run)}


def command(kind: str, *arguments: str) -> list[str]:
    """The command `qnos-KIND`, or `qnos` itself."""
    module, name = ("qnos.cli", "main") if kind == "qnos" else ("qnos.cli_daemons", kind)
    return [sys.executable, "-c", f"from {module} import {name}; {name}()", *arguments]


class ByHand:
    """Processes by name, in the order in which they were started."""

    def __init__(
        self, folder: Path, file: Path, prefix: Prefix = lambda host: (), live: bool = False
    ) -> None:
        self.folder = folder
        self.file = file
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._prefix = prefix
        self._live = live
        self._environment = environment(folder)

    def start(self, *names: str) -> None:
        """Start processes: `world`, `alice/cnpu`."""
        for name in names:
            node, _, unit = name.rpartition("/")
            arguments = [str(self.file), node] if node else [str(self.file), *["--live"] * self._live]
            with self.log(name).open("wb") as log:
                self.processes[name] = subprocess.Popen(
                    [*self._prefix(node or name), *command(unit, *arguments)],
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )

    def qnos(
        self, *arguments: str, host: str = "world", timeout_s: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run `qnos` with arguments."""
        return subprocess.run(
            [*self._prefix(host), *command("qnos", *arguments)],
            env=self._environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def log(self, name: str) -> Path:
        """What a process wrote."""
        return self.folder / f"{name.replace('/', '.')}.log"

    def end(self) -> dict[str, int]:
        """Ctrl-C at the world; the exit status of every process, all of which end by that."""
        self.processes["world"].send_signal(signal.SIGINT)
        return {name: process.wait(END_S) for name, process in self.processes.items()}

    def kill(self) -> None:
        """End what still runs."""
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
                process.wait()


@contextlib.contextmanager
def started(network: ByHand, *names: str) -> Iterator[ByHand]:
    """The network while its processes run; nothing is left of it afterwards."""
    try:
        network.start(*names)
        yield network
    finally:
        network.kill()


def until(what: Callable[[], bool], limit_s: float = 10.0) -> bool:
    """Whether it comes true within the limit."""
    deadline = time.monotonic() + limit_s
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True

"""The runtime directory of a network of processes: its configuration, sockets, process ids, logs, journal
and trace.

Only the user may enter it (mode 0700), so its sockets need no further lock. Socket paths are short because
the operating system allows about 100 bytes for one. A run has a directory of its own that goes with it; a
network that stays up has one by name, which says whether the processes that made it still live.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
import tempfile
from pathlib import Path

import yaml

from qnos.config import NetworkConfig
from qnos.loading import load_network
from qruntime.errors import ConfigError

_BY_HAND = ".by-hand"  # beside the networks that are up, and never the name of one


class RuntimeDir:
    """A directory made by `create` or `claim`, or the one another process made."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @staticmethod
    def create(network: NetworkConfig) -> RuntimeDir:
        """A fresh directory that holds `network`."""
        runtime = RuntimeDir(Path(tempfile.mkdtemp(prefix="qnos-")))
        runtime._write(network)
        return runtime

    @staticmethod
    def claim(name: str, network: NetworkConfig) -> RuntimeDir:
        """The directory of a network that is to stay up as `name`.

        What a network that is gone left behind is cleared away. Raises `ConfigError` if one of that name is
        up.
        """
        runtime = RuntimeDir.named(name)
        if runtime.is_up():
            raise ConfigError(
                f"a network {name} is up already; qnos down {name} ends it, --name gives another name"
            )
        if runtime.path.exists():
            runtime.remove()
        _make_private(runtime.path.parent)
        _make_private(runtime.path)
        runtime._write(network)
        return runtime

    @staticmethod
    def named(name: str) -> RuntimeDir:
        """Where a network called `name` would be.

        Raises `ConfigError` for a name that is no name of a directory.
        """
        return RuntimeDir(_base() / _checked(name))

    @staticmethod
    def by_hand(name: str) -> RuntimeDir:
        """The directory that processes started by hand share if their network is called `name`; made if it
        is not there.

        Raises `ConfigError` if somebody else may enter it.
        """
        runtime = RuntimeDir(_base() / _BY_HAND / _checked(name))
        for path in (_base(), runtime.path.parent, runtime.path):
            _make_private(path)
        return runtime

    def hold(self, name: str) -> None:
        """Be the process `name` of this directory until this process ends.

        Raises `ConfigError` if another one is.
        """
        descriptor = os.open(
            self.path / f"{name.replace('/', '.')}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # goes with the process, however it ends
        except OSError:
            other = os.read(descriptor, 20).decode(errors="replace").strip() or "?"
            os.close(descriptor)
            raise ConfigError(
                f"{name} of network {self.name} runs already here, as process {other}", process=name
            ) from None
        os.truncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())

    @staticmethod
    def all() -> list[RuntimeDir]:
        """Every network that is up, or was and left something behind."""
        base = _base()
        if not base.is_dir():
            return []
        return [RuntimeDir(path) for path in sorted(base.iterdir()) if path.name != _BY_HAND]

    @property
    def name(self) -> str:
        """What the network goes by."""
        return self.path.name

    @property
    def journal(self) -> Path:
        """Inputs from outside."""
        return self.path / "journal.jsonl"

    @property
    def trace(self) -> Path:
        """Trace of the network's life."""
        return self.path / "trace.jsonl"

    def load(self) -> NetworkConfig:
        """The network."""
        return load_network(self.path / "network.yaml")

    def address(self, name: str) -> str:
        """Where a process listens: `world`, a client, or an actor's name."""
        return f"ipc://{self.path}/{name.replace('/', '.')}"

    def log(self, name: str) -> Path:
        """Where a process's standard error goes."""
        return self.path / f"{name.replace('/', '.')}.log"

    def note_processes(self, pids: dict[str, int]) -> None:
        """Keep who runs what."""
        (self.path / "processes.json").write_text(json.dumps(pids))

    def processes(self) -> dict[str, int]:
        """Process ids by name; empty if they were never noted."""
        try:
            pids: dict[str, int] = json.loads((self.path / "processes.json").read_text())
        except (OSError, ValueError):
            return {}
        return pids

    def alive(self) -> dict[str, bool]:
        """Whether each process lives and is still ours (a process id may have gone to somebody else)."""
        return {name: self._is_ours(pid) for name, pid in self.processes().items()}

    def is_up(self) -> bool:
        """Whether any of its processes lives."""
        return any(self.alive().values())

    def remove(self) -> None:
        """Delete it with all it holds."""
        for entry in self.path.iterdir():
            entry.unlink()
        self.path.rmdir()

    def _write(self, network: NetworkConfig) -> None:
        text = yaml.safe_dump(network.to_dict(), sort_keys=False)
        (self.path / "network.yaml").write_text(text)

    def _is_ours(self, pid: int) -> bool:
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except FileNotFoundError:
            return _exists(pid) if not Path("/proc/self").exists() else False
        except OSError:
            return _exists(pid)
        return str(self.path).encode() in command


def _checked(name: str) -> str:
    """The name of a network, fit for a directory."""
    if not name or name.startswith(".") or "/" in name or "\0" in name:
        raise ConfigError(f"network name {name!r}: allowed is text without / that does not begin with .")
    return name


def _make_private(path: Path) -> None:
    """Make a directory that only the user may enter, or make sure that it is one."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    state = path.lstat()
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.getuid():
        raise ConfigError(f"{path} is no directory of yours, so sockets in it would not be private")
    if state.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(f"{path}: others may enter it; chmod 700 {path} makes its sockets private")


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _base() -> Path:
    """`$XDG_RUNTIME_DIR/qnos`, or a directory of the user's in the system's place for temporary files."""
    given = os.environ.get("XDG_RUNTIME_DIR")
    if given:
        return Path(given) / "qnos"
    return Path(tempfile.gettempdir()) / f"qnos-{os.getuid()}"

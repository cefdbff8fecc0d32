"""The runtime directory of a network of processes: its configuration, its sockets, its logs.

Only the user may enter it (mode 0700), so its sockets need no further lock. Socket paths are short because
the operating system allows about 100 bytes for one.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec

from qnos.config import NetworkConfig
from qnos.loading import load_network


class RuntimeDir:
    """A directory made by `create`, or the one another process made."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @staticmethod
    def create(network: NetworkConfig, seed: int) -> RuntimeDir:
        """A fresh directory that holds `network` and the seed of its random streams."""
        runtime = RuntimeDir(Path(tempfile.mkdtemp(prefix="qnos-")))
        state = {"network": network.to_dict(), "seed": seed}
        runtime._state.write_bytes(msgspec.json.encode(state))
        return runtime

    @property
    def _state(self) -> Path:
        return self.path / "network.json"

    def load(self) -> tuple[NetworkConfig, int]:
        """The network and the seed."""
        state = msgspec.json.decode(self._state.read_bytes())
        return load_network(state["network"]), int(state["seed"])

    def address(self, name: str) -> str:
        """Where a process listens: `world`, `client`, or an actor's name."""
        return f"ipc://{self.path}/{name.replace('/', '.')}"

    def log(self, name: str) -> Path:
        """Where a process's standard error goes."""
        return self.path / f"{name.replace('/', '.')}.log"

    def remove(self) -> None:
        """Delete it with all it holds."""
        for entry in self.path.iterdir():
            entry.unlink()
        self.path.rmdir()

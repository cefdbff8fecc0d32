"""The runtime directory of a network of processes: its configuration, its sockets, its logs.

Only the user may enter it (mode 0700), so its sockets need no further lock. Socket paths are short because
the operating system allows about 100 bytes for one.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import yaml

from qnos.config import NetworkConfig
from qnos.loading import load_network


class RuntimeDir:
    """A directory made by `create`, or the one another process made."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @staticmethod
    def create(network: NetworkConfig) -> RuntimeDir:
        """A fresh directory that holds `network`."""
        runtime = RuntimeDir(Path(tempfile.mkdtemp(prefix="qnos-")))
        runtime._network.write_text(yaml.safe_dump(network.to_dict(), sort_keys=False))
        return runtime

    @property
    def _network(self) -> Path:
        return self.path / "network.yaml"

    def load(self) -> NetworkConfig:
        """The network."""
        return load_network(self._network)

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

"""qnos, an operating system for quantum network nodes, with a simulated quantum network under it.

    import qnos
    result = qnos.run("teleport", network="two_generic", shots=1000, seed=7)
    print(result.metrics)

`run` runs an application, `sweep` many points side by side, `load_network` reads a network. Every error is a
`QnosError`. Importing this package loads none of the machinery: each name is fetched when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qnos.api import run
    from qnos.loading import load_network, shipped_networks, with_values
    from qnos.results import RunResult
    from qnos.statistics import Metric
    from qnos.sweeping import sweep
    from qruntime.errors import (
        ConfigError,
        Deadlock,
        DriverError,
        EprError,
        LimitError,
        NodeDown,
        PeerFailed,
        PredecessorAborted,
        ProgramCancelled,
        ProgramError,
        ProgramTimeout,
        QnosError,
        SubroutineError,
        WireError,
    )

__version__ = "0.1.0"

__all__ = [
    "ConfigError",
    "Deadlock",
    "DriverError",
    "EprError",
    "LimitError",
    "Metric",
    "NodeDown",
    "PeerFailed",
    "PredecessorAborted",
    "ProgramCancelled",
    "ProgramError",
    "ProgramTimeout",
    "QnosError",
    "RunResult",
    "SubroutineError",
    "WireError",
    "__version__",
    "load_network",
    "run",
    "shipped_networks",
    "sweep",
    "with_values",
]

_HOME = {
    "ConfigError": "qruntime.errors",
    "Deadlock": "qruntime.errors",
    "DriverError": "qruntime.errors",
    "EprError": "qruntime.errors",
    "LimitError": "qruntime.errors",
    "Metric": "qnos.statistics",
    "NodeDown": "qruntime.errors",
    "PeerFailed": "qruntime.errors",
    "PredecessorAborted": "qruntime.errors",
    "ProgramCancelled": "qruntime.errors",
    "ProgramError": "qruntime.errors",
    "ProgramTimeout": "qruntime.errors",
    "QnosError": "qruntime.errors",
    "RunResult": "qnos.results",
    "SubroutineError": "qruntime.errors",
    "WireError": "qruntime.errors",
    "load_network": "qnos.loading",
    "run": "qnos.api",
    "shipped_networks": "qnos.loading",
    "sweep": "qnos.sweeping",
    "with_values": "qnos.loading",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'qnos' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

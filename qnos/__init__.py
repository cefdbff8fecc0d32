"""qnos, an operating system for quantum network nodes, with a simulated quantum network under it.

    import qnos
    result = qnos.run("teleport", network="two_generic", shots=1000, seed=7)
    print(result.metrics)

`run` runs an application, `sweep` many points side by side, `load_network` reads a network. Importing this
package loads none of the machinery: each name is fetched when first used.
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

__version__ = "0.1.0"

__all__ = [
    "Metric",
    "RunResult",
    "__version__",
    "load_network",
    "run",
    "shipped_networks",
    "sweep",
    "with_values",
]

_HOME = {
    "Metric": "qnos.statistics",
    "RunResult": "qnos.results",
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

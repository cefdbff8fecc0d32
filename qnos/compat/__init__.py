"""Programs that people have already, unchanged: SquidASM scripts, and application directories of the NetQASM
SDK, on our OS and our simulated network.

    qnos compat run script.py            on the command line; or python -m qnos.compat script.py
    qnos compat simulate DIR             an application directory; see `external`
    qnos.compat.install()                in Python, before the imports of SquidASM

    guest        a program that blocks, on the runtime of programs that await: greenlets on simulated time
    runner       one timeline on which such programs run
    application  a process of the QNPU as a host has it; `memory` is what the host sees of it
    connection   the NetQASM SDK's connection on an application
    stack        `run` of SquidASM programs; `program`, `csocket`, `routines`, ... are what they use
    networks     their configurations, and the networks of ours that those are
    shim         which imports are answered, and how

Importing this package imports nothing of the SDK, which only programs in its style need.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qnos.compat.script import run_script as run_script
    from qnos.compat.shim import install as install
    from qnos.compat.shim import uninstall as uninstall
    from qnos.compat.stack import run as run
    from qnos.compat.stack import run_beside as run_beside

__all__ = ["install", "run", "run_beside", "run_script", "uninstall"]

_WHERE = {
    "install": "shim",
    "uninstall": "shim",
    "run": "stack",
    "run_beside": "stack",
    "run_script": "script",
}

# The SDK looks for the simulator it is to work with as it is imported; this one needs no other package.
os.environ.setdefault("NETQASM_SIMULATOR", "debug")


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    from qnos.compat.requirement import netqasm_version

    netqasm_version()
    return getattr(import_module(f"qnos.compat.{_WHERE[name]}"), name)

"""What a run does beyond what its script says: set by the command line, or by whoever installs the shim."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass
class Options:
    """How runs are done.

    `processes`: QNPUs and the world are processes of their own. `os`: what the OS costs, a preset or an `os`
    section of a network file. `sdk_compiler`: subroutines for NV centres are made by the SDK's own compiler.
    """

    processes: bool = False
    os: str | Mapping[str, Any] = "ideal"
    sdk_compiler: bool = False


OPTIONS: Final = Options()

"""The NetQASM SDK, which programs in other styles are written with: is it there, in a release we know?"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Final

from qruntime.errors import ConfigError

SUPPORTED: Final = ">=2.0,<3"
_NEEDED: Final = (
    f'programs of the NetQASM SDK need the package netqasm {SUPPORTED}: pip install "qnos[netqasm]"'
)


def netqasm_version() -> tuple[int, ...]:
    """The release of netqasm that is installed; `ConfigError` if there is none, or one we do not know."""
    try:
        found = version("netqasm")
    except PackageNotFoundError:
        raise ConfigError(f"netqasm is not installed; {_NEEDED}") from None
    release = tuple(int(part) for part in found.split(".")[:3] if part.isdigit())
    if release[:1] != (2,):
        raise ConfigError(f"netqasm {found} is installed; {_NEEDED}")
    return release

"""The file of a run's trace: what cannot be written costs the file, never the run.

A trace is a by-product of results that may have taken hours, so a full disk ends the writing only;
`TraceFile.fault` says why, and the digest of the trace stays whole.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from qruntime.errors import ConfigError


class TraceFile:
    """A sink for `Trace` over an open binary file; after the first failure it takes and drops the rest."""

    def __init__(self, file: IO[bytes]) -> None:
        self.fault = ""
        self._file = file

    def write(self, data: bytes) -> None:
        """Write `data`, unless something could not be written before."""
        self._try(lambda: self._file.write(data))

    def flush(self) -> None:
        """Hand on what is still buffered: only then is it known whether there was room for it."""
        self._try(self._file.flush)

    def _try(self, put: Callable[[], object]) -> None:
        if self.fault:
            return
        try:
            put()
        except OSError as error:
            self.fault = f"cannot be written: {error.strerror or error}"


@contextmanager
def open_trace(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """A new file for a trace.

    Raises `ConfigError` if it cannot be made.
    """
    try:
        file = Path(path).open("wb")  # noqa: SIM115 - closed below, where failing again is no news
    except OSError as error:
        raise ConfigError(f"{os.fspath(path)}: trace cannot be written: {error.strerror}") from None
    try:
        yield file
    finally:
        with suppress(OSError):  # what `TraceFile.flush` met before
            file.close()

"""The file of a run's trace: what cannot be written costs the file, never the run.

A trace is a by-product of results that may have taken hours, so a full disk ends the writing only;
`TraceFile.fault` says why, and the digest of the trace stays whole. `read_trace` reads such a file, shot by
shot.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

import msgspec

from qruntime.errors import ConfigError
from qruntime.trace import Record

OPENS_SHOT: Final = b'{"shot":'


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


def is_trace(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins as a trace does."""
    try:
        with Path(path).open("rb") as file:
            return file.read(len(OPENS_SHOT)) == OPENS_SHOT
    except OSError:
        return False


def read_trace(path: str | os.PathLike[str]) -> Iterator[tuple[int, list[Record]]]:
    """Number and records of each shot in a trace file, one shot in memory at a time.

    A last line that was cut short, by a kill or a full disk, is left out. Raises `ConfigError` for a file
    that cannot be read or is no trace.
    """
    try:
        with Path(path).open("rb") as file:
            yield from _shots(file, os.fspath(path))
    except OSError as error:
        raise ConfigError(f"{os.fspath(path)}: cannot be read: {error.strerror}") from None


def _shots(file: IO[bytes], name: str) -> Iterator[tuple[int, list[Record]]]:
    records = msgspec.json.Decoder(Record)
    heads = msgspec.json.Decoder(dict[str, int])
    shot, found = -1, list[Record]()
    for number, line in enumerate(file, start=1):
        try:
            if line.startswith(OPENS_SHOT):
                if shot >= 0:
                    yield shot, found
                shot, found = heads.decode(line)["shot"], []
                continue
            record = records.decode(line)
        except msgspec.MsgspecError:
            if not line.endswith(b"\n") and shot >= 0:
                break
            record = None
        if record is None or shot < 0:
            raise ConfigError(f"{name}:{number}: is no line of a trace", file=name, line=number)
        found.append(record)
    if shot >= 0:
        yield shot, found

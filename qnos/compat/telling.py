"""Errors of scripts as they are told: with the lines of the script, and none of ours."""

from __future__ import annotations

import os
import sysconfig
import traceback
from pathlib import Path
from typing import Final

import click

from qruntime.errors import QnosError

_ROOT: Final = Path(__file__).resolve().parents[2]
_OURS: Final = tuple(
    f"{_ROOT / package}{os.sep}"
    for package in ("qnos", "cnpu", "qnpu", "qworld", "qdriver", "qruntime", "netqasm_isa")
)
_STARTERS: Final = (f"{Path(click.__file__).parent}{os.sep}", "<frozen runpy>", "<frozen importlib")
_INSTALLED: Final = tuple(
    f"{sysconfig.get_path(name)}{os.sep}" for name in ("stdlib", "platstdlib", "purelib", "platlib")
)


def told(error: BaseException) -> str:
    """What went wrong, in which program, and where in the script.

    An error of ours is one sentence with its notes and the innermost line of the script; any other has its
    traceback, without what is between the script and its programs.
    """
    if not isinstance(error, QnosError):
        return _without_ours(traceback.TracebackException.from_exception(error))
    return "\n  ".join([f"Error: {error}", *getattr(error, "__notes__", ()), *_line(error)]) + "\n"


def _line(error: BaseException) -> list[str]:
    """The innermost line that is neither ours nor of an installed package."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((*_OURS, *_STARTERS, *_INSTALLED, "<"))
    ]
    return [f"{frames[-1].filename}:{frames[-1].lineno}, in {frames[-1].name}"] if frames else []


def _without_ours(told: traceback.TracebackException) -> str:
    """The text of a traceback, those of its causes included."""
    each: list[traceback.TracebackException | None] = [told]
    for found in each:
        if found is not None:
            frames = [frame for frame in found.stack if not frame.filename.startswith((*_OURS, *_STARTERS))]
            found.stack = traceback.StackSummary.from_list(frames)
            each += [found.__cause__, found.__context__]
    return "".join(told.format())

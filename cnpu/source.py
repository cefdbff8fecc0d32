"""Where in an application's source something happened.

The SDK notes the place of every call, so a place must be cheap to take and is put into words only when an
error needs it: `caller()` takes one, `place_of(mark)` names it. `awaiting`, `failing` and `app_traceback` do
the same for a suspended coroutine and for an exception, `defined` for a function.
"""

from __future__ import annotations

import inspect
import os
import sys
import traceback
from types import CodeType, TracebackType
from typing import Any, NamedTuple

import qruntime

# A code object and the offset of its instruction: the line is found later, if at all.
Mark = tuple[CodeType, int]

_HERE = os.path.dirname(os.path.abspath(__file__))
_OURS = frozenset(
    os.path.join(directory, name)
    for directory in (_HERE, os.path.dirname(os.path.abspath(qruntime.__file__)))
    for name in os.listdir(directory)
    if name.endswith(".py")
)
_LIBRARY = os.path.dirname(os.path.abspath(os.__file__)) + os.sep


class Place(NamedTuple):
    """A line of a source file; `file` is its name without the directory, the same on every machine."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file} line {self.line}"


def caller(depth: int) -> Mark:
    """The innermost place outside of this package, `depth` frames or more above this function.

    `depth` 1 is whoever calls this.
    """
    frame = sys._getframe(depth)
    while frame.f_code.co_filename in _OURS:
        outer = frame.f_back
        if outer is None:
            break
        frame = outer
    return frame.f_code, frame.f_lasti


def place_of(mark: Mark) -> Place:
    """The file and line of a mark."""
    code, offset = mark
    line = code.co_firstlineno
    for start, stop, number in code.co_lines():
        if start <= offset < stop and number is not None:
            line = number
    return Place(os.path.basename(code.co_filename), line)


def code_of(main: Any) -> CodeType | None:
    """The code of a function, under its decorators; None if it has none, like a partial."""
    code = getattr(inspect.unwrap(main), "__code__", None)
    return code if isinstance(code, CodeType) else None


def defined(main: Any) -> Place | None:
    """Where a function is defined, None if that cannot be told."""
    code = code_of(main)
    return Place(os.path.basename(code.co_filename), code.co_firstlineno) if code is not None else None


def awaiting(coroutine: Any) -> Place | None:
    """The innermost place in application code at which a suspended coroutine awaits."""
    found = None
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        if frame is not None and _is_application(frame.f_code.co_filename):
            found = Place(os.path.basename(frame.f_code.co_filename), frame.f_lineno)
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)
    return found


def failing(error: BaseException) -> Place | None:
    """The innermost place in application code that an exception passed."""
    found = None
    step: TracebackType | None = error.__traceback__
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        if _is_application(file):
            found = Place(os.path.basename(file), step.tb_lineno)
        step = step.tb_next
    return found


def app_traceback(error: BaseException, main: Any) -> str:
    """The traceback of an exception as Python prints it, without the frames of this package.

    If that leaves none, it shows where `main` is defined.
    """
    report = traceback.TracebackException.from_exception(error)
    _cut(report)
    code = code_of(main)
    if not report.stack and code is not None:
        frame = traceback.FrameSummary(code.co_filename, code.co_firstlineno, code.co_name)
        report.stack = traceback.StackSummary.from_list([frame])
    return "".join(report.format())


def _cut(report: traceback.TracebackException) -> None:
    report.stack = traceback.StackSummary.from_list(
        [frame for frame in report.stack if frame.filename not in _OURS]
    )
    for inner in (report.__cause__, report.__context__):
        if inner is not None:
            _cut(inner)


def _is_application(file: str) -> bool:
    return file not in _OURS and not file.startswith(_LIBRARY) and not file.startswith("<frozen")

"""How a program ended: what it returned as plain data, or what it raised as one of our errors."""

from __future__ import annotations

from typing import Any

from cnpu.checks import with_article
from cnpu.source import defined, failing
from qruntime.errors import ProgramError, QnosError
from qruntime.values import normalise


def result_of(value: Any, main: Any) -> dict[str, Any]:
    """What a program returned, as plain data."""
    if value is None:
        return {}
    try:
        if not isinstance(value, dict):
            found = with_article(type(value).__qualname__)
            raise ProgramError(f"the program returned {found}; a dict or None is needed")
        result: dict[str, Any] = normalise(value, "the result")
    except QnosError as error:
        place = defined(main)  # that of the `return` is not known any more
        at = f" ({place})" if place is not None else ""
        raise type(error)(f"{error.message}{at}", **error.data) from None
    return result


def explained(error: BaseException, main: Any) -> QnosError:
    """The error as one of ours, with the place in the application."""
    place = failing(error) or defined(main)
    if isinstance(error, QnosError):
        if place is not None:
            error.data.setdefault("file", place.file)
            error.data.setdefault("line", place.line)
        return error
    at = f" ({place})" if place is not None else ""
    hint = ""
    if isinstance(error, RuntimeError) and "event loop" in str(error):
        hint = "; a program runs in simulated time and can await only what `node` offers"
    elif isinstance(error, SystemExit):
        hint = "; a program ends by returning"
    explained = ProgramError(f"{_said(error)}{at}{hint}")
    if place is not None:
        explained.data.update(file=place.file, line=place.line)
    explained.__cause__ = error
    return explained


def _said(error: BaseException) -> str:
    """The last line of its traceback, whatever its own `__str__` does."""
    name = type(error).__name__
    try:
        text = str(error)
    except KeyboardInterrupt:
        raise
    except BaseException:
        return f"{name} (its text cannot be made)"
    return f"{name}: {text}" if text else name

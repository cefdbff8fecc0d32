"""The outer form of the text: preamble, comments and macros.

``read(text)`` gives the header and the lines of the body with macros applied, each with the place every
character came from, so that a message about an operand can point at the text as it was written. What the
lines mean is for ``assembler.py``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from netqasm_isa.encoder import APP_ID_MAX, DEFAULT_VERSION, VERSION_MAX
from netqasm_isa.errors import AssemblyError
from netqasm_isa.operands import NAME

INTEGER: Final = re.compile(r"-?[0-9]+", re.ASCII)
_VERSION: Final = re.compile(r"(-?[0-9]+)\.(-?[0-9]+)", re.ASCII)
_DIGITS_MAX: Final = 20  # beyond any field, and far below what int() refuses
_EXPANDED_MAX: Final = 10_000  # macros that call macros grow exponentially


@dataclass(frozen=True, slots=True)
class Line:
    """One line without comment and outer blanks; ``columns[i]`` is where ``text[i]`` stood, from 1."""

    number: int
    text: str
    columns: range | tuple[int, ...]

    def column(self, at: int) -> int:
        """The source column of a character; behind the last one it is the column after it."""
        if at < len(self.columns):
            return self.columns[at]
        return self.columns[-1] + 1 if self.columns else 1

    def error(self, at: int, message: str) -> AssemblyError:
        return AssemblyError(self.number, self.column(at), message)


@dataclass(slots=True)
class Source:
    """Header and body. ``version`` and ``app_id`` hold the defaults if the text gives none."""

    version: tuple[int, int] = DEFAULT_VERSION
    app_id: int = 0
    macros: dict[str, str] = field(default_factory=dict)
    body: list[Line] = field(default_factory=list)
    given: set[str] = field(default_factory=set)


def read(text: str) -> Source:
    """Splits a text; AssemblyError for a preamble that is malformed, given twice or in the wrong place."""
    source = Source()
    in_preamble = True
    for line in _lines(text):
        if not line.text.startswith("#"):
            in_preamble = False
            source.body.append(line)
        elif in_preamble:
            _read_preamble(line, source)
        else:
            raise line.error(0, "a preamble line must come before the first label or instruction")
    if source.macros:
        source.body = [line for line in (_expanded(line, source.macros) for line in source.body) if line.text]
    return source


def bounded(digits: str, low: int, high: int) -> int | None:
    """The number that a match of INTEGER spells, None if it is outside of low..high. Any number of digits
    will do.
    """
    if len(digits) > _DIGITS_MAX:
        sign, magnitude = ("-", digits[1:]) if digits[0] == "-" else ("", digits)
        digits = sign + (magnitude.lstrip("0") or "0")
        if len(digits) > _DIGITS_MAX:
            return None
    value = int(digits)
    return value if low <= value <= high else None


def shortened(word: str) -> str:
    """A word as messages quote it."""
    return word if len(word) <= 40 else f"{word[:36]}..."


def _lines(text: str) -> Iterator[Line]:
    for number, raw in enumerate(text.split("\n"), start=1):
        content = raw.split("//", 1)[0]
        stripped = content.strip()
        if stripped:
            begin = len(content) - len(content.lstrip()) + 1
            yield Line(number, stripped, range(begin, begin + len(stripped)))


def _read_preamble(line: Line, source: Source) -> None:
    words = line.text.lstrip("#").split(None, 1)
    if not words:
        return
    word, value = words[0], words[1] if len(words) > 1 else ""
    at = line.text.index(word)
    value_at = line.text.index(value, at + len(word))
    if word == "DEFINE":
        _read_define(line, value, value_at, source)
        return
    if word not in ("NETQASM", "APPID"):
        raise line.error(at, f"preamble {shortened(word)!r}, allowed NETQASM, APPID, DEFINE")
    if word in source.given:
        raise line.error(at, f"{word} is given twice")
    source.given.add(word)
    if word == "APPID":
        source.app_id = _app_id(line, value, value_at)
    else:
        source.version = _version(line, value, value_at)


def _app_id(line: Line, value: str, at: int) -> int:
    if INTEGER.fullmatch(value) is None:
        raise line.error(at, f"APPID is {shortened(value)!r}, a number 0..{APP_ID_MAX} is needed")
    app_id = bounded(value, 0, APP_ID_MAX)
    if app_id is None:
        raise line.error(at, f"APPID is {shortened(value)}, allowed 0..{APP_ID_MAX}")
    return app_id


def _version(line: Line, value: str, at: int) -> tuple[int, int]:
    match = _VERSION.fullmatch(value)
    if match is None:
        raise line.error(at, f"NETQASM version is {shortened(value)!r}, two numbers are needed, like 0.10")
    major = bounded(match[1], 0, VERSION_MAX)
    minor = bounded(match[2], 0, VERSION_MAX)
    if major is None or minor is None:
        raise line.error(
            at, f"NETQASM version is {shortened(value)}, allowed 0..{VERSION_MAX} for each number"
        )
    return major, minor


def _read_define(line: Line, definition: str, at: int, source: Source) -> None:
    words = definition.split(None, 1)
    key = words[0] if words else ""
    if NAME.fullmatch(key) is None:
        raise line.error(at, f"DEFINE {shortened(key)!r}: a letter, then letters, digits and _ make a name")
    if key in source.macros:
        raise line.error(at, f"DEFINE {key} is given twice")
    if len(words) < 2:
        raise line.error(at, f"DEFINE {key} has no value; {{}} is the empty one")
    value = words[1]
    if _in_braces(value):
        value = value[1:-1].strip()
    elif value[0] == "{" or len(value.split()) > 1:
        raise line.error(
            line.text.rindex(value), f"DEFINE {key}: a value of several words stands in one pair of braces"
        )
    source.macros[key] = value


def _in_braces(value: str) -> bool:
    """Whether one pair of braces holds all of the value; it may hold more braces, those of templates."""
    if not (value.startswith("{") and value.endswith("}")):
        return False
    depth = 0
    for character in value[:-1]:
        depth += (character == "{") - (character == "}")
        if depth == 0:
            return False
    return depth == 1


def _expanded(line: Line, macros: dict[str, str]) -> Line:
    """The line with ``$key`` replaced, key after key in order of definition.

    Where several keys fit behind a $, the longest is meant.
    """
    if "$" not in line.text:
        return line
    text, columns = line.text, tuple(line.columns)
    longest_first = sorted(macros, key=len, reverse=True)
    for key, value in macros.items():
        at = text.find("$")
        while at >= 0:
            step = 1
            if next((name for name in longest_first if text.startswith(name, at + 1)), None) == key:
                end = at + 1 + len(key)
                columns = columns[:at] + (columns[at],) * len(value) + columns[end:]
                text = text[:at] + value + text[end:]
                step = len(value)
                if len(text) > _EXPANDED_MAX:
                    raise line.error(0, f"macros make more than {_EXPANDED_MAX} characters of this line")
            at = text.find("$", at + step)
    begin = len(text) - len(text.lstrip())
    stripped = text.strip()
    return Line(line.number, stripped, columns[begin : begin + len(stripped)])

"""The documents as the tests see them: pages, their fenced blocks, and what running a block gives.

Every block in a language that can be run is run, unless the line before it says why not (a block with a
title is written to its file all the same):

    <!-- not run: it needs a network connection -->

```python            runs; the blocks of a page share their names, as in a notebook
```python title="x"  is written to the file x in the directory of the page
```text title="prints"   is what the python block before it prints
```yaml              is a network file; a part of one is laid over the network `two_generic`
```nqasm             is a subroutine
```console           has commands after `$ `, each with what it prints; a line `...` stands for any lines

`python -m tests.unit.docs.pages` writes what commands print now into the pages.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import runpy
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner

from netqasm_isa import assemble, check
from qnos.cli import main
from qnos.loading import load_network

ROOT = Path(__file__).parents[3]
LANGUAGES = ("console", "nqasm", "python", "text", "yaml")  # any other is a spelling mistake
PRINTS = "prints"

_FENCE = re.compile(r'(?P<indent> *)```(?P<language>[a-z]*)(?: title="(?P<title>[^"]*)")?$')
_NOT_RUN = re.compile(r"<!-- not run: (?P<reason>.+) -->$")

# What differs from one run to the next, or from one machine to another.
_VARIES = (
    (re.compile(r"^(speed +)[\d,.]+"), r"\1N"),
    (re.compile(r"\bin \d+\.\d+s\b"), "in N s"),
    (re.compile(r'File "[^"]*/'), 'File "'),
)
_LONG_NUMBER = re.compile(r"\b\d+\.\d{10,}(?:e-?\d+)?\b")  # its last digits depend on the machine


@dataclass(frozen=True)
class Block:
    """A fenced block; `line` is that of its opening fence, from 1."""

    page: Path
    line: int
    language: str
    title: str
    text: str
    not_run: str
    indent: int = 0

    @property
    def place(self) -> str:
        """Where it stands, for messages."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True)
class Command:
    """One command of a console block and the lines shown below it; `line` counts within the block."""

    line: int
    text: str
    shown: list[str]


def pages() -> list[Path]:
    """Every document, in order."""
    return [
        *sorted(ROOT.glob("*.md")),
        *(page for page in sorted((ROOT / "docs").rglob("*.md")) if "site" not in page.parts),
    ]


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page."""
    found = []
    lines = page.read_text("utf-8").splitlines()
    opened: tuple[int, re.Match[str]] | None = None
    for number, line in enumerate(lines, start=1):
        fence = _FENCE.match(line)
        if opened is None:
            if fence is not None:
                opened = number, fence
            elif line.lstrip().startswith("```"):
                raise AssertionError(f"{page.name}:{number}: {line!r} opens no block that the tests know")
        elif line.strip() == "```":
            start, head = opened
            opened = None
            indent = len(head["indent"])
            body = "".join(f"{text[indent:]}\n" for text in lines[start : number - 1])
            reason = _NOT_RUN.match(lines[start - 2].strip()) if start > 1 else None
            found.append(
                Block(
                    page,
                    start,
                    head["language"],
                    head["title"] or "",
                    body,
                    reason["reason"] if reason else "",
                    indent,
                )
            )
    assert opened is None, f"{page.name}:{opened[0] if opened else 0}: block is not closed"
    return found


def commands(block: Block) -> list[Command]:
    """The commands of a console block."""
    found: list[Command] = []
    for number, line in enumerate(block.text.splitlines()):
        if line.startswith("$ "):
            found.append(Command(number, line[2:], []))
        else:
            assert found, f"{block.place}: a console block begins with a command"
            found[-1].shown.append(line)
    return found


def comparable(lines: list[str]) -> list[str]:
    """Lines without what varies, without blanks at their ends, without empty lines at the end; long numbers
    to nine digits."""
    plain = []
    for line in lines:
        for pattern, replacement in _VARIES:
            line = pattern.sub(replacement, line)
        line = _LONG_NUMBER.sub(lambda found: f"{float(found[0]):.9g}", line)
        plain.append(line.rstrip())
    while plain and not plain[-1]:
        plain.pop()
    return plain


def agrees(shown: list[str], printed: list[str]) -> bool:
    """Whether what is shown is what was printed, where `...` stands for any number of lines."""
    pattern = "".join(
        r"(?:.*\n)*?" if line == "..." else re.escape(line) + r"\n" for line in comparable(shown)
    )
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in comparable(printed))) is not None


@dataclass
class Reader:
    """Somebody who does what a page says, block by block, in a directory of their own."""

    directory: Path
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "__page__"})
    printed: str = ""

    def follow(self, block: Block) -> None:
        """Do one block; `AssertionError` if it does not do what the page says."""
        assert block.language in LANGUAGES, f"{block.place}: language {block.language!r}; known: {LANGUAGES}"
        if block.not_run:
            self._write(block)
            return
        match block.language:
            case "python":
                self._python(block)
            case "text" if block.title == PRINTS:
                shown = block.text.splitlines()
                assert agrees(shown, self.printed.splitlines()), (
                    f"{block.place}: prints\n{self.printed}, not\n{block.text}"
                )
            case "yaml":
                self._yaml(block)
            case "nqasm":
                self._write(block)
                subroutine = assemble(block.text)
                check(subroutine.instantiate(0, dict.fromkeys(subroutine.arguments, 1)))
            case "console":
                for command in commands(block):
                    printed = self.run(command.text)
                    assert agrees(command.shown, printed.splitlines()), (
                        f"{block.place}: `{command.text}` prints\n{printed}"
                    )

    def run(self, text: str) -> str:
        """What a command prints."""
        words = shlex.split(text)
        paths = [str(self.directory)] if words[0] == "PYTHONPATH=." else []
        if paths:
            words = words[1:]
        match words:
            case ["make", "run"]:
                arguments = _make_run()
                return f".venv/bin/qnos {shlex.join(arguments)}\n" + self._qnos(arguments, [])
            case ["qnos", *arguments]:
                return self._qnos(arguments, paths)
            case ["python", file]:
                return self._script(file)
            case ["cat", file]:
                return (self.directory / file).read_text("utf-8")
            case ["pytest", *arguments]:
                return self._pytest(arguments)
        raise AssertionError(f"`{text}` is no command that the tests can run; say why with `not run`")

    def _python(self, block: Block) -> None:
        code = compile(block.text, block.title or block.place, "exec")
        if block.title:
            self._write(block)
            return
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(code, self.names)
        self.printed = out.getvalue()

    def _yaml(self, block: Block) -> None:
        self._write(block)
        data = yaml.safe_load(block.text)
        if "nodes" in data:
            load_network(data)
        else:
            load_network({**load_network("two_generic").to_dict(), **data})

    def _write(self, block: Block) -> None:
        if block.title and block.language != "text":
            (self.directory / block.title).write_text(block.text, "utf-8")

    def _qnos(self, arguments: list[str], paths: list[str]) -> str:
        before = list(sys.path)
        sys.path[:0] = paths
        try:
            result = CliRunner(env={"COLUMNS": "80"}).invoke(main, arguments, prog_name="qnos")
        finally:
            sys.path[:] = before
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise AssertionError(f"qnos {shlex.join(arguments)} broke") from result.exception
        if result.exit_code == 2:  # a page may show how a run fails, not how it is mistyped
            raise AssertionError(f"qnos {shlex.join(arguments)} is no use of qnos\n{result.output}")
        return result.output

    def _script(self, file: str) -> str:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            runpy.run_path(str(self.directory / file), run_name="__main__")
        return out.getvalue()

    def _pytest(self, arguments: list[str]) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", *arguments],
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.stdout


def _make_run() -> list[str]:
    """The arguments of `qnos` in the Makefile's target `run`."""
    recipe = re.search(r"^run:.*\n\t\$\(BIN\)/qnos (?P<arguments>.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert recipe is not None, "the Makefile's target `run` does not call qnos"
    return shlex.split(recipe["arguments"])


@contextlib.contextmanager
def working_in(directory: Path) -> Iterator[None]:
    """Be in a directory for a while."""
    before = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)


def renew(page: Path, directory: Path) -> bool:
    """Write what commands print now into a page; whether that changed it."""
    reader = Reader(directory)
    text = page.read_text("utf-8")
    lines = text.splitlines()
    shift = 0
    for block in blocks(page):
        fresh = _fresh(block, reader)
        if fresh is None:
            reader.follow(block)
            continue
        first = block.line + shift
        length = len(block.text.splitlines())
        lines[first : first + length] = [f"{' ' * block.indent}{line}".rstrip() for line in fresh]
        shift += len(fresh) - length
    changed = "\n".join(lines) + "\n"
    page.write_text(changed, "utf-8")
    return changed != text


def _fresh(block: Block, reader: Reader) -> list[str] | None:
    """The lines that a block should have; None if it shows nothing that is printed."""
    if block.not_run:
        return None
    if block.language == "text" and block.title == PRINTS:
        return _kept_or_printed(block.text.splitlines(), reader.printed, reader)
    if block.language != "console":
        return None
    fresh = []
    for command in commands(block):
        fresh += [
            f"$ {command.text}",
            *_kept_or_printed(command.shown, reader.run(command.text), reader),
        ]
    return fresh


def _kept_or_printed(shown: list[str], printed: str, reader: Reader) -> list[str]:
    lines = printed.replace(str(reader.directory), "/home/you").splitlines()
    return shown if "..." in shown or agrees(shown, lines) else lines


if __name__ == "__main__":
    for document in pages():
        with tempfile.TemporaryDirectory() as scratch, working_in(Path(scratch)):
            if renew(document, Path(scratch)):
                print(f"renewed {document.relative_to(ROOT)}")

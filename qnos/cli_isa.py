"""``qnos asm`` and ``qnos disasm``: NetQASM text to bytes and back."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import click

from netqasm_isa import FLAVOURS, IsaError, assemble, check, decode

FLAVOUR = click.option(
    "--flavour",
    type=click.Choice(FLAVOURS),
    default="vanilla",
    show_default=True,
    help="Instruction set; the bytes do not say which.",
)


class _IsaCommand(click.Command):
    """Bad text or bytes are the user's mistake: one message, which names line or instruction."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except IsaError as error:
            raise click.ClickException(f"{ctx.params.get('file') or 'bytes'}: {error}") from error


@click.command(cls=_IsaCommand)
@click.argument("file", metavar="FILE|-")
@FLAVOUR
@click.option(
    "--value", "values", multiple=True, metavar="NAME=INT", help="Value for a {template}; may be repeated."
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write raw bytes to this file.")
def asm(file: str, flavour: str, values: tuple[str, ...], out: Path | None) -> None:
    """Assemble NetQASM text; print the bytes in hexadecimal, or write them with --out."""
    source = _text(file)
    subroutine = assemble(source, flavour)
    given = dict(_value(text) for text in values)
    for name in subroutine.arguments:
        if name not in given:
            place = _place(source, name)
            raise click.ClickException(
                f"{file}: {place}{{{name}}} has no value; give one: --value {name}=INT"
            )
    if values:
        subroutine = subroutine.instantiate(subroutine.app_id, given)
    check(subroutine)
    data = subroutine.encode()
    if out is None:
        click.echo(data.hex())
        return
    try:
        out.write_bytes(data)
    except OSError as error:
        raise click.ClickException(f"{out}: cannot be written: {error.strerror}") from None
    click.echo(f"{out}: {len(subroutine)} instructions, {len(data)} bytes", err=True)


@click.command(cls=_IsaCommand)
@click.argument("file", metavar="FILE|-", required=False)
@click.option("--hex", "digits", metavar="DIGITS", help="The bytes themselves, in hexadecimal.")
@FLAVOUR
def disasm(file: str | None, digits: str | None, flavour: str) -> None:
    """Print NetQASM bytes as text.

    A file may hold raw bytes or hexadecimal digits.
    """
    if (file is None) == (digits is None):
        raise click.UsageError("give either FILE or --hex DIGITS")
    data = _from_hex(digits) if digits is not None else _bytes(str(file))
    click.echo(str(decode(data, flavour)))


def _place(source: str, name: str) -> str:
    """Where a template stands first in a text, outside of comments."""
    for number, line in enumerate(source.splitlines(), start=1):
        found = re.search(r"\{\s*" + re.escape(name) + r"\s*\}", re.split("#|//", line, maxsplit=1)[0])
        if found is not None:
            return f"line {number}, column {found.start() + 1}: "
    return ""


def _value(text: str) -> tuple[str, int]:
    name, equals, value = text.partition("=")
    try:
        if not (name and equals):
            raise ValueError
        return name, int(value, 0)
    except ValueError:
        raise click.UsageError(f"--value {text!r}: NAME=INT is expected") from None


def _text(file: str) -> str:
    data = _raw(file)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise click.ClickException(f"{file}: is not UTF-8 text") from None


def _bytes(file: str) -> bytes:
    data = _raw(file)
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        return data
    digits = "".join(text.split())
    if digits and all(letter in "0123456789abcdefABCDEF" for letter in digits):
        return _from_hex(digits)
    return data


def _from_hex(digits: str) -> bytes:
    try:
        return bytes.fromhex(digits)
    except ValueError as error:
        raise click.ClickException(f"these are no hexadecimal bytes: {error}") from None


def _raw(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise click.ClickException(f"{file}: cannot be read: {error.strerror}") from None

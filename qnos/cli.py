"""The command line: ``qnos run``, ``sweep``, ``apps``, ``networks``, ``check-config``, ``asm``, ``disasm``.

`main` is the entry point. Each command lives in a module of its own that is loaded when the command is
used. A user's mistake is one message on stderr and exit status 1 (2 for a wrong call); Ctrl-C is status
130.

Hash randomisation (PYTHONHASHSEED) cannot change a result: nothing of ours iterates over a set, so the
command line need not restart the interpreter to fix it.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import click

from qnos import __version__
from qruntime.errors import QnosError

# command -> (module, attribute, what the overview says)
_COMMANDS = {
    "run": ("qnos.cli_run", "run", "Run an application on a network."),
    "explain": ("qnos.cli_explain", "explain", "Say where the time of programs went, and what noise costs."),
    "perfetto": ("qnos.cli_explain", "perfetto", "Make a timeline for ui.perfetto.dev from a trace."),
    "compat": ("qnos.cli_compat", "compat", "Run programs of other frameworks as they are."),
    "sweep": ("qnos.cli_sweep", "sweep", "Run an application over a grid of values."),
    "experiment": ("qnos.cli_experiment", "experiment", "Measure one of the experiments that travel along."),
    "apps": ("qnos.cli_list", "apps", "List the applications that travel with qnos."),
    "networks": ("qnos.cli_list", "networks", "List the networks that travel with qnos."),
    "sets": ("qnos.cli_sets", "sets", "List parameter sets of devices and links."),
    "schedule": ("qnos.cli_schedule", "schedule", "Time bins of links: compute, check, show, list."),
    "check-config": ("qnos.cli_list", "check_config", "Check network files, say what they mean."),
    "calibration": ("qnos.cli_calibration", "calibration", "Show, save and compare what runs ran on."),
    "up": ("qnos.cli_live", "up", "Start a network of processes that stays up."),
    "submit": ("qnos.cli_live", "submit", "Run an application on a network that is up."),
    "results": ("qnos.cli_live", "results", "What submitted applications brought."),
    "cancel": ("qnos.cli_live", "cancel", "End a submitted application."),
    "ps": ("qnos.cli_live", "ps", "Networks that are up, and what goes on in them."),
    "logs": ("qnos.cli_live", "logs", "What the processes of a network wrote."),
    "down": ("qnos.cli_live", "down", "End a network that is up."),
    "driver": ("qnos.cli_driver", "driver", "Hardware plug-ins: list, show, new, check."),
    "keys": ("qnos.cli_keys", "keys", "Make keys for networks over TCP."),
    "asm": ("qnos.cli_isa", "asm", "Assemble NetQASM text to bytes."),
    "disasm": ("qnos.cli_isa", "disasm", "Print NetQASM bytes as text."),
}

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)

INTERRUPTED = 130  # 128 + SIGINT, as shells report it


class _Commands(click.Group):
    """Loads a command when it is used, and turns our errors into one message."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, attribute, _ = _COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in _COMMANDS.items()])

    def main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().main(*args, **kwargs)  # it takes care of a broken pipe
        except OSError as error:
            click.echo(f"Error: {_told(error)}", err=True)
            sys.exit(1)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with _terminated_like_interrupted():
                return super().invoke(ctx)
        except QnosError as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            click.echo("Interrupted", err=True)
            ctx.exit(INTERRUPTED)


def _told(error: OSError) -> str:
    """What the system refused, in one sentence: mostly, to take what we print."""
    try:
        sys.stdout.flush()
    except OSError:
        # What could not be written is still in the buffer, and the interpreter would try again as it exits.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    reason = error.strerror or str(error)
    if error.filename:
        return f"{error.filename}: {reason}"
    return f"output cannot be written: {reason}" if error.errno in _FULL else reason


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """SIGTERM ends a command as Ctrl-C does: finished shots are kept, processes and directories go.

    A shell has commands in the background of a script ignore SIGINT; those would not hear SIGTERM either.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    before = signal.signal(signal.SIGTERM, lambda number, frame: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="qnos")
def main() -> None:
    """An operating system for quantum network nodes, on a simulated quantum network."""

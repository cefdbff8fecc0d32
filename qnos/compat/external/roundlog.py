"""The log of one round: the files that an application leaves in a folder.

`<role>_class_comm.yaml` is written from what programs say at their sockets, `<role>_instrs.yaml` and
`network_log.yaml` from the trace of the round (`instructions`, `pairs`), `<role>_app_log.yaml` by the SDK
itself; `subroutines_<role>.pkl` has the subroutines in the order in which they were sent. Every entry has the
wall-clock time WCT at which it was written down, and where there is one the simulated time SIT in ns.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import yaml
from netqasm.lang.subroutine import Subroutine
from netqasm.util.log import HostLine

if TYPE_CHECKING:
    from qnos.compat.external.party import Party

Entry = dict[str, Any]


@dataclass(eq=False)
class Sent:
    """A subroutine that a program had run."""

    role: str
    app_id: int
    number: int  # among those of its process
    order: int  # among those of its role
    subroutine: Subroutine


class RoundLog:
    """What is written down while a round goes on; `sent` has the subroutines by node, pid and number."""

    def __init__(self, folder: Path, app_dir: Path | None) -> None:
        """`app_dir` has the files whose lines are wanted; None: no lines."""
        self.folder = folder
        self._app_dir = "" if app_dir is None else f"{app_dir}{os.sep}"
        self._messages: dict[str, list[Entry]] = {}
        self._orders: dict[str, int] = {}
        self.sent: dict[tuple[str, int, int], Sent] = {}

    def message(
        self, role: str, operation: str, text: str | None, sender: str, receiver: str, socket: int
    ) -> None:
        """Something happened at a classical socket: SEND, WAIT_RECV or RECV."""
        place = self.get_line()
        said = {
            "SEND": f"Send classical message to {receiver}: {text}",
            "WAIT_RECV": f"Waiting for a classical message from {sender}...",
            "RECV": f"Message received from {sender}: {text}",
        }
        self._messages.setdefault(role, []).append(
            {
                "WCT": now(),
                "HLN": None if place is None else place.lineno,
                "HFL": None if place is None else place.filename,
                "INS": operation,
                "MSG": text,
                "SEN": sender,
                "REC": receiver,
                "SOD": socket,
                "LOG": said[operation],
            }
        )

    def get_line(self) -> HostLine | None:
        """File and line of the application that are being executed, None if nobody wants to know.

        It is what the SDK's builder asks its line tracker.
        """
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and self._app_dir:
            if frame.f_code.co_filename.startswith(self._app_dir):
                return HostLine(frame.f_code.co_filename, frame.f_lineno)
            frame = frame.f_back
        return None

    def subroutine(self, party: Party, number: int, subroutine: Subroutine) -> None:
        """A subroutine was sent."""
        assert party.application is not None
        program = party.guest.program
        order = self._orders.get(party.role, 0)
        self._orders[party.role] = order + 1
        self.sent[party.guest.node.name, program.pid, number] = Sent(
            party.role, party.application.app_id, number, order, subroutine
        )

    def write(self, roles: Sequence[str]) -> None:
        """Write what was said at sockets and what was run, files for each role that did any."""
        for role in roles:
            if role in self._messages:
                dump(self._messages[role], self.folder / f"{role.lower()}_class_comm.yaml")
            run = [sent.subroutine for sent in self.sent.values() if sent.role == role]
            if run:
                (self.folder / f"subroutines_{role}.pkl").write_bytes(pickle.dumps(run))


def now() -> str:
    """The wall-clock time, as logs have it."""
    return str(datetime.now())


def new_folder(above: Path) -> Path:
    """A folder with the wall-clock time as its name, and a number behind if there is one already."""
    name = datetime.now().strftime("%Y%m%d-%H%M%S")
    number = 0
    while True:
        folder = above / (f"{name}-{number}" if number else name)
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            number += 1
        else:
            return folder


def dump(data: Any, path: Path) -> None:
    """Write a YAML file; values that YAML has no word for are written as Python's, as the SDK does."""
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(plain_numbers(data), file, Dumper=getattr(yaml, "CDumper", yaml.Dumper))


def plain_numbers(value: Any) -> Any:
    """The same without NumPy."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, dict):
        return {key: plain_numbers(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(plain_numbers(item) for item in value)
    return value

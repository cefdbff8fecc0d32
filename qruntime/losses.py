"""What becomes known of a process that is gone: a `Loss`, and the news of it.

The survivors are told in words they know anyway, so that a foreign CNPU or QNPU understands them. The QNPU
of a dead CNPU is asked, in its name, to stop its programs: their qubits are free, their requests withdrawn.
Every other program on the network hears from its own QNPU of a failed request, with `NodeDown` as the cause.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from qruntime.actors import Message
from qruntime.control import Answer
from qruntime.errors import Fault, NodeDown
from qruntime.messages import RequestFailed, Stop

FIRST_WORD: Final = 1 << 48  # where numbers of messages in the name of others begin; nobody counts so far


class Loss(msgspec.Struct, frozen=True):
    """The process of an actor is gone: the events it took before, and the programs that were under way, by
    node."""

    process: str
    events: int
    programs: dict[str, tuple[int, ...]]

    def fault(self) -> Fault:
        """What programs and clients are told."""
        return Fault.of(down_error(self.process))

    def news(self) -> list[tuple[str, str, Message]]:
        """Who is told what in whose name: (actor, sender, message)."""
        found: list[tuple[str, str, Message]] = []
        for node, pids in self.programs.items():
            cnpu, qnpu = f"{node}/cnpu", f"{node}/qnpu"
            for pid in pids:
                if cnpu == self.process:
                    found.append((qnpu, cnpu, Stop(pid)))
                else:
                    found.append((cnpu, qnpu, RequestFailed(pid, self.fault())))
        return found


def down_error(process: str) -> NodeDown:
    """What programs and clients of its network get."""
    return NodeDown(
        f"process {process} is gone, or gives no sign of life; qnos up starts the network again",
        process=process,
    )


def programs_under_way(answers: Mapping[str, Answer]) -> dict[str, tuple[int, ...]]:
    """The programs that the survivors know of, by node: a QNPU has them registered, a CNPU says who
    waits."""
    found: dict[str, dict[int, None]] = {}
    for actor, answer in sorted(answers.items()):
        node, _, unit = actor.partition("/")
        pids = found.setdefault(node, {})
        pids.update(dict.fromkeys(process.pid for process in answer.processes))
        if unit == "cnpu":
            pids.update(dict.fromkeys(wait.pid for wait in answer.waits))
    return {node: tuple(sorted(pids)) for node, pids in found.items()}

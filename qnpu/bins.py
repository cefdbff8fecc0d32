"""What a network schedule does to the network process: it attempts on a link only in bins of that link.

Both ends know the schedule, so they begin and end together without a word. Each link is in one of these:

    state     meaning                                             leaves by its timer, at
    idle      nothing wants a bin                                 -
    waiting   something does, and there is none now               the start of the next that will do
    open      attempts may run                                    the end of the bin
    closing   they have ended; a pair of theirs may be on its way the next nanosecond after it must have come

A timer is armed only while a request needs it. A request that comes outside of its bins waits for the next;
one for which there will be none ends with NOTIME. A node without a schedule has none of this.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from netqasm_isa.epr import LinkLayerError
from qnpu.requests import epr_trap
from qnpu.timetable import NEVER_NS, LinkBins

if TYPE_CHECKING:
    from qnpu.linklayer import Item, LinkLayer
    from qnpu.main import Qnpu
    from qnpu.netstack import NetworkStack
    from qnpu.process import Process

_NO_BINS = LinkBins(0, None, ())


class _LinkState:
    """Where one link is: its state, when its timer runs out, and the bin that was last begun."""

    __slots__ = ("at_ns", "begun_ns", "name")

    def __init__(self) -> None:
        self.name = "idle"
        self.at_ns = -1
        self.begun_ns = -1


class Bins:
    """The bins of all links of one node, by peer; a link that has none never attempts."""

    def __init__(self, qnpu: Qnpu, stack: NetworkStack, links: Mapping[int, LinkBins]) -> None:
        self._qnpu = qnpu
        self._stack = stack
        self._links = links
        self.reset()

    def reset(self) -> None:
        """Nothing wants a bin."""
        self._states: dict[int, _LinkState] = {}

    # --- what the network process asks ----------------------------------------------------------------

    def refuse_if_hopeless(self, process: Process, peer: int, now_ns: int) -> None:
        """Raise `Trap` for a request of `process` for which no bin will ever come."""
        table = self._links.get(peer, _NO_BINS).of(process.app)
        if not table.look(now_ns) and table.start_ns == NEVER_NS:
            raise epr_trap("NOTIME", self._no_bin(process.app, peer))

    def is_closing(self, link: LinkLayer) -> bool:
        """Whether a pair of a bin that is over may still be on its way into this link's qubit."""
        state = self._states.get(link.peer)
        return state is not None and state.name == "closing"

    def open_to(self, link: LinkLayer, ready: list[Item], now_ns: int) -> list[Item]:
        """Those of the items, which this end could make, that have a bin now; with a timer for what is
        next."""
        state = self._states.get(link.peer)
        if state is None:
            state = self._states[link.peer] = _LinkState()
        bins = self._links.get(link.peer, _NO_BINS)
        allowed = []
        start_ns, end_ns, next_ns = -1, -1, NEVER_NS
        for item in ready:
            app = self._app_of(item) if bins.names_apps else ""
            table = bins.of(app)
            if table.look(now_ns):
                allowed.append(item)
                start_ns, end_ns = table.start_ns, table.end_ns
            elif table.start_ns < next_ns:
                next_ns = table.start_ns
            elif table.start_ns == NEVER_NS and item.local is not None:
                reason = self._no_bin(item.local.process.app, link.peer)
                self._stack.fail(item.local, LinkLayerError.NOTIME, reason, now_ns)
        if allowed:
            if start_ns != state.begun_ns:
                state.begun_ns = start_ns
                self._trace(link, "EGP_BIN_START", end_ns)
            self._enter(link, state, "open", end_ns)
        elif next_ns != NEVER_NS:
            if state.name != "waiting" or state.at_ns != next_ns:
                self._trace(link, "EGP_AWAITS_BIN", next_ns)
            self._enter(link, state, "waiting", next_ns)
        elif state.name != "idle":
            state.name, state.at_ns = "idle", -1
            self._qnpu.cancel_timer(("bin", link.peer))
        return allowed

    # --- timers -----------------------------------------------------------------------------------------

    def _enter(self, link: LinkLayer, state: _LinkState, name: str, at_ns: int) -> None:
        state.name = name
        if state.at_ns != at_ns:
            state.at_ns = at_ns
            self._qnpu.set_timer(("bin", link.peer), at_ns, lambda now: self._edge(link, state, now))

    def _edge(self, link: LinkLayer, state: _LinkState, now_ns: int) -> None:
        state.at_ns = -1
        if state.name == "open":
            self._close(link, state, now_ns)
            return
        state.name = "idle"
        self._stack.process.refresh_soon(link)

    def _close(self, link: LinkLayer, state: _LinkState, now_ns: int) -> None:
        """A bin is over: attempts end at once, whoever has the processor.

        The last one that fits may have succeeded just now, so the qubit stays reserved until that is heard.
        """
        self._trace(link, "EGP_BIN_END")
        grid_ns = self._links[link.peer].grid_ns
        heard_ns = -(-now_ns // grid_ns) * grid_ns if grid_ns else now_ns
        self._enter(link, state, "closing", heard_ns + 1)
        if link.registered:
            self._stack.process.sharing.stopped(link)
            self._stack.process.entangling.say(link, (), now_ns)

    # --- whose bins -------------------------------------------------------------------------------------

    def _app_of(self, item: Item) -> str:
        """The application that an item is for: of the program that asked for it here, or that may."""
        if item.local is not None:
            return item.local.process.app
        mirror = (item.link.peer, item.request.socket)
        for process in self._qnpu.processes.values():
            if process.sockets.get(item.request.remote_socket, (-1, -1, 0))[:2] == mirror:
                return process.app
        return ""

    def _no_bin(self, app: str, peer: int) -> str:
        return (
            f"the network schedule has no bin, now or later, for {app} on the link of {self._qnpu.node} and "
            f"{self._qnpu.neighbours.name(peer)}"
        )

    def _trace(self, link: LinkLayer, event: str, *data: int) -> None:
        self._qnpu.trace("egp", event, -1, (link.peer, *data))

"""Networks whose processes a person started by hand, in several terminals or on several hosts.

`StandingNetwork(network)` is a caller's way to run shots on one, as on a `processes.ProcessNetwork`;
`StandingConnection(network)` the way to one whose world keeps a timeline (`qnos-world --live`), as a
`live.Connection`. What each process of such a network needs is `site.Site`.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from qnos import live
from qnos.hosts_section import WORLD
from qnos.processes import Director, Runnable, run_plan
from qnos.site import Site
from qruntime.client import Client
from qruntime.errors import NodeDown
from qruntime.orders import AskNetwork

if TYPE_CHECKING:
    from qnos.config import NetworkConfig
    from qnos.simulate import OnShot

MEET_S = 10.0  # for the world of a network to let a caller in
READY_S = 30.0  # for all processes of a network to be there
_numbers = itertools.count()


class StandingNetwork:
    """Processes that somebody else started, from the caller's side; a context manager.

    `secret` is the file of the caller's secret key. Raises `NodeDown` if the network is not there.
    """

    def __init__(self, network: NetworkConfig, secret: Path | None = None) -> None:
        self.network = network
        self.grants = 0
        self.overlapping = 0
        site = Site.by_hand(network, "", secret)
        self._client = Client(site.answers(next(_numbers)), site.reach(WORLD), site.guard)

    def __enter__(self) -> StandingNetwork:
        try:
            self._client.meet(MEET_S)
            try:
                self._client.ask(AskNetwork(self._client.address), READY_S)
            except NodeDown:
                raise NodeDown(
                    f"the world of network {self.network.name} is there, but not every CNPU and QNPU came "
                    f"within {READY_S:g} s; its log says who is missing"
                ) from None
        except NodeDown:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def run(
        self,
        plan: Runnable,
        first_shot: int,
        shots: int,
        in_flight: int,
        tracing: bool,
        on_shot: OnShot,
        director: Director | None = None,
    ) -> None:
        """Run shots of a plan; `on_shot` gets each as it is done, in order."""
        over = run_plan(
            self._client, lambda: None, plan, first_shot, shots, in_flight, tracing, on_shot, director
        )
        self.grants, self.overlapping = over.grants, over.overlapping

    def _close(self) -> None:
        address = self._client.address
        self._client.close()
        if address.startswith("ipc://"):
            Path(address.removeprefix("ipc://")).unlink(missing_ok=True)


class StandingConnection(live.Connection):
    """A client's way to a network with a timeline that was started by hand; a context manager.

    `secret` is the file of the client's secret key. Raises `NodeDown` if the network is not there.
    """

    def __init__(self, network: NetworkConfig, secret: Path | None = None) -> None:
        site = Site.by_hand(network, "", secret)
        self.runtime = site.runtime
        self.network = network
        self._client = Client(site.answers(next(_numbers)), site.reach(WORLD), site.guard)
        try:
            self._client.meet(MEET_S)
        except NodeDown:
            self._client.close()
            raise

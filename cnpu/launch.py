"""What a CNPU is told to run, and what it says afterwards."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from qruntime.errors import QnosError
from qruntime.limits import LONGEST_NS, PROCESSES


class CnpuSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Costs of the classical side in simulated ns, spent on the clock of the program that causes them."""

    submit_first_ns: Annotated[
        int, Meta(ge=0, le=LONGEST_NS, description="cost of submitting the first subroutine of a program")
    ] = 0
    submit_ns: Annotated[
        int, Meta(ge=0, le=LONGEST_NS, description="cost of submitting any later subroutine")
    ] = 0
    after_result_ns: Annotated[
        int,
        Meta(ge=0, le=LONGEST_NS, description="computing when a program takes the result of a subroutine"),
    ] = 0
    after_message_ns: Annotated[
        int, Meta(ge=0, le=LONGEST_NS, description="computing when a program takes a classical message")
    ] = 0
    cores: Annotated[
        Annotated[int, Meta(ge=1, le=PROCESSES)] | None,
        Meta(description="cores that these costs share; none: every program has its own"),
    ] = None


class Launch(msgspec.Struct):
    """A program to run: `main` as `role` of application `app` in `session`.

    `placement` gives the node of every role, in the order of the roles; `inputs` are keyword arguments of
    `main`. It begins at simulated time `start_ns`.

    The next three are for the scheduling policies of QNPUs: a higher `priority` is more urgent, `deadline_ns`
    is the simulated time by which it should be over (None: whenever), `weight` (1 or more) is its share of
    the processor compared with others. `quotas` are those that QNPUs are to lower for it, by name.
    """

    session: int
    app: str
    role: str
    main: Callable[..., Awaitable[Any]]
    inputs: dict[str, Any]
    placement: dict[str, str]
    start_ns: int = 0
    flavour: str = "vanilla"
    priority: int = 0
    deadline_ns: int | None = None
    weight: int = 1
    quotas: dict[str, int] = msgspec.field(default_factory=dict)


class Ended(msgspec.Struct):
    """A program that is over.

    `value` is what it returned, with futures as ints, {} if it failed. `error` is why it failed, `traceback`
    the lines of that in the application. `log` has what it logged as (t_ns, text).
    """

    session: int
    role: str
    pid: int
    value: dict[str, Any]
    error: QnosError | None
    traceback: str
    started_ns: int
    ended_ns: int
    log: list[tuple[int, str]] = []

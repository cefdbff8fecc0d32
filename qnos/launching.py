"""The one place where a `Launch` is made of an application, a role and where it is to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cnpu.launch import Launch


def launch_of(
    app: str,
    flavour: str,
    role: str,
    main: Callable[..., Any],
    inputs: dict[str, Any],
    placement: dict[str, str],
    *,
    session: int = 0,
    start_ns: int = 0,
    scheduling: Mapping[str, Any] | None = None,
    quotas: Mapping[str, int] | None = None,
) -> Launch:
    """The program of one role.

    `scheduling` is what is said for schedulers: priority, weight, and deadline_ns, which counts from
    `start_ns` on; `quotas` are those that are lower for it than for others.
    """
    said = dict(scheduling or {})
    if "deadline_ns" in said:
        said["deadline_ns"] += start_ns
    return Launch(
        session=session,
        app=app,
        role=role,
        main=main,
        inputs=inputs,
        placement=placement,
        start_ns=start_ns,
        flavour=flavour,
        quotas=dict(quotas or {}),
        **said,
    )

"""Addresses as text: `ipc://PATH`, `tcp://HOST:PORT`, and `HOLDER@...` where a key must be at that end.

`address_fault` says what is wrong with one, `is_loopback` whether it stays on this machine, `split_holder`
takes the holder off.
"""

from __future__ import annotations

import ipaddress
import re

IPC_PATH_BYTES = 107  # what a Unix socket's address has room for

_TCP = re.compile(r"tcp://(?P<host>\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]+):(?P<port>\d{1,5}|\*)")


def split_holder(address: str) -> tuple[str, str]:
    """Holder of the key at an address (empty: none is named), and the address without it."""
    before, mark, plain = address.partition("@")
    if mark and "/" not in before:
        return before, plain
    return "", address


def is_loopback(address: str) -> bool:
    """Whether a TCP address cannot be reached from other machines, as far as its text tells."""
    match = _TCP.fullmatch(address)
    if match is None:
        return False
    host = match["host"].strip("[]")
    if host == "localhost":
        return True
    try:
        parsed = ipaddress.ip_address(host)
    except ValueError:
        return False
    return (getattr(parsed, "ipv4_mapped", None) or parsed).is_loopback


def address_fault(address: str) -> str:
    """What is wrong with an address, in words that follow it; empty if nothing is.

    The port `*`, any free one, is for sockets that are bound.
    """
    allowed = "allowed: ipc://PATH and tcp://HOST:PORT"
    if address.startswith("ipc://"):
        path = address.removeprefix("ipc://")
        if not path.startswith("/"):
            return f"has no absolute path; {allowed}"
        if len(path.encode()) > IPC_PATH_BYTES:
            return f"has a path of {len(path.encode())} bytes; allowed: up to {IPC_PATH_BYTES}"
        return ""
    match = _TCP.fullmatch(address)
    if match is None:
        return f"is no address; {allowed}"
    if match["host"] in ("0.0.0.0", "[::]"):
        return "is every address of this machine; allowed: the one that others can reach"
    if match["port"] != "*" and not 1 <= int(match["port"]) <= 65535:
        return "has no possible port; allowed: 1 to 65535"
    return ""

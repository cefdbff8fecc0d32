"""What a network file says about hosts: `addresses`, `keys` and `insecure_tcp`, checked.

A process has an address of its own (`world`, `alice/cnpu`); a key belongs to the world, to a node, or to an
operator. TCP that other machines can reach is refused unless there are keys, or the file says
`insecure_tcp: true`.
"""

from __future__ import annotations

import re
from pathlib import Path

from qnos.config import NAME_PATTERN, NetworkFile
from qnos.documents import Document, in_short, nearest
from qruntime.addresses import address_fault, is_loopback
from qruntime.errors import ConfigError
from qruntime.keys import PUBLIC_SUFFIX, parse_public, read_public, show_public

WORLD = "world"


def process_names(nodes: list[str]) -> list[str]:
    """The processes of a network: what may have an address."""
    return [WORLD, *(f"{node}/{unit}" for node in nodes for unit in ("cnpu", "qnpu"))]


def read_addresses(document: Document, top: NetworkFile, keys: dict[str, str]) -> dict[str, str]:
    """The addresses, by process; `ConfigError` for one that is none, taken, or not protected."""
    known = process_names([node.name for node in top.nodes])
    first: dict[str, str] = {}
    for name, address in top.addresses.items():
        path = ("addresses", name)
        if name not in known:
            raise document.error(path, f"is no process of this network; {nearest(name, known)}")
        fault = address_fault(address)
        if not fault and address.endswith(":*"):
            fault = "has no port that others could know; allowed: 1 to 65535"
        if fault:
            raise document.error(path, f"is {address!r}, which {fault}")
        if address in first:
            raise document.error(
                path, f"is {address!r}, where {first[address]} listens already; allowed: each address once"
            )
        first[address] = name
        outside = address.startswith("tcp:") and not is_loopback(address)
        if outside and not keys and not top.insecure_tcp:
            raise document.error(
                path,
                f"is {address!r}, which other machines can reach; allowed: addresses of this machine, or "
                "keys (qnos keys new makes them), or insecure_tcp: true",
            )
    return dict(top.addresses)


def read_keys(document: Document, top: NetworkFile, folder: Path) -> dict[str, str]:
    """Public keys as text, by holder; a directory is taken relative to `folder`, that of the file.

    `ConfigError` if one is none or used twice, or if the world or a node has none.
    """
    given = top.keys
    if given is None:
        return {}
    if isinstance(given, str):
        keys = _from_directory(document, folder / given)
    elif isinstance(given, dict):
        keys = {name: _checked(document, name, text) for name, text in given.items()}
    else:
        raise document.error(
            ("keys",), f"is {in_short(given)}; allowed: a directory, or a mapping of name to public key"
        )
    for name in (WORLD, *(node.name for node in top.nodes)):
        if name not in keys:
            raise document.error(
                ("keys",), f"has no key of {name}; allowed: keys of world, of every node, and of operators"
            )
    first: dict[str, str] = {}
    for name, text in keys.items():
        if text in first:
            raise document.error(
                ("keys", name), f"is the key of {first[text]} as well; allowed: each key once"
            )
        first[text] = name
    return keys


def _from_directory(document: Document, directory: Path) -> dict[str, str]:
    if not directory.is_dir():
        raise document.error(("keys",), f"is {str(directory)!r}, which is no directory")
    try:
        return {
            path.name.removesuffix(PUBLIC_SUFFIX): show_public(read_public(path))
            for path in sorted(directory.glob(f"*{PUBLIC_SUFFIX}"))
        }
    except ConfigError as error:
        raise document.error(("keys",), f"cannot be used: {error}") from None


def _checked(document: Document, name: str, text: object) -> str:
    path = ("keys", name)
    if not re.fullmatch(NAME_PATTERN.strip("^$"), name):
        raise document.error(path, f"is the key of {name!r}; allowed: names of letters, digits, - and _")
    try:
        return show_public(parse_public(text if isinstance(text, str) else ""))
    except ValueError as error:
        raise document.error(path, f"{error}") from None

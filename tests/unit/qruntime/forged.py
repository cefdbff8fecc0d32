"""Bytes as another program might send them: forged from any items, mutated, or random."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import msgpack

from qruntime.actors import Message
from qruntime.wire import VERSION

HEADER = bytes([VERSION])
TUPLE_EXT = 1


def tag_of(cls: type[Message]) -> Any:
    return cls.__struct_config__.tag


def packed(*items: Any) -> bytes:
    """A message of this version with arbitrary items."""
    return HEADER + msgpack.packb(list(items))


def fuzzed(
    source: random.Random, number: int, types: Sequence[type[Message]], good: Sequence[bytes]
) -> bytes:
    """By `number` in turn: random bytes with and without a version, a type with any items, a good message
    mutated."""
    match number % 4:
        case 0:
            return source.randbytes(source.randint(0, 60))
        case 1:
            return HEADER + source.randbytes(source.randint(0, 60))
        case 2:
            cls = source.choice(types)
            return packed(tag_of(cls), *(_tree(source, 4) for _ in cls.__struct_fields__))
        case _:
            return _mutated(source, source.choice(good))


def _mutated(source: random.Random, data: bytes) -> bytes:
    """`data` with a few bytes changed, cut out or put in, after the version byte."""
    changed = bytearray(data)
    for _ in range(source.randint(1, 3)):
        at = source.randrange(1, len(changed) + 1)
        match source.randrange(3):
            case 0:
                changed[at : at + 1] = source.randbytes(1)
            case 1:
                del changed[at : at + source.randint(1, 4)]
            case _:
                changed[at:at] = source.randbytes(source.randint(1, 4))
    return bytes(changed)


def _tree(source: random.Random, depth: int) -> Any:
    kind = source.randrange(10 if depth else 7)
    if kind < 3:
        return source.randint(-3, 90)
    if kind < 7:
        return (
            None,
            True,
            0.5,
            "",
            "ab",
            b"\xff",
            msgpack.ExtType(source.randrange(3), source.randbytes(2)),
        )[source.randrange(7)]
    items = [_tree(source, depth - 1) for _ in range(source.randrange(5))]
    if kind < 9:
        return items
    return dict(enumerate(items)) | {"k": 1}

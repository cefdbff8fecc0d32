"""Tokens: the name of one message body, `(universe, sender, the sender's n-th effect)`, as bytes.

A report names bodies by tokens, the bodies themselves go straight to their receivers. As in `control`,
whatever is not exactly a token is refused."""

from __future__ import annotations

from typing import Final

import msgspec

from qruntime.errors import WireError

_decoder: Final = msgspec.msgpack.Decoder(tuple[int, str, int])
_encoder: Final = msgspec.msgpack.Encoder()


def pack_token(universe: int, src: str, n: int) -> bytes:
    """The name of one message body: sender's `n`-th effect in that universe."""
    return _encoder.encode((universe, src, n))


def unpack_token(data: bytes) -> tuple[int, str, int]:
    """The token in `data`.

    Raises `WireError` for anything else.
    """
    try:
        return _decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise WireError(f"not a token: {error}") from None

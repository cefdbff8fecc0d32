"""Messages as bytes: one version byte, then a MessagePack array that begins with the message's tag.

`encode(message) -> bytes`, `decode(data) -> message`. Anything that is not exactly a message of this
version is refused with `WireError`; a reader in another language needs only MessagePack and the table in
the documentation.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from qruntime.actors import Message
from qruntime.errors import WireError
from qruntime.limits import MESSAGE_BYTES
from qruntime.messages import AnyMessage

VERSION: Final = 1

_TUPLE_EXT: Final = 1  # a program may send tuples; MessagePack knows only arrays
_encoder = msgspec.msgpack.Encoder()


def _tag_tuples(value: Any) -> Any:
    """Program values with each tuple as an extension, so that a tuple arrives as a tuple."""
    if value.__class__ is tuple:
        return msgspec.msgpack.Ext(_TUPLE_EXT, _encoder.encode([_tag_tuples(item) for item in value]))
    if value.__class__ is list:
        return [_tag_tuples(item) for item in value]
    if value.__class__ is dict:
        return {key: _tag_tuples(item) for key, item in value.items()}
    return value


def _ext_hook(code: int, data: memoryview) -> Any:
    if code != _TUPLE_EXT:
        raise ValueError(f"unknown MessagePack extension {code}")
    return tuple(_value_decoder.decode(data))


_value_decoder: Final = msgspec.msgpack.Decoder(list[Any], ext_hook=_ext_hook, strict=True)
_decoder: Final[msgspec.msgpack.Decoder[AnyMessage]] = msgspec.msgpack.Decoder(AnyMessage, ext_hook=_ext_hook)


def encode(message: Message) -> bytes:
    """Bytes of one message.

    A value field (classical messages) must have passed `normalise`.
    """
    value = getattr(message, "value", None)
    if value.__class__ in (tuple, list, dict):
        message = msgspec.structs.replace(message, value=_tag_tuples(value))
    data = bytes([VERSION]) + _encoder.encode(message)
    if len(data) > MESSAGE_BYTES:
        raise WireError(f"message of {len(data)} bytes; {MESSAGE_BYTES} are allowed")
    return data


def decode(data: bytes) -> AnyMessage:
    """The message in `data`.

    Raises `WireError` for anything else, whatever the bytes.
    """
    if len(data) > MESSAGE_BYTES:
        raise WireError(f"message of {len(data)} bytes; {MESSAGE_BYTES} are allowed")
    if not data or data[0] != VERSION:
        raise WireError(f"message version {data[0] if data else 'missing'}; this end speaks {VERSION}")
    try:
        return _decoder.decode(memoryview(data)[1:])
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise WireError(f"not a message: {error}") from None

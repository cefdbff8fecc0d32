"""Messages as bytes: one version byte, then a MessagePack array that begins with the message's tag.

`encode(message) -> bytes`, `decode(data) -> message`. Anything that is not exactly a message of this
version is refused with `WireError`; a reader in another language needs only MessagePack and the table in
the documentation.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from qruntime.actors import Message
from qruntime.errors import ProgramError, WireError
from qruntime.limits import MESSAGE_BYTES
from qruntime.messages import AnyMessage, ClassicalMessage
from qruntime.values import normalise

VERSION: Final = 1

_TUPLE_EXT: Final = 1  # a program may send tuples; MessagePack knows only arrays
_encoder = msgspec.msgpack.Encoder()


def tag_tuples(value: Any) -> Any:
    """Program values with each tuple as an extension, so that a tuple arrives as a tuple."""
    if value.__class__ is tuple:
        return msgspec.msgpack.Ext(_TUPLE_EXT, _encoder.encode([tag_tuples(item) for item in value]))
    if value.__class__ is list:
        return [tag_tuples(item) for item in value]
    if value.__class__ is dict:
        return {key: tag_tuples(item) for key, item in value.items()}
    return value


def untag_tuple(code: int, data: memoryview) -> Any:
    """The inverse of `tag_tuples`, as a decoder's hook for extensions."""
    if code != _TUPLE_EXT:
        raise ValueError(f"unknown MessagePack extension {code}")
    return tuple(_value_decoder.decode(data))


_value_decoder: Final = msgspec.msgpack.Decoder(list[Any], ext_hook=untag_tuple, strict=True)
_decoder: Final[msgspec.msgpack.Decoder[AnyMessage]] = msgspec.msgpack.Decoder(
    AnyMessage, ext_hook=untag_tuple
)


def encode(message: Message) -> bytes:
    """Bytes of one message.

    The value of a classical message must have passed `normalise`. Raises `WireError` if the message is
    longer than `MESSAGE_BYTES`.
    """
    if message.__class__ is ClassicalMessage:
        message = msgspec.structs.replace(message, value=tag_tuples(message.value))
    data = bytes([VERSION]) + _encoder.encode(message)
    if len(data) > MESSAGE_BYTES:
        raise WireError(f"message of {len(data)} bytes; {MESSAGE_BYTES} are allowed")
    return data


def decode(data: bytes) -> AnyMessage:
    """The message in `data`.

    Raises `WireError` for anything else, whatever the bytes: a value that `normalise` would not have let
    pass (a time stamp, a key that is a float) is no message either.
    """
    if len(data) > MESSAGE_BYTES:
        raise WireError(f"message of {len(data)} bytes; {MESSAGE_BYTES} are allowed")
    if not data or data[0] != VERSION:
        raise WireError(f"message version {data[0] if data else 'missing'}; this end speaks {VERSION}")
    try:
        message = _decoder.decode(memoryview(data)[1:])
        if message.__class__ is ClassicalMessage:
            normalise(message.value, "the value")
    except (msgspec.MsgspecError, ProgramError, ValueError, RecursionError) as error:
        raise WireError(f"not a message: {error}") from None
    return message

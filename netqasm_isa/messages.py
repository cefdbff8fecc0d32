"""Messages between a host and its QNPU, as the public SDK writes them.

Host to QNPU: ``InitNewApp``, ``OpenEPRSocket``, ``Subroutine``, ``StopApp``, ``Signal``. QNPU to host:
``Done``, ``Error``, ``ReturnArray``, ``ReturnReg``. Each encodes itself with ``encode()``;
``decode_host_message`` and ``decode_qnpu_message`` read one, and need to be told the direction, since both
count their types from 0. ``MessageHeader`` may frame either.

A message is a type byte and fields, little endian, with the padding of natural alignment; padding is written
as zeros and not looked at. Malformed bytes and values that do not fit raise MessageError.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final, TypeAlias, TypeVar

from netqasm_isa.errors import MessageError
from netqasm_isa.instructions import INT32_MAX, INT32_MIN

_Message = TypeVar("_Message")
_Kind = TypeVar("_Kind", bound=IntEnum)

U8_MAX: Final = 255
U32_MAX: Final = 2**32 - 1
FIDELITY_MAX: Final = 100

_APP: Final = struct.Struct("<B3xI")
_INIT: Final = struct.Struct("<B3xIB3x")
_OPEN: Final = struct.Struct("<B3xIiiiB3x")
_CODE: Final = struct.Struct("<BB")
_ARRAY: Final = struct.Struct("<Bii")
_ENTRY: Final = struct.Struct("<B3xi")
_REGISTER: Final = struct.Struct("<BB2xi")
_HEADER: Final = struct.Struct("<II")


class SignalKind(IntEnum):
    """What a host can signal."""

    STOP = 0


class ErrorCode(IntEnum):
    """All that an ``Error`` can tell."""

    GENERAL = 0
    NO_QUBIT = 1
    UNSUPP = 2


@dataclass(frozen=True, slots=True)
class InitNewApp:
    """Registers an application. ``app_id`` is u32; ``max_qubits`` u8, a hint that programs in use exceed."""

    TYPE: ClassVar[int] = 0
    app_id: int
    max_qubits: int

    def encode(self) -> bytes:
        _need("InitNewApp", "app_id", self.app_id, 0, U32_MAX)
        _need("InitNewApp", "max_qubits", self.max_qubits, 0, U8_MAX)
        return _INIT.pack(self.TYPE, self.app_id, self.max_qubits)


@dataclass(frozen=True, slots=True)
class OpenEPRSocket:
    """Opens an EPR socket towards a node. ``app_id`` is u32, the ids are int32.

    ``min_fidelity`` is in percent; its byte could hold up to 255, ``check`` refuses what is above 100.
    """

    TYPE: ClassVar[int] = 1
    app_id: int
    epr_socket_id: int
    remote_node_id: int
    remote_epr_socket_id: int
    min_fidelity: int = FIDELITY_MAX

    def encode(self) -> bytes:
        _need("OpenEPRSocket", "app_id", self.app_id, 0, U32_MAX)
        for name in ("epr_socket_id", "remote_node_id", "remote_epr_socket_id"):
            _need("OpenEPRSocket", name, getattr(self, name), INT32_MIN, INT32_MAX)
        _need("OpenEPRSocket", "min_fidelity", self.min_fidelity, 0, U8_MAX)
        return _OPEN.pack(
            self.TYPE,
            self.app_id,
            self.epr_socket_id,
            self.remote_node_id,
            self.remote_epr_socket_id,
            self.min_fidelity,
        )

    def check(self) -> None:
        """MessageError if the fidelity is above 100 percent."""
        _need("OpenEPRSocket", "min_fidelity", self.min_fidelity, 0, FIDELITY_MAX)


@dataclass(frozen=True, slots=True)
class Subroutine:
    """Submits a subroutine: its bytes, header included."""

    TYPE: ClassVar[int] = 2
    subroutine: bytes

    def encode(self) -> bytes:
        return bytes((self.TYPE,)) + self.subroutine


@dataclass(frozen=True, slots=True)
class StopApp:
    """Ends an application. ``app_id`` is u32."""

    TYPE: ClassVar[int] = 3
    app_id: int

    def encode(self) -> bytes:
        _need("StopApp", "app_id", self.app_id, 0, U32_MAX)
        return _APP.pack(self.TYPE, self.app_id)


@dataclass(frozen=True, slots=True)
class Signal:
    """Sent at the end of every connection."""

    TYPE: ClassVar[int] = 4
    signal: SignalKind = SignalKind.STOP

    def encode(self) -> bytes:
        return _CODE.pack(self.TYPE, _member("Signal", "signal", SignalKind, self.signal))


@dataclass(frozen=True, slots=True)
class Done:
    """A message was carried out. ``msg_id`` is u32."""

    TYPE: ClassVar[int] = 0
    msg_id: int

    def encode(self) -> bytes:
        _need("Done", "msg_id", self.msg_id, 0, U32_MAX)
        return _APP.pack(self.TYPE, self.msg_id)


@dataclass(frozen=True, slots=True)
class Error:
    """A message failed."""

    TYPE: ClassVar[int] = 1
    err_code: ErrorCode

    def encode(self) -> bytes:
        return _CODE.pack(self.TYPE, _member("Error", "err_code", ErrorCode, self.err_code))


@dataclass(frozen=True, slots=True)
class ReturnArray:
    """An array for the host's copy of the memory. ``values`` are int32, None where the entry is undefined."""

    TYPE: ClassVar[int] = 2
    address: int
    values: tuple[int | None, ...]

    def encode(self) -> bytes:
        _need("ReturnArray", "address", self.address, 0, INT32_MAX)
        parts = [_ARRAY.pack(self.TYPE, self.address, len(self.values))]
        for index, value in enumerate(self.values):
            if value is None:
                parts.append(_ENTRY.pack(0, 0))
                continue
            _need("ReturnArray", f"values[{index}]", value, INT32_MIN, INT32_MAX)
            parts.append(_ENTRY.pack(1, value))
        return b"".join(parts)


@dataclass(frozen=True, slots=True)
class ReturnReg:
    """A register for the host's copy of the memory. ``register`` is its byte 0..63, ``value`` int32."""

    TYPE: ClassVar[int] = 3
    register: int
    value: int

    def encode(self) -> bytes:
        _need("ReturnReg", "register", self.register, 0, 63)
        _need("ReturnReg", "value", self.value, INT32_MIN, INT32_MAX)
        return _REGISTER.pack(self.TYPE, self.register, self.value)


@dataclass(frozen=True, slots=True)
class MessageHeader:
    """Goes before a message where the transport keeps no boundaries. Both are u32; ``length`` is that of the
    message.
    """

    id: int
    length: int

    def encode(self) -> bytes:
        _need("MessageHeader", "id", self.id, 0, U32_MAX)
        _need("MessageHeader", "length", self.length, 0, U32_MAX)
        return _HEADER.pack(self.id, self.length)


HostMessage: TypeAlias = InitNewApp | OpenEPRSocket | Subroutine | StopApp | Signal
QnpuMessage: TypeAlias = Done | Error | ReturnArray | ReturnReg


def decode_host_message(data: bytes) -> HostMessage:
    """A message from a host. MessageError for an unknown type, a wrong length or an unknown signal."""
    return _reader(_HOST_READERS, data)(data)


def decode_qnpu_message(data: bytes) -> QnpuMessage:
    """A message from a QNPU. MessageError for an unknown type, code or entry tag, or a wrong length."""
    return _reader(_QNPU_READERS, data)(data)


def decode_header(data: bytes) -> MessageHeader:
    """The eight bytes of a MessageHeader."""
    return MessageHeader(*_unpack("MessageHeader", _HEADER, data))


def _read_init(data: bytes) -> HostMessage:
    return InitNewApp(*_unpack("InitNewApp", _INIT, data)[1:])


def _read_open(data: bytes) -> HostMessage:
    return OpenEPRSocket(*_unpack("OpenEPRSocket", _OPEN, data)[1:])


def _read_subroutine(data: bytes) -> HostMessage:
    return Subroutine(data[1:])


def _read_stop(data: bytes) -> HostMessage:
    return StopApp(*_unpack("StopApp", _APP, data)[1:])


def _read_signal(data: bytes) -> HostMessage:
    _, signal = _unpack("Signal", _CODE, data)
    return Signal(_member("Signal", "signal", SignalKind, signal))


def _read_done(data: bytes) -> QnpuMessage:
    return Done(*_unpack("Done", _APP, data)[1:])


def _read_error(data: bytes) -> QnpuMessage:
    _, code = _unpack("Error", _CODE, data)
    return Error(_member("Error", "err_code", ErrorCode, code))


def _read_return_array(data: bytes) -> QnpuMessage:
    if len(data) < _ARRAY.size:
        raise MessageError("ReturnArray", f"{len(data)} bytes, at least {_ARRAY.size} are needed")
    _, address, length = _ARRAY.unpack_from(data)
    _need("ReturnArray", "address", address, 0, INT32_MAX)
    expected = _ARRAY.size + length * _ENTRY.size
    if length < 0 or len(data) != expected:
        raise MessageError("ReturnArray", f"{len(data)} bytes do not hold the {length} entries announced")
    values: list[int | None] = []
    for index, (tag, value) in enumerate(_ENTRY.iter_unpack(data[_ARRAY.size :])):
        _need("ReturnArray", f"tag of values[{index}]", tag, 0, 1)
        values.append(value if tag else None)
    return ReturnArray(address, tuple(values))


def _read_return_reg(data: bytes) -> QnpuMessage:
    _, register, value = _unpack("ReturnReg", _REGISTER, data)
    return ReturnReg(register & 63, value)


_HOST_READERS: Final[Mapping[int, Callable[[bytes], HostMessage]]] = {
    InitNewApp.TYPE: _read_init,
    OpenEPRSocket.TYPE: _read_open,
    Subroutine.TYPE: _read_subroutine,
    StopApp.TYPE: _read_stop,
    Signal.TYPE: _read_signal,
}
_QNPU_READERS: Final[Mapping[int, Callable[[bytes], QnpuMessage]]] = {
    Done.TYPE: _read_done,
    Error.TYPE: _read_error,
    ReturnArray.TYPE: _read_return_array,
    ReturnReg.TYPE: _read_return_reg,
}


def _reader(readers: Mapping[int, Callable[[bytes], _Message]], data: bytes) -> Callable[[bytes], _Message]:
    if not data:
        raise MessageError("message", "no bytes, at least the type is needed")
    reader = readers.get(data[0])
    if reader is None:
        raise MessageError("message", f"type {data[0]}, allowed {', '.join(map(str, readers))}")
    return reader


def _unpack(message: str, layout: struct.Struct, data: bytes) -> tuple[int, ...]:
    if len(data) != layout.size:
        raise MessageError(message, f"{len(data)} bytes, {layout.size} are needed")
    return layout.unpack(data)


def _need(message: str, name: str, value: object, low: int, high: int) -> None:
    if not isinstance(value, int) or not low <= value <= high:
        raise MessageError(message, f"{name} is {value!r}, allowed {low}..{high}")


def _member(message: str, name: str, kind: type[_Kind], value: int) -> _Kind:
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(f"{member.name} {member.value}" for member in kind)
        raise MessageError(message, f"{name} is {value!r}, allowed {known}") from None

"""Host messages beyond the reference vectors: round trips, tolerance and refusals."""

import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netqasm_isa import MessageError, messages

INT32 = st.integers(-(2**31), 2**31 - 1)
ADDRESS = st.integers(0, 2**31 - 1)
U32 = st.integers(0, 2**32 - 1)
U8 = st.integers(0, 255)

HOST = st.one_of(
    st.builds(messages.InitNewApp, U32, U8),
    st.builds(messages.OpenEPRSocket, U32, INT32, INT32, INT32, U8),
    st.builds(messages.Subroutine, st.binary(max_size=40)),
    st.builds(messages.StopApp, U32),
    st.builds(messages.Signal, st.sampled_from(messages.SignalKind)),
)
QNPU = st.one_of(
    st.builds(messages.Done, U32),
    st.builds(messages.Error, st.sampled_from(messages.ErrorCode)),
    st.builds(messages.ReturnArray, ADDRESS, st.lists(st.one_of(st.none(), INT32), max_size=20).map(tuple)),
    st.builds(messages.ReturnReg, st.integers(0, 63), INT32),
)


@settings(deadline=None)
@given(HOST)
def test_host_message_survives_bytes(message: messages.HostMessage) -> None:
    assert messages.decode_host_message(message.encode()) == message


@settings(deadline=None)
@given(QNPU)
def test_qnpu_message_survives_bytes(message: messages.QnpuMessage) -> None:
    assert messages.decode_qnpu_message(message.encode()) == message


@pytest.mark.parametrize(
    "decode", [messages.decode_host_message, messages.decode_qnpu_message, messages.decode_header]
)
@settings(deadline=None)
@given(
    data=st.one_of(
        st.binary(max_size=40),
        st.tuples(st.integers(0, 5), st.binary(max_size=30)).map(lambda t: bytes((t[0],)) + t[1]),
    )
)
def test_any_bytes_decode_or_raise_a_message_error(decode: Any, data: bytes) -> None:
    try:
        decode(data)
    except MessageError as error:
        assert error.reason


def test_padding_is_not_looked_at() -> None:
    assert messages.decode_host_message(bytes.fromhex("00ffffff 07000000 02ffffff")) == messages.InitNewApp(
        7, 2
    )
    assert messages.decode_qnpu_message(bytes.fromhex("03cbffff 05000000")) == messages.ReturnReg(0x0B, 5)


def test_undefined_entry_stays_undefined_whatever_its_value_bytes() -> None:
    data = bytes.fromhex("02 03000000 02000000 00000000 05000000 01000000 00000000")
    assert messages.decode_qnpu_message(data) == messages.ReturnArray(3, (None, 0))


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (messages.InitNewApp(2**32, 1), r"InitNewApp: app_id is 4294967296, allowed 0\.\.4294967295"),
        (messages.InitNewApp(1, 256), r"max_qubits is 256, allowed 0\.\.255"),
        (messages.InitNewApp(1, -1), "max_qubits is -1"),
        (messages.OpenEPRSocket(1, 2**31, 0, 0), "OpenEPRSocket: epr_socket_id is 2147483648"),
        (messages.OpenEPRSocket(1, 0, 0, 0, 256), "min_fidelity is 256"),
        (messages.StopApp(-1), "StopApp: app_id is -1"),
        (messages.Done(2**32), "Done: msg_id"),
        (messages.ReturnArray(-1, ()), "ReturnArray: address is -1"),
        (messages.ReturnArray(0, (0, 2**31)), r"values\[1\] is 2147483648"),
        (messages.ReturnReg(64, 0), r"ReturnReg: register is 64, allowed 0\.\.63"),
        (messages.ReturnReg(0, 2**31), "ReturnReg: value"),
        (messages.MessageHeader(-1, 0), "MessageHeader: id is -1"),
    ],
)
def test_value_that_does_not_fit_is_refused(message: Any, reason: str) -> None:
    with pytest.raises(MessageError, match=reason):
        message.encode()


@pytest.mark.parametrize("kind", [messages.Signal, messages.Error])
def test_unknown_code_is_not_encoded(kind: Any) -> None:
    with pytest.raises(MessageError, match="is 7, allowed"):
        kind(7).encode()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("", "no bytes"),
        ("05", "type 5, allowed 0, 1, 2, 3, 4"),
        ("00", "InitNewApp: 1 bytes, 12 are needed"),
        ("000000000700000002000000ff", "13 bytes, 12 are needed"),
        ("0401", "Signal: signal is 1, allowed STOP 0"),
        ("0300", "StopApp: 2 bytes, 8 are needed"),
    ],
)
def test_malformed_host_message_is_refused(data: str, reason: str) -> None:
    with pytest.raises(MessageError, match=reason):
        messages.decode_host_message(bytes.fromhex(data))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("04", "type 4, allowed 0, 1, 2, 3"),
        ("0103", "err_code is 3, allowed GENERAL 0, NO_QUBIT 1, UNSUPP 2"),
        ("0200", "ReturnArray: 2 bytes, at least 9 are needed"),
        ("020000000001000000", "do not hold the 1 entries"),
        ("0200000000ffffffff", "do not hold the -1 entries"),
        ("02ffffffff00000000", "address is -1"),
        ("0200000000010000000200000000000000", r"tag of values\[0\] is 2, allowed 0\.\.1"),
    ],
)
def test_malformed_qnpu_message_is_refused(data: str, reason: str) -> None:
    with pytest.raises(MessageError, match=reason):
        messages.decode_qnpu_message(bytes.fromhex(data))


def test_fidelity_above_a_hundred_percent_travels_but_does_not_pass_the_check() -> None:
    messages.OpenEPRSocket(1, 2, 3, 4, 100).check()
    with pytest.raises(MessageError, match=r"min_fidelity is 101, allowed 0\.\.100"):
        messages.OpenEPRSocket(1, 2, 3, 4, 101).check()


def test_message_error_survives_pickling() -> None:
    error = MessageError("Done", "why")
    assert str(pickle.loads(pickle.dumps(error))) == "Done: why"

"""Errors and faults: a code for each class, for ever, and the way over the wire and back."""

from __future__ import annotations

import pickle

import pytest

from qruntime import errors
from qruntime.errors import EprError, Fault, ProgramError, QnosError, SubroutineError, error_of
from qruntime.messages import Aborted
from qruntime.wire import decode, encode

# A code once published stays: others match on it.
CODES = {
    "QnosError": "ERROR",
    "ConfigError": "CONFIG",
    "SubroutineError": "SUBROUTINE",
    "PredecessorAborted": "PREDECESSOR_ABORTED",
    "QuotaError": "QUOTA",
    "EprError": "EPR",
    "DriverError": "DRIVER",
    "NodeDown": "NODE_DOWN",
    "Deadlock": "DEADLOCK",
    "ProgramTimeout": "TIMEOUT",
    "ProgramError": "PROGRAM",
    "PeerFailed": "PEER_FAILED",
    "ProgramCancelled": "CANCELLED",
    "LimitError": "LIMIT",
    "WireError": "WIRE",
}

CLASSES = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, QnosError)]
each_class = pytest.mark.parametrize("cls", CLASSES, ids=[cls.__name__ for cls in CLASSES])


def test_every_error_has_the_code_it_was_published_with() -> None:
    assert {cls.__name__: cls.code for cls in CLASSES} == CODES


def test_no_two_errors_share_a_code() -> None:
    assert len(set(CODES.values())) == len(CODES)
    assert all("code" in vars(cls) for cls in CLASSES)


@each_class
def test_error_crosses_the_wire_with_class_sentence_and_data(cls: type[QnosError]) -> None:
    error = cls("qubit 3 is not yours", index=4, instruction="h Q3")
    message = decode(encode(Aborted(1, 0, Fault.of(error))))
    assert isinstance(message, Aborted)
    arrived = error_of(message.fault)
    assert type(arrived) is cls
    assert str(arrived) == arrived.message == "qubit 3 is not yours"
    assert arrived.data == {"index": 4, "instruction": "h Q3"}
    assert Fault.of(arrived) == Fault.of(error)


@each_class
def test_error_survives_a_process_pool(cls: type[QnosError]) -> None:
    arrived = pickle.loads(pickle.dumps(cls("text", delivered=2)))
    assert (type(arrived), arrived.message, arrived.data) == (cls, "text", {"delivered": 2})


def test_fault_does_not_share_its_data_with_the_error() -> None:
    error = EprError("text", epr="TIMEOUT")
    fault = Fault.of(error)
    error.data["file"] = "app.py"
    assert fault.data == {"epr": "TIMEOUT"}
    error_of(fault).data["line"] = 3
    assert fault.data == {"epr": "TIMEOUT"}


def test_fault_of_an_unknown_code_becomes_a_plain_error_that_names_it() -> None:
    error = error_of(Fault("QUANTUM_FOAM", "too much of it", {"litres": 3}))
    assert type(error) is QnosError
    assert error.message == "too much of it"
    assert error.data == {"litres": 3, "code": "QUANTUM_FOAM"}
    assert error_of(Fault.of(error)).data == error.data


def test_data_may_have_any_names() -> None:
    data: dict[str, int | str] = {"message": "inner", "self": 1, "cls": 2, "code": "X"}
    error = error_of(Fault("EPR", "outer", data))
    assert (type(error), error.message, error.data) == (EprError, "outer", data)


def test_error_class_of_another_package_travels_as_its_parent() -> None:
    class TooShy(ProgramError):
        """A program that would not say."""

    error = error_of(Fault.of(TooShy("no value yet", line=3)))
    assert (type(error), error.message, error.data) == (ProgramError, "no value yet", {"line": 3})


def test_handler_of_subroutine_errors_sees_those_of_entanglement_and_of_predecessors() -> None:
    for code in ("SUBROUTINE", "EPR", "PREDECESSOR_ABORTED"):
        assert isinstance(error_of(Fault(code, "text")), SubroutineError)

"""Signals by name and number, as supervisord reads and writes them."""

import pytest

from minisup import signals

READ: dict[str, tuple[str | int, int]] = {
    "name": ("SIGTERM", 15),
    "without SIG": ("TERM", 15),
    "lower case": ("sigterm", 15),
    "lower case without SIG": ("hup", 1),
    "blanks around": ("  usr1 ", 10),
    "number": (9, 9),
    "number as text": ("9", 9),
    "number with blanks": (" 9 ", 9),
    "another name of a number": ("SIGCLD", 17),
    "SIGIOT": ("iot", 6),
    "first real-time": ("RTMIN", 34),
    "last real-time": ("64", 64),
    "zero": ("0", 0),
    "zero as a number": (0, 0),
}


@pytest.mark.parametrize("name", READ)
def test_number(name: str) -> None:
    value, expected = READ[name]
    assert signals.number(value) == expected


REFUSED: dict[str, tuple[str | int, str]] = {
    "no such name": ("SIGNOPE", "value 'SIGNOPE' is not a valid signal name"),
    "nothing": ("", "value '' is not a valid signal name"),
    "no such number": ("65", "value '65' is not a valid signal number"),
    "negative": (-1, "value -1 is not a valid signal number"),
    "a real-time signal in between": ("35", "value '35' is not a valid signal number"),
    "no signal, though signal has it": ("SIG_SETMASK", "value 'SIG_SETMASK' is not a valid signal name"),
    "what a handler is": ("sig_ign", "value 'sig_ign' is not a valid signal name"),
    "zero by its strange name": ("SIG_DFL", "value 'SIG_DFL' is not a valid signal name"),
    "an offset": ("RTMIN+1", "value 'RTMIN+1' is not a valid signal name"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    value, text = REFUSED[name]
    with pytest.raises(ValueError, match="is not a valid signal") as caught:
        signals.number(value)
    assert str(caught.value) == text


NAMES = {
    1: "SIGHUP",
    6: "SIGABRT",
    9: "SIGKILL",
    15: "SIGTERM",
    17: "SIGCHLD",
    29: "SIGPOLL",
    34: "SIGRTMIN",
    35: "signal 35",
    64: "SIGRTMAX",
    0: "signal 0",
    99: "signal 99",
}


@pytest.mark.parametrize("number", NAMES)
def test_name(number: int) -> None:
    assert signals.name(number) == NAMES[number]


def test_numbers_are_plain_integers() -> None:
    assert {type(number) for number in signals.NUMBERS.values()} == {int}

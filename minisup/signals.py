"""Signal names and numbers, read and written as supervisord does.

Source: supervisor's ``datatypes.signal_number`` and ``options.signame``.
"""

import signal

NUMBERS = {
    name: int(number) for name, number in vars(signal).items() if name.startswith("SIG") and not name.startswith("SIG_")
}
VALID = {0, *NUMBERS.values()}  # QUIRK(supervisor): 0 counts as a signal. tests/test_signals.py: zero

# Where one number has several names, the last by dictionary order wins there too: SIGABRT, SIGCHLD, SIGPOLL on Linux.
NAMES = {number: name for name, number in sorted(NUMBERS.items())}
NAMES.update({int(signal.SIGABRT): "SIGABRT", int(signal.SIGCHLD): "SIGCHLD", int(signal.SIGPOLL): "SIGPOLL"})


def number(value: str | int) -> int:
    """The number of a signal given as a name (with or without SIG, any case) or as a number.

    Raises:
        ValueError: in supervisord's words, when there is no such signal.
    """
    try:
        found = int(value)
    except ValueError:
        name = str(value).strip().upper()
        name = name if name.startswith("SIG") else "SIG" + name
        if name not in NUMBERS:
            raise ValueError(f"value {value!r} is not a valid signal name") from None
        return NUMBERS[name]
    if found not in VALID:
        raise ValueError(f"value {value!r} is not a valid signal number")
    return found


def name(number: int) -> str:
    """``SIGTERM`` for 15; ``signal 35`` for a number without a name."""
    return NAMES.get(number, f"signal {number}")

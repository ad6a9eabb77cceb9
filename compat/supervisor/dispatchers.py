"""What result handlers of event listeners import."""

from minisup.protocol.capture import AnsiStripper
from supervisor import _missing

__getattr__ = _missing.names_of(__name__)


def stripEscapes(s: bytes) -> bytes:
    """Output without its ANSI escape sequences."""
    stripper = AnsiStripper()
    return stripper.feed(s) + stripper.end()


class RejectEvent(Exception):
    """A result handler raises it: the event shall be sent again."""


def default_handler(event: object, response: bytes) -> None:
    """Accepts ``OK``; any other result is a refusal.

    Raises:
        RejectEvent: the result is another.
    """
    if response != b"OK":
        raise RejectEvent(response)


class PEventListenerDispatcher:
    """The words of a listener. minisup's own side of the conversation is `minisup.protocol.listener`."""

    READY_FOR_EVENTS_TOKEN = b"READY\n"
    RESULT_TOKEN_START = b"RESULT "
    READY_FOR_EVENTS_LEN = len(READY_FOR_EVENTS_TOKEN)
    RESULT_TOKEN_START_LEN = len(RESULT_TOKEN_START)

    def __init__(self, process: object, channel: str, fd: int) -> None:
        name = f"{__name__}.PEventListenerDispatcher"
        raise NotImplementedError(_missing.text(f"object of {name}", _missing.NAMES[__name__]["PDispatcher"]))

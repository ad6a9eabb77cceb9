"""What event listeners import: the conversation with the daemon over stdin and stdout, and a client for its methods.

Streams may be of text or of bytes. A text stream must not change line ends or cut characters: Python's own stdin and
stdout do neither.
"""

import codecs
import sys
import time
from collections.abc import Mapping
from typing import Any, Protocol

from supervisor.compat import as_bytes, as_string, long, xmlrpclib
from supervisor.dispatchers import PEventListenerDispatcher
from supervisor.events import ProcessCommunicationEvent
from supervisor.xmlrpc import SupervisorTransport


class Stream(Protocol):
    """What is needed of stdin and stdout."""

    def readline(self) -> Any: ...
    def read(self, size: int) -> Any: ...
    def write(self, data: Any) -> object: ...
    def flush(self) -> object: ...


def getRPCTransport(env: Mapping[str, str]) -> SupervisorTransport:
    """A transport to the daemon that started us, from what it put into our environment.

    Raises:
        KeyError: there is no SUPERVISOR_SERVER_URL.
    """
    return SupervisorTransport(
        env.get("SUPERVISOR_USERNAME", ""), env.get("SUPERVISOR_PASSWORD", ""), env["SUPERVISOR_SERVER_URL"]
    )


def getRPCInterface(env: Mapping[str, str]) -> xmlrpclib.ServerProxy:
    """The methods of the daemon that started us: ``getRPCInterface(os.environ).supervisor.getState()``."""
    # ServerProxy wants a URL that it knows; where to, the transport knows.
    return xmlrpclib.ServerProxy("http://127.0.0.1", getRPCTransport(env))


def get_headers(line: str) -> dict[str, str]:
    """``{"a": "1", "b": "2"}`` of ``a:1 b:2``; ValueError where a word has not exactly one colon."""
    return dict(word.split(":") for word in line.split())


def eventdata(payload: str) -> tuple[dict[str, str], str]:
    """Headers and data of a payload whose first line is headers; ValueError where it has no newline."""
    first, data = payload.split("\n", 1)
    return get_headers(first), data


def get_asctime(now: float | None = None) -> str:
    """Local time as ``2024-05-01 12:00:00,000``; of the present, or of seconds since the epoch."""
    seconds = time.time() if now is None else now
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(seconds))},{int(seconds % 1 * 1000):03d}"


def _write(stream: Stream, *parts: str | bytes) -> None:
    """All parts in one write, as text where the stream takes it; stdout may be either, wrapped or not."""
    try:
        stream.write("".join(map(as_string, parts)))
    except (TypeError, UnicodeDecodeError):
        stream.write(b"".join(map(as_bytes, parts)))
    stream.flush()


class ProcessCommunicationsProtocol:
    """Marks data in the output of a program, for a PROCESS_COMMUNICATION event."""

    def send(self, msg: str | bytes, fp: Stream = sys.stdout) -> None:
        """Write data between the tags."""
        _write(fp, ProcessCommunicationEvent.BEGIN_TOKEN, msg, ProcessCommunicationEvent.END_TOKEN)

    def stdout(self, msg: str | bytes) -> None:
        """`send` to stdout."""
        return self.send(msg, sys.stdout)

    def stderr(self, msg: str | bytes) -> None:
        """`send` to stderr."""
        return self.send(msg, sys.stderr)


pcomm = ProcessCommunicationsProtocol()


class EventListenerProtocol:
    """The listener's side: `wait` for an event, do what it asks for, answer with `ok` or `fail`, and again."""

    def wait(self, stdin: Stream = sys.stdin, stdout: Stream = sys.stdout) -> tuple[dict[str, str], str]:
        """Say that we are ready, and return the headers and the payload of the next event.

        Raises:
            KeyError: stdin has ended: the daemon is gone.
        """
        self.ready(stdout)
        headers = get_headers(as_string(stdin.readline()))
        return headers, _read(stdin, int(headers["len"]))

    def ready(self, stdout: Stream = sys.stdout) -> None:
        """Ask for the next event."""
        _write(stdout, PEventListenerDispatcher.READY_FOR_EVENTS_TOKEN)

    def ok(self, stdout: Stream = sys.stdout) -> None:
        """The event is done with."""
        self.send("OK", stdout)

    def fail(self, stdout: Stream = sys.stdout) -> None:
        """The event shall be sent again."""
        self.send("FAIL", stdout)

    def send(self, data: str | bytes, stdout: Stream = sys.stdout) -> None:
        """Answer an event with a result of our own, for a result handler."""
        head = f"{as_string(PEventListenerDispatcher.RESULT_TOKEN_START)}{len(as_bytes(data))}\n"
        _write(stdout, head, data)


def _read(stream: Stream, count: int) -> str:
    """So many characters, also of a stream of bytes: `len` counts characters."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = ""
    while len(text) < count:
        data = stream.read(count - len(text))
        if isinstance(data, str):
            return data
        if not data:
            break
        text += decoder.decode(data)
    return text


listener = EventListenerProtocol()

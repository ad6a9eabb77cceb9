"""The lines of a script that are about the client: on a terminal, and asked of servers that answer strangely."""

import contextlib
import fcntl
import os
import pty
import select
import socket
import struct
import subprocess
import termios
import threading
import time
import xmlrpc.client
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import normal
from .peer import PATIENCE, Peer, client_of, is_idle, until
from .steps import Ctl, Stage, Step

CTRL_C, EOF = "\x03", "\x04"
SCREEN = struct.pack("HHHH", 50, 200, 0, 0)


@dataclass(frozen=True)
class Typed(Step):
    """The client on a terminal: exit status (or the signal that ended it, negative), and all that the screen showed.

    Attributes:
        script: what to wait for, and what is typed then.
        args: the words of the command; none for a shell.
    """

    name: str
    script: tuple[tuple[str, str], ...]
    args: tuple[str, ...] = ()
    options: tuple[str, ...] = ("-s", "unix://@DIR@/s.sock")
    env: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    def run(self, peer: Peer, stage: Stage) -> Any:
        command = [*client_of(peer.client), *map(peer.fill, (*self.options, *self.args))]
        environment = peer.environment({"TERM": "dumb", **self.env})
        del environment["ORACLE_PEER"]
        script = [(peer.fill(wanted), typed) for wanted, typed in self.script]
        status, screen = on_terminal(command, script, environment, peer.folder)
        return [status, normal.text(screen, peer)]


def on_terminal(
    command: Sequence[str], script: Sequence[tuple[str, str | Callable[[], str]]], env: Mapping[str, str], cwd: Path
) -> tuple[int, str]:
    """Run a command on a terminal of its own; its exit status, and what was shown.

    Args:
        script: what to wait for, and what is typed then, or what gives that.

    Raises:
        AssertionError: something that was waited for did not come, or the command did not end.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, SCREEN)
    # A session leader without a terminal gets the first one that it opens: what is typed as Ctrl-C reaches it.
    boot = ["/bin/sh", "-c", 'exec "$@" <"$0" >"$0" 2>&1', os.ttyname(theirs)]
    process = subprocess.Popen(
        [*boot, *command], env=dict(env), cwd=cwd, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    shown, at = b"", 0
    try:
        for wanted, typed in script:
            end = time.monotonic() + 2 * PATIENCE
            while (found := shown.find(wanted.encode(), at)) < 0:
                data = _read(ours, end)
                assert data, f"{wanted!r} was not shown: {shown.decode(errors='replace')!r}"
                shown += data
            at = found + len(wanted.encode())
            if typed == CTRL_C:  # it comes when the command waits, not just before: readline would lose it
                until(lambda: is_idle(process.pid), 2 * PATIENCE)
            os.write(ours, (typed if isinstance(typed, str) else typed()).encode())
        end = time.monotonic() + 2 * PATIENCE
        while data := _read(ours, end):
            shown += data
        status = process.wait(max(0.1, end - time.monotonic()))
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(ours)
    return status, shown.decode(errors="backslashreplace").replace("\r", "")


def _read(fd: int, end: float) -> bytes:
    """What a terminal shows next; nothing when it is closed, or at the time `end`."""
    ready, _, _ = select.select([fd], [], [], max(0.0, end - time.monotonic()))
    try:
        return os.read(fd, 65536) if ready else b""
    except OSError:  # EIO: nobody has the other side open any more
        return b""


# --- servers ---------------------------------------------------------------------------------------------------------


def page(status: str, body: bytes = b"", *fields: str) -> bytes:
    """An HTTP answer."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *fields]
    return "".join(f"{row}\r\n" for row in (*head, "")).encode() + body


def gives(value: Any) -> bytes:
    """The answer of a call that succeeds."""
    return page("200 OK", xmlrpc.client.dumps((value,), methodresponse=True).encode())


def refuses(code: int, text: str) -> bytes:
    """The answer of a call that does not."""
    return page("200 OK", xmlrpc.client.dumps(xmlrpc.client.Fault(code, text)).encode())


UP = gives("3.0")


@dataclass(frozen=True)
class Answered(Step):
    """The client asks a server of these answers, one a request; the last one is for all that follow."""

    name: str
    args: tuple[str, ...]
    answers: tuple[bytes, ...]
    options: tuple[str, ...] = ("-s", "unix://@DIR@/strange.sock")

    def __str__(self) -> str:
        return self.name

    def run(self, peer: Peer, stage: Stage) -> Any:
        with _server(peer.folder / "strange.sock", self.answers):
            return Ctl(self.args, options=self.options).run(peer, stage)


@contextlib.contextmanager
def _server(path: Path, answers: Sequence[bytes]) -> Iterator[None]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=_serve, args=(listener, list(answers)), daemon=True)
        thread.start()
        try:
            yield
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(PATIENCE)
            path.unlink()


def _serve(listener: socket.socket, answers: list[bytes]) -> None:
    while True:
        try:
            line, _ = listener.accept()
        except OSError:
            return
        with line, contextlib.suppress(OSError):
            line.settimeout(PATIENCE)
            data = b""
            while b"\r\n\r\n" not in data and (more := line.recv(65536)):
                data += more
            head, _, body = data.partition(b"\r\n\r\n")
            lengths = [row.split(b":")[1] for row in head.split(b"\r\n") if row.lower().startswith(b"content-length:")]
            while lengths and len(body) < int(lengths[0]) and (more := line.recv(65536)):
                body += more
            line.sendall(answers.pop(0) if len(answers) > 1 else answers[0])

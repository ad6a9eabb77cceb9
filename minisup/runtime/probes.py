"""How it is found out that a program is ready: one look per kind of `ready`, carried out for `minisup.core.readiness`.

A look is an object with one descriptor in the driver's selector: a connection that is being made, the pipe of a
command, the socket for sd_notify(3). Each step of it gives a verdict or waits for its descriptor again; nothing blocks.
So host names are not asked of DNS: an address, ``localhost`` and what /etc/hosts has are understood. When to look, how
long a look may take and when to look again is the core's business.

The socket for sd_notify is an abstract one, of a name that the kernel chose: there is no file that anybody would have
to remove, and no permission that a program with another user lacks. Who sent a message is what the kernel says
(SCM_CREDENTIALS, unix(7)): the child, one of its process group, or a descendant. It is read as long as the child lives,
for a program may go on to send what we have no use for, and must not find its queue full.
"""

import errno
import os
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from selectors import EVENT_READ, EVENT_WRITE, BaseSelector
from signal import SIGKILL
from typing import Any

from minisup import __version__
from minisup.core.narration import wait_status
from minisup.core.words import Input, Probe, Probed
from minisup.runtime.channel import Channel
from minisup.runtime.posix import hosts, look_at, relatives
from minisup.runtime.system import CommandProblem, System
from minisup.specs import ProcessKey, ProcessSpec, ReadySpec

Verdict = tuple[bool, str]
"""Whether the process is ready, and what was seen."""
Place = tuple[int, Any]
"""Family and address of a socket."""

LONGEST_LINE = 64 * 1024
"""Of a line of output so many bytes are looked at."""
SHOWN = 200
"""So many characters are shown of what a program said."""
MESSAGES = 16
"""So many messages of sd_notify are read at one time."""
CREDENTIALS = struct.Struct("3i")
"""pid, uid, gid; unix(7), struct ucred."""


class Look:
    """Something that may find a process ready; `step` goes on with it when its descriptor is ready.

    Attributes:
        key, pid: the process that it is about.
        events: what its descriptor is watched for.
    """

    def __init__(self, key: ProcessKey, pid: int) -> None:
        self.key = key
        self.pid = pid
        self.events = EVENT_READ

    def fileno(self) -> int:
        """The descriptor to wait for."""
        raise NotImplementedError  # pragma: no cover

    def step(self) -> Verdict | None:
        """Go on; None where its descriptor has to be waited for."""
        raise NotImplementedError  # pragma: no cover

    def close(self) -> None:
        """Give everything back."""


class Dial(Look):
    """Connects to the first of some places that takes it; for a unix socket that is one place."""

    def __init__(self, key: ProcessKey, pid: int, places: Iterator[Place]) -> None:
        super().__init__(key, pid)
        self.events = EVENT_WRITE
        self._places = places
        self._why = ""
        self.line: socket.socket | None = None

    def fileno(self) -> int:
        return -1 if self.line is None else self.line.fileno()

    def step(self) -> Verdict | None:
        try:
            if self.line is None:
                return self._next()
            number = self.line.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            # A port that nobody listens on, out of those that the kernel gives away: we may have met ourselves.
            if not number and self.line.getsockname() != self.line.getpeername():
                return self.met()
            self._why = os.strerror(number or errno.ECONNREFUSED)
        except OSError as error:
            self._why = _words(error)
        self.close()
        return self.step()

    def _next(self) -> Verdict | None:
        for family, address in self._places:
            self.line = socket.socket(family, socket.SOCK_STREAM)
            self.line.setblocking(False)
            try:
                self.line.connect(address)
            except BlockingIOError as why:
                if why.errno == errno.EINPROGRESS:
                    return None
                raise
            return self.step()
        return False, self._why

    def met(self) -> Verdict | None:
        """There is a connection."""
        return True, ""

    def close(self) -> None:
        if self.line is not None:
            self.line.close()
        self.line = None


class Get(Dial):
    """Asks for a URL and looks at the status of the answer."""

    def __init__(self, key: ProcessKey, pid: int, ready: ReadySpec) -> None:
        import h11

        netloc, slash, path = ready.target.removeprefix("http://").partition("/")
        super().__init__(key, pid, _places(netloc if _has_port(netloc) else f"{netloc}:80"))
        self._expect = ready.expect
        self._exchange = h11.Connection(h11.CLIENT, max_incomplete_event_size=LONGEST_LINE)
        self._request = h11.Request(
            method="GET",
            target=slash + path or "/",
            headers=[("Host", netloc), ("User-Agent", f"minisup/{__version__}"), ("Connection", "close")],
        )
        self._asked = False

    def met(self) -> Verdict | None:
        import h11

        assert self.line is not None
        if not self._asked:
            self._asked = True
            asked = self._exchange.send(self._request)
            assert asked is not None
            self.line.send(asked)  # so little always fits into the buffer of a new connection
            self._exchange.send(h11.EndOfMessage())
            self.events = EVENT_READ
            return None
        try:
            data = self.line.recv(LONGEST_LINE)
        except OSError as error:
            return False, _words(error)
        if not data:
            return False, "the connection was closed before an answer"
        try:
            self._exchange.receive_data(data)
            while isinstance(event := self._exchange.next_event(), h11.InformationalResponse):
                pass
        except h11.RemoteProtocolError:
            return False, "what answers there speaks no HTTP"
        if isinstance(event, h11.Response):
            return _expected(event.status_code, self._expect), f"HTTP status {event.status_code}"
        return None


class Run(Look):
    """Runs a command as its program is run: the user, the folder, the environment."""

    def __init__(
        self, key: ProcessKey, pid: int, spec: ProcessSpec, environment: Mapping[str, str], system: System
    ) -> None:
        super().__init__(key, pid)
        self._system = system
        self._last = b""
        self._pipe = -1
        self.child = 0
        assert spec.ready is not None
        program = replace(spec, command=spec.ready.target, redirect_stderr=True)
        nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        try:
            child = system.spawn(program, system.resolve(program), environment, nothing)
        finally:
            os.close(nothing)
        self.child, self._pipe = child.pid, child.stdout

    def fileno(self) -> int:
        return self._pipe

    def step(self) -> Verdict | None:
        try:
            data = os.read(self._pipe, LONGEST_LINE)
        except BlockingIOError:
            return None
        self._last = (self._last + data)[-LONGEST_LINE:]
        if not data:
            os.close(self._pipe)
            self._pipe = -1  # its end comes as a death
        return None

    def ended(self, status: int) -> Verdict:
        """It has."""
        if self._pipe >= 0:
            self.step()  # a pipe holds as much; who was left behind may go on writing
        self.child = 0
        said = self._last.decode(errors="replace").split("\n")
        code, how = wait_status(status)
        last = next((line.strip() for line in reversed(said) if line.strip()), "")
        return code == 0, f"{how}: {_shown(last)}" if last else how

    def close(self) -> None:
        if self.child:
            try:
                self._system.kill(self.child, SIGKILL, True)
            except OSError:
                pass  # it has ended by itself
        if self._pipe >= 0:
            os.close(self._pipe)
        self._pipe = -1


class Mailbox(Look):
    """The socket for sd_notify of one child."""

    def __init__(self, key: ProcessKey) -> None:
        super().__init__(key, 0)
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._line.setblocking(False)
        self._line.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._line.bind("")  # a name of the kernel's choice
        self.name = "@" + self._line.getsockname()[1:].decode()

    def fileno(self) -> int:
        return self._line.fileno()

    def step(self) -> Verdict | None:
        verdict: Verdict | None = None
        for _ in range(MESSAGES):
            try:
                # No room for descriptors: those that come along are closed, which is what FDSTORE and BARRIER ask for.
                data, more, _, _ = self._line.recvmsg(LONGEST_LINE, socket.CMSG_SPACE(CREDENTIALS.size))
            except OSError:
                break
            sender = next((CREDENTIALS.unpack(part)[0] for *_, part in more if len(part) == CREDENTIALS.size), 0)
            verdict = self._read(data.decode(errors="replace").split("\n"), sender) or verdict
            if verdict is not None and verdict[0]:
                break
        return verdict

    def _read(self, lines: list[str], sender: int) -> Verdict | None:
        if not is_of(sender, self.pid):
            return False, f"a message of pid {sender}, which is none of its processes"
        if "READY=1" in lines:
            return True, ""
        status = [line[7:] for line in lines if line.startswith("STATUS=")]
        return (False, _shown(status[-1])) if status else None

    def close(self) -> None:
        self._line.close()


class Lines:
    """Looks for a line that matches, in the output of one child, over the borders of chunks.

    Args:
        found: is called with the line, once.
    """

    def __init__(self, pattern: str, pid: int, found: Callable[[str], None]) -> None:
        import re

        self._search = re.compile(pattern).search
        self._pid = pid
        self._found = found
        self._begun = b""

    def feed(self, pid: int, data: bytes) -> None:
        """Some more output."""
        if pid != self._pid:
            return  # of a grandchild of a former run
        *whole, self._begun = (self._begun + data).split(b"\n")
        self._begun = self._begun[:LONGEST_LINE]
        for line in whole:
            text = line[:LONGEST_LINE].decode(errors="replace").rstrip("\r")
            if self._search(text):
                self._found(text)
                return


class Prober:
    """Carries out `Probe` (`probe`) and `StopProbing` (`stop`).

    Args:
        system: runs commands.
        selector: the driver's; what it finds ready of ours goes to `advance`.
        environment: gives that of a program.
        channels: gives the outputs of a program.
        post: takes the answers that come later.
    """

    def __init__(
        self,
        system: System,
        selector: BaseSelector,
        environment: Callable[[ProcessKey, ProcessSpec], Mapping[str, str]],
        channels: Callable[[ProcessKey, ProcessSpec], list[Channel]],
        post: Callable[[Input], None],
    ) -> None:
        self._system = system
        self._selector = selector
        self._environment = environment
        self._channels = channels
        self._post = post
        self._looks: dict[ProcessKey, Look] = {}
        self._watched: dict[ProcessKey, list[Channel]] = {}
        self._mailboxes: dict[ProcessKey, Mailbox] = {}
        self._runs: dict[int, Run] = {}  # every command that has not ended, wanted or not

    def expect(self, key: ProcessKey, spec: ProcessSpec) -> Mapping[str, str]:
        """A child is about to be spawned: what its environment has for our sake.

        Raises:
            OSError: too many open files.
        """
        if spec.ready is None or spec.ready.kind != "notify":
            return {}
        self.forget(key)
        mailbox = self._mailboxes[key] = Mailbox(key)
        return {"NOTIFY_SOCKET": mailbox.name}

    def probe(self, effect: Probe) -> Probed | None:
        """Look; the answer, or None where it is posted when there is one."""
        ready = effect.spec.ready
        assert ready is not None
        if ready.kind == "notify":
            self._open(effect)
        elif ready.kind == "log":
            self._listen(effect, ready.target)
        else:
            try:
                verdict = self._look(effect, ready)
            except (OSError, ValueError, OverflowError, CommandProblem) as error:
                verdict = False, _words(error) if isinstance(error, OSError) else str(error)
            if verdict is not None:
                return Probed(effect.key, effect.pid, *verdict)
        return None

    def _look(self, effect: Probe, ready: ReadySpec) -> Verdict | None:
        key, pid, spec = effect.key, effect.pid, effect.spec
        path = os.path.join(spec.directory or "", ready.target)
        if ready.kind == "file":
            look_at(path)
            return True, ""
        look: Look
        if ready.kind == "exec":
            look = run = Run(key, pid, spec, self._environment(key, spec), self._system)
            self._runs[run.child] = run
        elif ready.kind == "http":
            look = Get(key, pid, ready)
        else:
            look = Dial(key, pid, iter([(socket.AF_UNIX, path)]) if ready.kind == "unix" else _places(ready.target))
        self._looks[key] = look
        return self._step(look)

    def _step(self, look: Look) -> Verdict | None:
        verdict = look.step()
        if verdict is not None:
            self._looks.pop(look.key, None)
            look.close()
        elif look.fileno() >= 0:
            self._selector.register(look, look.events)
        return verdict

    def advance(self, look: Look) -> None:
        """The selector found this one ready."""
        if isinstance(look, Mailbox):
            verdict = look.step() if self._mailboxes.get(look.key) is look else None
        elif self._looks.get(look.key) is look:
            self._selector.unregister(look)
            verdict = self._step(look)
        else:
            return  # given up in the same turn
        if verdict is not None:
            self._post(Probed(look.key, look.pid, *verdict))

    def _open(self, effect: Probe) -> None:
        mailbox = self._mailboxes[effect.key]
        if not mailbox.pid:
            mailbox.pid = effect.pid
            self._selector.register(mailbox, mailbox.events)

    def _listen(self, effect: Probe, pattern: str) -> None:
        def found(line: str) -> None:
            self._deafen(effect.key)
            self._post(Probed(effect.key, effect.pid, True, _shown(line)))

        channels = self._watched[effect.key] = self._channels(effect.key, effect.spec)
        for channel in channels:
            channel.watch(Lines(pattern, effect.pid, found).feed)

    def _deafen(self, key: ProcessKey) -> None:
        for channel in self._watched.pop(key, ()):
            channel.watch(None)

    def stop(self, key: ProcessKey) -> None:
        """Nobody wants to know any more; the socket for sd_notify stays until `forget`."""
        self._deafen(key)
        look = self._looks.pop(key, None)
        if look is not None:
            if look.fileno() >= 0:
                self._selector.unregister(look)
            look.close()

    def buried(self, pid: int, status: int) -> bool:
        """A child has ended; whether it was a command of ours, and no program."""
        run = self._runs.pop(pid, None)
        if run is None:
            return False
        if self._looks.get(run.key) is run:
            if run.fileno() >= 0:
                self._selector.unregister(run)
            verdict = run.ended(status)
            del self._looks[run.key]
            run.close()
            self._post(Probed(run.key, run.pid, *verdict))
        return True

    def forget(self, key: ProcessKey) -> None:
        """The child is gone, or there will be none."""
        mailbox = self._mailboxes.pop(key, None)
        if mailbox is not None:
            if mailbox.pid:
                self._selector.unregister(mailbox)
            mailbox.close()

    def close(self) -> None:
        """End everything."""
        for key in [*self._looks, *self._watched]:
            self.stop(key)
        for key in [*self._mailboxes]:
            self.forget(key)


# --- what is where ---------------------------------------------------------------------------------------------------


def _shown(text: str) -> str:
    """What a program said, as it may stand in a log."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:SHOWN])


def _words(error: OSError) -> str:
    return error.strerror or str(error)


def _has_port(netloc: str) -> bool:
    return netloc.rpartition(":")[2].isdigit()


def _expected(status: int, expect: str) -> bool:
    wanted = {expect} if expect else {"2xx", "3xx"}
    return bool(wanted & {str(status), f"{status // 100}xx"})


def _places(target: str) -> Iterator[Place]:
    """The addresses of ``HOST:PORT``.

    Raises:
        OSError: the host is neither an address nor known here.
    """
    host, _, port = target.rpartition(":")
    name = host.strip("[]").lower()
    known = ["127.0.0.1", "::1"] if name == "localhost" else [name] if _family(name) else list(_named(name))
    if not known:
        raise OSError(errno.ENOENT, f"{name} is no address, and not in /etc/hosts")
    return iter([(_family(address) or socket.AF_INET, (address, int(port))) for address in known])


def _family(address: str) -> int | None:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, address)
        except OSError:
            continue
        return family
    return None


def _named(name: str) -> Iterator[str]:
    for line in hosts().splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if name in map(str.lower, names) and _family(address):
            yield address


def is_of(sender: int, child: int) -> bool:
    """Whether a process is `child`, in its process group, or a descendant of it."""
    while sender > 1 and sender != child:
        found = relatives([sender]).get(sender)
        if found is None:
            return False  # it has ended
        if found.group == child:
            return True
        sender = found.parent
    return sender == child

"""The lines of a script, as data.

Each says what is done to a peer, and gives back what was seen; None where there is nothing to compare.
"""

import ast
import http.client
import os
import re
import signal as signals
import socket
import stat
import threading
import time
import xmlrpc.client
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from . import normal
from .peer import PATIENCE, Peer, UnixConnection, command_line, settle, until


@dataclass(frozen=True)
class Step:
    """One line of a script. `label` names what it saw; without one its own text does."""

    label: str | None = field(default=None, kw_only=True)

    def run(self, peer: Peer, stage: "Stage") -> Any:
        raise NotImplementedError

    def __str__(self) -> str:
        given = [getattr(self, one.name) for one in fields(self) if one.name != "label"]
        named = [value for one, value in zip(fields(self)[1:], given, strict=True) if value not in (one.default, ())]
        return " ".join([type(self).__name__, *map(str, named)])


class Stage:
    """What the steps of one run share: the calls still under way."""

    def __init__(self) -> None:
        self.under_way: dict[str, tuple[threading.Thread, list[Any]]] = {}
        self.followed = ""


def _called(peer: Peer, method: str, args: tuple[Any, ...], sock: str | None, headers: Mapping[str, str]) -> Any:
    try:
        value = peer.call(method, *args, sock=sock, headers=headers)
    except xmlrpc.client.Fault as fault:
        return f"fault {fault.faultCode} {normal.text(fault.faultString, peer)}"
    except http.client.HTTPException as error:
        return f"HTTP {error}"
    except OSError as error:
        return f"connection: {type(error).__name__}"
    except Exception as error:  # xml.parsers.expat.ExpatError and friends
        return f"not XML-RPC: {type(error).__name__}"
    return normal.answer(value, peer)


@dataclass(frozen=True)
class Call(Step):
    """An XML-RPC call: the value, `fault CODE TEXT` or `HTTP STATUS REASON`.

    Attributes:
        keep: of a struct (or of each of a list of structs) only these members are compared.
        unordered: the order of the answer is luck; sort it.
    """

    method: str
    args: tuple[Any, ...] = ()
    keep: tuple[str, ...] = ()
    unordered: bool = False
    sock: str | None = "s.sock"
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method}({', '.join(map(repr, self.args))})"

    def run(self, peer: Peer, stage: Stage) -> Any:
        args = tuple(peer.fill(arg) if isinstance(arg, str) else arg for arg in self.args)
        method = self.method if self.method.startswith("system.") or "." in self.method else f"supervisor.{self.method}"
        value = _called(peer, method, args, self.sock, self.headers)
        if self.keep:
            value = _kept(value, self.keep)
        if self.unordered and isinstance(value, list):
            value = sorted(value, key=repr)
        return value


@dataclass(frozen=True)
class Members(Step):
    """The names of the members of the struct (or of the first one of a list) that a call gives, in their order."""

    method: str
    args: tuple[Any, ...] = ()

    def run(self, peer: Peer, stage: Stage) -> Any:
        value = peer.call(f"supervisor.{self.method}", *self.args)
        return list(value[0] if isinstance(value, list) else value)


def call(method: str, *args: Any, **options: Any) -> Call:
    """`Call`, its arguments written as in a call."""
    return Call(method, args, **options)


def _kept(value: Any, keep: tuple[str, ...]) -> Any:
    if isinstance(value, list):
        return [_kept(one, keep) for one in value]
    if isinstance(value, dict):
        return {name: value[name] for name in keep if name in value}
    return value


def info(name: str, *keep: str, **options: Any) -> Call:
    """getProcessInfo of `name`: the members `keep`, or else what says how it is."""
    return Call("getProcessInfo", (name,), keep or ("statename", "spawnerr", "exitstatus", "description"), **options)


def states(**options: Any) -> Call:
    """The state of every process."""
    return Call("getAllProcessInfo", (), ("group", "name", "statename"), **options)


@dataclass(frozen=True)
class Post(Step):
    """A hand-written XML-RPC body: status and the text of the answer as it is on the wire."""

    body: str
    url: str = "/RPC2"
    headers: Mapping[str, str] = field(default_factory=dict)

    def run(self, peer: Peer, stage: Stage) -> Any:
        try:
            status, reason, _, answer = peer.http("POST", self.url, self.body.encode(), dict(self.headers))
        except OSError as error:
            return f"connection: {type(error).__name__}"
        return [status, reason, normal.text(answer.decode(errors="backslashreplace"), peer)]


@dataclass(frozen=True)
class Http(Step):
    """One HTTP request: status, reason, the header fields that matter, the body."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    fields: tuple[str, ...] = ("Content-Type", "WWW-Authenticate", "Connection", "Server")
    sock: str | None = "s.sock"
    body: str | None = None

    def run(self, peer: Peer, stage: Stage) -> Any:
        body = None if self.body is None else self.body.encode()
        try:
            status, reason, got, answer = peer.http(self.method, self.url, body, self.headers, self.sock)
        except (OSError, http.client.HTTPException) as error:
            return f"connection: {type(error).__name__}"
        shown = {name: got[name] for name in self.fields if name in got}
        return [status, reason, shown, normal.text(answer.decode(errors="backslashreplace"), peer)]


@dataclass(frozen=True)
class Bytes(Step):
    """Raw bytes on the socket; what came back, and whether the peer `closed`, `answered` or left it `open`.

    Attributes:
        until_text: seen so many `times` it is an answer.
        linger: after an answer, the seconds in which the peer may close.
        silence: seconds without a byte that mean that there will be none.
        status_only: of the answers only the status lines are compared.
    """

    data: bytes
    until_text: str = ""
    times: int = 1
    linger: float = 0.0
    silence: float = PATIENCE
    status_only: bool = False

    def run(self, peer: Peer, stage: Stage) -> Any:
        got, ended = b"", ""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.connect(str(peer.folder / "s.sock"))
            line.sendall(self.data)
            while not ended:
                answered = bool(self.until_text) and got.count(self.until_text.encode()) >= self.times
                if answered and not self.linger:
                    ended = "answered"
                    break
                try:
                    line.settimeout(self.linger if answered else self.silence)
                    chunk = line.recv(65536)
                except (TimeoutError, ConnectionResetError) as error:
                    ended = "open" if isinstance(error, TimeoutError) else "closed"
                else:
                    got += chunk
                    ended = "" if chunk else "closed"
        answer = normal.text(got.decode(errors="backslashreplace"), peer)
        if self.status_only:
            return [[row for row in answer.splitlines() if row.startswith("HTTP/")], ended]
        return [answer, ended]


@dataclass(frozen=True)
class Until(Step):
    """Wait until a process is in a state; the state it was seen in last."""

    name: str
    state: str
    seconds: float = PATIENCE

    def run(self, peer: Peer, stage: Stage) -> Any:
        seen = ""

        def reached() -> bool:
            nonlocal seen
            try:
                seen = peer.call("supervisor.getProcessInfo", self.name)["statename"]
            except (OSError, http.client.HTTPException, xmlrpc.client.Fault) as error:
                seen = str(error)
            return seen == self.state

        until(reached, self.seconds)
        return seen


@dataclass(frozen=True)
class UntilText(Step):
    """Wait until a file holds a text `times` times; whether it does."""

    path: str
    wanted: str
    times: int = 1
    seconds: float = PATIENCE

    def run(self, peer: Peer, stage: Stage) -> Any:
        wanted = peer.fill(self.wanted)

        def there() -> bool:
            return peer.read(peer.fill(self.path)).count(wanted) >= self.times

        return bool(until(there, self.seconds))


def logged(wanted: str, times: int = 1, **options: Any) -> UntilText:
    """Wait until the main log holds a text."""
    return UntilText("supervisord.log", wanted, times, **options)


@dataclass(frozen=True)
class Read(Step):
    """The text of a file; `lines` sorts them, `keep` takes only lines that hold one of these texts."""

    path: str
    lines: bool = False
    keep: tuple[str, ...] = ()

    def run(self, peer: Peer, stage: Stage) -> Any:
        value = normal.text(peer.read(self.path), peer)
        if self.lines or self.keep:
            rows = [row for row in value.splitlines() if not self.keep or any(word in row for word in self.keep)]
            return sorted(rows) if self.lines else rows
        return value


@dataclass(frozen=True)
class Heard(Step):
    """What a listener of `listen` wrote down, once there are `events` events: the header and the payload of each.

    Attributes:
        fields: of the header only these are said; `len` as `right`, if the payload is so many characters long.
        whole: the header as it came, for events whose length does not depend on the run.
        by: sorted by the value of this word of the payload (`processname`): the order of what happens to different
            processes is luck in the real one.
        first: what came after so many events is not looked at.
    """

    path: str
    events: int
    fields: tuple[str, ...] = ("eventname",)
    whole: bool = False
    by: str = ""
    first: bool = False

    def run(self, peer: Peer, stage: Stage) -> Any:
        until(lambda: peer.read(self.path).count("\n") >= self.events)
        seen: list[tuple[str, list[str]]] = []
        for line in peer.read(self.path).splitlines()[: self.events if self.first else None]:
            head, payload = ast.literal_eval(line)
            words = dict(word.split(":", 1) for word in head.split())
            subject = dict(word.split(":", 1) for word in payload.split("\n")[0].split() if ":" in word)
            words["len"] = "right" if int(words["len"]) == len(payload) else words["len"]
            shown = head if self.whole else " ".join(words[name] for name in self.fields)
            payload = re.sub(r"\bwhen:\d*[05]$", "when:FIVE", re.sub(r"\bpid:[1-9]\d*", "pid:PID", payload))
            seen.append((subject.get(self.by, ""), [shown, normal.text(payload, peer)]))
        return [one for _, one in sorted(seen, key=lambda pair: pair[0])]


@dataclass(frozen=True)
class Sizes(Step):
    """Sizes of all files whose name begins with `prefix`."""

    prefix: str

    def run(self, peer: Peer, stage: Stage) -> Any:
        return {path.name: path.stat().st_size for path in sorted(peer.folder.glob(self.prefix + "*"))}


@dataclass(frozen=True)
class Mode(Step):
    """Kind and permission bits of a file: `socket 0700`; None where there is none."""

    path: str

    def run(self, peer: Peer, stage: Stage) -> Any:
        try:
            mode = os.lstat(peer.folder / self.path).st_mode
        except FileNotFoundError:
            return "none"
        kind = {stat.S_IFSOCK: "socket", stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}
        return f"{kind.get(stat.S_IFMT(mode), 'other')} {stat.S_IMODE(mode):04o}"


@dataclass(frozen=True)
class Owner(Step):
    """User and group of a file, by name."""

    path: str

    def run(self, peer: Peer, stage: Stage) -> Any:
        path = peer.folder / self.path
        return f"{path.owner()}:{path.group()}" if os.path.lexists(path) else "none"


@dataclass(frozen=True)
class Itself(Step):
    """What the supervisor is as a process, as the kernel tells it: the words `keep` of it."""

    keep: tuple[str, ...]

    def run(self, peer: Peer, stage: Stage) -> Any:
        process = Path(f"/proc/{peer.pid}")
        told = dict(row.split(":", 1) for row in (process / "status").read_text().splitlines())
        limits = {row[:25].strip(): row[26:].split()[:2] for row in (process / "limits").read_text().splitlines()}
        found = {
            "umask": told["Umask"].strip(),
            "uid": told["Uid"].split(),
            "gid": told["Gid"].split(),
            "groups": told["Groups"].split(),
            "session": os.getsid(peer.pid) == peer.pid,
            "parent": told["PPid"].strip() == str(os.getpid()),
            "cwd": normal.text(os.readlink(process / "cwd"), peer),
            "fds": [normal.text(os.readlink(process / "fd" / fd), peer).split(":")[0] for fd in "012"],
            "files": limits["Max open files"],
            "processes": limits["Max processes"],
        }
        return {word: found[word] for word in self.keep}


@dataclass(frozen=True)
class Asked(Step):
    """What a server says to who connects: on a unix socket, or on the TCP port where `path` is None."""

    path: str | None = None

    def run(self, peer: Peer, stage: Stage) -> Any:
        text = b""
        with socket.socket(socket.AF_INET if self.path is None else socket.AF_UNIX) as line:
            line.settimeout(PATIENCE)
            try:
                line.connect(("127.0.0.1", peer.port) if self.path is None else peer.fill(self.path))
                while chunk := line.recv(4096):
                    text += chunk
            except OSError as error:
                return type(error).__name__
        return text.decode()


@dataclass(frozen=True)
class Write(Step):
    """Put a file there (configurations are filled in)."""

    path: str
    content: str | bytes
    mode: int | None = None

    def run(self, peer: Peer, stage: Stage) -> Any:
        peer.write(self.path, self.content, self.mode)


@dataclass(frozen=True)
class Append(Step):
    """Another program writes to a file."""

    path: str
    content: str

    def run(self, peer: Peer, stage: Stage) -> Any:
        with open(peer.folder / self.path, "a") as file:
            file.write(peer.fill(self.content))


@dataclass(frozen=True)
class Move(Step):
    """Rename a file, or remove it (`to` None)."""

    path: str
    to: str | None = None

    def run(self, peer: Peer, stage: Stage) -> Any:
        if self.to is None:
            (peer.folder / self.path).unlink()
        else:
            (peer.folder / self.path).rename(peer.folder / self.to)


@dataclass(frozen=True)
class Listener(Step):
    """Leave a socket that nobody listens on any more, as a killed supervisor does."""

    path: str

    def run(self, peer: Peer, stage: Stage) -> Any:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stale:
            stale.bind(str(peer.folder / self.path))


@dataclass(frozen=True)
class Signal(Step):
    """Send the supervisor a signal."""

    signum: int

    def run(self, peer: Peer, stage: Stage) -> Any:
        peer.signal(self.signum)


@dataclass(frozen=True)
class KillChild(Step):
    """Somebody else signals the child of a process."""

    name: str
    signum: int = signals.SIGKILL

    def run(self, peer: Peer, stage: Stage) -> Any:
        pid = peer.call("supervisor.getProcessInfo", self.name)["pid"]
        assert pid, f"{self.name} has no pid"
        os.kill(pid, self.signum)


@dataclass(frozen=True)
class SamePid(Step):
    """Whether getProcessInfo (or getPID, where `name` is None) tells the number that stands in a file."""

    name: str | None
    path: str

    def run(self, peer: Peer, stage: Stage) -> Any:
        if self.name is None:
            told = peer.call("supervisor.getPID")
            assert peer.daemon is not None
            return [str(told) == peer.read(self.path).strip(), told == peer.daemon.pid]
        return str(peer.call("supervisor.getProcessInfo", self.name)["pid"]) == peer.read(self.path).strip()


@dataclass(frozen=True)
class SignalPid(Step):
    """Signal the process whose number stands in a file, and wait until it is gone, unless it `stays`."""

    path: str
    signum: int = signals.SIGTERM
    stays: bool = False

    def run(self, peer: Peer, stage: Stage) -> Any:
        pid = int(peer.read(self.path))
        settle(pid)
        os.kill(pid, self.signum)
        if self.stays:
            return None
        return "gone" if until(lambda: not command_line(pid)) else "still there"


@dataclass(frozen=True)
class UntilGone(Step):
    """Wait until there is no such file."""

    path: str

    def run(self, peer: Peer, stage: Stage) -> Any:
        return bool(until(lambda: not os.path.lexists(peer.folder / self.path)))


@dataclass(frozen=True)
class UntilSizes(Step):
    """Wait until files have these sizes; the sizes they have."""

    prefix: str
    sizes: Mapping[str, int]

    def run(self, peer: Peer, stage: Stage) -> Any:
        look = Sizes(self.prefix)
        until(lambda: look.run(peer, stage) == self.sizes)
        return look.run(peer, stage)


@dataclass(frozen=True)
class Follow(Step):
    """Follow a log over HTTP until it said `wanted`: status, content type, the text so far."""

    url: str
    wanted: str

    def run(self, peer: Peer, stage: Stage) -> Any:
        line = UnixConnection(str(peer.folder / "s.sock"))
        try:
            line.request("GET", self.url)
            answer = line.getresponse()
            text = b""
            try:
                while self.wanted.encode() not in text:
                    chunk = answer.read1(65536)
                    if not chunk:
                        break
                    text += chunk
                    stage.followed = text.decode(errors="backslashreplace")
            except TimeoutError:
                text += b"(nothing more)"
            head = [
                answer.status,
                answer.getheader("Content-Type"),
                answer.getheader("Transfer-Encoding"),
                answer.getheader("X-Accel-Buffering"),
            ]
            answer.close()
        except http.client.HTTPException as error:
            return type(error).__name__
        finally:
            line.close()
        return [*head, normal.text(text.decode(errors="backslashreplace"), peer)]


@dataclass(frozen=True)
class UntilFollowed(Step):
    """Wait until a `Follow` that runs beside the script has seen a text."""

    wanted: str

    def run(self, peer: Peer, stage: Stage) -> Any:
        return bool(until(lambda: self.wanted in stage.followed))


@dataclass(frozen=True)
class Reread(Step):
    """Write a new configuration after the usual head and have it reread: the fault, or the groups.

    Attributes:
        keep: also say these members of getAllConfigInfo.
        bare: without the usual head.
    """

    name: str
    config: str
    keep: tuple[str, ...] = ()
    bare: bool = False

    def __str__(self) -> str:
        return self.name

    def run(self, peer: Peer, stage: Stage) -> Any:
        from .case import HEAD

        peer.write("s.conf", self.config if self.bare else HEAD + self.config)
        seen = _called(peer, "supervisor.reloadConfig", (), "s.sock", {})
        if not self.keep:
            return seen
        return [seen, _kept(_called(peer, "supervisor.getAllConfigInfo", (), "s.sock", {}), self.keep)]


@dataclass(frozen=True)
class Begin(Step):
    """Run another step beside the script; `End` with the same key waits for it."""

    key: str
    step: Step

    def run(self, peer: Peer, stage: Stage) -> Any:
        seen: list[Any] = []
        thread = threading.Thread(target=lambda: seen.append(self.step.run(peer, stage)), daemon=True)
        thread.start()
        stage.under_way[self.key] = (thread, seen)


@dataclass(frozen=True)
class End(Step):
    """Wait for what `Begin` began; what it saw."""

    key: str

    def run(self, peer: Peer, stage: Stage) -> Any:
        thread, seen = stage.under_way.pop(self.key)
        thread.join(2 * PATIENCE)
        return seen[0] if seen else "never answered"


@dataclass(frozen=True)
class Took(Step):
    """What another step saw, and whether it took `least` seconds, which it cannot go below on any machine."""

    least: float
    step: Step

    def run(self, peer: Peer, stage: Stage) -> Any:
        began = time.monotonic()
        seen = self.step.run(peer, stage)
        seconds = time.monotonic() - began
        return [seen, f"{self.least} s at least" if seconds >= self.least else f"{seconds:.2f} s"]


@dataclass(frozen=True)
class Apart(Step):
    """Whether two lines of the main log are `least` seconds apart by their own clock.

    A line is written a little later than what it tells, a moment of a busy machine later: where seconds are counted
    from that (a stop), `least` has to be a small part of them; where the first line comes before it, all of them.
    Each is given by a text and which of the lines that hold it: `("spawned", 2)` is the second one.
    """

    first: tuple[str, int]
    second: tuple[str, int]
    least: float

    def run(self, peer: Peer, stage: Stage) -> Any:
        lines = peer.read("supervisord.log").splitlines()
        at = []
        for wanted, number in (self.first, self.second):
            found = [line for line in lines if wanted in line]
            if len(found) < number:
                return f"no line {number} with {wanted!r}"
            at.append(datetime.strptime(found[number - 1][:23], "%Y-%m-%d %H:%M:%S,%f"))
        seconds = (at[1] - at[0]).total_seconds()
        return f"{self.least} s at least" if seconds >= self.least - 0.01 else f"{seconds:.2f} s"


@dataclass(frozen=True)
class Ctl(Step):
    """Run supervisorctl, or `minisup ctl`: exit status, stdout, stderr."""

    args: tuple[str, ...]
    options: tuple[str, ...] = ("-s", "unix://@DIR@/s.sock")
    stdin: str = ""
    stop_on: str | None = None
    unordered: bool = False
    env: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"supervisorctl {' '.join(self.args)}"

    def run(self, peer: Peer, stage: Stage) -> Any:
        status, out, err = peer.supervisorctl(
            *self.args, options=self.options, stdin=self.stdin, stop_on=self.stop_on, env=self.env
        )
        out = normal.text(out, peer)
        if self.args[:1] == ("pid",):
            out = "".join("0\n" if row == "0" else "PID\n" if row.isdigit() else f"{row}\n" for row in out.splitlines())
        return [status, sorted(out.splitlines()) if self.unordered else out, normal.text(err, peer)]


def ctl(*args: str, **options: Any) -> Ctl:
    """`Ctl`, its words written one after the other."""
    return Ctl(args, **options)


@dataclass(frozen=True)
class Exits(Step):
    """The supervisor ends by itself, or because of what the script did; its exit status."""

    seconds: float = PATIENCE

    def run(self, peer: Peer, stage: Stage) -> Any:
        return peer.wait_exit(self.seconds)


@dataclass(frozen=True)
class Start(Step):
    """Start a supervisor again in the same folder (the one before has ended)."""

    args: tuple[str, ...] = ("-n", "-c", "@DIR@/s.conf")
    ready: bool = True

    def run(self, peer: Peer, stage: Stage) -> Any:
        peer.start(self.args)
        if self.ready:
            return "answers" if peer.wait_ready() else "does not answer"
        return None


@dataclass(frozen=True)
class Other(Step):
    """Run a second supervisor of the same kind beside the first, to its end; exit status and stderr."""

    args: tuple[str, ...]

    def run(self, peer: Peer, stage: Stage) -> Any:
        other = Peer(peer.kind, peer.folder.with_name(peer.folder.name + "2"))
        with other:
            other.write("s.conf", peer.read("s.conf"))
            other.start([peer.fill(arg) for arg in self.args])
            status = other.wait_exit()
            return [status, normal.text(other.stderr.replace(str(other.folder), str(peer.folder)), peer)]


@dataclass(frozen=True)
class Pause(Step):
    """Let time pass where the passing of time is the point: nothing must happen."""

    seconds: float

    def run(self, peer: Peer, stage: Stage) -> Any:
        time.sleep(self.seconds)

"""`minisup ctl` where it is not compared with supervisorctl: its parts, what it mends, and what it loads.

Side by side with supervisorctl: `test_supervisorctl.py`.
"""

import http.client
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import xmlrpc.client
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import case
from oracle.client_steps import CTRL_C, EOF, on_terminal
from oracle.peer import MINISUP, REAL, Peer, client_of, is_idle, oracle_venv, until
from oracle.programs import program

from minisup.ctl import wire
from minisup.ctl.controller import Controller, ControllerPluginBase
from minisup.ctl.settings import Settings
from minisup.ctl.shell import completions
from minisup.protocol import xmlrpc as server
from minisup.protocol import xmlrpc_calls as calls

ROOT = Path(__file__).resolve().parent.parent
COMMAND = [sys.executable, "-m", "minisup", "ctl"]
CLIENTS = ROOT / ".venv-clients"

# --- XML-RPC ---------------------------------------------------------------------------------------------------------

TEXT = st.text("aZ0_ <&>]\"'é€𝄞\n", max_size=8)
VALUES = st.recursive(
    st.booleans() | st.integers(-(2**31), 2**31 - 1) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.slow
@settings(deadline=None, max_examples=50)
@given(VALUES)
def test_answers_of_both_servers_are_understood(value: Any) -> None:
    assert calls.load(xmlrpc.client.dumps((value,), methodresponse=True).encode()) == value
    assert calls.load(server.response(value)) == value


@settings(deadline=None, max_examples=50)
@given(
    TEXT.filter(bool),
    st.lists(
        TEXT | st.integers(-(2**31), 2**31 - 1) | st.booleans() | st.floats(-1e9, 1e9) | st.lists(TEXT.filter(bool)),
        max_size=4,
    ),
)
def test_calls_are_understood_by_both_servers(method: str, params: list[Any]) -> None:
    document = calls.dump(method, tuple(params))
    assert xmlrpc.client.loads(document)[0] == tuple(params)
    assert [value or "" for value in server.decode(document)[1]] == [value or "" for value in params]


def test_every_type_is_understood() -> None:
    values = ["<i8>5</i8>", "<nil/>", "<base64>aGk=</base64>", "<dateTime.iso8601>20260102T03:04:05</dateTime.iso8601>"]
    document = "".join(f"<value>{value}</value>" for value in [*values, "bare", ""])
    body = f"<methodResponse><params><param><value><array><data>{document}</data></array></value></param></params>"
    assert calls.load(f"{body}</methodResponse>".encode()) == [5, None, b"hi", "20260102T03:04:05", "bare", ""]


def test_errors_call_themselves_what_those_of_the_standard_library_do() -> None:
    with pytest.raises(calls.Fault) as caught:
        calls.load(server.fault(6, "SHUTDOWN_STATE: it's"))
    real = xmlrpc.client.Fault(6, "SHUTDOWN_STATE: it's")
    assert (str(type(caught.value)), str(caught.value)) == (str(type(real)), str(real))
    real_error = xmlrpc.client.ProtocolError("127.0.0.1/RPC2", 401, "Unauthorized", {})
    ours = wire.ProtocolError(401, "Unauthorized")
    assert (str(type(ours)), str(ours)) == (str(type(real_error)), str(real_error))
    for name in ("RemoteDisconnected", "IncompleteRead", "BadStatusLine"):
        assert str(getattr(wire, name)) == str(getattr(http.client, name))
    assert str(calls.ResponseError) == str(xmlrpc.client.ResponseError)


# --- the wire --------------------------------------------------------------------------------------------------------

ADDRESSES = {
    "unix:///run/s": ("/run/s", "", 80, ""),
    "unix://s": ("s", "", 80, ""),
    "http://host": (None, "host", 80, "host"),
    "http://Host:9001": (None, "host", 9001, "Host:9001"),
    "http://host:9001/path?query": (None, "host", 9001, "host:9001"),
    "http://me:secret@host:1": (None, "host", 1, "me:secret@host:1"),
    "http://[::1]:9001": (None, "::1", 9001, "[::1]:9001"),
    "http://[::1]": (None, "::1", 80, "[::1]"),
    "http://host:65535": (None, "host", 65535, "host:65535"),
    "http://host:": (None, "host", 80, "host:"),
}


@pytest.mark.parametrize("url", ADDRESSES)
def test_address(url: str) -> None:
    found = wire.Address(url)
    assert (found.path, found.host, found.port, found.netloc) == ADDRESSES[url]


@pytest.mark.parametrize("port", ["65536", "-1", "+1", "80 ", "8_0", "\uff11", "x"])
def test_an_address_that_is_none(port: str) -> None:
    """In the words of the standard library, for `supervisorctl` prints them."""
    with pytest.raises(ValueError) as caught:
        wire.Address(f"http://host:{port}")
    with pytest.raises(ValueError) as real:
        urlsplit(f"http://host:{port}").port  # noqa: B018
    assert str(caught.value) == str(real.value)


@settings(deadline=None, max_examples=50)
@given(st.text("aé€𝄞", max_size=20), st.lists(st.integers(0, 60), max_size=8))
def test_a_log_is_shown_whole_wherever_it_is_cut(text: str, cuts: list[int]) -> None:
    data, shown, left, at = text.encode(), "", None, 0
    for end in [*sorted(cuts), len(data)]:
        part, left = wire.decoded(data[at:end], left)
        shown, at = shown + part, max(at, end)
    assert shown == text


def test_a_log_that_begins_within_a_character() -> None:
    assert wire.decoded("ü€".encode()[1:], None) == ("€", b"")
    assert wire.decoded("€x".encode()[2:], None) == ("x", b"")


def test_bytes_that_are_no_text_are_shown_as_bytes() -> None:
    assert wire.decoded(b"a\xffb", b"") == ("Undecodable: b'a\\xffb'", b"")
    assert wire.decoded(b"\x80\x80\x80\x80", None) == ("Undecodable: b'\\x80'", b"")
    assert wire.decoded(b"\x80b", b"\xc3a"[:1]) == ("\u00c0b", b"")


class Served:
    """A server on a socket of `socketpair`'s kind: requests as they came, answers as they were given."""

    def __init__(self, folder: Path, connections: Sequence[Sequence[bytes]]) -> None:
        self.url = f"unix://{folder}/served"
        self.requests: list[bytes] = []
        self.connections = connections
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(f"{folder}/served")
        self.listener.listen()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        for answers in self.connections:
            line, _ = self.listener.accept()
            with line:
                for answer in answers:
                    data = b""
                    while b"</methodCall>" not in data and not (data.startswith(b"GET") and b"\r\n\r\n" in data):
                        data += line.recv(65536)
                    self.requests.append(data)
                    line.sendall(answer)

    def close(self) -> None:
        self.thread.join(30)
        self.listener.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    made: list[Served] = []

    def serve(*connections: Sequence[bytes]) -> Served:
        made.append(Served(tmp_path, connections))
        return made[-1]

    yield serve
    for one in made:
        one.close()


def answer(value: Any, *fields: str, length: bool = True, version: str = "1.1") -> bytes:
    body = server.response(value)
    head = [f"HTTP/{version} 200 OK", *([f"Content-Length: {len(body)}"] if length else []), *fields]
    return "".join(f"{row}\r\n" for row in (*head, "")).encode() + body


def test_calls_share_a_connection_while_the_server_keeps_it(served: Callable[..., Served]) -> None:
    server = served(
        [answer("a"), answer("b", "Connection: close")],
        [answer("c", version="1.0")],
        [answer("d", length=False)],
        [answer("e")],
    )
    line = wire.Connection(server.url, "me", "se:crét")
    assert [line.call("x.y", n) for n in range(5)] == list("abcde")
    line.close()
    assert b"\r\nAuthorization: Basic bWU6c2U6Y3LDqXQ=\r\n" in server.requests[0]


def test_a_kept_connection_that_the_server_closed_meanwhile(served: Callable[..., Served]) -> None:
    """As a proxy does while somebody thinks about what to type to `fg`. What was sent once is not sent again."""
    server = served([answer("a")], [answer("b"), b""])
    line = wire.Connection(server.url)
    assert line.call("x.y") == "a"
    assert line._exchange is not None
    assert select.select([line._exchange.line], [], [], 30)[0]
    assert line.call("x.y") == "b"
    with pytest.raises(wire.RemoteDisconnected):
        line.call("x.y")
    assert len(server.requests) == 3
    line.close()


def test_an_answer_in_chunks(served: Callable[..., Served]) -> None:
    body = server.response("words")
    chunks = (
        b"".join(b"%x;odd\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:])) + b"0\r\nField: x\r\n\r\n"
    )
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    line = wire.Connection(served([head + chunks, answer("next")]).url)
    assert [line.call("x.y"), line.call("x.y")] == ["words", "next"]
    line.close()


def test_a_followed_log_names_any_process(served: Callable[..., Served]) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    server = served([head + b"2\r\ngr\r\n2\r\n\xc3\xbc\r\n0\r\n\r\n"])
    shown: list[str] = []
    wire.LogStream(server.url, None, None, "/logtail/50%:é/stdout").show(shown.append)
    assert "".join(shown) == "grü"
    assert server.requests[0].startswith(b"GET /logtail/50%25:%C3%A9/stdout HTTP/1.1\r\n")


# --- completion ------------------------------------------------------------------------------------------------------


class Offline(Controller):
    """One that knows its processes."""

    def processes(self) -> list[dict[str, Any]]:
        return [{"group": group, "name": name} for group, name in (("a", "a"), ("g", "x"), ("g", "y"), ("a-b", "a-b"))]


COMPLETIONS = {
    "": ("", ["help ", "start ", "status "]),
    "st": ("st", ["start ", "status "]),
    "start ": ("", ["a ", "g:x ", "g:* ", "g:y ", "a-b "]),
    "start g:": ("g:", ["g:x ", "g:* ", "g:y "]),
    "start a:": ("a:", ["a:a ", "a:* "]),
    "update ": ("", ["a ", "g ", "a-b "]),
    "help s": ("s", ["start ", "status "]),
    "h s": ("s", []),
    "el ": ("", []),
    "avail a": ("a", []),
}


@pytest.mark.parametrize("line", COMPLETIONS)
def test_completion(line: str) -> None:
    ctl = Offline(Settings())
    ctl.vocab = ["help", "start", "status"]
    text, found = COMPLETIONS[line]
    assert completions(ctl, text, line) == found
    assert [ctl.complete(text, at, line) for at in range(len(found) + 1)] == [*found, None]


def test_completion_among_thousands() -> None:
    """readline asks for one name after the other: they are looked for once."""
    asked = []

    class Crowded(Controller):
        def processes(self) -> list[dict[str, Any]]:
            asked.append(1)
            return [{"group": f"g{n // 10}", "name": f"n{n}"} for n in range(2000)]

    ctl, found = Crowded(Settings()), 0
    while ctl.complete("g", found, "start g"):
        found += 1
    assert (found, len(asked)) == (2200, 1)


# --- what it loads ---------------------------------------------------------------------------------------------------

HEAVY = {
    *("anyio", "argparse", "ast", "asyncio", "cmd", "dataclasses", "email", "functools", "getopt", "h11", "http"),
    *("iniconfig", "json", "logging", "msgpack", "psutil", "re", "readline", "selectors", "shlex", "signal", "socket"),
    *("subprocess", "textwrap", "threading", "typing", "urllib", "xmlrpc"),
}
WITH_A_FILE = {"iniconfig"}


def loaded(words: Sequence[str], cwd: Path) -> set[str]:
    """The modules that a command loads beyond what the interpreter itself does."""
    boot = f"import sys; sys.path.insert(0, {str(ROOT)!r}); sys.argv[0] = 'supervisorctl'"
    names = []
    for script in ("pass", f"{boot}; from minisup.__main__ import main; main()"):
        done = subprocess.run(
            [sys.executable, "-I", "-X", "importtime", "-c", script, *words],
            capture_output=True,
            text=True,
            cwd=cwd,
            check=False,
        )
        rows = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
        names.append({row.rpartition("|")[2].strip() for row in rows})
    assert "no such file" in done.stdout
    return names[1] - names[0]


def test_a_command_loads_next_to_nothing(tmp_path: Path) -> None:
    found = loaded(["-s", "unix:///nowhere/s", "status"], tmp_path)
    assert {name for name in found if name.startswith("minisup")} == {
        *("minisup", "minisup.__main__", "minisup.cli", "minisup.cli.main", "minisup.cli.ctl", "minisup.cli.switches"),
        *("minisup.config", "minisup.ctl", "minisup.ctl.commands", "minisup.ctl.controller", "minisup.ctl.logs"),
        *("minisup.ctl.settings", "minisup.ctl.wire", "minisup.errors", "minisup.names", "minisup.protocol"),
        *("minisup.protocol.xmlrpc_calls", "minisup.states"),
    }
    assert found & HEAVY == set()


def test_a_configuration_loads_its_reader_only(tmp_path: Path) -> None:
    (tmp_path / "supervisord.conf").write_text("[supervisorctl]\nserverurl=unix://%(here)s/s\n")
    found = loaded(["status"], tmp_path)
    assert (
        found & {"anyio", "asyncio", "dataclasses", "h11", "http", "email", "xmlrpc", "msgpack", "psutil", "socket"}
        == set()
    )
    assert found & WITH_A_FILE == WITH_A_FILE


# --- what is mended --------------------------------------------------------------------------------------------------


def ctl(*words: str, cwd: Path, stdin: str = "", env: dict[str, str] | None = None) -> tuple[int, str, str]:
    done = subprocess.run(
        [*COMMAND, *words],
        input=stdin,
        capture_output=True,
        text=True,
        cwd=cwd,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
    )
    return done.returncode, done.stdout, done.stderr


BROKEN = {
    "a line that is no option": ("[supervisorctl]\nwords\n", "c.conf:2: cannot read 'words'"),
    "no section": ("words\n[supervisorctl]\n", "c.conf:1: cannot read 'words': no [section] stands before it"),
    "no such module": (
        "[supervisorctl]\n[ctlplugin:x]\n\nsupervisor.ctl_factory=nowhere:make\n",
        "c.conf:4: supervisor.ctl_factory: nowhere:make cannot be resolved within [ctlplugin:x]: "
        "No module named 'nowhere'",
    ),
    "no such name": (
        "[supervisorctl]\n[ctlplugin:x]\nsupervisor.ctl_factory=plug:nothing\n",
        "c.conf:3: supervisor.ctl_factory: plug:nothing cannot be resolved within [ctlplugin:x]: "
        "module 'plug' has no attribute 'nothing'",
    ),
    "a module that fails": (
        "[supervisorctl]\n[ctlplugin:x]\nsupervisor.ctl_factory=broken:make\n",
        "c.conf:3: supervisor.ctl_factory: broken:make cannot be resolved within [ctlplugin:x]: ZeroDivisionError: ",
    ),
    "a factory that fails": (
        "[supervisorctl]\n[ctlplugin:x]\nsupervisor.ctl_factory=plug:make\nodd=1\n",
        "c.conf:3: cannot make [ctlplugin:x]: TypeError: ",
    ),
}

PLUGIN = '''
import threading
import xmlrpc.client
from minisup.ctl.controller import ControllerPluginBase

class Plugin(ControllerPluginBase):
    def __init__(self, controller, word="none"):
        super().__init__(controller)
        self.word = word

    def do_names(self, arg):
        """Names of all processes."""
        if self.ctl.upcheck():
            names = [info["name"] for info in self.ctl.get_supervisor().getAllProcessInfo()]
            self.ctl.output(f"{self.name} {self.word} {arg!r} {sorted(names)}")

    def do_try(self, arg):
        try:
            self.ctl.get_server_proxy("supervisor").startProcess(arg)
        except xmlrpc.client.Fault as fault:
            self.ctl.output(f"caught {fault.faultCode} {fault.faultString}")
            self.ctl.set_exitstatus_from_xmlrpc_fault(fault.faultCode)

    def help_try(self):
        self.ctl.output("Start, and see.")

    def do_many(self, arg):
        threads = [threading.Thread(target=self.ctl.onecmd, args=(f"pid {name}",)) for name in arg.split()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def do_bare(self, arg):
        self.ctl.output(str(sorted(self.ctl.get_server_proxy().system.listMethods())[:1]))

make = Plugin
'''


@pytest.mark.slow
@pytest.mark.parametrize("name", BROKEN)
def test_a_configuration_that_cannot_be_used(name: str, tmp_path: Path) -> None:
    text, complaint = BROKEN[name]
    (tmp_path / "c.conf").write_text(text)
    (tmp_path / "plug.py").write_text(PLUGIN)
    (tmp_path / "broken.py").write_text("1 / 0")
    code, out, err = ctl("-c", "c.conf", "version", cwd=tmp_path, env={"PYTHONPATH": f"{ROOT}:{tmp_path}"})
    assert (code, out) == (2, "")
    assert err.startswith(f"Error: {complaint}")
    assert err.endswith("\nFor help, use minisup ctl -h\n")


@pytest.mark.slow
def test_text_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "c.conf").write_bytes(b"[supervisorctl]\n; \xff\n")
    assert ctl("-c", "c.conf", "version", cwd=tmp_path)[2].startswith("Error: c.conf: 'utf-8' codec can't decode")


@pytest.mark.slow
def test_called_supervisorctl(tmp_path: Path) -> None:
    link = tmp_path / "supervisorctl"
    link.symlink_to(Path(sys.executable).parent / "minisup")
    done = subprocess.run([link, "-x"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, f"Error: option -x not recognized\nFor help, use {link} -h\n")
    done = subprocess.run([link, "-h"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, f"Usage: {link} [options] [command ...]")


@pytest.mark.slow
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_nobody_reads(unbuffered: str) -> None:
    """As of ``minisup ctl help | true``: no word about it."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as gone:
        env = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
        done = subprocess.run([*COMMAND, "help"], stdout=gone, stderr=subprocess.PIPE, cwd=ROOT, check=False, env=env)
    assert done.stderr == b""


SILENCED = {
    "nobody writes, reads or listens": ("help <&- >&- 2>&-", 0, ""),
    "help that nobody reads": ("-h >&-", 0, ""),
    "a shell without its input": ("-s unix:///nowhere/s <&- >&-", 0, ""),
    "a full disk": ("-s unix:///nowhere/s version >/dev/full", 1, "No space left on device"),
    "help on a full disk": ("-h >/dev/full", 1, "No space left on device"),
    "what cannot be said": ("\u00e9", 1, "'ascii' codec can't encode character '\\xe9'"),
}


@pytest.mark.slow
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("name", SILENCED)
def test_what_cannot_be_written(name: str, unbuffered: str, tmp_path: Path) -> None:
    """One line where it is a loss, and no traceback."""
    words, code, why = SILENCED[name]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": unbuffered, "PYTHONIOENCODING": "ascii"}
    line = f"exec {' '.join(COMMAND)} {words}"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, cwd=tmp_path, check=False, env=env)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(f"Error: cannot write to stdout: {why}" if why else "")
    assert done.stderr.count("\n") == (1 if why else 0)


# --- with daemons ----------------------------------------------------------------------------------------------------

CONFIG = (
    program("cat", "/bin/cat", startsecs=0)
    + program("off", "/bin/cat", autostart="false")
    + program("slow", "/bin/cat", autostart="false", startsecs=600)
)


@pytest.fixture(scope="module", params=[REAL, MINISUP])
def peer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """A daemon of each kind, asked by our client."""
    oracle_venv()
    with Peer(f"{request.param}/ctl", tmp_path_factory.mktemp("peer") / "x") as peer:
        peer.write("s.conf", case.HEAD + CONFIG)
        peer.start(("-n", "-c", "@DIR@/s.conf"))
        assert peer.wait_ready()
        until(lambda: peer.call("supervisor.getProcessInfo", "cat")["statename"] == "RUNNING")
        yield peer


def typed(
    peer: Peer, script: Sequence[tuple[str, str | Callable[[], str]]], *words: str, options: Sequence[str] = ()
) -> tuple[int, str]:
    command = [*client_of("ctl"), "-s", f"unix://{peer.folder}/s.sock", *options, *words]
    return on_terminal(command, script, {**peer.environment({"TERM": "dumb"})}, peer.folder)


@pytest.mark.slow
def test_fg_leaves_at_once(peer: Peer) -> None:
    """Ctrl-C and the end of the input are noticed although the process says nothing more."""
    status, shown = typed(peer, [("<==", "hello\n"), ("hello\r\n", ""), ("hello\r\n", CTRL_C)], "fg", "cat")
    assert status == 0
    assert shown.startswith("==> Press Ctrl-C to exit <==\n")
    assert shown.endswith("Exiting foreground\n")
    status, shown = typed(peer, [("<==", EOF)], "fg", "cat")
    assert (status, shown.splitlines()[-1]) == (0, "Exiting foreground")
    assert peer.supervisorctl("fg", "cat")[0] == 0  # its input is at its end from the first moment


@pytest.mark.slow
def test_fg_notices_that_the_process_is_gone(peer: Peer) -> None:
    def stopped() -> str:
        peer.call("supervisor.stopProcess", "off")
        return "hello\n"

    peer.call("supervisor.startProcess", "off")
    status, shown = typed(peer, [("<==", stopped)], "fg", "off")
    assert status == 0
    assert shown.endswith("hello\nProcess got killed\nExiting foreground\n")


@pytest.mark.slow
def test_fg_in_a_shell(peer: Peer) -> None:
    script = [("> ", "fg cat\n"), ("<==", "words\n"), ("words\r\n", ""), ("words\r\n", CTRL_C)]
    script.append(("foreground\r\nsupervisor> ", EOF))
    status, shown = typed(peer, script)
    assert status == 0
    assert "Exiting foreground\nsupervisor> \n" in shown


@pytest.mark.slow
def test_history(peer: Peer) -> None:
    """`-r` counts, over what the configuration says, and is there the next time."""
    peer.write("h.conf", "[supervisorctl]\nserverurl=unix://%(here)s/s.sock\nhistory_file=%(here)s/lines\n")
    options = ("-c", f"{peer.folder}/h.conf")
    assert typed(peer, [("> ", "version\n"), ("> ", EOF)], options=options)[0] == 0
    assert peer.read("lines") == "version\n"
    options = (*options, "-r", f"{peer.folder}/others")
    assert typed(peer, [("> ", "pid nope\n"), ("> ", EOF)], options=options)[0] == 0
    assert (peer.read("lines"), peer.read("others")) == ("version\n", "pid nope\n")
    status, shown = typed(peer, [("> ", "\x10\n"), ("process nope\r\nsupervisor> ", EOF)], options=options)
    assert status == 0
    assert "No such process nope\n" in shown


@pytest.mark.slow
def test_signals_end_it(peer: Peer) -> None:
    """All of them were held back at the start, for the daemon's sake; Ctrl-C leaves no traceback."""
    for signum, status in ((signal.SIGINT, 130), (signal.SIGTERM, -15), (signal.SIGHUP, -1), (signal.SIGQUIT, -3)):
        process = subprocess.Popen(
            [*client_of("ctl"), "-s", f"unix://{peer.folder}/s.sock", "start", "slow"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=peer.folder,
        )
        with process:
            assert process.stdout is not None
            until(lambda: peer.call("supervisor.getProcessInfo", "slow")["statename"] == "STARTING")
            until(lambda process=process: is_idle(process.pid))
            process.send_signal(signum)
            assert (process.wait(30), process.stdout.read()) == (status, b"")
        peer.call("supervisor.stopProcess", "slow")


@pytest.mark.slow
def test_a_group_is_cleared(peer: Peer) -> None:
    assert peer.supervisorctl("clear", "cat:*") == (0, "cat: cleared\n", "")
    assert peer.supervisorctl("clear", "nope:*") == (1, "nope: ERROR (no such group)\n", "")


@pytest.mark.slow
def test_a_log_is_shown_from_as_far_back_as_it_goes(peer: Peer) -> None:
    peer.call("supervisor.sendProcessStdin", "cat", "far back\n")
    until(lambda: peer.supervisorctl("tail", "-99999999999", "cat")[1].endswith("far back\n\n"))


@pytest.mark.slow
def test_plugins(peer: Peer) -> None:
    peer.write("plug.py", PLUGIN)
    section = "[supervisorctl]\nserverurl=unix://%(here)s/s.sock\n[ctlplugin:{}]\nsupervisor.ctl_factory=plug:make\n"
    peer.write("p.conf", section.format("first") + "word=%(ENV_LANG)s\n" + section.format("second").split("\n", 2)[2])

    def asked(*words: str) -> tuple[int, str, str]:
        return peer.supervisorctl(*words, options=("-c", "@DIR@/p.conf"), env={"PYTHONPATH": str(peer.folder)})

    assert asked("names", "a b") == (0, "first C.UTF-8 'a b' ['cat', 'off', 'slow']\n", "")
    assert asked("try", "nope") == (1, "caught 10 BAD_NAME: nope\n", "")
    assert asked("bare") == (0, f"{sorted(peer.call('system.listMethods'))[:1]}\n", "")
    status, out, _ = asked("many", "off off nope")
    assert (status in (1, 7), sorted(out.splitlines())) == (True, ["0", "0", "No such process nope"])
    assert asked("help", "names")[1] == "Names of all processes.\n"
    assert asked("help", "try")[1] == "Start, and see.\n"
    assert asked("help", "nope")[1] == "*** No help on nope\n"
    listed = asked("help")[1]
    assert "\nfirst commands (type help <topic>):\n===================================\nnames  try\n" in listed
    assert listed.count("names  try") == 2
    assert asked("version")[1] == peer.call("supervisor.getSupervisorVersion") + "\n"


@pytest.mark.slow
@pytest.mark.skipif(not (CLIENTS / ".installed").exists(), reason="needs the clients: make .venv-clients/.installed")
def test_plugins_that_others_wrote(peer: Peer) -> None:
    """supervisor-wildcards and supervisor-serialrestart on the base class of the real supervisor."""
    (folder,) = (CLIENTS / "lib").glob("python3*/site-packages")
    peer.write(
        "w.conf",
        "[supervisorctl]\nserverurl=unix://%(here)s/s.sock\n"
        "[ctlplugin:wildcards]\n"
        "supervisor.ctl_factory=supervisorwildcards.controllerplugin:make_wildcards_controllerplugin\n"
        "[ctlplugin:serialrestart]\n"
        "supervisor.ctl_factory=supervisorserialrestart.controllerplugin:make_serialrestart_controllerplugin\n",
    )

    def asked(*words: str) -> list[str]:
        status, out, err = peer.supervisorctl(
            *words, options=("-c", "@DIR@/w.conf"), env={"PYTHONPATH": str(folder), "PYTHONWARNINGS": "ignore"}
        )
        assert (status, err) == (0, "")
        return sorted(out.splitlines())

    assert asked("mstart", "o*") == ["off: started"]
    assert asked("mstart", "[co]*") == ["cat: ERROR (already started)", "off: ERROR (already started)"]
    assert asked("mstop", "o*") == ["off: stopped"]
    assert asked("mstop", "nobody*") == ["No process matched given expression."]
    assert asked("serialrestart", "c?t") == ["cat: started", "cat: stopped"]
    assert asked("help", "serialrestart")[-1].startswith("serialrestart")
    assert "serialrestart" in " ".join(asked("help"))


@pytest.mark.slow
def test_listeners(peer: Peer, tmp_path: Path) -> None:
    status, out, err = peer.supervisorctl("listeners")
    if peer.kind == REAL:
        url = f"unix://{peer.folder}/s.sock"
        assert (status, out, err) == (3, f"ERROR: cannot ask {url} for its listeners: it is no minisup\n", "")
        return
    assert (status, out, err) == (0, "", "")
    with Peer(f"{MINISUP}/ctl", tmp_path / "x") as other:
        listener = "[eventlistener:tell]\ncommand=/bin/sh -c 'echo READY; exec sleep 600'\nevents=TICK_3600\n"
        other.write("s.conf", case.HEAD + listener)
        other.start(("-n", "-c", "@DIR@/s.conf"))
        assert other.wait_ready()
        until(lambda: "READY" in other.supervisorctl("listeners")[1])
        pid = other.call("supervisor.getProcessInfo", "tell")["pid"]
        row = f"tell                             READY         pid {pid}, 0 of 10 buffered, 0 delivered, 0 rejected"
        assert other.supervisorctl("listeners") == (0, f"{row}, 0 discarded\n", "")
        assert other.supervisorctl("listeners", "x")[1].startswith("Error: listeners accepts no arguments\n")


def test_the_controller_is_what_plugins_know() -> None:
    ctl = Controller(Settings(), stdout=sys.stdout)
    names = {
        *("exitstatus", "get_server_proxy", "get_supervisor", "nohelp", "onecmd", "options", "output", "prompt"),
        *("set_exitstatus_from_xmlrpc_fault", "stdout", "upcheck", "vocab"),
    }
    assert [name for name in names if not hasattr(ctl, name)] == []
    assert ControllerPluginBase(ctl).doc_header == "unnamed commands (type help <topic>):"

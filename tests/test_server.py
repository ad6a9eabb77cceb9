"""The control sockets with real connections, on asyncio and trio."""

import errno
import os
import socket
import xmlrpc.client
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream
from fake_port import FakePort

from minisup.config import schema
from minisup.control import server, tail
from minisup.core.roster import Group
from minisup.protocol.http import Receiver
from minisup.specs import DaemonSpec, GroupSpec, LogSpec, PluginSpec, ProcessSpec, ServerSpec
from minisup.states import ProcessStates

pytestmark = pytest.mark.anyio

STATE = xmlrpc.client.dumps((), "supervisor.getState").encode()


def post(method: str, *params: Any, version: str = "1.1", more: str = "", path: str = "/RPC2") -> bytes:
    body = xmlrpc.client.dumps(params, method).encode()
    return f"POST {path} HTTP/{version}\r\n{more}Content-Length: {len(body)}\r\n\r\n".encode() + body


def get(path: str, version: str = "1.1", more: str = "", method: str = "GET") -> bytes:
    return f"{method} {path} HTTP/{version}\r\n{more}\r\n".encode()


class Client:
    """One connection, and what came over it."""

    def __init__(self, stream: SocketStream) -> None:
        self.stream = stream
        self.buffer = b""

    async def say(self, data: bytes) -> None:
        await self.stream.send(data)

    async def until(self, mark: bytes) -> bytes:
        while mark not in self.buffer:
            self.buffer += await self.stream.receive()
        found, _, self.buffer = self.buffer.partition(mark)
        return found

    async def count(self, length: int) -> bytes:
        while len(self.buffer) < length:
            self.buffer += await self.stream.receive()
        found, self.buffer = self.buffer[:length], self.buffer[length:]
        return found

    async def head(self) -> tuple[str, dict[str, str]]:
        first, *lines = (await self.until(b"\r\n\r\n")).decode().split("\r\n")
        return first, dict(line.split(": ", 1) for line in lines)

    async def reply(self) -> tuple[int, bytes]:
        first, fields = await self.head()
        return int(first.split()[1]), await self.count(int(fields["Content-Length"]))

    async def call(self, method: str, *params: Any, **options: Any) -> Any:
        await self.say(post(method, *params, **options))
        status, body = await self.reply()
        assert status == 200
        return xmlrpc.client.loads(body)[0][0]

    async def chunk(self) -> bytes:
        data = await self.count(int(await self.until(b"\r\n"), 16))
        assert await self.count(2) == b"\r\n"
        return data

    async def rest(self) -> bytes:
        """All that comes until the server closes."""
        try:
            while True:
                self.buffer += await self.stream.receive()
        except anyio.EndOfStream:
            return self.buffer


class Served:
    """A server on a unix socket, and its clients."""

    def __init__(self, path: Path, port: FakePort) -> None:
        self.path = path
        self.port = port
        self.scope = anyio.CancelScope()
        self.ended = anyio.Event()

    async def run(self, **options: Any) -> None:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.path))
        listener.listen()
        listener.setblocking(False)
        with self.scope:
            await server.serve([(ServerSpec("unix_http_server", str(self.path), **options), listener)], self.port)
        assert listener.fileno() == -1
        self.ended.set()

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        async with await anyio.connect_unix(str(self.path)) as stream:
            yield Client(stream)


@asynccontextmanager
async def serving(path: Path, port: FakePort, **options: Any) -> AsyncIterator[Served]:
    served = Served(path / "s.sock", port)
    async with anyio.create_task_group() as group:
        with anyio.fail_after(10):
            group.start_soon(lambda: served.run(**options))
            while not served.path.exists():
                await anyio.lowlevel.checkpoint()
            yield served
            served.scope.cancel()
            await served.ended.wait()


@pytest.fixture
def port() -> FakePort:
    return FakePort()


# --- requests and replies -------------------------------------------------------------------------------------------

STATUSES: dict[str, tuple[bytes, int, bool]] = {
    "a call": (post("supervisor.getState"), 200, True),
    "prefix": (post("supervisor.getState", path="/RPC2xyz?q"), 200, True),
    "prefix, decoded": (post("supervisor.getState", path="/%52PC2"), 200, True),
    "prefix with a slash": (post("supervisor.getState", path="/RPC2/"), 200, True),
    "a call by 1.0": (post("supervisor.getState", version="1.0"), 200, False),
    "a call that closes": (post("supervisor.getState", more="Connection: close\r\n"), 200, False),
    "no call": (b"POST /RPC2 HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", 400, True),
    "an empty body": (b"POST /RPC2 HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 400, True),
    "a body that is not UTF-8": (b"POST /RPC2 HTTP/1.1\r\nContent-Length: 1\r\n\r\n\xff", 400, True),
    "no length": (b"POST /RPC2 HTTP/1.1\r\n\r\n", 411, False),
    "chunked": (b"POST /RPC2 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411, False),
    "wrong method": (get("/RPC2"), 400, True),
    "too long": (b"POST /RPC2 HTTP/1.1\r\nContent-Length: 99999999\r\n\r\nhello", 413, False),
    "not a call, too long": (b"GET /nope HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 413, False),
    "a length, and no length of its parts": (
        post("supervisor.getState", more="Transfer-Encoding: identity\r\n"),
        200,
        True,
    ),
    "a later version": (post("supervisor.getState", version="2.0"), 200, True),
    "an earlier version": (post("supervisor.getState", version="0.9"), 200, False),
    "not HTTP": (b"\x16\x03\x01\r\n\r\n", 400, False),
    "an exception": (post("supervisor.startProcess", 5), 500, True),
    "health": (get("/ok.html"), 200, True),
    "health, decoded": (get("/ok%2Ehtml?x"), 200, True),
    "health, posted": (b"POST /ok.html HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", 200, True),
    "health, posted without a length": (b"POST /ok.html HTTP/1.1\r\n\r\n", 411, False),
    "health, put": (b"PUT /ok.html HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", 400, True),
    "health, a part of it": (get("/ok.html#x"), 200, True),
    "health, two slashes": (get("//ok.html"), 200, True),
    "a body that nobody wants": (b"POST /nope HTTP/1.1\r\nContent-Length: 4\r\n\r\n\r\nxx", 400, True),
    "nothing there": (get("/nope"), 404, True),
    "the root": (get("/"), 200, True),
    "nothing to put": (get("/nope", method="PUT"), 400, True),
    "tail of nobody": (get("/logtail/nope"), 404, True),
    "tail of a group": (get("/logtail/web:*"), 404, True),
    "tail of nothing": (get("/logtail"), 404, True),
    "tail of no file": (get("/logtail/solo"), 404, True),
    "tail of another channel": (get("/logtail/solo/stdin"), 404, True),
    "tail posted": (post("x", path="/logtail/solo"), 400, True),
    "main tail of no file": (get("/mainlogtail"), 404, True),
    "main tail posted": (post("x", path="/mainlogtail"), 400, True),
}


@pytest.mark.parametrize("case", STATUSES)
async def test_statuses_and_whether_the_connection_stays(tmp_path: Path, port: FakePort, case: str) -> None:
    data, status, stays = STATUSES[case]
    async with serving(tmp_path, port) as served, served.client() as client:
        await client.say(data)
        assert (await client.reply())[0] == status
        if stays:
            assert (await client.call("supervisor.getState"))["statecode"] == 1
        else:
            assert await client.rest() == b""


async def test_a_body_in_pieces_and_requests_in_a_row(tmp_path: Path, port: FakePort) -> None:
    async with serving(tmp_path, port) as served, served.client() as client:
        data = post("supervisor.getState")
        await client.say(data + data[:50])
        assert (await client.reply())[0] == 200
        await client.say(data[50:] + b"\r\n" + data * (2 * server.IN_A_ROW))
        for _ in range(2 * server.IN_A_ROW + 1):
            assert (await client.reply())[0] == 200


async def test_a_good_answer_is_the_end_at_once_where_the_client_wants_that(
    tmp_path: Path, port: FakePort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "LINGER", 60)
    async with serving(tmp_path, port) as served:
        for said in (
            post("supervisor.getState", more="Connection: close\r\n"),
            post("supervisor.getState", version="1.0"),
            get("/nope", "1.0"),
        ):
            async with served.client() as client:
                await client.say(said)
                await client.rest()
                # Not only our direction: nobody is there any more who would swallow what we say.
                with pytest.raises(anyio.BrokenResourceError):
                    await client.say(b"x")


async def test_an_answer_that_a_client_does_not_wait_for_is_not_taken_back(port: FakePort) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    spec = ServerSpec("inet_http_server", None, "127.0.0.1", username="user", password="pass")
    length = 2_000_000
    said = f"POST /RPC2 HTTP/1.1\r\nContent-Length: {length}\r\n\r\n".encode() + bytes(length)
    async with anyio.create_task_group() as group:
        group.start_soon(server.serve, [(spec, listener)], port)
        with anyio.fail_after(10):
            async with await anyio.connect_tcp("127.0.0.1", listener.getsockname()[1]) as stream:
                await stream.send(said)
                assert (await Client(stream).reply())[0] == 401
        group.cancel_scope.cancel()


async def test_the_length_of_an_answer_is_in_bytes(tmp_path: Path, port: FakePort) -> None:
    spec = GroupSpec("größe", processes=(ProcessSpec("größe", "x"),))
    port.groups = {"größe": Group(spec)}
    async with serving(tmp_path, port) as served, served.client() as client:
        for _ in range(2):
            [status] = await client.call("supervisor.startAllProcesses")
            assert status["name"] == "größe"


async def test_no_body_is_sent_on_head(tmp_path: Path, port: FakePort) -> None:
    async with serving(tmp_path, port) as served, served.client() as client:
        await client.say(get("/nope", method="HEAD") + post("supervisor.getState"))
        first, fields = await client.head()
        assert (first, fields["Content-Length"]) == ("HTTP/1.1 404 Not Found", "134")
        assert (await client.reply())[0] == 200


async def test_the_standard_client_over_tcp(port: FakePort) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    url = f"http://user:pä%3Ass@127.0.0.1:{listener.getsockname()[1]}"
    spec = ServerSpec("inet_http_server", None, "127.0.0.1", username="user", password="pä:ss")

    def client() -> Any:
        with xmlrpc.client.ServerProxy(url) as proxy:
            return proxy.supervisor.getIdentification(), proxy.system.listMethods()[0]

    async with anyio.create_task_group() as group:
        group.start_soon(server.serve, [(spec, listener)], port)
        with anyio.fail_after(10):
            assert await anyio.to_thread.run_sync(client) == ("wheel", "supervisor.addProcessGroup")
        group.cancel_scope.cancel()


# --- who may, and how many ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/RPC2", "/nope", "/", "/ok.html", "/tail.html", "/logtail/x", "/mainlogtail"])
async def test_everything_asks_for_the_password(tmp_path: Path, port: FakePort, path: str) -> None:
    async with serving(tmp_path, port, username="user", password="pass") as served:
        async with served.client() as client:
            await client.say(get(path) + get(path))
            first, fields = await client.head()
            assert (first, fields["WWW-Authenticate"]) == ("HTTP/1.1 401 Unauthorized", 'Basic realm="default"')
            body = await client.rest()
            assert len(body) == int(fields["Content-Length"])
        async with served.client() as client:
            await client.say(get(path, more="Authorization: Basic dXNlcg==\r\n"))
            assert (await client.reply())[0] == 400
        async with served.client() as client:
            await client.say(post("supervisor.getState", more="Authorization: Basic dXNlcjpwYXNz\r\n"))
            assert (await client.reply())[0] == 200


async def test_an_empty_user_name_asks_for_nothing(tmp_path: Path, port: FakePort) -> None:
    async with serving(tmp_path, port, username="", password="pass") as served, served.client() as client:
        assert await client.call("supervisor.getVersion") == "3.0"


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How much a receiver held, each time that it was fed; one that held nothing before is not counted."""
    held: list[int] = []
    feed = Receiver.feed

    def feed_counted(receiver: Receiver, data: bytes) -> None:
        feed(receiver, data)
        held.append(receiver.buffered)

    monkeypatch.setattr(Receiver, "feed", feed_counted)
    return held


@asynccontextmanager
async def busy(served: Served) -> AsyncIterator[Client]:
    """A client whose call waits until the gate of the port is opened."""
    port = served.port
    port.gate, port.waiting = anyio.Event(), anyio.Event()
    async with served.client() as client:
        await client.say(post("supervisor.startProcess", "solo"))
        await port.waiting.wait()
        yield client


STRANGERS: dict[str, tuple[str, int, dict[str, Any]]] = {
    "no password": ("POST /RPC2", 401, {"username": "user", "password": "pass"}),
    "nothing there": ("POST /nope", 400, {}),
    "not to be posted": ("POST /logtail/x", 400, {}),
    "a page": ("POST /ok.html", 200, {}),
}


async def stranger(served: Served, line: str) -> int:
    """Begins to send a long body before it looks at the answer; the status of that."""
    async with served.client() as client:
        await client.say(f"{line} HTTP/1.0\r\nContent-Length: {4 * 1024 * 1024}\r\n\r\n".encode())
        await client.say(bytes(8 * server.READ))
        return (await client.reply())[0]


@pytest.mark.slow
@pytest.mark.parametrize("case", STRANGERS)
async def test_a_body_that_nobody_reads_costs_no_memory(
    tmp_path: Path, port: FakePort, held: list[int], case: str
) -> None:
    line, status, options = STRANGERS[case]
    answered: list[int] = []

    async def one(served: Served) -> None:
        answered.append(await stranger(served, line))

    async with serving(tmp_path, port, **options) as served, anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(one, served)
    assert answered == [status] * 100
    assert max(held) <= server.READ


async def test_the_body_of_one_too_many_costs_no_memory(tmp_path: Path, port: FakePort, held: list[int]) -> None:
    async with serving(tmp_path, port, max_connections=1) as served, busy(served):
        assert await stranger(served, "POST /RPC2") == 503
    assert max(held) <= server.READ


REFUSED_BY_HEAD: dict[str, tuple[str, int, dict[str, Any]]] = {
    **STRANGERS,
    "too long": ("POST /RPC2", 413, {"max_body": 999}),
}


@pytest.mark.parametrize("case", REFUSED_BY_HEAD)
async def test_who_is_answered_by_the_head_need_not_send_the_body(tmp_path: Path, port: FakePort, case: str) -> None:
    line, status, options = REFUSED_BY_HEAD[case]
    async with serving(tmp_path, port, **options) as served, served.client() as client:
        await client.say(f"{line} HTTP/1.1\r\nContent-Length: 1000\r\n\r\n".encode())
        assert (await client.reply())[0] == status


async def test_one_connection_too_many(tmp_path: Path, port: FakePort) -> None:
    async with serving(tmp_path, port, max_connections=1) as served:
        async with busy(served) as first:
            for said in (post("supervisor.getState"), b"nonsense\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n"):
                async with served.client() as second:
                    await second.say(said)
                    assert (await second.reply())[0] == 503
                    await second.stream.send_eof()
                    assert await second.rest() == b""
            assert port.gate is not None
            port.gate.set()
            assert (await first.reply())[0] == 200
            await first.call("supervisor.getState")
            await first.stream.send_eof()
            assert await first.rest() == b""
        async with served.client() as third:
            await third.call("supervisor.getState")


async def test_far_too_many_connections(tmp_path: Path, port: FakePort) -> None:
    async with (
        serving(tmp_path, port, max_connections=1) as served,
        busy(served),
        served.client() as second,
        served.client() as third,
    ):
        assert await third.rest() == b""
        await second.say(post("supervisor.getState"))
        assert (await second.reply())[0] == 503


async def test_who_has_been_idle_for_longest_gives_way(tmp_path: Path, port: FakePort) -> None:
    async with (
        serving(tmp_path, port, max_connections=3) as served,
        busy(served),
        served.client() as first,
        served.client() as second,
    ):
        for client in (first, second, first):
            await client.call("supervisor.getVersion")
            await anyio.sleep(0.002)  # their clock has to go on
        async with served.client() as third, served.client() as fourth:
            await third.call("supervisor.getVersion")
            assert await second.rest() == b""
            await fourth.call("supervisor.getVersion")
            assert await first.rest() == b""
            await third.call("supervisor.getVersion")
            await fourth.call("supervisor.getVersion")


BUSY: dict[str, bytes] = {
    "a head has begun": b"GET /ok",
    "a body has begun": b"POST /RPC2 HTTP/1.1\r\nContent-Length: 5\r\n\r\nx",
    "it said nothing yet": b"",
}


@pytest.mark.parametrize("case", BUSY)
async def test_who_is_busy_does_not_give_way(tmp_path: Path, port: FakePort, held: list[int], case: str) -> None:
    async with serving(tmp_path, port, max_connections=1) as served, served.client() as first:
        await first.say(BUSY[case])
        while BUSY[case] and not held:
            await anyio.lowlevel.checkpoint()
        async with served.client() as second:
            await second.say(get("/ok.html"))
            assert (await second.reply())[0] == 503


async def test_who_said_nothing_for_a_while_gives_way(
    tmp_path: Path, port: FakePort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "GRACE", 0)
    async with serving(tmp_path, port, max_connections=1) as served, served.client() as first:
        status = 503
        while status == 503:  # the first may not have been accepted yet
            async with served.client() as second:
                await second.say(get("/ok.html"))
                status, _ = await second.reply()
        assert await first.rest() == b""


async def test_a_request_that_is_here_is_not_cut_off(port: FakePort) -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    connection = server.Connection(server.Site(port), ServerSpec("unix_http_server"), ours, ("localhost", 0))
    with theirs, anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(connection.run, True)
            for said, gives_way in ((get("/ok.html"), False), (b"", True)):
                while connection.idle_since is None:
                    await anyio.lowlevel.checkpoint()
                theirs.send(said)
                assert connection.give_way() == gives_way
                await anyio.wait_readable(theirs)
                assert (b" 200 OK" in theirs.recv(1000)) != gives_way


SILENT: dict[str, tuple[bytes, bytes]] = {
    "from the start": (b"", b""),
    "after blank lines": (b"\r\n", b""),
    "in the head": (b"POST", b"HTTP/1.1 408 Request Timeout"),
    "in a body that nobody wants": (
        b"GET /ok.html HTTP/1.1\r\nContent-Length: 5\r\n\r\n12",
        b"HTTP/1.1 200 OK",
    ),
    "in the body": (b"POST /RPC2 HTTP/1.1\r\nContent-Length: 5\r\n\r\n12", b"HTTP/1.1 408 Request Timeout"),
}


@pytest.mark.parametrize("case", SILENT)
async def test_a_client_that_falls_silent_is_sent_away(tmp_path: Path, port: FakePort, case: str) -> None:
    said, answer = SILENT[case]
    async with serving(tmp_path, port, idle_timeout=0.01) as served, served.client() as client:
        await client.say(said)
        assert (await client.rest()).partition(b"\r\n")[0] == answer


async def test_a_client_that_does_not_read_is_sent_away_and_costs_nobody_else_anything(
    tmp_path: Path, port: FakePort
) -> None:
    log = tmp_path / "main.log"
    log.write_bytes(b"x" * 4_000_000)
    port.main_log = str(log)
    async with serving(tmp_path, port, idle_timeout=0.2) as served, served.client() as lazy:
        await lazy.say(post("supervisor.readLog", 0, 0))
        await anyio.wait_readable(lazy.stream.extra(SocketAttribute.raw_socket))  # its time runs from now on
        async with served.client() as client:
            await client.call("supervisor.getState")
        async with served.client() as silent:  # came later, so its time is up later
            assert await silent.rest() == b""
        assert len(await lazy.rest()) < 4_000_000


async def test_who_was_answered_once_may_think(tmp_path: Path, port: FakePort) -> None:
    """Under supervisord a listener that calls once an hour keeps its connection; the real transport never reopens."""
    async with serving(tmp_path, port, idle_timeout=0.01) as served, served.client() as client:
        await client.call("supervisor.getState")
        async with served.client() as silent:
            assert await silent.rest() == b""
        await client.call("supervisor.getState")
        await client.say(b"POST")
        assert (await client.rest()).startswith(b"HTTP/1.1 408 ")


async def test_a_client_that_leaves_in_the_middle(tmp_path: Path, port: FakePort) -> None:
    async with serving(tmp_path, port) as served:
        for said in (b"", b"POST", post("supervisor.getState"), get("/nope")):
            async with served.client() as client:
                await client.say(said)
        async with served.client() as client:
            await client.call("supervisor.getState")
    assert port.lines == []


async def test_descriptors_run_out_and_come_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, port: FakePort
) -> None:
    troubles = [errno.EMFILE, errno.ECONNABORTED]
    accept = socket.socket.accept

    def accept_or_not(listener: socket.socket) -> Any:
        if troubles:
            trouble = troubles.pop(0)
            raise OSError(trouble, os.strerror(trouble))
        return accept(listener)

    monkeypatch.setattr(server, "SHORTAGE_PAUSE", 0.001)
    monkeypatch.setattr(socket.socket, "accept", accept_or_not)
    async with serving(tmp_path, port) as served, served.client() as client:
        await client.call("supervisor.getState")
    assert port.lines == [("error", f"cannot accept on unix://{served.path}: Too many open files")]


async def test_an_error_of_ours_ends_nothing_but_the_request(tmp_path: Path, port: FakePort) -> None:
    async with serving(tmp_path, port) as served, served.client() as client:
        del port.main_log
        await client.say(get("/mainlogtail"))
        assert (await client.reply())[0] == 500
        await client.call("supervisor.getState")
    [(level, text)] = port.lines
    assert level == "error"
    assert text.startswith("internal error: cannot answer 'GET /mainlogtail HTTP/1.1': AttributeError")


async def test_a_client_with_many_requests_lets_others_in(tmp_path: Path, port: FakePort) -> None:
    async with serving(tmp_path, port) as served, served.client() as busy, served.client() as other:
        await other.call("supervisor.getState")
        await busy.call("supervisor.getState")
        many = post("supervisor.sendRemoteCommEvent", "busy", "") * (8 * server.IN_A_ROW)
        # Both are in the buffers of the kernel before the server looks.
        for client, data in ((busy, many), (other, post("supervisor.sendRemoteCommEvent", "other", ""))):
            assert client.stream.extra(SocketAttribute.raw_socket).send(data) == len(data)
        await other.reply()
        assert len(port.asked) < 8 * server.IN_A_ROW


# --- calls that wait, and the end -----------------------------------------------------------------------------------


async def test_others_are_served_while_a_call_waits(tmp_path: Path, port: FakePort) -> None:
    port.gate, port.waiting = anyio.Event(), anyio.Event()
    async with serving(tmp_path, port) as served, served.client() as waiting, served.client() as other:
        await waiting.say(post("supervisor.startProcess", "solo") + post("supervisor.getVersion"))
        await port.waiting.wait()
        await other.call("supervisor.getState")
        port.gate.set()
        assert b"<boolean>1" in (await waiting.reply())[1]
        assert b"<string>3.0" in (await waiting.reply())[1]


async def test_a_call_goes_on_when_its_client_has_left(tmp_path: Path, port: FakePort) -> None:
    port.gate, port.waiting = anyio.Event(), anyio.Event()
    calls = [{"methodName": f"supervisor.{verb}Process", "params": ["solo"]} for verb in ("stop", "start")]
    async with serving(tmp_path, port, max_connections=1) as served:
        async with served.client() as client:
            await client.say(post("system.multicall", calls))
            await port.waiting.wait()
        port.gate.set()
        while True:  # its place is free once the call has ended
            async with served.client() as client:
                await client.say(post("supervisor.getState"))
                if (await client.reply())[0] == 200:
                    break
    assert [what[0] for what in port.asked] == ["stop", "start"]


async def test_a_call_that_waits_at_the_end_gets_no_reply(tmp_path: Path, port: FakePort) -> None:
    port.gate, port.waiting = anyio.Event(), anyio.Event()
    async with serving(tmp_path, port) as served, served.client() as client:
        port.process("solo", "solo")
        await client.say(post("supervisor.stopAllProcesses"))
        await port.waiting.wait()
        served.scope.cancel()
        assert await client.rest() == b""


async def test_a_call_whose_answer_comes_with_the_end_is_answered(tmp_path: Path, port: FakePort) -> None:
    """The last process is down: that is the answer to who waits for it, and the end of the daemon, in one turn."""
    port.gate, port.waiting = anyio.Event(), anyio.Event()
    port.process("solo", "solo")
    async with serving(tmp_path, port) as served, served.client() as client:
        await client.say(post("supervisor.stopAllProcesses"))
        await port.waiting.wait()
        await anyio.wait_all_tasks_blocked()
        port.gate.set()
        served.scope.cancel()
        assert (await client.reply())[0] == 200
        assert await client.rest() == b""


async def test_several_calls_whose_answers_come_with_the_end_are_answered(tmp_path: Path, port: FakePort) -> None:
    port.gate, port.waiting = anyio.Event(), anyio.Event()
    calls = [{"methodName": f"supervisor.{verb}Process", "params": ["solo"]} for verb in ("stop", "start", "stop")]
    async with serving(tmp_path, port) as served, served.client() as client:
        await client.say(post("system.multicall", calls))
        await port.waiting.wait()
        await anyio.wait_all_tasks_blocked()
        port.gate.set()
        served.scope.cancel()
        assert (await client.reply())[0] == 200


async def test_the_call_that_ends_the_daemon_is_answered(tmp_path: Path, port: FakePort) -> None:
    async with serving(tmp_path, port) as served, served.client() as client:
        port.shutdown = served.scope.cancel  # type: ignore[method-assign]
        assert await client.call("supervisor.shutdown") is True
        assert await client.rest() == b""


async def test_a_reply_that_is_ready_gets_out_at_the_end(tmp_path: Path, port: FakePort) -> None:
    log = tmp_path / "main.log"
    log.write_bytes(b"x" * 4_000_000)
    port.main_log = str(log)
    async with serving(tmp_path, port) as served, served.client() as client:
        await client.say(post("supervisor.readLog", 0, 0))
        await client.until(b"\r\n\r\n")
        served.scope.cancel()
        assert len(await client.rest()) > 4_000_000


# --- following logs -------------------------------------------------------------------------------------------------


@pytest.fixture
def log(tmp_path: Path, port: FakePort, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The log of the daemon and of stderr of solo; looked at more often than in life."""
    monkeypatch.setattr(server, "LOOK", 0.005)
    path = tmp_path / "log"
    path.write_bytes(b"old\n")
    os.utime(path, (0, 0))
    port.main_log = str(path)
    spec = GroupSpec("solo", processes=(ProcessSpec("solo", "x", stderr=LogSpec(str(path))),))
    port.groups = {"solo": Group(spec)}
    return path


FIELDS = ["Server", "Date", "Last-Modified", "Content-Type"]
FOLLOWED = {
    "/mainlogtail": [*FIELDS, "Transfer-Encoding"],
    "/logtail/solo/stderr": [*FIELDS, "X-Accel-Buffering", "Transfer-Encoding"],
    "/logtail/solo%3Asolo/stderr?x": [*FIELDS, "X-Accel-Buffering", "Transfer-Encoding"],
}


@pytest.mark.parametrize("target", FOLLOWED)
async def test_a_log_as_it_grows(tmp_path: Path, port: FakePort, log: Path, target: str) -> None:
    async with serving(tmp_path, port) as served, served.client() as client:
        await client.say(get(target))
        first, fields = await client.head()
        assert (first, list(fields)) == ("HTTP/1.1 200 OK", FOLLOWED[target])
        assert fields["Last-Modified"] == "Thu, 01 Jan 1970 00:00:00 GMT"
        assert fields["Content-Type"] == "text/plain;charset=utf-8"
        assert await client.chunk() == b"old\n"
        await client.say(b"\r\n")
        with log.open("ab") as file:
            file.write(b"more\n")
        assert await client.chunk() == b"more\n"
        log.rename(tmp_path / "log.1")
        log.write_bytes(b"anew\n")
        assert await client.chunk() == b"anew\n"
        log.write_bytes(b"")
        assert await client.chunk() == tail.TRUNCATED


CHANNELS = {
    "/logtail/solo": 200,
    "/logtail/solo#x": 200,
    "/logtail/solo/": 404,
    "/logtail/solo/stdout/": 404,
    "/logtail/solo/path": 404,
}


@pytest.mark.parametrize("target", CHANNELS)
async def test_a_channel_that_is_named_must_be_one(tmp_path: Path, port: FakePort, log: Path, target: str) -> None:
    spec = GroupSpec("solo", processes=(ProcessSpec("solo", "x", stdout=LogSpec(str(log))),))
    port.groups = {"solo": Group(spec)}
    async with serving(tmp_path, port) as served, served.client() as client:
        await client.say(get(target))
        first, _ = await client.head()
        assert int(first.split()[1]) == CHANNELS[target]


@pytest.mark.parametrize("request_", [get("/mainlogtail", "1.0"), get("/mainlogtail", more="Connection: close\r\n")])
async def test_a_log_without_chunks(tmp_path: Path, port: FakePort, log: Path, request_: bytes) -> None:
    async with serving(tmp_path, port) as served, served.client() as client:
        await client.say(request_)
        _, fields = await client.head()
        assert (fields["Connection"], "Transfer-Encoding" in fields) == ("close", False)
        assert await client.count(4) == b"old\n"
        with log.open("ab") as file:
            file.write(b"more\n")
        assert await client.count(5) == b"more\n"


async def test_a_follower_that_leaves_is_noticed(tmp_path: Path, port: FakePort, log: Path) -> None:
    async with serving(tmp_path, port, max_connections=1) as served:
        async with served.client() as client:
            await client.say(get("/mainlogtail"))
            await client.head()
        while True:
            async with served.client() as client:
                await client.say(post("supervisor.getState"))
                if (await client.reply())[0] == 200:
                    break


# --- the main log ---------------------------------------------------------------------------------------------------


async def test_access_lines_where_the_log_wants_them(tmp_path: Path, port: FakePort) -> None:
    port.configuration = replace(port.configuration, daemon=DaemonSpec(loglevel="trace"))
    async with serving(tmp_path, port) as served, served.client() as client:
        await client.say(get("/error/é"))
        await client.reply()
        await client.say(post("supervisor.getState"))
        await client.reply()
    access = [text for level, text in port.lines if "HTTP/1.1" in text]
    zone = access[0].split("]")[0][-5:]
    assert access == [
        f'localhost:0 - - [09/Sep/2001:01:46:40 {zone}] "GET /error/é HTTP/1.1" 404 264',
        f'localhost:0 - - [09/Sep/2001:01:46:40 {zone}] "POST /RPC2 HTTP/1.1" 200 401',
    ]
    assert {level for level, _ in port.lines} == {"trace"}
    assert port.lines[1] == ("trace", "XML-RPC method called: supervisor.getState()")


async def test_no_line_otherwise(tmp_path: Path, port: FakePort) -> None:
    port.process("solo", "solo", ProcessStates.STOPPED)
    async with serving(tmp_path, port) as served, served.client() as client:
        await client.call("supervisor.startProcess", "solo")
        await client.say(get("/nope"))
        await client.reply()
    assert port.lines == []


def test_the_main_interface_has_one_name() -> None:
    assert server.MAIN_FACTORY == schema.MAIN_FACTORY


PLUGINS: dict[str, tuple[PluginSpec, ...]] = {
    "none": (),
    "a plugin under its name": (PluginSpec("supervisor", "other.rpcinterface:make_main_rpcinterface"),),
    "under another name": (PluginSpec("other", server.MAIN_FACTORY),),
    "both": (PluginSpec("supervisor", "x:y"), PluginSpec("other", server.MAIN_FACTORY)),
}


@pytest.mark.parametrize("case", PLUGINS)
async def test_without_the_main_interface_only_system_methods(tmp_path: Path, port: FakePort, case: str) -> None:
    port.configuration = replace(port.configuration, rpcinterfaces=PLUGINS[case])
    async with serving(tmp_path, port) as served, served.client() as client:
        with pytest.raises(xmlrpc.client.Fault, match="UNKNOWN_METHOD"):
            await client.call("supervisor.getState")
        assert len(await client.call("system.listMethods")) == 4

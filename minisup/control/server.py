"""The control sockets: connections, requests, replies.

One task accepts on each socket, one task serves each connection. A request is answered before the next of the same
connection is looked at; it is judged by its head, and a body is kept only for a client who may say something and a
route that listens. What a client does wrong ends at its own connection: it is told what is wrong where HTTP has a word
for it, and closed. A call that waits goes on when its client has left; only the reply is lost.

Sockets are non-blocking and used directly: nearly always the bytes are there, or fit, and nothing has to be awaited.
"""

import errno
import re
import socket
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import anyio
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint

from minisup.control import tail
from minisup.control.port import Port
from minisup.control.rpc import METHODS, Method
from minisup.control.system_rpc import Dispatcher
from minisup.protocol import http
from minisup.protocol.http import Body, Head, HttpError, Receiver
from minisup.specs import ServerSpec, split_namespec

if TYPE_CHECKING:
    from minisup.control.page import Page

READ = 64 * 1024
"""Bytes asked of a socket at once."""
LINGER = 2.0
"""What a client still sends behind an answer that it did not wait for is swallowed for so many seconds: else TCP would
take the answer back."""
FLUSH = 1.0
"""When the daemon ends, a reply that is ready has so many seconds to get out."""
LAST_TURNS = 16
"""When the daemon ends, tasks have so many turns of the event loop to get from an answer that is there to a reply. The
answer to who waits for the last process comes in the same turn as the end."""
GRACE = 5.0
"""A new connection that says nothing for so many seconds counts as idle: it loses its place to one that comes."""
LOOK = 0.25
"""While somebody follows a log: seconds between two looks at the file. Nothing looks when nobody follows."""
SHORTAGE_PAUSE = 1.0
"""Seconds before the next try to accept when descriptors or memory have run out."""
IN_A_ROW = 16
"""Requests of one connection that are answered without a break while others may be waiting."""

_SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_VERBOSE = ("trac", "blat")

MAIN_FACTORY = "supervisor.rpcinterface:make_main_rpcinterface"
"""The factory whose interface the methods of `supervisor.*` are. Any other is a plugin's: `minisup.control.plugins`."""


class Following:
    """The answer that never ends: a log, as it grows."""

    __slots__ = ("fields", "follower")

    def __init__(self, follower: tail.Follower, fields: str) -> None:
        self.follower = follower
        self.fields = fields


Answer = Body | Following | int
"""What a route gives: a body, a log to follow, or the status of an error."""


class Site:
    """What is behind the sockets: the routes, and whom they ask.

    Attributes:
        verbose: whether the main log wants to hear of every request.
    """

    def __init__(self, port: Port) -> None:
        self.port = port
        self.verbose = port.configuration.daemon.loglevel.lower()[:4] in _VERBOSE
        served = any(
            plugin.name == "supervisor" and plugin.factory == MAIN_FACTORY
            for plugin in port.configuration.rpcinterfaces
        )
        self._methods: Mapping[str, Method] = METHODS if served else {}
        self._dispatchers: dict[str, Dispatcher] = {}
        self._page: Page | None = None

    def dispatcher(self, spec: ServerSpec) -> Dispatcher:
        """Who answers calls on one of the servers: each has objects of plugins of its own."""
        found = self._dispatchers.get(spec.section)
        if found is None:
            methods = {**self._methods, **self.port.plugin_methods(spec.section)}
            found = self._dispatchers[spec.section] = Dispatcher(self.port, self.verbose, methods)
        return found

    @property
    def page(self) -> "Page":
        """The status page; most daemons live and end without anybody who looks at it."""
        if self._page is None:
            from minisup.control.page import Page

            self._page = Page(self.port)
        return self._page

    async def answer(self, route: "Route", spec: ServerSpec, head: Head, body: bytes) -> Answer:
        """The answer of a route to a request; an error in it is logged and becomes 500."""
        try:
            return await route.handler(self, spec, head, body)
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            self.port.log("error", f"internal error: cannot answer {head.line!r}: {what}")
            return 500


# --- routes ---------------------------------------------------------------------------------------------------------


async def _xmlrpc(site: Site, spec: ServerSpec, head: Head, body: bytes) -> Answer:
    found = await site.dispatcher(spec).answer(body)
    return found if isinstance(found, int) else Body("text/xml", found)


def _first(query: str) -> int:
    """How many bytes of a log come first; the page of a log asks for more than others by ``limit``."""
    found = re.search(r"(?:^|&)limit=(\d{1,9})(?:&|$)", query, re.ASCII)
    return max(tail.FIRST, int(found[1])) if found else tail.FIRST


def _follow(path: str | None, fields: str, first: int = tail.FIRST) -> Answer:
    if not path:
        return 404
    try:
        follower = tail.Follower(path, first)
    except OSError:
        return 404
    modified = f"Last-Modified: {http.date(int(follower.modified))}\r\nContent-Type: text/plain;charset=utf-8\r\n"
    return Following(follower, modified + fields)


async def _logtail(site: Site, spec: ServerSpec, head: Head, body: bytes) -> Answer:
    """``/logtail/<name>[/<channel>]``"""
    _, _, rest = head.path.lstrip("/").partition("/")
    namespec, slash, channel = rest.partition("/")
    group_name, name = split_namespec(namespec)
    group = site.port.groups.get(group_name)
    process = group.processes.get(name) if group is not None and name is not None else None
    if process is None or (slash and channel not in ("stdout", "stderr")):
        return 404
    log = process.spec.stderr if channel == "stderr" else process.spec.stdout
    return _follow(log.path, "X-Accel-Buffering: no\r\n", _first(head.query))


async def _mainlogtail(site: Site, spec: ServerSpec, head: Head, body: bytes) -> Answer:
    return _follow(site.port.main_log, "")


async def _ok(site: Site, spec: ServerSpec, head: Head, body: bytes) -> Answer:
    """For health probes: answers in every state of the daemon."""
    return Body("text/plain", b"OK")


async def _page(site: Site, spec: ServerSpec, head: Head, body: bytes) -> Answer:
    return await site.page.answer(spec, head, body)


class Route(NamedTuple):
    """Where a request goes.

    Attributes:
        methods: of HTTP; what is posted must say its length.
        handler: gives the answer.
        reads: whether it wants the body.
    """

    methods: tuple[str, ...]
    handler: Callable[[Site, ServerSpec, Head, bytes], Awaitable[Answer]]
    reads: bool = False


# QUIRK(supervisor): these are prefixes, /RPC2xyz is served too. tests/test_server.py: prefix
PREFIXES: tuple[tuple[str, Route], ...] = (
    ("/RPC2", Route(("POST",), _xmlrpc, reads=True)),
    ("/logtail", Route(("GET",), _logtail)),
    ("/mainlogtail", Route(("GET",), _mainlogtail)),
)
# QUIRK(supervisor): HEAD is 404 for all of them. tests/test_page.py: test_as_the_real_one
PAGES: dict[str, Route] = {
    "": Route(("GET", "POST"), _page, reads=True),
    "index.html": Route(("GET", "POST"), _page, reads=True),
    "ok.html": Route(("GET", "POST"), _ok),
    "status.json": Route(("GET",), _page),
    "tail.html": Route(("GET", "POST"), _page, reads=True),
}
"""By path without the slashes before it."""


def find_route(head: Head) -> Route | int:
    """Who answers a request; or, where its head is reason enough to refuse it, the status of that error."""
    path = head.path
    route = next((route for prefix, route in PREFIXES if path.startswith(prefix)), None)
    if route is None:
        route = PAGES.get(path.lstrip("/"))
        if route is None or head.method not in route.methods:
            return 404 if head.method in ("GET", "HEAD") else 400
    if head.method not in route.methods:
        return 400
    if head.method == "POST" and head.length is None:
        return 411
    return route


# --- connections ----------------------------------------------------------------------------------------------------


class _Gone(Exception):
    """The client closed, or said nothing for too long: there is nobody to answer."""


class Connection:
    """One client."""

    __slots__ = ("_grace", "_in_a_row", "_patience", "_receiver", "_since", "_sock", "peer", "site", "spec")

    def __init__(self, site: Site, spec: ServerSpec, sock: socket.socket, peer: tuple[str, int]) -> None:
        self.site = site
        self.spec = spec
        self.peer = peer
        self._sock = sock
        self._receiver = Receiver(spec.max_body)
        self._in_a_row = 0
        self._grace = GRACE
        self._patience: anyio.CancelScope | None = None
        self._since = 0.0

    async def run(self, welcome: bool) -> None:
        """Serve until the client leaves, breaks the rules or is too slow; who is not welcome gets 503 for an answer.

        Closes the socket; raises nothing.
        """
        try:
            if not welcome:
                await self._send_away()
            while welcome and await self._exchange():
                pass
        except (_Gone, OSError):
            pass
        except Exception as error:
            self.site.port.log("error", f"internal error: connection closed: {type(error).__name__}: {error}")
        finally:
            self._sock.close()

    @property
    def idle_since(self) -> float | None:
        """Since when it waits for a request that has not begun, by the clock of anyio; None while it is busy."""
        if self._patience is None or not self._receiver.empty:
            return None
        return self._since + self._grace

    def give_way(self) -> bool:
        """End an idle connection, for its place is needed; False where its next request is already here."""
        assert self._patience is not None
        with suppress(OSError):
            if self._sock.recv(1, socket.MSG_PEEK):
                return False
        self._patience.cancel()
        return True

    async def _exchange(self) -> bool:
        """One request and its reply; False when it was the last."""
        try:
            head = await self._head()
            answer = self._refused(head) or await self._answer(head)
        except HttpError as wrong:
            await self._send(http.error(None, wrong.status, self._now(), keep=False), flush=True)
            await self._linger()
            return False
        if isinstance(answer, Following):
            await self._follow(head, answer)
            return False
        # Of a client that did not say how long its body is, nobody knows where the next request begins.
        keep = head.persistent and answer not in (401, 411)
        if isinstance(answer, int):
            reply = http.error(head, answer, self._now(), keep=keep)
        else:
            reply = http.whole(head, answer, self._now(), keep=keep)
        await self._send(reply, flush=True)
        if self.site.verbose:
            self._log(head, answer if isinstance(answer, int) else answer.status, len(reply))
        if not keep and (answer in (401, 411) or self._receiver.unread):
            await self._linger()
        return keep

    async def _answer(self, head: Head) -> Answer:
        route = find_route(head)
        if isinstance(route, int):
            return route
        return await self.site.answer(route, self.spec, head, await self._body() if route.reads else b"")

    async def _send_away(self) -> None:
        # After the head of its request, for many clients write before they read and would see only a broken pipe.
        with anyio.move_on_after(LINGER), suppress(HttpError):
            await self._head()
        await self._send(http.error(None, 503, self._now(), keep=False))
        await self._linger()

    async def _head(self) -> Head:
        """The head of the next request. The first must be here within the idle time, a later one within that time after
        its first byte: who was answered once may think, as under supervisord, until the place is needed."""
        found = self._receiver.next_head()
        if found is not None:
            self._in_a_row += 1
            if self._in_a_row > IN_A_ROW:
                self._in_a_row = 0
                await checkpoint()
            return found
        self._since = anyio.current_time()
        answered = self._grace == 0 and self._receiver.empty and not self._receiver.unread
        with anyio.move_on_after(None if answered else self.spec.idle_timeout) as scope:
            self._patience = scope
            try:
                while found is None:
                    await self._receive()
                    if answered:
                        answered = False
                        scope.deadline = anyio.current_time() + self.spec.idle_timeout
                    found = self._receiver.next_head()
            finally:
                self._patience = None
            self._grace = 0.0
            return found
        if self._receiver.empty:
            raise _Gone
        raise HttpError(408)

    async def _body(self) -> bytes:
        """The body behind the head, which has the same time once more."""
        found = self._receiver.next_body()
        if found is not None:
            return found
        with anyio.move_on_after(self.spec.idle_timeout):
            while found is None:
                await self._receive()
                found = self._receiver.next_body()
            return found
        raise HttpError(408)

    async def _receive(self) -> None:
        data = await self._recv()
        if not data:
            raise _Gone
        self._receiver.feed(data)

    def _refused(self, head: Head) -> int | None:
        if not self.spec.username:
            return None
        return http.refusal(head.headers.get("authorization"), self.spec.username, self.spec.password or "")

    async def _follow(self, head: Head, answer: Following) -> None:
        chunked = http.chunks(head)
        sent = 0
        try:
            await self._send(http.stream(head, self._now(), answer.fields))
            while True:
                data = answer.follower.read()
                if not data:
                    await self._watch()
                    continue
                sent += len(data)
                await self._send(http.chunk(data) if chunked else data)
                await checkpoint()
        finally:
            answer.follower.close()
            if self.site.verbose:
                self._log(head, 200, sent)

    async def _watch(self) -> None:
        """Let `LOOK` seconds pass; raises `_Gone` as soon as the client closes. What it says meanwhile is ignored."""
        with anyio.move_on_after(LOOK):
            if not await self._recv():
                raise _Gone
            await anyio.sleep(LOOK)

    async def _linger(self) -> None:
        """Say that nothing more comes, and swallow what the client still sends."""
        self._sock.shutdown(socket.SHUT_WR)
        with anyio.move_on_after(LINGER):
            while await self._recv():
                await checkpoint()

    async def _recv(self) -> bytes:
        while True:
            try:
                return self._sock.recv(READ)
            except BlockingIOError:
                self._in_a_row = 0
                await anyio.wait_readable(self._sock)

    async def _send(self, data: bytes, *, flush: bool = False) -> None:
        """Send all of it; with `flush` try to do so even when the daemon ends meanwhile."""
        rest = memoryview(data)
        rest = rest[self._push(rest) :]
        if not rest:
            return
        try:
            await self._send_rest(rest)
        except anyio.get_cancelled_exc_class():
            if flush:
                with anyio.move_on_after(FLUSH, shield=True):
                    await self._send_rest(rest)
            raise

    async def _send_rest(self, rest: memoryview) -> None:
        while rest:
            with anyio.move_on_after(self.spec.idle_timeout) as patience:
                await anyio.wait_writable(self._sock)
            if patience.cancelled_caught:
                raise _Gone
            rest = rest[self._push(rest) :]

    def _push(self, data: memoryview) -> int:
        try:
            return self._sock.send(data)
        except BlockingIOError:
            return 0

    def _now(self) -> float:
        return self.site.port.now().wall

    def _log(self, head: Head, status: int, size: int) -> None:
        host, port = self.peer
        # QUIRK(supervisor): the time is UTC, with the offset of the local zone behind it. tests/test_server.py: access
        at = time.strftime("%d/%b/%Y:%H:%M:%S", time.gmtime(self._now())) + time.strftime(" %z")
        self.site.port.log("trace", f'{host}:{port} - - [{at}] "{head.line}" {status} {size}')


# --- sockets --------------------------------------------------------------------------------------------------------


class _Listener:
    """One listening socket.

    Attributes:
        clients: connections that are served.
        turned_away: connections that are told that they are too many; beyond as many of them as there may be clients,
            one is closed without a word.
    """

    def __init__(self, site: Site, spec: ServerSpec, sock: socket.socket) -> None:
        self.site = site
        self.spec = spec
        self.sock = sock
        self.clients: set[Connection] = set()
        self.turned_away = 0

    async def run(self, connections: TaskGroup) -> None:
        """Accept for ever; closes the socket at the end."""
        with self.sock:
            while True:
                await anyio.wait_readable(self.sock)
                try:
                    while True:
                        self._take(*self.sock.accept(), connections)
                except BlockingIOError:
                    pass
                except OSError as error:
                    # Others are the client's: it had left before it was accepted (accept(2), "Error handling").
                    if error.errno in _SHORTAGES:
                        self.site.port.log("error", f"cannot accept on {self.spec.url}: {error.strerror}")
                        await anyio.sleep(SHORTAGE_PAUSE)

    def _take(self, sock: socket.socket, address: object, connections: TaskGroup) -> None:
        most = self.spec.max_connections
        room = len(self.clients) < most or self._make_room()
        if not room and self.turned_away >= most:
            sock.close()
            return
        sock.setblocking(False)
        peer = ("localhost", 0)
        if isinstance(address, tuple):
            peer = (str(address[0]), int(address[1]))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(self.site, self.spec, sock, peer)
        if room:
            self.clients.add(connection)
            connections.start_soon(self._serve, connection)
        else:
            self.turned_away += 1
            connections.start_soon(self._turn_away, connection)

    def _make_room(self) -> bool:
        """End the connection that has been idle for longest; False where all are busy."""
        now = anyio.current_time()
        idle = [(since, client) for client in self.clients if (since := client.idle_since) is not None and since <= now]
        for _, client in sorted(idle, key=lambda each: each[0]):
            if client.give_way():
                self.clients.discard(client)
                return True
        return False

    async def _serve(self, connection: Connection) -> None:
        try:
            await connection.run(welcome=True)
        finally:
            self.clients.discard(connection)

    async def _turn_away(self, connection: Connection) -> None:
        try:
            await connection.run(welcome=False)
        finally:
            self.turned_away -= 1


async def serve(servers: Sequence[tuple[ServerSpec, socket.socket]], port: Port) -> None:
    """Serve clients until cancelled; then close the sockets and all connections.

    A reply that is ready is still sent, for at most `FLUSH` seconds; a call that waits gets none, as there.

    Args:
        servers: bound and listening sockets, non-blocking; they are closed here.
        port: whom the clients talk to.
    """
    ended = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_serve, servers, Site(port), ended)
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()


async def _serve(servers: Sequence[tuple[ServerSpec, socket.socket]], site: Site, ended: anyio.Event) -> None:
    # The end comes by the event, not by the cancellation: that would hit whoever is about to answer, too.
    with anyio.CancelScope(shield=True):
        async with anyio.create_task_group() as connections:
            async with anyio.create_task_group() as listeners:
                for spec, sock in servers:
                    listeners.start_soon(_Listener(site, spec, sock).run, connections)
                await ended.wait()
                listeners.cancel_scope.cancel()
            for _ in range(LAST_TURNS):
                await checkpoint()
            connections.cancel_scope.cancel()

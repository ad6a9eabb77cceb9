"""HTTP over a unix socket or TCP, as much of it as a client of supervisord needs: calls, and logs that are followed.

On the sockets of the interpreter itself: `socket` and `http.client` take longer to import than a call takes. Nothing
here has a time limit: a start may take as long as it takes. Sockets are blocking, Ctrl-C ends whatever waits.
The errors call themselves what those of the standard library are called, for `supervisorctl` prints their classes.
"""

import sys
from _socket import AF_UNIX, MSG_DONTWAIT, MSG_PEEK, SHUT_RDWR, SOCK_STREAM, getaddrinfo
from _socket import socket as Socket

from minisup import __version__
from minisup.protocol.xmlrpc_calls import dump, load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from minisup.protocol.xmlrpc_calls import Param


class ProtocolError(Exception):
    """The server answered with another HTTP status than 200.

    Attributes:
        errcode: the status.
    """

    __module__ = "xmlrpc.client"

    def __init__(self, errcode: int, errmsg: str) -> None:
        super().__init__(errcode, errmsg)
        self.errcode = errcode
        self.errmsg = errmsg

    def __str__(self) -> str:
        return f"<ProtocolError for 127.0.0.1/RPC2: {self.errcode} {self.errmsg}>"


class RemoteDisconnected(ConnectionResetError):
    """The server closed the connection instead of answering."""

    __module__ = "http.client"


class IncompleteRead(Exception):
    """The server closed the connection within an answer."""

    __module__ = "http.client"


class BadStatusLine(Exception):
    """What answers does not speak HTTP."""

    __module__ = "http.client"


class Address:
    """Where a server listens.

    Attributes:
        path: of its unix socket; None for TCP.
        host, port: over TCP.
        netloc: the host and port as the URL writes them; empty for a unix socket.
    """

    def __init__(self, url: str) -> None:
        """Understands ``unix://PATH`` and ``http://HOST[:PORT]``; a path behind the latter is ignored.

        Raises:
            ValueError: the URL is neither.
        """
        self.path: str | None = None
        self.host, self.port, self.netloc = "", 80, ""
        if url.startswith("unix://"):
            self.path = url[7:]
        elif url.startswith("http://"):
            self.netloc = url[7:].partition("/")[0].partition("?")[0].partition("#")[0]
            place = self.netloc.rpartition("@")[2]
            host, bracket, rest = place[1:].partition("]") if place.startswith("[") else ("", "", "")
            if not bracket:
                host, _, rest = place.partition(":")
            number = rest.removeprefix(":")
            if number:
                if not (number.isascii() and number.isdigit()):
                    raise ValueError(f"Port could not be cast to integer value as {number!r}")
                self.port = int(number)
                if self.port > 65535:
                    raise ValueError("Port out of range 0-65535")
            self.host = host.lower()
        else:
            raise ValueError(f"Unknown protocol for serverurl {url}")

    def dial(self) -> Socket:
        """A connection to the server.

        Raises:
            OSError: nobody there, or no such host (`socket.gaierror`).
        """
        if self.path is not None:
            return _connected(Socket(AF_UNIX, SOCK_STREAM), self.path)
        # As bytes: text would be taken for a name in any language, and its codec imported.
        host = self.host.encode() if self.host.isascii() else self.host
        error: OSError | None = None
        for family, kind, protocol, _, place in getaddrinfo(host, self.port, 0, SOCK_STREAM):
            try:
                return _connected(Socket(family, kind, protocol), place)
            except OSError as why:
                error = why
        raise error or OSError("getaddrinfo returns an empty list")


def _connected(line: Socket, place: "Any") -> Socket:
    try:
        line.connect(place)
    except BaseException:
        line.close()
        raise
    return line


class _Exchange:
    """One connection, and what was read from it and not yet used."""

    def __init__(self, line: Socket) -> None:
        self.line = line
        self.left = b""

    def ask(self, head: list[str], body: bytes = b"") -> tuple[int, str, dict[str, str]]:
        """Send a request; status, reason and header fields (names in lower case) of the answer."""
        self.line.sendall("".join(f"{row}\r\n" for row in (*head, "")).encode() + body)
        start = self.line_of_head()
        version, _, rest = start.partition(" ")
        status, _, reason = rest.strip().partition(" ")
        if not version.startswith("HTTP/") or not status.isdigit():
            raise BadStatusLine(start + "\r\n")
        fields = {"": version}
        while row := self.line_of_head():
            name, _, value = row.partition(":")
            fields[name.strip().lower()] = value.strip()
        return int(status), reason.strip(), fields

    def is_over(self) -> bool:
        """Whether the server has hung up, or says what nobody asked for."""
        try:
            self.line.recv(1, MSG_PEEK | MSG_DONTWAIT)
        except BlockingIOError:
            return bool(self.left)
        except OSError:
            pass
        return True

    def line_of_head(self) -> str:
        while b"\n" not in self.left:
            if not self.more():
                raise RemoteDisconnected("Remote end closed connection without response")
        row, _, self.left = self.left.partition(b"\n")
        return row.decode("latin-1").rstrip("\r")

    def more(self) -> bytes:
        """Wait for data; what came, empty at the end."""
        data = self.line.recv(65536)
        self.left += data
        return data

    def body(self, fields: dict[str, str]) -> "Iterator[bytes]":
        """The body of an answer, as it comes."""
        if fields.get("transfer-encoding", "").lower() == "chunked":
            while size := int(self.line_of_head().partition(";")[0] or "0", 16):
                yield from self.exactly(size)
                self.line_of_head()
            while self.line_of_head():
                pass
        elif "content-length" in fields:
            yield from self.exactly(int(fields["content-length"]))
        else:
            while self.left or self.more():
                data, self.left = self.left, b""
                yield data

    def exactly(self, size: int) -> "Iterator[bytes]":
        got = 0
        while got < size:
            if not self.left and not self.more():
                raise IncompleteRead(f"IncompleteRead({got} bytes read, {size - got} more expected)")
            data, self.left = self.left[: size - got], self.left[size - got :]
            got += len(data)
            yield data


def _authorization(username: str | None, password: str | None) -> list[str]:
    from binascii import b2a_base64

    return [f"Authorization: Basic {b2a_base64(f'{username}:{password}'.encode(), newline=False).decode()}"]


class Connection:
    """Calls of one client to one server, over one connection that is kept as long as the server keeps it."""

    def __init__(self, serverurl: str, username: str | None = None, password: str | None = None) -> None:
        """Connects with the first call.

        Raises:
            ValueError: the URL is none that we can call.
        """
        self._address = Address(serverurl)
        self._exchange: _Exchange | None = None
        self._head = [
            f"POST /RPC2 HTTP/1.1\r\nHost: {self._address.netloc or 'localhost'}",
            f"User-Agent: minisup/{__version__}\r\nContent-Type: text/xml\r\nAccept: text/xml",
        ]
        if username is not None and password is not None:
            self._head += _authorization(username, password)

    def call(self, method: str, *params: "Param") -> "Any":
        """What a method gives.

        Raises:
            minisup.protocol.xmlrpc_calls.Fault: the server refused.
            ProtocolError: another status than 200.
            OSError: nobody there, or nobody any more.
            Exception: it answers nonsense; see this module and `xmlrpc_calls.load`.
        """
        return load(self.post(dump(method, params)))

    def post(self, document: bytes) -> bytes:
        """The answer to the document of a call; errors as of `call`, without those of understanding it."""
        # It may have taken long: somebody typed to `fg`. What was sent is not sent again: a call may be done once only.
        if self._exchange is not None and self._exchange.is_over():
            self.close()
        if self._exchange is None:
            self._exchange = _Exchange(self._address.dial())
        keep = False
        try:
            status, reason, fields = self._exchange.ask([*self._head, f"Content-Length: {len(document)}"], document)
            if status != 200:
                raise ProtocolError(status, reason)
            answer = b"".join(self._exchange.body(fields))
            keep = fields[""] == "HTTP/1.1" and fields.get("connection", "").lower() != "close"
            keep = keep and ("content-length" in fields or "transfer-encoding" in fields)
        finally:
            if not keep:
                self.close()
        return answer

    def close(self) -> None:
        """Hang up; the next call connects anew."""
        if self._exchange is not None:
            self._exchange.line.close()
            self._exchange = None


_PLAIN = set(range(0x21, 0x7F)) - set(b"%?#")
"""What may stand in a request as it is."""


class LogStream:
    """A log that is followed: ``/logtail/NAME/CHANNEL`` or ``/mainlogtail``."""

    def __init__(self, serverurl: str, username: str | None, password: str | None, path: str) -> None:
        self.url = serverurl + path
        self._serverurl = serverurl
        self._path = "".join(chr(b) if b in _PLAIN else f"%{b:02X}" for b in path.encode())
        self._authorization = _authorization(username, password) if password else []
        self._line: Socket | None = None
        self._closed = False

    def show(self, write: "Any") -> None:
        """Hand everything to `write`, as text, until the server ends it or somebody calls `close`.

        What goes wrong is one line on stderr, as in supervisorctl; it is no reason to fail.
        """
        try:
            for text in self._texts():
                write(text)
        except (ConnectionResetError, BrokenPipeError, IncompleteRead):
            pass  # the server stopped, or nobody reads us any more: that is how it ends
        except Exception as error:
            if not self._closed:
                sys.stderr.write(f"{self.url} Cannot connect, error: {type(error)} ({error})\n")
        finally:
            self.close()
            if self._line is not None:
                self._line.close()

    def close(self) -> None:
        """End `show` at once; any thread may."""
        self._closed = True
        if self._line is not None:
            try:
                self._line.shutdown(SHUT_RDWR)
            except OSError:  # the server was faster
                pass

    def _texts(self) -> "Iterator[str]":
        address = Address(self._serverurl)
        self._line = address.dial()
        if self._closed:
            return
        exchange = _Exchange(self._line)
        head = [f"GET {self._path} HTTP/1.1\r\nHost: {address.netloc}\r\nAccept: */*"]
        status, _, fields = exchange.ask(head + self._authorization)
        if status != 200:
            sys.stderr.write(f"{self.url} Cannot read, status code {status}\n")
            return
        left = None
        for data in exchange.body(fields):
            text, left = decoded(data, left)
            yield text


def decoded(data: bytes, before: bytes | None) -> tuple[str, bytes]:
    """Text of a chunk of a log, and the bytes of a character that ends in the next one.

    Args:
        before: what was left of the chunk before; None for the first, which may begin within a character.
    """
    if before is None:
        at = 0
        while at < min(3, len(data)) and data[at] & 0xC0 == 0x80:
            at += 1
        data, before = data[at:], b""
    data = before + data
    cut = len(data)
    for back in range(1, min(4, cut + 1)):
        byte = data[-back]
        if byte & 0xC0 != 0x80:
            wanted = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
            cut -= back if wanted > back else 0
            break
    try:
        return data[:cut].decode(), data[cut:]
    except UnicodeDecodeError:
        return f"Undecodable: {data!r}", b""

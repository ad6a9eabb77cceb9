"""HTTP/1.0 and 1.1 as a server speaks it: bytes in, requests out; replies in, bytes out. No socket here.

`Receiver` finds where the head of a request ends, lets h11 judge that head, and counts the body itself. h11 alone will
not do, for it refuses what supervisord's clients send: HTTP/1.1 without Host, raw UTF-8 in the path (`tail -f` of a
program with such a name), a blank line before a request (the `tail -f` of supervisorctl ends with one), no version. So
a head is put into h11's words first (`_normal`), and each is judged by a connection object of its own, since h11 has no
keep-alive for HTTP/1.0. Heads that come again and again are remembered.

A head is given out before its body is there, and a body is kept only for who asks for it: what a stranger sends costs
no more memory than a head and one read.

A request that cannot be understood becomes an `HttpError`; the connection is to be closed after that answer, for where
the next request begins is not known any more. supervisord closed without a word, or waited for ever.

Replies carry supervisord's headers in supervisord's order; ``Connection: close`` is said whenever it is meant.
"""

import binascii
import re
from functools import lru_cache
from typing import NamedTuple

MAX_HEAD = 32 * 1024
"""Bytes of request line and headers; more is answered 431."""
SERVER = "Medusa/1.12"

REASONS = {
    200: "OK",
    301: "Moved Permanently",
    303: "See Other",
    304: "Not Modified",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    411: "Length Required",
    413: "Content Too Large",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}

_HEAD_END = re.compile(rb"\n\r?\n")
_REQUEST_LINE = re.compile(
    rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([^ \x00-\x1f\x7f]+)"  # method, target
    rb"(?: HTTP/(\d{1,4})(?:\.(\d{0,4}))?)?\r?"
)
_HOST = re.compile(rb"\nhost[ \t]*:", re.IGNORECASE)
_IDENTITY = re.compile(rb"\ntransfer-encoding:[ \t]*identity[ \t]*\r?(?=\n[^ \t])", re.IGNORECASE)


class HttpError(Exception):
    """A request that gets no other answer than this status. The connection must be closed after it."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{status} {REASONS[status]}")
        self.status = status


class Head(NamedTuple):
    """What stands before the body of a request.

    Attributes:
        line: the request line as it was sent, for the log.
        method: as sent, upper case by convention.
        target: path and query, undecoded; non-ASCII bytes are percent-encoded.
        version: ``1.0`` or ``1.1``: in which the answer is given.
        headers: by lower-case name; of several with one name the last.
        length: of the body in bytes; None where the client did not say.
        persistent: the client wants to send more requests after this one.
    """

    line: str
    method: str
    target: str
    version: str
    headers: dict[str, str]
    length: int | None
    persistent: bool

    @property
    def path(self) -> str:
        """The target without query and fragment, percent-decoded; bytes that are not UTF-8 become U+FFFD."""
        return unquote(self.target.partition("#")[0].partition("?")[0])

    @property
    def query(self) -> str:
        """What follows the question mark, undecoded."""
        return self.target.partition("#")[0].partition("?")[2]


def unquote(text: str) -> str:
    """Percent-decoded text."""
    if "%" not in text:
        return text
    raw = re.sub(rb"%([0-9A-Fa-f]{2})", lambda found: bytes([int(found[1], 16)]), text.encode())
    return raw.decode(errors="replace")


# --- requests -------------------------------------------------------------------------------------------------------


def _normal(head: bytes) -> tuple[bytes, bytes, bool]:
    """A head that h11 can read, the request line as sent, and whether it named a version.

    Other versions than 1.0 and 1.1 are served as the nearest of these, and answered in it (RFC 9110, 2.5).
    """
    line, _, rest = head.partition(b"\n")
    found = _REQUEST_LINE.fullmatch(line)
    if found is None or rest[:1] in (b" ", b"\t"):
        raise HttpError(400)
    method, target, major, minor = found.groups()
    version = b"1.1" if major is not None and (int(major), int(minor or b"0")) >= (1, 1) else b"1.0"
    target = re.sub(rb"[\x80-\xff]", lambda byte: b"%%%02X" % byte[0][0], target)
    host = b"" if _HOST.search(head) else b"Host: \r\n"
    rest = _IDENTITY.sub(b"", b"\n" + rest)[1:]  # it says nothing: RFC 2616 had it, h11 does not know it
    return b"%s %s HTTP/%s\r\n%s%s" % (method, target, version, host, rest), line, major is not None


def _parse_head(head: bytes) -> Head:
    """The head of a request, from its first byte to the blank line.

    Raises:
        HttpError: 400 it is not HTTP, 411 the length of its body is not known.
    """
    import h11  # 15 ms that a daemon without clients never pays

    normal, line, versioned = _normal(head)
    try:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=len(normal) + 1)
        connection.receive_data(normal)
        request = connection.next_event()
    except h11.RemoteProtocolError as error:
        raise HttpError(400 if error.error_status_hint != 501 else 411) from None
    if not isinstance(request, h11.Request):
        raise HttpError(400)
    headers = {name.decode("latin-1"): value.decode(errors="replace") for name, value in request.headers}
    if "transfer-encoding" in headers:
        raise HttpError(411)
    version = request.http_version.decode()
    options = {option.strip() for option in headers.get("connection", "").lower().split(",")}
    persistent = "close" not in options if version == "1.1" else versioned and "keep-alive" in options
    return Head(
        line=line.rstrip(b"\r").decode(errors="replace"),
        method=request.method.decode(),
        target=request.target.decode(),
        version=version,
        headers=headers,
        length=int(headers["content-length"]) if "content-length" in headers else None,
        persistent=persistent,
    )


_parse_head_cached = lru_cache(maxsize=64)(_parse_head)
_CACHED_HEAD = 1024


class Receiver:
    """Turns the bytes of one connection into requests.

    Feed what came, then ask `next_head` until it is not None; then `next_body`, until it is not None, or `next_head`
    again: a body that nobody asked for is dropped as it comes.
    """

    __slots__ = ("_buffer", "_searched", "max_body", "unread")

    def __init__(self, max_body: int) -> None:
        self.max_body = max_body
        self.unread = 0
        """So many bytes of the body behind the last head were not given out yet, whether they have come or not."""
        self._buffer = bytearray()
        self._searched = 0

    def feed(self, data: bytes) -> None:
        """Take bytes as they came from the connection."""
        self._buffer += data

    @property
    def buffered(self) -> int:
        """Bytes that are held."""
        return len(self._buffer)

    @property
    def empty(self) -> bool:
        """No head has begun."""
        return not self._buffer

    def next_head(self) -> Head | None:
        """The next head; None when more bytes are needed. What was not read of the body before it is skipped.

        Raises:
            HttpError: answer with its status and close; this object is of no more use.
        """
        if self.unread:
            skipped = min(self.unread, len(self._buffer))
            del self._buffer[:skipped]
            self.unread -= skipped
            if self.unread:
                return None
        head = self._next_head()
        if head is not None:
            if (head.length or 0) > self.max_body:
                raise HttpError(413)
            self.unread = head.length or 0
        return head

    def next_body(self) -> bytes | None:
        """The body behind the last head, empty where it has none; None when more bytes are needed."""
        length = self.unread
        if len(self._buffer) < length:
            return None
        self.unread = 0
        with memoryview(self._buffer) as view:
            body = bytes(view[:length])
        del self._buffer[:length]
        return body

    def _next_head(self) -> Head | None:
        buffer = self._buffer
        if buffer and buffer[0] in b"\r\n":
            # RFC 9112, 2.2: at least one blank line before a request is to be ignored.
            del buffer[: len(buffer) - len(buffer.lstrip(b"\r\n"))]
        # The end may lie across two feeds; it is at most three bytes long.
        found = _HEAD_END.search(buffer, max(0, self._searched - 2))
        if found is None:
            self._searched = len(buffer)
            if len(buffer) > MAX_HEAD:
                raise HttpError(431)
            return None
        self._searched = 0
        head = bytes(buffer[: found.end()])
        del buffer[: found.end()]
        if len(head) > MAX_HEAD:
            raise HttpError(431)
        return _parse_head_cached(head) if len(head) <= _CACHED_HEAD else _parse_head(head)


# --- authentication -------------------------------------------------------------------------------------------------


def refusal(authorization: str | None, username: str, password: str) -> int | None:
    """The status that refuses these credentials; None where they are right.

    Args:
        authorization: the header of that name, None where the client sent none.
        username: that is asked for.
        password: that is asked for, or ``{SHA}`` and the lower-case hex SHA-1 of it.
    """
    import hmac  # OpenSSL with it: only where a password is asked for

    scheme, _, cookie = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return 401
    try:
        given_name, colon, given = binascii.a2b_base64(cookie.strip()).decode().partition(":")
    except ValueError:  # wrong padding, letters outside ASCII, not UTF-8
        return 400
    if not colon:
        return 400
    if password.startswith("{SHA}"):
        import hashlib

        given, password = hashlib.sha1(given.encode()).hexdigest(), password[5:]
    # Both comparisons are always made, so that the time says nothing about which one failed.
    same_name = hmac.compare_digest(given_name.encode(), username.encode())
    same_password = hmac.compare_digest(given.encode(), password.encode())
    return None if same_name and same_password else 401


# --- replies --------------------------------------------------------------------------------------------------------

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@lru_cache(maxsize=4)
def date(seconds: int) -> str:
    """An instant, in whole seconds since the epoch, as header fields want it; in English whatever the locale."""
    from datetime import UTC, datetime

    at = datetime.fromtimestamp(seconds, UTC)
    return f"{_DAYS[at.weekday()]}, {at.day:02} {_MONTHS[at.month - 1]} {at.year} {at:%H:%M:%S} GMT"


def begin(version: str, status: int, now: float, fields: str = "") -> bytes:
    """Status line and headers up to and with the blank line.

    Args:
        version: of the request.
        status: one of `REASONS`.
        now: seconds since the epoch.
        fields: further header lines, each with its CR LF.
    """
    return (
        f"HTTP/{version} {status} {REASONS[status]}\r\nServer: {SERVER}\r\nDate: {date(int(now))}\r\n{fields}\r\n"
    ).encode()


class Body(NamedTuple):
    """The answer to a request, whole.

    Attributes:
        type: its Content-Type.
        content: what follows the headers.
        status: one of `REASONS`.
        fields: further header lines, each with its CR LF.
    """

    type: str
    content: bytes
    status: int = 200
    fields: str = ""


def whole(head: Head, body: Body, now: float, *, keep: bool) -> bytes:
    """A reply with its whole body; `keep` says that the connection stays open. None of the body goes out on HEAD."""
    length = f"Content-Length: {len(body.content)}\r\n{_connection(head, keep)}"
    reply = begin(head.version, body.status, now, f"Content-Type: {body.type}\r\n{body.fields}{length}")
    return reply if head.method == "HEAD" else reply + body.content


def error(head: Head | None, status: int, now: float, *, keep: bool) -> bytes:
    """A reply that is nothing but an error, with supervisord's page. `head` is None where it was not understood."""
    body = (
        "<head>\r\n<title>Error response</title>\r\n</head>\r\n<body>\r\n<h1>Error response</h1>\r\n"
        f"<p>Error code {status}.\r\n<p>Message: {REASONS[status]}.\r\n</body>\r\n"
    ).encode()
    length = f"Content-Length: {len(body)}\r\nContent-Type: text/html\r\n"
    if status == 401:
        fields = f'Connection: close\r\nWWW-Authenticate: Basic realm="default"\r\n{length}'
    else:
        fields = length + (_connection(head, keep) if head is not None else "Connection: close\r\n")
    reply = begin(head.version if head is not None else "1.1", status, now, fields)
    return reply if head is not None and head.method == "HEAD" else reply + body


def stream(head: Head, now: float, fields: str) -> bytes:
    """The beginning of a 200 whose body has no end: chunked, or up to the end of the connection."""
    chunked = "Transfer-Encoding: chunked\r\n" if chunks(head) else _connection(head, False)
    return begin(head.version, 200, now, fields + chunked)


def chunks(head: Head) -> bool:
    """Whether the body of a `stream` for this request is to be cut into chunks.

    Not for a client that said ``Connection: close``, as there; but what it gets is not held back, as there.
    """
    return head.version == "1.1" and head.persistent


def chunk(data: bytes) -> bytes:
    """A piece of a chunked body; `data` must not be empty."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def _connection(head: Head, keep: bool) -> str:
    if not keep:
        return "Connection: close\r\n"
    return "Connection: Keep-Alive\r\n" if head.version == "1.0" else ""

"""HTTP as a server speaks it: bytes in, requests out."""

import base64
import email.utils
import hashlib
import http.client
import io
from collections.abc import Iterable

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minisup.protocol import http as ours
from minisup.protocol.http import HttpError, Receiver

MAX_BODY = 1000

Seen = tuple[str, str, str, bytes, bool]


def receive(pieces: Iterable[bytes]) -> list[Seen | int]:
    """What the pieces of a connection turn into: requests, and at the end perhaps the status of an error."""
    receiver = Receiver(MAX_BODY)
    seen: list[Seen | int] = []
    head: ours.Head | None = None
    for piece in pieces:
        receiver.feed(piece)
        try:
            while True:
                head = head or receiver.next_head()
                body = receiver.next_body() if head is not None else None
                if head is None or body is None:
                    break
                seen.append((head.method, head.target, head.version, body, head.persistent))
                head = None
        except HttpError as error:
            return [*seen, error.status]
    return seen


def head_of(request: bytes, max_body: int = 0) -> ours.Head:
    receiver = Receiver(max_body)
    receiver.feed(request)
    found = receiver.next_head()
    assert found is not None
    return found


GET = ("GET", "/", "1.1", b"", True)

REQUESTS: dict[str, tuple[bytes, list[Seen | int]]] = {
    "plain": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", [GET]),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", [GET]),
    "no host, headers": (b"GET / HTTP/1.1\r\nA: b\r\n\r\n", [GET]),
    "leading blank lines": (b"\r\n\r\nGET / HTTP/1.1\r\n\r\n", [GET]),
    "blank lines between": (b"GET / HTTP/1.1\r\n\r\n\r\n\nGET / HTTP/1.1\r\n\r\n", [GET, GET]),
    "bare line feeds": (b"GET / HTTP/1.1\nA: b\n\n", [GET]),
    "pipelined": (
        b"POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n\r\n",
        [("POST", "/a", "1.1", b"abc", True), GET],
    ),
    "length without a blank": (b"POST / HTTP/1.1\r\nContent-Length:1\r\n\r\nx", [("POST", "/", "1.1", b"x", True)]),
    "an empty body": (b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", [("POST", "/", "1.1", b"", True)]),
    "1.0 closes": (b"GET / HTTP/1.0\r\n\r\n", [("GET", "/", "1.0", b"", False)]),
    "1.0 may stay": (b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", [("GET", "/", "1.0", b"", True)]),
    "1.1 may close": (b"GET / HTTP/1.1\r\nConnection: Close\r\n\r\n", [("GET", "/", "1.1", b"", False)]),
    "one of several options": (b"GET / HTTP/1.1\r\nConnection: te,  close\r\n\r\n", [("GET", "/", "1.1", b"", False)]),
    "no version": (b"GET /\r\n\r\n", [("GET", "/", "1.0", b"", False)]),
    "raw UTF-8 in the path": ("GET /é HTTP/1.1\r\n\r\n".encode(), [("GET", "/%C3%A9", "1.1", b"", True)]),
    "a folded header": (b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", [GET]),
    "expect": (
        b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
        [("POST", "/", "1.1", b"x", True)],
    ),
    "same length twice": (b"POST / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\nx", [("POST", "/", "1.1", b"x", True)]),
    "not yet whole": (b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nx", []),
    "a body at the limit": (
        b"POST / HTTP/1.1\r\nContent-Length: 1000\r\n\r\n" + bytes(1000),
        [("POST", "/", "1.1", bytes(1000), True)],
    ),
    "a body over the limit": (b"POST / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n", [413]),
    "a body of any length": (b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", [413]),
    "an absurd length": (b"POST / HTTP/1.1\r\nContent-Length: %s\r\n\r\n" % (b"9" * 5000), [400]),
    "a head over the limit": (b"GET / HTTP/1.1\r\nA: %s\r\n\r\n" % (b"x" * ours.MAX_HEAD), [431]),
    "a head without end": (b"x" * (ours.MAX_HEAD + 1), [431]),
    "one word": (b"GET\r\n\r\n", [400]),
    "four words": (b"GET / HTTP/1.1 x\r\n\r\n", [400]),
    "not HTTP": (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", [400]),
    "a control character in the path": (b"GET /\x01 HTTP/1.1\r\n\r\n", [400]),
    "HTTP/2.0": (b"GET / HTTP/2.0\r\n\r\n", [GET]),
    "HTTP/1.2": (b"GET / HTTP/1.2\r\n\r\n", [GET]),
    "HTTP/1.10": (b"GET / HTTP/1.10\r\n\r\n", [GET]),
    "HTTP/3": (b"GET / HTTP/3\r\n\r\n", [GET]),
    "HTTP/0.9": (b"GET / HTTP/0.9\r\n\r\n", [("GET", "/", "1.0", b"", False)]),
    "HTTP/1": (b"GET / HTTP/1\r\n\r\n", [("GET", "/", "1.0", b"", False)]),
    "a version that is no number": (b"GET / HTTP/x.y\r\n\r\n", [400]),
    "a version of endless digits": (b"GET / HTTP/1.%s\r\n\r\n" % (b"1" * 9), [400]),
    "a version in small letters": (b"GET / http/1.1\r\n\r\n", [400]),
    "length is no number": (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", [400]),
    "negative length": (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", [400]),
    "two lengths": (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", [400]),
    "chunked": (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", [411]),
    "chunked and a length": (
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        [411],
    ),
    "gzip": (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", [411]),
    "identity": (
        b"POST / HTTP/1.1\r\nTransfer-Encoding: Identity\r\nContent-Length: 1\r\n\r\nx",
        [("POST", "/", "1.1", b"x", True)],
    ),
    "identity at the end": (
        b"POST / HTTP/1.1\nContent-Length: 1\ntransfer-encoding:identity\n\nx",
        [("POST", "/", "1.1", b"x", True)],
    ),
    "identity and more": (b"POST / HTTP/1.1\r\nTransfer-Encoding: identity, chunked\r\n\r\n", [411]),
    "identity, folded": (b"POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\n chunked\r\n\r\n", [411]),
    "identity and chunked": (
        b"POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n",
        [411],
    ),
    "a header without a colon": (b"GET / HTTP/1.1\r\nHost\r\n\r\n", [400]),
    "a blank before the colon": (b"GET / HTTP/1.1\r\nContent-Length : 1\r\n\r\n", [400]),
    "a first header that is folded": (b"GET / HTTP/1.1\r\n A: b\r\n\r\n", [400]),
    "NUL in a header": (b"GET / HTTP/1.1\r\nA: \x00\r\n\r\n", [400]),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", [400]),
    "an error ends it": (b"GET / HTTP/1.1\r\n\r\nGET\r\n\r\nGET / HTTP/1.1\r\n\r\n", [GET, 400]),
}


@pytest.mark.parametrize("case", REQUESTS)
def test_requests(case: str) -> None:
    data, expected = REQUESTS[case]
    assert receive([data]) == expected


@pytest.mark.parametrize("case", [case for case, (data, _) in REQUESTS.items() if len(data) < 200])
def test_it_does_not_matter_how_the_bytes_come(case: str) -> None:
    data, expected = REQUESTS[case]
    for at in range(1, len(data)):
        assert receive([data[:at], data[at:]]) == expected
    assert receive([data[at : at + 1] for at in range(len(data))]) == expected


NAMES = st.sampled_from(["A", "X-Long-Name", "Accept", "User-Agent", "a.b"])
LINES = st.lists(
    st.tuples(NAMES, st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=10)), max_size=4
)


@given(
    method=st.sampled_from(["GET", "POST", "HEAD", "X"]),
    target=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1),
    version=st.sampled_from(["1.0", "1.1"]),
    lines=LINES,
    body=st.binary(max_size=50),
    cut=st.integers(0, 200),
)
def test_h11_sees_the_same_request(
    method: str, target: str, version: str, lines: list[tuple[str, str]], body: bytes, cut: int
) -> None:
    headers = "".join(f"{name}: {value}\r\n" for name, value in [("Host", "x"), *lines])
    head = f"{method} {target} HTTP/{version}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    data = head.encode("latin-1") + body
    theirs = h11.Connection(h11.SERVER)
    theirs.receive_data(data)
    request = theirs.next_event()
    assert isinstance(request, h11.Request)
    receiver = Receiver(MAX_BODY)
    receiver.feed(data[:cut])
    found = receiver.next_head()
    receiver.feed(data[cut:])
    found = found or receiver.next_head()
    assert found is not None
    assert (found.method, found.target) == (request.method.decode(), request.target.decode())
    assert found.headers == {name.decode(): value.decode(errors="replace") for name, value in request.headers}
    assert receiver.next_body() == body
    if body:
        event = theirs.next_event()
        assert isinstance(event, h11.Data) and bytes(event.data) == body


FRAGMENTS = [b"\r\n", b"\n", b"GET / HTTP/1.1", b"POST /x HTTP/1.0", b"Content-Length: 3", b"abc", b"Connection: close"]


@given(st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=30)))
def test_any_bytes_are_requests_or_an_error_however_they_come(pieces: list[bytes]) -> None:
    assert receive(pieces) == receive([b"".join(pieces)])


TARGETS: dict[str, tuple[str, str]] = {
    "/logtail/a%3Ab/é%ff%zz?x=%41": ("/logtail/a:b/é\ufffd%zz", "x=%41"),
    "/ok.html?q#x?y": ("/ok.html", "q"),
    "/ok.html#x?q": ("/ok.html", ""),
    "/a%23b%3Fc": ("/a#b?c", ""),
}


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_is_decoded_on_request(target: str) -> None:
    head = head_of(f"GET {target} HTTP/1.1\r\n\r\n".encode())
    assert (head.path, head.query) == TARGETS[target]
    assert head.line == f"GET {target} HTTP/1.1"


def test_a_receiver_knows_whether_a_head_has_begun() -> None:
    receiver = Receiver(10)
    seen = []
    for piece in (b"", b"\r\n", b"POST / HTTP/1.1\r\n", b"Content-Length: 1\r\n\r\n", b"x"):
        receiver.feed(piece)
        receiver.next_head()
        seen.append(receiver.empty)
    assert seen == [True, True, False, True, True]


def test_a_head_is_given_out_before_its_body_is_there() -> None:
    receiver = Receiver(10)
    receiver.feed(b"POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\na")
    head = receiver.next_head()
    assert head is not None and head.target == "/a"
    assert (receiver.next_body(), receiver.unread) == (None, 3)
    receiver.feed(b"bcGET /b")
    assert (receiver.next_body(), receiver.unread, receiver.buffered) == (b"abc", 0, 6)


def test_a_body_that_nobody_wants_is_dropped_as_it_comes() -> None:
    receiver = Receiver(10**9)
    receiver.feed(b"POST /a HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n")
    assert receiver.next_head() is not None
    for _ in range(1000):
        receiver.feed(bytes(1000))
        assert receiver.next_head() is None
        assert receiver.buffered == 0
    receiver.feed(b"GET /b HTTP/1.1\r\n\r\n")
    head = receiver.next_head()
    assert head is not None and head.target == "/b"


# --- credentials ----------------------------------------------------------------------------------------------------


def basic(text: str | bytes) -> str:
    return "Basic " + base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


SHA = "{SHA}" + hashlib.sha1("pä:ss".encode()).hexdigest()

CREDENTIALS: dict[str, tuple[str | None, str, int | None]] = {
    "right": (basic("user:pä:ss"), "pä:ss", None),
    "the scheme in any case": (basic("user:pä:ss").replace("Basic", "bAsIc"), "pä:ss", None),
    "right, hashed": (basic("user:pä:ss"), SHA, None),
    "the hash is not the password": (basic(f"user:{SHA}"), SHA, 401),
    "an upper-case hash": (basic("user:pä:ss"), "{SHA}" + SHA[5:].upper(), 401),
    "none": (None, "x", 401),
    "empty": ("", "x", 401),
    "another scheme": ("Bearer abc", "x", 401),
    "wrong password": (basic("user:y"), "x", 401),
    "wrong user": (basic("other:x"), "x", 401),
    "no colon": (basic("user"), "x", 400),
    "wrong padding": ("Basic abc", "x", 400),
    "not UTF-8": (basic(b"\xff:\xff"), "x", 400),
    "nothing behind the scheme": ("Basic", "x", 400),
    "not ASCII": ("Basic é", "x", 400),
}


@pytest.mark.parametrize("case", CREDENTIALS)
def test_credentials(case: str) -> None:
    header, password, expected = CREDENTIALS[case]
    assert ours.refusal(header, "user", password) == expected


# --- replies --------------------------------------------------------------------------------------------------------


HEAD_11 = head_of(b"GET / HTTP/1.1\r\n\r\n")
HEAD_10 = head_of(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
COMMON = "Server: Medusa/1.12\r\nDate: Sun, 22 Nov 2026 10:58:45 GMT\r\n"
NOW = 1795345125.9
PAGE = (
    "<head>\r\n<title>Error response</title>\r\n</head>\r\n<body>\r\n<h1>Error response</h1>\r\n"
    "<p>Error code 404.\r\n<p>Message: Not Found.\r\n</body>\r\n"
)

REPLIES: dict[str, tuple[bytes, str]] = {
    "whole": (
        ours.whole(HEAD_11, ours.Body("text/xml", b"<a/>"), NOW, keep=True),
        f"HTTP/1.1 200 OK\r\n{COMMON}Content-Type: text/xml\r\nContent-Length: 4\r\n\r\n<a/>",
    ),
    "whole, 1.0 stays": (
        ours.whole(HEAD_10, ours.Body("text/xml", b"<a/>"), NOW, keep=True),
        f"HTTP/1.0 200 OK\r\n{COMMON}Content-Type: text/xml\r\nContent-Length: 4\r\nConnection: Keep-Alive\r\n\r\n<a/>",
    ),
    "whole, closes": (
        ours.whole(HEAD_11, ours.Body("text/xml", b"<a/>"), NOW, keep=False),
        f"HTTP/1.1 200 OK\r\n{COMMON}Content-Type: text/xml\r\nContent-Length: 4\r\nConnection: close\r\n\r\n<a/>",
    ),
    "error": (
        ours.error(HEAD_11, 404, NOW, keep=True),
        f"HTTP/1.1 404 Not Found\r\n{COMMON}Content-Length: 134\r\nContent-Type: text/html\r\n\r\n{PAGE}",
    ),
    "error to what was no request": (
        ours.error(None, 404, NOW, keep=False),
        f"HTTP/1.1 404 Not Found\r\n{COMMON}Content-Length: 134\r\nContent-Type: text/html\r\n"
        f"Connection: close\r\n\r\n{PAGE}",
    ),
    "no body on HEAD": (
        ours.error(head_of(b"HEAD / HTTP/1.1\r\n\r\n"), 404, NOW, keep=True),
        f"HTTP/1.1 404 Not Found\r\n{COMMON}Content-Length: 134\r\nContent-Type: text/html\r\n\r\n",
    ),
    "401": (
        ours.error(HEAD_11, 401, NOW, keep=False),
        f"HTTP/1.1 401 Unauthorized\r\n{COMMON}Connection: close\r\n"
        'WWW-Authenticate: Basic realm="default"\r\nContent-Length: 137\r\nContent-Type: text/html\r\n\r\n'
        + PAGE.replace("404", "401").replace("Not Found", "Unauthorized"),
    ),
    "stream": (
        ours.stream(HEAD_11, NOW, "A: b\r\n"),
        f"HTTP/1.1 200 OK\r\n{COMMON}A: b\r\nTransfer-Encoding: chunked\r\n\r\n",
    ),
    "stream of 1.0": (
        ours.stream(HEAD_10, NOW, "A: b\r\n"),
        f"HTTP/1.0 200 OK\r\n{COMMON}A: b\r\nConnection: close\r\n\r\n",
    ),
    "chunk": (ours.chunk(b"0123456789abcdef"), "10\r\n0123456789abcdef\r\n"),
}


@pytest.mark.parametrize("case", REPLIES)
def test_replies(case: str) -> None:
    reply, expected = REPLIES[case]
    assert reply.decode() == expected


class _Wire(io.BytesIO):
    def makefile(self, *_: object) -> "_Wire":
        return self


@pytest.mark.parametrize("status", ours.REASONS)
def test_every_status_is_read_by_a_client(status: int) -> None:
    response = http.client.HTTPResponse(_Wire(ours.error(HEAD_11, status, NOW, keep=False)))  # type: ignore[arg-type]
    response.begin()
    assert (response.status, response.reason) == (status, ours.REASONS[status])


@given(st.integers(0, 2**33))
def test_dates_are_those_of_the_standard_library(seconds: int) -> None:
    assert ours.date(seconds) == email.utils.formatdate(seconds, usegmt=True)

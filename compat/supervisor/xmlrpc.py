"""The client's way to the daemon, and the numbers of faults."""

import base64
import datetime
import http.client as httplib
import socket
import xmlrpc.client as xmlrpclib
from typing import Any

from minisup.errors import FAULT_NAMES, Faults
from supervisor import _missing
from supervisor.compat import as_bytes, as_string, urlparse
from supervisor.http import NOT_DONE_YET

__getattr__ = _missing.names_of(__name__)


def getFaultDescription(code: int) -> str:
    """``BAD_NAME`` for 10; ``UNKNOWN`` for no fault."""
    return FAULT_NAMES.get(code, "UNKNOWN")


class RPCError(Exception):
    """A method of a plugin raises it: the call is answered by a fault."""

    def __init__(self, code: int, extra: object = None) -> None:
        self.code = code
        self.text = getFaultDescription(code) + ("" if extra is None else f": {extra}")

    def __str__(self) -> str:
        return f"code={self.code!r}, text={self.text!r}"


def capped_int(value: str | float) -> int:
    """A whole number within what XML-RPC can say, 32 bits."""
    return int(min(max(int(value), xmlrpclib.MININT), xmlrpclib.MAXINT))


def make_datetime(text: str) -> datetime.datetime:
    """A moment of the form ``20240501T12:00:00``."""
    return datetime.datetime.strptime(text, "%Y%m%dT%H:%M:%S")


def xmlrpc_marshal(value: Any) -> str:
    """The body of an answer: a value, or a ``xmlrpclib.Fault``."""
    if isinstance(value, xmlrpclib.Fault):
        return xmlrpclib.dumps(value)
    return xmlrpclib.dumps(value if isinstance(value, tuple) else (value,), methodresponse=True)


class UnixStreamHTTPConnection(httplib.HTTPConnection):
    """HTTP over a socket in the file system, named by the attribute `socketfile`."""

    socketfile: str

    def connect(self) -> None:
        """Open the connection."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self.socketfile)


class SupervisorTransport(xmlrpclib.Transport):
    """Brings calls to ``unix:///path`` or ``http://host:port``, over one connection that is kept.

    Give it to a ServerProxy of any http URL: ``ServerProxy("http://127.0.0.1", transport=SupervisorTransport(...))``.
    """

    connection: Any = None

    def __init__(self, username: str | None = None, password: str | None = None, serverurl: str | None = None) -> None:
        super().__init__()
        url = serverurl or ""
        if not url.startswith(("http://", "unix://")):
            raise ValueError(f"Unknown protocol for serverurl {serverurl}")
        self.username = username
        self.password = password
        self.serverurl = url
        self.verbose = False
        self.headers: dict[str, str] = {}

    def _get_connection(self) -> httplib.HTTPConnection:
        if self.serverurl.startswith("http://"):
            parsed = urlparse.urlparse(self.serverurl)
            return httplib.HTTPConnection(parsed.hostname or "", parsed.port or 80)
        connection = UnixStreamHTTPConnection("localhost")
        connection.socketfile = self.serverurl.removeprefix("unix://")
        return connection

    def close(self) -> None:
        """Close the connection; the next call opens one."""
        if self.connection:
            self.connection.close()
            self.connection = None

    def request(self, host: Any, handler: str, request_body: Any, verbose: Any = 0) -> Any:
        """Make a call, and return its result.

        Raises:
            OSError: nobody is there.
            xmlrpclib.Fault: the daemon refuses.
            xmlrpclib.ProtocolError: the answer is no answer to a call; 401 without the right password.
        """
        body = as_bytes(request_body)
        response = None
        try:
            if self.connection:
                try:
                    response = self._ask(handler, body)
                except (BrokenPipeError, ConnectionResetError):
                    self.close()  # the daemon has closed what was kept, or was replaced: once more, over a new one
            if response is None:
                self.connection = self._get_connection()
                response = self._ask(handler, body)
            if response.status != 200:
                raise xmlrpclib.ProtocolError(host + handler, response.status, response.reason, {})
            data = response.read()
        except BaseException:
            self.close()
            raise
        parser, unmarshaller = self.getparser()
        parser.feed(data)
        parser.close()
        return unmarshaller.close()

    def _ask(self, handler: str, body: bytes) -> httplib.HTTPResponse:
        self.headers = {
            "User-Agent": self.user_agent,
            "Content-Type": "text/xml",
            "Accept": "text/xml",
            "Content-Length": str(len(body)),
        }
        if self.username is not None and self.password is not None:
            encoded = base64.b64encode(as_bytes(f"{self.username}:{self.password}")).decode()
            self.headers["Authorization"] = f"Basic {encoded}"
        self.connection.request("POST", handler, body, self.headers)
        response: httplib.HTTPResponse = self.connection.getresponse()
        return response

"""A real `xmlrpc.client.ServerProxy` over our own wire, for plugins: they call methods by attribute, and catch the
faults of that module. Its import takes longer than a whole command of ours, so it waits until a plugin asks.
"""

from minisup.ctl import wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any
    from xmlrpc.client import ServerProxy

_transports: "list[Any]" = []


def transport_class() -> "Any":
    """`SupervisorTransport(username=None, password=None, serverurl=None)`, a transport of `xmlrpc.client`."""
    if _transports:
        return _transports[0]
    import xmlrpc.client

    class SupervisorTransport(xmlrpc.client.Transport):
        """Calls over ``http://`` or ``unix://``, with Basic authentication; one connection, kept."""

        def __init__(self, username: str | None = None, password: str | None = None, serverurl: str = "") -> None:
            super().__init__()
            self.username = username
            self.password = password
            self.serverurl = serverurl
            self.line = wire.Connection(serverurl, username, password)

        def request(self, host: "Any", handler: str, request_body: "Any", verbose: bool = False) -> "Any":
            try:
                answer = self.line.post(bytes(request_body))
            except wire.ProtocolError as error:
                url = f"{host}{handler}"
                raise xmlrpc.client.ProtocolError(url, error.errcode, error.errmsg, {}) from None
            parser, unmarshaller = self.getparser()
            parser.feed(answer)
            parser.close()
            return unmarshaller.close()

        def close(self) -> None:
            self.line.close()

    _transports.append(SupervisorTransport)
    return SupervisorTransport


def server_proxy(username: str | None, password: str | None, serverurl: str) -> "ServerProxy":
    """A client of all methods of a server.

    Raises:
        ValueError: the URL is neither ``http://`` nor ``unix://``.
    """
    import xmlrpc.client

    return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport_class()(username, password, serverurl))

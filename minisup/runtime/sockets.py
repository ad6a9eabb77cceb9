"""Listening sockets.

The control sockets are bound, listening, and put into the file system so that nobody ever meets a half-made one. The
socket that the children of a FastCGI group share is made as supervisord makes it: at its own name, in place of what is
there.
"""

import errno
import os
import socket
import stat
import sys
from collections.abc import Callable, Iterable

from minisup.errors import MinisupError
from minisup.specs import GroupSpec, ProcessKey, ServerSpec, SocketSpec

BACKLOG = 1024
IN_USE = (
    "Another program is already listening on a port that one of our HTTP servers is configured to use.  "
    "Shut this program down first before starting supervisord."
)
_NO_HARD_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


class Server(socket.socket):
    """A listening socket.

    Attributes:
        path: the file of a unix socket, None for inet.
        identity: (device, inode) of that file as it was made.
    """

    path: str | None = None
    identity: tuple[int, int] | None = None


class SharedSocketError(MinisupError):
    """The socket of a FastCGI group cannot be made; in supervisord's words."""


class SharedSocket:
    """The listening socket of a FastCGI group, there as long as one of its processes has it.

    The file of a unix socket stays when the socket is closed.
    """

    def __init__(self, spec: SocketSpec, say: Callable[[str, str], None]) -> None:
        self._spec = spec
        self._say = say
        self._users: set[ProcessKey] = set()
        self._socket: socket.socket | None = None

    def probe(self) -> None:
        """Make it and close it again, so that a group that cannot work is noticed when it becomes active.

        Raises:
            SharedSocketError: it cannot.
        """
        if self._socket is None:
            self._socket = self._open()
            self.close()

    def acquire(self, user: ProcessKey) -> int:
        """The descriptor for a process that is about to be spawned; the first one makes the socket.

        Raises:
            SharedSocketError: it cannot be made.
        """
        if self._socket is None:
            self._socket = self._open()
        self._users.add(user)
        return self._socket.fileno()

    def release(self, user: ProcessKey) -> None:
        """The process has ended, or was never spawned; the last one closes the socket."""
        self._users.discard(user)
        if not self._users:
            self.close()

    def close(self) -> None:
        """Close it, whoever has it."""
        if self._socket is not None:
            self._say("info", f"Closing socket {self._spec.url}")
            self._socket.close()
            self._socket = None

    def _open(self) -> socket.socket:
        self._say("info", f"Creating socket {self._spec.url}")
        try:
            return _listen(self._spec)
        except (OSError, ValueError) as why:  # the latter: a host name that cannot be one
            raise SharedSocketError(f"Could not create FastCGI socket {self._spec.url}: {why}") from None


def probe_new(groups: Iterable[GroupSpec], active: Iterable[GroupSpec], say: Callable[[str, str], None]) -> None:
    """Make and close the sockets of groups that none of the active groups has.

    Raises:
        SharedSocketError: one cannot be made.
    """
    held = {_place(group.socket) for group in active if group.socket is not None}
    for group in groups:
        if group.socket is not None and _place(group.socket) not in held:
            SharedSocket(group.socket, say).probe()


def _place(spec: SocketSpec) -> str:
    """The path or the port: the same port at another address may be one that the present socket keeps."""
    return spec.url[7:] if spec.url.startswith("unix://") else spec.url.rpartition(":")[2]


def _listen(spec: SocketSpec) -> socket.socket:
    """Source: supervisor's ``datatypes.SocketConfig``, ``socket_manager``."""
    unix = spec.url.startswith("unix://")
    path = spec.url[7:]
    # QUIRK(supervisor): whatever has the name is removed, be it a socket in use. test_fcgi.py: test_what_a_child_has
    if unix and os.path.exists(path):
        os.unlink(path)
    made = socket.socket(socket.AF_UNIX if unix else socket.AF_INET, socket.SOCK_STREAM)
    try:
        if unix:
            made.bind(path)
            _dress(spec, path)
        else:
            host, _, port = spec.url[6:].rpartition(":")
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind((host, int(port)))
        made.listen(spec.backlog or socket.SOMAXCONN)
    except BaseException:
        made.close()
        if unix:
            _unlink(path)
        raise
    return made


def _dress(spec: SocketSpec, path: str) -> None:
    """Owner and mode; nobody connects before it listens."""
    try:
        what = "ownership"
        if spec.owner is not None:
            os.chown(path, *spec.owner)
        what = "permissions"
        if spec.mode is not None:
            os.chmod(path, spec.mode)
    except OSError as why:
        raise ValueError(f"Could not change {what} of socket file: {why}") from None


def open_server(spec: ServerSpec, say: Callable[[str, str], None]) -> Server:
    """A non-blocking socket that listens where `spec` says.

    A socket file that nobody listens on any more is replaced; who accepts a connection is alive, even if it never
    answers.

    Args:
        spec: where; of a unix socket also mode and owner.
        say: told (level word, text) what is worth a line in the main log.

    Raises:
        MinisupError: it cannot be opened, in supervisord's words.
    """
    try:
        return _open_inet(spec) if spec.path is None else _open_unix(spec, spec.path, say)
    except OSError as why:
        raise MinisupError(_explained(why)) from why


def close_servers(servers: Iterable[Server]) -> None:
    """Close sockets, and unlink the files of those that are still ours: another daemon may have taken the place."""
    for server in servers:
        if server.path is not None and server.identity == _identity(server.path):
            try:
                os.unlink(server.path)
            except OSError:
                pass  # a read-only or vanished directory: supervisord tries no more either
        server.close()


def _open_inet(spec: ServerSpec) -> Server:
    server = Server(socket.AF_INET6 if ":" in spec.host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((spec.host, spec.port))
        server.listen(BACKLOG)
        server.setblocking(False)
    except BaseException:
        server.close()
        raise
    return server


def _open_unix(spec: ServerSpec, path: str, say: Callable[[str, str], None]) -> Server:
    """Everything happens under a name of our own; only a socket that answers gets the real one."""
    if os.path.isdir(path):
        raise MinisupError(f"cannot open the HTTP server {path!r}: it is a directory")
    own = f"{path}.{os.getpid()}"
    server = Server(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _unlink(own)
        server.bind(own)
        os.chmod(own, spec.mode)
        if spec.owner is not None:
            _chown(own, path, spec.owner)
        server.listen(BACKLOG)
        server.setblocking(False)
        identity = _identity(own)
        _publish(own, path, say)
    except BaseException:
        server.close()
        raise
    finally:
        _unlink(own)
    server.path, server.identity = path, identity
    return server


def _publish(own: str, path: str, say: Callable[[str, str], None]) -> None:
    """Give the socket file `own` the name `path`, unless somebody listens there."""
    try:
        os.link(own, path)
        return
    except FileExistsError:
        pass
    except OSError as why:
        if why.errno not in _NO_HARD_LINKS:
            raise
    if os.path.lexists(path):
        if _answers(path):
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        _mention(f"Unlinking stale socket {path}\n")
        say("debug", f"replacing the stale socket {path!r}")
    os.rename(own, path)  # atomic: at no moment is the name missing


def _answers(path: str) -> bool:
    """Whether somebody listens at `path`. A full backlog is an owner, too; nothing here waits for one."""
    if not stat.S_ISSOCK(os.lstat(path).st_mode) and not os.path.islink(path):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except (BlockingIOError, InterruptedError):
            return True
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError as why:
            if why.errno == errno.EPROTOTYPE:  # a datagram socket in use
                return True
            raise
    return True


def _chown(own: str, path: str, owner: tuple[int, int]) -> None:
    try:
        os.chown(own, *owner)
    except PermissionError as why:
        raise MinisupError(
            f'Not permitted to chown {path} to uid/gid {owner!r}; adjust "sockchown" value in config file or on '
            f"command line to values that the current user ({_user()}) can successfully chown"
        ) from why


def _user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _explained(why: OSError) -> str:
    if why.errno == errno.EADDRINUSE:
        return IN_USE
    number = why.args[0]
    name = errno.errorcode.get(number) if isinstance(number, int) else None
    text = "Cannot open an HTTP server: socket.error reported"
    return f"{text} {number}" if name is None else f"{text} errno.{name} ({number})"


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError:
        pass  # whatever follows says why


def _mention(text: str) -> None:
    """On stderr, as supervisord does before its log is of use."""
    try:
        if sys.stderr is not None:
            sys.stderr.write(text)
            sys.stderr.flush()
    except (OSError, ValueError):
        pass

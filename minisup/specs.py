"""What a configuration says, as frozen plain values.

Nothing here knows a file, a descriptor or a running process. Times are in seconds, sizes in bytes.
Paths are text; `None` means "none".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from minisup.names import make_namespec as make_namespec
from minisup.names import split_namespec as split_namespec

_NOTHING: Mapping[str, str] = MappingProxyType({})

ProcessKey = tuple[str, str]
"""(group name, process name): the one identity of a process inside a daemon."""


@dataclass(frozen=True, slots=True)
class LogSpec:
    """Where one output channel of a process goes.

    Attributes:
        path: the file; None for no file. Of an AUTO log: None until its group is activated, then the generated path.
        auto: the configuration says AUTO (a generated file in childlogdir).
        maxbytes: rotate when the file has reached this size; 0 means never.
        backups: rotated files to keep; 0 or less means that the file is truncated instead.
        syslog: a copy of every line goes to syslog.
        capture_maxbytes: size of the buffer between capture tags; 0 means that tags are ordinary output.
        events_enabled: every chunk is also a PROCESS_LOG event.
    """

    path: str | None = None
    auto: bool = False
    maxbytes: int = 50 * 1024 * 1024
    backups: int = 10
    syslog: bool = False
    capture_maxbytes: int = 0
    events_enabled: bool = False


@dataclass(frozen=True, slots=True)
class ReadySpec:
    """How it is seen that a process is ready for what it is there for.

    Attributes:
        kind: ``tcp``, ``http``, ``log``, ``file``, ``unix``, ``exec`` or ``notify``.
        target: ``HOST:PORT``, a URL, a regular expression, a path, a command; empty for ``notify``.
        expect: of ``http``: the status, ``200`` or ``2xx``; empty for any 2xx or 3xx.
    """

    kind: str
    target: str
    expect: str = ""


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One process of a [program:x], [eventlistener:x] or [fcgi-program:x], after numprocs and expansions."""

    name: str
    command: str
    priority: int = 999
    autostart: bool = True
    autorestart: str = "unexpected"
    """``always``, ``never`` or ``unexpected``."""
    startsecs: int = 1
    startretries: int = 3
    exitcodes: tuple[int, ...] = (0,)
    stopsignal: int = 15
    stopwaitsecs: int = 10
    stopasgroup: bool = False
    killasgroup: bool = False
    uid: int | None = None
    directory: str | None = None
    umask: int | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    """[supervisord] environment overridden by the section's own."""
    redirect_stderr: bool = False
    stdout: LogSpec = field(default_factory=LogSpec)
    stderr: LogSpec = field(default_factory=LogSpec)
    serverurl: str | None = None
    """What the child gets as SUPERVISOR_SERVER_URL; None means: that of the daemon's own server."""
    ready: ReadySpec | None = None
    """None: it is ready as soon as it is RUNNING."""
    ready_timeout: float = 60.0
    """Seconds from the spawn after which it is late; it may become ready all the same."""


@dataclass(frozen=True, slots=True)
class PoolSpec:
    """What makes a group a pool of event listeners."""

    events: tuple[str, ...]
    buffer_size: int = 10
    result_handler: str = "supervisor.dispatchers:default_handler"


@dataclass(frozen=True, slots=True)
class SocketSpec:
    """The listening socket of an [fcgi-program:x].

    Attributes:
        url: ``tcp://host:port`` or ``unix:///path``, as clients and change detection see it.
        owner: (uid, gid), -1 for unchanged; unix only.
        mode: permissions of the socket file; unix only.
        backlog: of listen(2), or None for the system's.
    """

    url: str
    owner: tuple[int, int] | None = None
    mode: int | None = None
    backlog: int | None = None


@dataclass(frozen=True, slots=True)
class GroupSpec:
    """A process group. `pool` is set for event listeners, `socket` for FastCGI programs, neither for others."""

    name: str
    priority: int = 999
    processes: tuple[ProcessSpec, ...] = ()
    pool: PoolSpec | None = None
    socket: SocketSpec | None = None

    @property
    def is_plain(self) -> bool:
        """Its programs need nothing but to run: no events, no shared socket."""
        return self.pool is None and self.socket is None


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """One control socket.

    Attributes:
        section: the name of its section, as log lines call it (``unix_http_server``, ``inet_http_server:b``).
        path: the file of a unix socket, absolute; None for an inet server.
        host: of an inet server; ``""`` means all IPv4 addresses.
        port: of an inet server.
        mode: permissions of the socket file.
        owner: (uid, gid) of the socket file, -1 for unchanged; None for no chown.
        username: with `password`, what Basic authentication asks for; None or ``""`` for no authentication.
        password: plain, or ``{SHA}`` and the lower-case hex SHA-1 of it.
        max_body: largest request body accepted, in bytes.
        idle_timeout: a connection is closed that says nothing for this many seconds before its first request, within
            one, or while an answer waits to be taken.
        max_connections: connections beyond this number are answered 503 and closed.
        get_actions: actions of the status page need neither POST nor its token.
    """

    section: str
    path: str | None = None
    host: str = ""
    port: int = 0
    mode: int = 0o700
    owner: tuple[int, int] | None = None
    username: str | None = None
    password: str | None = None
    max_body: int = 4 * 1024 * 1024
    idle_timeout: float = 600
    max_connections: int = 256
    get_actions: bool = False

    @property
    def url(self) -> str:
        """How a child reaches this server: ``unix:///path`` or ``http://host:port``."""
        return f"unix://{self.path}" if self.path is not None else f"http://{self.host or 'localhost'}:{self.port}"


@dataclass(frozen=True, slots=True)
class PluginSpec:
    """A [rpcinterface:name]: where its factory is and what it is called with.

    Attributes:
        place: ``path:line`` of the line that names the factory.
    """

    name: str
    factory: str
    options: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    place: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class DaemonSpec:
    """[supervisord], after the command line had its say. Paths are absolute."""

    configfile: str = ""
    here: str = ""
    logfile: str | None = "supervisord.log"
    """None where there is no file (``logfile=syslog``)."""
    log_syslog: bool = False
    logfile_maxbytes: int = 50 * 1024 * 1024
    logfile_backups: int = 10
    loglevel: str = "info"
    pidfile: str | None = "supervisord.pid"
    umask: int = 0o022
    nodaemon: bool = False
    silent: bool = False
    minfds: int = 1024
    minprocs: int = 200
    nocleanup: bool = False
    childlogdir: str = "/tmp"
    uid: int | None = None
    directory: str | None = None
    strip_ansi: bool = False
    environment: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    identifier: str = "supervisor"
    start: tuple[str, ...] = ()
    """Groups named by ``--start``, started once the sockets answer."""
    shutdown_timeout: float | None = None
    subreaper: bool = False
    """Adopt orphans although not PID 1 (prctl PR_SET_CHILD_SUBREAPER)."""
    exit_on: str | None = None
    """``fatal`` or ``exit``: a program that becomes FATAL, or ends at all, ends the daemon."""
    exit_code_from: str | None = None
    """The program whose exit code is the daemon's, as ``name`` or ``group:name``."""
    own: tuple[ProcessKey, ...] | None = None
    """Of a spoke: the processes that are its own; `exit_on` and the mirror look at no others. None: all."""
    mirror: bool = False
    """Of a spoke: what its own processes say on stderr is also said on our stdout and in the main log."""
    logfile_default: bool = False
    """Neither the file nor the command line named a log: `logfile` is supervisord's default."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything that one reading of the configuration gave.

    Attributes:
        groups: sorted by (priority, name), as they are activated.
        servers: all inet servers in file order, then all unix servers.
        messages: (level word, text) that the main log must say once it is open: includes, warnings.
        unknown: options and sections that nothing reads, with place and the nearest known name.
        advice: what is accepted but may surprise, with its place; for `minisup check`.
    """

    daemon: DaemonSpec
    groups: tuple[GroupSpec, ...] = ()
    servers: tuple[ServerSpec, ...] = ()
    rpcinterfaces: tuple[PluginSpec, ...] = ()
    messages: tuple[tuple[str, str], ...] = ()
    unknown: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()

    @property
    def serverurl(self) -> str | None:
        """SUPERVISOR_SERVER_URL of children: the first unix server, else the last inet one.

        QUIRK(supervisor): the last inet server, not the first. tests/test_config_build.py: serverurl
        """
        unix = [server.url for server in self.servers if server.path is not None]
        inet = [server.url for server in self.servers if server.path is None]
        return unix[0] if unix else inet[-1] if inet else None

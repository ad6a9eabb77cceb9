"""Every option of every section, written once.

Validation, the command line, `minisup check`, the docs and the sample configuration read this table. The order of keys
is the order in which supervisord looks at them, as far as a table can say it.
"""

from collections.abc import Iterable, Mapping

from minisup.config import values as v

OURS = "minisup 0.1"


class Key:
    """One option.

    Attributes:
        name: as written in the file, lower case.
        convert: its type, see `minisup.config.values`.
        default: as one would write it; None for none.
        help: one line.
        required: leaving it out is an error.
        short: letter of the command line, ``""`` for a long option only, None for no option of the command line.
        since: version that brought it.
    """

    __slots__ = ("convert", "default", "help", "name", "required", "short", "since")

    def __init__(
        self,
        name: str,
        convert: v.Converter,
        default: str | None,
        help: str,
        *,
        required: bool = False,
        short: str | None = None,
        since: str = "supervisor 3.0",
    ) -> None:
        self.name = name
        self.convert = convert
        self.default = default
        self.help = help
        self.required = required
        self.short = short
        self.since = since

    @property
    def type(self) -> str:
        """The name of the type, for people."""
        return self.convert.__name__.replace("_", " ")


class Kind:
    """One kind of section.

    Attributes:
        header: how it is written, ``program:`` with the colon where a name follows.
        keys: its options.
        free: any other option is handed to a plugin.
        loose: every header that begins so is of this kind.
    """

    __slots__ = ("free", "header", "help", "keys", "loose")

    def __init__(self, header: str, help: str, keys: Iterable[Key], *, free: bool = False, loose: bool = False) -> None:
        self.header = header
        self.help = help
        self.keys: Mapping[str, Key] = {key.name: key for key in keys}
        self.free = free
        self.loose = loose

    def reads(self, section: str) -> bool:
        """Whether a section of this name is of this kind."""
        prefix = self.loose or self.header.endswith(":")
        return section.startswith(self.header) if prefix else section == self.header


SUPERVISORD = Kind(
    "supervisord",
    "The daemon itself.",
    (
        Key(
            "minfds", v.integer, "1024", "File descriptors that must be allowed; the limit is raised to it.", short="a"
        ),
        Key("minprocs", v.integer, "200", "Processes that must be allowed; the limit is raised to it.", short=""),
        Key("directory", v.directory, None, "Working directory once daemonized.", short="d"),
        Key("user", v.string, None, "Name or number of the user to run as; only root can switch.", short="u"),
        Key("umask", v.octal, "022", "File mode mask once daemonized.", short="m"),
        Key("logfile", v.path, "supervisord.log", "The main log; NONE for no file, syslog for the syslog.", short="l"),
        Key("logfile_maxbytes", v.byte_size, "50MB", "Rotate the main log at this size; 0 for never.", short="y"),
        Key("logfile_backups", v.integer, "10", "Rotated main logs to keep.", short="z"),
        Key("loglevel", v.level, "info", "Least severe level that is logged.", short="e"),
        Key("pidfile", v.path, "supervisord.pid", "Where the process id is written; NONE for nowhere.", short="j"),
        Key("identifier", v.string, "supervisor", "Name of this instance in events and names of logs.", short="i"),
        Key("nodaemon", v.boolean, "false", "Stay in the foreground.", short="n"),
        Key(
            "silent",
            v.boolean,
            "false",
            "No copy of the log on stdout in the foreground.",
            short="s",
            since="supervisor 4.2",
        ),
        Key("childlogdir", v.directory, None, "Directory of AUTO logs (default: that for temporary files).", short="q"),
        Key("nocleanup", v.boolean, "false", "Keep the AUTO logs of earlier runs.", short="k"),
        Key("strip_ansi", v.boolean, "false", "Remove ANSI escape sequences from the output of programs.", short="t"),
        Key("environment", v.environment, "", "Environment of all programs, KEY=value,KEY2=value2."),
        Key("shutdown_timeout", v.seconds, None, "All programs must have stopped within these seconds.", since=OURS),
        Key("subreaper", v.boolean, "false", "Adopt and reap orphans although not PID 1.", since=OURS),
        Key("exit_on", v.ending, "never", "End with a program that becomes FATAL (fatal) or ends (exit).", since=OURS),
        Key("exit_code_from", v.string, None, "The program whose exit code is ours.", since=OURS),
    ),
)

_AUTHENTICATION = (
    Key("username", v.string, None, "Ask for this name by HTTP Basic authentication; needs password."),
    Key("password", v.string, None, "The password, plain, or {SHA} and its SHA-1 in lower-case hexadecimal."),
)
_OURS = (
    Key("max_body", v.positive_byte_size, "4MB", "Largest request body that is accepted.", since=OURS),
    Key("idle_timeout", v.positive_seconds, "600", "Seconds of silence before or in a request.", since=OURS),
    Key("max_connections", v.positive, "256", "Connections at one time.", since=OURS),
    Key("get_actions", v.boolean, "false", "Actions of the status page work by GET and without its token.", since=OURS),
)

UNIX = Kind(
    "unix_http_server",
    "A control socket in the file system.",
    (
        Key("file", v.string, None, "Path of the socket.", required=True),
        *_AUTHENTICATION,
        Key("chown", v.worded(v.owner, "Invalid sockchown value %s"), None, "Owner of the socket, user or user:group."),
        Key("chmod", v.worded(v.octal, "Invalid chmod value %s"), "0700", "Permissions of the socket."),
        *_OURS,
    ),
    loose=True,
)

INET = Kind(
    "inet_http_server",
    "A control socket on TCP.",
    (
        *_AUTHENTICATION,
        Key("port", v.inet_address, None, "Where to listen: port, host:port or *:port.", required=True),
        *_OURS,
    ),
    loose=True,
)

_PROGRAM = (
    Key("priority", v.integer, "999", "Lower starts earlier and stops later."),
    Key("autostart", v.boolean, "true", "Start together with the daemon."),
    Key(
        "autorestart", v.autorestart, "unexpected", "Restart after an exit: true, false, or unexpected exit codes only."
    ),
    Key("startsecs", v.integer, "1", "Seconds it must stay up to count as RUNNING."),
    Key("startretries", v.integer, "3", "Failed starts in a row that are tried again before FATAL."),
    Key("stopsignal", v.signal, "TERM", "Signal that asks it to stop."),
    Key("stopwaitsecs", v.integer, "10", "Seconds to wait after stopsignal before SIGKILL."),
    Key("stopasgroup", v.boolean, "false", "Send stopsignal to its whole process group."),
    Key("killasgroup", v.boolean, None, "Send SIGKILL to its whole process group (default: as stopasgroup)."),
    Key("exitcodes", v.exitcodes, "0", "Expected exit codes."),
    Key("redirect_stderr", v.boolean, "false", "Its stderr goes where its stdout goes."),
    Key("numprocs", v.integer, "1", "Number of processes; process_name must then contain %(process_num)."),
    Key("numprocs_start", v.integer, "0", "First value of process_num."),
    Key("stdout_capture_maxbytes", v.byte_size, "0", "Buffer for PROCESS_COMMUNICATION events; 0 for none."),
    Key("stdout_events_enabled", v.boolean, "false", "Each chunk of stdout is a PROCESS_LOG_STDOUT event."),
    Key("stderr_capture_maxbytes", v.byte_size, "0", "Buffer for PROCESS_COMMUNICATION events; 0 for none."),
    Key("stderr_events_enabled", v.boolean, "false", "Each chunk of stderr is a PROCESS_LOG_STDERR event."),
    Key("serverurl", v.server_url, None, "SUPERVISOR_SERVER_URL of the program; AUTO for the daemon's own."),
    Key("user", v.user, None, "Name or number of the user to run it as."),
    Key("umask", v.octal, None, "Its file mode mask."),
    Key("process_name", v.process_name, "%(program_name)s", "Name of a process."),
    Key("environment", v.environment, "", "Its environment, over that of [supervisord]."),
    Key("directory", v.string, None, "Its working directory."),
    Key("stdout_logfile", v.logfile, "AUTO", "Where stdout goes: a path, AUTO or NONE."),
    Key("stdout_logfile_backups", v.integer, "10", "Rotated files to keep."),
    Key("stdout_logfile_maxbytes", v.byte_size, "50MB", "Rotate at this size; 0 for never."),
    Key("stdout_syslog", v.boolean, "false", "Copy stdout to the syslog.", since="supervisor 4.0"),
    Key("stderr_logfile", v.logfile, "AUTO", "Where stderr goes: a path, AUTO or NONE."),
    Key("stderr_logfile_backups", v.integer, "10", "Rotated files to keep."),
    Key("stderr_logfile_maxbytes", v.byte_size, "50MB", "Rotate at this size; 0 for never."),
    Key("stderr_syslog", v.boolean, "false", "Copy stderr to the syslog.", since="supervisor 4.0"),
    Key("command", v.string, None, "The program and its arguments.", required=True),
)

_READY = (
    Key(
        "ready",
        v.ready,
        None,
        "Sign of being ready: tcp:PORT, http://HOST:PORT/PATH, log:REGEX, file:PATH, unix:PATH, exec:COMMAND, notify.",
        since=OURS,
    ),
    Key(
        "ready_timeout",
        v.positive_seconds,
        "60",
        "Seconds from the spawn after which it is late with that.",
        since=OURS,
    ),
)

PROGRAM = Kind("program:", "A program to run.", (*_PROGRAM, *_READY))

EVENTLISTENER = Kind(
    "eventlistener:",
    "A program that is told events on its stdin.",
    (
        *_PROGRAM,
        Key("buffer_size", v.integer, "10", "Events kept while no listener is ready."),
        Key(
            "result_handler",
            v.string,
            "supervisor.dispatchers:default_handler",
            "module:function that judges a result.",
        ),
        Key("events", v.event_names, "", "Names of events to be told, with commas between.", required=True),
    ),
)

FCGI = Kind(
    "fcgi-program:",
    "A program with a FastCGI socket as stdin.",
    (
        *_PROGRAM,
        *_READY,
        Key("socket_backlog", v.integer, None, "Backlog of the socket, 1 to 65535.", since="supervisor 3.4"),
        Key("socket_owner", v.worded(v.owner, "Invalid socket_owner value %s"), None, "Owner of a unix socket."),
        Key(
            "socket_mode",
            v.worded(v.octal, "Invalid socket_mode value %s"),
            None,
            "Permissions of a unix socket (0700).",
        ),
        Key("socket", v.string, None, "tcp://host:port or unix:///absolute/path.", required=True),
    ),
)

GROUP = Kind(
    "group:",
    "Programs that are handled together.",
    (
        Key("programs", v.strings, "", "Names of its programs, with commas between."),
        Key("priority", v.integer, "999", "Lower starts earlier and stops later."),
    ),
)

INCLUDE = Kind(
    "include",
    "Further files to read.",
    (Key("files", v.words, None, "Shell patterns, with white space between.", required=True),),
)

RPCINTERFACE = Kind(
    "rpcinterface:",
    "A plugin that answers XML-RPC calls.",
    (Key("supervisor.rpcinterface_factory", v.string, None, "module:function that makes it.", required=True),),
    free=True,
)

CTLPLUGIN = Kind(
    "ctlplugin:",
    "A plugin of supervisorctl.",
    (Key("supervisor.ctl_factory", v.string, None, "module:function that makes it.", required=True),),
    free=True,
)

SUPERVISORCTL = Kind(
    "supervisorctl",
    "What supervisorctl uses when its command line does not say.",
    (
        Key("serverurl", v.string, "http://localhost:9001", "http://host:port or unix:///path of the daemon."),
        Key("prompt", v.string, "supervisor", "Prompt of the shell."),
        Key("username", v.string, None, "User name for the daemon."),
        Key("password", v.string, None, "Password for the daemon, plain."),
        Key("history_file", v.string, None, "Where the shell keeps its history."),
    ),
)

KINDS = (SUPERVISORD, UNIX, INET, PROGRAM, EVENTLISTENER, FCGI, GROUP, INCLUDE, RPCINTERFACE, CTLPLUGIN, SUPERVISORCTL)

MAIN_FACTORY = "supervisor.rpcinterface:make_main_rpcinterface"
"""The interface supervisor.* itself: a literal in every configuration, never imported."""


def kind_of(section: str) -> Kind | None:
    """What a section of this name is, or None for nothing that we know."""
    return next((kind for kind in KINDS if kind.reads(section)), None)

"""Write the documents that are made from the code: docs/interface.md, docs/api.md and the man pages in docs/man.

    python docs/generate.py            write what has changed, and say so
    python docs/generate.py --check    write nothing; exit 1 if something has changed

`tests/test_tables.py` runs the second, and holds the lists against those of the real supervisord.
"""

import re
import signal
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import api
import manual

from minisup import SUPERVISORD_VERSION
from minisup.cli.arguments import SWITCHES
from minisup.cli.switches import Switch
from minisup.config.schema import EVENTLISTENER, FCGI, KINDS, OURS, PROGRAM, Key, Kind
from minisup.control.rpc import METHODS
from minisup.control.system_rpc import SYSTEM
from minisup.core.engine import SIGNALS
from minisup.events import PARENTS

HERE = Path(__file__).resolve().parent

COMMANDS = {
    "supervisorctl": list(manual.commands()),
    "other programs": ["supervisord", "supervisorctl", "echo_supervisord_conf", "pidproxy"],
}
"""What supervisor installs, and what its client understands."""

OURS_ALONE = {"supervisorctl listeners", "supervisorctl ready"}

ENVIRONMENT = ("env-backslash", "env-separator", "env-words")
LOG: tuple[str, ...] = ("expand-logfile-twice", "reread-auto", "log-file-missing", "log-after-clear")
LOG += ("log-non-seekable", "log-stdout-reopen", "log-write-failed")
SIZE = ("maxbytes-negative", "log-rotate-append", "log-rotate-device", "log-rotate-late", "log-rotate-position")
CAPTURE = ("capture-bound", "capture-hold-back")
WINDOW = ("rpc-control-characters", "rpc-cut-character", "rpc-log-offset", "rpc-log-text", "rpc-not-utf8")
STOPS = ("signal-second-term", "shutdown-groups", "kill-again", "strays")
OUTPUT = ("capture-log-events", "event-len")

ROWS: dict[str, tuple[str, ...]] = {
    # sections
    "[supervisord]": ("reread-daemon-options",),
    "[unix_http_server]": ("conf-server-prefix", "http-limits"),
    "[inet_http_server]": ("conf-server-prefix", "http-limits"),
    "[program:x]": ("name-empty", "name-program-blank"),
    "[eventlistener:x]": (
        *("event-listener-slow", "event-reject-pools", "event-reject-spin", "event-result-prefix", "event-result-zero"),
        *("event-stdin-full", "event-unknown-stays"),
    ),
    "[group:x]": ("group-duplicate", "conf-group-label"),
    "[rpcinterface:x]": ("rpc-plugins",),
    "[ctlplugin:x]": ("ctl-help-plugins", "ctl-plugin-error"),
    # options
    "[supervisord] childlogdir": ("auto-clean-early",),
    "[supervisord] directory": ("foreground-directory",),
    "[supervisord] environment": ("expand-environment-stays", "expand-environment-twice", *ENVIRONMENT),
    "[supervisord] identifier": ("identifier-free", "auto-clean-pattern"),
    "[supervisord] logfile": ("logfile-none", "logfile-syslog", "logfile-unopenable", "log-twice"),
    "[supervisord] logfile_maxbytes": SIZE[1:],
    "[supervisord] minfds": ("limits-text", "child-close", "child-limits"),
    "[supervisord] minprocs": ("limits-text", "child-limits"),
    "[supervisord] nocleanup": ("auto-clean-early", "auto-clean-pattern"),
    "[supervisord] nodaemon": ("daemon-pid1",),
    "[supervisord] pidfile": ("pidfile-none", "daemon-pidfile-late", "reread-relative-files"),
    "[supervisord] strip_ansi": ("strip-ansi-chunk", "strip-ansi-ends"),
    "[supervisord] umask": ("foreground-umask",),
    "[supervisord] user": ("root-warning", "reread-user"),
    "[unix_http_server] file": ("socket-file-empty", "socket-probe", "socket-stale-wait"),
    "[unix_http_server] password": ("socket-no-auth", "auth-malformed", "http-401-open"),
    "[inet_http_server] password": ("socket-no-auth", "auth-malformed", "http-401-open"),
    "[program:x] autorestart": ("autorestart-brake",),
    "[program:x] command": ("child-path-first", "child-relative", "spawn-exit-127"),
    "[program:x] directory": ("child-relative",),
    "[program:x] environment": (*ENVIRONMENT, "env-loop-leak"),
    "[program:x] exitcodes": ("exit-expected-early",),
    "[program:x] killasgroup": ("shutdown-flags",),
    "[program:x] numprocs_start": ("reread-numprocs-start",),
    "[program:x] priority": ("group-order", "stop-all-order", "shutdown-groups"),
    "[program:x] process_name": ("name-expanded", "process-name-twice"),
    "[program:x] serverurl": ("serverurl-last-inet", "serverurl-slashes"),
    "[program:x] startretries": ("backoff-late", "backoff-stop", "fatal-late", "startsecs-zero-loop"),
    "[program:x] startsecs": ("running-late", "running-race", "startsecs-zero", "exit-zero-time"),
    "[program:x] stderr_capture_maxbytes": CAPTURE,
    "[program:x] stderr_events_enabled": ("capture-log-events",),
    "[program:x] stderr_logfile": LOG,
    "[program:x] stderr_logfile_maxbytes": SIZE,
    "[program:x] stderr_syslog": ("syslog-chunk", "clear-syslog"),
    "[program:x] stdout_capture_maxbytes": CAPTURE,
    "[program:x] stdout_events_enabled": ("capture-log-events",),
    "[program:x] stdout_logfile": LOG,
    "[program:x] stdout_logfile_maxbytes": SIZE,
    "[program:x] stdout_syslog": ("syslog-chunk", "clear-syslog"),
    "[program:x] stopsignal": ("signal-names", "signal-numbers", "stop-early"),
    "[program:x] stopwaitsecs": ("kill-again",),
    "[program:x] umask": ("number-range",),
    "[program:x] user": ("child-home",),
    "[eventlistener:x] buffer_size": ("event-buffer-start",),
    "[eventlistener:x] events": ("event-overlap",),
    "[eventlistener:x] result_handler": ("event-result-handler",),
    "[fcgi-program:x] socket": (
        *("fcgi-in-group", "fcgi-probe", "fcgi-restart-closes", "fcgi-socket-fails", "fcgi-socket-stays"),
        *("fcgi-socket-taken", "fcgi-socket-text", "fcgi-start-stopping", "reread-fcgi"),
    ),
    "[group:x] priority": ("conf-level-labels",),
    "[include] files": ("conf-here-per-file", "conf-include-again", "conf-include-nested", "conf-include-unreadable"),
    "[supervisorctl] history_file": ("ctl-history",),
    # the command line
    "--configuration": ("conf-relative-path", "root-search"),
    "--version": ("version",),
    "--profile_options": ("profiler",),
    # methods
    "supervisor.clearAllProcessLogs": ("rpc-deferred-slow", "clear-stopped", "clear-syslog"),
    "supervisor.clearProcessLog": ("clear-stopped", "clear-syslog"),
    "supervisor.clearProcessLogs": ("clear-stopped", "clear-syslog"),
    "supervisor.getAllConfigInfo": ("config-info-autorestart", "reread-auto-shown", "rpc-int-range"),
    "supervisor.getAllProcessInfo": ("shown-stop-time",),
    "supervisor.getProcessInfo": ("shown-stop-time",),
    "supervisor.getSupervisorVersion": ("version",),
    "supervisor.readLog": WINDOW,
    "supervisor.readMainLog": WINDOW,
    "supervisor.readProcessLog": WINDOW,
    "supervisor.readProcessStderrLog": WINDOW,
    "supervisor.readProcessStdoutLog": WINDOW,
    "supervisor.reloadConfig": ("conf-first-error", "reread-auto", "reread-nested-list", "reread-user"),
    "supervisor.removeProcessGroup": ("rpc-removed-before",),
    "supervisor.restart": ("hup-broken-config",),
    "supervisor.sendProcessStdin": ("rpc-stdin-full",),
    "supervisor.shutdown": ("shutdown-groups",),
    "supervisor.signalProcess": ("rpc-signal-zero",),
    "supervisor.signalProcessGroup": ("rpc-signal-zero", "rpc-select-late"),
    "supervisor.startAllProcesses": ("rpc-deferred-slow", "rpc-select-late"),
    "supervisor.startProcess": ("rpc-deferred-slow", "start-stopping"),
    "supervisor.startProcessGroup": ("rpc-deferred-slow", "rpc-select-late"),
    "supervisor.stopAllProcesses": ("rpc-deferred-slow", "rpc-select-late", "stop-all-order"),
    "supervisor.stopProcess": ("rpc-deferred-slow", "restart-cancel"),
    "supervisor.stopProcessGroup": ("rpc-deferred-slow", "rpc-select-late"),
    "supervisor.tailProcessLog": WINDOW,
    "supervisor.tailProcessStderrLog": WINDOW,
    "supervisor.tailProcessStdoutLog": WINDOW,
    "system.multicall": ("rpc-multicall-bare", "rpc-multicall-params"),
    # events
    "PROCESS_COMMUNICATION_STDERR": (*CAPTURE, "event-len"),
    "PROCESS_COMMUNICATION_STDOUT": (*CAPTURE, "event-len"),
    "PROCESS_LOG_STDERR": OUTPUT,
    "PROCESS_LOG_STDOUT": OUTPUT,
    "REMOTE_COMMUNICATION": ("event-len",),
    # signals
    "SIGTERM": STOPS,
    "SIGINT": STOPS,
    "SIGQUIT": STOPS,
    "SIGHUP": ("hup-broken-config",),
    "SIGUSR2": ("reopen-vanished",),
    "SIGCHLD": ("reap-flood", "unknown-reaped"),
    "others": ("signal-unhandled",),
    # commands
    "supervisorctl": (
        *("ctl-broken-pipe", "ctl-connections", "ctl-history", "ctl-interactive", "ctl-interrupt", "ctl-quoting"),
        "ctl-syntax-error",
    ),
    "supervisorctl clear": ("ctl-clear-group",),
    "supervisorctl fg": ("ctl-fg-exit",),
    "supervisorctl help": ("ctl-complete-help", "ctl-help-plugins"),
    "supervisorctl maintail": ("tail-truncated", "tail-unchunked"),
    "supervisorctl status": ("ctl-empty-group",),
    "supervisorctl tail": ("ctl-tail-cut", "ctl-tail-double-dash", "tail-truncated", "tail-unchunked"),
    "supervisorctl update": ("ctl-empty-group",),
    "supervisord": ("argv-twice", "argv-usage", "start-late", "version"),
    "echo_supervisord_conf": ("echo-sample",),
    "pidproxy": (
        *("pidproxy-background", "pidproxy-exec", "pidproxy-gone", "pidproxy-poll", "pidproxy-sigpipe"),
        "pidproxy-stop",
    ),
}
"""Part of the interface -> the rows of docs/compatibility.md that are about it. Their decisions make its verdict."""


HOW = {
    "auth-malformed": "a header that cannot be read is 400",
    "auto-clean-early": "logs are cleared after the sockets are ours",
    "auto-clean-pattern": "special characters in it are no pattern",
    "autorestart-brake": "at once, crash loops are slowed down",
    "backoff-late": "waits exactly",
    "backoff-stop": "a stop resets the count",
    "capture-bound": "exactly the last bytes are kept",
    "capture-hold-back": "no output is held back",
    "child-close": "all descriptors are closed",
    "clear-stopped": "stopped programs too",
    "clear-syslog": "with a syslog too",
    "conf-first-error": "all errors are told",
    "conf-relative-path": "stays the same file after chdir",
    "ctl-broken-pipe": "no traceback when nobody reads",
    "ctl-clear-group": "groups too",
    "ctl-complete-help": "`h` completes to commands only",
    "ctl-connections": "one connection a command",
    "ctl-fg-exit": "leaves at once",
    "ctl-help-plugins": "`No help` is said once",
    "ctl-history": "`-r` counts",
    "ctl-interrupt": "Ctrl-C is no traceback",
    "ctl-plugin-error": "a plugin that fails is told with its line",
    "ctl-syntax-error": "a mistake in the file is told with its line",
    "ctl-tail-cut": "no character is cut",
    "daemon-pid1": "PID 1 stays in the foreground",
    "echo-sample": "our own words, all options",
    "exit-zero-time": "an exit at once is a failed start",
    "event-listener-slow": "one that does not answer is named",
    "event-overlap": "overlapping types are one",
    "event-reject-pools": "a rejected event stays in its pool",
    "event-reject-spin": "no busy loop over a rejected event",
    "event-result-zero": "empty results count at once",
    "event-stdin-full": "one that does not read ends nobody",
    "expand-environment-stays": "a reread forgets what left the file",
    "expand-environment-twice": "`%%` as in 4.4 works too",
    "fatal-late": "FATAL at once",
    "http-401-open": "401 closes the connection",
    "http-limits": "limits of body, head and connections",
    "fcgi-probe": "a second daemon touches nothing",
    "fcgi-socket-fails": "one that cannot be made ends nobody",
    "fcgi-start-stopping": "stays while a process has it",
    "hup-broken-config": "a broken file stops nothing",
    "kill-again": "SIGKILL is sent once",
    "log-non-seekable": "pipes and devices need no `maxbytes=0`",
    "log-rotate-append": "always appends",
    "log-rotate-device": "devices are never renamed",
    "log-rotate-position": "lines of others count",
    "log-stdout-reopen": "`/dev/stdout` works where it cannot be opened",
    "log-twice": "no line is said twice",
    "log-write-failed": "a full disk costs the chunk only",
    "logfile-none": "`NONE`, `OFF` and empty are no file",
    "logfile-unopenable": "one line instead of a traceback",
    "maxbytes-negative": "below 0 is no rotation",
    "number-range": "what no system can do is an error",
    "pidfile-none": "`NONE`, `OFF` and empty are no file",
    "pidproxy-background": "waits for the process of the pidfile",
    "pidproxy-exec": "says what cannot be run",
    "pidproxy-gone": "stays where a signal finds nobody",
    "pidproxy-poll": "ends at once",
    "pidproxy-sigpipe": "no signal is ignored",
    "pidproxy-stop": "ends with its process",
    "reap-flood": "orphans do not flood the log",
    "reopen-vanished": "a folder that is gone costs its log only",
    "reread-auto-shown": "generated names stay",
    "reread-relative-files": "stays the same file after a reread",
    "reread-user": "a reread refuses an unknown user",
    "restart-cancel": "also cancels a restart",
    "root-search": "one plain line of warning",
    "rpc-control-characters": "characters that XML cannot carry are replaced",
    "rpc-cut-character": "no character is cut",
    "rpc-deferred-slow": "answers come at once",
    "rpc-int-range": "numbers are capped, no HTTP 500",
    "rpc-log-offset": "no offset is an error",
    "rpc-not-utf8": "bytes that are no UTF-8 are replaced",
    "rpc-select-late": "processes are chosen at the call",
    "rpc-stdin-full": "a full pipe is no HTTP 500",
    "running-late": "RUNNING exactly then",
    "running-race": "who died is never RUNNING",
    "shutdown-groups": "equal priorities stop together",
    "signal-names": "only names of signals",
    "signal-second-term": "a second one kills at once",
    "signal-unhandled": "USR1 and ALRM are logged and ignored",
    "socket-file-empty": "an empty path is an error",
    "socket-probe": "a daemon that hangs is seen to be there",
    "socket-stale-wait": "a stale one is replaced at once",
    "start-late": "programs start at once",
    "startsecs-zero": "0 is RUNNING at once",
    "stop-early": "never lost between fork and exec",
    "strays": "PID 1 ends strays",
    "strip-ansi-chunk": "sequences may be cut by chunks",
    "strip-ansi-ends": "every sequence of ECMA-48",
    "syslog-chunk": "bytes that are no UTF-8 are replaced",
    "tail-truncated": "truncation is told and followed",
    "tail-unchunked": "sent as it comes",
    "unknown-reaped": "no process in UNKNOWN ends the daemon",
}
"""What was mended, in a few words; the row has the whole story."""


def decisions() -> dict[str, str]:
    """Row of docs/compatibility.md -> its decision."""
    cells = [line.strip("| ").split(" | ") for line in (HERE / "compatibility.md").read_text().splitlines()]
    return {row[0]: row[2] for row in cells if len(row) == 4}


def verdict(item: str, ours: bool = False) -> str:
    """The cell of an item: what its rows say, taken together."""
    if ours:
        return "minisup's own"
    mended, missing = [], []
    for row in ROWS.get(item, ()):
        decision = DECISIONS[row]
        how = re.search(r"\b(?:mend|not): (.*?)(?:\. |; |$)", decision)
        if decision.startswith("later"):
            missing.append(f"`{row}`")
        elif decision.startswith("not: ") and how:
            return f"not: {how[1]} (`{row}`)"
        elif how:
            mended.append(f"{HOW.get(row, how[1])} (`{row}`)")
    found = [f"mended: {'; '.join(mended)}"] if mended else []
    found += [f"not yet: {', '.join(missing)}"] if missing else []
    return "; ".join(found) or "same"


DECISIONS = decisions()


def table(*head: str) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def title(kind: Kind) -> str:
    return f"[{kind.header}x]" if kind.header.endswith(":") else f"[{kind.header}]"


def default(key: Key) -> str:
    if key.required:
        return "required"
    return f"`{key.default}`" if key.default else ""


def sections() -> Iterator[str]:
    for kind in KINDS:
        yield f"### {title(kind)}\n"
        yield f"{kind.help} The section: {verdict(title(kind))}."
        own: Iterable[Key] = kind.keys.values()
        if kind in (EVENTLISTENER, FCGI):
            own = [key for key in own if key.name not in PROGRAM.keys]
            yield "All options of `[program:x]`, and:"
        if kind.free:
            yield "Any other option is handed to the plugin."
        yield ""
        yield from table("option", "type", "default", "verdict")
        for key in own:
            cell = verdict(f"{title(kind)} {key.name}", ours=key.since == OURS)
            yield row(f"`{key.name}`", key.type, default(key), cell)
        yield ""


def options() -> Iterator[str]:
    yield from table("option", "verdict")
    for switch in SWITCHES:
        yield row(f"`{spelled(switch)}`", verdict(f"--{switch.long}", ours=switch.ours))


def spelled(switch: Switch) -> str:
    argument = f" {switch.argument}" if switch.argument else ""
    return (f"-{switch.short}, " if switch.short else "") + f"--{switch.long}{argument}".replace("|", "\\|")


def methods() -> Iterator[str]:
    yield from table("method", "answers", "takes", "verdict")
    for name, method in {**METHODS, **SYSTEM}.items():
        answers, *takes = method.signature.split()
        yield row(f"`{name}`", answers, ", ".join(takes), verdict(name, ours=name.startswith("minisup.")))


def events() -> Iterator[str]:
    yield from table("event", "under", "verdict")
    for name, parent in PARENTS.items():
        yield row(f"`{name}`", f"`{parent}`" if parent else "", verdict(name))


def signals() -> Iterator[str]:
    yield from table("signal", "verdict")
    for number in SIGNALS:
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = f"SIGRTMIN+{number - signal.SIGRTMIN}"
        yield row(f"`{name}`", verdict(name, ours=number > signal.SIGRTMIN))
    yield row("others without a meaning", verdict("others"))


def commands() -> Iterator[str]:
    for program, names in COMMANDS.items():
        yield f"### {program}\n"
        yield from table("command", "verdict")
        for name in names:
            item = f"{program} {name}" if program == "supervisorctl" else name
            yield row(f"`{name}`", verdict(item, ours=item in OURS_ALONE))
        yield ""


def interface() -> str:
    """The text of docs/interface.md."""
    parts = [
        f"""\
# The interface of supervisord {SUPERVISORD_VERSION}, part by part

Every section, option, method, event, signal and command, and what minisup makes of it:

- **same**: as supervisord does it.
- **mended**: the same, but for what is said; the row of [compatibility.md](compatibility.md) in parentheses has the
  whole story and its test.
- **not yet**, **not**: is not done; the row says why.
- **minisup's own**: supervisord has no such thing, and ignores it in a configuration.

This page is made by `docs/generate.py` from the tables that the code itself reads; a test compares it with them, and
with supervisord {SUPERVISORD_VERSION}. To change it, change them.
"""
    ]
    for name, lines in (
        ("Sections and options", sections()),
        ("Command line of the daemon", options()),
        ("Methods", methods()),
        ("Events", events()),
        ("Signals to the daemon", signals()),
        ("Commands", commands()),
    ):
        parts.append(f"## {name}\n\n" + "\n".join(lines).rstrip("\n") + "\n")
    return "\n".join(parts)


def documents() -> dict[Path, str]:
    """All documents that are made, by their path."""
    made = {HERE / "interface.md": interface(), HERE / "api.md": api.page()}
    return {**made, **{HERE / "man" / name: text for name, text in manual.pages().items()}}


def main(words: list[str]) -> int:
    """Write them, or compare them only."""
    stale = [path for path, text in documents().items() if not path.exists() or path.read_text() != text]
    for path in stale:
        print(path.relative_to(HERE.parent), "has changed" if words else "is written")
        if not words:
            path.parent.mkdir(exist_ok=True)
            path.write_text(documents()[path])
    return int(bool(stale and words))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

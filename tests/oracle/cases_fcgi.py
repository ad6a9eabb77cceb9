"""Cases on FastCGI programs: the socket that the processes of a group share, and what is said of it."""

from signal import SIGHUP, SIGKILL, SIGTERM

from .case import HEAD, Case
from .programs import FILES, program
from .steps import (
    Asked,
    Exits,
    KillChild,
    Mode,
    Owner,
    Read,
    Reread,
    Signal,
    Until,
    UntilText,
    Write,
    call,
    ctl,
    info,
    logged,
    states,
)

ANSWER = """\
#!@PYTHON@ -IS
# Whoever connects to its standard input is told the words of the command line.
import socket, struct, sys

listening = socket.socket(fileno=0)
words = [listening.family.name, listening.type.name, listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)]
if listening.family == socket.AF_INET:
    words.append("backlog %d" % struct.unpack_from("I", listening.getsockopt(socket.SOL_TCP, socket.TCP_INFO, 104), 28))
print(*words, "ready", flush=True)
while True:
    line, _ = listening.accept()
    line.sendall(" ".join(sys.argv[1:]).encode())
    line.close()
"""

WITH = {**FILES, "answer": ANSWER}
UP = Until("f", "RUNNING")
UNIX = "unix://@DIR@/f.sock"
TCP = "tcp://127.0.0.1:@PORT@"
TWO = {"numprocs": 2, "process_name": "f%(process_num)d"}


def fcgi(name: str = "f", command: str = "@DIR@/answer hello", socket: str | None = UNIX, **options: object) -> str:
    """A FastCGI program that answers."""
    return program(name, command, "fcgi-program", socket=socket, **{"startsecs": 0, **options})


def _one(*steps: object, **options: object) -> Case:
    return Case(fcgi(**options), (UP, UntilText("f.log", "ready"), *steps), WITH)  # type: ignore[arg-type]


CASES: dict[str, Case] = {
    # --- the socket -----------------------------------------------------------------------------------------------
    "fcgi: a unix socket": _one(
        Read("f.log"),
        Mode("f.sock"),
        Asked("@DIR@/f.sock"),
        info("f"),
        call("stopProcess", "f"),
        Mode("f.sock"),
        Asked("@DIR@/f.sock"),
    ),
    "fcgi: a TCP socket": _one(Read("f.log"), Asked(), info("f"), call("stopProcess", "f"), Asked(), socket=TCP),
    "fcgi: a TCP socket on all addresses": Case(
        fcgi(socket="tcp://*:@PORT@"),
        ready=False,
        differs=dict.fromkeys(("stderr", "error"), "fcgi-socket-fails"),
    ),
    "fcgi: a TCP socket on a name": _one(Asked(), socket="tcp://localhost:@PORT@"),
    "fcgi: what its processes get": Case(
        fcgi("f", "@DIR@/seen one"),
        (UP, UntilText("f.log", "\nready\n"), Read("f.log", label="seen")),
        FILES,
        differs={"seen": "child-sigpipe"},
    ),
    "fcgi: the mode of the socket": _one(Mode("f.sock"), socket_mode="0642"),
    "fcgi: the umask does not touch the mode": Case(
        fcgi(socket_mode="0777"), (UP, UntilText("f.log", "ready"), Mode("f.sock")), WITH, umask=0o077
    ),
    "fcgi: the owner of the socket": Case(
        fcgi("f", socket="unix://@DIR@/f.sock", socket_owner="nobody")
        + fcgi("g", socket="unix://@DIR@/g.sock", socket_owner="nobody:daemon", socket_mode="0600")
        + fcgi("h", "/bin/sleep 1000", socket="unix://@DIR@/h.sock", user="nobody")
        + fcgi("i", "/bin/sleep 1000", socket="unix://@DIR@/i.sock", user="nobody", socket_owner="daemon"),
        (
            *(Until(name, "RUNNING") for name in "fghi"),
            *(step for name in "fghi" for step in (Owner(f"{name}.sock"), Mode(f"{name}.sock"))),
        ),
        WITH,
        root=True,
    ),
    "fcgi: a backlog": _one(Read("f.log"), socket=TCP, socket_backlog=7),
    "fcgi: the backlog that nobody chose": _one(Read("f.log"), socket=TCP),
    "fcgi: whatever has the name of the socket is replaced": Case(
        fcgi(), (UP, UntilText("f.log", "ready"), Mode("f.sock"), Asked("@DIR@/f.sock")), {**WITH, "f.sock": "a file\n"}
    ),
    "fcgi: names in the address of the socket": Case(
        fcgi("web", socket="unix://%(here)s/%(program_name)s.sock", socket_mode="0660")
        + fcgi("b", socket="unix://@DIR@/%(ENV_NAME)s.sock"),
        (
            Until("web", "RUNNING"),
            Until("b", "RUNNING"),
            Asked("@DIR@/web.sock"),
            Asked("@DIR@/from-env.sock"),
        ),
        WITH,
        env={"NAME": "from-env"},
        without=("spawned", "success"),
    ),
    # --- shared ---------------------------------------------------------------------------------------------------
    "fcgi: a group shares it from the first start to the last end": Case(
        fcgi("f", "@DIR@/answer hello", autostart="false", **TWO),
        (
            Asked("@DIR@/f.sock", label="before"),
            call("startProcess", "f:f0"),
            UntilText("f.log", "ready"),
            Asked("@DIR@/f.sock", label="one of them"),
            call("startProcess", "f:f1"),
            UntilText("f.log", "ready", 2),
            call("stopProcess", "f:f0"),
            Asked("@DIR@/f.sock", label="the other"),
            call("startProcess", "f:f0"),
            UntilText("f.log", "ready", 3),
            call("stopProcessGroup", "f", unordered=True),
            Asked("@DIR@/f.sock", label="none"),
            call("startProcessGroup", "f", unordered=True),
            UntilText("f.log", "ready", 5),
            Asked("@DIR@/f.sock", label="again"),
            Read("supervisord.log", keep=("socket unix", "stopped: f0"), label="order"),
        ),
        WITH,
        without=("success", "spawned"),
    ),
    "fcgi: one after the other": Case(
        fcgi("f", priority=1)
        + fcgi("g", socket="unix://@DIR@/g.sock", priority=2)
        + program("p", "/bin/cat", startsecs=0, priority=3),
        (
            *(Until(name, "RUNNING") for name in "fgp"),
            UntilText("f.log", "ready"),
            UntilText("g.log", "ready"),
            states(),
            Asked("@DIR@/f.sock"),
            Asked("@DIR@/g.sock"),
        ),
        WITH,
        ordered=True,
        without=("success",),
    ),
    "fcgi: killed from outside it comes back": _one(
        KillChild("f", SIGKILL), UntilText("f.log", "ready", 2), Asked("@DIR@/f.sock"), UP, autorestart="true"
    ),
    "fcgi: an end that is not followed by a start": Case(
        fcgi("f", "/bin/sh -c 'sleep 0.1; exit 4'", startsecs=0, autorestart="false"),
        (Until("f", "EXITED"), logged("Closing socket", 2), Asked("@DIR@/f.sock")),
        WITH,
    ),
    "fcgi: a start that fails": Case(
        fcgi("f", "@DIR@/nowhere", startretries=0, startsecs=1),
        (Until("f", "FATAL"), logged("Closing socket", 2), info("f"), call("startProcess", "f"), Asked("@DIR@/f.sock")),
        WITH,
    ),
    "fcgi: nobody writes to its standard input": _one(call("sendProcessStdin", "f", "words\n"), Asked("@DIR@/f.sock")),
    "fcgi: a member of a group is an ordinary program": Case(
        "[group:g]\nprograms=f,p\n" + fcgi("f", "/bin/cat") + program("p", "/bin/cat", startsecs=0),
        (
            Until("g:f", "RUNNING"),
            Until("g:p", "RUNNING"),
            states(),
            Mode("f.sock"),
            call("sendProcessStdin", "g:f", "words\n"),
            UntilText("f.log", "words"),
        ),
    ),
    # --- groups come and go ---------------------------------------------------------------------------------------
    "fcgi: all that is known of it": Case(
        fcgi("f", autostart="false", priority=7, stdout_logfile="NONE", **TWO),
        (call("getAllConfigInfo"), call("getProcessInfo", "f:f0"), ctl("avail"), ctl("status"), Mode("f.sock")),
        WITH,
    ),
    "fcgi: changes that count": Case(
        "".join(fcgi(name, socket=f"unix://@DIR@/{name}.sock", autostart="false") for name in "abcdefg"),
        (
            Reread(
                "changed",
                fcgi("a", socket="unix://@DIR@/a.sock", autostart="false")
                + fcgi("b", socket="unix://@DIR@/other.sock", autostart="false")
                + fcgi("c", socket="unix://@DIR@/c.sock", autostart="false", socket_mode="0600")
                + fcgi("d", socket="unix://@DIR@/d.sock", autostart="false", socket_backlog=3)
                + fcgi("e", socket=TCP, autostart="false")
                + fcgi("f", socket="unix://@DIR@/f.sock", autostart="false", priority=1)
                + program("g", autostart="false"),
            ),
        ),
        WITH,
    ),
    "fcgi: an update moves the socket": Case(
        fcgi(),
        (
            UP,
            UntilText("f.log", "ready"),
            Write("s.conf", HEAD + fcgi(socket="unix://@DIR@/second.sock")),
            ctl("update"),
            UP,
            UntilText("f.log", "ready", 2),
            Asked("@DIR@/f.sock", label="the old one"),
            Asked("@DIR@/second.sock", label="the new one"),
            Write("s.conf", HEAD),
            ctl("update"),
            Asked("@DIR@/second.sock", label="removed"),
        ),
        WITH,
    ),
    "fcgi: removed and added": Case(
        fcgi(),
        (
            UP,
            UntilText("f.log", "ready"),
            call("stopProcess", "f"),
            call("removeProcessGroup", "f"),
            call("addProcessGroup", "f"),
            UP,
            UntilText("f.log", "ready", 2),
            Asked("@DIR@/f.sock"),
        ),
        WITH,
    ),
    "fcgi: a socket in no folder": Case(
        fcgi(socket="unix://@DIR@/no/f.sock"),
        ready=False,
        differs=dict.fromkeys(("stderr", "error"), "fcgi-socket-fails"),
    ),
    "fcgi: a TCP socket that somebody has": Case(
        fcgi("f", socket=TCP) + "[inet_http_server]\nport=127.0.0.1:@PORT@\n",
        ready=False,
        files=WITH,
        differs=dict.fromkeys(("stderr", "error", "log"), "fcgi-socket-fails"),
    ),
    "fcgi: HUP makes it again": _one(
        Signal(SIGHUP),
        logged("supervisord started", 2),
        UntilText("f.log", "ready", 2),
        Asked("@DIR@/f.sock"),
        UP,
    ),
    "fcgi: TERM closes it": _one(Signal(SIGTERM), Exits(), Mode("f.sock"), Asked("@DIR@/f.sock")),
    "fcgi: supervisorctl": Case(
        fcgi("f", **TWO),
        (
            Until("f:f0", "RUNNING"),
            Until("f:f1", "RUNNING"),
            UntilText("f.log", "ready", 2),
            ctl("status"),
            ctl("stop", "f:f0"),
            ctl("restart", "f:f1"),
            UntilText("f.log", "ready", 3),
            ctl("start", "f:*"),
            UntilText("f.log", "ready", 4),
            ctl("stop", "f:*", unordered=True),
            ctl("start", "f:f1"),
            UntilText("f.log", "ready", 5),
            ctl("status"),
        ),
        WITH,
    ),
}

"""Cases on the supervisor as a daemon: in the background, with limits, as another user."""

from signal import SIGHUP, SIGKILL, SIGTERM, SIGUSR2

from .case import HEAD, Case
from .programs import FILES, SLOW, program
from .steps import (
    Exits,
    Itself,
    Mode,
    Move,
    Other,
    Owner,
    Read,
    SamePid,
    SignalPid,
    Step,
    Until,
    UntilGone,
    UntilText,
    call,
    ctl,
    info,
    logged,
)

UP = Until("a", "RUNNING")
TALK = program("a", "@DIR@/talk TERM=0", startsecs=0)
WHO = program("a", "@DIR@/who", startsecs=0)
READY = UntilText("a.log", "ready")
OFF = program("a", "/bin/cat", autostart="false")
PID = "supervisord.pid"
HERE = ("-c", "@DIR@/s.conf")
RELATIVE = """\
[unix_http_server]
file=s.sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisord]
logfile=supervisord.log
pidfile=supervisord.pid
childlogdir=logs
"""


def _behind(config: str, *steps: Step, pidfile: bool = True, end: bool = True, **options: object) -> Case:
    """A supervisor that goes into the background; what was started ends before the steps."""
    begin = (Exits(), *((UntilText(PID, "\n"),) if pidfile else ()), call("getIdentification"))
    over = (SignalPid(PID, SIGTERM),) if end else ()
    return Case(config, (*begin, *steps, *over), FILES, **{"args": HERE, "ready": False, "stdout": True, **options})  # type: ignore[arg-type]


CASES: dict[str, Case] = {
    # --- in the background ----------------------------------------------------------------------------------------
    "background: what it is": _behind(
        OFF,
        Itself(("umask", "session", "parent", "cwd", "fds")),
        Mode(PID),
        Mode("supervisord.log"),
        Mode("s.sock"),
        SamePid(None, PID, label="pid"),
    ),
    "background: the umask is its own": _behind(
        TALK, UP, READY, Itself(("umask",)), Mode("a.log"), Mode("supervisord.log"), Mode(PID), umask=0o077
    ),
    "background: the umask and the directory that it was given": _behind(
        "umask=0137\ndirectory=/\n" + TALK, UP, READY, Itself(("umask", "cwd")), Mode("a.log"), Mode(PID)
    ),
    "background: relative paths are those of where it was started": _behind(
        RELATIVE + "directory=/\n" + program("a", "/bin/cat", startsecs=0, stdout_logfile="@DIR@/a.log"),
        UP,
        Itself(("cwd",)),
        Mode("supervisord.log"),
        Mode(PID),
        bare=True,
    ),
    "background: a configuration that was given by a relative path": _behind(
        TALK, UP, READY, call("reloadConfig"), args=("-c", "s.conf")
    ),
    "background: HUP": _behind(
        TALK,
        UP,
        READY,
        SamePid(None, PID, label="pid"),
        SignalPid(PID, SIGHUP, stays=True),
        logged("supervisord started", 2),
        UntilText("a.log", "ready", 2),
        UP,
        SamePid(None, PID, label="pid again"),
        Itself(("umask", "session", "cwd", "fds")),
    ),
    "background: USR2": _behind(
        TALK,
        UP,
        READY,
        Move("supervisord.log", "old.log"),
        SignalPid(PID, SIGUSR2, stays=True),
        UntilText("old.log", "logreopen"),
        call("stopProcess", "a"),
        Read("supervisord.log"),
        Read("old.log", keep=("INFO", "WARN")),
    ),
    "background: restart and shutdown by supervisorctl": _behind(
        TALK,
        UP,
        READY,
        ctl("pid", "a"),
        ctl("reload"),
        logged("supervisord started", 2),
        UntilText("a.log", "ready", 2),
        UP,
        ctl("status"),
        ctl("shutdown"),
        UntilGone(PID),
        ctl("status"),
        end=False,
    ),
    "background: a second one leaves": _behind(
        TALK,
        UP,
        READY,
        Other(("-c", "@DIR@/s.conf", "-l", "@DIR@/second.log", "-j", "@DIR@/second.pid")),
        info("a", "statename"),
        Mode("second.pid"),
    ),
    "background: a pidfile that cannot be written": _behind(
        HEAD.replace("supervisord.pid", "logs") + "identifier=x\n" + TALK,
        UntilText("supervisord.log", "could not write pidfile"),
        call("getState"),
        UP,
        READY,
        call("shutdown"),
        UntilGone("s.sock"),
        bare=True,
        pidfile=False,
        end=False,
    ),
    "background: nodaemon in the file": Case(
        "nodaemon=true\n" + TALK, (UP, READY, Itself(("umask", "cwd"))), FILES, args=HERE, stdout=True, umask=0o027
    ),
    "background: nothing is said on stdout, silent or not": _behind("silent=true\n" + OFF),
    "background: the log on stdout": _behind(
        HEAD.replace("@DIR@/supervisord.log", "/dev/stdout") + "logfile_maxbytes=0\n" + OFF, call("getState"), bare=True
    ),
    "background: a broken configuration": Case(
        "[program:a]\n", args=HERE, ready=False, differs={"stderr": "conf-first-error"}, files_too=False
    ),
    "background: a socket in no folder": Case(
        HEAD.replace("s.sock", "no/s.sock") + OFF, args=HERE, ready=False, bare=True, stdout=True
    ),
    "background: what programs say on the way": _behind(
        program(
            "a",
            "/bin/sh -c 'echo out; echo err >&2; exec sleep 1000'",
            startsecs=0,
            stdout_logfile="/dev/stdout",
            stdout_logfile_maxbytes=0,
        ),
        UP,
        UntilText("a.err", "err"),
        end=True,
    ),
    "background: it waits for what does not stop": _behind(
        SLOW,
        UP,
        READY,
        SignalPid(PID, SIGTERM, stays=True),
        UntilText("a.log", "got TERM"),
        call("getState"),
        SignalPid("a.pid", SIGKILL),
        UntilGone(PID),
        end=False,
    ),
    # --- limits ---------------------------------------------------------------------------------------------------
    **{
        f"limits: {name}": Case(
            f"{options}{program('a', '@DIR@/limits', startsecs=0)}",
            (UP, UntilText("a.log", "ready"), Itself(("files", "processes")), Read("a.log")),
            {
                **FILES,
                "limits": "#!/bin/sh\ngrep -E '^Max (open|pro)' /proc/self/limits\necho ready; exec sleep 1000\n",
            },
            wrapper=("prlimit", *(f"--{limit}" for limit in limits), "--"),
            root=True,
        )
        for name, options, limits in (
            ("more files", "minfds=900\n", ("nofile=256:2000",)),
            ("more processes", "minprocs=300\n", ("nproc=250:1000",)),
            ("fewer than there are", "minfds=100\nminprocs=10\n", ("nofile=256:2000", "nproc=250:1000")),
            (
                "root may have more than the hard ones",
                "minfds=900\nminprocs=300\n",
                ("nofile=256:512", "nproc=200:250"),
            ),
            ("those that nobody chose", "", ("nofile=256:4000", "nproc=100:250")),
        )
    },
    "limits: more files than the system has": Case(
        "minfds=2000000000\n" + OFF, ready=False, root=True, files_too=False
    ),
    "limits: more files than another user may have": Case(
        "user=nobody\nminfds=900\n" + OFF,
        ready=False,
        root=True,
        files_too=False,
        open=True,
        wrapper=("prlimit", "--nofile=256:512", "--"),
    ),
    "limits: more processes than another user may have": Case(
        "user=nobody\nminprocs=900\n" + OFF,
        ready=False,
        root=True,
        files_too=False,
        open=True,
        wrapper=("prlimit", "--nproc=500:512", "--nofile=2000:2000", "--"),
    ),
    # --- another user ---------------------------------------------------------------------------------------------
    **{
        f"user: {name}": Case(
            line + WHO,
            (
                UP,
                UntilText("a.log", "ready"),
                Read("a.log"),
                Itself(("uid", "gid", "groups")),
                *(Owner(path) for path in ("s.sock", "supervisord.log", "supervisord.pid", "a.log")),
                Mode("s.sock"),
                call("getState"),
            ),
            FILES,
            (*HERE, "-n", *words),
            env={"USER": "root", "LOGNAME": "root"},
            root=True,
            open=True,
        )
        for name, line, words in (
            ("by name", "user=nobody\n", ()),
            ("by number", "user=65534\n", ()),
            ("on the command line", "", ("-u", "nobody")),
            ("on the command line, and another in the file", "user=daemon\n", ("--user", "nobody")),
        )
    },
    "user: in the background": _behind(
        "user=nobody\n" + WHO,
        UP,
        READY,
        Itself(("uid", "gid", "groups", "umask")),
        *(Owner(path) for path in ("s.sock", "supervisord.log", "supervisord.pid", "a.log")),
        root=True,
        open=True,
    ),
    "user: programs of the same one and of others": Case(
        "user=nobody\n"
        + program("a", "@DIR@/who", startsecs=0, user="nobody")
        + program("b", "@DIR@/who", startsecs=5, startretries=0, user="daemon")
        + program("c", "@DIR@/who", startsecs=5, startretries=0, user="root"),
        (
            UP,
            UntilText("a.log", "ready"),
            Read("a.log"),
            *(Until(n, "FATAL") for n in "bc"),
            Read("b.err"),
            Read("c.err"),
        ),
        FILES,
        root=True,
        open=True,
    ),
    "user: signals and restarts": Case(
        "user=nobody\n" + WHO,
        (
            UP,
            READY,
            call("restart"),
            logged("supervisord started", 2),
            UntilText("a.log", "ready", 2),
            UP,
            Itself(("uid", "gid")),
            call("stopProcess", "a"),
        ),
        FILES,
        root=True,
        open=True,
    ),
    "user: a log that it may not write": Case(
        "user=nobody\n" + OFF,
        ready=False,
        root=True,
        files_too=False,
        differs=dict.fromkeys(("stderr", "error"), "logfile-unopenable"),
    ),
    "user: the owner of the socket": Case(
        HEAD.replace("s.sock\n", "s.sock\nchown=nobody:daemon\nchmod=0660\n") + OFF,
        (Owner("s.sock"), Mode("s.sock")),
        bare=True,
        root=True,
    ),
    "user: the owner of the socket, without a group": Case(
        HEAD.replace("s.sock\n", "s.sock\nchown=nobody\n") + OFF, (Owner("s.sock"),), bare=True, root=True
    ),
    "user: the owner of the socket that another user may not give": Case(
        HEAD.replace("s.sock\n", "s.sock\nchown=daemon\n") + "user=nobody\n" + OFF,
        bare=True,
        root=True,
        open=True,
        ready=False,
        files_too=False,
    ),
}

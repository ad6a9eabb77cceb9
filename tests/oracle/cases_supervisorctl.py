"""Cases on the real supervisorctl 4.3.0: what it says and how it ends, asked of either."""

from signal import SIGKILL, SIGTERM

from .case import HEAD, Case
from .programs import FILES, program
from .steps import (
    Ctl,
    Exits,
    KillChild,
    Listener,
    Read,
    Signal,
    SignalPid,
    Step,
    Until,
    UntilText,
    Write,
    call,
    ctl,
    logged,
)

TALK = program("talk", "@DIR@/talk TERM=0 HUP USR1", startsecs=0)
CAT = program("cat", "/bin/cat", startsecs=0)
OFF = program("off", "/bin/cat", autostart="false")
DONE = program("done", "/bin/sh -c 'read line; exit 3'", autorestart="false", exitcodes="3")
BAD = (
    program("nofile", "@DIR@/nowhere", autostart="false")
    + program("noexec", "@DIR@/logs", autostart="false")
    + program("short", "/bin/false", autostart="false", startsecs=5, startretries=0)
)
GROUP = (
    "[group:g]\nprograms=one,two\n"
    + program("one", "/bin/cat", startsecs=0, priority=1)
    + program("two", "/bin/cat", startsecs=0, priority=2)
)
UP: tuple[Step, ...] = (Until("talk", "RUNNING"), UntilText("talk.log", "ready"))
G_UP = (Until("g:one", "RUNNING"), Until("g:two", "RUNNING"))
SLOW = program("slow", "/bin/sh -c 'echo $$ > @DIR@/slow.pid; exec @DIR@/talk TERM'", startsecs=0, stopwaitsecs=600)


def _session(*lines: str) -> Ctl:
    """The shell of supervisorctl, its lines from stdin."""
    return Ctl((), stdin="".join(f"{line}\n" for line in lines), label="session")


CASES: dict[str, Case] = {
    "status: all, some, nobody": Case(
        TALK + OFF + DONE + GROUP + BAD,
        (
            *UP,
            *G_UP,
            Until("done", "RUNNING"),
            call("sendProcessStdin", "done", "go\n"),
            Until("done", "EXITED"),
            ctl("status"),
            ctl("status", "talk"),
            ctl("status", "g:*"),
            ctl("status", "g:two", "talk"),
            ctl("status", "all"),
            ctl("status", "nope"),
            ctl("status", "nope:*"),
            ctl("status", "off", "nope", "talk"),
            ctl("status", "g:nope"),
            ctl("start", "short"),
            ctl("status", "short"),
        ),
        FILES,
    ),
    "status: a name longer than its column": Case(
        program("a" * 40, "/bin/cat", startsecs=0), (Until("a" * 40, "RUNNING"), ctl("status")), FILES
    ),
    "status: STARTING, BACKOFF, STOPPING": Case(
        program("a", "@DIR@/talk TERM", startsecs=60, stopwaitsecs=300)
        + program("b", "/bin/false", startsecs=5, startretries=50),
        (
            UntilText("a.log", "ready"),
            ctl("status", "a"),
            call("stopProcess", "a", False),
            ctl("status", "a"),
            KillChild("a"),
            logged("exited: b", 3),
            Until("b", "BACKOFF"),
            ctl("status", "b"),
        ),
        FILES,
        without=("spawned: 'b'", "exited: b"),
    ),
    "start and stop": Case(
        TALK + OFF,
        (
            *UP,
            ctl("start", "off"),
            ctl("start", "off"),
            ctl("start", "talk", "off"),
            ctl("stop", "off"),
            ctl("stop", "off"),
            ctl("stop", "talk", "off"),
            ctl("start", "nope"),
            ctl("stop", "nope"),
            ctl("start", "nope:*"),
            ctl("stop", "nope:*"),
            ctl("start", "off", "nope", "talk"),
            UntilText("talk.log", "ready", 2),
            ctl("start"),
            ctl("stop"),
        ),
        FILES,
    ),
    "start that fails": Case(BAD, (*(ctl("start", name) for name in ("nofile", "noexec", "short")),)),
    "start and stop of a group": Case(
        GROUP + OFF,
        (
            *G_UP,
            ctl("start", "g:*"),
            Ctl(("stop", "g:*"), unordered=True),
            ctl("stop", "g:*"),
            Ctl(("start", "g:*"), unordered=True),
            *G_UP,
            ctl("stop", "g:one"),
            Ctl(("start", "g:"), unordered=True),
            ctl("start", "g"),
        ),
    ),
    "start and stop of everything": Case(
        GROUP + OFF,
        (
            *G_UP,
            Ctl(("start", "all"), unordered=True),
            Ctl(("stop", "all"), unordered=True),
            ctl("stop", "all"),
            Ctl(("start", "off", "all"), unordered=True),
            *G_UP,
            Ctl(("stop", "nope", "all"), unordered=True),
        ),
    ),
    "restart": Case(
        TALK + OFF + GROUP,
        (
            *UP,
            *G_UP,
            ctl("restart", "talk"),
            UntilText("talk.log", "ready", 2),
            ctl("restart", "off"),
            ctl("restart", "nope"),
            Ctl(("restart", "g:*"), unordered=True),
            *G_UP,
            ctl("restart"),
            Until("talk", "RUNNING"),
            Ctl(("restart", "all"), unordered=True),
            UntilText("talk.log", "ready", 3),
        ),
        FILES,
    ),
    "tail": Case(
        TALK + OFF + program("none", "/bin/cat", startsecs=0, stdout_logfile="NONE"),
        (
            *UP,
            ctl("tail", "talk"),
            ctl("tail", "-3", "talk"),
            ctl("tail", "-0", "talk"),
            ctl("tail", "talk", "stderr"),
            ctl("tail", "talk", "STDOUT"),
            ctl("tail", "off"),
            ctl("tail", "none"),
            ctl("tail", "nope"),
            ctl("tail", "talk:*"),
            ctl("tail"),
            ctl("tail", "-f"),
            ctl("tail", "-x", "talk"),
            ctl("tail", "talk", "foo"),
            ctl("tail", "talk", "-f"),
            ctl("tail", "a", "b", "c", "d"),
        ),
        FILES,
    ),
    "tail: the last 1600 bytes": Case(
        OFF, (ctl("tail", "off"), ctl("tail", "-10", "off")), {"off.log": "".join(f"{n:09}\n" for n in range(300))}
    ),
    "tail -f": Case(
        TALK + OFF,
        (
            *UP,
            ctl("tail", "-f", "talk", stop_on="ready\n"),
            ctl("tail", "-f", "talk", "stdout", stop_on="ready\n"),
            ctl("tail", "-f", "talk", "stderr", stop_on="<=="),
            ctl("tail", "-f", "nope"),
            ctl("tail", "-f", "off"),
        ),
        FILES,
    ),
    "maintail": Case(
        "[unix_http_server]\nfile=@DIR@/s.sock\n" + TALK,
        (
            *UP,
            ctl("maintail"),
            ctl("maintail", "-30"),
            ctl("maintail", "-f", stop_on="success: talk"),
            ctl("maintail", "foo"),
            ctl("maintail", "-f", "x"),
        ),
        FILES,
    ),
    "clear": Case(
        CAT + OFF,
        (
            Until("cat", "RUNNING"),
            call("sendProcessStdin", "cat", "words\n"),
            UntilText("cat.log", "words"),
            ctl("clear", "cat"),
            Read("cat.log"),
            ctl("clear", "off"),
            ctl("clear", "nope"),
            ctl("clear", "cat:*"),
            ctl("clear", "cat", "nope", "off"),
            Ctl(("clear", "all"), unordered=True),
            ctl("clear"),
        ),
    ),
    "pid": Case(
        CAT + OFF,
        (
            Until("cat", "RUNNING"),
            ctl("pid"),
            ctl("pid", "cat"),
            ctl("pid", "off"),
            ctl("pid", "all"),
            ctl("pid", "nope"),
            ctl("pid", "cat", "off", "nope"),
            ctl("pid", "cat:*"),
        ),
    ),
    "signal": Case(
        TALK + OFF + GROUP,
        (
            *UP,
            *G_UP,
            ctl("signal", "HUP", "talk"),
            UntilText("talk.log", "got HUP"),
            ctl("signal", "usr1", "talk"),
            UntilText("talk.log", "got USR1"),
            ctl("signal", "HUP", "off"),
            ctl("signal", "HUP", "nope"),
            ctl("signal", "HUP", "nope:*"),
            ctl("signal", "NOPE", "talk"),
            Ctl(("signal", "0", "g:*"), unordered=True),
            Ctl(("signal", "0", "all"), unordered=True),
            ctl("signal", "0", "talk", "off"),
            ctl("signal", "HUP"),
            ctl("signal"),
        ),
        FILES,
    ),
    "reread": Case(
        CAT + OFF + program("third", "/bin/cat", autostart="false"),
        (
            Until("cat", "RUNNING"),
            ctl("reread"),
            Write("s.conf", HEAD + CAT + program("off", "/bin/cat -", autostart="false") + program("new", "/bin/cat")),
            ctl("reread"),
            ctl("reread"),
            ctl("avail"),
            ctl("status"),
            Write("s.conf", HEAD + "[program:x]\n"),
            ctl("reread"),
            Write("s.conf", "nonsense"),
            ctl("reread"),
        ),
    ),
    "update": Case(
        CAT + OFF + GROUP,
        (
            Until("cat", "RUNNING"),
            *G_UP,
            ctl("update"),
            Write(
                "s.conf",
                HEAD
                + program("cat", "/bin/cat", startsecs=0, stopwaitsecs=5)
                + program("new", "/bin/cat", startsecs=0),
            ),
            ctl("update", "nope"),
            ctl("update", "new"),
            Until("new", "RUNNING"),
            ctl("update"),
            Until("cat", "RUNNING"),
            ctl("update"),
            ctl("status"),
            Write("s.conf", HEAD + "[program:x]\n"),
            ctl("update"),
            Write("s.conf", HEAD + OFF),
            ctl("update", "all"),
            ctl("status"),
        ),
    ),
    "add and remove": Case(
        CAT + OFF,
        (
            Until("cat", "RUNNING"),
            ctl("add", "cat"),
            ctl("add", "nope"),
            ctl("remove", "nope"),
            ctl("remove", "cat"),
            ctl("remove", "off"),
            ctl("add", "off"),
            ctl("stop", "cat"),
            ctl("remove", "cat", "off"),
            ctl("avail"),
            ctl("add", "cat", "nope", "off"),
            Until("cat", "RUNNING"),
            ctl("add"),
            ctl("remove"),
        ),
    ),
    "avail": Case(
        "[group:g]\nprograms=b,a\npriority=7\n"
        + program("a", "/bin/cat", autostart="false", priority=2)
        + program("b", "/bin/cat", autostart="false", numprocs=2, process_name="b%(process_num)d")
        + CAT,
        (Until("cat", "RUNNING"), ctl("avail"), ctl("avail", "x")),
    ),
    "version": Case(OFF, (ctl("version"), ctl("version", "x"))),
    "reload": Case(
        TALK + OFF,
        (
            *UP,
            ctl("reload", "x"),
            ctl("reload"),
            UntilText("supervisord.log", "supervisord started", 2),
            UntilText("talk.log", "ready", 2),
            Until("talk", "RUNNING"),
            ctl("status"),
        ),
        FILES,
    ),
    "shutdown": Case(
        TALK, (*UP, ctl("shutdown", "x"), ctl("shutdown"), Exits(), ctl("shutdown"), ctl("status")), FILES
    ),
    "asked while it stops": Case(
        SLOW,
        (
            Until("slow", "RUNNING"),
            UntilText("slow.log", "ready"),
            call("shutdown"),
            UntilText("slow.log", "got TERM"),
            ctl("status"),
            ctl("reread"),
            ctl("update"),
            ctl("add", "slow"),
            ctl("avail"),
            ctl("reload"),
            ctl("shutdown"),
            SignalPid("slow.pid", SIGKILL),
            Exits(),
        ),
        FILES,
    ),
    "asked where nobody is": Case(
        OFF,
        (
            Signal(SIGTERM),
            Exits(),
            *(
                ctl(*words)
                for words in (
                    ("status",),
                    ("start", "off"),
                    ("start",),
                    ("stop", "off"),
                    ("pid",),
                    ("tail", "off"),
                    ("maintail",),
                    ("version",),
                    ("reread",),
                    ("update",),
                    ("add", "off"),
                    ("remove", "off"),
                    ("avail",),
                    ("reload",),
                    ("shutdown",),
                    ("signal", "HUP", "off"),
                    ("clear", "off"),
                    ("restart", "off"),
                )
            ),
            Listener("s.sock"),
            *(
                ctl(*words, label=f"refused: {words[0]}")
                for words in (("status",), ("start", "off"), ("reread",), ("shutdown",))
            ),
        ),
        files_too=False,
    ),
    "a session of several commands": Case(
        TALK + OFF,
        (
            *UP,
            _session(
                "start off",
                "",
                "stop off",
                "status off",
                "?version",
                "nope",
                "pid off",
                "avail",
                "version",
                "stop nope",
                "exit",
            ),
        ),
        FILES,
    ),
    "a session that ends with its input": Case(OFF, (_session("version"),)),
    "help and words that are no commands": Case(
        OFF,
        (
            ctl("help"),
            ctl("help", "start"),
            ctl("help", "nope"),
            ctl("nope"),
            ctl("nope", "x"),
            ctl("reread", "x"),
            ctl("shutdown", "x"),
            ctl("fg"),
            ctl("fg", "off"),
            ctl("fg", "nope"),
            ctl("fg", "a", "b"),
            ctl("open", "ftp://x"),
        ),
    ),
    "asked by its own configuration": Case(
        HEAD.replace("s.sock\n", "s.sock\nusername=user\npassword=secret\n")
        + "[supervisorctl]\nserverurl=unix://%(here)s/s.sock\nusername=user\npassword=%(ENV_PASS)s\n"
        + CAT,
        (
            ctl("status", options=("-c", "@DIR@/s.conf"), label="no such variable"),
            Write("ctl.conf", "[supervisorctl]\nserverurl=unix://%(here)s/s.sock\nusername=user\npassword=secret\n"),
            ctl("version", options=("-c", "@DIR@/ctl.conf")),
            ctl("pid", "cat", options=("-c", "@DIR@/ctl.conf")),
            ctl("tail", "-f", "cat", options=("-c", "@DIR@/ctl.conf"), stop_on="<=="),
        ),
        bare=True,
        env={"PASS": "secret"},
    ),
    "asked over TCP": Case(
        "[inet_http_server]\nport=127.0.0.1:@PORT@\nusername=u\npassword=p\n" + TALK,
        (
            *UP,
            *(
                ctl(*words, options=("-s", "http://127.0.0.1:@PORT@", "-u", "u", "-p", "p"))
                for words in (("status",), ("stop", "talk"), ("tail", "talk"), ("version",))
            ),
            ctl(
                "tail", "-f", "talk", options=("-s", "http://127.0.0.1:@PORT@", "-u", "u", "-p", "p"), stop_on="ready\n"
            ),
            ctl("status", options=("-s", "http://127.0.0.1:@PORT@")),
        ),
        FILES,
    ),
}

"""Cases on signals to the supervisor itself."""

from signal import (
    SIGALRM,
    SIGCHLD,
    SIGCONT,
    SIGHUP,
    SIGINT,
    SIGKILL,
    SIGPIPE,
    SIGQUIT,
    SIGTERM,
    SIGURG,
    SIGUSR1,
    SIGUSR2,
    SIGWINCH,
)

from .case import HEAD, Case
from .programs import FILES, SLOW, program
from .steps import (
    Apart,
    Exits,
    Mode,
    Move,
    Pause,
    Read,
    SamePid,
    Signal,
    SignalPid,
    Until,
    UntilText,
    Write,
    call,
    info,
    logged,
    states,
)

UP = Until("a", "RUNNING")
ONE = program("a", "@DIR@/talk TERM=0", startsecs=0)
PATIENT = program("a", "@DIR@/talk TERM", startsecs=0, stopwaitsecs=2)
READY = (UP, UntilText("a.log", "ready"))


def _ends_with(signum: int) -> Case:
    return Case(ONE, (*READY, Signal(signum), Exits(), Read("a.log"), Mode("s.sock"), Mode("supervisord.pid")), FILES)


CASES: dict[str, Case] = {
    "TERM ends it": _ends_with(SIGTERM),
    "INT ends it": _ends_with(SIGINT),
    "QUIT ends it": _ends_with(SIGQUIT),
    "it waits for what does not stop, then kills it": Case(
        PATIENT, (*READY, Signal(SIGTERM), Exits(), Apart(("SIGTERM", 1), ("killing", 1), 0.2)), FILES
    ),
    "the log names what it waits for": Case(
        "[group:g]\nprograms=a,b\n" + PATIENT + program("b", "@DIR@/talk TERM", startsecs=0, stopwaitsecs=2),
        (
            Until("g:a", "RUNNING"),
            UntilText("a.log", "ready"),
            UntilText("b.log", "ready"),
            Until("g:b", "RUNNING"),
            Signal(SIGTERM),
            logged("INFO waiting for a, b to die\n"),
            Exits(),
        ),
        FILES,
    ),
    "a second TERM": Case(
        program("a", "@DIR@/talk TERM", startsecs=0, stopwaitsecs=5),
        (
            *READY,
            Signal(SIGTERM),
            UntilText("a.log", "got TERM"),
            Signal(SIGTERM),
            Exits(),
            Apart(("SIGTERM", 1), ("killing", 1), 2.5, label="end"),
        ),
        FILES,
        differs={"end": "signal-second-term", "log": "signal-second-term"},
    ),
    "HUP starts everything again": Case(
        ONE + program("b", "@DIR@/talk TERM=0", startsecs=0, autostart="false"),
        (
            *READY,
            SamePid(None, "supervisord.pid"),
            call("startProcess", "b"),
            UntilText("b.log", "ready"),
            Until("b", "RUNNING"),
            Signal(SIGHUP),
            logged("supervisord started", 2),
            UntilText("a.log", "ready", 2),
            UP,
            states(),
            SamePid(None, "supervisord.pid"),
            info("a", "stop", "start", "exitstatus"),
            Mode("s.sock"),
        ),
        FILES,
    ),
    "HUP reads the configuration again": Case(
        ONE,
        (
            *READY,
            Write(
                "s.conf", HEAD + "identifier=second\nloglevel=warn\n" + program("b", "@DIR@/talk TERM=0", startsecs=0)
            ),
            Signal(SIGHUP),
            UntilText("b.log", "ready"),
            Until("b", "RUNNING"),
            states(),
            call("getIdentification"),
        ),
        FILES,
    ),
    "HUP moves the main log": Case(
        ONE,
        (
            *READY,
            Write("s.conf", HEAD.replace("supervisord.log", "second.log") + ONE),
            Signal(SIGHUP),
            UntilText("second.log", "started"),
            UntilText("a.log", "ready", 2),
            UP,
            Read("second.log", keep=("INFO", "WARN")),
        ),
        FILES,
    ),
    "HUP with a broken configuration": Case(
        ONE,
        (*READY, Write("s.conf", HEAD + "[program:a]\nstartsecs=1\n"), Signal(SIGHUP), Exits(10.0, label="end")),
        FILES,
        differs={
            "end": "hup-broken-config",
            "exit status": "hup-broken-config",
            "stderr": "hup-broken-config",
            "log": "hup-broken-config",
        },
    ),
    "HUP while it stops is ignored": Case(
        SLOW,
        (
            *READY,
            Signal(SIGTERM),
            UntilText("a.log", "got TERM"),
            Signal(SIGHUP),
            logged("SIGHUP"),
            SignalPid("a.pid", SIGKILL),
            Exits(),
        ),
        FILES,
    ),
    "TERM while it restarts ends it": Case(
        SLOW,
        (
            *READY,
            Signal(SIGHUP),
            UntilText("a.log", "got TERM"),
            Signal(SIGTERM),
            logged("SIGTERM"),
            SignalPid("a.pid", SIGKILL),
            Exits(),
        ),
        FILES,
    ),
    "a second HUP while it restarts": Case(
        SLOW,
        (
            *READY,
            Signal(SIGHUP),
            UntilText("a.log", "got TERM"),
            Signal(SIGHUP),
            logged("SIGHUP", 2),
            SignalPid("a.pid", SIGKILL),
            logged("supervisord started", 2),
            UntilText("a.log", "ready", 2),
            UP,
            Signal(SIGTERM),
            UntilText("a.log", "got TERM", 2),
            SignalPid("a.pid", SIGKILL),
            Exits(),
        ),
        FILES,
    ),
    "USR2 says that it reopens the logs": Case(
        ONE, (*READY, Signal(SIGUSR2), logged("logreopen"), info("a", "statename"), Read("a.log")), FILES
    ),
    "USR2 when the folder of a log is gone": Case(
        program("a", "@DIR@/talk TERM=0", startsecs=0, stdout_logfile="@DIR@/gone/a.log"),
        (
            UP,
            UntilText("gone/a.log", "ready"),
            Move("gone", "away"),
            Signal(SIGUSR2),
            logged("logreopen"),
            Exits(10.0, label="end"),
        ),
        {**FILES, "gone/.keep": ""},
        differs={
            "end": "reopen-vanished",
            "exit status": "reopen-vanished",
            "stderr": "reopen-vanished",
            "log": "reopen-vanished",
            "left running": "reopen-vanished",
        },
    ),
    "USR1 and ALRM": Case(
        ONE,
        (*READY, Signal(SIGUSR1), Signal(SIGALRM), Exits(10.0, label="end")),
        FILES,
        differs=dict.fromkeys(("end", "exit status", "log", "left running", "files"), "signal-unhandled"),
    ),
    "signals that mean nothing": Case(
        ONE,
        (
            *READY,
            *(Signal(signum) for signum in (SIGWINCH, SIGCONT, SIGURG, SIGPIPE, SIGCHLD)),
            Pause(0.3),
            call("getState"),
            info("a", "statename"),
        ),
        FILES,
    ),
    "a signal at debug level": Case(
        "loglevel=debug\n" + ONE,
        (*READY, Signal(SIGUSR2), logged("logreopen"), Signal(SIGTERM), Exits()),
        FILES,
        without=("DEBG fd ", "SIGCHLD"),
    ),
}

"""Cases on the life of a process: start, failure, retry, exit, stop, order."""

from signal import SIGKILL, SIGUSR1

from .case import Case
from .programs import FILES, program
from .steps import (
    Apart,
    Begin,
    End,
    KillChild,
    Move,
    Pause,
    Read,
    Took,
    Until,
    UntilText,
    call,
    info,
    logged,
    states,
)

LONG_BACKOFF = (logged("exited: a", 3), Until("a", "BACKOFF"))
"""The third failure is followed by three seconds in BACKOFF: time to look, and to ask for something."""

SPAWNED = "TIME INFO spawned: 'a' with pid PID"

LUCK = ("entered RUNNING state",)
"""With startsecs=0 and a program that ends at once the real one says `success:` only sometimes."""


def _one(command: str = "@DIR@/talk", *steps: object, differs: dict[str, str] | None = None, **options: object) -> Case:
    """A case with one program, `a`."""
    return Case(program("a", command, **options), steps, FILES, differs=differs or {})  # type: ignore[arg-type]


CASES: dict[str, Case] = {
    # --- start ----------------------------------------------------------------------------------------------------
    "a program that stays up for startsecs is RUNNING": _one(
        "@DIR@/talk",
        Until("a", "RUNNING"),
        info("a", "statename", "state", "pid", "start", "stop", "spawnerr", "exitstatus", "description"),
    ),
    "a program is STARTING until startsecs have gone": _one(
        "@DIR@/talk", Until("a", "STARTING"), info("a"), Pause(1.5), info("a"), startsecs=60
    ),
    "a program with startsecs=2 needs two seconds": _one(
        "@DIR@/talk", Until("a", "RUNNING"), Apart(("spawned", 1), ("success", 1), 0.2), startsecs=2
    ),
    "with startsecs=0 a program is RUNNING at once": _one(
        "@DIR@/talk", Until("a", "RUNNING"), UntilText("a.log", "ready"), info("a"), startsecs=0
    ),
    "autostart=false leaves a program alone": _one(
        "@DIR@/talk",
        Pause(1.2),
        info("a", "statename", "state", "pid", "start", "stop", "now", "description", "spawnerr"),
        autostart="false",
    ),
    "a program that ends too quickly and may not retry is FATAL": _one(
        "/bin/false",
        Until("a", "FATAL"),
        info("a", "statename", "spawnerr", "exitstatus", "description", "pid"),
        startretries=0,
        startsecs=5,
    ),
    "a failed start is tried again after a second, then given up": _one(
        "/bin/false",
        Until("a", "FATAL"),
        info("a"),
        Apart(("spawned", 1), ("spawned", 2), 1.0),
        startretries=1,
        startsecs=5,
    ),
    "a failed start is tried again later each time": _one(
        "/bin/false",
        Until("a", "FATAL"),
        Apart(("spawned", 1), ("spawned", 2), 1.0),
        Apart(("spawned", 2), ("spawned", 3), 2.0),
        startretries=2,
        startsecs=5,
    ),
    "exit code 0 before startsecs is a failed start": _one(
        "/bin/true", Until("a", "FATAL"), info("a"), startretries=0, startsecs=5
    ),
    "a listed exit code before startsecs is a failed start": _one(
        "/bin/sh -c 'exit 3'", Until("a", "FATAL"), info("a"), startretries=0, startsecs=5, exitcodes="3"
    ),
    "a program that comes up at its second try counts no more failures": _one(
        "@DIR@/turns @DIR@/runs 1",
        logged("exited: a"),
        Until("a", "RUNNING"),
        info("a"),
        Read("runs"),
        startsecs=3,
    ),
    "a FATAL program can be started again": _one(
        "@DIR@/turns @DIR@/runs 1",
        Until("a", "FATAL"),
        call("startProcess", "a"),
        info("a"),
        startretries=0,
        startsecs=5,
    ),
    "a stop in BACKOFF is granted at once": _one(
        "/bin/false",
        *LONG_BACKOFF,
        info("a"),
        call("stopProcess", "a"),
        info("a", "statename", "pid", "exitstatus"),
        startretries=5,
        startsecs=50,
    ),
    "a start in BACKOFF is refused": _one(
        "/bin/false",
        *LONG_BACKOFF,
        call("startProcess", "a"),
        call("startProcess", "a", False),
        startretries=5,
        startsecs=50,
    ),
    "a stop in BACKOFF keeps the count of failures": _one(
        "/bin/false",
        logged("exited: a", 2),
        call("stopProcess", "a", label="stopped"),
        call("startProcess", "a", label="started again"),
        Until("a", "FATAL"),
        Read("supervisord.log", keep=("spawned",), label="starts"),
        info("a"),
        startretries=2,
        startsecs=5,
        differs={"starts": ("backoff-stop", 5 * [SPAWNED]), "log": "backoff-stop"},
    ),
    "shutdown does not wait for a program in BACKOFF": _one("/bin/false", *LONG_BACKOFF, startretries=5, startsecs=50),
    # --- spawn errors ---------------------------------------------------------------------------------------------
    "a command that is not there": _one(
        "@DIR@/nowhere --flag", Until("a", "FATAL"), info("a"), call("startProcess", "a"), startretries=0, startsecs=5
    ),
    "a command that is not in PATH": _one(
        "oracle-nowhere", Until("a", "FATAL"), info("a"), call("startProcess", "a"), startretries=0, startsecs=5
    ),
    "a command that is a directory": _one(
        "@DIR@/logs", Until("a", "FATAL"), info("a"), call("startProcess", "a"), startretries=0, startsecs=5
    ),
    "a command without the x bit": Case(
        program("a", "@DIR@/plain", startretries=0, startsecs=5),
        (Until("a", "FATAL"), info("a"), call("startProcess", "a")),
        {"plain": "echo no\n"},
    ),
    "a spawn error is tried again like any failed start": _one(
        "@DIR@/nowhere", logged("spawnerr", 3), info("a"), Until("a", "FATAL"), startretries=3, startsecs=5
    ),
    "a command that the kernel cannot execute": Case(
        program("a", "@DIR@/plain", startretries=0, startsecs=5),
        (Until("a", "FATAL"), info("a"), Read("a.err"), Read("a.log"), call("startProcess", "a")),
        {"plain": "#!\necho no\n"},
    ),
    "a script whose interpreter is missing": Case(
        program("a", "@DIR@/plain", startretries=0, startsecs=5),
        (Until("a", "FATAL"), info("a"), Read("a.err"), call("startProcess", "a")),
        {"plain": "#!/no/such/interpreter\n"},
    ),
    "a directory that is not there": _one(
        "@DIR@/talk",
        Until("a", "FATAL"),
        info("a"),
        Read("a.err"),
        call("startProcess", "a"),
        startretries=0,
        startsecs=5,
        directory="@DIR@/nowhere",
    ),
    "the text of a failed exec goes to stdout with redirect_stderr": _one(
        "@DIR@/talk",
        Until("a", "FATAL"),
        Read("a.log"),
        startretries=0,
        startsecs=5,
        directory="@DIR@/nowhere",
        redirect_stderr="true",
        stderr_logfile=None,
    ),
    "a command with an open quotation": _one(
        "/bin/echo 'open", Until("a", "FATAL"), info("a"), call("startProcess", "a"), startretries=0, startsecs=5
    ),
    "an empty command": _one(
        "", Until("a", "FATAL"), info("a"), call("startProcess", "a"), startretries=0, startsecs=5
    ),
    "the folder of a log file is gone": Case(
        program("a", startretries=0, startsecs=5, autostart="false", stdout_logfile="@DIR@/gone/a.log"),
        (Move("gone", "away"), call("startProcess", "a"), Until("a", "FATAL"), info("a")),
        {**FILES, "gone/.keep": ""},
    ),
    "a command is split like a shell would": Case(
        program("a", "/bin/echo 'one two' \"three 'four'\" fi\\ ve  six\\\\", startsecs=0, autorestart="false"),
        (UntilText("a.log", "six"), logged("exited: a"), Read("a.log")),
        without=LUCK,
    ),
    # --- exit -----------------------------------------------------------------------------------------------------
    "an expected exit ends it with autorestart=unexpected": Case(
        program("a", "/bin/sh -c 'exit 0'", startsecs=0),
        (
            logged("exited: a"),
            Pause(0.5),
            info("a", "statename", "exitstatus", "spawnerr", "pid", "start", "stop", "description"),
        ),
        without=LUCK,
    ),
    "an unexpected exit is followed by a new start": Case(
        program("a", "@DIR@/turns @DIR@/runs 1", startsecs=0),
        (UntilText("a.log", "ready"), info("a", "statename", "exitstatus", "spawnerr", "stop"), Read("runs")),
        FILES,
        without=LUCK,
    ),
    "any exit is followed by a new start with autorestart=true": Case(
        program("a", "@DIR@/turns @DIR@/runs 0 2", startsecs=0, autorestart="true"),
        (UntilText("a.log", "ready"), info("a", "statename", "exitstatus", "spawnerr"), Read("runs")),
        FILES,
        without=LUCK,
    ),
    "no exit is followed by a new start with autorestart=false": Case(
        program("a", "/bin/sh -c 'exit 5'", startsecs=0, autorestart="false"),
        (logged("exited: a"), Pause(0.5), info("a")),
        without=LUCK,
    ),
    "exitcodes says what is expected": Case(
        program("a", "/bin/sh -c 'exit 7'", startsecs=0, exitcodes="0,7")
        + program("b", "@DIR@/turns @DIR@/runs 0", startsecs=0, exitcodes="7"),
        (logged("exited: a"), UntilText("b.log", "ready"), Pause(0.3), info("a"), info("b"), Read("runs")),
        FILES,
        without=LUCK,
    ),
    "with empty exitcodes every exit is unexpected": Case(
        program("a", "@DIR@/turns @DIR@/runs 0", startsecs=0, exitcodes=""),
        (UntilText("a.log", "ready"), info("a"), Read("runs")),
        FILES,
        without=LUCK,
    ),
    "a program that was RUNNING and exits is EXITED": _one(
        "/bin/sh -c 'read line; exit 0'",
        Until("a", "RUNNING"),
        call("sendProcessStdin", "a", "go\n"),
        Until("a", "EXITED"),
        info("a"),
    ),
    "a program killed from outside is started again": _one(
        "@DIR@/talk",
        UntilText("a.log", "ready"),
        Until("a", "RUNNING"),
        KillChild("a"),
        logged("spawned", 2),
        UntilText("a.log", "ready", 2),
        info("a", "statename", "exitstatus"),
        startsecs=0,
    ),
    "a program killed from outside has exit status -1": _one(
        "@DIR@/talk",
        UntilText("a.log", "ready"),
        Until("a", "RUNNING"),
        KillChild("a", SIGKILL),
        Until("a", "EXITED"),
        info("a"),
        startsecs=0,
        autorestart="false",
    ),
    "a program that dumps core says so or not, like the kernel": _one(
        "@DIR@/talk",
        UntilText("a.log", "ready"),
        Until("a", "RUNNING"),
        KillChild("a", 6),
        Until("a", "EXITED"),
        info("a"),
        startsecs=0,
        autorestart="false",
        directory="/proc/self",
    ),
    "a start killed by a signal is a failed start": _one(
        "@DIR@/talk",
        UntilText("a.log", "ready"),
        KillChild("a", SIGUSR1),
        Until("a", "FATAL"),
        info("a"),
        startretries=0,
        startsecs=30,
    ),
    # --- stop -----------------------------------------------------------------------------------------------------
    "a program that answers TERM with exit 0 was stopped as expected": _one(
        "@DIR@/talk TERM=0",
        UntilText("a.log", "ready"),
        Until("a", "RUNNING"),
        call("stopProcess", "a"),
        info("a", "statename", "exitstatus", "spawnerr", "description", "pid"),
        Read("a.log"),
        startsecs=0,
    ),
    "a program that dies of TERM was stopped with a warning": _one(
        "@DIR@/talk",
        UntilText("a.log", "ready"),
        Until("a", "RUNNING"),
        call("stopProcess", "a"),
        info("a"),
        startsecs=0,
    ),
    "a stopped program stays stopped": _one(
        "@DIR@/talk TERM=1",
        UntilText("a.log", "ready"),
        Until("a", "RUNNING"),
        call("stopProcess", "a"),
        Pause(1.2),
        info("a"),
        startsecs=0,
        autorestart="true",
    ),
    "stopsignal by name": _one(
        "@DIR@/talk USR1=0 TERM=3",
        UntilText("a.log", "ready"),
        Until("a", "RUNNING"),
        call("stopProcess", "a"),
        Read("a.log"),
        startsecs=0,
        stopsignal="usr1",
    ),
    "stopsignal by number": _one(
        "@DIR@/talk HUP=0 TERM=3",
        UntilText("a.log", "ready"),
        Until("a", "RUNNING"),
        call("stopProcess", "a"),
        Read("a.log"),
        startsecs=0,
        stopsignal="1",
    ),
    "a program that does not stop is killed after stopwaitsecs": _one(
        "@DIR@/talk TERM",
        UntilText("a.log", "ready"),
        Until("a", "RUNNING"),
        Took(0.9, call("stopProcess", "a")),
        info("a"),
        Read("a.log"),
        startsecs=0,
        stopwaitsecs=1,
    ),
    "a program that takes its time within stopwaitsecs is not killed": Case(
        program(
            "a",
            "/bin/sh -c 'trap \"sleep 1.3; echo bye; exit 0\" TERM; echo ready; while :; do sleep 0.1; done'",
            startsecs=0,
            stopwaitsecs=60,
        ),
        (
            UntilText("a.log", "ready"),
            Until("a", "RUNNING"),
            Took(1.0, call("stopProcess", "a")),
            info("a"),
            Read("a.log"),
        ),
    ),
    "a stop without wait leaves it STOPPING": _one(
        "@DIR@/talk TERM",
        UntilText("a.log", "ready"),
        Until("a", "RUNNING"),
        call("stopProcess", "a", False),
        info("a", "statename", "pid", "description"),
        call("stopProcess", "a"),
        KillChild("a"),
        Until("a", "STOPPED"),
        startsecs=0,
        stopwaitsecs=60,
    ),
    "the waiting stop says that it waits": Case(
        program("a", "@DIR@/talk TERM", startsecs=0, stopwaitsecs=1),
        (
            UntilText("a.log", "ready"),
            Until("a", "RUNNING"),
            Begin("stop", call("stopProcess", "a")),
            logged("INFO waiting for a to stop\n"),
            End("stop"),
        ),
        FILES,
    ),
    "a program is stopped while STARTING": _one(
        "@DIR@/talk",
        UntilText("a.log", "ready"),
        info("a", "statename"),
        call("stopProcess", "a"),
        info("a"),
        startsecs=30,
    ),
    "stopasgroup sends the stop signal to the whole group": _one(
        "@DIR@/family exit exit",
        UntilText("a.log", "ready", 2),
        Until("a", "RUNNING"),
        call("stopProcess", "a"),
        Read("a.log", lines=True, keep=("ready", "parent got")),
        startsecs=0,
        stopasgroup="true",
    ),
    "stopasgroup reaches a child that the parent waits for": Case(
        program("a", "/bin/sh -c 'trap : TERM; @DIR@/talk TERM=0; echo parent goes'", startsecs=0, stopasgroup="true"),
        (UntilText("a.log", "ready"), Until("a", "RUNNING"), call("stopProcess", "a"), Read("a.log"), info("a")),
        FILES,
    ),
    "without stopasgroup only the parent is signalled": Case(
        program(
            "a",
            "/bin/sh -c 'trap : TERM; @DIR@/talk TERM=0; echo parent goes'",
            startsecs=0,
            stopwaitsecs=1,
            killasgroup="true",
        ),
        (UntilText("a.log", "ready"), Until("a", "RUNNING"), call("stopProcess", "a"), Read("a.log"), info("a")),
        FILES,
    ),
    "without killasgroup a grandchild outlives the kill": _one(
        "@DIR@/family stay stay",
        UntilText("a.log", "ready", 2),
        Until("a", "RUNNING"),
        call("stopProcess", "a"),
        info("a"),
        startsecs=0,
        stopwaitsecs=1,
    ),
    "with killasgroup a grandchild dies of the kill": _one(
        "@DIR@/family stay stay",
        UntilText("a.log", "ready", 2),
        Until("a", "RUNNING"),
        call("stopProcess", "a"),
        info("a"),
        startsecs=0,
        stopwaitsecs=1,
        killasgroup="true",
    ),
    "a start while STOPPING does nothing": _one(
        "@DIR@/talk TERM",
        UntilText("a.log", "ready"),
        Until("a", "RUNNING"),
        call("stopProcess", "a", False),
        call("startProcess", "a", False),
        call("startProcess", "a", True),
        info("a", "statename"),
        KillChild("a"),
        Until("a", "STOPPED"),
        startsecs=0,
        stopwaitsecs=60,
    ),
    "a start that waits is told when somebody stops it": _one(
        "@DIR@/talk",
        Begin("start", call("startProcess", "a")),
        UntilText("a.log", "ready"),
        call("stopProcess", "a"),
        End("start"),
        info("a", "statename"),
        startsecs=30,
        autostart="false",
    ),
    "a start that waits is told of a program that ends too quickly": _one(
        "/bin/sh -c 'sleep 0.4; exit 1'",
        call("startProcess", "a"),
        info("a", "statename", "spawnerr"),
        startsecs=30,
        autostart="false",
        startretries=0,
    ),
    "stop and start make a new process": _one(
        "@DIR@/talk TERM=0",
        UntilText("a.log", "ready"),
        Until("a", "RUNNING"),
        call("stopProcess", "a"),
        call("startProcess", "a"),
        UntilText("a.log", "ready", 2),
        info("a", "statename", "pid", "start", "stop", "exitstatus"),
        startsecs=0,
    ),
    # --- order ----------------------------------------------------------------------------------------------------
    "programs start by priority and stop in reverse": Case(
        program("a", "/bin/cat", priority=30)
        + program("b", "/bin/cat", priority=10)
        + program("c", "/bin/cat", priority=20)
        + program("d", "/bin/cat", priority=5),
        (Until("a", "RUNNING"), Until("b", "RUNNING"), Until("c", "RUNNING"), Until("d", "RUNNING")),
        ordered=True,
        without=LUCK,
    ),
    "members of a group start in the order of its list": Case(
        "[group:g]\nprograms=c,a,b\n"
        + "".join(program(name, "/bin/cat", priority=p) for name, p in zip("abc", (3, 1, 2), strict=True)),
        (Until("g:a", "RUNNING"), Until("g:b", "RUNNING"), Until("g:c", "RUNNING")),
        ordered=True,
        without=(*LUCK, "stopped:"),
    ),
    "groups start by their priority, not by that of their members": Case(
        "[group:late]\nprograms=a\npriority=50\n[group:early]\nprograms=b\npriority=5\n"
        + program("a", "/bin/cat", priority=1)
        + program("b", "/bin/cat", priority=900)
        + program("c", "/bin/cat", priority=20),
        (Until("late:a", "RUNNING"), Until("early:b", "RUNNING"), Until("c", "RUNNING")),
        ordered=True,
        without=LUCK,
    ),
    "a group of higher priority is gone before the next is asked to stop": Case(
        program("first", "@DIR@/talk TERM", priority=20, stopwaitsecs=1, startsecs=0)
        + program("second", "@DIR@/talk TERM=0", priority=10, startsecs=0),
        (
            UntilText("first.log", "ready"),
            UntilText("second.log", "ready"),
            Until("first", "RUNNING"),
            Until("second", "RUNNING"),
        ),
        FILES,
        ordered=True,
        without=("spawned:", *LUCK),
    ),
    "members of a group stop together": Case(
        "[group:g]\nprograms=a,b\n"
        + program("a", "@DIR@/talk TERM", stopwaitsecs=2, startsecs=0)
        + program("b", "@DIR@/talk TERM", stopwaitsecs=2, startsecs=0),
        (
            UntilText("a.log", "ready"),
            UntilText("b.log", "ready"),
            Until("g:a", "RUNNING"),
            Until("g:b", "RUNNING"),
        ),
        FILES,
    ),
    "numprocs makes processes by number": Case(
        program(
            "a",
            "/bin/sh -c 'echo %(process_num)d; exec cat'",
            numprocs=3,
            numprocs_start=4,
            process_name="%(program_name)s_%(process_num)02d",
            stdout_logfile="@DIR@/%(process_num)d.log",
            startsecs=0,
        ),
        (
            *(UntilText(f"{n}.log", str(n)) for n in (4, 5, 6)),
            *(Until(f"a:a_0{n}", "RUNNING") for n in (4, 5, 6)),
            states(),
            call("stopProcess", "a:a_05"),
            states(),
        ),
    ),
    "a program may be a member of two groups": Case(
        "[group:g]\nprograms=a\n[group:h]\nprograms=a\n" + program("a", "/bin/cat", stdout_logfile="NONE", startsecs=0),
        (
            Until("g:a", "RUNNING"),
            Until("h:a", "RUNNING"),
            states(),
            call("getProcessInfo", "a"),
            call("stopProcess", "g:a"),
            states(),
        ),
        without=LUCK,
    ),
}

"""Cases on events: what listeners hear, how they answer, and what becomes of the rest."""

from signal import SIGHUP, SIGKILL, SIGTERM

from .case import HEAD, Case
from .programs import FILES, SLOW, listener, program
from .steps import (
    Exits,
    Heard,
    KillChild,
    Read,
    Reread,
    Signal,
    SignalPid,
    Step,
    Until,
    UntilText,
    Write,
    call,
    ctl,
    info,
    logged,
    states,
)

UP = Until("e", "RUNNING")
REMOTE = "REMOTE_COMMUNICATION"
BEGIN, END = "<!--XSUPERVISOR:BEGIN-->", "<!--XSUPERVISOR:END-->"
TALK = program("a", "@DIR@/talk TERM=0", startsecs=0, autostart="false")


def ready(*names: str) -> tuple[Step, ...]:
    """Wait until listeners are READY: RUNNING they are before; the log says it at debug level."""
    return tuple(logged(f"{name}: ACKNOWLEDGED -> READY") for name in names)


QUIET = {"without": ("DEBG ",)}
"""For cases that need the level debug only to wait for something."""


def send(*texts: str) -> tuple[Step, ...]:
    """Events that anybody can make."""
    return tuple(call("sendRemoteCommEvent", "t", text) for text in texts)


def _remote(*answers: str, steps: tuple[Step, ...], **options: object) -> Case:
    """A listener for events that the script sends."""
    return Case(listener("e", REMOTE, *answers, **options), (UP, *steps), FILES)


def _states(config: str, *steps: Step, events: int) -> Case:
    """A listener for the states of processes; what it heard, by process."""
    return Case(
        listener("e", "PROCESS_STATE") + config,
        (UP, *steps, Heard("e.events", events, by="processname")),
        FILES,
        without=("success: ",),
    )


def _script(text: str) -> str:
    """A program that waits for a line, writes `text` (for printf) at once, and stays."""
    return f"#!/bin/sh\nread line\nprintf '{text}'\nexec sleep 1000\n"


CASES: dict[str, Case] = {
    # --- what is told ---------------------------------------------------------------------------------------------
    "events: start and stop": _states(
        TALK, call("startProcess", "a"), UntilText("a.log", "ready"), call("stopProcess", "a"), events=6
    ),
    "events: a stop while it starts": _states(
        program("a", startsecs=600),
        UntilText("a.log", "ready"),
        call("stopProcess", "a"),
        events=5,
    ),
    "events: exits, expected and not": _states(
        program("a", "/bin/sh -c 'read line; exit 3'", startsecs=0, autorestart="false")
        + program("b", "/bin/sh -c 'read line; exit 0'", startsecs=0)
        + program("c", "/bin/sh -c 'read line; kill -9 $$'", startsecs=0, autorestart="false"),
        *(step for name in "abc" for step in (Until(name, "RUNNING"), call("sendProcessStdin", name, "go\n"))),
        events=11,
    ),
    "events: a program killed from outside comes back": _states(
        program("a", startsecs=0, autorestart="true"),
        UntilText("a.log", "ready"),
        Until("a", "RUNNING"),
        KillChild("a", SIGKILL),
        UntilText("a.log", "ready", 2),
        events=7,
    ),
    "events: failed starts, and one more after the last": _states(
        program("a", "/bin/false", startsecs=5, startretries=1),
        Until("a", "FATAL"),
        call("startProcess", "a"),
        Until("a", "FATAL"),
        events=12,
    ),
    "events: a command that is not there": _states(
        program("a", "@DIR@/nowhere", startretries=0), Until("a", "FATAL"), events=5
    ),
    "events: a stop in BACKOFF": _states(
        program("a", "/bin/false", startsecs=5, startretries=9),
        logged("exited: a", 3),
        call("stopProcess", "a"),
        events=9,
    ),
    "events: names of groups and of many": _states(
        "[group:g]\nprograms=a,é\n"
        + program("a", "/bin/cat", startsecs=0, numprocs=2, process_name="a%(process_num)d")
        + program("é", "/bin/cat", startsecs=0),
        Until("g:a0", "RUNNING"),
        Until("g:a1", "RUNNING"),
        Until("g:é", "RUNNING"),
        events=8,
    ),
    "events: groups come and go": Case(
        listener("e", "PROCESS_GROUP") + program("a", "/bin/cat", autostart="false") + TALK.replace(":a]", ":b]"),
        (
            UP,
            Reread("without", listener("e", "PROCESS_GROUP") + program("c", "/bin/cat", autostart="false")),
            call("removeProcessGroup", "a"),
            call("addProcessGroup", "c"),
            call("removeProcessGroup", "nope"),
            Heard("e.events", 5, ("eventname", "len")),
        ),
        FILES,
    ),
    "events: only those that were asked for": Case(
        listener("e", "PROCESS_STATE_EXITED,process_group_added")
        + program("a", "/bin/sh -c 'read line; exit 7'", startsecs=0, autorestart="false"),
        (
            UP,
            Until("a", "RUNNING"),
            call("sendProcessStdin", "a", "go\n"),
            Heard("e.events", 3, ("serial", "poolserial", "eventname", "len")),
        ),
        FILES,
    ),
    "events: the daemon is up, and is told to stop": Case(
        listener("e", "SUPERVISOR_STATE_CHANGE") + SLOW,
        (
            UP,
            UntilText("a.log", "ready"),
            Heard("e.events", 1, whole=True),
            Signal(SIGTERM),
            Heard("e.events", 2, whole=True),
            SignalPid("a.pid", SIGKILL),
            Exits(),
        ),
        FILES,
    ),
    "events: the daemon restarts": Case(
        listener("e", "SUPERVISOR_STATE_CHANGE_RUNNING"),
        (UP, Heard("e.events", 1, whole=True), Signal(SIGHUP), Heard("e.events", 2, whole=True), UP),
        FILES,
    ),
    "events: the count goes on over a restart": Case(
        listener("e", REMOTE) + listener("f", REMOTE + ",SUPERVISOR_STATE_CHANGE_RUNNING"),
        (
            UP,
            Until("f", "RUNNING"),
            *send("one", "two"),
            Heard("e.events", 2, whole=True),
            Heard("f.events", 3, whole=True),
            call("restart"),
            logged("supervisord started", 2),
            UP,
            Until("f", "RUNNING"),
            *send("three"),
            Heard("e.events", 3, whole=True),
            Heard("f.events", 5, whole=True),
        ),
        FILES,
    ),
    "events: every five seconds": Case(
        listener("e", "TICK_5,tick_60,TICK"), (UP, Heard("e.events", 1, ("eventname", "len"), first=True)), FILES
    ),
    "events: from anybody, whole": _remote(
        steps=(
            *send("data", "", "two\nlines\n", "ünïcödé 😀", "<&>"),
            call("sendRemoteCommEvent", "", ""),
            call("sendRemoteCommEvent", "a b:c", "x"),
            call("sendRemoteCommEvent", "é\n", "x"),
            Heard("e.events", 8, whole=True),
        )
    ),
    "events: the name of the daemon and of the pool": Case(
        "identifier=oracle\n" + listener("my-pool", REMOTE, file="@DIR@/e.events", process_name="proc"),
        (Until("my-pool:proc", "RUNNING"), *send("x"), Heard("e.events", 1, whole=True), states()),
        FILES,
    ),
    "events: output of programs": Case(
        listener("e", "PROCESS_LOG")
        + program("a", "@DIR@/out", startsecs=0, stdout_events_enabled="true", stderr_events_enabled="true")
        + program("b", "@DIR@/out", startsecs=0, stdout_events_enabled="true", redirect_stderr="true")
        + program("c", "@DIR@/out", startsecs=0),
        (
            UP,
            *(
                step
                for name in "abc"
                for step in (
                    Until(name, "RUNNING"),
                    call("sendProcessStdin", name, "go\n"),
                    UntilText(f"{name}.log", "lines é"),
                    call("sendProcessStdin", name, "on\n"),
                    UntilText(f"{name}.log" if name == "b" else f"{name}.err", "over"),
                )
            ),
            Heard("e.events", 4, ("eventname", "len")),
        ),
        {
            **FILES,
            "out": "#!/bin/sh\nread line\nprintf 'some\nlines é'\nread line\nprintf over >&2; exec sleep 1000\n",
        },
        without=("redirect_stderr",),
    ),
    "events: output that is not UTF-8": Case(
        listener("e", "PROCESS_LOG_STDOUT") + program("a", "@DIR@/out", startsecs=0, stdout_events_enabled="true"),
        (
            UP,
            Until("a", "RUNNING"),
            call("sendProcessStdin", "a", "go\n"),
            UntilText("a.log", "over"),
            Heard("e.events", 1, ("eventname", "len")),
        ),
        {**FILES, "out": _script("a\\377b over")},
    ),
    "events: what is between the tags of capture": Case(
        listener("e", "PROCESS_COMMUNICATION")
        + program(
            "a",
            "@DIR@/out",
            startsecs=0,
            stdout_capture_maxbytes="1MB",
            stderr_capture_maxbytes="1MB",
            autostart="true",
        ),
        (
            UP,
            Until("a", "RUNNING"),
            call("sendProcessStdin", "a", "go\n"),
            UntilText("a.log", "over"),
            call("sendProcessStdin", "a", "on\n"),
            Heard("e.events", 3, ("eventname", "len")),
            Read("a.log"),
        ),
        {
            **FILES,
            "out": _script(
                f"before {BEGIN}secret é\\nlines{END} between {BEGIN}{END} after, and over, and more of it to come\\n"
            ).replace("exec", f"read line; printf '{BEGIN}from stderr{END}' >&2; exec"),
        },
    ),
    "events: a begin between the tags, and an end outside of them": Case(
        listener("e", "PROCESS_COMMUNICATION_STDOUT")
        + program("a", "@DIR@/out", startsecs=0, stdout_capture_maxbytes="1MB"),
        (
            UP,
            Until("a", "RUNNING"),
            call("sendProcessStdin", "a", "go\n"),
            UntilText("a.log", "over"),
            Heard("e.events", 1, ("eventname", "len")),
            Read("a.log"),
        ),
        {**FILES, "out": _script(f"x{END}y{BEGIN}one {BEGIN} two{END} over, and more of it to come, and more\\n")},
    ),
    "events: captured output is output, too": Case(
        listener("e", "PROCESS_LOG,PROCESS_COMMUNICATION")
        + program("a", "@DIR@/out", startsecs=0, stdout_capture_maxbytes="1MB", stdout_events_enabled="true"),
        (
            UP,
            Until("a", "RUNNING"),
            call("sendProcessStdin", "a", "go\n"),
            UntilText("a.log", "over"),
            Heard("e.events", 4, ("eventname", "len")),
        ),
        {**FILES, "out": _script(f"before {BEGIN}secret{END} over, and more of it to come, and more\\n")},
    ),
    "events: an end of capture that never comes": Case(
        listener("e", "PROCESS_COMMUNICATION,PROCESS_STATE_EXITED")
        + program("a", "@DIR@/out", startsecs=0, stdout_capture_maxbytes="1MB", autorestart="false"),
        (
            UP,
            Until("a", "RUNNING"),
            call("sendProcessStdin", "a", "go\n"),
            Until("a", "EXITED"),
            Heard("e.events", 1),
            Read("a.log"),
        ),
        {
            **FILES,
            "out": _script(f"before the tag, long enough to be said {BEGIN}secret").replace(
                "exec sleep 1000", "exit 0"
            ),
        },
    ),
    # --- pools ----------------------------------------------------------------------------------------------------
    "pools: two of them hear the same, each counts for itself": Case(
        listener("e", REMOTE) + listener("f", f"{REMOTE},PROCESS_STATE_EXITED") + TALK,
        (
            UP,
            Until("f", "RUNNING"),
            *send("one"),
            call("startProcess", "a"),
            UntilText("a.log", "ready"),
            KillChild("a", SIGTERM),
            Until("a", "EXITED"),
            *send("two"),
            Heard("e.events", 2, ("pool", "serial", "poolserial", "eventname")),
            Heard("f.events", 3, ("pool", "serial", "poolserial", "eventname")),
        ),
        FILES,
    ),
    "pools: the first that is ready gets it": Case(
        "loglevel=debug\n"
        + listener(
            "e", REMOTE, "hang", file="@DIR@/%(process_num)d.events", numprocs=3, process_name="e%(process_num)d"
        ),
        (
            *ready("e0", "e1", "e2"),
            *(step for n in range(3) for step in (*send(f"to {n}"), Heard(f"{n}.events", 1, whole=True))),
        ),
        FILES,
        **QUIET,
    ),
    "pools: who is busy gets no more, others do": Case(
        "loglevel=debug\n"
        + listener(
            "e", REMOTE, "hang", file="@DIR@/%(process_num)d.events", numprocs=2, process_name="e%(process_num)d"
        )
        + listener("f", REMOTE),
        (
            *ready("e0", "e1", "f"),
            *send("one"),
            Heard("0.events", 1),
            *send("two"),
            Heard("1.events", 1),
            *send("three", "four"),
            Heard("f.events", 4, ("poolserial",)),
            Heard("0.events", 1, whole=True),
            Heard("1.events", 1, whole=True),
            info("e:e0", "statename"),
        ),
        FILES,
        **QUIET,
    ),
    "pools: an event waits for a listener that is not up yet": Case(
        listener("e", REMOTE, startsecs=2),
        (*send("early"), info("e", "statename"), UP, Heard("e.events", 1, whole=True)),
        FILES,
    ),
    "pools: an event waits for a listener that is not ready yet": Case(
        listener("e", REMOTE, file="@@DIR@/e.events"),
        (UP, *send("one", "two", "three"), Write("e.events.go", ""), Heard("e.events", 3, whole=True)),
        FILES,
        files_too=False,
    ),
    "pools: what is too much is lost, the oldest first": Case(
        listener("e", REMOTE, file="@@DIR@/e.events", buffer_size=3),
        (
            UP,
            *send("1", "2", "3", "4", "5"),
            logged("discarding event 1"),
            Write("e.events.go", ""),
            Heard("e.events", 3, whole=True),
            *send("6"),
            Heard("e.events", 4, whole=True),
        ),
        FILES,
        files_too=False,
    ),
    "pools: the default buffer is too small for many groups": Case(
        listener("e", "PROCESS_GROUP_ADDED", buffer_size=None, file="@@DIR@/e.events")
        + "".join(program(f"p{n:02}", "/bin/cat", autostart="false") for n in range(13)),
        (UP, Write("e.events.go", ""), Heard("e.events", 10, ("serial", "poolserial"))),
        FILES,
        files_too=False,
    ),
    "pools: the buffer outlives a stop of the listener": Case(
        listener("e", REMOTE),
        (
            UP,
            *send("one"),
            Heard("e.events", 1),
            call("stopProcess", "e"),
            *send("two", "three"),
            call("startProcess", "e"),
            Heard("e.events", 3, whole=True),
        ),
        FILES,
    ),
    "pools: removed and added again, it begins anew": Case(
        listener("e", REMOTE),
        (
            UP,
            *send("one"),
            Heard("e.events", 1),
            call("removeProcessGroup", "e"),
            call("stopProcess", "e"),
            *send("two"),
            call("removeProcessGroup", "e"),
            *send("three"),
            call("addProcessGroup", "e"),
            UP,
            *send("four"),
            Heard("e.events", 2, whole=True),
        ),
        FILES,
    ),
    "pools: a change is told at a reread": Case(
        listener("e", REMOTE) + listener("f", REMOTE) + listener("g", REMOTE),
        (
            UP,
            Reread(
                "changed",
                listener("e", REMOTE + ",TICK_3600")
                + listener("f", REMOTE, buffer_size=7)
                + listener("g", REMOTE, priority=5),
            ),
        ),
        FILES,
        files_too=False,
    ),
    "pools: first to start, last to stop": Case(
        listener("e", REMOTE) + program("a", "/bin/cat", priority=1) + program("b", "/bin/cat", priority=2),
        (UP, Until("a", "RUNNING"), Until("b", "RUNNING")),
        FILES,
        ordered=True,
        without=("entered RUNNING state",),
    ),
    "pools: listeners are processes like others": Case(
        listener("e", REMOTE, stdout_logfile="@DIR@/e.log"),
        (
            UP,
            *send("one"),
            Heard("e.events", 1),
            UntilText("e.log", "READY\n", 2),
            states(),
            info("e"),
            call("getAllConfigInfo"),
            call("readProcessStdoutLog", "e", 0, 0),
            ctl("status"),
            ctl("avail"),
            ctl("restart", "e"),
            UntilText("e.log", "READY\n", 3),
            call("stopProcessGroup", "e"),
            call("startProcessGroup", "e"),
        ),
        FILES,
    ),
    # --- answers --------------------------------------------------------------------------------------------------
    "answers: a rejected event comes again": _remote(
        "fail", "fail", "ok", steps=(*send("one", "two"), Heard("e.events", 4, whole=True))
    ),
    "answers: anything but OK is a rejection": _remote(
        "RESULT 3\\nOK\\n",
        "RESULT 2\\nok",
        "RESULT 1\\nO",
        "RESULT   2  \\nKO",
        "ok",
        steps=(*send("one"), Heard("e.events", 5, ("serial", "poolserial"))),
    ),
    "answers: an answer in pieces": _remote(
        "RES|ULT 2|\\nO|K",
        "RESULT 2\\n|OK",
        "ok",
        steps=(*send("one", "two", "three"), Heard("e.events", 3, whole=True)),
    ),
    "answers: the first word of a result is not compared": _remote(
        "ANSWER 2\\nOK", "1234567  2\\nOK", steps=(*send("one", "two", "three"), Heard("e.events", 3, whole=True))
    ),
    "answers: an empty result": _remote("RESULT 0\\n", "ok", steps=(*send("one"), Heard("e.events", 2, whole=True))),
    **{
        f"answers: {name} is the end of it": _remote(
            answer,
            steps=(
                *send("one"),
                logged("e: has entered the UNKNOWN state"),
                *send("two"),
                info("e", "statename"),
                call("stopProcess", "e"),
                call("startProcess", "e"),
                Heard("e.events", 2, whole=True),
                logged("e: has entered the UNKNOWN state", 2),
            ),
        )
        for name, answer in {
            "a line that is no result": "nothing of that kind\\n",
            "a length that is none": "RESULT x\\n",
            "a result that is too long": "RESULT 2\\nOKAY\\n|more",
            "a newline after the result": "RESULT 2\\nOK\\n",
            "a second READY": "RESULT 2\\nOKREADY\\nREADY\\n",
            "a line that is not UTF-8": "RESULT \\xff\\n",
        }.items()
    },
    "answers: a word before READY is the end of it": Case(
        program("e", "@DIR@/talk", "eventlistener", startsecs=0, events=REMOTE),
        (UP, UntilText("e.log", "ready"), *send("one"), logged("e: has entered the UNKNOWN state"), info("e")),
        FILES,
    ),
    "answers: who dies with an event finds it again": Case(
        listener("e", REMOTE, autorestart="false"),
        (
            UP,
            *send("one"),
            Until("e", "EXITED"),
            info("e", "statename", "exitstatus"),
            *send("two"),
            Write("e.events.answer", "ok"),
            call("startProcess", "e"),
            Heard("e.events", 3, whole=True),
        ),
        {**FILES, "e.events.answer": "die"},
    ),
    "answers: who dies with an event leaves it to its neighbour": Case(
        "loglevel=debug\n"
        + listener(
            "e",
            REMOTE,
            file="@DIR@/%(process_num)d.events",
            numprocs=2,
            process_name="e%(process_num)d",
            autorestart="false",
        ),
        (
            *ready("e0", "e1"),
            *send("one"),
            Heard("0.events", 1, whole=True),
            Heard("1.events", 1, whole=True),
            info("e:e0", "statename", "exitstatus"),
            *send("two"),
            Heard("1.events", 2, whole=True),
        ),
        {**FILES, "0.events.answer": "die"},
        **QUIET,
    ),
    "answers: who dies with an event, and another pool": Case(
        listener("e", REMOTE, "die", autorestart="false") + listener("f", f"{REMOTE},TICK_3600"),
        (
            UP,
            Until("f", "RUNNING"),
            *send("one"),
            Until("e", "EXITED"),
            *send("two"),
            UntilText("f.events", "two"),
            Heard("f.events", 2, whole=True, label="the other pool"),
        ),
        FILES,
        differs={"the other pool": "event-reject-pools"},
    ),
    "answers: all that is said of it at debug level": Case(
        "loglevel=debug\n" + listener("e", REMOTE, "ok", "fail", "ok", "RESULT x\\n"),
        (
            UP,
            logged("e: ACKNOWLEDGED -> READY"),
            *(step for n in range(3) for step in (*send(str(n)), Heard("e.events", (1, 3, 4)[n]))),
            logged("e: has entered the UNKNOWN state"),
        ),
        FILES,
        without=("DEBG fd ", "SIGCHLD", "rebuffering", "success: e"),
    ),
    "answers: rejected in one pool, and in another of the same priority": Case(
        listener("e", REMOTE, "fail", "ok") + listener("f", f"{REMOTE},TICK_3600"),
        (
            UP,
            Until("f", "RUNNING"),
            *send("one"),
            Heard("e.events", 2, whole=True),
            *send("two"),
            UntilText("f.events", "two"),
            Heard("f.events", 2, whole=True, label="the other pool"),
        ),
        FILES,
        differs={"the other pool": "event-reject-pools"},
    ),
    "answers: one event, asked for twice": Case(
        listener("e", f"{REMOTE},EVENT"),
        (
            UP,
            *send("one", "two"),
            UntilText("e.events", "two"),
            Read("e.events", keep=("one",), label="heard"),
        ),
        FILES,
        differs={"heard": "event-overlap"},
    ),
    "answers: judged by a handler": Case(
        listener("e", REMOTE, "RESULT 5\\nagain", "RESULT 4\\nfine", result_handler="mine:judge"),
        (UP, *send("one", "two"), Heard("e.events", 3, whole=True), UntilText("judged", "fine", 2), Read("judged")),
        {
            **FILES,
            "mine.py": (
                "class RejectEvent(Exception):\n    pass\n"
                "try:\n    from supervisor.dispatchers import RejectEvent\nexcept ImportError:\n    pass\n"
                "def judge(event, result):\n"
                "    with open('@DIR@/judged', 'a') as file:\n"
                "        print(repr(event.payload()), result, file=file)\n"
                "    if result == b'again':\n        raise RejectEvent(result)\n"
                "    if result == b'bad':\n        raise ValueError(result)\n"
            ),
        },
        env={"PYTHONPATH": "@DIR@", "PYTHONDONTWRITEBYTECODE": "1"},
    ),
    "answers: a handler that fails": Case(
        listener("e", REMOTE, "RESULT 3\\nbad", result_handler="mine:judge"),
        (
            UP,
            *send("one"),
            logged("e: event caused an error"),
            logged("e: has entered the UNKNOWN state"),
            Heard("e.events", 1, whole=True),
        ),
        {**FILES, "mine.py": "def judge(event, result):\n    raise ValueError(result)\n"},
        differs={"log": "event-result-handler"},
        env={"PYTHONPATH": "@DIR@", "PYTHONDONTWRITEBYTECODE": "1"},
    ),
    "answers: a configuration of listeners that changes is updated": Case(
        listener("e", REMOTE),
        (
            UP,
            *send("one"),
            Heard("e.events", 1),
            Write("s.conf", HEAD + listener("e", f"{REMOTE},PROCESS_GROUP_ADDED") + TALK),
            ctl("update"),
            UP,
            *send("two"),
            Heard("e.events", 4, ("pool", "poolserial", "eventname")),
            ctl("status"),
        ),
        FILES,
    ),
}

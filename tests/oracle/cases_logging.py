"""Cases on logs: child logs, their rotation, clearing and reading; the main log."""

from signal import SIGTERM, SIGUSR2

from .case import HEAD, Case
from .programs import FILES, program
from .steps import (
    Begin,
    Bytes,
    Call,
    Ctl,
    End,
    Exits,
    Follow,
    Http,
    Mode,
    Move,
    Read,
    Signal,
    Sizes,
    Until,
    UntilFollowed,
    UntilSizes,
    UntilText,
    call,
    info,
)

UP = Until("a", "RUNNING")
CAT = program("a", "/bin/cat", startsecs=0)
NINE = "hello\né\n"
"""Nine bytes; é is two of them."""

OFFSETS = [
    (0, 0),
    (0, 5),
    (6, 0),
    (6, 100),
    (9, 0),
    (100, 0),
    (100, 5),
    (-3, 0),
    (-9, 0),
    (-100, 0),
    (-1, 5),
    (0, -1),
    (5, -5),
    (-5, -5),
    ("0", "5"),
    (0.9, 5.9),
    (" 1 ", 2),
    (True, 3),
]
TAILS = [
    (0, 5),
    (0, 100),
    (5, 3),
    (5, 4),
    (-5, 4),
    (100, 4),
    (0, -4),
    (0, 0),
    (9, 0),
    (8, 1),
    (-100, 100),
    (0, 9),
    ("0", "9"),
    (1.5, 8),
]


def _script(text: str) -> str:
    """A program that writes `text` (for printf) and stays."""
    return f"#!/bin/sh\nprintf '{text}'\nexec sleep 1000\n"


CASES: dict[str, Case] = {
    "stdout and stderr go to their files": Case(
        program("a", "@DIR@/both", startsecs=0),
        (
            UP,
            UntilText("a.log", "out"),
            UntilText("a.err", "err"),
            Read("a.log"),
            Read("a.err"),
            info("a", "logfile", "stdout_logfile", "stderr_logfile"),
            call("readProcessStdoutLog", "a", 0, 0),
            call("readProcessStderrLog", "a", 0, 0),
            call("readProcessLog", "a", 0, 0),
        ),
        {"both": "#!/bin/sh\nprintf 'no end of line: out'; printf err >&2; exec sleep 1000\n"},
    ),
    "redirect_stderr puts both into one file in their order": Case(
        program("a", "@DIR@/both", startsecs=0, redirect_stderr="true", stderr_logfile=None),
        (
            UP,
            UntilText("a.log", "5"),
            Read("a.log"),
            info("a", "logfile", "stdout_logfile", "stderr_logfile"),
            call("readProcessStderrLog", "a", 0, 0),
            call("tailProcessStderrLog", "a", 0, 100),
            call("clearProcessLogs", "a"),
        ),
        {"both": "#!/bin/sh\necho 1; echo 2 >&2; echo 3; echo 4 >&2; echo 5; exec sleep 1000\n"},
    ),
    "redirect_stderr ignores a file for stderr with a warning": Case(
        program("a", "/bin/cat", startsecs=0, redirect_stderr="true"),
        (UP, info("a", "stderr_logfile"), Mode("a.err")),
    ),
    "NONE keeps nothing": Case(
        program("a", "@DIR@/noise", startsecs=0, stdout_logfile="NONE", stderr_logfile="off"),
        (
            UP,
            UntilText("done", "done"),
            info("a", "logfile", "stdout_logfile", "stderr_logfile"),
            call("readProcessStdoutLog", "a", 0, 0),
            call("readProcessStderrLog", "a", 0, 0),
            call("tailProcessStdoutLog", "a", 0, 10),
            call("clearProcessLogs", "a"),
            Http("GET", "/logtail/a"),
        ),
        {"noise": "#!/bin/sh\nhead -c 300000 /dev/zero; echo x >&2; echo done > @DIR@/done; exec sleep 1000\n"},
    ),
    "an empty log file name is no log": Case(
        program("a", "/bin/cat", startsecs=0, stdout_logfile="", stderr_logfile=""),
        (UP, info("a", "stdout_logfile", "stderr_logfile"), call("readProcessStdoutLog", "a", 0, 0)),
    ),
    "AUTO makes files of its own": Case(
        program("a", "@DIR@/talk", startsecs=0, stdout_logfile=None, stderr_logfile="AUTO")
        + program("b", "/bin/cat", autostart="false", stdout_logfile="auto", stderr_logfile=None)
        + program("c", "/bin/cat", autostart="false", stdout_logfile=None, stderr_logfile=None, redirect_stderr="true"),
        (
            UP,
            info("a", "stdout_logfile", "stderr_logfile"),
            info("b", "stdout_logfile", "stderr_logfile"),
            info("c", "stdout_logfile", "stderr_logfile"),
            call("readProcessStdoutLog", "b", 0, 0),
            Call("getAllConfigInfo", keep=("name", "stdout_logfile", "stderr_logfile")),
            call("reloadConfig"),
            Call("getAllConfigInfo", keep=("name", "stdout_logfile", "stderr_logfile"), label="after a reread"),
            call("stopProcess", "a"),
            call("startProcess", "a"),
            UP,
            info("a", "stdout_logfile"),
        ),
        FILES,
        differs={"after a reread": "reread-auto-shown"},
    ),
    "AUTO logs of a group that is removed and comes back": Case(
        program("a", "/bin/cat", startsecs=0, stdout_logfile="AUTO", stderr_logfile="NONE"),
        (
            UP,
            call("sendProcessStdin", "a", "before\n"),
            Follow("/logtail/a", "before\n"),
            call("stopProcess", "a"),
            call("removeProcessGroup", "a"),
            call("addProcessGroup", "a"),
            UP,
            call("readProcessStdoutLog", "a", 0, 0),
            call("stopProcess", "a"),
            call("removeProcessGroup", "a"),
            call("reloadConfig"),
            call("addProcessGroup", "a"),
            UP,
            call("readProcessStdoutLog", "a", 0, 0, label="after a reread"),
        ),
    ),
    "a cleared AUTO log has the mode of the umask": Case(
        program("a", "/bin/cat", startsecs=0, stdout_logfile="AUTO", stderr_logfile="NONE"),
        (UP, call("clearProcessLogs", "a"), UP),
        umask=0o027,
    ),
    "a log file that is there already is continued": Case(
        program("a", startsecs=0),
        (UP, UntilText("a.log", "ready"), Read("a.log")),
        {**FILES, "a.log": "before\n"},
    ),
    "a log file has the mode of the umask": Case(CAT, (UP,), umask=0o077),
    "the log file of a program that was never started does not exist": Case(
        program("a", "/bin/cat", autostart="false"),
        (
            Mode("a.log"),
            call("readProcessStdoutLog", "a", 0, 0),
            call("tailProcessStdoutLog", "a", 0, 5),
            call("clearProcessLogs", "a"),
            Http("GET", "/logtail/a"),
        ),
    ),
    "the last words of a program are in its log": Case(
        program("a", "@DIR@/burst", startsecs=0, autorestart="false"),
        (
            Until("a", "EXITED"),
            Sizes("a"),
            call("tailProcessStdoutLog", "a", 0, 5),
            call("readProcessStderrLog", "a", 0, 0),
        ),
        {"burst": "#!/bin/sh\nhead -c 60000 /dev/zero | tr '\\0' x; printf 'last'; printf 'words' >&2; exit 3\n"},
        without=("success: a",),
    ),
    "much output arrives whole": Case(
        program("a", "/bin/sh -c 'seq 1 200000; exec sleep 1000'", startsecs=0),
        (
            UP,
            UntilText("a.log", "200000\n"),
            Sizes("a"),
            call("tailProcessStdoutLog", "a", 0, 14),
            call("readProcessLog", "a", 0, 8),
        ),
    ),
    "two programs append to one file": Case(
        program("a", "/bin/cat", startsecs=0, stdout_logfile="@DIR@/one.log", stdout_logfile_maxbytes=0)
        + program("b", "/bin/cat", startsecs=0, stdout_logfile="@DIR@/one.log", stdout_logfile_maxbytes=0),
        (
            UP,
            Until("b", "RUNNING"),
            *(
                step
                for n, name in enumerate("abab")
                for step in (call("sendProcessStdin", name, f"{n}\n"), UntilText("one.log", f"{n}\n"))
            ),
            Read("one.log"),
        ),
    ),
    "bytes that are not UTF-8 are kept": Case(
        program("a", "@DIR@/odd", startsecs=0),
        (UP, UntilText("a.log", "end"), Read("a.log"), Sizes("a")),
        {"odd": _script("\\377\\376 end\\n")},
    ),
    # --- rotation -------------------------------------------------------------------------------------------------
    "a full log is renamed, the oldest is dropped": Case(
        program("a", "/bin/cat", startsecs=0, stdout_logfile_maxbytes=10, stdout_logfile_backups=2),
        (
            UP,
            call("sendProcessStdin", "a", "aaaa"),
            UntilText("a.log", "aaaa"),
            call("sendProcessStdin", "a", "bbbbbb"),
            UntilSizes("a.log", {"a.log": 0, "a.log.1": 10}),
            call("sendProcessStdin", "a", "cc"),
            UntilText("a.log", "cc"),
            call("sendProcessStdin", "a", "d" * 22),
            UntilSizes("a.log", {"a.log": 0, "a.log.1": 24, "a.log.2": 10}),
            call("sendProcessStdin", "a", "e" * 12),
            UntilSizes("a.log", {"a.log": 0, "a.log.1": 12, "a.log.2": 24}),
            call("sendProcessStdin", "a", "f" * 9),
            UntilText("a.log", "f" * 9),
            Read("a.log"),
            Read("a.log.1"),
            Read("a.log.2"),
            call("readProcessLog", "a", 0, 0),
        ),
    ),
    "without backups a full log begins anew": Case(
        program("a", "/bin/cat", startsecs=0, stdout_logfile_maxbytes=10, stdout_logfile_backups=0),
        (
            UP,
            call("sendProcessStdin", "a", "aaaa"),
            UntilText("a.log", "aaaa"),
            call("sendProcessStdin", "a", "b" * 9),
            UntilSizes("a.log", {"a.log": 0}),
            call("sendProcessStdin", "a", "cc"),
            UntilText("a.log", "cc"),
            Read("a.log"),
        ),
    ),
    "a log that was too long before the start is rotated after the next output": Case(
        program("a", "/bin/cat", startsecs=0, stdout_logfile_maxbytes=10, stdout_logfile_backups=1),
        (
            UP,
            Read("a.log"),
            call("sendProcessStdin", "a", "new"),
            UntilSizes("a.log", {"a.log": 0, "a.log.1": 33}),
            Read("a.log.1"),
        ),
        {"a.log": "x" * 30},
    ),
    "with maxbytes 0 a log is never rotated": Case(
        program(
            "a",
            "/bin/sh -c 'seq 1 3000; exec sleep 1000'",
            startsecs=0,
            stdout_logfile_maxbytes=0,
            stdout_logfile_backups=3,
        ),
        (UP, UntilText("a.log", "3000\n"), Sizes("a")),
    ),
    "the main log is rotated like any other": Case(
        HEAD + "logfile_maxbytes=10\nlogfile_backups=3\n" + program("a", "/bin/cat", autostart="false"),
        (
            Signal(SIGTERM),
            Exits(),
            Read("supervisord.log"),
            Read("supervisord.log.1"),
            Read("supervisord.log.2"),
            Read("supervisord.log.3"),
            Mode("supervisord.log.4"),
        ),
        bare=True,
    ),
    "the main log without backups begins anew": Case(
        "logfile_maxbytes=10\nlogfile_backups=0\n" + program("a", "/bin/cat", autostart="false"),
        (Signal(SIGTERM), Exits(), Sizes("supervisord.log")),
    ),
    # --- clear, reopen --------------------------------------------------------------------------------------------
    "a log is cleared while its program runs": Case(
        CAT,
        (
            UP,
            call("sendProcessStdin", "a", "old words\n"),
            UntilText("a.log", "old"),
            call("clearProcessLogs", "a"),
            Read("a.log"),
            call("sendProcessStdin", "a", "new\n"),
            UntilText("a.log", "new"),
            Read("a.log"),
            call("clearProcessLog", "a"),
            call("tailProcessStdoutLog", "a", 0, 10),
        ),
    ),
    "clearing leaves backups alone": Case(
        program("a", "/bin/cat", startsecs=0, stdout_logfile_maxbytes=5),
        (
            UP,
            call("sendProcessStdin", "a", "first"),
            UntilSizes("a.log", {"a.log": 0, "a.log.1": 5}),
            call("clearProcessLogs", "a"),
            Sizes("a.log"),
        ),
    ),
    "the log of a stopped program and its clearing": Case(
        program("a", "@DIR@/talk", autostart="false"),
        (call("clearProcessLogs", "a"), call("clearAllProcessLogs"), Read("a.log")),
        {**FILES, "a.log": "words\n"},
        differs={"3 Read a.log": "clear-stopped"},
    ),
    "all logs are cleared": Case(
        CAT + program("b", "/bin/cat", startsecs=0, priority=1) + program("c", "/bin/cat", autostart="false"),
        (
            UP,
            Until("b", "RUNNING"),
            call("sendProcessStdin", "a", "x\n"),
            call("sendProcessStdin", "b", "y\n"),
            UntilText("a.log", "x"),
            UntilText("b.log", "y"),
            call("clearAllProcessLogs"),
            Read("a.log"),
            Read("b.log"),
        ),
    ),
    "USR2 opens all logs anew": Case(
        CAT,
        (
            UP,
            call("sendProcessStdin", "a", "one\n"),
            UntilText("a.log", "one"),
            Move("a.log", "a.old"),
            Move("supervisord.log", "supervisord.old"),
            Signal(SIGUSR2),
            UntilSizes("a.log", {"a.log": 0}),
            call("sendProcessStdin", "a", "two\n"),
            UntilText("a.log", "two"),
            Read("a.log"),
            Read("a.old"),
            Read("supervisord.old", keep=("INFO received", "INFO supervisord logreopen")),
        ),
    ),
    "a log moved away is written on until somebody says so": Case(
        CAT,
        (
            UP,
            Move("a.log", "a.old"),
            call("sendProcessStdin", "a", "one\n"),
            UntilText("a.old", "one"),
            Mode("a.log"),
            call("stopProcess", "a"),
            call("startProcess", "a"),
            Read("a.log"),
        ),
    ),
    # --- reading --------------------------------------------------------------------------------------------------
    "a log is read by offset and length": Case(
        program("a", "/bin/cat", autostart="false"),
        tuple(call("readProcessStdoutLog", "a", *pair) for pair in OFFSETS),
        {"a.log": NINE},
    ),
    "the end of a log is read by offset and length": Case(
        program("a", "/bin/cat", autostart="false"),
        tuple(call("tailProcessStdoutLog", "a", *pair) for pair in TAILS),
        {"a.log": NINE},
    ),
    "stderr is read like stdout": Case(
        program("a", "/bin/cat", autostart="false"),
        (
            call("readProcessStderrLog", "a", -3, 0),
            call("tailProcessStderrLog", "a", 0, 5),
            call("readProcessStderrLog", "a", 3, 2),
        ),
        {"a.err": NINE},
    ),
    "a log read in the middle of a character": Case(
        program("a", "/bin/cat", autostart="false"),
        (
            call("readProcessStdoutLog", "a", 7, 1, label="cut"),
            call("readProcessStdoutLog", "a", -2, 0, label="cut end"),
            call("tailProcessStdoutLog", "a", 0, 2, label="cut tail"),
        ),
        {"a.log": NINE},
        differs={
            "cut": "rpc-cut-character",
            "cut end": "rpc-cut-character",
            "cut tail": "rpc-cut-character",
            "log": "rpc-cut-character",
        },
    ),
    "a log that is not UTF-8 is read": Case(
        program("a", "/bin/cat", autostart="false"),
        (call("readProcessStdoutLog", "a", 0, 0, label="read"),),
        {"a.log": b"ab\xffcd\n"},
        differs={"read": "rpc-not-utf8", "log": "rpc-not-utf8"},
    ),
    "a log with control characters is read": Case(
        program("a", "/bin/cat", autostart="false"),
        (call("readProcessStdoutLog", "a", 0, 0, label="read"),),
        {"a.log": b"ab\x1b[0mcd\x00\n"},
        differs={"read": "rpc-control-characters"},
    ),
    "a log with ends of line of all kinds is read": Case(
        program("a", "/bin/cat", autostart="false"),
        (call("readProcessStdoutLog", "a", 0, 0), call("tailProcessStdoutLog", "a", 0, 9)),
        {"a.log": b"a\r\nb\tc ]]> &amp; <x>\n\n\n"},
    ),
    # --- following ------------------------------------------------------------------------------------------------
    "a log is followed over HTTP": Case(
        CAT,
        (
            UP,
            call("sendProcessStdin", "a", "one\n"),
            UntilText("a.log", "one"),
            Begin("tail", Follow("/logtail/a", "two\n")),
            call("sendProcessStdin", "a", "two\n"),
            End("tail"),
            Follow("/logtail/a:a/stdout", "two\n"),
            Follow("/mainlogtail", "success: a"),
        ),
        without=("success: a",),
    ),
    "a followed log begins with its last 1024 bytes": Case(
        program("a", "/bin/cat", startsecs=0),
        (UP, Follow("/logtail/a", "end\n")),
        {"a.log": "".join(f"line {n:04}\n" for n in range(300)) + "end\n"},
    ),
    "following goes on after the log was cleared": Case(
        CAT,
        (
            UP,
            call("sendProcessStdin", "a", "one\n"),
            UntilText("a.log", "one"),
            Begin("tail", Follow("/logtail/a", "two\n")),
            UntilFollowed("one"),
            call("clearProcessLogs", "a"),
            call("sendProcessStdin", "a", "two\n"),
            End("tail", label="lines"),
        ),
    ),
    "logs that cannot be followed": Case(
        CAT + program("b", "/bin/cat", autostart="false"),
        (
            UP,
            *(
                Http("GET", url)
                for url in (
                    "/logtail/nope",
                    "/logtail/a/nope",
                    "/logtail/a:*",
                    "/logtail/b",
                    "/logtail/a/stdin",
                    "/logtail/nope:a",
                )
            ),
            Http("POST", "/logtail/a", body="x"),
            Http("HEAD", "/mainlogtail"),
            Bytes(b"DELETE /mainlogtail HTTP/1.1\r\nHost: x\r\n\r\n", "</body>", status_only=True),
        ),
    ),
    # --- the main log ---------------------------------------------------------------------------------------------
    "loglevel debug shows what programs write": Case(
        "loglevel=debug\n" + program("a", startsecs=0),
        (UP, UntilText("a.log", "ready"), call("stopProcess", "a")),
        FILES,
        without=("DEBG fd ", "SIGCHLD"),
    ),
    "loglevel warn leaves out the good news": Case(
        "loglevel=warn\n" + program("a", startsecs=0),
        (UP, UntilText("a.log", "ready"), call("stopProcess", "a")),
        FILES,
    ),
    "loglevel critical leaves out nearly everything": Case("loglevel=critical\n" + CAT, (UP, call("stopProcess", "a"))),
    "the foreground says on stdout what is in the log": Case(
        program("a", autostart="false"), (Call("getState"),), FILES, stdout=True
    ),
    "silent says nothing on stdout": Case(
        "silent=true\n" + program("a", autostart="false"), (Call("getState"),), FILES, stdout=True
    ),
    "a log on stdout says each line twice in the foreground": Case(
        HEAD.replace("@DIR@/supervisord.log", "/dev/stdout") + "logfile_maxbytes=0\n" + program("a", autostart="false"),
        (Call("getState"), call("readLog", 0, 10, label="read")),
        FILES,
        bare=True,
        stdout=True,
        differs={"read": "log-twice", "stdout": "log-twice"},
    ),
    "the log of a program on stdout": Case(
        "silent=true\n"
        + program(
            "a",
            "@DIR@/talk TERM=0",
            startsecs=0,
            stdout_logfile="/dev/stdout",
            stdout_logfile_maxbytes=0,
            stderr_logfile="/dev/stderr",
            stderr_logfile_maxbytes=0,
        ),
        (UP, UntilText("../@OUT@", "ready"), call("stopProcess", "a"), info("a", "stdout_logfile")),
        FILES,
        stdout=True,
    ),
    # --- what is in the output ------------------------------------------------------------------------------------
    "strip_ansi takes out colours": Case(
        "strip_ansi=true\n" + program("a", "@DIR@/odd", startsecs=0),
        (UP, UntilText("a.log", "end"), Read("a.log")),
        {"odd": _script("\\033[31mred\\033[0m plain \\033[1;32;40mmore\\033[K x\\033]y end\\n")},
    ),
    "strip_ansi and a sequence that supervisord does not know": Case(
        "strip_ansi=true\n" + program("a", "@DIR@/odd", startsecs=0),
        (UP, UntilText("a.log", "end"), Read("a.log", label="text")),
        {"odd": _script("more \\033[5Xcl end\\n")},
        differs={"text": ("strip-ansi-ends", "more cl end\n")},
    ),
    "offsets beyond all files": Case(
        program("a", "/bin/cat", autostart="false"),
        (
            call("readProcessStdoutLog", "a", "4611686018427387904", 0, label="2^62"),
            call("readProcessStdoutLog", "a", "18446744073709551616", 0, label="2^64"),
            call("readProcessStdoutLog", "a", 0, "4611686018427387904", label="length 2^62"),
            call("readProcessStdoutLog", "a", 0, 2147483647),
            call("tailProcessStdoutLog", "a", 2147483647, 2147483647),
        ),
        {"a.log": NINE},
        differs={
            "2^62": ("rpc-log-offset", ""),
            "2^64": ("rpc-log-offset", ""),
            "length 2^62": ("rpc-log-offset", NINE),
            "log": "rpc-log-offset",
        },
    ),
    "an offset that is no number": Case(
        program("a", "/bin/cat", autostart="false"),
        (
            call("readProcessStdoutLog", "a", "x", 0),
            call("tailProcessStdoutLog", "a", 0, "1.9"),
            call("readLog", "", 0),
        ),
        {"a.log": NINE},
        without=("Handling XML-RPC",),
    ),
    "without strip_ansi colours are kept": Case(
        program("a", "@DIR@/odd", startsecs=0),
        (UP, UntilText("a.log", "end"), Read("a.log")),
        {"odd": _script("\\033[31mred\\033[0m end\\n")},
    ),
    "what stands between the tags of capture is not in the log": Case(
        program("a", "@DIR@/odd", startsecs=0, stdout_capture_maxbytes="1MB"),
        (UP, UntilText("a.log", "end of all this text"), Read("a.log")),
        {
            "odd": _script(
                "before the tag, long enough\\n<!--XSUPERVISOR:BEGIN-->secret<!--XSUPERVISOR:END-->\\n"
                "after the tag, and then the end of all this text, and more of it to come\\n"
            )
        },
    ),
    "a short line where capture is on": Case(
        program("a", "@DIR@/odd", startsecs=0, stdout_capture_maxbytes="1MB"),
        (UP, UntilText("a.err", "said"), UntilText("a.log", "ready", seconds=5.0, label="there")),
        {"odd": "#!/bin/sh\necho ready; echo said >&2; exec sleep 1000\n"},
        differs={"there": ("capture-hold-back", True)},
    ),
    "without capture the tags are ordinary text": Case(
        program("a", "@DIR@/odd", startsecs=0),
        (UP, UntilText("a.log", "end"), Read("a.log")),
        {"odd": _script("x<!--XSUPERVISOR:BEGIN-->secret<!--XSUPERVISOR:END-->end\\n")},
    ),
    "tail of the real supervisorctl": Case(
        CAT,
        (
            UP,
            call("sendProcessStdin", "a", "héllo\n"),
            UntilText("a.log", "llo"),
            Ctl(("tail", "a")),
            Ctl(("tail", "-3", "a")),
            Ctl(("tail", "a", "stderr")),
        ),
    ),
}

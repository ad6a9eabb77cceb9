"""Cases on XML-RPC and HTTP: every method, its faults and its types."""

from collections.abc import Iterator
from signal import SIGKILL

from .case import HEAD, Case
from .programs import FILES, SLOW, program
from .steps import (
    Append,
    Begin,
    Bytes,
    Call,
    End,
    Exits,
    Http,
    KillChild,
    Members,
    Post,
    Read,
    SignalPid,
    Step,
    Until,
    UntilText,
    Write,
    call,
    info,
    logged,
    states,
)

PLAIN = program("a", "/bin/cat", startsecs=0)
OFF = program("b", "/bin/cat", autostart="false")
UP = Until("a", "RUNNING")

METHODS: dict[str, tuple[object, ...]] = {
    "getAPIVersion": (),
    "getVersion": (),
    "getSupervisorVersion": (),
    "getIdentification": (),
    "getState": (),
    "getPID": (),
    "readLog": (0, 0),
    "readMainLog": (0, 0),
    "clearLog": (),
    "shutdown": (),
    "restart": (),
    "reloadConfig": (),
    "addProcessGroup": ("x",),
    "removeProcessGroup": ("x",),
    "startProcess": ("x", True),
    "startProcessGroup": ("x", True),
    "startAllProcesses": (True,),
    "stopProcess": ("x", True),
    "stopProcessGroup": ("x", True),
    "stopAllProcesses": (True,),
    "signalProcess": ("x", "HUP"),
    "signalProcessGroup": ("x", "HUP"),
    "signalAllProcesses": ("HUP",),
    "getAllConfigInfo": (),
    "getProcessInfo": ("x",),
    "getAllProcessInfo": (),
    "readProcessStdoutLog": ("x", 0, 0),
    "readProcessStderrLog": ("x", 0, 0),
    "readProcessLog": ("x", 0, 0),
    "tailProcessStdoutLog": ("x", 0, 0),
    "tailProcessStderrLog": ("x", 0, 0),
    "tailProcessLog": ("x", 0, 0),
    "clearProcessLogs": ("x",),
    "clearProcessLog": ("x",),
    "clearAllProcessLogs": (),
    "sendProcessStdin": ("x", "text"),
    "sendRemoteCommEvent": ("type", "data"),
}
"""Every `supervisor.*` method with arguments of the right number and type; `x` is nobody."""

BY_NAME = {method: args for method, args in METHODS.items() if args[:1] == ("x",)}

NAMED = ("startProcess", "stopProcess", "getProcessInfo", "signalProcess", "clearProcessLogs", "readProcessStdoutLog")


def _body(method: str, *params: str) -> str:
    inner = "".join(f"<param><value>{param}</value></param>" for param in params)
    return f"<?xml version='1.0'?><methodCall><methodName>{method}</methodName><params>{inner}</params></methodCall>"


def _post(length: str | None = None, colon: str = ": ", more: str = "", body: str | None = None) -> bytes:
    """A whole request for getAPIVersion, with one thing odd about it."""
    body = _body("supervisor.getAPIVersion") if body is None else body
    head = f"POST /RPC2 HTTP/1.1\r\nHost: x\r\n{more}Content-Length{colon}{length or len(body)}\r\n\r\n"
    return (head + body).encode()


def _ill(data: bytes, until_text: str = "", *, label: str) -> Bytes:
    """A request that one of the two may not answer at all."""
    return Bytes(data, until_text, silence=4, status_only=True, label=label)


def _many(values: dict[str, tuple[object, ...]], extra: tuple[object, ...] = (), cut: bool = False) -> Iterator[Step]:
    for method, args in values.items():
        yield Call(method, args[:-1] if cut else (*args, *extra))


CASES: dict[str, Case] = {
    # --- who are you ----------------------------------------------------------------------------------------------
    "it says who it is": Case(
        "identifier=oracle\n" + PLAIN,
        (*(Call(m) for m in ("getAPIVersion", "getVersion", "getSupervisorVersion", "getIdentification", "getState")),),
    ),
    "all methods are listed": Case(PLAIN, (Call("system.listMethods"),)),
    "every method has its signature": Case(
        PLAIN,
        (
            *(Call("system.methodSignature", (f"supervisor.{m}",)) for m in METHODS),
            *(
                call("system.methodSignature", f"system.{m}")
                for m in ("listMethods", "methodHelp", "methodSignature", "multicall")
            ),
            call("system.methodSignature", "supervisor.nope"),
            call("system.methodSignature", ""),
            call("system.methodHelp", "supervisor.nope"),
        ),
    ),
    "unknown methods": Case(
        PLAIN,
        tuple(
            Post(_body(name), label=f"method {name!r}")
            for name in (
                "supervisor.nope",
                "nope.getState",
                "nope",
                "supervisor.getState.x",
                "supervisor._update",
                "supervisor.__init__",
                "system.nope",
                "supervisor",
                "supervisor.",
                ".getState",
                "SUPERVISOR.getState",
                "supervisor.getstate",
                " supervisor.getState",
            )
        ),
    ),
    "a call with an argument too many": Case(PLAIN, tuple(_many(METHODS, extra=("x", 1, 2)))),
    "a call with an argument too few": Case(
        PLAIN, tuple(_many({m: a for m, a in METHODS.items() if a and a[-1] is not True}, cut=True))
    ),
    "a process that nobody knows": Case(PLAIN, tuple(_many(BY_NAME))),
    "a member that the group has not": Case(
        PLAIN, tuple(Call(m, ("a:nope", *args[1:])) for m, args in BY_NAME.items())
    ),
    "a group where a process is due": Case(
        PLAIN + OFF,
        (
            UP,
            *(Call(m, ("b:*", *args[1:])) for m, args in BY_NAME.items()),
            *(Call(m, ("nope:*", *args[1:])) for m, args in BY_NAME.items()),
        ),
    ),
    "names are split at the first colon": Case(
        PLAIN + OFF,
        (UP, *(info(n, "group", "name") for n in ("a", "a:a", "a:", ":a", "a:a:a", "a:b", "", ":", "A", " a"))),
    ),
    # --- types ----------------------------------------------------------------------------------------------------
    "requests of every type": Case(
        program("a", "/bin/cat", startsecs=0),
        (
            UP,
            *(
                Post(
                    _body("supervisor.sendProcessStdin", "<string>a</string>", value), label=f"sendProcessStdin {value}"
                )
                for value in (
                    "untyped",
                    "<string>string</string>",
                    "<int>5</int>",
                    "<i4>5</i4>",
                    "<i8>18</i8>",
                    "<boolean>1</boolean>",
                    "<double>1.5</double>",
                    "<base64>YmFzZTY0</base64>",
                    "<nil/>",
                    "<array><data/></array>",
                    "<struct></struct>",
                    "<string></string>",
                    "<string>&lt;&amp;&gt;</string>",
                    "<dateTime.iso8601>20260102T03:04:05</dateTime.iso8601>",
                )
            ),
            UntilText("a.log", "<&>"),
            Read("a.log"),
        ),
        differs={},
    ),
    "a number where a name is due": Case(
        PLAIN,
        (*(Call(m, (5, *BY_NAME[m][1:])) for m in NAMED), call("startProcessGroup", 5)),
    ),
    "answers as they are on the wire": Case(
        PLAIN,
        (
            UP,
            *(Post(_body(f"supervisor.{m}"), label=m) for m in ("getAPIVersion", "getState", "reloadConfig")),
            Post(_body("supervisor.getProcessInfo", "nope"), label="a fault"),
            Post(_body("supervisor.stopProcess", "<string>a</string>"), label="true"),
            Post(_body("supervisor.startAllProcesses"), label="statuses"),
            Post(_body("supervisor.tailProcessStdoutLog", "a", "<int>0</int>", "<int>10</int>"), label="a tail"),
            Post("<methodCall><methodName>supervisor.getAPIVersion</methodName></methodCall>", label="no params"),
        ),
    ),
    "requests that are no calls": Case(
        PLAIN,
        tuple(
            Post(body, label=f"body {body[:40]!r}")
            for body in (
                "hello",
                "<a/>",
                "<methodCall></methodCall>",
                "<methodCall><params/></methodCall>",
                "<methodCall><methodName>",
                "<methodCall><methodName></methodName></methodCall>",
                "[]",
                "<methodResponse><params/></methodResponse>",
            )
        ),
        without=("request data",),
    ),
    "members of structs come in their order": Case(
        PLAIN,
        (
            UP,
            Members("getProcessInfo", ("a",)),
            Members("getAllConfigInfo"),
            Members("getState"),
            Members("stopAllProcesses"),
        ),
    ),
    # --- processes ------------------------------------------------------------------------------------------------
    "all that is known of a process": Case(
        PLAIN
        + OFF
        + program("c", "/bin/false", startsecs=5, startretries=0, redirect_stderr="true", stderr_logfile=None)
        + program(
            "d", "/bin/sh -c 'exit 3'", startsecs=0, stdout_logfile="NONE", stderr_logfile="NONE", autorestart="false"
        ),
        (
            UP,
            Until("c", "FATAL"),
            Until("d", "EXITED"),
            call("getAllProcessInfo"),
            *(call("getProcessInfo", n) for n in "abcd"),
        ),
        without=("success: d",),
    ),
    "processes are listed by group and name": Case(
        "[group:m]\nprograms=z,c\n"
        + "".join(
            program(n, "/bin/cat", autostart="false", priority=p) for n, p in (("z", 1), ("c", 2), ("b", 1), ("x", 0))
        ),
        (states(), Call("getAllConfigInfo", keep=("group", "name", "group_prio", "process_prio", "inuse"))),
    ),
    "all that is known of the configuration": Case(
        program(
            "a",
            "/bin/cat  x",
            priority=5,
            numprocs=2,
            process_name="%(program_name)s-%(process_num)d",
            autostart="false",
            startsecs=7,
            startretries=4,
            exitcodes="2,0",
            stopsignal="INT",
            stopwaitsecs=3,
            stopasgroup="true",
            redirect_stderr="true",
            stderr_logfile=None,
            stdout_logfile_maxbytes="3KB",
            stdout_logfile_backups=2,
            stdout_capture_maxbytes="1MB",
            stdout_events_enabled="true",
            directory="/tmp",
            serverurl="http://x:1",
            stderr_logfile_maxbytes="2mb",
        )
        + program(
            "b",
            "/bin/cat",
            autostart="false",
            stdout_logfile="NONE",
            stderr_logfile="AUTO",
            user="root",
            stderr_syslog="true",
            killasgroup="true",
            environment='A="1"',
            umask="027",
            autorestart="true",
        )
        + program("c", "/bin/cat", autostart="false", stdout_logfile=None, stderr_logfile="", autorestart="false"),
        (call("getAllConfigInfo"), call("reloadConfig"), call("getAllConfigInfo", label="after a reread")),
        root=True,
        differs={"after a reread": "reread-auto-shown"},
    ),
    "starting: true, or why not": Case(
        PLAIN + OFF,
        (
            UP,
            call("startProcess", "a"),
            call("startProcess", "b"),
            call("startProcess", "b"),
            call("stopProcess", "b"),
            call("startProcess", "b:b", False),
            Until("b", "RUNNING"),
            call("startProcess", "b:*"),
            call("startProcess", "b:"),
        ),
    ),
    "stopping: true, or why not": Case(
        PLAIN + OFF,
        (
            UP,
            call("stopProcess", "b"),
            call("stopProcess", "a"),
            call("stopProcess", "a"),
            call("stopProcess", "a:*"),
            info("a"),
        ),
    ),
    "a group is started and stopped": Case(
        "[group:g]\nprograms=a,b,c\n"
        + program("a", "/bin/cat", autostart="false")
        + program("b", "/no/such", autostart="false", startretries=0)
        + program("c", "@DIR@", autostart="false", startretries=0),
        (
            Call("startProcessGroup", ("g",), unordered=True),
            states(),
            Call("startProcessGroup", ("g", False), unordered=True),
            call("stopProcessGroup", "g"),
            call("stopProcessGroup", "g", label="again"),
            call("startProcessGroup", "g:*"),
            call("stopProcessGroup", "nope"),
            Call("startProcess", ("g:*",), unordered=True),
            Call("stopProcess", ("g:*",), unordered=True),
        ),
    ),
    "everything is started and stopped": Case(
        program("a", "/bin/cat", autostart="false", priority=3)
        + program("b", "/bin/cat", autostart="false", priority=1, startsecs=0)
        + program("c", "/no/such", autostart="false", priority=2, startretries=0),
        (
            Call("startAllProcesses", (), unordered=True),
            states(),
            call("startAllProcesses", label="again"),
            Call("stopAllProcesses", (), unordered=True),
            states(),
            call("stopAllProcesses", label="stop again"),
            Call("startAllProcesses", (False,), unordered=True),
            Until("a", "RUNNING"),
            Until("b", "RUNNING"),
            Call("stopAllProcesses", (False,), unordered=True),
        ),
        without=("success: b", "success: a"),
    ),
    "faults come first in the answer, in order of priority": Case(
        program("d", "/bin/cat", autostart="false", priority=1)
        + program("b", "/no/such", autostart="false", priority=9, startretries=0)
        + program("a", "/no/such", autostart="false", priority=10, startretries=0),
        (call("startAllProcesses"),),
    ),
    # --- signals --------------------------------------------------------------------------------------------------
    "a signal reaches a process": Case(
        program("a", "@DIR@/talk HUP USR1 USR2 INT", startsecs=0) + OFF,
        (
            UP,
            UntilText("a.log", "ready"),
            *(
                step
                for n, name in enumerate(("HUP", "usr1", "SIGUSR2", 2, " int "), 1)
                for step in (Call("signalProcess", ("a", name)), UntilText("a.log", "got", n))
            ),
            Read("a.log"),
            info("a", "statename"),
            call("signalProcess", "b", "HUP"),
            call("signalProcess", "a", 0),
            call("signalProcess", "a", "0"),
        ),
        FILES,
    ),
    "a signal that is none": Case(
        PLAIN + OFF,
        (
            UP,
            *(Call("signalProcess", ("a", name)) for name in ("NOPE", "99", 99, -1, "", "SIG", "35")),
            call("signalProcess", "b", "NOPE"),
            call("signalProcess", "nope", "NOPE"),
            call("signalProcessGroup", "a", "NOPE"),
            call("signalAllProcesses", "NOPE"),
        ),
    ),
    "a signal for a group and for all": Case(
        "[group:g]\nprograms=a,b,c\n"
        + program("a", "@DIR@/talk HUP", startsecs=0)
        + program("b", "@DIR@/talk HUP", startsecs=0)
        + program("c", "/bin/cat", autostart="false"),
        (
            Until("g:a", "RUNNING"),
            Until("g:b", "RUNNING"),
            UntilText("a.log", "ready"),
            UntilText("b.log", "ready"),
            Call("signalProcessGroup", ("g", "HUP"), unordered=True),
            UntilText("a.log", "got", 1),
            UntilText("b.log", "got", 1),
            Call("signalAllProcesses", ("HUP",), unordered=True),
            UntilText("a.log", "got", 2),
            UntilText("b.log", "got", 2),
            call("signalProcess", "g:*", 0, unordered=True),
            call("signalProcessGroup", "nope", "HUP"),
        ),
        FILES,
    ),
    # --- stdin ----------------------------------------------------------------------------------------------------
    "text goes to the stdin of a process": Case(
        PLAIN + OFF + program("c", "/bin/sh -c 'exec <&-; exec sleep 1000'", startsecs=0),
        (
            UP,
            Until("c", "RUNNING"),
            call("sendProcessStdin", "a", "one\n"),
            call("sendProcessStdin", "a", "no newline"),
            call("sendProcessStdin", "a", ""),
            call("sendProcessStdin", "a", " é\n"),
            UntilText("a.log", "é"),
            Read("a.log"),
            call("sendProcessStdin", "b", "x"),
            call("sendProcessStdin", "nope", "x"),
            call("sendProcessStdin", "a", 5),
            call("sendProcessStdin", "nope", 5),
            call("sendProcessStdin", "a:*", "x"),
        ),
    ),
    "a remote event is accepted in any form": Case(
        PLAIN,
        (
            call("sendRemoteCommEvent", "type", "data"),
            call("sendRemoteCommEvent", "", ""),
            call("sendRemoteCommEvent", "é", "ü\n"),
        ),
    ),
    # --- multicall ------------------------------------------------------------------------------------------------
    "several calls in one": Case(
        PLAIN + OFF,
        (
            UP,
            call(
                "system.multicall",
                [
                    {"methodName": "supervisor.getAPIVersion"},
                    {"methodName": "supervisor.getState", "params": []},
                    {"methodName": "supervisor.stopProcess", "params": ["a"]},
                    {"methodName": "supervisor.startProcess", "params": ["a"]},
                    {"methodName": "supervisor.startProcess", "params": ["a"]},
                    {"methodName": "supervisor.nope"},
                    {"params": []},
                    {"methodName": "system.multicall", "params": [[]]},
                    {"methodName": "supervisor.getState", "params": [1]},
                    {"methodName": "system.listMethods", "params": [1]},
                    {"methodName": "supervisor.startProcess", "params": ["b"]},
                ],
            ),
            call(
                "system.multicall",
                [
                    {"methodName": "supervisor.stopProcess", "params": ["b"]},
                    {"methodName": "supervisor.stopProcess", "params": ["b"]},
                ],
                label="two stops",
            ),
            call("system.multicall", []),
            info("a", "statename"),
            call("system.multicall"),
        ),
        without=("success: a",),
    ),
    "several calls in one, of the wrong form": Case(
        PLAIN,
        (
            call("system.multicall", ["supervisor.getState"]),
            call("system.multicall", "x"),
            call("system.multicall", 5),
            call("system.multicall", [{"methodName": 5}], label="a number for a name"),
            call("system.multicall", [{"methodName": "supervisor.getState", "params": "xy"}]),
        ),
        without=("Handling XML-RPC",),
    ),
    "calls go on while one waits": Case(
        program("a", "/bin/cat", autostart="false", startsecs=600, startretries=0),
        (
            Begin("start", call("startProcess", "a")),
            Until("a", "STARTING"),
            call("getState"),
            call("startProcess", "a"),
            info("a", "statename"),
            KillChild("a"),
            End("start"),
            Until("a", "FATAL"),
        ),
    ),
    # --- groups come and go ---------------------------------------------------------------------------------------
    "nothing changed, nothing to reread": Case(PLAIN, (UP, call("reloadConfig"), call("reloadConfig"))),
    "groups added, changed and removed are told": Case(
        PLAIN + OFF + program("c", "/bin/cat", autostart="false"),
        (
            UP,
            Write("s.conf", HEAD + program("a", "/bin/cat", startsecs=3) + OFF + program("d", "/bin/cat", startsecs=0)),
            call("reloadConfig"),
            states(),
            call("addProcessGroup", "d"),
            Until("d", "RUNNING"),
            call("addProcessGroup", "d"),
            call("addProcessGroup", "nope"),
            call("removeProcessGroup", "c"),
            call("removeProcessGroup", "c"),
            call("removeProcessGroup", "a"),
            call("stopProcess", "a"),
            call("removeProcessGroup", "a"),
            call("addProcessGroup", "a"),
            Until("a", "RUNNING"),
            call("reloadConfig", label="afterwards"),
            states(),
        ),
    ),
    "a group with a process in BACKOFF is not removed": Case(
        program("a", "/bin/false", startsecs=5, startretries=20),
        (
            logged("exited: a", 3),
            Until("a", "BACKOFF"),
            call("removeProcessGroup", "a"),
            call("stopProcess", "a"),
            call("removeProcessGroup", "a"),
            states(),
        ),
        without=("spawned", "exited", "success"),
    ),
    "changes that count, one by one": Case(
        "".join(program(f"p{n:02}", "/bin/cat", autostart="false") for n in range(26)),
        (
            Write(
                "s.conf",
                HEAD
                + "".join(
                    program(f"p{n:02}", **{"command": "/bin/cat", "autostart": "false", **options})  # type: ignore[arg-type]
                    for n, options in enumerate(
                        [
                            {},
                            {"command": "/bin/cat -"},
                            {"autostart": "true"},
                            {"startsecs": 9},
                            {"startretries": 9},
                            {"stopsignal": "INT"},
                            {"stopwaitsecs": 3},
                            {"exitcodes": "0,1"},
                            {"autorestart": "true"},
                            {"priority": 5},
                            {"umask": "022"},
                            {"directory": "/"},
                            {"redirect_stderr": "true"},
                            {"stdout_logfile": "@DIR@/other.log"},
                            {"stdout_logfile": "AUTO"},
                            {"stderr_logfile": "NONE"},
                            {"environment": 'A="1"'},
                            {"serverurl": "http://x:1"},
                            {"stdout_logfile_maxbytes": 5},
                            {"stdout_logfile_backups": 5},
                            {"stdout_capture_maxbytes": 5},
                            {"stdout_events_enabled": "true"},
                            {"stopasgroup": "true"},
                            {"killasgroup": "true"},
                            {"numprocs_start": 5},
                            {"process_name": "q"},
                        ]
                    )
                ),
            ),
            call("reloadConfig"),
        ),
    ),
    "changes of AUTO and of groups": Case(
        "[group:g]\nprograms=a,b\n[group:h]\nprograms=c\n"
        + "".join(
            program(n, "/bin/cat", autostart="false", stdout_logfile="AUTO", stderr_logfile="NONE") for n in "abcdef"
        ),
        (
            Write(
                "s.conf",
                HEAD
                + "[group:g]\nprograms=b,a\n[group:h]\nprograms=c\npriority=3\n"
                + "".join(
                    program(n, "/bin/cat", autostart="false", stdout_logfile="AUTO", stderr_logfile="NONE")
                    for n in "abc"
                )
                + program("d", "/bin/cat", autostart="false", stdout_logfile="@DIR@/d.log", stderr_logfile="NONE")
                + program("e", "/bin/cat", autostart="false", stdout_logfile="AUTO", stderr_logfile="AUTO")
                + program("f", "/bin/cat", autostart="false", stdout_logfile="NONE", stderr_logfile="NONE"),
            ),
            call("reloadConfig"),
        ),
    ),
    "a broken file cannot be reread": Case(
        PLAIN,
        (
            UP,
            Write("s.conf", HEAD + "[program:a]\nstartsecs=1\n"),
            call("reloadConfig"),
            Write("s.conf", HEAD + "[program:a]\ncommand=x\nstartsecs=abc\n"),
            call("reloadConfig"),
            Write("s.conf", "[supervisord"),
            call("reloadConfig"),
            Write("s.conf", HEAD + "[group:g]\nprograms=nope\n"),
            call("reloadConfig"),
            Write("s.conf", "key"),
            call("reloadConfig"),
            Write("s.conf", ""),
            call("reloadConfig"),
            info("a", "statename"),
            Write("s.conf", HEAD + PLAIN),
            call("reloadConfig"),
        ),
    ),
    # --- the daemon -----------------------------------------------------------------------------------------------
    "while it stops every method says so": Case(
        SLOW,
        (
            UP,
            UntilText("a.log", "ready"),
            call("shutdown"),
            UntilText("a.log", "got TERM"),
            *_many({m: a for m, a in METHODS.items() if m != "sendRemoteCommEvent"}),
            call("sendRemoteCommEvent", "a", "b"),
            call("system.listMethods"),
            call("nope"),
            call("startProcess"),
            Call("system.multicall", ([{"methodName": "supervisor.getState"}],)),
            SignalPid("a.pid", SIGKILL),
            Exits(),
        ),
        FILES,
    ),
    "shutdown stops everything": Case(
        PLAIN + program("b", "@DIR@/talk TERM=0", startsecs=0),
        (UP, UntilText("b.log", "ready"), Until("b", "RUNNING"), call("shutdown"), Exits(), Read("b.log")),
        FILES,
    ),
    "restart starts everything again": Case(
        program("a", "@DIR@/talk TERM=0", startsecs=0, autorestart="false")
        + program("b", "@DIR@/talk TERM=0", startsecs=0, autostart="false"),
        (
            UP,
            UntilText("a.log", "ready"),
            call("startProcess", "b"),
            UntilText("b.log", "ready"),
            call("restart"),
            logged("supervisord started", 2),
            UntilText("a.log", "ready", 2),
            Until("a", "RUNNING"),
            states(),
            Read("a.log"),
            Read("b.log"),
        ),
        FILES,
    ),
    "the main log is read and cleared": Case(
        PLAIN,
        (
            UP,
            logged("success: a"),
            Call("readLog", (0, 10), label="skip"),
            call("readLog", 5, -1),
            call("readLog", -5, 5),
            call("readLog", 10**6, 0),
            call("clearLog"),
            Append("supervisord.log", "other words\n"),
            call("readLog", 0, 0),
            call("readLog", 6, 5),
            call("readLog", -6, 0),
            call("readMainLog", 0, 5),
            call("readLog", "0", 5.9),
            call("clearLog"),
            call("readLog", 0, 0),
        ),
    ),
    # --- HTTP -----------------------------------------------------------------------------------------------------
    "paths and methods of HTTP": Case(
        PLAIN,
        (
            *(Http(method, "/RPC2") for method in ("GET", "PUT", "HEAD", "OPTIONS", "DELETE")),
            Post(_body("supervisor.getAPIVersion"), "/RPC2xyz?q=1"),
            Post(_body("supervisor.getAPIVersion"), "/RPC2/"),
            Http("GET", "/nowhere"),
            Http("GET", "/RPC3"),
            Http("HEAD", "/nowhere"),
            Http("POST", "/nowhere", body="x"),
        ),
    ),
    "a request in pieces, two requests in one": Case(
        PLAIN,
        (
            Bytes(b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n" * 2, "</body>", 2, linger=1, status_only=True),
            Bytes(b"\r\nGET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", "</body>", status_only=True),
            Bytes(b"GET /nowhere HTTP/1.0\r\n\r\n", status_only=True),
            Bytes(b"GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", status_only=True),
            Bytes(b"GET /nowhere HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "</body>", status_only=True),
            Bytes(b"POST /RPC2 HTTP/1.1\r\nHost: x\r\n\r\n", "</body>", status_only=True),
        ),
    ),
    "a request of HTTP/1.0 keeps its line when it asks": Case(
        PLAIN,
        (
            Bytes(
                b"POST /RPC2 HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: %d\r\n\r\n%b"
                % (len(_body("supervisor.getAPIVersion")), _body("supervisor.getAPIVersion").encode()),
                "</methodResponse>",
                label="answer",
            ),
        ),
    ),
    "requests that supervisord takes ill": Case(
        PLAIN,
        (
            UP,
            _ill(_post(length="abc"), label="a length that is no number"),
            _ill(_post(length="0", body=""), "</body>", label="a length of zero"),
            _ill(_post(colon=":"), "</methodResponse>", label="no blank after the colon"),
            _ill(_post().replace(b"\r\n", b"\n"), "</methodResponse>", label="bare ends of line"),
            _ill(_post().replace(b" HTTP/1.1", b""), label="no version"),
            _ill(b"NONSENSE\r\n\r\n", label="no request"),
            _ill(_post(more="Expect: 100-continue\r\n"), "</methodResponse>", label="expectation"),
            _ill(
                b"POST /RPC2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "</body>",
                label="in chunks",
            ),
        ),
        differs={
            "a length that is no number": ("http-length-bad", [["HTTP/1.1 400 Bad Request"], "closed"]),
            "a length of zero": ("http-length-zero", [["HTTP/1.1 400 Bad Request"], "answered"]),
            "no blank after the colon": ("http-length-blank", [["HTTP/1.1 200 OK"], "answered"]),
            "bare ends of line": ("http-bare-lf", [["HTTP/1.1 200 OK"], "answered"]),
            "no version": ("http-no-version", [["HTTP/1.0 200 OK"], "closed"]),
            "log": "http-length-bad",
            "no request": ("http-malformed", [["HTTP/1.1 400 Bad Request"], "closed"]),
        },
    ),
    "names with marks of XML": Case(
        program("x<y&z>", "/bin/cat", startsecs=0, stdout_logfile="NONE", stderr_logfile="NONE"),
        (
            Until("x<y&z>", "RUNNING"),
            info("x<y&z>", "name", "group"),
            states(),
            call("stopProcess", "x<y&z>"),
            call("startAllProcesses"),
            Call("getProcessInfo", ("<nope>",)),
        ),
    ),
    "calls for the waiting are answered in the end": Case(
        SLOW,
        (
            UP,
            UntilText("a.log", "ready"),
            Begin("one", call("stopProcess", "a")),
            UntilText("a.log", "got TERM"),
            call("stopProcess", "a"),
            KillChild("a"),
            End("one"),
        ),
        FILES,
    ),
}

"""Cases on the supervisor as a program: command line, files, sockets, what its children get."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from signal import SIGTERM

from .case import HEAD, Case
from .programs import FILES, program
from .steps import (
    Call,
    Exits,
    Http,
    Listener,
    Mode,
    Other,
    Read,
    SamePid,
    Signal,
    SignalPid,
    Start,
    Until,
    UntilText,
    call,
    ctl,
    info,
    states,
)

UP = Until("a", "RUNNING")
CAT = program("a", "/bin/cat", startsecs=0)
OFF = program("a", "/bin/cat", autostart="false")
RPC = HEAD[HEAD.index("[rpcinterface") : HEAD.index("[supervisord]")]
DAEMON = HEAD[HEAD.index("[supervisord]") :]
SEEN = (UP, UntilText("a.log", "ready\n"), Read("a.log"))


def basic(text: str, word: str = "Basic") -> dict[str, str]:
    return {"Authorization": f"{word} {base64.b64encode(text.encode()).decode()}"}


def _usage(*args: str) -> Case:
    return Case(CAT, args=args, ready=False, files_too=False)


ALL_ERRORS = {"stderr": "conf-first-error"}
SAID_MORE: dict[str, Mapping[str, str]] = {
    "a user that is nobody": ALL_ERRORS,
    "a configuration that is not there": {"stderr": "conf-first-error"},
    "a configuration that is a directory": {"stderr": "conf-first-error"},
}


def _ask(headers: Mapping[str, str]) -> Http:
    return Http(
        "POST", "/RPC2", headers, body="<methodCall><methodName>supervisor.getAPIVersion</methodName></methodCall>"
    )


USAGE: dict[str, tuple[str, ...]] = {
    "an option that is none": ("-n", "-x"),
    "a long option that is none": ("-n", "--bogus"),
    "an abbreviation of two options": ("-n", "--log"),
    "an option without its argument": ("-n", "-e"),
    "a long option without its argument": ("-n", "--configuration"),
    "a flag with an argument": ("--nodaemon=yes",),
    "a positional argument": ("-n", "-c", "@DIR@/s.conf", "status"),
    "an option twice": ("-n", "-n", "-c", "@DIR@/s.conf"),
    "an option twice, short and long": ("-n", "--nodaemon", "-c", "@DIR@/s.conf"),
    "a loglevel that is none": ("-n", "-c", "@DIR@/s.conf", "-e", "foo"),
    "a long option with a bad value": ("-n", "-c", "@DIR@/s.conf", "--loglevel=warning"),
    "a size that is none": ("-n", "-c", "@DIR@/s.conf", "-y", "1.5mb"),
    "a number that is none": ("-n", "-c", "@DIR@/s.conf", "-z", "x"),
    "a umask that is none": ("-n", "-c", "@DIR@/s.conf", "-m", "9"),
    "a directory that is none": ("-n", "-c", "@DIR@/s.conf", "-d", "@DIR@/nowhere"),
    "a log in no directory": ("-n", "-c", "@DIR@/s.conf", "-l", "@DIR@/nowhere/x.log"),
    "a pidfile in no directory": ("-n", "-c", "@DIR@/s.conf", "-j", "@DIR@/nowhere/x.pid"),
    "a child log directory that is none": ("-n", "-c", "@DIR@/s.conf", "-q", "@DIR@/nowhere"),
    "a user that is nobody": ("-n", "-c", "@DIR@/s.conf", "-u", "nosuchuser"),
    "minfds that is no number": ("-n", "-c", "@DIR@/s.conf", "-a", "many"),
    "a configuration that is not there": ("-n", "-c", "@DIR@/nowhere.conf"),
    "a configuration that is a directory": ("-n", "-c", "@DIR@/logs"),
    "a bad option after the request for help": ("-h", "--bogus"),
    "two mistakes": ("-n", "-e", "foo", "-m", "9", "extra"),
}

CASES: dict[str, Case] = {
    **{
        f"command line: {name}": replace(_usage(*args), differs=SAID_MORE.get(name, {})) for name, args in USAGE.items()
    },
    "command line: the version": Case(
        CAT, args=("-v",), ready=False, stdout=True, files_too=False, differs={"stdout": "version"}
    ),
    "command line: the long version": Case(
        CAT, args=("--version", "-n"), ready=False, stdout=True, files_too=False, differs={"stdout": "version"}
    ),
    "command line: help": Case(CAT, args=("-h",), ready=False, files_too=False),
    "command line: options win over the file": Case(
        "loglevel=critical\nidentifier=file\n"
        + program("a", "@DIR@/talk", startsecs=0, stdout_logfile="AUTO", stderr_logfile="NONE"),
        (
            UP,
            call("getIdentification"),
            info("a", "stdout_logfile"),
            Read("other.log", keep=("CRIT Server", "INFO")),
            SamePid(None, "other.pid"),
        ),
        {**FILES, "childlogs/.keep": ""},
        (
            "-c",
            "@DIR@/s.conf",
            "--nodaem",
            "-s",
            "-l",
            "@DIR@/other.log",
            "-j",
            "@DIR@/other.pid",
            "-i",
            "line",
            "-e",
            "warn",
            "-q",
            "@DIR@/childlogs",
            "-y",
            "5MB",
            "--logfile_backups=3",
            "-k",
            "-t",
            "-a",
            "900",
            "--minprocs",
            "50",
        ),
        stdout=True,
    ),
    "command line: bundled options": Case(OFF, (Call("getState"),), args=("-nsc", "@DIR@/s.conf"), stdout=True),
    "command line: an abbreviated long option": Case(
        OFF, (call("getIdentification"),), args=("-n", "--conf", "@DIR@/s.conf", "--ident=short")
    ),
    "a relative -c": Case(CAT, (UP, call("reloadConfig")), args=("-n", "-c", "s.conf")),
    "a configuration found in the working directory": Case(
        "",
        (UP, states()),
        {"supervisord.conf": HEAD + CAT},
        ("-n",),
        differs={"stderr": "root-search"},
        root=True,
    ),
    "a configuration found in etc of the working directory": Case(
        "", (UP,), {"etc/supervisord.conf": HEAD + CAT}, ("-n",), differs={"stderr": "root-search"}, root=True
    ),
    # --- pidfile --------------------------------------------------------------------------------------------------
    "the pidfile holds the pid": Case(
        OFF,
        (
            SamePid(None, "supervisord.pid"),
            Mode("supervisord.pid"),
            Signal(SIGTERM),
            Exits(),
            Mode("supervisord.pid"),
            Mode("s.sock"),
        ),
    ),
    "the pidfile has the mode of the umask": Case(OFF, (Mode("supervisord.pid"), Mode("supervisord.log")), umask=0o077),
    "a pidfile that is there is overwritten": Case(
        OFF, (SamePid(None, "supervisord.pid"),), {"supervisord.pid": "1\n"}
    ),
    "a pidfile that cannot be written": Case(
        DAEMON.replace("supervisord.pid", "logs") + HEAD[: HEAD.index("[supervisord]")] + OFF,
        (Call("getState"),),
        bare=True,
    ),
    # --- sockets --------------------------------------------------------------------------------------------------
    "the socket is for its owner": Case(OFF, (Mode("s.sock"),)),
    "the socket has the mode of chmod": Case(
        HEAD.replace("s.sock\n", "s.sock\nchmod=0770\n") + OFF, (Mode("s.sock"),), bare=True
    ),
    "the umask does not touch the mode of the socket": Case(
        HEAD.replace("s.sock\n", "s.sock\nchmod=0777\n") + OFF, (Mode("s.sock"),), bare=True, umask=0o077
    ),
    "a stale socket is replaced": Case(OFF, (Signal(SIGTERM), Exits(), Listener("s.sock"), Start(), Mode("s.sock"))),
    "a plain file in place of the socket is replaced": Case(OFF, (Mode("s.sock"),), {"s.sock": "not a socket\n"}),
    "a second supervisor finds the socket in use": Case(
        CAT,
        (
            UP,
            Other(("-n", "-c", "@DIR@/s.conf", "-l", "@DIR@/second.log", "-j", "@DIR@/second.pid")),
            info("a", "statename"),
            Mode("s.sock"),
        ),
        files_too=False,
    ),
    "a socket in no directory": Case(HEAD.replace("s.sock", "nowhere/s.sock") + CAT, bare=True, ready=False),
    "a socket whose path is too long": Case(HEAD.replace("s.sock", "s" * 120) + CAT, bare=True, ready=False),
    "a TCP server": Case(
        "[inet_http_server]\nport=127.0.0.1:@PORT@\n" + OFF,
        (
            Call("getState", sock=None),
            call("getState"),
            Call("startProcess", ("a",), sock=None),
            info("a", "statename"),
        ),
    ),
    "a TCP server on all addresses": Case(
        "[inet_http_server]\nport=*:@PORT@\n" + program("a", "@DIR@/environment SUPERVISOR_SERVER_URL", startsecs=0),
        (Call("getState", sock=None), UntilText("a.log", "ready"), Read("a.log")),
        FILES,
    ),
    "two TCP servers on one port": Case(
        "[inet_http_server:a]\nport=127.0.0.1:@PORT@\n[inet_http_server:b]\nport=127.0.0.1:@PORT@\n" + OFF, ready=False
    ),
    "a TCP server on an address of others": Case("[inet_http_server]\nport=192.0.2.1:@PORT@\n" + OFF, ready=False),
    "no server at all": Case(
        DAEMON + program("a", "@DIR@/environment SUPERVISOR_SERVER_URL SUPERVISOR_ENABLED", startsecs=0),
        (UntilText("a.log", "ready"), Read("a.log")),
        FILES,
        bare=True,
        ready="log",
    ),
    "no rpcinterface section": Case(
        HEAD.replace(RPC, "") + OFF,
        (call("getState"), call("system.listMethods"), call("system.multicall", []), ctl("version"), ctl("status")),
        bare=True,
    ),
    "two unix servers": Case(
        HEAD
        + "[unix_http_server:second]\nfile=@DIR@/t.sock\nchmod=0600\n"
        + program("a", "@DIR@/environment SUPERVISOR_SERVER_URL", startsecs=0),
        (Call("getState", sock="t.sock"), call("getState"), Mode("t.sock"), UntilText("a.log", "ready"), Read("a.log")),
        FILES,
        bare=True,
    ),
    # --- who may ask ----------------------------------------------------------------------------------------------
    "a name and a password": Case(
        HEAD.replace("s.sock\n", "s.sock\nusername=user\npassword=pa:ss\n") + OFF,
        (
            _ask({}),
            _ask(basic("user:pa:ss")),
            _ask(basic("user:pa:ss", "bAsIc")),
            _ask(basic("user:wrong")),
            _ask(basic("other:pa:ss")),
            _ask(basic("user:")),
            _ask(basic(":")),
            Http("GET", "/nowhere"),
            Http("GET", "/logtail/a"),
            ctl("version"),
            ctl("-u", "user", "-p", "pa:ss", "version", options=("-s", "unix://@DIR@/s.sock")),
            ctl("-u", "user", "-p", "no", "version"),
        ),
        bare=True,
    ),
    "a password given as its hash": Case(
        HEAD.replace("s.sock\n", "s.sock\nusername=user\npassword={SHA}" + hashlib.sha1(b"secret").hexdigest() + "\n")
        + OFF,
        (
            _ask(basic("user:secret")),
            _ask(basic("user:wrong")),
            _ask(basic("user:{SHA}" + hashlib.sha1(b"secret").hexdigest())),
        ),
        bare=True,
    ),
    "authorization of another kind": Case(
        HEAD.replace("s.sock\n", "s.sock\nusername=user\npassword=x\n") + OFF,
        (_ask({"Authorization": "Bearer abc"}),),
        bare=True,
        differs={"stderr": "auth-malformed"},
    ),
    "authorization that cannot be read": Case(
        HEAD.replace("s.sock\n", "s.sock\nusername=user\npassword=x\n") + OFF,
        (_ask({"Authorization": "Basic abc"}), Http("GET", "/", basic("nocolon"), label="no colon")),
        bare=True,
        differs={"no colon": "auth-malformed", "stderr": "auth-malformed", "log": "auth-malformed"},
    ),
    "a name without a password": Case(
        HEAD.replace("s.sock\n", "s.sock\nusername=user\n") + OFF,
        bare=True,
        ready=False,
        differs=ALL_ERRORS,
        files_too=False,
    ),
    "an empty name asks nobody": Case(
        HEAD.replace("s.sock\n", "s.sock\nusername=\npassword=\n") + OFF, (call("getState"),), bare=True
    ),
    # --- what a child gets ----------------------------------------------------------------------------------------
    "all that a child sees": Case(
        program("a", "@DIR@/seen one 'two three'", startsecs=0),
        SEEN,
        FILES,
        env={"FROM_CALLER": "yes", "HOME": "/nowhere"},
        differs={"3 Read a.log": "child-sigpipe"},
    ),
    "umask, directory and environment of a child": Case(
        'umask=077\ndirectory=/\nenvironment=A="global",B="global"\n'
        + program(
            "a",
            "@DIR@/seen",
            startsecs=0,
            umask="0123",
            directory="@DIR@/logs",
            environment='B="own",SUPERVISOR_GROUP_NAME="mine",HOME="/h"',
        ),
        SEEN,
        FILES,
        differs={"3 Read a.log": "child-sigpipe"},
    ),
    "umask and directory of the daemon are not for the foreground": Case(
        "umask=077\ndirectory=/\n" + program("a", "@DIR@/seen", startsecs=0),
        SEEN,
        FILES,
        umask=0o027,
        differs={"3 Read a.log": "child-sigpipe"},
    ),
    "names of process and group in the environment": Case(
        "[group:g]\nprograms=a\n"
        + program(
            "a",
            "@DIR@/environment SUPERVISOR_PROCESS_NAME SUPERVISOR_GROUP_NAME SUPERVISOR_ENABLED SUPERVISOR_SERVER_URL",
            startsecs=0,
            numprocs=2,
            process_name="p%(process_num)d",
            stdout_logfile="@DIR@/%(process_num)d.log",
        ),
        (UntilText("0.log", "ready"), UntilText("1.log", "ready"), Read("0.log"), Read("1.log")),
        FILES,
    ),
    "serverurl of a program": Case(
        program("a", "@DIR@/environment SUPERVISOR_SERVER_URL", startsecs=0, serverurl="http://elsewhere:9")
        + program("b", "@DIR@/environment SUPERVISOR_SERVER_URL", startsecs=0, serverurl="auto"),
        (UntilText("a.log", "ready"), UntilText("b.log", "ready"), Read("a.log"), Read("b.log")),
        FILES,
    ),
    "PATH of a program is for its command, too": Case(
        program("a", "hidden", startsecs=0, environment='PATH="@DIR@/bin:/bin:/usr/bin"'),
        (UntilText("a.log", "found"), Read("a.log")),
        {"bin/hidden": "#!/bin/sh\necho found; exec sleep 1000\n"},
    ),
    "another user": Case(
        program("a", "@DIR@/who", startsecs=0, user="nobody", directory="/"),
        SEEN,
        FILES,
        env={"USER": "root"},
        root=True,
    ),
    "another user by number, and a directory that it may not enter": Case(
        program("a", "/bin/cat", startsecs=5, startretries=0, user="65534", directory="/root"),
        (Until("a", "FATAL"), Read("a.err"), Call("getAllConfigInfo", keep=("uid",))),
        root=True,
    ),
    "the supervisor as root by its own wish": Case("user=root\n" + CAT, (UP,), root=True),
    # --- the daemon -----------------------------------------------------------------------------------------------
    "a daemon in the background": Case(
        "umask=027\ndirectory=@DIR@/logs\n" + program("a", "@DIR@/seen", startsecs=0),
        (
            Exits(),
            UntilText("supervisord.log", "supervisord started"),
            Call("getState"),
            UP,
            UntilText("a.log", "\nready\n"),
            Read("a.log", label="child"),
            Mode("s.sock"),
            Mode("supervisord.pid"),
            SignalPid("supervisord.pid"),
        ),
        FILES,
        ("-c", "@DIR@/s.conf"),
        ready=False,
        stdout=True,
        differs={"child": "child-sigpipe"},
    ),
    "AUTO logs of the run before are removed": Case(
        program("a", "@DIR@/talk", startsecs=0, stdout_logfile="AUTO", stderr_logfile="AUTO"),
        (UP, UntilText("logs/mine.log", "mine"), Signal(SIGTERM), Exits(), Start(), UP),
        {
            **FILES,
            "logs/mine.log": "mine\n",
            "logs/x-stdout---supervisor-abcdefgh.log": "old\n",
            "logs/x-stdout---supervisor-abcdefgh.log.1": "old\n",
            "logs/x-stdout---other-abcdefgh.log": "another identifier\n",
        },
    ),
    "with nocleanup AUTO logs stay": Case(
        "nocleanup=true\n" + program("a", "@DIR@/talk", startsecs=0, stdout_logfile="AUTO", stderr_logfile="NONE"),
        (UP, Signal(SIGTERM), Exits(), Start(), UP),
        FILES,
    ),
    "a main log that cannot be opened": Case(
        DAEMON.replace("supervisord.log", "logs") + CAT,
        bare=True,
        ready=False,
        differs=dict.fromkeys(("stderr", "error"), "logfile-unopenable"),
    ),
    "start, stop, start again": Case(
        CAT, (UP, Signal(SIGTERM), Exits(), Start(), UP, states(), Signal(SIGTERM), Exits())
    ),
    "an empty configuration": Case(
        "", bare=True, ready=False, files={"s.conf": ""}, differs={"stderr": "conf-first-error"}
    ),
    "nothing but a daemon": Case("", (states(), call("startAllProcesses"), call("getAllConfigInfo"), ctl("status"))),
}

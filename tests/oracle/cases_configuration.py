"""Cases on the configuration: what a file means, and the words for what is wrong with it.

The words are compared through the fault CANT_REREAD, which carries supervisord's own; at the start minisup says more
(row conf-first-error), so there only the exit status is compared.
"""

import socket

from .case import HEAD, Case
from .programs import FILES, program
from .steps import Call, Mode, Read, Reread, Until, UntilText, Write, call, info, logged, states

UP = Until("a", "RUNNING")
CAT = "[program:a]\ncommand=/bin/cat\nautostart=false\n"
NODE = socket.gethostname()

ALL_ERRORS = {"stderr": "conf-first-error"}


def _wrong(texts: dict[str, str], bare: bool = False, differs: dict[str, str] | None = None) -> Case:
    """Configurations that cannot be read, one after the other."""
    return Case(
        CAT,
        tuple(Reread(name, text, bare=bare, label=name) for name, text in texts.items()),
        files_too=False,
        differs=differs or {},
    )


def _option(texts: list[str]) -> Case:
    """Options of a program that are wrong."""
    return _wrong({text: f"{CAT}{text}\n" for text in texts})


def _values(key: str, option: str, values: list[str], more: str = "", differs: dict[str, str] | None = None) -> Case:
    """What getAllConfigInfo makes of values of an option."""
    return Case(
        CAT,
        tuple(Reread(f"{option}={value!r}", f"{CAT}{more}{option}={value}\n", keep=(key,)) for value in values),
        files_too=False,
        differs=differs or {},
    )


def _environment(values: list[str]) -> Case:
    """What a child gets of `environment=`; a configuration that is refused counts, too."""
    names = "A B C D E AB x"
    config = "".join(
        program(f"p{n:02}", f"@DIR@/environment {names}", startsecs=0, environment=value)
        for n, value in enumerate(values)
    )
    return Case(
        config,
        tuple(
            step
            for n in range(len(values))
            for step in (UntilText(f"p{n:02}.log", "ready"), Read(f"p{n:02}.log", label=f"environment={values[n]!r}"))
        ),
        FILES,
        files_too=False,
    )


def _commands(
    config: str, *keep: str, files: dict[str, str] | None = None, env: dict[str, str] | None = None, **options: object
) -> Case:
    return Case(
        config,
        (Call("getAllConfigInfo", keep=keep or ("group", "name", "command", "stdout_logfile")),),
        files or {},
        env=env or {},
        files_too=False,
        **options,
    )  # type: ignore[arg-type]


def _starts_with(text: str) -> Case:
    """A supervisor that refuses to start: exit status 2, the last lines on stderr; minisup says more before them."""
    return Case(
        text,
        bare=True,
        ready=False,
        differs=ALL_ERRORS,
        files_too=False,
    )


CASES: dict[str, Case] = {
    # --- refused at the start -------------------------------------------------------------------------------------
    "no supervisord section": _starts_with("[program:a]\ncommand=x\n"),
    "a program without a command at the start": _starts_with(HEAD + "[program:a]\nautostart=false\n"),
    "all mistakes of a file, in a log that is there": Case(
        CAT + "startsecs=soon\nautostart=perhaps\n",
        ready=False,
        files={"supervisord.log": "before\n"},
        differs={
            **ALL_ERRORS,
            "log": (
                "conf-first-error",
                {
                    "": [
                        "before",
                        "CRIT @DIR@/s.conf:13: cannot use autostart 'perhaps' in [program:a]: neither true nor false",
                        "CRIT @DIR@/s.conf:12: cannot use startsecs 'soon' in [program:a]: not a whole number",
                    ]
                },
            ),
        },
        files_too=False,
    ),
    "a line that is no option": _starts_with(HEAD + "nonsense\n"),
    "text before the first section": _starts_with("a=b\n" + HEAD),
    "a number that is none at the start": _starts_with(HEAD + CAT + "startsecs=soon\n"),
    "an unknown name in a format at the start": _starts_with(HEAD + "[program:a]\ncommand=%(nope)s\n"),
    "a loglevel that is none at the start": _starts_with(HEAD + "loglevel=loud\n"),
    "a file that is not UTF-8": Case(
        "",
        files={"s.conf": b"[supervisord]\nlogfile=\xff\n"},
        bare=True,
        ready=False,
        differs={"stderr": "conf-encoding"},
        files_too=False,
    ),
    # --- the words ------------------------------------------------------------------------------------------------
    "words: the dialect": _wrong(
        {
            "empty": "",
            "text before": "foo=bar\n[supervisord]\n",
            "no delimiter": "[supervisord]\nfoo\n",
            "unclosed": "[supervisord]\n[foo\n",
            "two lines": "[supervisord]\nfoo\nbar\nx=1\n[open\n",
            "byte order mark": "\ufeff[supervisord]\n",
            "indented first": "  foo=bar\n[supervisord]\n",
            "only a comment": "; x\n# y\n",
            "no supervisord": "[program:a]\ncommand=x\n",
            "empty key": "[supervisord]\n=x\n",
            "include without files": "[supervisord]\n[include]\n",
            "section of nothing": "[supervisord]\n[]\n",
        },
        bare=True,
    ),
    "words: programs": _wrong(
        {
            "no command": "[program:a]\n",
            "blank in a name": "[program:a b]\ncommand=x\n",
            "colon in a name": "[program:a:b]\ncommand=x\n",
            "slash in a name": "[program:a/b]\ncommand=x\n",
            "numprocs without number": CAT + "numprocs=2\n",
            "group of asgroup": CAT + "stopasgroup=true\nkillasgroup=false\n",
            "process_name": CAT + "process_name=a b\n",
            "two mistakes": CAT + "startsecs=x\nstopsignal=y\n",
            "mistakes in two sections": CAT + "startsecs=x\n[program:b]\ncommand=x\nautostart=perhaps\n",
        },
    ),
    "words: numbers": _option(
        [
            f"{name}={value}"
            for name, value in (
                ("priority", "abc"),
                ("startsecs", "1.5"),
                ("startsecs", ""),
                ("startretries", "x"),
                ("stopwaitsecs", "ten"),
                ("numprocs", "many"),
                ("numprocs_start", "-x"),
                ("stdout_logfile_maxbytes", "5tb"),
                ("stdout_logfile_maxbytes", "1.5MB"),
                ("stdout_logfile_maxbytes", "5b"),
                ("stderr_logfile_backups", "x"),
                ("stdout_capture_maxbytes", "abc"),
                ("umask", "9"),
                ("umask", "x"),
                ("exitcodes", "0,256"),
                ("exitcodes", "0,"),
                ("exitcodes", "a"),
                ("exitcodes", "-1"),
            )
        ]
    ),
    "words: booleans and words": _option(
        [
            f"{name}={value}"
            for name, value in (
                ("autostart", "maybe"),
                ("autostart", ""),
                ("autorestart", "Never"),
                ("autorestart", ""),
                ("redirect_stderr", "2"),
                ("stopasgroup", "x"),
                ("killasgroup", "x"),
                ("stdout_syslog", "x"),
                ("stdout_events_enabled", "x"),
                ("stopsignal", "FOO"),
                ("stopsignal", "99"),
                ("stopsignal", ""),
                ("stopsignal", "SIG"),
                ("stopsignal", "SIGRTMIN+1"),
                ("stopsignal", "-9"),
                ("user", "nosuch"),
                ("user", "4999999"),
                ("user", ""),
            )
        ]
    ),
    "words: files": _option(
        [
            "stdout_logfile=@DIR@/nowhere/x.log",
            "stderr_logfile=nowhere/x.log",
            "stdout_logfile=%(nope)s",
            "stderr_logfile=/tmp/%(",
            "stdout_logfile=/tmp/a%%b",
            "directory=%(x)s",
            "command=50%",
            "command=%(program_name)",
            "command=%(process_num)q",
            "environment=A",
            "environment=A=",
            "environment=A=1,B",
            'environment=A="x',
            "environment==x",
            'environment=A="1"B="2",C="3"',
            "environment=A=x\\ny",
            "environment=A=a@b",
            "environment=A=%(nope)s",
            "serverurl=%(nope)s",
            "process_name=%(nope)s",
        ]
    ),
    "words: groups": _wrong(
        {
            "unknown member": "[group:g]\nprograms=a\n",
            "unknown second member": CAT + "[group:g]\nprograms=a,b\n",
            "trailing comma": CAT + "[group:g]\nprograms=a,\n",
            "blank in a name": CAT + "[group:g h]\nprograms=a\n",
            "priority": CAT + "[group:g]\nprograms=a\npriority=x\n",
            "a member is wrong": CAT + "priority=x\n[group:g]\nprograms=a\n",
            "group of a program with a blank": "[program: a]\ncommand=x\n[group:g]\nprograms=a\n",
            "both kinds": CAT + "[fcgi-program:a]\ncommand=x\nsocket=tcp://localhost:1\n[group:g]\nprograms=a\n",
        },
    ),
    "words: servers": _wrong(
        {
            "no file": HEAD.replace("file=@DIR@/s.sock", ""),
            "chmod": HEAD.replace("s.sock\n", "s.sock\nchmod=9\n"),
            "chown": HEAD.replace("s.sock\n", "s.sock\nchown=nosuch:x\n"),
            "user only": HEAD.replace("s.sock\n", "s.sock\nusername=x\n"),
            "password only": HEAD.replace("s.sock\n", "s.sock\npassword=x\n"),
            "inet without port": HEAD + "[inet_http_server]\n",
            "port 0": HEAD + "[inet_http_server]\nport=localhost:0\n",
            "port too big": HEAD + "[inet_http_server]\nport=localhost:99999\n",
            "port of letters": HEAD + "[inet_http_server]\nport=localhost:abc\n",
            "port empty": HEAD + "[inet_http_server]\nport=\n",
            "bare 0": HEAD + "[inet_http_server]\nport=0\n",
            "bare letters": HEAD + "[inet_http_server]\nport=abc\n",
            "named server": HEAD + "[inet_http_server:x]\nusername=x\nport=1\n",
            "factory missing": HEAD + "[rpcinterface:x]\n",
            "factory unknown": HEAD + "[rpcinterface:x]\nsupervisor.rpcinterface_factory=foo:bar\n",
        },
        bare=True,
    ),
    "words: the supervisord section": _wrong(
        {
            line: HEAD + line + "\n"
            for line in (
                "minfds=x",
                "minprocs=x",
                "directory=/nonexist",
                "user=nosuch",
                "umask=8",
                "logfile=/nonexist/x",
                "logfile_maxbytes=1.5",
                "logfile_backups=x",
                "loglevel=warning",
                "pidfile=/nonexist/x",
                "nodaemon=maybe",
                "silent=maybe",
                "childlogdir=/nonexist",
                "nocleanup=x",
                "strip_ansi=x",
                "environment=A",
                "environment=A=%(host_node_name)s",
                'environment=A="50%%"',
                "identifier=%(nope)s",
                "loglevel=",
                "umask=",
                "nodaemon=",
                "minfds=",
            )
        },
        bare=True,
        differs={
            **dict.fromkeys(("environment=A=%(host_node_name)s", 'environment=A="50%%"'), "expand-environment-twice"),
            "user=nosuch": "reread-user",
        },
    ),
    "words: listeners": _wrong(
        {
            "no events": "[eventlistener:e]\ncommand=x\n",
            "unknown event": "[eventlistener:e]\ncommand=x\nevents=FOO\n",
            "trailing comma": "[eventlistener:e]\ncommand=x\nevents=TICK_5,\n",
            "buffer": "[eventlistener:e]\ncommand=x\nevents=TICK_5\nbuffer_size=0\n",
            "buffer of letters": "[eventlistener:e]\ncommand=x\nevents=TICK_5\nbuffer_size=x\n",
            "handler": "[eventlistener:e]\ncommand=x\nevents=TICK_5\nresult_handler=junk\n",
            "redirect": "[eventlistener:e]\ncommand=x\nevents=TICK_5\nredirect_stderr=true\n",
            "name": "[eventlistener:e f]\ncommand=x\nevents=TICK_5\n",
            "no command": "[eventlistener:e]\nevents=TICK_5\n",
            "in a group": "[eventlistener:e]\ncommand=x\nevents=TICK_5\n[group:g]\nprograms=e\n",
        },
    ),
    "words: fastcgi": _wrong(
        {
            name: "[fcgi-program:f]\ncommand=x\n" + text
            for name, text in {
                "no socket": "",
                "bogus": "socket=bogus\n",
                "relative": "socket=unix://rel\n",
                "port": "socket=tcp://localhost:0\n",
                "owner": "socket=unix:///tmp/x\nsocket_owner=nosuch\n",
                "tcp owner": "socket=tcp://localhost:9\nsocket_owner=root\n",
                "mode": "socket=unix:///tmp/x\nsocket_mode=9\n",
                "tcp mode": "socket=tcp://localhost:9\nsocket_mode=0700\n",
                "backlog": "socket=unix:///tmp/x\nsocket_backlog=0\n",
            }.items()
        },
    ),
    "words: which mistake comes first": _wrong(
        {
            "supervisord before programs": HEAD + "loglevel=loud\n[program:a]\n",
            "programs before servers": HEAD.replace("s.sock\n", "s.sock\nchmod=9\n") + "[program:a]\n",
            "groups before programs": HEAD + "[program:a]\n[group:g]\nprograms=b\n",
            "plugins before programs": HEAD + "[program:a]\n[rpcinterface:x]\n",
            "the user at last": HEAD + "user=nosuch\n[program:a]\n",
            "priority before name": HEAD + "[program:a b]\npriority=x\ncommand=x\n",
            "inet before unix": HEAD.replace("s.sock\n", "s.sock\nchmod=9\n") + "[inet_http_server]\n",
            "programs in file order": HEAD + "[program:z]\n[program:b]\ncommand=%(x)s\n",
            "listeners after programs": HEAD + "[eventlistener:e]\n[program:b]\n",
            "minfds before loglevel": HEAD + "loglevel=loud\nminfds=x\n",
        },
        bare=True,
    ),
    "words: a mistake in an included file": Case(
        CAT,
        (
            Write("more.ini", "[program:b]\nstartsecs=x\ncommand=y\n"),
            Reread("value", CAT + "[include]\nfiles=more.ini\n"),
            Write("more.ini", "nonsense\n"),
            Reread("syntax", CAT + "[include]\nfiles=more.ini\n"),
            Write("more.ini", "[program:a]\nstartsecs=x\n"),
            Reread("a section that began elsewhere", CAT + "[include]\nfiles=more.ini\n"),
            Write("more.ini", "[program:b]\ncommand=%(nope)s\n"),
            Reread("a format", CAT + "[include]\nfiles=more.ini\n"),
            Reread("files", CAT + "[include]\nfiles=%(nope)s\n"),
            Write("more.ini", "[program:b]\n"),
            Reread("no command", CAT + "[include]\nfiles=more.ini\n"),
        ),
        files_too=False,
    ),
    # --- the dialect ----------------------------------------------------------------------------------------------
    "comments, continuations, blanks": _commands(
        "[program:a] ; after the section\n; a comment\n# another\ncommand = /bin/cat ; a comment\n"
        "  one\n\n  ; a comment in between\n  two # three\nautostart: false\n"
        "[program:b]\ncommand=/bin/cat a;b c#d \t; gone\nautostart=false\n"
        '[program:c]\ncommand="x y" ;\nautostart=false\n'
        "[program:d]\nCOMMAND=/bin/cat\nAutoStart=false\n[program:e]\n"
        "  command=/bin/cat x a;b ;c # d\n  autostart=false\n[program:f]\ncommand= ;x\n"
        "autostart=false\n[program:g]\ncommand=;x\nautostart=false\n[program:h]\n"
        "command=a=b:c\nautostart=false\n",
        "name",
        "command",
    ),
    "lines that end with CR LF": Case(
        (HEAD + CAT).replace("\n", "\r\n"),
        (Call("getAllConfigInfo", keep=("name", "command", "autostart")),),
        bare=True,
    ),
    "sections and keys that come twice": _commands(
        CAT + "command=second\n[program:b]\ncommand=b\nautostart=false\n[program:a]\npriority=5\ncommand=third\n",
        "name",
        "command",
        "process_prio",
        "autostart",
    ),
    "the DEFAULT section": Case(
        CAT,
        (
            Reread(
                "with a default",
                CAT + "[program:b]\n[DEFAULT]\ncommand=x\npriority=3\n",
                ("name", "command", "process_prio"),
            ),
        ),
        files_too=False,
        differs={"1 with a default": "conf-default-plugin"},
    ),
    "names with odd letters": _commands(
        "[program:é]\ncommand=x\nautostart=false\n[program:a]b]\ncommand=y\nautostart=false\n"
        "[program:*]\ncommand=z\nautostart=false\n[program: blank ]\ncommand=w\n"
        "autostart=false\n[program]\ncommand=v\n[Program:c]\ncommand=u\n",
        "group",
        "name",
        "command",
        differs={"log": "conf-unknown"},
    ),
    "unknown sections and options say nothing": Case(
        "bogus=1\n" + CAT + "colour=red\n[unknown:section]\nx=y\n",
        (Call("getAllConfigInfo", keep=("name", "command")),),
        differs={"log": "conf-unknown"},
    ),
    # --- include --------------------------------------------------------------------------------------------------
    "include: patterns, order and what is missing": Case(
        CAT + "[include]\nfiles = conf.d/*.ini other.ini nothing*.ini conf.d/b.ini @DIR@/absolute.ini missing.ini\n",
        (Call("getAllConfigInfo", keep=("name", "command", "process_prio")), call("reloadConfig")),
        {
            "conf.d/b.ini": "[program:b]\ncommand=b\nautostart=false\n",
            "conf.d/a.ini": "[program:b]\ncommand=from a\n[program:a]\npriority=7\n",
            "conf.d/.hidden.ini": "[program:hidden]\ncommand=x\n",
            "other.ini": (
                "[supervisord]\nidentifier=other\n[program:o]\ncommand=o\nautostart=false\n[include]\n"
                "files=nested.ini\n"
            ),
            "nested.ini": "[program:n]\ncommand=n\n",
            "absolute.ini": "[program:abs]\ncommand=abs\nautostart=false\n",
        },
        ordered=True,
    ),
    "include: here is the folder of each file": _commands(
        "[program:a]\ncommand=%(here)s/x\nautostart=false\n[include]\nfiles=conf.d/*.ini\n",
        "name",
        "command",
        files={"conf.d/b.ini": "[program:b]\ncommand=%(here)s/x\nautostart=false\n"},
        without=("Included",),
    ),
    "include: names from the environment": _commands(
        CAT + "[include]\nfiles=%(ENV_FOLDER)s/%(host_node_name)s.ini %(here)s/c.ini\n",
        "name",
        files={
            f"conf.d/{NODE}.ini": "[program:b]\ncommand=b\nautostart=false\n",
            "c.ini": "[program:c]\ncommand=c\nautostart=false\n",
        },
        env={"FOLDER": "conf.d"},
    ),
    "include: a directory among the matches": Case(
        CAT + "[include]\nfiles=conf.d/*\n",
        (Call("getAllConfigInfo", keep=("name",)),),
        {"conf.d/a.ini": "[program:b]\ncommand=b\nautostart=false\n", "conf.d/dir.ini/x": ""},
        differs={"log": "conf-include-unreadable"},
    ),
    # --- expansions -----------------------------------------------------------------------------------------------
    "expansions in a command": _commands(
        "[program:a]\n"
        "command=%(program_name)s %(group_name)s %(process_num)d %(numprocs)d "
        "%(here)s %(ENV_FROM)s 100%% %(program_name).2s %(process_num)03d\n"
        "autostart=false\nnumprocs=2\nprocess_name=%(program_name)s%(process_num)d\n"
        "stdout_logfile=@DIR@/%(program_name)s-%(process_num)d.log\n[group:g]\nprograms=a\n",
        env={"FROM": "there"},
    ),
    "expansions of the host": _commands("[program:a]\ncommand=%(host_node_name)s\nautostart=false\n", "command"),
    "expansions in other options": _commands(
        "[program:a]\ncommand=x\nautostart=%(ENV_NO)s\nstartsecs=%(ENV_N)s\n"
        "priority=%(ENV_N)s\ndirectory=%(here)s/%(program_name)s\n"
        "stdout_logfile_maxbytes=%(ENV_N)sKB\nstopsignal=%(ENV_SIG)s\nexitcodes=%(ENV_N)s,0\n",
        "autostart",
        "startsecs",
        "process_prio",
        "group_prio",
        "directory",
        "stdout_logfile_maxbytes",
        "stopsignal",
        "exitcodes",
        env={"NO": "false", "N": "7", "SIG": "HUP"},
    ),
    "a log name is expanded twice": _commands(
        "[program:a]\ncommand=x\nautostart=false\nstdout_logfile=@DIR@/a%%%%b.log\n", "stdout_logfile"
    ),
    "the environment of the daemon is expanded in programs": Case(
        'environment=GREETING="hello",TWICE="%%%%",HERE="%(here)s",OLD="%(ENV_OLD)s"\n'
        + program(
            "a",
            "@DIR@/environment GREETING TWICE HERE OLD MINE",
            startsecs=0,
            environment='MINE="%(ENV_GREETING)s, %(program_name)s"',
        ),
        (UP, UntilText("a.log", "ready"), Read("a.log"), Reread("gone again", CAT + "priority=%(ENV_N)s\n")),
        FILES,
        env={"OLD": "was there", "N": "5"},
        files_too=False,
    ),
    "the environment of one process is seen by the next": Case(
        program(
            "a",
            "@DIR@/environment X Y",
            startsecs=0,
            numprocs=3,
            process_name="p%(process_num)d",
            stdout_logfile="@DIR@/%(process_num)d.log",
            environment='X="%(process_num)d",Y="%(ENV_X)s"',
        ),
        (*(UntilText(f"{n}.log", "ready") for n in range(3)), *(Read(f"{n}.log") for n in range(3))),
        FILES,
        env={"X": "first"},
        files_too=False,
    ),
    # --- environment ----------------------------------------------------------------------------------------------
    "environment: quotes and separators": _environment(
        [
            "A=1,B=2",
            "A=\"1,2\",B='3 4'",
            "A=1;B=2",
            "A=a b",
            'A="a" ,  B = "b",',
            'A="x=y",B="50%%",C="#not a comment"',
            "A='it\"s',B=\"it's\"",
            "A=\"\",B=''",
            "A=/a/b.c-d+e(f):g",
            'A="a\\"',
            "A=1,A=2",
            "A=1\n  ,B=2,\n  C=3",
        ]
    ),
    "environment: odd letters": _environment(
        ["A=café", "A=50%%", "A=$HOME", 'A="é ü",B="$HOME"', 'A="a"b', "AB=1,x=2", "A=1#B=2"]
    ),
    # --- values ---------------------------------------------------------------------------------------------------
    "values: sizes": _values(
        "stdout_logfile_maxbytes",
        "stdout_logfile_maxbytes",
        ["0", "100", "1KB", "2kb", "3 MB", "1gb", " 5 ", "1_000", "-1"],
    ),
    "values: integers": _values("startsecs", "startsecs", ["0", "+5", "-3", "007", "1_0", " 4 "]),
    "values: booleans": _values("autostart", "autostart", ["yes", "NO", "On", "off", "1", "0", "True", "FALSE"]),
    "values: signals": _values(
        "stopsignal", "stopsignal", ["TERM", "SIGTERM", "int", "sigHup", "9", "KILL", "0", "64", "RTMAX", "CLD"]
    ),
    "values: exit codes": _values("exitcodes", "exitcodes", ["0", "0,2", " 1 , 3 ", "", "255", "2,1,2"]),
    "values: log files": _values(
        "stdout_logfile",
        "stdout_logfile",
        [
            "NONE",
            "none",
            "OFF",
            "off",
            "AUTO",
            "auto",
            "",
            "relative.log",
            "@DIR@/logs/../x.log",
            "syslog",
            "/dev/null",
        ],
        differs=dict.fromkeys(("5 stdout_logfile='AUTO'", "6 stdout_logfile='auto'"), "reread-auto-shown"),
    ),
    "values: users": Case(
        CAT,
        tuple(
            Reread(f"user={value}", f"{CAT}user={value}\n", keep=("uid",)) for value in ("root", "0", "nobody", "65534")
        ),
        files_too=False,
    ),
    "values: numprocs": _values(
        "name", "numprocs", ["1", "3", "0", "-1"], "process_name=%(program_name)s_%(process_num)02d\n"
    ),
    "values: group priority and membership": _commands(
        "[program:a]\ncommand=x\nautostart=false\npriority=3\n[program:b]\ncommand=x\n"
        "autostart=false\n[group:g]\nprograms= a , b \npriority=4\n[group:empty]\n"
        "[group:none]\nprograms=\n",
        "group",
        "name",
        "group_prio",
        "process_prio",
        "inuse",
    ),
    "values: killasgroup follows stopasgroup": Case(
        CAT,
        tuple(
            Reread(f"{s} {k}", f"{CAT}stopasgroup={s}\n" + (f"killasgroup={k}\n" if k else ""), keep=("killasgroup",))
            for s, k in (("true", ""), ("false", ""), ("false", "true"), ("true", "true"))
        ),
        files_too=False,
    ),
    # --- what a file says is done ---------------------------------------------------------------------------------
    "warnings of a file are in the log": Case(
        program("a", "/bin/cat", autostart="false", redirect_stderr="true")
        + program(
            "b",
            "/bin/cat",
            autostart="false",
            stdout_logfile="AUTO",
            stdout_logfile_maxbytes=0,
            stderr_logfile="syslog",
        ),
        (states(), info("b", "stderr_logfile")),
    ),
    "two groups of one name": _commands(
        "[program:g]\ncommand=own\nautostart=false\n[program:b]\ncommand=member\n"
        "autostart=false\n[group:g]\nprograms=b\n",
        "group",
        "name",
        "command",
        "inuse",
    ),
    "one process name twice in a group": Case(
        "[group:g]\nprograms=a,b\n[program:a]\ncommand=/bin/cat\nprocess_name=same\n"
        "autostart=false\n[program:b]\ncommand=/bin/cat -\nprocess_name=same\n"
        "autostart=false\n",
        (states(), Call("getAllConfigInfo", keep=("group", "name", "command"))),
        files_too=False,
    ),
    "relative paths are those of the working directory": Case(
        "[unix_http_server]\nfile=s.sock\n[supervisord]\nlogfile=supervisord.log\npidfile=here.pid\nchildlogdir=logs\n"
        + HEAD[HEAD.index("[rpcinterface") : HEAD.index("[supervisord]")]
        + program("a", "/bin/cat", startsecs=0, stdout_logfile="a.log", stderr_logfile="./logs/a.err"),
        (UP, info("a", "stdout_logfile", "stderr_logfile"), Mode("here.pid"), Mode("a.log")),
        bare=True,
    ),
    "the folder of a configuration given by a link": Case(
        "",
        (Call("getAllConfigInfo", keep=("command",)),),
        {"real/s.conf": HEAD + "[program:a]\ncommand=%(here)s/x\nautostart=false\n"},
        ("-n", "-c", "@DIR@/real/../real/s.conf"),
        files_too=False,
    ),
    "a listener and a fastcgi program are known": Case(
        "[eventlistener:e]\ncommand=/bin/cat\nevents=tick_5,PROCESS_STATE\nautostart=false\n"
        "buffer_size=5\nstdout_logfile=NONE\nstderr_logfile=NONE\n[fcgi-program:f]\n"
        "command=/bin/cat\nsocket=unix://@DIR@/f.sock\nautostart=false\nstdout_logfile=NONE\n"
        "stderr_logfile=NONE\n",
        (
            states(),
            Call("getAllConfigInfo", keep=("group", "name", "group_prio", "process_prio", "autostart")),
            call("reloadConfig"),
        ),
        files_too=False,
        without=("socket unix",),
    ),
    "the log names the files that were read": Case(
        CAT + "[include]\nfiles=b.ini\n",
        (logged("started"),),
        {"b.ini": "[program:b]\ncommand=b\nautostart=false\n"},
        ordered=True,
    ),
}

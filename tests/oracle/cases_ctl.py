"""Cases on the client itself, beside those that `cases_supervisorctl` asks of the daemon."""

from typing import Any

from .case import HEAD, Case
from .cases_supervisorctl import CAT, DONE, G_UP, GROUP, OFF, TALK, UP
from .client_steps import CTRL_C, EOF, Answered, Typed, gives, page, refuses
from .client_steps import UP as ANSWERS
from .programs import FILES, program
from .steps import Ctl, Exits, Until, UntilText, Write, ctl

PROMPT = "supervisor> "
TCP = ("-s", "http://127.0.0.1:@PORT@")
SECTION = "[supervisorctl]\nserverurl=unix://%(here)s/s.sock\n"
MINE = ("-c", "@DIR@/ctl.conf")


def _session(*lines: str, **options: Any) -> Ctl:
    return Ctl((), stdin="".join(f"{line}\n" for line in lines), **options)


def _strange(*words: str, answers: tuple[bytes, ...], name: str = "", up: bool = True) -> Answered:
    label = f"{' '.join(words)}: {name}"
    return Answered(label, words, (ANSWERS, *answers) if up else answers)


def _result(name: str, status: int, description: str = "OK", group: str = "g") -> dict[str, Any]:
    return {"name": name, "group": group, "status": status, "description": description}


ALL_CODES = [_result(f"p{code}", code, f"words {code}") for code in (80, 10, 11, 20, 21, 30, 40, 50, 60, 70)]


def _of_codes(*words: str, codes: tuple[int, ...]) -> tuple[Answered, ...]:
    """A command on groups whose results have these codes, then on one process that is refused with each."""
    many = [one for one in ALL_CODES if one["status"] in codes]
    return (
        _strange(*words, "all", answers=(gives(many),), name="results"),
        *(_strange(*words, "x", answers=(refuses(code, f"WORDS: {code}"),), name=f"fault {code}") for code in codes),
        *(_strange(*words, "g:x", "y", answers=(refuses(99, "ODD"),), name="fault 99") for _ in (0,)),
        *(
            _strange(*words, "g:*", answers=(refuses(99, "ODD"),), name="fault 99")
            for _ in words[:1]
            if words[0] != "clear"
        ),
    )


BOTH: dict[str, Case] = {
    "the status of one wins over a name that nobody has": Case(
        TALK + OFF + DONE,
        (
            *UP,
            ctl("status", "nope", "off"),
            ctl("status", "off", "nope"),
            ctl("status", "nope", "talk"),
            ctl("start", "off", "nope", "talk"),
            ctl("start", "nope", "off", "talk"),
            ctl("stop", "nope", "off"),
            ctl("restart", "nope", "off"),
            ctl("pid", "nope", "off"),
            ctl("pid", "off", "nope"),
        ),
        FILES,
    ),
    "words in one argument": Case(
        TALK + GROUP + OFF,
        (
            *UP,
            *G_UP,
            ctl("signal USR1", "talk"),
            UntilText("talk.log", "got USR1"),
            ctl("status talk   off "),
            ctl("  status", "", "talk "),
            Ctl(("restart g:",), unordered=True),
            *G_UP,
            ctl(""),
            ctl("?"),
            ctl("?nope"),
            ctl("!ls"),
            ctl("EOF"),
            ctl("quit"),
            ctl("exit", "now"),
            ctl("status;", "talk"),
            ctl("stat"),
            ctl("status", "TALK"),
            ctl("-version"),
            ctl("--", "version"),
        ),
        FILES,
    ),
    "a group of nobody": Case(
        "[group:e]\nprograms=\n" + OFF,
        (
            *(ctl(command, "e:*") for command in ("status", "start", "stop", "restart")),
            *(ctl(command, "e") for command in ("add", "update", "remove", "update", "add")),
            ctl("avail"),
        ),
    ),
    "a tail of odd sizes": Case(
        OFF,
        (
            *(ctl("tail", size, "off") for size in ("--5", "-0", "-999", "-+7", "-1_0", "-", "-5.0", "--")),
            ctl("tail", "-5", "off", "odd", "STDOUT"),
            ctl("tail", "-5", "off", "stderr"),
            *(ctl("maintail", size) for size in ("-", "-x", "--9999", "5")),
        ),
        {"off.log": "0123456789\n"},
    ),
    "a session that goes elsewhere": Case(
        "[inet_http_server]\nport=127.0.0.1:@PORT@\nusername=u\npassword=p\n" + CAT + OFF,
        (
            Until("cat", "RUNNING"),
            _session(
                "open unix://@DIR@/nowhere.sock".replace("@DIR@", "/tmp/of-nobody"),
                "status",
                "pid",
                "open ftp://x",
                "open",
                "open http:",
                "version",
                label="elsewhere",
            ),
            _session("open http://127.0.0.1:1", "avail", label="refused", options=("-s", "unix://@DIR@/s.sock")),
            ctl("open", "unix:///tmp/of-nobody/s"),
            ctl("status", options=(*TCP, "-u", "u", "-p", "wrong")),
            ctl("version", options=(*TCP, "-u", "u")),
            ctl("version", options=("-u", "u", "-p", "p", "--server", "http://127.0.0.1:@PORT@/some/path?x")),
            ctl("tail", "-f", "cat", options=(*TCP, "-u", "u", "-p", "wrong")),
            ctl("maintail", "-f", options=(*TCP, "-u", "u", "-p", "p"), stop_on="(startsecs)"),
            ctl("reread", options=TCP),
            ctl("shutdown", options=TCP),
        ),
    ),
    "asked whether it is meant": Case(
        CAT,
        (
            Until("cat", "RUNNING"),
            ctl("shutdown", options=("-i", "-s", "unix://@DIR@/s.sock"), stdin="n\n", label="no"),
            ctl("shutdown", options=("-i", "-s", "unix://@DIR@/s.sock"), stdin="\n", label="nothing"),
            ctl("reload", options=("-i", "-s", "unix://@DIR@/s.sock"), stdin="", label="no answer"),
            _session("reload", "N", "shutdown", "", "status", label="a session"),
            ctl("shutdown", options=("--interactive", "-s", "unix://@DIR@/s.sock"), stdin="Yes please\n", label="yes"),
            Exits(),
        ),
    ),
    "a shell on a terminal": Case(
        CAT + OFF + GROUP,
        (
            Until("cat", "RUNNING"),
            *G_UP,
            Typed(
                "commands and the end of the input",
                (
                    (PROMPT, "version\n"),
                    (PROMPT, "\n"),
                    (PROMPT, "start off nope\n"),
                    ("nope: ERROR", "stop off\n"),
                    ("off: stopped", ""),
                    (PROMPT, EOF),
                ),
            ),
            Typed("Ctrl-C at the prompt", ((PROMPT, "vers"), ("vers", CTRL_C))),
            Typed("quit", ((PROMPT, "quit\n"),)),
            Typed(
                "completion",
                (
                    (PROMPT, "vers\t"),
                    ("version ", "\n"),
                    (PROMPT, "start of\t"),
                    ("start off ", "\n"),
                    ("off: started", ""),
                    (PROMPT, "status g:t\t"),
                    ("g:two ", "c\t"),
                    ("cat ", "cat:c\t"),
                    ("cat:cat ", "\n"),
                    (PROMPT, "update ca\t"),
                    ("cat ", "\n"),
                    (PROMPT, "help sh\t"),
                    ("shutdown ", "\n"),
                    (PROMPT, "avail c\t\n"),
                    (PROMPT, "stop g:\t\t"),
                    ("g:two", "\x15"),
                    ("", "quit\n"),
                ),
            ),
            Typed("a follower", (("<==", CTRL_C),), ("tail", "-f", "cat")),
            Typed(
                "a follower in a shell",
                ((PROMPT, "tail -f cat\n"), ("<==", CTRL_C), (PROMPT, "version\n"), (PROMPT, EOF)),
            ),
        ),
    ),
    "a shell asks for a password": Case(
        "[inet_http_server]\nport=127.0.0.1:@PORT@\nusername=u\npassword=p\n" + OFF,
        (
            Typed(
                "at once",
                (
                    *(("Username:", "u\n"), ("Password:", "wrong\n")),
                    *(("Username:", "u\n"), ("Password:", "p\n")),
                    *((PROMPT, "version\n"), (PROMPT, "quit\n")),
                ),
                options=TCP,
            ),
            Typed("for a command", (("Username:", "u\n"), ("Password:", "p\n")), ("version",), ("-i", *TCP)),
            _session("u", label="no terminal", options=TCP),
        ),
    ),
    "what cannot be printed": Case(
        program("say", "@DIR@/say", startsecs=0, autorestart="false"),
        (
            UntilText("say.log", "\n"),
            ctl("tail", "say"),
            ctl("tail", "say", env={"PYTHONIOENCODING": "ascii"}, label="ascii"),
            ctl("tail", "-f", "say", env={"PYTHONIOENCODING": "ascii"}, label="follower, ascii"),
            ctl("tail", "-f", "say", env={"PYTHONIOENCODING": "latin-1"}, stop_on="<==\ngr", label="follower, latin-1"),
            ctl("maintail", "-0", env={"PYTHONIOENCODING": "ascii"}, stop_on=None, label="its own log, ascii"),
            ctl("status", "é", env={"PYTHONIOENCODING": "ascii"}, label="a name, ascii"),
            ctl("status", "é"),
        ),
        {"say": "#!/bin/sh\nprintf 'gr\\303\\274n\\n'\nexec sleep 600\n"},
        without=("say",),
    ),
}
"""Played on both daemons."""

ALONE: dict[str, Case] = {
    "options": Case(
        OFF,
        (
            ctl("status", options=("-s", "foo")),
            ctl("status", options=("-s", "http://")),
            ctl("status", options=("-s", "unix://")),
            ctl("status", options=("-s", "ftp://x/")),
            ctl("pid", options=("-s", "localhost:9001")),
            ctl("version", options=("-s", "http://nobody.invalid")),
            ctl("status", options=("-s", "http://nobody.invalid")),
            ctl("version", options=("-s", "http://127.0.0.1:bad")),
            ctl("version", options=("-s", "unix://" + "x" * 120)),
            ctl("status", options=("-x",)),
            ctl("status", options=("--nope",)),
            ctl("status", options=("--history-file", "x")),
            ctl("status", options=("--h", "x")),
            ctl("status", options=("--help=x",)),
            ctl("status", options=("--interactive=x",)),
            ctl(options=("-s",), label="no argument"),
            ctl(options=("--username",), label="no argument of a long one"),
            ctl("status", options=("-s", "unix://a", "--serverurl", "unix://b")),
            ctl("status", options=("-u", "a", "-ub")),
            ctl("status", options=("-ii",)),
            ctl("version", options=("-isunix://@DIR@/s.sock",)),
            ctl("version", options=("--serv=unix://@DIR@/s.sock", "-r", "history")),
            ctl("version", options=("--serverurl", "unix://s.sock", "-uX", "-pY")),
            ctl("status", options=("-c", "@DIR@/nowhere.conf")),
            ctl("status", options=("-c", "@DIR@")),
            ctl("status", options=("-c", "@DIR@/s.conf")),
            ctl("version", options=("-c", "", "-s", "unix://@DIR@/s.sock")),
            ctl("version", options=("-c", "s.conf", "-s", "unix://@DIR@/s.sock")),
        ),
        files_too=False,
    ),
    "its section": Case(
        HEAD.replace("s.sock\n", "s.sock\nusername=user\npassword=se%%cret\n") + OFF,
        (
            Write(
                "ctl.conf", SECTION + "username=user\npassword=se%%cret\nprompt=%(ENV_HOME)s\nhistory_file=%(here)s/h\n"
            ),
            ctl("version", options=MINE),
            _session("version", options=MINE, label="a prompt"),
            ctl("version", options=(*MINE, "-p", "wrong")),
            ctl("version", options=(*MINE, "-s", "unix:///tmp/of-nobody/s")),
            Write("ctl.conf", "[include]\nfiles=*.ini\n[DEFAULT]\nusername=user\npassword=se%%cret\n" + SECTION),
            Write("more.ini", "[supervisorctl]\nusername=nobody\n"),
            ctl("version", options=MINE, label="defaults, and an include that is not read"),
            Write(
                "ctl.conf",
                "[supervisorctl]\nserverurl=unix://../@DIR@/./s.sock\nusername = user ; name\npassword=se%%cret\n",
            ),
            ctl("version", options=MINE, label="a path that is made absolute"),
            Write("ctl.conf", "[supervisorctl]\n"),
            ctl("version", options=MINE, label="an empty section"),
            Write("ctl.conf", "[supervisorctl]\nserverurl=\n"),
            ctl("version", options=MINE, label="an empty URL"),
            Write("ctl.conf", "[supervisorctl]\nprompt=%(here)s\n"),
            ctl("version", options=MINE, label="here in a prompt"),
            Write("ctl.conf", "[supervisorctl]\nusername=%\n"),
            ctl("version", options=MINE, label="a bad format"),
            Write("ctl.conf", SECTION + "[ctlplugin:x]\nkey=value\n"),
            ctl("version", options=MINE, label="a plugin without its factory"),
            Write("supervisord.conf", SECTION.replace("s.sock", "found.sock")),
            ctl("version", options=(), label="found where we are"),
            Write("supervisord.conf", "[supervisord]\n"),
            ctl("version", options=("-s", "unix://@DIR@/s.sock"), label="found, and without the section"),
        ),
        bare=True,
        files_too=False,
    ),
    "servers that answer nonsense": Case(
        OFF,
        (
            *(
                _strange(*words, answers=(answer,), name=name, up=False)
                for name, answer in {
                    "500": page("500 Internal Server Error", b"words"),
                    "404, no reason": page("404"),
                    "401": page("401 Unauthorized", b"", 'WWW-Authenticate: Basic realm="default"'),
                    "hangs up": b"",
                    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
                    "no XML": page("200 OK", b"hello"),
                    "no answer": page("200 OK", b"<html><body>hello</body></html>"),
                    "another version": gives("2.0"),
                    "no such methods": refuses(1, "UNKNOWN_METHOD"),
                    "a fault": refuses(6, "SHUTDOWN_STATE"),
                    "a fault with quotes": refuses(92, 'CANT_REREAD: it\'s "so"'),
                }.items()
                for words in (("status",), ("reread",))
            ),
            _strange("version", answers=(page("200 OK", b"x" * 10)[:-5],), name="cut", up=False),
            _strange("tail", "-f", "x", answers=(page("404 Not Found"),)),
            _strange("tail", "-f", "x", answers=(page("500 Internal Server Error"),)),
            _strange("maintail", "-f", answers=(page("200 OK", b"all of it\n"),), name="with a length"),
            _strange("status", answers=(gives([]),), name="nobody"),
            _strange("avail", answers=(gives([]),), name="nobody", up=False),
            _strange("start", "all", answers=(gives([]),), name="nobody"),
            _strange("version", answers=(gives("4.9 <&> é"),)),
        ),
        files_too=False,
    ),
    "servers that refuse to start and to stop": Case(
        OFF,
        (
            *_of_codes("start", codes=(20, 21, 40, 50, 60)),
            *_of_codes("stop", codes=(11, 30, 70)),
            *_of_codes("signal", "HUP", codes=(11, 30, 70)),
            *_of_codes("clear", codes=(10, 30)),
        ),
        files_too=False,
    ),
    "servers that refuse the rest": Case(
        OFF,
        (
            *(
                _strange(*words, answers=(refuses(code, f"WORDS: {code}"),), name=f"fault {code}")
                for words, codes in {
                    ("tail", "x"): (10, 20, 30, 99),
                    ("tail", "x", "stderr"): (20,),
                    ("maintail",): (10, 20, 30),
                    ("pid", "x", "y"): (10, 99),
                    ("fg", "x"): (10, 99),
                }.items()
                for code in codes
            ),
            *(
                _strange(*words, answers=(refuses(code, f"WORDS: {code}"),), name=f"fault {code}", up=False)
                for words, codes in {
                    ("add", "x", "y"): (6, 10, 90, 99),
                    ("remove", "x", "y"): (6, 10, 91, 99),
                    ("avail",): (6, 99),
                    ("reread",): (6, 92, 99),
                    ("update",): (6, 92),
                    ("reload",): (6, 99),
                    ("shutdown",): (6, 99),
                }.items()
                for code in codes
            ),
            Answered(
                "update: what will not stop",
                ("update",),
                (gives([[[], [], ["a", "b"]]]), gives([_result("x", 30, group="a")]), gives([]), gives(True)),
            ),
        ),
        files_too=False,
    ),
}
"""Whatever daemon there is, only the client counts."""

OURS: dict[str, dict[str, str | tuple[str, Any]]] = {
    "clear": {"8 supervisorctl clear cat:*": ("ctl-clear-group", [0, "cat: cleared\n", ""])},
    "help and words that are no commands": {"1 supervisorctl help": "ctl-listeners"},
    "words in one argument": {"13 supervisorctl ?": "ctl-listeners"},
}
"""Of a case the sights in which `minisup ctl` differs on purpose, as in `Case.differs`."""

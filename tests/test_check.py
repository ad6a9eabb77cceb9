"""``minisup check``: everything that is wrong, by file and line, in one go."""

import io

from config_world import world

from minisup.cli.check import check

MISTAKES = """\
[supervisord]
loglevel = loud
nodeamon = true

[unix_http_server]
file = /tmp/x.sock
chmod = rwx

[progam:typo]
command = /bin/cat

[program:a]
startsecs = soon
stopsignal = STOP_IT
command = /bin/cat %(ENV_NOPE)s

[program:b c]
command = /bin/cat
environment = A=1,B

[include]
files = conf.d/*.ini
"""

INCLUDED = """\
[program:d]
command = /bin/cat
numprocs = 2
user = nosuch
just words

[group:g]
programs = d,e
"""


def run(words: list[str], files: dict[str, str | bytes], argv0: str = "minisup") -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    return check(words, world(files), out, err, argv0=argv0), out.getvalue(), err.getvalue()


def test_every_mistake_has_its_place() -> None:
    code, out, err = run(["-c", "/w/s.conf"], {"/w/s.conf": MISTAKES, "/w/conf.d/d.ini": INCLUDED})
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "/w/s.conf:2: cannot use loglevel 'loud' in [supervisord]: not one of critical, error, warn, info, debug, "
        "trace, blather",
        "/w/s.conf:7: cannot use chmod 'rwx' in [unix_http_server]: not an octal number",
        "/w/s.conf:13: cannot use startsecs 'soon' in [program:a]: not a whole number",
        "/w/s.conf:14: cannot use stopsignal 'STOP_IT' in [program:a]: no such signal",
        "/w/s.conf:15: cannot use command '/bin/cat %(ENV_NOPE)s' in [program:a]: the environment has no NOPE",
        "/w/s.conf:17: cannot use the name 'b c' of [program:b c]: a name has no ' '",
        "/w/s.conf:19: cannot use environment 'A=1,B' in [program:b c]: expected KEY=value at 'B'; quote what is not a "
        "plain word",
        "/w/conf.d/d.ini:3: cannot make 2 processes of [program:d]: process_name needs %(process_num)d in it",
        "/w/conf.d/d.ini:4: cannot use user 'nosuch' in [program:d]: no such user",
        "/w/conf.d/d.ini:5: cannot read 'just words': it is no key = value, no [section] and no indented continuation",
        "/w/conf.d/d.ini:8: cannot find 'e' of [group:g]: there is no [program:e]",
        "/w/s.conf:3: unknown option 'nodeamon' in [supervisord] (did you mean 'nodaemon'?)",
        "/w/s.conf:9: unknown section [progam:typo] (did you mean [program:typo]?)",
        "cannot use the configuration: 11 mistakes",
    ]


def test_good() -> None:
    text = "[supervisord]\n[unix_http_server]\nfile=/tmp/x\n[program:a]\ncommand=x\nfoo=1\nstdout_logfile_maxbytes=0\n"
    code, out, err = run(["-c", "s.conf"], {"/w/s.conf": text})
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "s.conf:6: unknown option 'foo' in [program:a]",
        "s.conf:2: without a section [rpcinterface:supervisor] supervisorctl and other clients can do nothing here",
        "For [program:a], AUTO logging used for stdout_logfile without rollover, set maxbytes > 0 to avoid filling up "
        "filesystem unintentionally",
        "s.conf: good: 1 group, 1 process, 1 control socket",
    ]


def test_search() -> None:
    code, out, _ = run([], {"/etc/supervisord.conf": "[supervisord]\n"})
    assert (code, out) == (0, "/etc/supervisord.conf: good: no groups, no processes, no control sockets\n")


def test_search_is_that_of_run() -> None:
    files: dict[str, str | bytes] = {"/x/etc/supervisord.conf": "[supervisord]\n", "/etc/supervisord.conf": "wrong"}
    code, out, _ = run([], files, argv0="/x/bin/minisup")
    assert (code, out.partition(":")[0]) == (0, "/x/etc/supervisord.conf")


def test_missing_file() -> None:
    code, out, err = run(["--configuration=no.conf"], {})
    assert (code, out) == (2, "")
    assert err == "cannot read 'no.conf': no such file\ncannot use the configuration: 1 mistake\n"


def test_usage() -> None:
    code, _, err = run(["s.conf"], {})
    assert code == 2
    assert err == "minisup check: cannot use 's.conf': name the file with -c\nminisup check --help says what it takes\n"
    twice = run(["-c", "a", "--configuration=b"], {})
    assert twice[2].startswith("minisup check: conflicting command line option '--configuration'\n")
    assert run(["--bogus"], {})[2].startswith("minisup check: option --bogus not recognized\n")


def test_help() -> None:
    code, out, err = run(["-h"], {})
    assert (code, err) == (0, "")
    assert out.startswith("Usage: minisup check [-c FILE] [--spoke]\n")

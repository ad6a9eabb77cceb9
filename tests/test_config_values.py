"""Converters and expansions: what each text means, and supervisord's words where it means nothing."""

from typing import Any

import pytest
from config_world import world

from minisup.config import values as v
from minisup.specs import ReadySpec

GOOD: dict[str, tuple[v.Converter, str, Any]] = {
    "integer": (v.integer, "7", 7),
    "integer blanks sign underscore": (v.integer, " -1_0 ", -10),
    "boolean yes": (v.boolean, "YES", True),
    "boolean on": (v.boolean, "on", True),
    "boolean 0": (v.boolean, "0", False),
    "boolean off": (v.boolean, "Off", False),
    "byte_size plain": (v.byte_size, "12", 12),
    "byte_size kb": (v.byte_size, "2kb", 2048),
    "byte_size MB": (v.byte_size, "1 MB", 1 << 20),
    "byte_size gB": (v.byte_size, "3gB", 3 << 30),
    "byte_size negative": (v.byte_size, "-1kb", -1024),
    "byte_size largest": (v.byte_size, "8589934591GB", 2**63 - 2**30),
    "integer largest": (v.integer, "9223372036854775807", 2**63 - 1),
    "integer least": (v.integer, "-9223372036854775807", 1 - 2**63),
    "octal all": (v.octal, "7777", 0o7777),
    "octal": (v.octal, "022", 0o22),
    "octal prefix": (v.octal, "0o777", 0o777),
    "seconds": (v.seconds, "2.5", 2.5),
    "seconds zero": (v.seconds, "0", 0.0),
    "positive": (v.positive, "1", 1),
    "positive byte_size": (v.positive_byte_size, "1", 1),
    "positive seconds": (v.positive_seconds, "0.1", 0.1),
    "level": (v.level, "DEBUG", "debug"),
    "directory": (v.directory, "/tmp", "/tmp"),
    "directory relative": (v.directory, ".", "."),
    "directory home": (v.directory, "~", "/home/me"),
    "path bare": (v.path, "x.log", "x.log"),
    "path": (v.path, "/tmp/x", "/tmp/x"),
    "path home": (v.path, "~/x", "/home/me/x"),
    "logfile none": (v.logfile, "None", None),
    "logfile off": (v.logfile, "OFF", None),
    "logfile empty": (v.logfile, "", ""),
    "logfile auto": (v.logfile, "Auto", v.AUTO),
    "logfile syslog": (v.logfile, "SYSLOG", v.SYSLOG),
    "logfile path": (v.logfile, "/tmp/AUTO", "/tmp/AUTO"),
    "signal name": (v.signal, "term", 15),
    "signal full name": (v.signal, "SIGHUP", 1),
    "signal number": (v.signal, "9", 9),
    "signal zero": (v.signal, "0", 0),
    "signal realtime": (v.signal, "34", 34),
    "exitcodes": (v.exitcodes, "0, 2,255", (0, 2, 255)),
    "exitcodes empty": (v.exitcodes, "", ()),
    "autorestart true": (v.autorestart, "True", "always"),
    "autorestart false": (v.autorestart, "no", "never"),
    "autorestart unexpected": (v.autorestart, "UNEXPECTED", "unexpected"),
    "user name": (v.user, "web", 33),
    "user number": (v.user, "33", 33),
    "user own number without passwd": (v.user, "1000", 1000),
    "owner user": (v.owner, "web", (33, -1)),
    "owner both": (v.owner, "web:www", (33, 34)),
    "owner numbers": (v.owner, "33:34", (33, 34)),
    "strings": (v.strings, "a, b ,", ("a", "b", "")),
    "strings empty": (v.strings, "", ()),
    "words": (v.words, " a  b\n c", ("a", "b", "c")),
    "events": (v.event_names, "tick_5,TICK_5, Event", ("TICK_5", "EVENT")),
    "inet port": (v.inet_address, "9001", ("", 9001)),
    "inet colon": (v.inet_address, ":9001", ("", 9001)),
    "inet star": (v.inet_address, "*:9001", ("", 9001)),
    "inet host": (v.inet_address, "LocalHost:9001", ("localhost", 9001)),
    "server url": (v.server_url, "http://x:1", "http://x:1"),
    "server url auto": (v.server_url, " auto ", None),
    "process name": (v.process_name, " a*] ", "a*]"),
    "ready tcp port": (v.ready, "tcp:80", ReadySpec("tcp", "localhost:80")),
    "ready tcp host": (v.ready, " tcp: db-1.lan:80 ", ReadySpec("tcp", "db-1.lan:80")),
    "ready tcp six": (v.ready, "tcp:[::1]:80", ReadySpec("tcp", "[::1]:80")),
    "ready http": (v.ready, "http://localhost:80/a?b=c", ReadySpec("http", "http://localhost:80/a?b=c")),
    "ready http bare": (v.ready, "http://[::1]", ReadySpec("http", "http://[::1]")),
    "ready http status": (v.ready, "http://h/  204", ReadySpec("http", "http://h/", "204")),
    "ready http class": (v.ready, "http://h:1/ 4xx", ReadySpec("http", "http://h:1/", "4xx")),
    "ready log": (v.ready, r"log: ^up: \d+", ReadySpec("log", r"^up: \d+")),
    "ready file": (v.ready, "file:run/pid", ReadySpec("file", "run/pid")),
    "ready unix": (v.ready, "unix:/run/s", ReadySpec("unix", "/run/s")),
    "ready exec": (v.ready, "exec:sh -c 'exit 0'", ReadySpec("exec", "sh -c 'exit 0'")),
    "ready notify": (v.ready, "notify", ReadySpec("notify", "")),
}


@pytest.mark.parametrize(("convert", "text", "expected"), GOOD.values(), ids=GOOD)
def test_good(convert: v.Converter, text: str, expected: Any) -> None:
    assert convert(text, world()) == expected


BAD: dict[str, tuple[v.Converter, str, str]] = {
    "integer": (v.integer, "x", "invalid literal for int() with base 10: 'x'"),
    "integer empty": (v.integer, "", "invalid literal for int() with base 10: ''"),
    "boolean": (v.boolean, "x", "not a valid boolean value: 'x'"),
    "boolean empty": (v.boolean, "", "not a valid boolean value: ''"),
    "byte_size fraction": (v.byte_size, "1.5MB", "invalid literal for int() with base 10: '1.5'"),
    "byte_size tb": (v.byte_size, "1TB", "invalid literal for int() with base 10: '1tb'"),
    "octal": (v.octal, "9", "9 can not be converted to an octal type"),
    "integer huge": (v.integer, "1" + "0" * 400, f"1{'0' * 400} is above upper bound (9223372036854775807)"),
    "integer just too large": (
        v.integer,
        "9223372036854775808",
        "9223372036854775808 is above upper bound (9223372036854775807)",
    ),
    "integer too small": (
        v.integer,
        "-9223372036854775808",
        "-9223372036854775808 is below lower bound (-9223372036854775807)",
    ),
    "byte_size huge": (
        v.byte_size,
        "8589934592GB",
        "9223372036854775808 is above upper bound (9223372036854775807)",
    ),
    "octal negative": (v.octal, "-1", "-1 can not be converted to an octal type"),
    "octal too large": (v.octal, "10000", "10000 can not be converted to an octal type"),
    "octal huge": (v.octal, "7" * 30, f"{'7' * 30} can not be converted to an octal type"),
    "octal worded": (v.worded(v.octal, "Invalid chmod value %s"), "77777", "Invalid chmod value 77777"),
    "seconds huge": (v.seconds, "9" * 400, f"not a valid number of seconds: '{'9' * 400}'"),
    "positive byte_size": (v.positive_byte_size, "0", "0 is below lower bound (1)"),
    "positive seconds": (v.positive_seconds, "0.0", "not a valid number of seconds: '0.0'"),
    "seconds": (v.seconds, "-1", "not a valid number of seconds: '-1'"),
    "positive": (v.positive, "0", "0 is below lower bound (1)"),
    "level": (v.level, "warning", "bad logging level name 'warning'"),
    "directory": (v.directory, "/nonexist", "/nonexist is not an existing directory"),
    "directory empty": (v.directory, "", " is not an existing directory"),
    "path": (v.path, "/nonexist/x", "The directory named as part of the path /nonexist/x does not exist"),
    "logfile": (v.logfile, "~/no/x", "The directory named as part of the path ~/no/x does not exist"),
    "signal name": (v.signal, "FOO", "value 'FOO' is not a valid signal name"),
    "signal number": (v.signal, "99", "value '99' is not a valid signal number"),
    "signal realtime": (v.signal, "35", "value '35' is not a valid signal number"),
    "exitcodes": (v.exitcodes, "0,256", "not a valid list of exit codes: '0,256'"),
    "exitcodes comma": (v.exitcodes, "0,", "not a valid list of exit codes: '0,'"),
    "autorestart": (v.autorestart, "X", "invalid 'autorestart' value 'x'"),
    "user name": (v.user, "nosuch", "Invalid user name nosuch"),
    "user number": (v.user, "99999", "Invalid user id 99999"),
    "owner": (v.owner, "nosuch:www", "Invalid user:group definition nosuch:www"),
    "owner group": (v.owner, "web:nosuch", "Invalid user:group definition web:nosuch"),
    "owner group number": (v.owner, "web:99999", "Invalid user:group definition web:99999"),
    "owner worded": (v.worded(v.owner, "Invalid sockchown value %s"), "x:y", "Invalid sockchown value x:y"),
    "events": (v.event_names, "TICK_5,foo", "Unknown event type FOO"),
    "events comma": (v.event_names, "TICK_5,", "Unknown event type "),
    "inet empty": (v.inet_address, "", "not a valid port number: '' "),
    "inet no number": (v.inet_address, "host:", "no port number specified in ''"),
    "inet zero": (v.inet_address, "0", "not a valid port number: '0' "),
    "inet host zero": (v.inet_address, "h:0", "0 is below lower bound (1)"),
    "inet big": (v.inet_address, "h:99999", "99999 is above upper bound (65535)"),
    "inet word": (v.inet_address, "h:abc", "invalid literal for int() with base 10: 'abc'"),
    "process name blank": (v.process_name, " a b:c", "Invalid name: ' a b:c' because of character: ' '"),
    "process name colon": (v.process_name, "a:/b", "Invalid name: 'a:/b' because of character: ':'"),
    "process name slash": (v.process_name, "a/b", "Invalid name: 'a/b' because of character: '/'"),
    "environment no value": (v.environment, "A", "Unexpected end of key/value pairs in value 'A'"),
    "environment empty value": (v.environment, "A=", "Unexpected end of key/value pairs in value 'A='"),
    "environment two equal": (v.environment, "A=a=b", "Unexpected end of key/value pairs in value 'A=a=b'"),
    "environment at": (v.environment, "A=a@b", "Unexpected end of key/value pairs in value 'A=a@b'"),
    "environment quote": (v.environment, 'A="x', "No closing quotation"),
}


@pytest.mark.parametrize(("convert", "text", "expected"), BAD.values(), ids=BAD)
def test_bad(convert: v.Converter, text: str, expected: str) -> None:
    with pytest.raises(v.Refused) as caught:
        convert(text, world())
    assert caught.value.legacy == expected
    assert caught.value.why


NO_READY = {
    "": "begins with none of tcp:, http:, log:, file:, unix:, exec: and is not notify",
    "yes": "begins with none of tcp:, http:, log:, file:, unix:, exec: and is not notify",
    "https://h/": "begins with none of tcp:, http:, log:, file:, unix:, exec: and is not notify",
    "notify:x": "begins with none of tcp:, http:, log:, file:, unix:, exec: and is not notify",
    "tcp: ": "nothing follows tcp:",
    "tcp:x": "not a whole number",
    "tcp:0": "a port is between 1 and 65535",
    "tcp:a b:80": "'a b' is no host (an IPv6 address stands in [])",
    "tcp:::1:80": "'::1' is no host (an IPv6 address stands in [])",
    "http:localhost": "not of the form http://HOST:PORT/PATH",
    "http://h:99999/": "a port is between 1 and 65535",
    "http://h/\u00e4": "not of the form http://HOST:PORT/PATH",
    "http://h/ OK": "'OK' is no status: 200, 2xx or the like",
    "http://h/ 200 404": "'200 404' is no status: 200, 2xx or the like",
    "log:(": "not a regular expression: missing ), unterminated subpattern at position 0",
    "exec:sh -c 'x": "not a command: No closing quotation",
}


@pytest.mark.parametrize("text", NO_READY)
def test_why_a_ready_is_none(text: str) -> None:
    with pytest.raises(v.Refused) as caught:
        v.ready(text, world())
    assert (caught.value.legacy, caught.value.why) == (f"invalid ready value {text!r}", NO_READY[text])


NO_VALUE = {
    "A": "expected KEY=value at 'A'; quote what is not a plain word",
    "A=": 'A has no value (an empty one is written A="")',
    "A=,B=1": 'A has no value (an empty one is written A="")',
    "A=1,B=,C=1": 'B has no value (an empty one is written B="")',
    "A=a@b": "expected KEY=value at 'b'; quote what is not a plain word",
}


@pytest.mark.parametrize("text", NO_VALUE)
def test_why_an_environment_is_none(text: str) -> None:
    with pytest.raises(v.Refused) as caught:
        v.environment(text, world())
    assert caught.value.why == NO_VALUE[text]


ENVIRONMENT: dict[str, tuple[str, dict[str, str]]] = {
    "empty": ("", {}),
    "plain": ("A=1,B=2", {"A": "1", "B": "2"}),
    "quotes": ("A=\"a, b=c\",B='%'", {"A": "a, b=c", "B": "%"}),
    "trailing comma": ("A=1,", {"A": "1"}),
    "lines": ("\n  A=1,\n  B=2\n", {"A": "1", "B": "2"}),
    "separator is never looked at": ("A=1;B=2", {"A": "1", "B": "2"}),
    "second word is dropped": ("A=a b", {"A": "a"}),
    "word characters": ("A=/x.y+z-(w):v", {"A": "/x.y+z-(w):v"}),
    "percent ends a word": ("A=50%", {"A": "50"}),
    "dollar is a word": ("A=$HOME", {"A": "$"}),
    "not ascii ends a word": ("A=caf\xe9", {"A": "caf"}),
    "backslash escapes nothing": (r'A="a\"b"', {"A": "a\\"}),
    "comment": ("A=1#,B=2", {"A": "1"}),
    "last one wins": ("A=1,B=2,A=3", {"A": "3", "B": "2"}),
}


@pytest.mark.parametrize(("text", "expected"), ENVIRONMENT.values(), ids=ENVIRONMENT)
def test_environment(text: str, expected: dict[str, str]) -> None:
    assert v.environment(text, world()) == expected


NAMES = {"here": "/w", "ENV_E": "v", "process_num": 7, "zero": 0}

EXPANSIONS = {
    "nothing": ("a b", "a b"),
    "name": ("%(here)s/x", "/w/x"),
    "number": ("p%(process_num)02d", "p07"),
    "cut": ("%(here).1s", "/"),
    "percent": ("50%%", "50%"),
}


@pytest.mark.parametrize(("text", "expected"), EXPANSIONS.values(), ids=EXPANSIONS)
def test_expand(text: str, expected: str) -> None:
    assert v.expand(text, NAMES, "program:a.command") == expected


BAD_EXPANSIONS = {
    "unknown": (
        "x %(nope)s",
        "Format string 'x %(nope)s' for 'program:a.command' contains names ('nope') which cannot be expanded. "
        "Available names: ENV_E, here, process_num, zero",
        "%(nope)s is not known here; known are here, process_num, zero, ENV_...",
    ),
    "environment": (
        "%(ENV_X)s",
        "Format string '%(ENV_X)s' for 'program:a.command' contains names ('ENV_X') which cannot be expanded. "
        "Available names: ENV_E, here, process_num, zero",
        "the environment has no X",
    ),
    "NUL": (
        "x%(zero)c",
        "Format string 'x%(zero)c' for 'program:a.command' is badly formatted: embedded null byte",
        "a NUL character comes out of it",
    ),
    "malformed": (
        "x 50%",
        "Format string 'x 50%' for 'program:a.command' is badly formatted: incomplete format",
        "incomplete format (a literal % is written %%)",
    ),
}


@pytest.mark.parametrize(("text", "legacy", "why"), BAD_EXPANSIONS.values(), ids=BAD_EXPANSIONS)
def test_bad_expansion(text: str, legacy: str, why: str) -> None:
    with pytest.raises(v.Refused) as caught:
        v.expand(text, NAMES, "program:a.command")
    assert (caught.value.legacy, caught.value.why) == (legacy, why)

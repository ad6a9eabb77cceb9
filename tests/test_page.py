"""The status page: what may be done on it and by whom, what it says, and that nobody's text becomes a part of it.

In a real browser: test_browser.py.
"""

import base64
import contextlib
import hashlib
import html.parser
import json
import os
import re
import signal
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from anyio.lowlevel import checkpoint
from daemon import MARK, PYTHON, ROOT, Room, needs, program, room, until
from fake_port import FakePort, programs
from front import UnixConnection, ask, proxy
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.peer import MINISUP, REAL, Peer

from minisup.control import page as control_page
from minisup.control.page import Page, is_foreign, look_at, read_form
from minisup.core.roster import Group
from minisup.errors import Fault, Faults
from minisup.protocol.http import Body, Head
from minisup.specs import GroupSpec, LogSpec, ProcessSpec, ServerSpec
from minisup.states import PROCESS_STATE_NAMES, ProcessStates, SupervisorStates

SPEC = ServerSpec("inet_http_server", port=9001)
SCRIPTS = replace(SPEC, get_actions=True)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def port() -> FakePort:
    return FakePort()


def head(target: str, method: str = "GET", **fields: str) -> Head:
    headers = {"host": "here:9001", **{name.replace("_", "-"): value for name, value in fields.items()}}
    return Head(f"{method} {target} HTTP/1.1", method, target, "1.1", headers, None, True)


VOID = ("img", "input", "link", "meta")


class Parsed(html.parser.HTMLParser):
    """What a browser would see.

    Attributes:
        tags: (name, attributes) of all elements.
        texts: what stands directly in elements of a name or of a class.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, list[str]] = {}
        self._inside: list[list[str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.append((tag, found))
        if tag not in VOID:
            self._inside.append([tag, *found.get("class", "").split(), found.get("id", "")])
            for name in self._inside[-1]:
                self.texts.setdefault(name, []).append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._inside.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        for name in self._inside[-1] if self._inside else []:
            self.texts[name][-1] += data

    def attributes(self, tag: str, name: str) -> list[str]:
        return [found[name] for of, found in self.tags if of == tag and name in found]


def parsed(body: Body) -> Parsed:
    return Parsed(body.content.decode())


# --- who may --------------------------------------------------------------------------------------------------------

FOREIGN: dict[str, tuple[dict[str, str], bool]] = {
    "nothing is known": ({}, False),
    "the page itself": ({"sec_fetch_site": "same-origin"}, False),
    "typed": ({"sec_fetch_site": "none"}, False),
    "another site": ({"sec_fetch_site": "cross-site"}, True),
    "another port of the host": ({"sec_fetch_site": "same-site"}, True),
    "the browser knows better than the proxy": ({"sec_fetch_site": "same-origin", "origin": "http://public"}, False),
    "nor is it fooled": ({"sec_fetch_site": "cross-site", "origin": "http://here:9001"}, True),
    "own origin": ({"origin": "http://here:9001"}, False),
    "own origin, in capitals": ({"origin": "HTTP://HERE:9001"}, False),
    "own origin behind TLS": ({"origin": "https://here:9001"}, False),
    "other origin": ({"origin": "http://there:9001"}, True),
    "other port": ({"origin": "http://here:9002"}, True),
    "other origin that begins alike": ({"origin": "http://here:9001.there"}, True),
    "other origin in front of ours": ({"origin": "http://here:9001@there"}, True),
    "no origin": ({"origin": "null"}, True),
    "no port is said by the proxy": ({"origin": "http://here:9001", "host": "here"}, False),
    "no port is said, another host": ({"origin": "http://there:9001", "host": "here"}, True),
    "the usual port": ({"origin": "https://here", "host": "here:443"}, False),
    "a path in the host": ({"origin": "http://here:9001", "host": "here:9001/base/index.html"}, False),
    "a path in the host, another host": ({"origin": "http://base", "host": "here/base"}, True),
    "IPv6": ({"origin": "http://[::1]:9001", "host": "[::1]:9001"}, False),
    "no host": ({"origin": "http://here:9001", "host": ""}, True),
    "own referer": ({"referer": "http://here:9001/tail.html?x"}, False),
    "other referer": ({"referer": "http://there/?http://here:9001/"}, True),
    "referer without a host": ({"referer": "about:blank"}, True),
    "origin counts before referer": ({"origin": "http://there", "referer": "http://here:9001/"}, True),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_is_foreign(case: str) -> None:
    fields, foreign = FOREIGN[case]
    assert is_foreign(head("/", "POST", **fields)) == foreign


STOP = "action=stop&processname=web:a"
CROSS = {"sec_fetch_site": "cross-site"}
DONE = ["stop"]

# Method, query, body, header fields, whether get_actions is set -> status, what was asked of the daemon.
# TOKEN is replaced by the token of the page.
REQUESTS: dict[str, tuple[str, str, str, dict[str, str], bool, int, list[str]]] = {
    "posted with the token": ("POST", "", f"{STOP}&token=TOKEN", {}, False, 303, DONE),
    "name in the query": ("POST", "processname=web:a", "action=stop&token=TOKEN", {}, False, 303, DONE),
    "from the page": ("POST", "", f"{STOP}&token=TOKEN", {"sec_fetch_site": "same-origin"}, False, 303, DONE),
    "no token": ("POST", "", STOP, {}, False, 403, []),
    "an empty token": ("POST", "", f"{STOP}&token=", {}, False, 403, []),
    "a wrong token": ("POST", "", f"{STOP}&token={'0' * 40}", {}, False, 403, []),
    "a token that is not ASCII": ("POST", "", f"{STOP}&token=%C3%A4", {}, False, 403, []),
    "another site, no token": ("POST", "", STOP, CROSS, False, 403, []),
    "another site with the token": ("POST", "", f"{STOP}&token=TOKEN", CROSS, False, 403, []),
    "another origin with the token": ("POST", "", f"{STOP}&token=TOKEN", {"origin": "http://x"}, False, 403, []),
    "a form of another kind": ("POST", "", f'{{"{STOP}&token=TOKEN', {}, False, 200, []),
    "a link": ("GET", STOP, "", {}, False, 405, []),
    "a link with the token": ("GET", f"{STOP}&token=TOKEN", "", {}, False, 405, []),
    "a link of another site": ("GET", STOP, "", CROSS, False, 405, []),
    "a script": ("GET", STOP, "", {}, True, 303, DONE),
    "a script that posts": ("POST", "", STOP, {}, True, 303, DONE),
    "a bookmark where scripts may": ("GET", STOP, "", {"sec_fetch_site": "none"}, True, 303, DONE),
    "a link of another site where scripts may": ("GET", STOP, "", CROSS, True, 405, []),
    "another site posts where scripts may": ("POST", "", STOP, CROSS, True, 403, []),
    "refresh is for everybody": ("GET", "action=refresh", "", CROSS, False, 303, []),
    "stop all": ("POST", "", "action=stopall&token=TOKEN", {}, False, 303, DONE),
    "stop all, and a name": ("POST", "", "action=stopall&processname=nope&token=TOKEN", {}, False, 303, DONE),
    "restart": ("POST", "", "action=restart&processname=web:a&token=TOKEN", {}, False, 303, ["stop", "start"]),
    "clear": ("POST", "", "action=clearlog&processname=web:a&token=TOKEN", {}, False, 303, ["clear"]),
    "of whom": ("POST", "", "action=stop&token=TOKEN", {}, False, 400, []),
    "what": ("POST", "", "action=explode&processname=web:a&token=TOKEN", {}, False, 400, []),
    "a group is no process": ("POST", "", "action=stop&processname=web:*&token=TOKEN", {}, False, 303, []),
    "too many fields": ("POST", "", "a=1&" * 101, {}, False, 400, []),
}


@pytest.mark.anyio
@pytest.mark.parametrize("case", REQUESTS)
async def test_who_may(port: FakePort, case: str) -> None:
    method, query, body, fields, scripts, status, asked = REQUESTS[case]
    port.process("web", "a")
    page = Page(port)
    request = head(f"/index.html?{query.replace('TOKEN', page.token)}", method, **fields)
    answer = await page.answer(SCRIPTS if scripts else SPEC, request, body.replace("TOKEN", page.token).encode())
    assert (answer.status, [str(what[0]) for what in port.asked]) == (status, asked)
    if status == 303:
        assert answer.fields.startswith("Location: ./?message=")
    else:
        seen = parsed(answer)
        assert (status == 405) == ("Allow: POST\r\n" in answer.fields)
        assert ("bad" in seen.texts) == (status != 405)


@pytest.mark.anyio
async def test_a_link_asks_and_the_answer_counts(port: FakePort) -> None:
    port.process("web", "a")
    page = Page(port)
    asked = parsed(await page.answer(SPEC, head(f"/?{STOP}"), b""))
    [form] = [found for tag, found in asked.tags if tag == "form"]
    assert form == {"action": "index.html?processname=web%3Aa", "method": "post"}
    sent = {found["name"]: found["value"] for tag, found in asked.tags if tag in ("input", "button")}
    assert sent == {"token": page.token, "action": "stop"}
    target = f"/{form['action']}"
    done = await page.answer(SPEC, head(target, "POST"), urllib.parse.urlencode(sent).encode())
    assert (done.status, done.content) == (303, b"Process web:a stopped\n")


@pytest.mark.anyio
async def test_every_life_has_its_own_token(port: FakePort) -> None:
    old, new = Page(port), Page(port)
    body = f"{STOP}&token={old.token}".encode()
    answer = await new.answer(SPEC, head("/", "POST"), body)
    assert answer.status == 403
    assert "older than the daemon" in answer.content.decode()


FORMS: dict[str, tuple[str, bytes, dict[str, str]]] = {
    "nothing": ("", b"", {}),
    "first of a query, last of a body": ("a=1&a=2", b"b=1&b=2", {"a": "1", "b": "2"}),
    "the body wins": ("a=1", b"a=2", {"a": "2"}),
    "empty ones do not count": ("a=1&b=", b"a=", {"a": "1"}),
    "blanks and percents": ("a=x+y%26%C3%BC", b"", {"a": "x y&ü"}),
    "not UTF-8": ("a=%ff", b"b=\xff", {"a": "\ufffd", "b": "\ufffd"}),
}


@pytest.mark.parametrize("case", FORMS)
def test_read_form(case: str) -> None:
    query, body, found = FORMS[case]
    assert read_form(head(f"/?{query}"), body) == found


# --- what it says ---------------------------------------------------------------------------------------------------

F = Faults
SAID: dict[str, tuple[str, Fault | None, str]] = {
    "started": ("start", None, "Process web:a started"),
    "no file": ("start", Fault(F.NO_FILE, "x"), "ERROR: Process web:a: no such file"),
    "not executable": ("start", Fault(F.NOT_EXECUTABLE, "x"), "ERROR: Process web:a: file not executable"),
    "already": ("start", Fault(F.ALREADY_STARTED, "x"), "ERROR: Process web:a: already started"),
    "spawn error": ("start", Fault(F.SPAWN_ERROR, "x"), "ERROR: Process web:a: spawn error"),
    "abnormal": ("start", Fault(F.ABNORMAL_TERMINATION, "x"), "ERROR: Process web:a: abnormal termination"),
    "failed": ("start", Fault(F.FAILED, "x"), "ERROR: Process web:a: unexpected rpc fault [30] FAILED: x"),
    "stopped": ("stop", None, "Process web:a stopped"),
    "not running": ("stop", Fault(F.NOT_RUNNING, "x"), "unexpected rpc fault [70] NOT_RUNNING: x"),
    "restarted": ("restart", None, "Process web:a restarted"),
    "not restarted": ("restart", Fault(F.SPAWN_ERROR, "x"), "ERROR: Process web:a: spawn error"),
    "cleared": ("clearlog", None, "Log for web:a cleared"),
    "refreshed": ("refresh", None, f"Page refreshed at {time.ctime(1_000_000_000)}"),
    "all stopped": ("stopall", None, f"All stopped at {time.ctime(1_000_000_000)}"),
    "all restarted": ("restartall", None, f"All restarted at {time.ctime(1_000_000_000)}"),
}


@pytest.mark.anyio
@pytest.mark.parametrize("case", SAID)
async def test_messages(port: FakePort, case: str) -> None:
    action, fault, said = SAID[case]
    port.process("web", "a")
    if fault is not None:
        port.faults["web", "a"] = fault
    answer = await Page(port).answer(SCRIPTS, head(f"/?action={action}&processname=web:a"), b"")
    where = answer.fields.partition("\r\n")[0].removeprefix("Location: ./?message=")
    assert urllib.parse.unquote(where) == said
    shown = parsed(await Page(port).answer(SPEC, head(f"/?message={where}"), b""))
    assert shown.texts["message"] == [said]


@pytest.mark.anyio
async def test_a_log_that_cannot_be_cleared(port: FakePort) -> None:
    port.trouble = OSError()
    answer = await Page(port).answer(SCRIPTS, head("/?action=clearlog&processname=web:a"), b"")
    assert answer.content == b"unexpected rpc fault [30] FAILED: web:a\n"


S = ProcessStates
BUTTONS = {
    S.STOPPED: ("statusnominal", ["start", "clearlog"]),
    S.STARTING: ("statusnominal", ["stop", "clearlog"]),
    S.RUNNING: ("statusrunning", ["restart", "stop", "clearlog"]),
    S.BACKOFF: ("statuserror", ["stop", "clearlog"]),
    S.STOPPING: ("statusnominal", ["clearlog"]),
    S.EXITED: ("statusnominal", ["start", "clearlog"]),
    S.FATAL: ("statuserror", ["start", "clearlog"]),
    S.UNKNOWN: ("statusnominal", ["clearlog"]),
}


@pytest.mark.parametrize("state", PROCESS_STATE_NAMES)
def test_buttons_of_a_state(port: FakePort, state: int) -> None:
    look, actions = BUTTONS[state]
    process = port.process("web", "a", state)
    row = look_at(process, 0.0, ended=False)
    assert (row.look, list(row.actions)) == (look, actions)
    assert look_at(process, 0.0, ended=True).actions == ()


@pytest.mark.anyio
async def test_rows(port: FakePort) -> None:
    spec = ProcessSpec("b", "x", stdout=LogSpec("/b.log"), stderr=LogSpec("/b.err"))
    port.groups = {**port.groups, "api": Group(GroupSpec("api", processes=(spec,)))}
    port.process("web", "a")
    seen = parsed(await Page(port).answer(SPEC, head("/"), b""))
    assert [text for text in seen.texts["a"] if ":" in text or text == "solo"] == ["api:b", "solo", "web:a", "web:b"]
    shown = [
        (found["value"], found["formaction"])
        for tag, found in seen.tags
        if tag == "button" and "formaction" in found and "hidden" not in found
    ]
    where = "index.html?processname="
    assert shown[:2] == [("start", f"{where}api%3Ab"), ("clearlog", f"{where}api%3Ab")]
    assert [action for action, of in shown if of == f"{where}web%3Aa"] == ["restart", "stop", "clearlog"]
    tails = [link for link in seen.attributes("a", "href") if "channel" in link]
    assert tails == [f"tail.html?processname=api%3Ab&channel={channel}&limit=16384" for channel in ("stdout", "stderr")]
    live = json.loads((await Page(port).answer(SPEC, head("/status.json"), b"")).content)
    assert live["rows"][1] == ["stopped", "statusnominal", "Not started", ["start", "clearlog"]]


@pytest.mark.anyio
async def test_without_programs(port: FakePort) -> None:
    port.groups = {}
    seen = parsed(await Page(port).answer(SPEC, head("/"), b""))
    assert "No programs to manage" in seen.texts["p"]
    assert "table" not in seen.texts


@pytest.mark.anyio
@pytest.mark.parametrize("mood", [SupervisorStates.SHUTDOWN, SupervisorStates.RESTARTING])
async def test_a_daemon_that_ends_says_so(port: FakePort, mood: int) -> None:
    port.mood = mood
    page = Page(port)
    for target in ("/", f"/?{STOP}", "/?action=refresh", "/?action=stopall"):
        answer = await page.answer(SCRIPTS, head(target), b"")
        seen = parsed(answer)
        assert (answer.status, len(seen.texts["name"])) == (503, 3)
        assert seen.texts["ending"][0].startswith("The daemon is ")
        assert [found for tag, found in seen.tags if tag == "button" and "hidden" not in found] == []
    assert (await page.answer(SPEC, head("/status.json"), b"")).status == 200
    assert (await page.answer(SPEC, head("/tail.html?processname=solo"), b"")).status == 200
    assert port.asked == []


@pytest.mark.anyio
async def test_an_open_page_notices_other_rows_and_another_life(port: FakePort) -> None:
    page = Page(port)

    async def mark(of: Page = page) -> tuple[str, str]:
        shown = parsed(await of.answer(SPEC, head("/"), b"")).attributes("main", "data-page")
        return str(json.loads((await of.answer(SPEC, head("/status.json"), b"")).content)["page"]), shown[0]

    first = await mark()
    assert first[0] == first[1]
    port.process("solo", "solo")
    assert await mark() == first
    seen = {first, await mark(Page(port))}
    port.mood = SupervisorStates.SHUTDOWN
    seen.add(await mark())
    port.groups = {"web": port.groups["web"]}
    seen.add(await mark())
    assert len(seen) == 4


# --- what may not happen --------------------------------------------------------------------------------------------

NASTY = st.text(st.sampled_from("<>&\"'%/?#;= \t\r\n\0a:ü\u2028\U0001f600"), min_size=1, max_size=12)


def normal(text: str) -> str:
    """As a browser gives it back: HTML has one kind of line end, and no control characters."""
    return re.sub("[\0-\x08\x0b\x0c\x0e-\x1f]", "\ufffd", text)


async def nasty_pages(port: FakePort, name: str, message: str) -> tuple[Parsed, Parsed, Parsed]:
    who = urllib.parse.urlencode({"processname": name})
    page = Page(port)
    return (
        parsed(await page.answer(SPEC, head(f"/?{urllib.parse.urlencode({'message': message})}"), b"")),
        parsed(await page.answer(SPEC, head(f"/?action=stop&{who}"), b"")),
        parsed(await page.answer(SPEC, head(f"/tail.html?{who}"), b"")),
    )


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(NASTY, NASTY)
def test_text_stays_text(name: str, message: str) -> None:
    port = FakePort()
    spec = ProcessSpec(name, "x", stdout=LogSpec("/dev/null"))
    port.groups = {name: Group(GroupSpec(name, processes=(spec,)))}
    port.process(name, name, ProcessStates.FATAL, spawnerr=message)
    status, question, tail = anyio.run(nasty_pages, port, name, message)
    port.groups = {"a": Group(GroupSpec("a", processes=(replace(spec, name="a"),)))}
    port.process("a", "a", ProcessStates.FATAL, spawnerr="b")
    for found, tame in zip((status, question, tail), anyio.run(nasty_pages, port, "a", "b"), strict=True):
        assert [tag for tag, _ in found.tags] == [tag for tag, _ in tame.tags]
        names = [{(tag, name) for tag, attributes in page.tags for name in attributes} for page in (found, tame)]
        assert names[0] <= names[1]
    assert status.texts["message"] == [normal(message)]
    assert status.texts["desc"] == [""]
    assert status.texts["span"][1] == normal(message)
    assert normal(name) in status.texts["a"]
    for link in (*status.attributes("button", "formaction"), *question.attributes("form", "action")):
        path, _, fields = link.partition("?")
        assert (path, urllib.parse.parse_qs(fields)) == ("index.html", {"processname": [name]})
    raw = next(link for link in tail.attributes("a", "href") if link.startswith("logtail/"))
    assert urllib.parse.unquote(raw) == f"logtail/{name}/stdout"


@pytest.mark.anyio
@pytest.mark.parametrize("target", ["/", "/tail.html?processname=solo", f"/?{STOP}", "/?action=nope"])
async def test_only_our_own_script_and_style_run(port: FakePort, target: str) -> None:
    answer = await Page(port).answer(SPEC, head(target), b"")
    assert answer.type == "text/html;charset=utf-8"
    fields = dict(line.split(": ", 1) for line in answer.fields.splitlines())
    policy = dict(part.split(" ", 1) for part in fields["Content-Security-Policy"].split("; "))
    seen = Parsed(answer.content.decode())
    for kind in ("script", "style"):
        digests = [hashlib.sha256(text.encode()).digest() for text in seen.texts.get(kind, [])]
        allowed = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests] or ["'none'"]
        assert policy[f"{kind}-src"].split() == allowed
    assert (policy["default-src"], policy["frame-ancestors"], policy["base-uri"]) == ("'none'",) * 3
    assert fields["X-Content-Type-Options"] == "nosniff"
    assert fields["Referrer-Policy"] == "same-origin"
    assert fields["Cache-Control"] == "no-cache"
    inline = {name for _, attributes in seen.tags for name in attributes if name.startswith("on") or name == "style"}
    assert inline == set()
    names = (("a", "href"), ("form", "action"), ("button", "formaction"))
    links = [link for tag, name in names for link in seen.attributes(tag, name)]
    assert links
    assert [link for link in links if re.match(r"/|[a-z]+:", link)] == []


@pytest.mark.anyio
async def test_a_thousand_rows_let_others_have_their_turn(port: FakePort) -> None:
    port.groups = {"many": Group(GroupSpec("many", processes=programs(*(f"p{n:04}" for n in range(1000)))))}
    turns = 0
    made = False

    async def other() -> None:
        nonlocal turns
        while not made:
            turns += 1
            await checkpoint()

    for target in ("/", "/status.json"):
        turns, made = 0, False
        async with anyio.create_task_group() as group:
            group.start_soon(other)
            answer = await Page(port).answer(SPEC, head(target), b"")
            made = True
        assert turns >= 1000 // control_page.BATCH
        assert answer.content.count(b"p0999") >= (target == "/")


# --- logs -----------------------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_the_page_of_a_log(port: FakePort, tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"<b>&\n" + b"x" * 2_000_000)
    (tmp_path / "err").write_bytes("ü<i>".encode())
    log = ProcessSpec("solo", "x", stdout=LogSpec(str(tmp_path / "out")), stderr=LogSpec(str(tmp_path / "err")))
    port.groups = {"solo": Group(GroupSpec("solo", processes=(log,)))}

    async def shown(more: str) -> tuple[str, list[str]]:
        seen = parsed(await Page(port).answer(SPEC, head(f"/tail.html?processname=solo{more}"), b""))
        return seen.texts["pre"][0].removeprefix("\n"), seen.attributes("pre", "data-follow")

    assert await shown("") == ("x" * 1024, ["logtail/solo/stdout?limit=1024"])
    assert await shown("&channel=stderr") == ("ü<i>", ["logtail/solo/stderr?limit=1024"])
    limits = {"2000": 2000, "5": 1024, "-5": 1024, "x": 1024, "²": 1024, "9" * 5000: 1024 * 1024}
    for wanted, limit in limits.items():
        text, follow = await shown(f"&limit={urllib.parse.quote(wanted)}")
        assert (len(text), follow) == (limit, [f"logtail/solo/stdout?limit={limit}"])
    (tmp_path / "out").unlink()
    assert await shown("") == ("No file for solo", ["logtail/solo/stdout?limit=1024"])


# --- side by side with the real one ---------------------------------------------------------------------------------

CONF = """
[supervisord]
logfile=@DIR@/main.log
pidfile=@DIR@/supervisord.pid
[unix_http_server]
file=@DIR@/s.sock
get_actions=true
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[program:solo]
command=sh -c 'echo 12345; exec sleep 1000'
stdout_logfile=@DIR@/logs/solo.log
stderr_logfile=NONE
startsecs=0
[group:web]
programs=a,b
[program:a]
command=sleep 1000
startsecs=0
[program:b]
command=sleep 1000
autostart=false
stdout_logfile=@DIR@/logs/b.log
[program:missing]
command=/no/such/file
autostart=false
[program:closed]
command=@DIR@/closed
autostart=false
[program:young]
command=sh -c 'exit 3'
autostart=false
startsecs=100
startretries=0
stdout_logfile=NONE
[program:stubborn]
command=@PYTHON@ -u -c "import signal; signal.signal(15, signal.SIG_IGN); print('deaf'); signal.pause()"
stdout_logfile=@DIR@/logs/stubborn.log
startsecs=0
stopwaitsecs=3600
"""

ACTED: list[tuple[str, str]] = [
    ("start", "solo"),
    ("stop", "solo"),
    ("stop", "solo"),
    ("start", "solo"),
    ("restart", "solo"),
    ("clearlog", "solo"),
    ("stop", "web:a"),
    ("restart", "web:a"),
    ("start", "missing"),
    ("start", "closed"),
    ("start", "young"),
    ("stop", "young"),
    ("clearlog", "young"),
    ("start", "nope"),
    ("restart", "nope:x"),
    ("clearlog", "web:*"),
    ("stop", "web"),
    ("refresh", ""),
    ("refresh", "nope"),
]

TAILED = [
    "processname=solo",
    "processname=solo&limit=2",
    "processname=solo&limit=x",
    "processname=young",
    "processname=b",
    "processname=web:b",
    "processname=web:*",
    "processname=%C3%BC%3Cb%3E",
    "processname=",
    "",
]

ODD = ["HEAD /", "HEAD /index.html", "PUT /", "GET /index.htm", "GET //index.html", "GET //", "POST /index.html/"]


OURS = ("Content-Security-Policy", "Referrer-Policy", "X-Content-Type-Options", "Date", "Content-Length")
"""Fields that supervisord has not, or that say something else each time."""


class Side:
    """What one of the two shows and says; played in a thread of its own."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.peer = Peer(kind, folder)
        self.seen: dict[str, object] = {}
        self.trouble: BaseException | None = None
        self._thread = threading.Thread(target=self._play)

    def start(self) -> None:
        self._thread.start()

    def result(self) -> dict[str, object]:
        self._thread.join()
        if self.trouble is not None:
            raise self.trouble
        return self.seen

    def _play(self) -> None:
        try:
            with self.peer as peer:
                self._script(peer)
        except BaseException as error:
            self.trouble = error

    def get(self, target: str, method: str = "GET", body: bytes | None = None) -> tuple[int, dict[str, str], str]:
        status, _, fields, content = self.peer.http(method, target, body)
        return status, fields, content.decode()

    def act(self, method: str, action: str, name: str) -> str:
        """The message that the answer leads to."""
        fields = urllib.parse.urlencode({"action": action, **({"processname": name} if name else {})})
        target = "/index.html" if method == "POST" else f"/index.html?{fields}"
        status, found, _ = self.get(target, method, fields.encode() if method == "POST" else None)
        assert status == (301 if self.peer.kind == REAL else 303)
        where = urllib.parse.urljoin("http://localhost/index.html", found["Location"])
        assert where.startswith("http://localhost/?message=")
        [message] = urllib.parse.parse_qs(urllib.parse.urlsplit(where).query)["message"]
        return re.sub(r"\w{3} \w{3} [ \d]\d [\d:]{8} \d{4}$", "CTIME", message)

    def table(self) -> dict[str, object]:
        """Of each process its state, the class of that, and what is said of it."""
        seen = Parsed(self.get("/")[2])
        spans = [attributes.get("class") for tag, attributes in seen.tags if tag == "span" and "id" not in attributes]
        dated = [re.sub(r"^\w{3} \d\d \d\d:\d\d [AP]M$", "TIME", text.strip()) for text in seen.texts["span"]]
        words = [re.sub(r"\d+", "N", text) for text in dated]
        names = [text for text in seen.texts["a"] if text in NAMES]
        rows = [(words[2 * n], spans[2 * n], words[2 * n + 1]) for n in range(len(names))]
        return dict(zip(names, rows, strict=True))

    def _script(self, peer: Peer) -> None:
        peer.write("c.conf", CONF)
        peer.write("closed", "x", mode=0o644)
        peer.start(["-n", "-c", "@DIR@/c.conf"])
        assert peer.wait_ready(), peer.read("main.log")
        until(lambda: peer.read("logs/stubborn.log") and peer.read("logs/solo.log"), seconds=60)
        seen = self.seen
        fields = self.get("/")[1]
        seen["fields"] = [f"{name}: {fields[name]}" for name in fields if name not in OURS]
        seen["rows"] = self.table()
        seen["tails"] = {query: self.tail(query) for query in TAILED}
        seen["odd"] = {odd: self.get(odd.partition(" ")[2], odd.partition(" ")[0], b"x")[0] for odd in ODD}
        seen["said"] = [(action, name, self.act("GET", action, name)) for action, name in ACTED]
        seen["posted"] = [self.act("POST", "stop", "solo"), self.act("POST", "stop", "solo")]
        seen["later"] = self.table()
        seen["wrong"] = [self.get(f"/?action={query}")[0] for query in ("explode", "start")]
        peer.signal(signal.SIGTERM)
        until(lambda: "SHUTDOWN_STATE" in self.state(), seconds=60)
        seen["ending"] = [self.get(target)[0] for target in ("/", "/?action=stopall", "/ok.html")]
        seen["last tail"] = self.tail("processname=stubborn")

    def tail(self, query: str) -> str:
        return Parsed(self.get(f"/tail.html?{query}")[2]).texts["pre"][0].removeprefix("\n")

    def state(self) -> str:
        try:
            return str(self.peer.call("supervisor.getState"))
        except Exception as error:
            return str(error)


NAMES = ("closed", "missing", "solo", "stubborn", "web:a", "web:b", "young")


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, object], dict[str, object]]]:
    folder = tmp_path_factory.mktemp("sides")
    both = [Side(kind, folder / kind) for kind in (REAL, MINISUP)]
    for side in both:
        side.start()
    real, ours = (side.result() for side in both)
    yield real, ours


Sides = tuple[dict[str, object], dict[str, object]]


@pytest.mark.slow
@pytest.mark.parametrize("what", ["fields", "rows", "tails", "odd", "said", "posted", "later"])
def test_as_the_real_one(sides: Sides, what: str) -> None:
    real, ours = sides
    assert ours[what] == real[what]


@pytest.mark.slow
def test_unlike_the_real_one(sides: Sides) -> None:
    """Rows web-unknown-action and web-shutdown of the table."""
    real, ours = sides
    assert (real["wrong"], ours["wrong"]) == ([500, 500], [400, 400])
    assert (real["ending"], ours["ending"]) == ([500, 500, 200], [503, 503, 200])
    assert (real["last tail"], ours["last tail"]) == ("ERROR: unexpected rpc fault [6] SHUTDOWN_STATE", "deaf\n")


# --- a real daemon --------------------------------------------------------------------------------------------------

QUIET = "sh -c 'exec sleep 1000'"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Room]:
    with room(tmp_path) as found:
        yield found


def token_of(url: str) -> str:
    seen = Parsed(ask(f"{url}/")[2])
    return next(found["value"] for tag, found in seen.tags if found.get("name") == "token")


@pytest.mark.slow
def test_under_a_path_of_a_proxy(here: Room) -> None:
    """Supervisor/supervisor#29, #251, #593, #845, #929: links and redirections left the path, or the host."""
    daemon = here.run(program("a", QUIET, startsecs=0)).running("a")
    with proxy(str(here.folder / "s"), "/deep/base", host="upstream") as url:
        form = {"action": "stop", "processname": "a", "token": token_of(url)}
        status, fields, _ = ask(f"{url}/index.html", form)
        assert status == 303
        back = urllib.parse.urljoin(f"{url}/index.html", fields["Location"])
        assert back == f"{url}/?message=Process%20a%20stopped"
        assert Parsed(ask(back)[2]).texts["message"] == ["Process a stopped"]
        assert daemon.state("a") == "STOPPED"
        # It named another Host, so what the page is called outside is not known here: only a browser can tell.
        again = {**form, "action": "start"}
        assert ask(f"{url}/", again, Origin=url.removesuffix("/deep/base"))[0] == 403
        assert ask(f"{url}/", again, Sec_Fetch_Site="cross-site")[0] == 403
        assert daemon.state("a") == "STOPPED"
        assert ask(f"{url}/", again, Origin=url, Sec_Fetch_Site="same-origin")[0] == 303
        assert daemon.state("a") == "RUNNING"


NGINX = """
daemon off;
user root;
pid nginx.pid;
error_log stderr;
events {}
http {
    access_log off;
    server {
        listen unix:SOCKET;
LOCATION
    }
}
"""


@needs("nginx")
@pytest.mark.slow
def test_behind_nginx_as_documented(here: Room) -> None:
    daemon = here.run(program("a", QUIET, startsecs=0)).running("a")
    [location] = re.findall("```nginx\n(.*?)```", (ROOT / "docs" / "status-page.md").read_text(), re.DOTALL)
    location = location.replace("http://127.0.0.1:9001/", f"http://unix:{here.folder}/s:/")
    socket = here.folder / "n"
    conf = here.folder / "nginx.conf"
    conf.write_text(NGINX.replace("SOCKET", str(socket)).replace("LOCATION", location))
    with subprocess.Popen(
        ["nginx", "-p", here.folder, "-c", conf], env={**os.environ, MARK: str(here.folder)}, stderr=subprocess.DEVNULL
    ) as nginx:
        try:
            until(socket.exists)

            def ask(target: str, body: str | None = None) -> tuple[int, str, str]:
                fields = {"Host": "panel.example:8080", "Origin": "http://panel.example:8080"}
                with contextlib.closing(UnixConnection(str(socket))) as line:
                    line.request("GET" if body is None else "POST", target, body, fields)
                    with line.getresponse() as reply:
                        return reply.status, reply.getheader("Location", ""), reply.read().decode()

            status, _, text = until(lambda: (found := ask("/supervisor/"))[0] == 200 and found)
            [token] = [found["value"] for _, found in Parsed(text).tags if found.get("name") == "token"]
            status, where, _ = ask("/supervisor/index.html?processname=a", f"action=stop&token={token}")
            assert (status, where) == (303, "./?message=Process%20a%20stopped")
            assert daemon.state("a") == "STOPPED"
        finally:
            nginx.terminate()


@pytest.mark.slow
def test_scripts_need_to_be_allowed(here: Room) -> None:
    """Supervisor/supervisor#19: a link changes nothing."""
    daemon = here.run(program("a", QUIET, startsecs=0)).running("a")
    with proxy(str(here.folder / "s")) as url:
        status, _, text = ask(f"{url}/index.html", {"action": "stop", "processname": "a"})
        assert status == 403
        [said] = Parsed(text).texts["message"]
        assert said.startswith("cannot stop 'a': the request does not carry the token")
        assert said.endswith("get_actions=true in [unix_http_server]")
        assert ask(f"{url}/?action=stop&processname=a")[0] == 405
    assert daemon.state("a") == "RUNNING"


@pytest.mark.slow
def test_a_log_from_further_back(here: Room) -> None:
    """What the page of a log follows begins where its text does."""
    lines = program("a", f"{PYTHON} -c 'print(\"x\" * 5000); import time; time.sleep(1000)'", startsecs=0)
    here.run(lines).running("a").outputs("a")
    lengths = {"": 1024, "?limit=3000": 3000, "?limit=3": 1024, "?limit=x": 1024, "?limit=9000": 5001}
    for query, length in lengths.items():
        with contextlib.closing(UnixConnection(str(here.folder / "s"))) as line:
            line.request("GET", f"/logtail/a{query}")
            with line.getresponse() as reply:
                assert len(reply.read1(100_000)) == length

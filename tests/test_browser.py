"""The status page in a real browser: what a user sees and clicks, behind a proxy that serves it under a path of its own
and names another Host.

``MINISUP_PICTURE=docs/status-page.png pytest tests/test_browser.py -k picture`` makes the picture of the docs anew.
"""

import base64
import os
import re
import signal
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemon import HEAD, PYTHON, Daemon, Room, program, room
from front import proxy, stranger
from webdriver import Browser, chromium, needs_chromium

pytestmark = [pytest.mark.slow, needs_chromium]

QUIET = "sh -c 'exec sleep 1000'"
TWO = (program("a", QUIET, startsecs=0), program("b", QUIET, startsecs=0, autostart=False))


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture
def browser(window: Browser) -> Iterator[Browser]:
    yield window
    window.devtools("Emulation.setScriptExecutionDisabled", value=False)
    window.devtools("Emulation.setEmulatedMedia", features=[])
    window.devtools("Emulation.clearDeviceMetricsOverride")
    window.go("about:blank")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Room]:
    with room(tmp_path) as found:
        yield found


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with proxy(str(tmp_path / "s"), "/deep/base", host="upstream") as found:
        yield found


def row(name: str) -> str:
    """The row of a process; as text in CSS."""
    return f"tr:has(a[href='tail.html?processname={urllib.parse.quote(name, safe='')}'])"


def button(name: str, action: str) -> str:
    return f"{row(name)} button[value={action}]"


# --- actions --------------------------------------------------------------------------------------------------------


def test_clicked_through(browser: Browser, here: Room, url: str) -> None:
    daemon = here.run(*TWO).running("a")
    browser.go(f"{url}/")
    browser.sees("running", row("a"))
    assert browser.text(button("a", "start")) == ""
    browser.run("window.mark = 1")
    first = daemon.rpc.getProcessInfo("a")["pid"]

    browser.click(button("a", "stop"))
    browser.sees("Process a stopped", "#message")
    browser.sees("stopped", row("a"))
    assert daemon.state("a") == "STOPPED"
    browser.click(button("a", "start"))
    browser.sees("Process a started", "#message")
    browser.sees("running", row("a"))
    second = daemon.rpc.getProcessInfo("a")["pid"]
    browser.click(button("a", "restart"))
    browser.sees("Process a restarted", "#message")
    third = daemon.rpc.getProcessInfo("a")["pid"]
    assert len({first, second, third}) == 3
    browser.sees(f"pid {third}", row("a"))
    browser.click(button("a", "clearlog"))
    browser.sees("Log for a cleared", "#message")
    browser.click("button[value=restartall]")
    browser.sees("All restarted at", "#message")
    browser.sees("running", row("b"))
    browser.click("button[value=stopall]")
    browser.sees("All stopped at", "#message")
    assert (daemon.state("a"), daemon.state("b")) == ("STOPPED", "STOPPED")
    assert browser.run("return window.mark") == 1, "the page was loaded anew"
    browser.click("a[href='index.html?action=refresh']")
    browser.sees("Page refreshed at", "#message")


def test_without_script(browser: Browser, here: Room, url: str) -> None:
    daemon = here.run(*TWO).running("a")
    browser.devtools("Emulation.setScriptExecutionDisabled", value=True)
    browser.go(f"{url}/index.html")
    browser.click(button("a", "stop"))
    browser.sees("Process a stopped", "#message")
    assert daemon.state("a") == "STOPPED"
    assert browser.address() == f"{url}/?message=Process%20a%20stopped"
    browser.click(f"{row('a')} .action a")
    browser.sees("a stdout", "h1")


def test_an_old_bookmark_asks(browser: Browser, here: Room, url: str) -> None:
    daemon = here.run(*TWO).running("a")
    browser.go(f"{url}/index.html?processname=a&action=stop")
    browser.sees("Stop? a", "h1")
    assert daemon.state("a") == "RUNNING"
    browser.click("button[value=stop]")
    browser.sees("Process a stopped", "#message")
    assert daemon.state("a") == "STOPPED"


def test_another_site_cannot_act(browser: Browser, here: Room, url: str) -> None:
    """Neither by a form, nor by a script, a picture or a link."""
    daemon = here.run(*TWO).running("a")
    inputs = '<input name="action" value="stop"><input name="processname" value="a">'
    content = f"""<form method="post" action="{url}/index.html">{inputs}<button>Win!</button></form>
        <a href="{url}/?action=stop&amp;processname=a">Look!</a><img src="{url}/?action=stop&amp;processname=a">"""
    with stranger(content) as elsewhere:
        browser.go(elsewhere)
        script = """
            const body = new URLSearchParams({action: "stop", processname: "a"});
            const sent = fetch(arguments[0], {method: "POST", mode: "no-cors", credentials: "include", body});
            return sent.then(reply => reply.type);
        """
        assert browser.run(script, f"{url}/index.html") == "opaque"
        assert daemon.state("a") == "RUNNING"
        browser.click("button")
        browser.sees("belongs to another site", "#message")
        assert daemon.state("a") == "RUNNING"
        browser.go(elsewhere)
        browser.click("a")
        browser.sees("Stop? a", "h1")
        assert daemon.state("a") == "RUNNING"


def test_another_site_cannot_act_where_scripts_may(browser: Browser, here: Room, url: str) -> None:
    here.write(*TWO, head=HEAD.replace("file=%(here)s/s", "file=%(here)s/s\nget_actions=true"))
    daemon = here.start().up().running("a")
    with stranger(f'<a href="{url}/?action=stop&amp;processname=a">Look!</a>') as elsewhere:
        browser.go(elsewhere)
        browser.click("a")
        browser.sees("Stop? a", "h1")
        assert daemon.state("a") == "RUNNING"
    browser.go(f"{url}/?action=stop&processname=a")
    browser.sees("Process a stopped", "#message")


def test_by_plain_http(browser: Browser, here: Room) -> None:
    """Towards a host that is not this one, a browser does not say in Sec-Fetch-Site who asks: Origin counts."""
    daemon = here.run(*TWO).running("a")
    with proxy(str(here.folder / "s")) as url:
        url = url.replace("127.0.0.1", "panel.test")
        browser.go(f"{url}/")
        browser.click(button("a", "stop"))
        browser.sees("Process a stopped", "#message")
        browser.devtools("Emulation.setScriptExecutionDisabled", value=True)
        browser.click(button("a", "start"))
        browser.until(lambda: browser.address() == f"{url}/?message=Process%20a%20started")
        assert daemon.state("a") == "RUNNING"
        form = f'<form method="post" action="{url}/?action=stop&amp;processname=a"><button>Win!</button></form>'
        with stranger(form) as elsewhere:
            browser.go(elsewhere.replace("localhost", "elsewhere.test"))
            browser.click("button")
            browser.sees("belongs to another site", "#message")
    assert daemon.state("a") == "RUNNING"


def test_no_other_site_frames_it(browser: Browser, here: Room, url: str) -> None:
    here.run(*TWO)
    with stranger(f'<iframe src="{url}/"></iframe>') as elsewhere:
        browser.go(elsewhere)
        browser.post("frame", id=0)
        assert "Supervisor Status" not in browser.text()
        browser.post("frame", id=None)


def test_with_a_password_in_the_address(browser: Browser, here: Room, url: str) -> None:
    """The address of the page has a name and a password; what its script asks for must not."""
    here.write(*TWO, head=HEAD.replace("file=%(here)s/s", "file=%(here)s/s\nusername=u\npassword=p"))
    here.start()
    # Nobody of ours asks with a password, so the browser itself sees when the daemon is up.
    address = url.replace("//", "//u:p@") + "/"

    def up() -> bool:
        browser.go(address)
        return "Supervisor Status" in browser.text()

    browser.until(up)
    browser.click(button("b", "start"))
    browser.sees("Process b started", "#message")
    browser.sees("running", row("b"))
    assert browser.text("#lost") == ""


# --- live -----------------------------------------------------------------------------------------------------------


def test_states_are_followed(browser: Browser, here: Room, url: str) -> None:
    daemon = here.run(*TWO).running("a")
    browser.go(f"{url}/")
    browser.run("window.mark = 1")
    daemon.rpc.stopProcess("a")
    browser.sees("stopped", row("a"))
    assert browser.text(button("a", "start")) == "Start"
    assert browser.text(button("a", "stop")) == ""
    here.write(*TWO, program("<c>", QUIET, startsecs=0))
    daemon.rpc.reloadConfig()
    daemon.rpc.addProcessGroup("<c>")
    browser.sees("running", row("<c>"))
    daemon.rpc.removeProcessGroup("a")
    browser.until(lambda: not browser.text(row("a")), "a is gone")
    browser.click(button("<c>", "stop"))
    browser.sees("Process <c> stopped", "#message")

    assert daemon.stop() == 0
    browser.sees("What you see is old", "#lost")
    daemon = here.start().up().running("a")
    browser.sees("running", row("a"))
    browser.until(lambda: not browser.text("#lost"), "nothing is old")
    browser.click(button("a", "stop"))
    browser.sees("Process a stopped", "#message")
    assert browser.run("return window.mark") == 1, "the page was loaded anew"


def test_a_shutdown_is_seen(browser: Browser, here: Room, url: str) -> None:
    deaf = f'{PYTHON} -c "import os, signal; signal.signal(15, 1); print(os.getpid(), flush=True); signal.pause()"'
    daemon = here.run(program("a", deaf, startsecs=0, stopwaitsecs=3600)).running("a")
    daemon.outputs("a")
    browser.go(f"{url}/")
    browser.sees("running", row("a"))
    daemon.rpc.shutdown()
    browser.sees("shutting down", "#ending")
    browser.sees("stopping", row("a"))
    assert browser.run("return document.querySelectorAll('button:not([hidden])').length") == 0
    os.kill(int(daemon.output("a")[0]), signal.SIGKILL)
    assert daemon.wait() == 0


HOLD = """
    window.timers = []; window.asked = 0; window.there = "visible";
    window.setTimeout = (what, after) => timers.push(what);
    window.fetch = (real => (...all) => { asked++; return real(...all); })(window.fetch);
    Object.defineProperty(Document.prototype, "visibilityState", {get: () => there});
    window.gaze = where => { there = where; document.dispatchEvent(new Event("visibilitychange")); };
"""
"""Time stands still, and a user looks where we say."""


@pytest.fixture
def held(browser: Browser) -> Iterator[Browser]:
    script = browser.devtools("Page.addScriptToEvaluateOnNewDocument", source=HOLD)
    yield browser
    browser.devtools("Page.removeScriptToEvaluateOnNewDocument", identifier=script["identifier"])


def test_nobody_asks_while_nobody_looks(held: Browser, here: Room, url: str) -> None:
    here.run(*TWO)
    held.go(f"{url}/")
    held.until(lambda: held.run("return timers.length") == 1, "the first look")
    assert held.run("timers.pop()(); return asked") == 2
    held.until(lambda: held.run("return timers.length") == 1, "the second look")
    assert held.run("gaze('hidden'); timers.pop()(); return asked") == 2
    assert held.run("gaze('visible'); gaze('visible'); return asked") == 3, "it asks once at one time"


def test_a_log_is_not_followed_for_ever(held: Browser, here: Room, url: str) -> None:
    here.run(program("a", "sh -c 'echo hello; exec sleep 1000'", startsecs=0))
    held.go(f"{url}/tail.html?processname=a")
    held.sees("live", "#live")
    assert held.run("gaze('hidden'); return timers.length") == 1
    held.run("timers.pop()()")
    held.sees("not live", "#live")
    held.until(lambda: held.run("return timers.length") == 1, "it would begin again")
    assert held.run("timers.pop()(); return asked") == 1
    held.run("document.querySelector('pre').textContent = ''; gaze('visible')")
    held.sees("hello", "pre")
    assert held.text("#live") == "live"


# --- logs -----------------------------------------------------------------------------------------------------------

ECHO = """\
import sys
for line in sys.stdin:
    print(line, end="", flush=True, file=sys.stderr if "!" in line else sys.stdout)
"""


def echoing(here: Room) -> Daemon:
    """A daemon with a program that says what it hears; what has an exclamation mark, on stderr."""
    (here.folder / "echo.py").write_text(ECHO)
    logs = {"redirect_stderr": False, "stderr_logfile": "%(here)s/err.log"}
    return here.run(program("a", f"{PYTHON} {here.folder}/echo.py", startsecs=0, **logs)).running("a")


def test_a_log_is_followed(browser: Browser, here: Room, url: str) -> None:
    daemon = echoing(here)
    daemon.rpc.sendProcessStdin("a", "first <b>\n")
    daemon.outputs("a")
    browser.go(f"{url}/")
    browser.click(f"{row('a')} .action a")
    browser.until(lambda: browser.text("#live") == "live", "it is live")
    browser.sees("first <b>", "pre")
    daemon.rpc.sendProcessStdin("a", "second ü\n")
    browser.sees("second ü", "pre")

    def distance() -> int:
        """Between what is seen and the end of the page."""
        script = "const page = document.scrollingElement; return page.scrollHeight - page.scrollTop - innerHeight"
        return int(browser.run(script))

    daemon.rpc.sendProcessStdin("a", "".join(f"line {n}\n" for n in range(500)))
    browser.sees("line 499", "pre")
    browser.until(lambda: distance() < 2, "the end is in sight")
    browser.run("scrollTo(0, 100)")
    daemon.rpc.sendProcessStdin("a", "last\n")
    browser.sees("last", "pre")
    assert browser.run("return document.scrollingElement.scrollTop") == 100
    daemon.rpc.clearProcessLogs("a")
    daemon.rpc.sendProcessStdin("a", "after it was cleared\n")
    browser.sees("after it was cleared", "pre")


def test_stderr_and_more(browser: Browser, here: Room, url: str) -> None:
    daemon = echoing(here)
    daemon.rpc.sendProcessStdin("a", "".join(f"{n:4}\n" for n in range(2000)))
    daemon.outputs("a", 2000)
    browser.go(f"{url}/tail.html?processname=a")
    browser.sees("1999", "pre")
    browser.until(lambda: browser.text("#live") == "live" and len(browser.text("pre")) == 1024, "1024 bytes")
    browser.click("nav a:nth-of-type(2)")  # More
    browser.sees("   0\n", "pre")
    browser.until(lambda: browser.text("#live") == "live" and len(browser.text("pre")) == 10_000, "all of it")
    browser.click("nav a:nth-of-type(3)")  # Stderr
    browser.sees("a stderr", "h1")
    browser.until(lambda: browser.text("#live") == "live", "it is live")
    daemon.rpc.sendProcessStdin("a", "this is bad!\n")
    browser.sees("this is bad!", "pre")
    assert "1999" not in browser.text("pre")
    browser.click("nav a:last-of-type")  # Status
    browser.sees("running", row("a"))


def test_a_log_that_is_not_there_yet(browser: Browser, here: Room, url: str) -> None:
    daemon = here.run(program("a", "sh -c 'echo hello; exec sleep 1000'", autostart=False))
    browser.go(f"{url}/tail.html?processname=a")
    browser.sees("No file for a", "pre")
    browser.sees("no log yet", "#live")
    daemon.rpc.startProcess("a", False)
    browser.sees("hello", "pre")


# --- how it looks ---------------------------------------------------------------------------------------------------


def light(color: str) -> float:
    """The relative luminance of ``rgb(r, g, b)``. Source: WCAG 2.2."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(browser: Browser, selector: str) -> float:
    """Between the text of an element and what is behind it; 4.5 is what WCAG 2.2 asks for (AA)."""
    script = """
        const found = document.querySelector(arguments[0]);
        let behind = found;
        while (getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
        return [getComputedStyle(found).color, getComputedStyle(behind).backgroundColor];
    """
    dark, bright = sorted(map(light, browser.run(script, selector)))
    return (bright + 0.05) / (dark + 0.05)


READ = (".statusrunning", ".statuserror", ".statusnominal", ".desc span", "td.name a", "button", "p.said", "footer")


DESK, PHONE = 1100, 350
"""Their width in pixels."""


def resize(browser: Browser, width: int, height: int, phone: bool = False) -> None:
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}
    browser.devtools("Emulation.setDeviceMetricsOverride", **size)


def dress(browser: Browser, scheme: str, phone: bool) -> None:
    browser.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    resize(browser, PHONE if phone else DESK, 480, phone)


WHEEL = (
    program("api", QUIET, startsecs=0, redirect_stderr=False),
    program("worker", QUIET, startsecs=0, process_name="%(program_name)s_%(process_num)s", numprocs=2),
    program("import", "sh -c 'exit 1'", startretries=0, startsecs=3600),
    program("nightly", QUIET, autostart=False),
)


def wheel(browser: Browser, here: Room, url: str) -> None:
    here.run(*WHEEL, supervisord="identifier=spoke-one").running("api", "worker:worker_0", "worker:worker_1")
    browser.go(f"{url}/?message=Process%20api%20started")
    browser.sees("fatal", row("import"))


@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
def test_it_reads_well(browser: Browser, here: Room, url: str, phone: bool) -> None:
    wheel(browser, here, url)
    pictures = {}
    for scheme in ("light", "dark"):
        dress(browser, scheme, phone)
        browser.until(lambda: browser.run("return innerWidth") == (PHONE if phone else DESK), "the size")
        assert {selector: found for selector in READ if (found := contrast(browser, selector)) < 4.5} == {}
        assert browser.run("return document.documentElement.scrollWidth <= innerWidth"), "wider than the window"
        pictures[scheme] = browser.picture()
        assert (browser.run("return getComputedStyle(document.querySelector('thead')).display") == "none") == phone
    assert light(browser.run("return getComputedStyle(document.body).backgroundColor")) < 0.05
    assert pictures["light"] != pictures["dark"]
    if phone:
        script = "return Array.from(document.querySelectorAll('td.action button:not([hidden])'), b => b.offsetHeight)"
        assert min(browser.run(script)) >= 40, "a button for fingers"


def test_picture(browser: Browser, here: Room, url: str) -> None:
    """For the docs, where `$MINISUP_PICTURE` says where to put it."""
    wheel(browser, here, url)
    shown = []
    for scheme, phone in (("light", False), ("dark", True)):
        dress(browser, scheme, phone)
        browser.sees("uptime", row("api"))
        shown.append(base64.b64encode(browser.picture()).decode())
    resize(browser, DESK + 20 + PHONE, 480)
    browser.devtools("Emulation.setEmulatedMedia", features=[])
    browser.go("about:blank")
    script = """
        document.body.style = "margin: 0; display: flex; gap: 20px";
        document.body.innerHTML = arguments[0].map(data => `<img src="data:image/png;base64,${data}">`).join("");
        return Promise.all([...document.images].map(image => image.decode()));
    """
    browser.run(script, shown)
    path = Path(os.environ.get("MINISUP_PICTURE") or here.folder / "status-page.png")
    path.write_bytes(browser.picture())
    assert path.stat().st_size < 150_000

"""A headless Chromium, by the WebDriver protocol that Debian's chromedriver speaks: JSON over HTTP, no library.

https://www.w3.org/TR/webdriver2/
"""

import base64
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 120.0
"""Seconds after which something that should be seen is not; only what is broken makes anybody wait so long."""

_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"

missing = [tool for tool in ("chromium", "chromedriver") if shutil.which(tool) is None]
needs_chromium = pytest.mark.skipif(bool(missing), reason=f"needs {' and '.join(missing)}")


class Browser:
    """One window of a browser."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._session = ""

    def _call(self, method: str, path: str, content: object = None) -> Any:
        line = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        with contextlib.closing(line):
            body = None if method != "POST" else json.dumps(content or {})
            line.request(method, path, body, {"Content-Type": "application/json"})
            with line.getresponse() as reply:
                value = json.loads(reply.read())["value"]
        if reply.status != 200:
            raise AssertionError(f"{method} {path}: {value['error']}: {value['message']}")
        return value

    def open(self, arguments: list[str]) -> None:
        """Start the browser."""
        chosen = {"browserName": "chrome", "goog:chromeOptions": {"args": arguments}}
        found = self._call("POST", "/session", {"capabilities": {"alwaysMatch": chosen}})
        self._session = f"/session/{found['sessionId']}"

    def close(self) -> None:
        """End the browser."""
        if self._session:
            self._call("DELETE", self._session)

    def post(self, path: str, **content: object) -> Any:
        """A command of the protocol."""
        return self._call("POST", f"{self._session}/{path}", content)

    def go(self, url: str) -> None:
        """Load a page."""
        self.post("url", url=url)

    def run(self, script: str, *arguments: object) -> Any:
        """What a function with this body returns in the page."""
        return self.post("execute/sync", script=script, args=arguments)

    def devtools(self, command: str, **parameters: object) -> Any:
        """A command of the DevTools protocol."""
        return self.post("goog/cdp/execute", cmd=command, params=parameters)

    def click(self, selector: str) -> None:
        """Click as a user does: on what is there, seen and not covered."""
        element = self.post("element", using="css selector", value=selector)[_ELEMENT]
        self.post(f"element/{element}/click")

    def text(self, selector: str = "body") -> str:
        """The text of an element as it is seen; empty where it is hidden or not there."""
        find = "const found = document.querySelector(arguments[0]);"
        script = f"{find} return found?.getClientRects().length ? found.innerText : ''"
        return str(self.run(script, selector))

    def address(self) -> str:
        """Where it is."""
        return str(self._call("GET", f"{self._session}/url"))

    def until(self, look: Callable[[], Any], what: str = "") -> Any:
        """What `look` gave when it was true at last."""
        end = time.monotonic() + PATIENCE
        while not (seen := look()):
            if time.monotonic() >= end:
                raise AssertionError(f"not seen: {what}\n{self.text()}")
            time.sleep(0.02)
        return seen

    def sees(self, text: str, selector: str = "body") -> str:
        """Wait until an element shows a text."""
        return str(self.until(lambda: text in (shown := self.text(selector)) and shown, text))

    def picture(self) -> bytes:
        """What is to be seen, as PNG."""
        return base64.b64decode(self._call("GET", f"{self._session}/screenshot"))


def _of_session(leader: int) -> list[int]:
    """The processes that are in the session of this one."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                if int(Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[3]) == leader:
                    found.append(int(name))
    return found


@contextlib.contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """A browser that keeps its files in `folder` and leaves no process behind."""
    with subprocess.Popen(
        ["chromedriver", "--port=0", "--log-level=WARNING"],
        env={**os.environ, "HOME": str(folder), "TMPDIR": str(folder), "XDG_CONFIG_HOME": str(folder / "config")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as driver:
        try:
            assert driver.stdout is not None
            found = next(filter(None, (re.search(r"successfully on port (\d+)", line) for line in driver.stdout)), None)
            assert found, "chromedriver did not start"
            browser = Browser(int(found[1]))
            try:
                browser.open(
                    [
                        "--headless=new",
                        "--no-sandbox",  # root in a container has no other way
                        "--disable-gpu",
                        "--disable-dev-shm-usage",
                        "--disable-background-networking",
                        "--disable-component-update",
                        "--no-first-run",
                        "--no-proxy-server",
                        "--host-resolver-rules=MAP *.test 127.0.0.1",
                        "--window-size=1200,800",
                        f"--user-data-dir={folder / 'profile'}",
                    ]
                )
                yield browser
            finally:
                browser.close()
        finally:
            while left := _of_session(driver.pid):
                for pid in left:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                driver.poll()
                time.sleep(0.005)

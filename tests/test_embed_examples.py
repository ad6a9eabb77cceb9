"""The programs of docs/embedding.md, run: they print what stands there. And their types."""

import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from daemon import PATIENCE, ROOT

PAGE = (ROOT / "docs/embedding.md").read_text()
SHOWN = re.findall(r"^<!-- (\S+) -->\n```python\n(.*?)^```\n(?:\n```text\n(.*?)^```$)?", PAGE, re.DOTALL | re.MULTILINE)
PRINTED = {Path(path).name: text for path, _, text in SHOWN}
PYRIGHT = ROOT / ".venv-clients/node_modules/.bin/pyright"


@pytest.fixture
def port() -> Iterator[str]:
    """A port that nobody is given by the system, but that a server of ours may listen on."""
    with closing(socket.socket()) as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 0))
        yield str(taken.getsockname()[1])


def without_times(text: str) -> str:
    text = re.sub(r"\d\d/\w{3}/\d{4} \d\d:\d\d:\d\d", "DATE", text)
    return re.sub(r"\d\d:\d\d:\d\d", "TIME", text)


def test_the_page_shows_the_files() -> None:
    assert {path for path, _, _ in SHOWN} == {
        f"examples/embedding/{path.name}" for path in ROOT.glob("examples/embedding/*.py") if path.name != "app.py"
    }
    for path, text, _ in SHOWN:
        assert (ROOT / path).read_text() == text
    assert PAGE.count("```python") == len(SHOWN)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hello.py", "crash.py", "plain.py", "policy.py"])
def test_a_program_of_the_page(name: str, port: str) -> None:
    words = [port] if name == "hello.py" else []
    done = subprocess.run(
        [sys.executable, "-W", "error", f"examples/embedding/{name}", *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=PATIENCE,
    )
    assert done.stderr == ""
    assert without_times(done.stdout) == without_times(PRINTED[name])


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("redis-server") is None, reason="needs redis-server")
def test_the_shop(port: str) -> None:
    wanted = set(without_times(PRINTED["shop.py"]).replace("8000", port).splitlines())
    command = [sys.executable, "-W", "error", "examples/embedding/shop.py", port]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as shop:
        try:
            assert shop.stdout is not None
            lines = [shop.stdout.readline()]
            assert lines == [f"open at http://127.0.0.1:{port}\n"]
            orders = f"http://127.0.0.1:{port}/orders"
            with urllib.request.urlopen(orders, b"hammer", timeout=PATIENCE) as answer:
                assert answer.read() == b"hammer is ordered\n"
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/packed", timeout=PATIENCE) as answer:
                assert answer.read() in (b"", b"hammer\n")
            while not wanted <= set(without_times("".join(lines)).splitlines()):
                lines.append(shop.stdout.readline())
            shop.send_signal(signal.SIGINT)
            rest, errors = shop.communicate(timeout=PATIENCE)
        finally:
            shop.kill()
    assert errors == "" and rest.endswith("closed\n")


@pytest.mark.slow
@pytest.mark.skipif(not PYRIGHT.exists(), reason="needs pyright: make test installs it")
def test_pyright_agrees(tmp_path: Path) -> None:
    """mypy --strict is asked by make check."""
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    offender = tmp_path / "offender.py"
    offender.write_text('import minisup\n\nminisup.Program("web", "web", startsec=1)\n')
    for path in ROOT.glob("examples/embedding/*.py"):
        shutil.copy(path, tmp_path)
    done = subprocess.run(
        [PYRIGHT, "--project", tmp_path, "--pythonpath", sys.executable],
        capture_output=True,
        text=True,
        env={"PATH": f"{ROOT}/.venv-clients/bin:/usr/bin:/bin", "HOME": str(tmp_path)},
    )
    found = [line.strip() for line in done.stdout.splitlines()]
    assert found == [
        str(offender),
        f'{offender}:3:31 - error: No parameter named "startsec" (reportCallIssue)',
        "1 error, 0 warnings, 0 informations",
    ]

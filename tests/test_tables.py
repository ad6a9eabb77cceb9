"""docs/interface.md and the man pages are what the tables in the code say, and these leave nothing of supervisord out.

When one is stale: ``python docs/generate.py``.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from oracle.case import HEAD
from oracle.peer import REAL, Peer, oracle_venv

DOCS = Path(__file__).resolve().parent.parent / "docs"

ASK = """
import ast, importlib.metadata, io, json, sys
from supervisor import confecho, events, options, supervisorctl

tree = ast.parse(open(options.__file__).read())
asked, signals = set(), set()
for node in ast.walk(tree):
    if isinstance(node, ast.Call):
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        texts = [a.value for a in node.args[:2] if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        if name in ("get", "getdefault", "saneget", "has_option"):
            asked.update(texts[1:] if texts[:1] == ["include"] else texts[:1])
        signals.update(a.attr for a in node.args if name == "signal" and getattr(a, "attr", "").startswith("SIG"))
sample = io.StringIO()
confecho.main(sample)
given = options.ServerOptions()
json.dump({
    "asked": sorted(asked),
    "sample": sample.getvalue(),
    "signals": sorted(signals),
    "short": given.short_options,
    "long": given.long_options,
    "events": [n for n in dir(events.EventTypes) if n.isupper()],
    "commands": [n[3:] for n in dir(supervisorctl.DefaultControllerPlugin) if n.startswith("do_")],
    "programs": [e.name for e in importlib.metadata.distribution("supervisor").entry_points],
}, sys.stdout)
"""

NO_OPTIONS = {"PATH", "expansions"}
"""What `get` is called with in supervisor's options module that is no option of a configuration."""


@pytest.fixture(scope="module")
def generate() -> Iterator[Any]:
    """The generator's module."""
    sys.path.insert(0, str(DOCS))
    try:
        import generate

        yield generate
    finally:
        sys.path.remove(str(DOCS))


@pytest.fixture(scope="module")
def real() -> SimpleNamespace:
    """What the real supervisor's code says about itself."""
    done = subprocess.run([oracle_venv() / "bin/python", "-W", "ignore", "-c", ASK], stdout=subprocess.PIPE, check=True)
    return SimpleNamespace(**json.loads(done.stdout))


def listed(section: str, column: int = 0) -> list[str]:
    """The cells of a column of the tables of a section of docs/interface.md, without their code marks."""
    text = (DOCS / "interface.md").read_text().partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    rows = [re.split(r" (?<!\\)\| ", line.strip("| ")) for line in text.splitlines() if line.startswith("| `")]
    return [cells[column].strip("`") for cells in rows]


def test_documents_are_what_the_code_says(generate: Any) -> None:
    stale = [path.name for path, text in generate.documents().items() if path.read_text() != text]
    assert stale == [], "run: python docs/generate.py"


def test_every_row_that_is_named_is_there(generate: Any) -> None:
    named = {row for rows in generate.ROWS.values() for row in rows}
    assert named <= set(generate.DECISIONS)
    assert set(generate.HOW) <= named
    assert [row for row in generate.HOW if not re.search(r"\bmend: ", generate.DECISIONS[row])] == []


def test_every_item_is_in_the_interface(generate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = set()

    def verdict(item: str, ours: bool = False) -> str:
        asked.add(item)
        return ""

    monkeypatch.setattr(generate, "verdict", verdict)
    generate.interface()
    assert set(generate.ROWS) - asked == set()


@pytest.mark.slow
def test_sections_and_options(real: SimpleNamespace) -> None:
    """By what its parser asks for, and by what its sample configuration holds."""
    ours = set(listed("Sections and options"))
    logs = {f"{channel}_{what}" for channel in ("stdout", "stderr") for what in LOG_OPTIONS}
    assert set(real.asked) - NO_OPTIONS - ours == set()
    assert {name for name in ours if name in logs} == logs  # it puts these names together
    sections = set(re.findall(r"^;?\[([a-z_-]+:?)", real.sample, re.M))
    options = set(re.findall(r"^;?([a-z_.]+) ?=", real.sample, re.M))
    headers = set(re.findall(r"^### \[([a-z_-]+:?)", (DOCS / "interface.md").read_text(), re.M))
    assert sections and sections <= headers
    assert options and options <= ours


LOG_OPTIONS = ("logfile", "logfile_backups", "logfile_maxbytes", "syslog", "capture_maxbytes", "events_enabled")


@pytest.mark.slow
def test_command_line(real: SimpleNamespace) -> None:
    ours = " ".join(listed("Command line of the daemon"))
    assert [name for name in real.long if f"--{name.rstrip('=')}" not in ours] == []
    assert [each for each in real.short if each[0] != "?" and f"-{each[0]}," not in ours] == []


@pytest.mark.slow
def test_events(real: SimpleNamespace) -> None:
    assert sorted(listed("Events")) == sorted(real.events)


@pytest.mark.slow
def test_signals(real: SimpleNamespace) -> None:
    assert set(real.signals) <= set(listed("Signals to the daemon"))


@pytest.mark.slow
def test_commands(real: SimpleNamespace) -> None:
    assert set(real.commands) - {"EOF"} <= set(listed("Commands"))
    assert set(real.programs) <= set(listed("Commands"))


@pytest.mark.slow
def test_methods(tmp_path: Path) -> None:
    with Peer(REAL, tmp_path / "p") as peer:
        peer.write("s.conf", HEAD)
        peer.start(("-n", "-c", "@DIR@/s.conf"))
        assert peer.wait_ready()
        names = peer.call("system.listMethods")
        calls = [{"methodName": "system.methodSignature", "params": [name]} for name in names]
        signatures = dict(zip(names, peer.call("system.multicall", calls), strict=True))
    ours = dict(zip(listed("Methods"), zip(listed("Methods", 1), listed("Methods", 2), strict=True), strict=True))
    assert {name: found for name, found in ours.items() if not name.startswith("minisup.")} == {
        name: (types[0], ", ".join(types[1:])) for name, types in signatures.items()
    }


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("groff") is None, reason="needs groff")
@pytest.mark.parametrize("page", ["minisup.1", "minisup-ctl.1", "minisup.conf.5"])
def test_man_page(page: str) -> None:
    done = subprocess.run(
        ["groff", "-ww", "-man", "-Tutf8", DOCS / "man" / page], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert re.sub(".\b", "", done.stdout).startswith(page.rpartition(".")[0].upper())

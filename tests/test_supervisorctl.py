"""Clients and daemons, side by side: the same words, the same output, the same exit status.

Each script is played by the real supervisorctl 4.3.0 on the real supervisord, and then by it on minisup, by
`minisup ctl` on supervisord and by `minisup ctl` on minisup. The tables are in `oracle/cases_supervisorctl.py` and
`oracle/cases_ctl.py`. Help texts are our own: that one is printed counts, not what it says.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from oracle.case import Case, Runs, Sights, judge, playing
from oracle.cases_ctl import ALONE, BOTH, OURS
from oracle.cases_supervisorctl import CASES as SUPERVISORCTL
from oracle.peer import MINISUP, REAL, client_of, oracle_venv

pytestmark = pytest.mark.slow

TABLE = Path(__file__).parents[1] / "docs" / "compatibility.md"
CASES: dict[str, Case] = SUPERVISORCTL | BOTH | ALONE
CTL = "/ctl"
PLAN = [
    *((command, MINISUP) for command in SUPERVISORCTL),
    *((command, kind + CTL) for command in SUPERVISORCTL | BOTH for kind in (REAL, MINISUP)),
    *((command, REAL + CTL) for command in ALONE),
]
COMMANDS = [
    *("add", "avail", "clear", "exit", "fg", "help", "listeners", "maintail", "open", "pid", "quit", "ready", "reload"),
    *("remove", "reread", "restart", "shutdown", "signal", "start", "status", "stop", "tail", "update", "version"),
]


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest) -> Iterator[Runs]:
    """Every chosen run, and that of the real ones, under way."""
    items = [item for item in request.session.items if item.module is request.module]
    plan = [
        (item.callspec.params["command"], item.callspec.params["kind"]) for item in items if hasattr(item, "callspec")
    ]
    oracle_venv()
    with playing(CASES, [*dict.fromkeys((command, REAL) for command, _ in plan), *plan]) as under_way:
        yield under_way


@pytest.fixture(scope="module")
def texts() -> dict[str, dict[str, str]]:
    """The help texts of both clients."""
    oracle_venv()
    return {client: helps(client) for client in ("", "ctl")}


def helps(client: str) -> dict[str, str]:
    """The help text of each command, with its last newline."""
    done = subprocess.run(
        [*client_of(client), "-s", "unix:///nowhere/at/all"],
        input="".join(f"help {command}\n" for command in COMMANDS),
        capture_output=True,
        text=True,
        cwd="/",
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
        check=True,
    )
    return dict(zip(COMMANDS, done.stdout.split("supervisor> ")[1:], strict=False))


def without_helps(sights: Sights, texts: dict[str, str]) -> Sights:
    """The same, with a word for each help text."""

    def told(value: Any) -> Any:
        if isinstance(value, list):
            return [told(one) for one in value]
        if isinstance(value, str):
            for command, text in texts.items():
                value = value.replace(text, f"(help of {command})\n")
        return value

    return {label: told(value) for label, value in sights.items()}


@pytest.mark.parametrize(("command", "kind"), PLAN)
def test_supervisorctl(command: str, kind: str, runs: Runs, texts: dict[str, dict[str, str]]) -> None:
    case = CASES[command]
    decided = (OURS.get(command, {}) if kind.endswith(CTL) else {}) | (case.differs if kind.startswith(MINISUP) else {})
    found = judge(
        replace(case, differs=decided),
        without_helps(runs[command, REAL].result(), texts[""]),
        without_helps(runs[command, kind].result(), texts["ctl" if kind.endswith(CTL) else ""]),
        read=lambda sights: without_helps(sights, texts[""]),
    )
    assert not found, "\n".join(["supervisorctl and supervisord would:", *found])


def test_decisions_are_rows_of_the_table() -> None:
    rows = set(re.findall(r"^\| ([a-z0-9-]+) \|", TABLE.read_text(), re.M))
    named = {one if isinstance(one, str) else one[0] for decided in OURS.values() for one in decided.values()}
    assert named <= rows, f"no such rows in {TABLE.name}: {sorted(named - rows)}"


def test_every_command_has_a_help(texts: dict[str, dict[str, str]]) -> None:
    assert [command for command, text in texts["ctl"].items() if not text.startswith(command)] == []
    assert [command for command, text in texts[""].items() if "No help" in text] == ["listeners", "ready"]

"""A case: a configuration, a script, and what is compared. Played on a peer it gives sights, to be compared."""

import contextlib
import difflib
import json
import os
import signal
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import normal
from .peer import REAL, Peer, until
from .steps import Stage, Step

Sights = dict[str, Any]
"""What was seen, in order: label to value, all of it JSON."""

HEAD = """\
[unix_http_server]
file=@DIR@/s.sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisord]
logfile=@DIR@/supervisord.log
pidfile=@DIR@/supervisord.pid
childlogdir=@DIR@/logs
"""


@dataclass(frozen=True)
class Case:
    """One case of a table; its key in the table says what it shows.

    Attributes:
        config: the text of s.conf; `@DIR@`, `@PORT@`, `@PYTHON@` are filled in. `HEAD` is put before it unless `bare`.
        steps: the script; afterwards the supervisor gets a TERM if it is still there.
        files: more files, by name. What begins with `#!` is executable.
        args: the command line; env: more environment; umask: of the caller.
        ready: wait until it answers before the first step; False for a supervisor that must not come up, or not
            here; `log` for one without a socket: wait until its log says that it started.
        differs: sights in which minisup differs on purpose: label to the row of docs/compatibility.md that says so,
            or to that row and what minisup shows instead.
        ordered: the main log is compared line by line, not process by process.
        noise: also compare the lines of the log that depend on the real one's tick.
        without: lines of the main log that hold one of these texts are luck in the real one.
        stdout: compare what the supervisor itself writes to stdout, too.
        files_too: compare the list of files left, with modes.
        root: needs root; skipped elsewhere.
        wrapper: a command that executes the supervisor.
        open: everybody may write to its folder.
    """

    config: str = ""
    steps: tuple[Step, ...] = ()
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    args: tuple[str, ...] = ("-n", "-c", "@DIR@/s.conf")
    env: Mapping[str, str] = field(default_factory=dict)
    umask: int = 0o022
    bare: bool = False
    ready: bool | str = True
    differs: Mapping[str, str | tuple[str, Any]] = field(default_factory=dict)
    ordered: bool = False
    noise: bool = False
    without: tuple[str, ...] = ()
    stdout: bool = False
    files_too: bool = True
    root: bool = False
    sock: str = "s.sock"
    wrapper: tuple[str, ...] = ()
    open: bool = False


def play(case: Case, kind: str, folder: Path) -> Sights:
    """Run the script of a case on a peer of `kind` in `folder` (made, and removed at the end)."""
    sights: Sights = {}
    with Peer(kind, folder) as peer:
        for name, content in case.files.items():
            peer.write(name, content)
        if case.config or not case.bare:
            peer.write("s.conf", case.config if case.bare else HEAD + case.config)
        given = {path.relative_to(folder) for path in folder.rglob("*")}
        if case.open:
            folder.chmod(0o777)
        peer.start(case.args, case.env, case.umask, case.wrapper)
        if case.ready == "log":
            sights["answers"] = bool(until(lambda: "supervisord started" in peer.read("supervisord.log")))
        elif case.ready:
            sights["answers"] = peer.wait_ready(case.sock)
        stage = Stage()
        if not case.ready or sights["answers"]:
            for number, step in enumerate(case.steps, 1):
                seen = step.run(peer, stage)
                if seen is not None:
                    sights[step.label or f"{number} {step}"] = seen
        if not case.ready:
            peer.wait_exit()
        peer.signal(signal.SIGTERM)
        sights["exit status"] = peer.wait_exit()
        sights["left running"] = [normal.text(line, peer) for line in peer.left()]
        sights["stderr"] = normal.text(peer.stderr, peer)
        if not case.ready:
            sights["error"] = sights["stderr"].splitlines()[-2:]
        if case.stdout:
            sights["stdout"] = normal.text(peer.stdout, peer)
        lines = [
            line
            for line in normal.log_lines(peer.read("supervisord.log"), peer)
            if (case.noise or not normal.NOISE.search(line)) and not any(word in line for word in case.without)
        ]
        sights["log"] = lines if case.ordered else normal.by_subject(lines)
        if case.files_too:
            sights["files"] = _files(folder, given, peer)
    return sights


def _files(folder: Path, given: set[Path], peer: Peer) -> list[str]:
    found = []
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        if name not in given:
            found.append(f"{normal.text(str(name), peer)} {stat.S_IMODE(os.lstat(path).st_mode):04o}")
    return sorted(found)


def differences(case: Case, real: Sights, other: Sights) -> list[str]:
    """Where two runs of a case differ and no row of the table says that they do; each with both sides.

    A sight that is said to differ and does not is a difference too: the table has to be true.
    """
    found = []
    for label in [*real, *(label for label in other if label not in real)]:
        left, right = real.get(label, "(missing)"), other.get(label, "(missing)")
        decided = case.differs.get(label)
        if left == right and decided is None:
            continue
        if decided is not None:
            if left == right:
                found.append(f"{label}: said to differ by {decided!r}, but both gave {left!r}")
            elif isinstance(decided, tuple) and right != decided[1]:
                found.append(f"{label}: decided by row {decided[0]!r} otherwise:\n{_sides(decided[1], right)}")
            continue
        found.append(f"{label}:\n{_sides(left, right)}")
    found += [f"{label}: in the table of differences, but never seen" for label in case.differs if label not in real]
    return found


def judge(
    case: Case, real: Sights, ours: Sights, again: int = 2, read: Callable[[Sights], Sights] = lambda sights: sights
) -> list[str]:
    """`differences`; before anybody is blamed the real one plays `again`: what it does by luck is right for us, too.

    Ours plays once: what it did has to be right. `read` is what the sights of a run of the real one pass through.
    """
    found = differences(case, real, ours)
    for _ in range(again if found else 0):
        with playing({"again": case}, [("again", REAL)], 1) as runs:
            if not differences(case, read(runs["again", REAL].result()), ours):
                return []
    return found


def _sides(left: Any, right: Any) -> str:
    a, b = _rows(left), _rows(right)
    if len(a) + len(b) <= 2:
        return f"    supervisord: {''.join(a)}\n    minisup:     {''.join(b)}"
    return "\n".join(f"    {row}" for row in difflib.unified_diff(a, b, "supervisord", "minisup", lineterm="", n=2))


def _rows(value: Any) -> list[str]:
    if isinstance(value, str) and "\n" in value:
        return value.splitlines()
    if isinstance(value, (list, dict)):
        return json.dumps(value, indent=1, ensure_ascii=False, default=repr).splitlines()
    return [repr(value)]


Runs = dict[tuple[str, str], "Future[Sights]"]
"""(case, kind of peer) to what it will have seen."""


@contextlib.contextmanager
def playing(cases: Mapping[str, Case], plan: Iterable[tuple[str, str]], workers: int = 24) -> Iterator[Runs]:
    """Run cases, many at once: they mostly wait.

    Args:
        cases: by name.
        plan: what to run: the name of a case, the kind of peer.
    """
    base = Path(tempfile.mkdtemp(prefix="oracle-"))
    base.chmod(0o755)  # children that run as somebody else come here
    pool = ThreadPoolExecutor(workers)
    try:
        yield {
            (key, kind): pool.submit(play, cases[key], kind, base / f"{number:03}")
            for number, (key, kind) in enumerate(plan)
        }
    finally:
        pool.shutdown(cancel_futures=True)
        base.rmdir()

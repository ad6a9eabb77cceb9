"""The benchmarks work: each measure is taken. How long anything took is not looked at."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from daemon import ROOT, needs


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", "--tiny", "--patience", "0", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.slow
@needs("cc")
def test_life_and_logs_of_two(tmp_path: Path) -> None:
    """What takes long in a supervisord (a restart, an end) is left out."""
    only = [word for name in ("log", "logs", "reading", "growth") for word in ("--only", name)]
    done = bench(*only, "--json", str(tmp_path / "r"), "supervisord", "minisup", "cat")
    assert done.returncode == 0, done.stdout + done.stderr
    samples = json.loads((tmp_path / "r").read_text())["samples"]
    assert samples["log.rate"].keys() == samples["logs.rate"].keys() == {"supervisord", "minisup", "cat"}
    assert samples["read"].keys() == {"supervisord", "minisup"}
    assert "minisup / supervisord" in done.stdout


def results() -> Any:
    """Of two supervisors and two rounds."""
    from benchmarks.growth import Cost
    from benchmarks.results import Results

    found = Results({"middle": 100, "big": 1000, "orphans": 1000})
    found.about = {"machine": "a machine", "versions": "of all", "took": "a minute", "noise": "it was quiet"}
    found.names = ["supervisord", "minisup", "floor"]
    for name, rounds in {"supervisord": (1000, 1010), "minisup": (1.6, 1.4), "floor": (1, 0.5)}.items():
        for sample in rounds:
            found.note("crash", name, [sample])
    for name, value in {"supervisord": 13.5, "minisup": 13.75}.items():
        found.note("memory.one", name, [value])
        found.note("memory.big", name, [value + 999 * 6 / 1024])
    found.derive()
    found.costs.append(Cost("minisup", 10, 0.001, 0.0001, 0.0))
    return found


def test_ratios_are_taken_within_a_round() -> None:
    """And a goal without a name is a limit to the value itself."""
    from benchmarks.goals import BY_KEY

    found = results()
    assert found.value(BY_KEY["crash"], "minisup") == 1.5
    assert found.ratio(BY_KEY["crash"], "minisup", "floor") == pytest.approx((1.6 / 1 + 1.4 / 0.5) / 2)
    [(to_floor, ratio, met), (_, absent, unknown)] = found.verdicts(BY_KEY["crash"])
    assert (str(to_floor), ratio, met) == ("<= 1.8 floor", pytest.approx(2.2), False)
    assert absent is unknown is None  # runit was not measured
    [(goal, value, met)] = found.verdicts(BY_KEY["memory.each"])
    assert (str(goal), value, met) == ("<= 6", pytest.approx(6), True)


def test_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was written and read again fills the page, which keeps all else."""
    from benchmarks import report

    monkeypatch.setattr(report, "DOCS", tmp_path)
    monkeypatch.setattr(report, "PAGE", tmp_path / "performance.md")
    page = (ROOT / "docs/performance.md").read_text()
    report.PAGE.write_text(page)
    results().write(tmp_path / "run")
    (tmp_path / "soak").write_text("no line was lost\n")
    assert report.main(["--run", str(tmp_path / "run"), "--soak", str(tmp_path / "soak")]) == 0
    made = report.PAGE.read_text()
    assert "| all of 1000 crash, all replaced | ms | 1,005 (1,000..1,010) | 1.5 (1.4..1.6) | 0.75 (0.5..1) |" in made
    assert "```text\nno line was lost\n```" in made
    assert "<svg" in (tmp_path / "performance.svg").read_text()
    assert [line for line in made.splitlines() if line.startswith("#")] == [
        line for line in page.splitlines() if line.startswith("#")
    ]


@pytest.mark.slow
@needs("cc", "unshare")
def test_every_measure_of_minisup(tmp_path: Path) -> None:
    from benchmarks.goals import MEASURES

    done = bench("--json", str(tmp_path / "r"), "minisup", "floor")
    assert done.returncode == 0, done.stdout + done.stderr
    samples = json.loads((tmp_path / "r").read_text())["samples"]
    assert [measure.key for measure in MEASURES if "minisup" not in samples[measure.samples]] == []


# --- the soak ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@needs("cc")
def test_soak(tmp_path: Path) -> None:
    svg = tmp_path / "soak.svg"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.soak", "--minutes", "0.25", "--hups", "4", "--programs", "40", "--svg", svg],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no line was lost" in done.stdout
    assert svg.read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("memories", "verdict"),
    [
        ([18 + min(n, 25) / 5 for n in range(100)], "no growth beyond noise"),
        ([18 + n / 20 for n in range(100)], "it grows!"),
        ([18 + n / 2 for n in range(10)], "too few HUPs to say more"),
    ],
)
def test_growth_is_told_from_a_beginning(memories: list[float], verdict: str) -> None:
    from benchmarks.soak import Sample, grown

    samples = [Sample(at, int(memory * 2**20), 600, 0) for at, memory in enumerate(memories)]
    assert grown(samples).endswith(verdict)


def lines(slot: int, pid: int, numbers: range) -> bytes:
    """As child.c writes them."""
    return b"".join(b"%05d %016d %07d " % (slot, number, pid) + b"." * 68 + b"\n" for number in numbers)


def log(folder: Path, parts: list[bytes]) -> Any:
    """What has read a log that was rotated behind each part."""
    from benchmarks.follow import Follower

    path = folder / "7.log"
    follower = Follower(path, 7)
    try:
        for part in parts:
            for number in range(len(parts), 0, -1):
                if (old := Path(f"{path}.{number}")).exists():
                    old.rename(f"{path}.{number + 1}")
            if path.exists():
                path.rename(f"{path}.1")
            path.write_bytes(part)
            if part is not parts[-2]:  # so that two rotations lie between two readings
                follower.follow()
        return follower
    finally:
        follower.close()


LIVES = {11: 30, 12: 0, 13: 5}
WHOLE = [lines(7, 11, range(10)), lines(7, 11, range(10, 30)), lines(7, 13, range(5))]

# What is in the log, rotation by rotation -> what is complained of.
LOSSES = {
    "a line in the midst": ([WHOLE[0], lines(7, 11, range(11, 30)), WHOLE[2]], "is not what comes after"),
    "the last line of a life": (
        [WHOLE[0], lines(7, 11, range(10, 29)), WHOLE[2]],
        "29 lines of 11, which has written 30",
    ),
    "the first line of a life": ([*WHOLE[:2], lines(7, 13, range(1, 5))], "is not what comes after"),
    "a life": ([*WHOLE[:2], b""], "no line of 13, which has written 5"),
    "half a line": ([*WHOLE[:2], WHOLE[2][:-7]], "ends within a line"),
    "a line twice": ([WHOLE[0], lines(7, 11, range(9, 30)), WHOLE[2]], "is not what comes after"),
    "lives in another order": ([WHOLE[2], lines(7, 11, range(30)), b""], "no line of 11"),
    "a line of another program": ([*WHOLE[:2], lines(8, 13, range(5))], "is not what comes after"),
}


def lives() -> list[Any]:
    from benchmarks.programs import Stamp

    return [Stamp(7, pid, 0.0, written, 0) for pid, written in LIVES.items()]


def test_a_whole_log_is_taken_for_whole(tmp_path: Path) -> None:
    follower = log(tmp_path, WHOLE)
    follower.judge(lives())
    assert follower.runs == [[11, 30], [13, 5]]


def test_a_line_that_was_written_but_not_counted(tmp_path: Path) -> None:
    log(tmp_path, [*WHOLE[:2], lines(7, 12, range(1)), WHOLE[2]]).judge(lives())


@pytest.mark.parametrize("loss", LOSSES)
def test_the_soak_notices(loss: str, tmp_path: Path) -> None:
    from benchmarks.follow import Lost

    parts, complaint = LOSSES[loss]
    with pytest.raises(Lost, match=complaint):
        log(tmp_path, parts).judge(lives())

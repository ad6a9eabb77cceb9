"""The benchmarks work: each measure is taken. How long anything took is not looked at."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from daemon import ROOT, needs

pytestmark = pytest.mark.slow


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", "--tiny", "--patience", "0", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


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


@needs("cc", "unshare")
def test_every_measure_of_minisup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks.goals import MEASURES

    done = bench("--json", str(tmp_path / "r"), "minisup", "floor")
    assert done.returncode == 0, done.stdout + done.stderr
    samples = json.loads((tmp_path / "r").read_text())["samples"]
    assert [measure.key for measure in MEASURES if "minisup" not in samples[measure.samples]] == []

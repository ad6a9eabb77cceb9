"""The documents tell the truth: every command in them is run here, or is listed with the test that runs it."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import minisup

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted(path for path in [*ROOT.glob("*.md"), *ROOT.glob("*/*.md")] if ".venv" not in str(path))
SCRIPTS = Path(sys.executable).parent
ORACLE = ROOT / ".venv-supervisor/bin"
TABLE = ROOT / "docs/compatibility.md"

# Commands as they stand in a document -> the test that runs them, or "by hand: why".
COMMANDS = {
    "make demo": "test_docs.py: test_demo",
    "make test": "by hand: it is what runs this test, by .ci/run",
    "make check": "by hand: a part of make test",
    **dict.fromkeys(
        (
            "supervisorctl -s unix:///PATH status",
            "supervisorctl pid",
            "supervisorctl reload",
            "supervisorctl restart NAME",
            "supervisorctl start NAME",
            "supervisorctl tail NAME stderr",
        ),
        "test_docs.py: test_commands_of_troubleshooting",
    ),
    "systemctl edit supervisor": "by hand: needs systemd",
    "systemctl restart supervisor": "by hand: needs systemd",
    "make clean": "by hand: it would remove what runs this test",
    "make bench": "by hand: 15 minutes; test_benchmarks.py takes each measure",
    "make bench-quick": "by hand: two minutes; test_benchmarks.py takes each measure",
    "make bench SUPERVISORS='minisup minisup'": "by hand: 15 minutes; test_benchmarks.py takes each measure",
    ".venv/bin/python -m benchmarks --json run.json": "test_benchmarks.py: test_every_measure_of_minisup",
    ".venv/bin/python -m benchmarks.report --run run.json --soak soak.txt": "test_benchmarks.py: test_report",
    ".venv/bin/python -m benchmarks --help": "by hand: test_benchmarks.py runs what it tells",
    "make soak": "by hand: half an hour; test_benchmarks.py does it for some seconds",
    "make soak MINUTES=5 HUPS=100": "by hand: five minutes; test_benchmarks.py does it for some seconds",
    "make test PYTHON=python3.13": "by hand: needs another Python",
    "minisup --help": "test_docs.py: test_help",
    "minisup --version": "test_docs.py: test_version",
    "minisup run": "test_docs.py: test_readme_transcript",
    "minisup check": "test_docs.py: test_readme_transcript",
    "minisup check -c FILE": "test_docs.py: test_readme_transcript",
    "minisup sample": "test_compat_sample.py: test_command",
    "minisup ctl": "test_supervisorctl.py: test_supervisorctl",
    "minisup ctl [command ...]": "test_docs.py: test_commands_of_troubleshooting",
    "minisup check --spoke": "test_examples.py: test_wheel",
    "minisup ctl listeners": "test_listeners.py: test_an_event_reaches_its_listener",
    "minisup ctl pid": "test_docs.py: test_commands_of_troubleshooting",
    **dict.fromkeys(
        ("minisup ctl ready", "minisup ctl ready -t 60 web", "minisup ctl ready -t SECONDS"),
        "test_probes.py: test_every_kind_in_a_daemon",
    ),
    "minisup hub": "test_examples.py: test_entrypoint",
    "minisup hub {dynamic,static,static-update}": "test_hub.py: test_static_update",
    "minisup hub MODE": "test_hub.py: test_dynamic_clones_and_merges",
    "minisup spoke": "test_examples.py: test_wheel",
    "minisup spoke COMMAND": "test_radial.py: test_a_command_as_pid_1",
    "minisup spoke [COMMAND ...]": "test_radial.py: test_a_command_as_pid_1",
    "docker build -t spoke-base images/spoke-base": "by hand: needs a container engine; test_examples.py runs its line",
    "docker compose up --build": "by hand: needs a container engine; test_examples.py runs what the file says",
    "kubectl apply -f pod.yaml": "by hand: needs a cluster; test_examples.py runs what the file says",
    "docker stop": "by hand: needs a container engine; test_radial.py stops what it starts as one would",
    'CMD ["dynamic"]': "test_examples.py: test_entrypoint",
    "supervisorctl tail -f": "by hand: not ours; the oracle follows a log with it",
    "minisup run [supervisord's options]": "test_docs.py: test_readme_transcript",
    "minisup check [-c FILE] [--spoke]": "test_docs.py: test_readme_transcript",
    "RUN python3 -m venv /opt/minisup && /opt/minisup/bin/pip install minisup && "
    "ln -sf /opt/minisup/bin/minisup /usr/local/bin/supervisord": "test_docs.py: test_dockerfile",
    "ln -sf /opt/minisup/bin/minisup /usr/local/bin/supervisord": "test_docs.py: test_dockerfile",
    'CMD ["supervisord", "-n", "-c", "/etc/supervisord.conf"]': "test_docs.py: test_dockerfile",
    ".venv/bin/minisup check -c examples/wheel/supervisor/supervisord.conf": "test_docs.py: test_check_of_the_wheel",
    ".venv/bin/python examples/demo.py": "test_docs.py: test_demo",
    ".venv/bin/python examples/demo.py --with .venv-supervisor/bin/supervisord": "test_docs.py: test_demo",
    ".venv/bin/python docs/generate.py": "test_tables.py: test_documents_are_what_the_code_says",
    "kill -USR2": "by hand: nothing shows but a log line",
    ".venv-supervisor/bin/supervisorctl -s unix:///path/supervisor.sock status": "test_docs.py: test_readme_transcript",
    ".venv/bin/python -m pytest tests/test_lifecycle.py": "by hand: a part of make test",
    ".venv/bin/python -m pytest -k brake": "by hand: a part of make test",
    ".venv/bin/python -m pytest -m 'not slow'": "by hand: a part of make test",
    "pip install --force-reinstall supervisor": "by hand: from the registry",
    "pip install --no-deps superlance": "by hand: from the registry",
    "pip install minisup": "by hand: from the registry; the line of the Dockerfile installs the checkout in a test",
    "pip uninstall minisup-compat": "by hand: with the two of them from the registry",
    "pip wheel --no-deps -w dist .": "by hand: part of a release, needs the network",
}

STARTS = (
    *("docker ", "kubectl ", "make ", "minisup ", "kill ", "systemctl ", "pip ", "ln -s", "supervisorctl ", ".venv"),
    *("RUN ", "CMD "),
)


def blocks(text: str) -> list[tuple[str, str]]:
    """(language, body) of the fenced blocks."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def commands(text: str) -> set[str]:
    """Commands in fenced blocks that are no transcript, and inline ones of more than one word."""
    found = set()
    for language, body in blocks(text):
        if language != "console":
            found |= {re.split(r" {2,}| +# ", line.strip())[0] for line in body.splitlines()}
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    found |= {re.sub(r"\s+", " ", code) for code in re.findall(r"`([^`]+)`", prose) if " " in code}
    return {command for command in found if command.startswith(STARTS)}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_are_listed(path: Path) -> None:
    assert commands(path.read_text()) - set(COMMANDS) == set()


def test_transcripts_are_run() -> None:
    """Two of them here, docs/radial.md's by test_examples.py; another one needs a test like theirs."""
    consoles = [path.name for path in DOCUMENTS for language, _ in blocks(path.read_text()) if language == "console"]
    assert sorted(consoles) == ["README.md", "migrating.md", "radial.md"]


def pins_of(place: str) -> bool:
    """Whether ``file: name`` names a test, or a case of one, that is there."""
    file, _, name = place.partition(": ")
    path = ROOT / "tests" / file
    return path.is_file() and name.partition("[")[0].strip() in path.read_text()


def test_listed_tests_exist() -> None:
    assert [test for test in COMMANDS.values() if not test.startswith("by hand: ") and not pins_of(test)] == []
    assert COMMANDS.keys() <= {command for path in DOCUMENTS for command in commands(path.read_text())}


def test_links_lead_somewhere() -> None:
    missing = []
    for path in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
            if not (path.parent / target).exists():
                missing.append(f"{path.name}: {target}")
    assert missing == []


# --- the table of quirks --------------------------------------------------------------------------------------------


def rows() -> list[tuple[str, list[str]]]:
    """(section, cells) of every row of docs/compatibility.md."""
    found, section = [], ""
    for line in TABLE.read_text().splitlines():
        if line.startswith("## "):
            section = line[3:]
        elif line.startswith("| ") and not line.startswith("| row |"):
            found.append((section, [cell.strip() for cell in line.strip("|").split(" | ")]))
    return found


def test_table_is_in_order() -> None:
    cells = rows()
    assert [row for _, row in cells if len(row) != 4] == []
    assert [row[0] for _, row in cells if not re.match(r"(copy|mend|not|later)\b", row[2])] == []
    names = [row[0] for _, row in cells]
    assert len(names) == len(set(names))
    for section in {section for section, _ in cells}:
        here = [row[0] for of, row in cells if of == section]
        assert here == sorted(here), section


def test_table_says_how_it_mends() -> None:
    assert [row[0] for _, row in rows() if row[2].rstrip() == "mend"] == []


def test_pinning_tests_exist() -> None:
    pins = [(row[0], pin) for _, row in rows() for pin in re.findall(r"`([^`]+)`", row[3])]
    assert [f"{name}: {pin}" for name, pin in pins if not pins_of(pin)] == []


def test_what_is_decided_is_pinned() -> None:
    assert [row[0] for _, row in rows() if row[3] == "-" and not row[2].startswith("later")] == []


def test_quirks_in_code_name_their_test() -> None:
    """Rule of STYLE.md: what is copied on purpose says which test holds it."""
    silent = []
    for path in sorted((ROOT / "minisup").rglob("*.py")):
        lines = path.read_text().splitlines()
        for number, line in enumerate(lines):
            if "QUIRK(supervisor)" in line and "test_" not in " ".join(lines[number : number + 5]):
                silent.append(f"{path.relative_to(ROOT)}:{number + 1}")
    assert silent == []


# --- what is run ----------------------------------------------------------------------------------------------------


def environment(*folders: Path) -> dict[str, str]:
    return os.environ | {"PATH": os.pathsep.join([*map(str, folders), os.environ["PATH"]]), "PYTHONUNBUFFERED": "1"}


def run(*command: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env=environment(SCRIPTS), capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [[], ["--with", str(ORACLE / "supervisord")]], ids=["minisup", "supervisord"])
def test_demo(arguments: list[str]) -> None:
    done = run(sys.executable, "examples/demo.py", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("all of it was seen\n")


@pytest.mark.slow
@pytest.mark.parametrize("words", [[], ["run"], ["check"]], ids=" ".join)
def test_help(words: list[str]) -> None:
    done = run(SCRIPTS / "minisup", *words, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "minisup" in done.stdout


@pytest.mark.slow
def test_version() -> None:
    done = run(SCRIPTS / "minisup", "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{minisup.__version__}\n", "")


@pytest.mark.slow
def test_check_of_the_wheel(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "data").mkdir()
    done = subprocess.run(
        [SCRIPTS / "minisup", "check", "-c", "examples/wheel/supervisor/supervisord.conf"],
        cwd=ROOT,
        env=os.environ | {"WHEEL_ROOT": str(tmp_path), "HOSTNAME": "spoke-one"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_dockerfile(tmp_path: Path) -> None:
    """Under the name of supervisord it takes supervisord's options, without a word before them."""
    link = tmp_path / "supervisord"
    link.symlink_to(SCRIPTS / "minisup")
    assert run(link, "-v").stdout == run(ORACLE / "supervisord", "-v").stdout
    (tmp_path / "supervisord.conf").write_text("[supervisord]\npidfile=%(here)s/pid\nlogfile=%(here)s/log\n")
    with subprocess.Popen(
        ["supervisord", "-n", "-c", tmp_path / "supervisord.conf"],
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        text=True,
    ) as daemon:
        assert daemon.stdout is not None
        for line in daemon.stdout:
            if "supervisord started with pid" in line:
                daemon.send_signal(signal.SIGTERM)
    assert daemon.returncode == 0


def transcript(document: str) -> list[tuple[str, str]]:
    """(command, what it shows) of a document's transcript."""
    [body] = [body for language, body in blocks((ROOT / document).read_text()) if language == "console"]
    return [
        (re.split(r" {2,}# ", command)[0], shown)
        for command, _, shown in (step.partition("\n") for step in body.removeprefix("$ ").split("\n$ "))
    ]


def pattern(shown: str) -> re.Pattern[str]:
    """Numbers are free, for pids and times differ."""
    return re.compile(r"(\d+)".join(map(re.escape, re.split(r"\d+", shown))))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def follow(steps: list[tuple[str, str]], folder: Path) -> list[subprocess.Popen[str]]:
    """Run a transcript: the same lines, but for pids and times; what it left in the background."""
    where = {"cwd": folder, "env": environment(SCRIPTS, ORACLE), "text": True}
    numbers: dict[str, str] = {}
    left = []
    for command, expected in steps:
        for shown, real in numbers.items():
            command = re.sub(rf"\b{shown}\b", real, command)
        if command.endswith(" &"):
            left.append(subprocess.Popen(command.removesuffix(" &").split(), **where))
            continue
        end = time.monotonic() + 60
        while True:  # A reader comes as soon as the program is up, a test may be faster.
            done = subprocess.run(command, shell=True, stdout=subprocess.PIPE, timeout=60, check=False, **where)
            match = pattern(expected.strip()).fullmatch(done.stdout.strip())
            if match or "status" not in command or "kill" in command or time.monotonic() > end:
                break
        assert match, f"$ {command}\n{done.stdout}\ninstead of\n{expected}"
        numbers.update(zip(re.findall(r"\d+", expected), match.groups(), strict=True))
    return left


@pytest.mark.slow
def test_readme_transcript(tmp_path: Path) -> None:
    """Step by step with the real supervisorctl."""
    (_, conf), *steps = transcript("README.md")
    (tmp_path / "supervisord.conf").write_text(conf.replace("8000", str(free_port())) + "\n")
    try:
        (daemon,) = follow(steps, tmp_path)
        assert daemon.wait(60) == 0
    finally:
        end(tmp_path)


@pytest.mark.slow
def test_commands_of_troubleshooting(tmp_path: Path) -> None:
    """With both clients, and with a program that has just been stopped, so that it can be started."""
    (_, conf), *_ = transcript("README.md")
    conf = conf.replace("python3 -m http.server 8000 --bind 127.0.0.1", "cat")
    (tmp_path / "supervisord.conf").write_text(conf + "\n")
    listed = [line for line in commands((ROOT / "docs/troubleshooting.md").read_text()) if line.startswith(("s", "m"))]
    listed += [line.replace("supervisorctl", "minisup ctl") for line in listed if line.startswith("supervisorctl ")]
    listed.sort(key=lambda line: ("reload" in line, "start" not in line, line))
    assert listed.pop() == "supervisorctl reload"  # one is enough
    places = {"NAME": "web", "/PATH": f"{tmp_path}/supervisor.sock", "FILE": "supervisord.conf"}
    where: dict[str, Any] = {"cwd": tmp_path, "env": environment(SCRIPTS, ORACLE), "text": True}
    daemon = subprocess.Popen(["minisup", "run", "-s"], **where)
    try:
        patience = time.monotonic() + 60
        while subprocess.run(["supervisorctl", "stop", "web"], capture_output=True, **where).returncode:
            assert time.monotonic() < patience
        for line in listed:
            for name, place in places.items():
                line = line.replace(name, place)
            done = subprocess.run(line, shell=True, capture_output=True, timeout=60, check=False, **where)
            assert done.returncode == 0, f"$ {line}\n{done.stdout}{done.stderr}"
    finally:
        daemon.terminate()
        daemon.wait(60)


@pytest.mark.slow
def test_migrating_transcript(tmp_path: Path) -> None:
    """There and back with the configuration of the README, in the background."""
    (_, conf), *_ = transcript("README.md")
    conf = conf.replace("8000", str(free_port())).replace("nodaemon=true\n", "")
    (tmp_path / "supervisord.conf").write_text(conf + "\n")
    try:
        assert follow(transcript("docs/migrating.md"), tmp_path) == []
    finally:
        end(tmp_path)


def end(folder: Path) -> None:
    """Stop the daemon of a transcript, wherever it ended."""
    try:
        pid = int((folder / "supervisord.pid").read_text())
        os.kill(pid, signal.SIGTERM)
    except (OSError, ValueError):
        return
    patience = time.monotonic() + 60
    while (folder / "supervisord.pid").exists() and time.monotonic() < patience:
        time.sleep(0.05)


# --- docs/troubleshooting.md -----------------------------------------------------------------------------------------

CLIENTS = {"no such file": "supervisorctl", "refused connection": "supervisorctl"}
"""Texts that are not the daemon's."""


def messages() -> list[str]:
    """What stands in backticks in the first column, in its pieces between names and numbers."""
    text = (ROOT / "docs/troubleshooting.md").read_text()
    cells = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| ") and "it says" not in line]
    quoted = [piece for cell in cells for piece in re.findall(r"`([^`]+)`", cell)]
    return [piece.strip(" ;'\"()") for words in quoted for piece in re.split(r"'?\b(?:NAME|PID|SIG[A-Z]+)\b'?", words)]


def test_messages_are_those_of_the_code() -> None:
    code = " ".join(path.read_text() for path in sorted((ROOT / "minisup").rglob("*.py")))
    code = re.sub(r'["\']\s*\n\s*f?["\']', "", code)  # literals that stand one below the other are one
    said = [piece for piece in messages() if piece and piece not in CLIENTS and "unix://" not in piece]
    assert len(said) > 30
    assert [piece for piece in said if piece not in code] == []

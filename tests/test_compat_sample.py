"""The sample configuration: made from the schema, taken by both daemons, as it stands and with all of it set."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from minisup.config.build import load
from minisup.config.facts import Facts, Overrides
from minisup.config.sample import ACTIVE, SECTIONS, sample
from minisup.config.schema import KINDS

ROOT = Path(__file__).resolve().parent.parent
ORACLE = ROOT / ".venv-supervisor/bin/python"

READ_BY_SUPERVISORD = """\
import sys
from supervisor.options import ServerOptions
options = ServerOptions()
options.realize(["-c", sys.argv[1]])
print(options.serverurl, *(group.name for group in options.process_group_configs))
"""

SET_BY_SUPERVISOR = """\
from supervisor.compat import resource_filename
from supervisor.options import UnhosedConfigParser
parser = UnhosedConfigParser()
parser.read(resource_filename("supervisor", "skel/sample.conf"))
for section in parser.sections():
    for name, value in parser.items(section):
        print(f"{section}|{name}|{value}")
"""


def uncommented() -> str:
    """Every option set: what a reader gets who removes each ``;``."""
    return re.sub(r"^;(?=\S)", "", sample(), flags=re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "groups"),
    [(sample(), []), (uncommented(), ["theeventlistenername", "thefcgiprogramname", "thegroupname"])],
    ids=["as it stands", "all of it"],
)
def test_both_daemons_take_it(text: str, groups: list[str], tmp_path: Path) -> None:
    path = tmp_path / "supervisord.conf"
    path.write_text(text)
    configuration = load(Overrides(str(path)), Facts.of_this_machine())
    assert configuration.unknown == ()
    assert sorted(group.name for group in configuration.groups) == groups
    done = subprocess.run(
        [ORACLE, "-c", READ_BY_SUPERVISORD, path], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].split() == ["unix:///tmp/supervisor.sock", *groups]


def test_every_section_and_option_is_in_it() -> None:
    assert {kind for kind, _ in SECTIONS} == set(KINDS)
    shown = set(re.findall(r"^;?([\w.]+) ?=", sample(), flags=re.MULTILINE))
    assert shown == {key for kind in KINDS for key in kind.keys}
    assert set(re.findall(r"^;?\[([\w-]+:?)", sample(), flags=re.MULTILINE)) == {kind.header for kind in KINDS}


@pytest.mark.slow
def test_the_same_lines_are_set() -> None:
    """A script changes a line of the sample with sed: what is set there is set here, with the same value."""
    done = subprocess.run([ORACLE, "-c", SET_BY_SUPERVISOR], capture_output=True, text=True, timeout=120, check=True)
    theirs = {tuple(line.split("|")) for line in done.stdout.splitlines()}
    ours = {
        (kind.header + name, option, value or kind.keys[option].default)
        for kind, name in SECTIONS
        for option, value in ACTIVE.get(kind, {}).items()
    }
    assert ours == theirs


@pytest.mark.slow
def test_command() -> None:
    done = subprocess.run([sys.executable, "-m", "minisup", "sample"], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == (sample(), "")
    done = subprocess.run([sys.executable, "-m", "minisup", "sample", "x"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "minisup sample: cannot use 'x': it takes no words\n"

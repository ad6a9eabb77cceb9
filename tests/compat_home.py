"""A virtual environment with minisup and minisup-compat and without the real supervisor, of the checkout.

What an installation would do is done by hand, in a tenth of a second and without a network: a path file, and the
scripts with the interpreter in their first line.
"""

import os
import shutil
import sysconfig
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMPAT = ROOT / "compat"
THERE = ROOT / ".venv-supervisor/bin"
"""The commands of the real supervisor, and its Python."""


def make_home(folder: Path) -> Path:
    """Creates the environment; returns its folder of commands."""
    venv.EnvBuilder(symlinks=True, with_pip=False).create(folder)
    site = sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)})
    paths = (ROOT, COMPAT, sysconfig.get_path("purelib"))
    Path(site, "minisup-compat.pth").write_text("".join(f"{path}\n" for path in paths))
    commands = folder / "bin"
    for project in (ROOT, COMPAT):
        table = tomllib.loads((project / "pyproject.toml").read_text())
        scripts = table["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-scripts"]
        for source, name in scripts.items():
            script = commands / name
            script.write_text((project / source).read_text().replace("#!python", f"#!{commands / 'python'}", 1))
            shutil.copymode(project / source, script)  # as pip does
    return commands


def environment(commands: Path, **more: str) -> dict[str, str]:
    """An environment in which these commands come first."""
    path = os.pathsep.join([str(commands), os.environ["PATH"]])
    return os.environ | {"PATH": path, "PYTHONUNBUFFERED": "1"} | more

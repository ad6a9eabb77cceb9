"""From the exec of an entrypoint to the first statement of the spoke's program.

    python benchmarks/spoke_start.py [--rounds N] [--supervisor FOLDER]

Four ways to start one spoke of the same wheel, each in a folder of its own, in turns so that a busy moment of the
machine hits all of them alike:

    minisup spoke          waits, furnishes, starts its group by itself
    supervisord            the real one, its program on autostart, nothing around it
    shell, supervisord     a shell entrypoint that looks once a second for the pidfile and then calls supervisorctl
    shell, minisup         the same, with minisup behind the name supervisord

"later by" is the median of the differences to the first row within one round.
The program says CLOCK_MONOTONIC as soon as it runs; it is a Python without site, some ten milliseconds in every row.
"""

import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 30.0

CONF = """\
[supervisord]
childlogdir={root}/log
pidfile=/%(here)s/supervisord.pid
nodaemon=true
umask=022
identifier=supervisor
nocleanup=true

[supervisorctl]
serverurl=unix:///%(here)s/supervisor.sock

[unix_http_server]
file=/%(here)s/supervisor.sock

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[include]
files={root}/config/supervisor/conf.d/*.ini
"""

INI = """\
[group:{name}-group]
programs={name}

[program:{name}]
command={python} -I -S -c "import time; print(time.monotonic(), flush=True); time.sleep(1000)"
autostart={autostart}
autorestart=false
startsecs=0
startretries=0
exitcodes=0,1
stdout_logfile={root}/log/host/%(program_name)s_stdout.log
stderr_logfile={root}/log/host/%(program_name)s_stderr.log
"""

ENTRYPOINT = """\
set -e
run=$WHEEL_ROOT/run/supervisor/$HOSTNAME
log=$WHEEL_ROOT/log/$HOSTNAME
mkdir -p "$log" "$run"
touch "$run/$SPOKE_NAME"
ln -sf "$WHEEL_ROOT/config/supervisor/supervisord.conf" "$run/supervisord.conf"
{
    until [ -e "$run/supervisord.pid" ]; do sleep 1; done
    supervisorctl -s "unix://$run/supervisor.sock" start "$SPOKE_NAME-group:*"
} &
{
    until [ -e "$log/${SPOKE_NAME}_stderr.log" ]; do sleep 1; done
    tail --follow=name -n +1 "$log"/*_stderr.log | tee -a "$log/supervisord.log"
} &
exec supervisord --configuration="$run/supervisord.conf" --logfile="$log/supervisord.log"
"""


class Way:
    """One way to start a spoke.

    Attributes:
        took: seconds of each round.
    """

    def __init__(self, name: str, command: list[str], path: list[Path], autostart: bool = False) -> None:
        self.name = name
        self.took: list[float] = []
        self._command = command
        self._path = os.pathsep.join([*map(str, path), os.environ.get("PATH", os.defpath)])
        self._autostart = autostart

    def run(self, root: Path) -> None:
        """Start it in an empty folder, take the time, and stop it."""
        run, log, conf = root / "run/supervisor/host", root / "log/host", root / "config/supervisor"
        for folder in (run, log, conf / "conf.d"):
            folder.mkdir(parents=True)
        (conf / "supervisord.conf").write_text(CONF.format(root=root))
        for name in ("web", "db", "mail"):
            on = str(self._autostart and name == "web").lower()
            text = INI.format(name=name, python=sys.executable, root=root, autostart=on)
            (conf / f"conf.d/{name}.ini").write_text(text)
        if self._autostart:  # nobody else makes it here
            (run / "supervisord.conf").symlink_to(conf / "supervisord.conf")
        began = time.monotonic()
        process = subprocess.Popen(
            [word.format(root=root) for word in self._command],
            env={"PATH": self._path, "HOSTNAME": "host", "SPOKE_NAME": "web", "WHEEL_ROOT": str(root)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self.took.append(self._narrated(process, log / "web_stdout.log") - began)
        finally:
            process.terminate()
            process.wait(PATIENCE)
            try:
                os.killpg(process.pid, signal.SIGKILL)  # what a shell has left in the background
            except ProcessLookupError:
                pass

    def _narrated(self, process: "subprocess.Popen[bytes]", log: Path) -> float:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if log.exists() and (text := log.read_text()).endswith("\n"):
                return float(text)
            if process.poll() is not None:
                raise SystemExit(f"{self.name}: ended with {process.returncode}")
            time.sleep(0.002)
        raise SystemExit(f"{self.name}: the program did not start within {PATIENCE:g} s")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, metavar="N")
    default = ROOT / ".venv-supervisor/bin"
    parser.add_argument("--supervisor", type=Path, default=default, metavar="FOLDER", help="of the real supervisord")
    arguments = parser.parse_args()
    minisup = Path(sys.executable).parent / "minisup"
    real = arguments.supervisor.absolute()
    with tempfile.TemporaryDirectory(prefix="spoke-") as folder:
        names = Path(folder) / "names"
        names.mkdir()
        (names / "supervisord").symlink_to(minisup)
        link = "{root}/run/supervisor/host/supervisord.conf"
        log = "{root}/log/host/supervisord.log"
        shell = ["bash", "-c", ENTRYPOINT.replace("{", "{{").replace("}", "}}")]
        ways = [
            Way("minisup spoke", [str(minisup), "spoke"], []),
            Way("supervisord", [str(real / "supervisord"), "-c", link, "-l", log], [], autostart=True),
            Way("shell, supervisord", shell, [real]),
            Way("shell, minisup", shell, [names, real]),
        ]
        for number in range(arguments.rounds + 1):
            for way in ways:
                root = Path(folder) / "w"
                way.run(root)
                shutil.rmtree(root)
                if number == 0:
                    way.took.clear()  # files were read from the disk
    first = statistics.median(ways[0].took)
    print(
        f"{'':<20}{'median':>10}{'fastest':>10}{'slowest':>10}{'ratio':>8}{'later by':>11}   {arguments.rounds} rounds"
    )
    for way in ways:
        median = statistics.median(way.took)
        later = statistics.median(one - other for one, other in zip(way.took, ways[0].took, strict=True))
        print(
            f"{way.name:<20}{median * 1000:>7.0f} ms{min(way.took) * 1000:>7.0f} ms{max(way.took) * 1000:>7.0f} ms"
            f"{median / first:>8.2f}{later * 1000:>8.0f} ms"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())

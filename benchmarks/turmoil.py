"""What a soak does to a supervisor, and what must be true whenever it has done something.

`Turmoil` keeps in mind what was asked for: which programs are configured, and which of them were stopped. Everything
else is restarted when it dies, so that whatever happens, there is one right picture of states, pids and descriptors.
"""

import contextlib
import os
import random
import signal
import socket
import time
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, loads

from benchmarks import machine
from benchmarks.follow import Follower
from benchmarks.programs import Client, Stamp, Stamps, Trouble, until
from benchmarks.supervisors import HEAD, Job, Supervisor, call

LOG_BYTES, LOG_BACKUPS = 200_000, 60
"""Of each log: a flood of two million bytes rotates it ten times, and nothing of it may go before it is read."""

SECTION = """\
[program:p{slot}]
command={command} {slot}
startsecs={startsecs}
startretries=1000000
autorestart=true
environment=LIFE="{version}"
redirect_stderr=true
stdout_logfile={folder}/{slot}.log
stdout_logfile_maxbytes={size}
stdout_logfile_backups={backups}
"""
UP = "RUNNING", "STARTING"
DOWN = OSError, ConnectionError


class Turmoil:
    """One supervisor under it.

    Attributes:
        done: how often each thing was done.
        calls: how many answers clients have got.
        slowest: seconds that it took at most until all agreed.
    """

    def __init__(self, supervisor: Supervisor, job: Job, stamps: Stamps, pid: int, seed: int) -> None:
        self.done: dict[str, int] = {}
        self.calls = 0
        self.slowest = 0.0
        self.job = job
        self.stamps = stamps
        self.pid = pid
        self.followers = [Follower(job.folder / f"{slot}.log", slot) for slot in range(job.size)]
        self._supervisor = supervisor
        self._dice = random.Random(seed)
        self._here = set(range(job.size))
        self._stopped: set[int] = set()
        self._versions = [0] * job.size

    # --- what is done -------------------------------------------------------------------------------------------------

    def something(self) -> None:
        """Do one thing by chance, and count it."""
        names, weights = zip(*WEIGHTS.items(), strict=True)
        [name] = self._dice.choices(names, weights)
        getattr(self, name)()
        self._count(name)

    def _count(self, name: str) -> None:
        self.done[name] = self.done.get(name, 0) + 1

    def crash(self) -> None:
        """Some programs die of a signal."""
        signum = self._dice.choice([signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
        for slot in self._some(self._here - self._stopped, 20):
            self._signal(slot, signum)

    def flood(self) -> None:
        """A few programs write thousands of lines at once."""
        for slot in self._some(self._here - self._stopped, 4):
            self._signal(slot, signal.SIGUSR1)

    def stop(self) -> None:
        """Some programs are stopped."""
        for slot in self._some(self._here - self._stopped, 5):
            with contextlib.suppress(Fault):  # NOT_RUNNING: it is between two lives
                self.ask("stopProcess", f"p{slot}", self._dice.random() < 0.5)
                self._stopped.add(slot)

    def start(self) -> None:
        """Some that were stopped are started."""
        for slot in self._some(self._stopped & self._here, 8):
            with contextlib.suppress(Fault):  # STOPPING still: it stays stopped
                self.ask("startProcess", f"p{slot}", False)
                self._stopped.discard(slot)

    def reread(self) -> None:
        """The configuration changes: some programs go, some come, of some the environment is another."""
        gone = set(range(self.job.size)) - self._here
        wanted = self._here - set(self._some(self._here, 3)) | set(self._some(gone, 5))
        for slot in self._some(wanted, 3):
            self._versions[slot] += 1
        self.write(wanted)
        [[added, changed, removed]] = self.ask("reloadConfig")
        for name in (*changed, *removed):
            self.ask("stopProcessGroup", name, True)
            self.ask("removeProcessGroup", name)
        for name in (*added, *changed):
            self.ask("addProcessGroup", name)
            self._stopped.discard(int(name[1:]))
        self._stopped &= wanted
        self._here = wanted

    def storm(self) -> None:
        """Sixteen clients ask as fast as they can."""
        door = self._supervisor.door(self.job)
        requests = [call("getState"), call("getAllProcessInfo"), call("getProcessInfo", "nobody")]
        client = Client(self.job.folder.parent, door, requests, "<value>", connections=16, seconds=0.2)
        self.calls += client.answers().number

    def rude(self) -> None:
        """Clients that come and go without a word, or in the midst of one."""
        whole = call("getAllProcessInfo")
        for _ in range(30):
            with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(*DOWN):
                client.settimeout(30)
                client.connect(str(self._supervisor.door(self.job).path))
                client.sendall(whole[: self._dice.randrange(len(whole) + 1)])

    def reopen(self) -> None:
        """USR2: all logs are opened anew."""
        os.kill(self.pid, signal.SIGUSR2)

    def hang_up(self) -> None:
        """HUP: everything ends and begins again, with the whole configuration."""
        self._here, self._stopped = set(range(self.job.size)), set()
        self.write(self._here)
        before = dict(self.stamps.running)
        os.kill(self.pid, signal.SIGHUP)

        def begun() -> bool:
            self.stamps.look()
            new = sum(self.stamps.running[slot].pid != stamp.pid for slot, stamp in before.items())
            return new == len(before)

        until(begun, "all programs run after HUP", pause=0.01)
        self._count("hang_up")

    def _some(self, slots: set[int], most: int) -> list[int]:
        return self._dice.sample(sorted(slots), min(self._dice.randint(1, most), len(slots)))

    def _signal(self, slot: int, signum: int) -> None:
        stamp = self.stamps.running[slot]
        if stamp.pid in machine.children(self.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(stamp.pid, signum)

    def write(self, slots: set[int]) -> None:
        """The configuration with these programs."""
        text = HEAD.format(folder=self.job.folder) + "".join(
            SECTION.format(
                slot=slot,
                command=" ".join(self.job.words),
                startsecs=slot % 2,
                version=self._versions[slot],
                folder=self.job.folder,
                size=LOG_BYTES,
                backups=LOG_BACKUPS,
            )
            for slot in sorted(slots)
        )
        (self.job.folder / "new").write_text(text)
        (self.job.folder / "new").replace(self.job.folder / "conf")

    def ask(self, method: str, *params: object) -> Any:
        """Call a method; again while the supervisor is not there.

        Raises:
            Fault: its answer, but for SHUTDOWN_STATE.
        """
        found: list[Any] = []

        def answered() -> bool:
            try:
                found.append(loads(_exchange(self._supervisor.door(self.job).path, call(method, *params)))[0][0])
            except DOWN:
                return False
            except Fault as fault:
                if fault.faultCode != 6:  # SHUTDOWN_STATE
                    raise
                return False
            return True

        until(answered, method, pause=0.01)
        self.calls += 1
        return found[0]

    # --- what must be true --------------------------------------------------------------------------------------------

    def settle(self, calm: bool = False) -> None:
        """Wait until states, processes and what was asked for agree.

        Args:
            calm: nothing may be STARTING any more.

        Raises:
            Trouble: they do not within a minute.
        """
        said = ""

        def agree() -> bool:
            nonlocal said
            said = self._difference(UP[:1] if calm else UP)
            return not said

        began = time.monotonic()
        try:
            until(agree, "all agree", pause=0.02)
        except Trouble as trouble:
            raise Trouble(f"{said}; after {self.done}; {trouble}") from None
        self.slowest = max(self.slowest, time.monotonic() - began)

    def _difference(self, up: tuple[str, ...]) -> str:
        """What supervisor, kernel and our memory do not agree about; empty if they agree."""
        infos = {int(info["name"][1:]): info for info in self.ask("getAllProcessInfo")}
        if infos.keys() != self._here:
            return f"{infos.keys() ^ self._here} are configured, or not"
        children = {pid: _state(pid) for pid in machine.children(self.pid)}
        if zombies := [pid for pid, state in children.items() if state in "ZX"]:
            return f"zombies: {zombies}"
        for slot, info in infos.items():
            wanted = ("STOPPED",) if slot in self._stopped else up
            if info["statename"] not in wanted:
                return f"p{slot} is {info['statename']}, not {wanted[0]}"
            if info["pid"] != 0 if slot in self._stopped else info["pid"] not in children:
                return f"p{slot} is {info['statename']} with pid {info['pid']}, which is wrong"
        running = {info["pid"] for info in infos.values() if info["pid"]}
        return f"nobody knows the children {children.keys() - running}" if children.keys() - running else ""

    def follow(self) -> None:
        """Read on in all logs."""
        for follower in self.followers:
            follower.follow()

    def lives(self) -> list[list[Stamp]]:
        """All lives of each slot, with the number of lines that each has written."""
        found: list[list[Stamp]] = [[] for _ in range(self.job.size)]
        for stamp in self.stamps.again():
            found[stamp.slot].append(stamp)
        return found


WEIGHTS = {"crash": 30, "flood": 10, "stop": 10, "start": 10, "reread": 6, "storm": 5, "rude": 5, "reopen": 2}
"""How often each thing is done, in proportion; `hang_up` comes by the clock."""


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"  # it was a child a moment ago: look again


def _exchange(path: Path, request: bytes) -> bytes:
    """The body of the answer."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(60)
        client.connect(str(path))
        client.sendall(request)
        data = b""
        while b"\r\n\r\n" not in data:
            data += _received(client)
        head, _, body = data.partition(b"\r\n\r\n")
        [length] = [
            int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
        ]
        while len(body) < length:
            body += _received(client)
        return body


def _received(client: socket.socket) -> bytes:
    data = client.recv(1 << 20)
    if not data:
        raise ConnectionError("it hung up")
    return data

"""One supervisor with one job: started in a folder of its own, watched by the stamps of its programs, and ended."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import machine
from benchmarks.programs import PATIENCE, Answers, Client, Stamps, Trouble, until
from benchmarks.supervisors import ASK, FLOOR, INIT, Job, Supervisor, call


class Visit:
    """A supervisor at work; made by `visit`.

    Attributes:
        began: the moment before its exec.
        stamps: what its programs say.
        job: what it has to do.
    """

    def __init__(
        self, supervisor: Supervisor, job: Job, stamps: Stamps, up: float, wrapper: tuple[str, ...] = ()
    ) -> None:
        self._up = up
        self.supervisor = supervisor
        self.job = job
        self.stamps = stamps
        command = [*wrapper, *supervisor.prepare(job)]
        self._asking: Client | None = None
        if ASK in supervisor.can and not wrapper:
            question = [supervisor.question()]
            self._asking = self._client(question, supervisor.expected, count=1)
        with (job.folder / "output").open("wb") as output:
            self.began = time.monotonic()
            self._process = subprocess.Popen(
                command, cwd=job.folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        self.pid = self._process.pid

    # --- start --------------------------------------------------------------------------------------------------------

    def running(self) -> float:
        """Wait until all programs run; seconds from the exec to the first statement of the last."""

        def all_run() -> bool:
            if self._process.poll() is not None:
                raise Trouble(f"it ended with {self._process.returncode}: {self.output()}")
            return self.stamps.look() >= self.job.size

        until(all_run, f"{self.job.size} programs run")
        return max(stamp.moment for stamp in self.stamps.running.values()) - self.began

    def answered(self) -> float:
        """Seconds from the exec to the first answer; asked for once at most."""
        assert self._asking is not None
        return self._asking.answers().first - self.began

    def output(self) -> str:
        """What the supervisor itself has printed."""
        return (self.job.folder / "output").read_text(errors="replace")[-2000:]

    def settled(self) -> None:
        """Wait until all programs are up for more than a second."""
        last = max(stamp.moment for stamp in self.stamps.running.values())
        time.sleep(max(0.0, last + self._up - time.monotonic()))

    # --- what it costs ------------------------------------------------------------------------------------------------

    def daemons(self) -> list[int]:
        """The supervisor and its helpers: all of its processes but the programs."""
        self.stamps.look()
        programs = {stamp.pid for stamp in self.stamps.running.values()}
        return [self.pid, *(pid for pid in machine.descendants(self.pid) if pid not in programs)]

    def worked(self) -> float:
        """Seconds of a processor that it has had so far."""
        return machine.worked(self.daemons())

    # --- asking -------------------------------------------------------------------------------------------------------

    def _client(self, requests: list[bytes], expected: str, **how: float) -> Client:
        folder = self.job.folder.parent
        return Client(folder, self.supervisor.door(self.job), requests, expected, **how)  # type: ignore[arg-type]

    @contextlib.contextmanager
    def asked(self, size: int) -> Iterator[bool]:
        """Whether it can be asked. The floor cannot, but meanwhile something answers with `size` bytes in its stead."""
        if FLOOR not in self.supervisor.can:
            yield ASK in self.supervisor.can
            return
        socket, file = self.supervisor.door(self.job).path, self.job.folder / "answer"
        file.write_bytes(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode() + b"." * size)
        server = subprocess.Popen([self.job.folder.parent / "answer", socket, file])
        try:
            yield True
        finally:
            server.kill()
            server.wait()
            socket.unlink(missing_ok=True)

    def ask(self, **how: float) -> Answers:
        """Ask for its state; arguments as of `Client`."""
        return self.client(**how).answers()

    def client(self, **how: float) -> Client:
        """The same, without waiting for the end."""
        return self._client([self.supervisor.question()], self.supervisor.expected, **how)

    def call(self, *methods: tuple[object, ...], expected: str = "", **how: float) -> Answers:
        """Call methods of XML-RPC by turns: each the name, then the parameters."""
        requests = [call(str(method[0]), *method[1:]) for method in methods]
        return self._client(requests, expected, **how).answers()

    # --- death and end ------------------------------------------------------------------------------------------------

    def kill(self, slot: int) -> float:
        """Kill a program that is settled, wait for its successor; the seconds until that one's first statement."""
        old = self.stamps.running[slot]
        time.sleep(max(0.0, old.moment + self._up - time.monotonic()))
        began = time.monotonic()
        os.kill(old.pid, signal.SIGKILL)
        until(lambda: self.stamps.look() > 0 and self.stamps.running[slot].pid != old.pid, f"{slot} restarted")
        return self.stamps.running[slot].moment - began

    def kill_all(self) -> float:
        """Kill all programs at once; the seconds until the first statement of the last successor."""
        old = dict(self.stamps.running)
        self.settled()
        wanted = self.stamps.count + len(old)
        began = time.monotonic()
        for stamp in old.values():
            os.kill(stamp.pid, signal.SIGKILL)
        until(lambda: self.stamps.look() >= wanted, "all restarted")
        if any(self.stamps.running[slot].pid == stamp.pid for slot, stamp in old.items()):
            raise Trouble("one was started twice, another not at all")
        return max(stamp.moment for stamp in self.stamps.running.values()) - began

    def gone(self) -> float:
        """End the supervisor, its programs settled; the seconds until it and all of them are gone."""
        self.settled()  # runsv sleeps for a second when one ends that lived less than that

        def give_up(*_: object) -> None:
            raise Trouble(f"not gone after {PATIENCE:g} s: {self.output()}")

        signal.signal(signal.SIGALRM, give_up)
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)
        try:
            began = time.monotonic()
            os.kill(self.pid, self.supervisor.end_signal)
            with contextlib.suppress(ChildProcessError):
                while True:
                    os.waitpid(-1, 0)  # orphans come to us: see machine.prepare
            took = time.monotonic() - began
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        self._process.returncode = 0  # ours is reaped too: nobody need wait for it
        return took


@contextlib.contextmanager
def visit(
    supervisor: Supervisor,
    folder: Path,
    words: tuple[str, ...],
    count: int,
    *,
    up: float = 1.1,
    logs: bool = False,
    respawn: bool = True,
    init: bool = False,
) -> Iterator[Visit]:
    """Start a supervisor; whatever is left of it at the end is killed, and its files are removed.

    Args:
        folder: where the compiled programs are.
        words: of the program `child`; ``STAMPS`` stands for the file of stamps.
        up: seconds after which a program counts as settled: runit and s6 hold back the successor of one that lived less
            than a second, minisup's brake does so from the sixth on.
        init: let it be PID 1 of a namespace; it cannot be asked then.
    """
    place = folder / "w"
    place.mkdir()
    stamps = Stamps(place / "stamps")
    command = (str(folder / "child"), *(str(stamps.path) if word == "STAMPS" else word for word in words))
    wrapper = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child") if init and INIT in supervisor.can else ()
    try:
        yield Visit(supervisor, Job(place, command, count, logs, respawn), stamps, up, wrapper)
    finally:
        machine.sweep()
        stamps.close()
        shutil.rmtree(place)

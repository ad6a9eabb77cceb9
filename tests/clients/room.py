"""A supervisor of either kind with the clients beside it, and stories told in such rooms, many at once.

A story is a function that takes a `Room`, brings the supervisor up, does with clients what people do, and asserts. The
same story is told to the real supervisord and to minisup; it does not know to which.
"""

import contextlib
import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from oracle.case import HEAD
from oracle.peer import MINISUP, REAL, ROOT, Peer, client_of, oracle_venv, settle, until

CLIENTS = Path(os.environ.get("MINISUP_CLIENTS_VENV") or ROOT / ".venv-clients")
"""Where `install` put the clients; `@CLIENTS@` in configurations and commands."""

KINDS = (REAL, MINISUP)
OUR_CLIENT = f"{MINISUP}/ctl"
"""minisup, asked by `minisup ctl` wherever the client is supervisorctl."""

PATIENCE = 120.0
"""Seconds: a TICK_5 may be five seconds away, and others work on these cores, too."""

Seen = TypeVar("Seen")


_MAIL = """\
#!/bin/sh
cat > @DIR@/mail.$$ && mv @DIR@/mail.$$ @DIR@/mails/$(date +%s%N)
"""
"""A mail command: a file per mail, complete as soon as its name is there."""


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    status: int
    out: str
    err: str


class Room(Peer):
    """A peer that clients are run beside; `@DIR@/mail` is a mail command, `@DIR@/bin/supervisorctl` its client."""

    def __init__(self, kind: str, folder: Path) -> None:
        super().__init__(kind, folder)
        (folder / "mails").mkdir()
        self.write("mail", _MAIL)
        client = client_of(self.client) if self.client else ["@CLIENTS@/bin/supervisorctl"]
        self.write("bin/supervisorctl", f'#!/bin/sh\nPYTHONPATH=@DIR@/plugins exec {shlex.join(client)} "$@"\n')

    def fill(self, text: str) -> str:
        return super().fill(text).replace("@CLIENTS@", str(CLIENTS))

    def plugins(self, *names: str) -> None:
        """Make modules of the clients importable for supervisorctl, and where `@DIR@/plugins` is the PYTHONPATH.

        Their `supervisor` is the real one; for our client it is that of minisup-compat.
        """
        folder = self.folder / "plugins"
        folder.mkdir()
        packages = next(CLIENTS.glob("lib/python*/site-packages"))
        for name in names:
            (folder / name).symlink_to(packages / name)
        (folder / "supervisor").symlink_to((ROOT / "compat" if self.client else packages) / "supervisor")

    def up(self, config: str, files: Mapping[str, str] = {}, env: Mapping[str, str] = {}) -> None:
        """Write `config` under the usual head, start the supervisor and wait until it answers."""
        for name, content in files.items():
            self.write(name, content)
        self.write("s.conf", HEAD + config)
        self.start(("-n", "-c", "@DIR@/s.conf"), env)
        assert self.wait_ready(), "it does not answer"

    def run(self, *command: str, stdin: str = "", env: Mapping[str, str] = {}) -> Ran:
        """Run a client to its end."""
        done = subprocess.run(
            [self.fill(word) for word in command],
            input=self.fill(stdin),
            env={**self.environment(env), "PATH": f"{CLIENTS}/bin:{os.defpath}"},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=3 * PATIENCE,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def ctl(self, *words: str) -> Ran:
        """Run supervisorctl on the configuration of the supervisor."""
        return self.run("@DIR@/bin/supervisorctl", "-c", "@DIR@/s.conf", *words)

    def until(self, look: Callable[[], Seen], what: str) -> Seen:
        """What `look` gave when it was true at last."""
        seen: Seen = until(look, PATIENCE)
        assert seen, f"not within {PATIENCE:g} seconds: {what}"
        return seen

    def info(self, name: str) -> dict[str, Any]:
        """getProcessInfo."""
        found: dict[str, Any] = self.call("supervisor.getProcessInfo", name)
        return found

    def reaches(self, name: str, state: str) -> dict[str, Any]:
        """Wait until a process is in a state; its info."""
        self.until(lambda: self.info(name)["statename"] == state, f"{name} is {state}")
        settle(self.pid)
        return self.info(name)

    def mails(self, count: int) -> list[str]:
        """Wait until the mail command was given so many mails; all that came, in order."""
        folder = self.folder / "mails"
        names = self.until(lambda: len(found := sorted(os.listdir(folder))) >= count and found, f"{count} mails")
        return [(folder / name).read_text() for name in names]

    def account(self) -> str:
        """What is worth reading after a failure: all logs."""
        logs = [self.folder / "supervisord.log", *sorted((self.folder / "logs").iterdir())]
        texts = [f"--- {path.name}\n{self.read(str(path))[-4000:]}" for path in logs if path.exists()]
        return "\n".join([f"{self.kind}, stderr:\n{self.stderr[-2000:]}", *texts])


Story = Callable[[Room], None]
Telling = dict[tuple[str, str], "Future[None]"]
"""(name of the story, kind of supervisor) to how it goes."""


def tell(story: Story, kind: str, folder: Path) -> None:
    """Tell a story in a room of its own; what was seen goes with an error."""
    with Room(kind, folder) as room:
        try:
            story(room)
        except BaseException as error:
            error.add_note(room.account())
            raise


@contextlib.contextmanager
def telling(plan: Iterable[tuple[Story, str]], at_once: int = 8) -> Iterator[Telling]:
    """Tell stories beside each other, for they mostly wait."""
    base = Path(tempfile.mkdtemp(prefix="clients-"))
    base.chmod(0o755)
    oracle_venv()
    pool = ThreadPoolExecutor(at_once)
    try:
        yield {
            (story.__name__, kind): pool.submit(tell, story, kind, base / str(number))
            for number, (story, kind) in enumerate(plan)
        }
    finally:
        pool.shutdown(cancel_futures=True)
        base.rmdir()

"""`minisup spoke`: every error, waiting, its own folders, commands, a life without a hub, exit codes, what it mirrors.

As plain processes, WHEEL_ROOT in front of every path; test_radial.py has it as PID 1 on a root of its own.
"""

import fcntl
import os
import re
import signal
import socket
import stat
import subprocess
import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from daemon import MINISUP, PATIENCE, PYTHON, needs_root, until
from radial import STAYS, TARGET, Mute, Spoke, Wheel, commit, ini, mode, needs_git, skeleton, wheel

from minisup.runtime.mainlog import MainLog, Mirror
from minisup.specs import DaemonSpec

pytestmark = pytest.mark.slow


@pytest.fixture
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wheel]:
    with wheel(tmp_path_factory.mktemp("w")) as found:
        yield found


@pytest.fixture
def mute() -> Iterator[Mute]:
    server = Mute()
    yield server
    server.close()


def own(here: Wheel, name: str, *programs: str, command: str = STAYS, **options: Any) -> str:
    """The .ini of a spoke whose programs stay, or do what `command` says."""
    return ini(f"{name}-group", dict.fromkeys(programs or (name,), command), here.root, **options)


def fill(here: Wheel, more: str = "") -> None:
    """Two spokes."""
    here.fill(own(here, "web"), own(here, "crew", "worker", "clerk"), more=more)


def running(spoke: Spoke, *names: str) -> Spoke:
    """Wait until these run, and see that nothing else does."""
    spoke.up()

    def up() -> bool:
        return sorted(key for key, state in spoke.states().items() if state == "RUNNING") == sorted(names)

    until(up, lambda: f"{spoke.states()}\n{spoke.main_log()}")
    return spoke


# --- errors ----------------------------------------------------------------------------------------------------------


class TestErrors:
    """One line, and exit code 1."""

    @pytest.mark.parametrize("env", [{"SPOKE_NAME": ""}, None], ids=["empty", "unset"])
    def test_no_name(self, here: Wheel, env: dict[str, str] | None) -> None:
        fill(here)
        spoke = here.start("host", MINISUP, "spoke", env=env)
        assert spoke.complaint() == "cannot start a spoke: SPOKE_NAME is not set"
        assert len(spoke.shown().splitlines()) == 1

    def test_no_config(self, here: Wheel) -> None:
        why = f"there is no {here.config} (is there a Hub container, and are its volumes here?)"
        assert here.spoke("web").complaint() == f"cannot start a spoke: {why}"

    def test_no_such_group(self, here: Wheel) -> None:
        fill(here)
        why = "there is no db-group (there are: crew-group, web-group)"
        assert here.spoke("db").complaint() == f"cannot start the group of spoke 'db': {why}"

    def test_no_group_at_all(self, here: Wheel) -> None:
        here.fill()
        why = "there is no db-group (there are: none)"
        assert here.spoke("db").complaint() == f"cannot start the group of spoke 'db': {why}"

    def test_the_id_is_taken(self, here: Wheel) -> None:
        fill(here)
        web = running(here.spoke("web", id="host"), "web-group:web")
        second = here.spoke("crew", id="other", HOSTNAME="host")
        why = "another spoke with this id lives (set SPOKE_ID where containers share a host name)"
        assert second.complaint() == f"cannot start a spoke as 'host': {why}"
        third = here.spoke("crew", id="third", HOSTNAME="x", SPOKE_ID="host")
        assert third.complaint() == f"cannot start a spoke as 'host': {why}"
        assert os.listdir(web.run).count("crew") == 0  # it is still the folder of the first
        running(web, "web-group:web")

    @pytest.mark.parametrize("variable", ["SPOKE_NAME", "SPOKE_ID"])
    @pytest.mark.parametrize("value", ["a/b", "..", "."])
    def test_a_name_that_cannot_be_a_file(self, here: Wheel, variable: str, value: str) -> None:
        fill(here)
        spoke = here.start("host", MINISUP, "spoke", env={"SPOKE_NAME": "web", variable: value})
        assert spoke.complaint() == f"cannot start a spoke: {variable} {value!r} cannot be the name of a file"

    def test_mistakes_in_the_configuration(self, here: Wheel) -> None:
        """All of them."""
        here.fill(own(here, "web", startsecs="soon"), own(here, "crew", stopsignal="NOW"))
        spoke = here.spoke("web")
        assert spoke.wait() == 1
        lines = spoke.shown().splitlines()
        assert [re.sub(r"^minisup: .*/conf.d/(\d)\.ini:\d+: ", r"\1 ", line) for line in lines] == [
            "0 cannot use startsecs 'soon' in [program:web]: not a whole number",
            "1 cannot use stopsignal 'NOW' in [program:crew]: no such signal",
        ]

    def test_a_folder_that_cannot_be_made(self, here: Wheel) -> None:
        fill(here)
        (here.run / "supervisor").write_text("")
        folder = here.run / "supervisor/web-host"
        assert here.spoke("web").complaint() == f"cannot make the folder '{folder}': Not a directory"

    def test_a_log_folder_that_cannot_be_made(self, here: Wheel) -> None:
        fill(here)
        (here.log / "web-host").write_text("")
        assert here.spoke("web").complaint() == f"cannot make the folder '{here.log / 'web-host'}': File exists"

    def test_a_log_that_cannot_be_opened(self, here: Wheel) -> None:
        fill(here)
        path = here.log / "web-host/supervisord.log"
        path.mkdir(parents=True)
        assert here.spoke("web").complaint() == f"cannot open the log file '{path}': Is a directory"

    def test_a_marker_in_the_way(self, here: Wheel) -> None:
        fill(here)
        folder = here.run / "supervisor/web-host"
        (folder / "web").mkdir(parents=True)
        assert here.spoke("web").complaint() == f"cannot furnish '{folder}': Is a directory"

    def test_a_lock_that_cannot_be_opened(self, here: Wheel) -> None:
        fill(here)
        lock = here.run / "supervisor/web-host/.lock"
        lock.mkdir(parents=True)
        assert here.spoke("web").complaint() == f"cannot open the lock '{lock}': Is a directory"

    def test_a_socket_of_somebody_else(self, here: Wheel) -> None:
        """A supervisord that was started by hand holds no lock."""
        fill(here)
        folder = here.run / "supervisor/web-host"
        folder.mkdir(parents=True)
        with socket.socket(socket.AF_UNIX) as living:
            at = os.open(folder, os.O_PATH)
            living.bind(f"/proc/self/fd/{at}/supervisor.sock")
            os.close(at)
            living.listen()
            assert here.spoke("web").complaint().startswith("Another program is already listening on a port ")

    @pytest.mark.parametrize(
        "words, env, why",
        [
            (["--exit-on", "sunday"], {}, "cannot use --exit-on or SPOKE_EXIT_ON: invalid exit_on value 'sunday'"),
            ([], {"SPOKE_EXIT_ON": "sunday"}, "cannot use --exit-on or SPOKE_EXIT_ON: invalid exit_on value 'sunday'"),
            (["--exit-on"], {}, "option --exit-on requires argument (minisup spoke --help says what it takes)"),
            (["--nosuch"], {}, "option --nosuch not recognized (minisup spoke --help says what it takes)"),
            (["--exit-code-from", "db"], {}, "cannot take the exit code from 'db': there is no such program (there "
             "are: crew-group:clerk, crew-group:worker, web-group:web)"),
        ],
    )  # fmt: skip
    def test_the_command_line(self, here: Wheel, words: list[str], env: dict[str, str], why: str) -> None:
        fill(here)
        assert here.spoke("web", *words, **env).complaint() == why

    @needs_git
    def test_git_is_missing(self, here: Wheel) -> None:
        spoke = here.spoke("web", SPOKE_DETACH_MODE="True", WHEEL_REPO="x", PATH=str(Path(MINISUP).parent))
        assert spoke.complaint() == "cannot fetch the configuration: git is not installed"

    @needs_git
    @pytest.mark.parametrize("what", ["skeleton", "wheel"])
    def test_clone_failed(self, here: Wheel, what: str) -> None:
        """In git's own words, and nothing half-made is left."""
        here.publish_skeleton()
        there, nowhere = here.source("skeleton"), here.source("nowhere")
        repositories = (nowhere, there) if what == "skeleton" else (there, nowhere)
        env = dict(zip(("SUPERVISOR_REPO", "WHEEL_REPO"), repositories, strict=True))
        complaint = here.spoke("web", SPOKE_DETACH_MODE="True", **env).complaint()
        verb = "clone" if what == "skeleton" else "pull"
        assert complaint.startswith(f"cannot {verb} '{nowhere}': fatal: ")
        assert nowhere in complaint.partition("fatal: ")[2]
        assert [path.name for path in here.folder.iterdir() if path.name.startswith("config")] == []

    def test_help(self) -> None:
        done = subprocess.run([MINISUP, "spoke", "--help"], capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0
        assert done.stdout.startswith("Usage: minisup spoke [options] [COMMAND [ARGUMENT ...]]\n")
        for word in ("--exit-on fatal|exit", "--exit-code-from", "SPOKE_ID", "SPOKE_DETACH_MODE", "WHEEL_ROOT"):
            assert word in done.stdout


# --- waiting for the hub ---------------------------------------------------------------------------------------------


class TestWaiting:
    def test_for_the_lock(self, here: Wheel) -> None:
        fill(here)
        here.lock.mkdir()
        spoke = here.spoke("web")
        spoke.shows(f"minisup: waiting for the hub: {here.lock} is still there\n")
        assert not spoke.run.exists()
        here.lock.rmdir()
        running(spoke, "web-group:web")

    def test_for_the_configuration(self, here: Wheel) -> None:
        """The hub was started at the same time, and has not come as far as its lock."""
        here.config.mkdir()
        spoke = here.spoke("web")
        spoke.shows(f"minisup: waiting for the hub: there is no {here.config / TARGET} yet\n")
        here.lock.mkdir()
        fill(here)
        here.lock.rmdir()
        running(spoke, "web-group:web")

    def test_says_so_again_and_again(self, here: Wheel) -> None:
        fill(here)
        here.lock.mkdir()
        hurried = (
            "import sys; from minisup.spoke import steps; from minisup.cli.spoke import spoke; "
            "assert steps.REMIND == 10; steps.REMIND = 0.05; sys.exit(spoke([]))"
        )
        spoke = here.start("host", PYTHON, "-c", hurried, env={"SPOKE_NAME": "web"})
        spoke.shows("waiting for the hub: ", 3)
        assert spoke.stop() == 128 + signal.SIGTERM

    @pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
    def test_told_to_end(self, here: Wheel, signum: int) -> None:
        fill(here)
        here.lock.mkdir()
        spoke = here.spoke("web")
        spoke.shows("waiting for the hub: ")
        assert spoke.stop(signum) == 128 + signum
        assert len(spoke.shown().splitlines()) == 1

    def test_other_signals_mean_nothing(self, here: Wheel) -> None:
        fill(here)
        here.lock.mkdir()
        spoke = here.spoke("web")
        spoke.shows("waiting for the hub: ")
        for signum in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            spoke.send(signum)
        here.lock.rmdir()
        running(spoke, "web-group:web")


# --- its folders, its group ------------------------------------------------------------------------------------------


class TestFolders:
    def test_side_by_side(self, here: Wheel) -> None:
        fill(here)
        web, crew = here.spoke("web"), here.spoke("crew")
        running(web, "web-group:web")
        running(crew, "crew-group:clerk", "crew-group:worker")
        for spoke, name in ((web, "web"), (crew, "crew")):
            assert sorted(os.listdir(spoke.run)) == sorted(
                [".lock", name, "supervisor.sock", "supervisord.conf", "supervisord.pid"]
            )
            assert os.readlink(spoke.run / "supervisord.conf") == str(here.config / TARGET)
            assert (spoke.run / name).stat().st_size == 0
            assert (spoke.run / "supervisord.pid").read_text() == f"{spoke.pid}\n"
            assert spoke.stop() == 0
            assert sorted(os.listdir(spoke.run)) == sorted([".lock", name, "supervisord.conf"])
        assert sorted(os.listdir(here.log / "web-host")) == ["supervisord.log", "web_stderr.log", "web_stdout.log"]

    def test_an_id_of_its_own(self, here: Wheel) -> None:
        """Two containers of a pod: one host name, two ids."""
        fill(here)
        web = here.spoke("web", id="one", HOSTNAME="pod", SPOKE_ID="pod-web")
        crew = here.spoke("crew", id="two", HOSTNAME="pod", SPOKE_ID="pod-crew")
        running(web, "web-group:web")
        running(crew, "crew-group:clerk", "crew-group:worker")
        assert sorted(os.listdir(here.run / "supervisor")) == ["pod-crew", "pod-web"]
        assert sorted(os.listdir(here.log)) == ["pod-crew", "pod-web"]
        assert "web_stdout.log" in os.listdir(here.log / "pod-web")

    def test_without_a_host_name(self, here: Wheel) -> None:
        """A shell would have set it; configurations expand it."""
        here.fill(own(here, "web", environment="A=%(ENV_HOSTNAME)s", command="sh -c 'echo $HOSTNAME $A >&2; sleep 99'"))
        node = os.uname().nodename
        spoke = here.spoke("web", HOSTNAME=node)
        environment = {key: value for key, value in here.environment("x").items() if key != "HOSTNAME"}
        spoke.clean()
        done = subprocess.Popen([MINISUP, "spoke"], env={**environment, "SPOKE_NAME": "web"}, stdout=subprocess.PIPE)
        try:
            log = here.log / node / "web_stderr.log"
            until(lambda: log.exists() and f"{node} {node}\n" in log.read_text())
        finally:
            done.terminate()
            done.communicate()
        assert done.returncode == 0

    def test_the_last_life_left_everything(self, here: Wheel) -> None:
        fill(here)
        first = running(here.spoke("web"), "web-group:web")
        first.forget()
        first.process.kill()
        first.wait()
        assert (first.run / "supervisord.pid").exists() and (first.run / "supervisor.sock").exists()
        second = running(here.spoke("web"), "web-group:web")
        assert second.stop() == 0

    def test_a_lock_that_nobody_holds_is_none(self, here: Wheel) -> None:
        fill(here)
        lock = here.run / "supervisor/web-host/.lock"
        lock.parent.mkdir(parents=True)
        lock.write_text("1\n")
        running(here.spoke("web"), "web-group:web")

    def test_a_lock_is_held_to_the_end(self, here: Wheel) -> None:
        """Also over a restart of the supervisor inside; and no program holds it."""
        fill(here)
        spoke = running(here.spoke("web"), "web-group:web")

        def is_held() -> bool:
            with open(spoke.run / ".lock", "rb") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return True
            return False

        assert is_held()
        spoke.send(signal.SIGHUP)
        spoke.says("supervisord started", 2)
        assert is_held()
        running(spoke, "web-group:web")
        pid = spoke.rpc.getProcessInfo("web-group:web")["pid"]
        assert not [fd for fd in os.listdir(f"/proc/{pid}/fd") if ".lock" in os.readlink(f"/proc/{pid}/fd/{fd}")]
        assert spoke.stop() == 0
        assert not is_held()


class TestGroup:
    def test_autostart_says_nothing(self, here: Wheel) -> None:
        """Whatever a wheel's .ini says, a spoke starts its own and leaves the others alone."""
        here.fill(own(here, "web", autostart="false"), own(here, "crew", autostart="true"))
        spoke = running(here.spoke("web"), "web-group:web")
        assert spoke.said("left alone") == ["left alone, for other spokes: crew-group"]
        assert [line.partition(" with")[0] for line in spoke.said("spawned: ")] == ["spawned: 'web'"]

    def test_the_group_of_its_name(self, here: Wheel) -> None:
        here.fill(ini("web", {"a": STAYS, "b": STAYS}, here.root), own(here, "crew"))
        running(here.spoke("web"), "web:a", "web:b")

    def test_the_program_of_its_name(self, here: Wheel) -> None:
        here.fill(ini("both-group", {"web": STAYS, "b": STAYS}, here.root))
        running(here.spoke("web"), "both-group:web")

    def test_others_can_be_started_by_hand(self, here: Wheel) -> None:
        fill(here)
        spoke = running(here.spoke("web"), "web-group:web")
        spoke.rpc.startProcess("crew-group:clerk")
        running(spoke, "web-group:web", "crew-group:clerk")

    def test_the_budget_of_the_configuration(self, here: Wheel) -> None:
        here.fill(
            own(here, "web", command="sh -c 'trap \"\" TERM; echo up; while :; do sleep 1; done'"),
            more="shutdown_timeout=0.2\n",
        )
        spoke = here.spoke("web")
        until(lambda: "up" in spoke.log("web_stdout.log"))
        assert spoke.stop() == 0
        assert spoke.said("^stopped: ") == ["stopped: web (terminated by SIGKILL)"]

    def test_what_the_skeleton_may_not_decide(self, here: Wheel) -> None:
        """It stays in the foreground, and its log is where Radial looks for it."""
        fill(here)
        text = (here.config / TARGET).read_text()
        text = text.replace("nodaemon=true", "nodaemon=false\nlogfile=%(here)s/other.log")
        (here.config / TARGET).write_text(text)
        spoke = running(here.spoke("web"), "web-group:web")
        assert not (spoke.run / "other.log").exists()
        assert spoke.said("supervisord started with pid") == [f"supervisord started with pid {spoke.process.pid}"]


class TestReread:
    def test_the_group_is_gone(self, here: Wheel) -> None:
        """Neither a client nor HUP brings the spoke down by that."""
        fill(here)
        spoke = running(here.spoke("web"), "web-group:web")
        (here.config / "supervisor/conf.d/0.ini").unlink()
        why = "cannot start the group of spoke 'web': there is no web-group (there are: crew-group)"
        with pytest.raises(xmlrpc.client.Fault) as caught:
            spoke.rpc.reloadConfig()
        assert caught.value.faultString == f"CANT_REREAD: {why}"
        with pytest.raises(xmlrpc.client.Fault, match="CANT_REREAD"):
            spoke.rpc.restart()
        spoke.send(signal.SIGHUP)
        spoke.says("not restarted, nothing is stopped")
        assert spoke.said("^cannot start the group") == [why]
        running(spoke, "web-group:web")
        assert spoke.stop() == 0

    def test_a_program_more(self, here: Wheel) -> None:
        """It is one of its own from now on."""
        fill(here)
        spoke = running(here.spoke("web", "--exit-on", "exit"), "web-group:web")
        (here.config / "supervisor/conf.d/0.ini").write_text(own(here, "web", "web", "more"))
        assert spoke.rpc.reloadConfig() == [[[], ["web-group"], []]]
        spoke.rpc.stopProcessGroup("web-group")
        spoke.rpc.removeProcessGroup("web-group")
        spoke.rpc.addProcessGroup("web-group")
        running(spoke, "web-group:web", "web-group:more")
        spoke.shows("more complains aloud, as always\n")
        spoke.rpc.signalProcess("web-group:more", "KILL")
        assert spoke.wait() == 128 + signal.SIGKILL

    def test_a_spoke_more(self, here: Wheel) -> None:
        fill(here)
        spoke = running(here.spoke("web"), "web-group:web")
        (here.config / "supervisor/conf.d/9.ini").write_text(own(here, "late", autostart="true"))
        assert spoke.rpc.reloadConfig() == [[["late-group"], [], []]]
        spoke.rpc.addProcessGroup("late-group")
        running(spoke, "web-group:web")
        spoke.send(signal.SIGHUP)
        spoke.says("supervisord started", 2)
        running(spoke, "web-group:web")


# --- a command instead -----------------------------------------------------------------------------------------------

STATUS = "import re; print(*re.findall('Sig(?:Blk|Ign):\\t(\\\\w+)', open('/proc/self/status').read()))"


class TestCommand:
    ODD = ["two  words", "it's", '"quoted"', "$HOME", "*", ";", "a\\b", "", "-x", "--help"]

    def test_each_argument_is_whole(self, here: Wheel) -> None:
        spoke = here.spoke("web", "printf", "[%s]\\n", *self.ODD)
        assert spoke.wait() == 0
        assert spoke.shown().splitlines() == [f"[{word}]" for word in self.ODD]

    def test_spoke_cmd_stands_in_front(self, here: Wheel) -> None:
        spoke = here.spoke("web", *self.ODD[:-2], SPOKE_CMD="printf '[%s]\\n' 'of the image'")
        assert spoke.wait() == 0
        assert spoke.shown().splitlines() == [f"[{word}]" for word in ["of the image", *self.ODD[:-2]]]

    def test_spoke_cmd_alone_is_no_command(self, here: Wheel) -> None:
        fill(here)
        running(here.spoke("web", SPOKE_CMD="false"), "web-group:web")

    def test_after_two_dashes(self, here: Wheel) -> None:
        spoke = here.spoke("web", "--", "--exit-on", SPOKE_CMD="printf '[%s]\\n'")
        assert spoke.wait() == 0
        assert spoke.shown() == "[--exit-on]\n"

    def test_it_is_the_process_itself(self, here: Wheel) -> None:
        spoke = here.spoke("web", "sh", "-c", "echo $$; exit 7")
        assert spoke.wait() == 7
        assert spoke.shown() == f"{spoke.process.pid}\n"

    def test_nothing_is_held_back_or_ignored(self, here: Wheel) -> None:
        spoke = here.spoke("web", "python3", "-c", f"import signal; {STATUS}")
        assert spoke.wait() == 0
        blocked, ignored = (int(mask, 16) for mask in spoke.shown().split())
        assert blocked == 0
        # This Python ignores SIGPIPE and SIGXFSZ by itself; 32 and 33 are the C library's, and make(1) hands them on.
        assert ignored & ~(1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1 | 3 << 31) == 0
        shell = here.spoke("web", "sh", "-c", "grep -E 'Sig(Blk|Ign)' /proc/self/status", id="shell")
        assert shell.wait() == 0
        assert [int(line.split()[1], 16) & ~(3 << 31) for line in shell.shown().splitlines()] == [0, 0]

    def test_needs_neither_name_nor_hub(self, here: Wheel) -> None:
        spoke = here.start("host", MINISUP, "spoke", "echo", "there")
        assert spoke.wait() == 0
        assert spoke.shown() == "there\n"

    def test_its_environment_is_ours(self, here: Wheel) -> None:
        spoke = here.spoke("web", "sh", "-c", "echo $SPOKE_NAME $HOSTNAME $WHEEL_ROOT")
        assert spoke.wait() == 0
        assert spoke.shown() == f"web web-host {here.root}\n"

    def test_a_command_that_is_not_there(self, here: Wheel) -> None:
        why = "No such file or directory"
        assert here.spoke("web", "/nowhere/at/all").complaint() == f"cannot run '/nowhere/at/all': {why}"

    def test_a_command_that_cannot_run(self, here: Wheel) -> None:
        assert here.spoke("web", "/etc/passwd").complaint() == "cannot run '/etc/passwd': Permission denied"

    def test_half_a_quote(self, here: Wheel) -> None:
        spoke = here.spoke("web", "x", SPOKE_CMD="sh -c 'x")
        assert spoke.complaint() == 'cannot use SPOKE_CMD "sh -c \'x": No closing quotation'

    def test_ends_with_its_signal(self, here: Wheel) -> None:
        spoke = here.spoke("web", "sh", "-c", "echo up; exec sleep 1000")
        spoke.shows("up\n")
        assert spoke.stop() == -signal.SIGTERM


# --- without a hub ---------------------------------------------------------------------------------------------------


@needs_git
class TestDetached:
    @pytest.fixture(autouse=True)
    def repositories(self, here: Wheel) -> None:
        here.publish_skeleton()
        here.publish("web", {"supervisor/conf.d/web.ini": own(here, "web"), "bin/tool.sh": "#!/bin/sh\n"})

    @staticmethod
    def spoke(here: Wheel, **env: str) -> Spoke:
        repositories = {"SUPERVISOR_REPO": here.source("skeleton"), "WHEEL_REPO": here.source("web")}
        return here.spoke("web", SPOKE_DETACH_MODE="True", **{**repositories, **env})

    def test_first_run(self, here: Wheel) -> None:
        spoke = running(self.spoke(here), "web-group:web")
        assert (here.config / TARGET).read_text() == skeleton(here.root)
        assert (here.config / "supervisor/conf.d/web.ini").exists()
        assert mode(here.config) == mode(here.config / "bin") == mode(here.data) == mode(here.log) == 0o755
        assert mode(here.config / "bin/tool.sh") == mode(here.config / TARGET) == 0o644
        lines = spoke.shown().splitlines()
        assert lines[0].startswith(f"minisup: cloning {here.source('skeleton')} at master into {here.config}")
        assert lines[1] == f"minisup: merging {here.source('web')} at config"

    def test_again(self, here: Wheel) -> None:
        running(self.spoke(here), "web-group:web").stop()
        here.publish("web", {"news": ""})
        (here.config / "mine").write_text("")
        spoke = running(self.spoke(here), "web-group:web")
        assert "cloning" not in spoke.shown()
        assert (here.config / "mine").exists() and not (here.config / "news").exists()

    def test_again_after_a_kill(self, here: Wheel) -> None:
        first = running(self.spoke(here), "web-group:web")
        first.forget()
        first.process.kill()
        first.wait()
        running(self.spoke(here), "web-group:web")

    def test_a_configuration_of_somebody_else(self, here: Wheel) -> None:
        here.config.mkdir()
        complaint = self.spoke(here).complaint()
        why = f"{here.config} is there already (SPOKE_DETACH_MODE is on)"
        assert complaint == f"cannot fetch the configuration: {why}"
        assert os.listdir(here.config) == []

    def test_branches(self, here: Wheel) -> None:
        commit(here.git / "other", {TARGET: skeleton(here.root)}, "strange")
        commit(here.git / "wheel", {"supervisor/conf.d/web.ini": own(here, "web", "other")}, "stranger")
        env = {"SUPERVISOR_REPO": here.source("other"), "SUPERVISOR_BRANCH": "strange"}
        env |= {"WHEEL_REPO": here.source("wheel"), "WHEEL_BRANCH": "stranger"}
        running(self.spoke(here, **env), "web-group:other")

    def test_without_a_wheel(self, here: Wheel) -> None:
        here.publish("skeleton", {"supervisor/conf.d/web.ini": own(here, "web")}, "master")
        spoke = running(self.spoke(here, WHEEL_REPO=""), "web-group:web")
        assert spoke.shown().splitlines()[0] == (
            "minisup: warning: no WHEEL_REPO is set, the configuration is the skeleton alone"
        )

    def test_no_hub_is_waited_for(self, here: Wheel) -> None:
        here.lock.mkdir()
        running(self.spoke(here), "web-group:web")

    @pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
    def test_told_to_end_while_cloning(self, here: Wheel, mute: Mute, signum: int) -> None:
        spoke = self.spoke(here, SUPERVISOR_REPO=mute.address)
        mute.called()
        assert spoke.stop(signum) == 128 + signum
        mute.hung_up()
        assert [path.name for path in here.folder.iterdir() if path.name.startswith("config")] == []
        running(self.spoke(here), "web-group:web")

    def test_killed_while_merging(self, here: Wheel, mute: Mute) -> None:
        spoke = self.spoke(here, WHEEL_REPO=mute.address)
        mute.called()
        spoke.process.kill()
        spoke.wait()
        for pid in here.gits():
            os.kill(pid, signal.SIGKILL)
        mute.hung_up()
        assert not here.config.exists()
        running(self.spoke(here), "web-group:web")
        assert not (here.folder / "config.new").exists()

    def test_killed_before_the_folder_had_its_name(self, here: Wheel) -> None:
        """The mark of the first run is there, /config is not."""
        running(self.spoke(here), "web-group:web").stop()
        (here.config).rename(here.folder / "config.new")
        running(self.spoke(here), "web-group:web")
        assert not (here.folder / "config.new").exists()

    def test_a_git_that_does_not_listen(self, here: Wheel) -> None:
        """It gets two seconds; what it has started goes with it."""
        folder = here.folder / "deaf"
        folder.mkdir()
        deaf = folder / "git"
        lines = ("#!/bin/sh", "trap '' TERM", "sleep 1000 & echo $! > up.$$ && mv up.$$ up", "while :; do wait; done")
        deaf.write_text("\n".join(lines))
        deaf.chmod(0o755)
        path = os.pathsep.join([str(folder), here.environment("x")["PATH"]])
        spoke = self.spoke(here, PATH=path)
        until((here.folder / "up").exists, spoke.shown)
        child = int((here.folder / "up").read_text())
        assert spoke.stop() == 128 + signal.SIGTERM
        until(lambda: not Path(f"/proc/{child}").exists() or "State:\tZ" in Path(f"/proc/{child}/status").read_text())


# --- exit codes ------------------------------------------------------------------------------------------------------


class TestExitCodes:
    def test_off_by_default(self, here: Wheel) -> None:
        here.fill(own(here, "web", command="sh -c 'exit 7'"))
        spoke = here.spoke("web").up()
        spoke.says("exited: web ")
        assert spoke.stop() == 0

    @pytest.mark.parametrize("how", ["option", "variable"])
    def test_exit(self, here: Wheel, how: str) -> None:
        here.fill(own(here, "web", "web", "other", command="sh -c '[ %(program_name)s = other ] && sleep 99; exit 7'"))
        spoke = here.spoke("web", "--exit-on", "exit") if how == "option" else here.spoke("web", SPOKE_EXIT_ON="exit")
        assert spoke.wait() == 7
        assert spoke.said("has ended, and") == ["'web' has ended, and the daemon with it (exit_on)"]
        assert spoke.said("^stopped: ") == ["stopped: other (terminated by SIGTERM)"]
        assert spoke.said("stopped: ") == spoke.said("^stopped: ")

    @pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGABRT])
    def test_a_deadly_signal(self, here: Wheel, signum: int) -> None:
        here.fill(own(here, "web", command=f"sh -c 'kill -{signum} $$'"))
        assert here.spoke("web", "--exit-on=exit").wait() == 128 + signum

    def test_fatal(self, here: Wheel) -> None:
        here.fill(own(here, "web", command="/nowhere/at/all"))
        assert here.spoke("web", SPOKE_EXIT_ON="fatal").wait() == 127

    def test_fatal_is_no_exit(self, here: Wheel) -> None:
        here.fill(own(here, "web", command="sh -c 'exit 7'"))
        spoke = here.spoke("web", SPOKE_EXIT_ON="fatal").up()
        spoke.says("exited: web ")
        assert spoke.stop() == 0

    def test_the_option_wins(self, here: Wheel) -> None:
        here.fill(own(here, "web", command="sh -c 'exit 7'"))
        spoke = here.spoke("web", "--exit-on", "never", SPOKE_EXIT_ON="exit").up()
        spoke.says("exited: web ")
        assert spoke.stop() == 0

    def test_code_from(self, here: Wheel) -> None:
        here.fill(own(here, "web", "web", "other", command="sh -c '[ %(program_name)s = other ] && sleep 99; exit 7'"))
        spoke = here.spoke("web", "--exit-code-from", "web", id="a")
        spoke.says("exited: web ")
        assert spoke.stop() == 7
        spoke = here.spoke("web", "--exit-code-from", "web-group:other", "--exit-on", "exit", id="b")
        assert spoke.wait() == 128 + signal.SIGTERM

    def test_others_do_not_count(self, here: Wheel) -> None:
        here.fill(own(here, "web"), own(here, "crew", command="sh -c 'exit 7'"))
        spoke = running(here.spoke("web", "--exit-on", "exit"), "web-group:web")
        spoke.rpc.startProcess("crew-group:crew", False)
        spoke.says("exited: crew ")
        running(spoke, "web-group:web")
        assert spoke.stop() == 0

    def test_of_the_skeleton(self, here: Wheel) -> None:
        """[supervisord] exit_on, where neither option nor variable says anything."""
        here.fill(own(here, "web", command="sh -c 'exit 7'"), more="exit_on=exit\n")
        assert here.spoke("web").wait() == 7

    def test_a_shutdown_by_a_client(self, here: Wheel) -> None:
        fill(here)
        spoke = running(here.spoke("web", "--exit-on", "exit"), "web-group:web")
        spoke.rpc.shutdown()
        assert spoke.wait() == 0


# --- the mirror ------------------------------------------------------------------------------------------------------


class TestMirror:
    def test_stderr_of_its_own(self, here: Wheel) -> None:
        fill(here)
        spoke = running(here.spoke("web"), "web-group:web")
        spoke.shows("web complains aloud, as always\n")
        spoke.rpc.startProcess("crew-group:clerk")
        until(lambda: "clerk complains" in spoke.log("clerk_stderr.log"))
        assert spoke.stop() == 0
        assert spoke.shown() == spoke.log("supervisord.log")
        assert spoke.shown().count("web complains aloud, as always\n") == 1
        assert "clerk complains" not in spoke.shown()
        assert "web began" not in spoke.shown()
        assert spoke.log("web_stderr.log") == "web complains aloud, as always\n"

    def test_last_words(self, here: Wheel) -> None:
        here.fill(own(here, "web", command="sh -c 'printf \"no newline\" >&2'", stderr_capture_maxbytes=0))
        spoke = here.spoke("web")
        spoke.says("exited: web ")
        assert spoke.stop() == 0
        assert "no newline\n" in spoke.shown()
        assert "no newline\n" in spoke.log("supervisord.log")
        assert spoke.log("web_stderr.log") == "no newline"

    def test_of_both_outputs_in_one(self, here: Wheel) -> None:
        """There is no stderr then."""
        here.fill(own(here, "web", redirect_stderr="true"))
        spoke = running(here.spoke("web"), "web-group:web")
        until(lambda: "complains" in spoke.log("web_stdout.log"))
        assert spoke.stop() == 0
        assert "complains" not in spoke.shown()

    @pytest.mark.parametrize("path", ["/dev/stderr", "/dev/stdout"])
    def test_what_is_on_the_output_anyway_is_not_said_twice(self, here: Wheel, path: str) -> None:
        here.fill(own(here, "web", stderr_logfile=path, stderr_logfile_maxbytes=0))
        spoke = running(here.spoke("web"), "web-group:web")
        spoke.shows("complains aloud")
        assert spoke.stop() == 0
        assert spoke.shown().count("web complains aloud, as always\n") == 1

    def test_without_a_log_of_its_own(self, here: Wheel) -> None:
        here.fill(own(here, "web", stderr_logfile="NONE"))
        spoke = running(here.spoke("web"), "web-group:web")
        spoke.shows("web complains aloud, as always\n")

    def test_clients_see_it_in_the_main_log(self, here: Wheel) -> None:
        fill(here)
        spoke = running(here.spoke("web"), "web-group:web")
        until(lambda: "web complains aloud, as always\n" in spoke.rpc.readLog(0, 0))

    def test_a_main_log_that_was_moved_away(self, here: Wheel) -> None:
        fill(here)
        spoke = running(here.spoke("web"), "web-group:web")
        spoke.shows("web complains")
        (spoke.logs / "supervisord.log").rename(spoke.logs / "old.log")
        spoke.send(signal.SIGUSR2)
        until(lambda: "logreopen" in spoke.log("old.log"))
        spoke.rpc.stopProcess("web-group:web")
        spoke.rpc.startProcess("web-group:web")
        until(lambda: "web complains aloud" in spoke.log("supervisord.log"))


class Voice:
    """What would be on the console."""

    def __init__(self) -> None:
        self.said = b""
        self.ended = 0

    def write(self, data: bytes) -> None:
        self.said += data

    def end(self) -> None:
        self.ended += 1


@pytest.mark.parametrize(
    "pieces, before, after",
    [
        ([b"one\n"], b"one\n", b"one\n"),
        ([b"o", b"ne\ntw", b"o"], b"one\n", b"one\ntwo\n"),
        ([b"one\ntwo\nthr"], b"one\ntwo\n", b"one\ntwo\nthr\n"),
        ([b"\n\n"], b"\n\n", b"\n\n"),
        ([], b"", b""),
        ([b"x" * (Mirror.LONGEST + 1)], b"x" * (Mirror.LONGEST + 1) + b"\n", b"x" * (Mirror.LONGEST + 1) + b"\n"),
    ],
    ids=["a line", "in pieces", "several", "empty ones", "nothing", "without an end"],
)
def test_whole_lines_go_to_the_log(tmp_path: Path, pieces: list[bytes], before: bytes, after: bytes) -> None:
    path = tmp_path / "main.log"
    log = MainLog(DaemonSpec(logfile=str(path)))
    voice = Voice()
    mirror = Mirror(log, voice)  # type: ignore[arg-type]
    for piece in pieces:
        mirror.write(piece)
    assert path.read_bytes() == before
    mirror.end()
    assert path.read_bytes() == after
    mirror.end()
    assert path.read_bytes() == after
    assert voice.said == b"".join(pieces)
    log.close()


def test_two_programs_do_not_cut_each_others_lines(tmp_path: Path) -> None:
    log = MainLog(DaemonSpec(logfile=str(tmp_path / "main.log")))
    one, two = (Mirror(log, Voice()) for _ in range(2))  # type: ignore[arg-type]
    for mirror, piece in ((one, b"aa"), (two, b"bb\nb"), (one, b"a\n"), (two, b"b\n")):
        mirror.write(piece)
    assert (tmp_path / "main.log").read_bytes() == b"bb\naaa\nbb\n"
    log.close()


# --- who it runs as --------------------------------------------------------------------------------------------------


@needs_root
def test_folders_of_a_spoke_are_open_to_read(here: Wheel) -> None:
    fill(here)
    spoke = running(here.spoke("web"), "web-group:web")
    assert mode(spoke.run) == mode(spoke.logs) == 0o755
    assert mode(spoke.run / "supervisor.sock") == 0o700
    assert stat.S_ISSOCK((spoke.run / "supervisor.sock").stat().st_mode)

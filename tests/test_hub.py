"""The hub: each mode, what it leaves in /config, who waits for it, and what becomes of it when something is wrong."""

import os
import pwd
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from daemon import MINISUP, PATIENCE, needs_root, until
from radial import READY, TARGET, Mute, Wheel, git, mode, needs_git, skeleton, wheel

from minisup.spoke.plan import Permissions
from minisup.spoke.repository import apply_permissions

pytestmark = [pytest.mark.slow, needs_git]


@pytest.fixture
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wheel]:
    with wheel(tmp_path_factory.mktemp("w")) as found:
        found.publish_skeleton()
        yield found


def inis(here: Wheel) -> list[str]:
    return sorted(path.name for path in (here.config / "supervisor/conf.d").iterdir())


# --- dynamic ---------------------------------------------------------------------------------------------------------


def test_dynamic_clones_and_merges(here: Wheel) -> None:
    hub = here.hub("dynamic", here.publish_spoke("web"), here.publish_spoke("crew"))
    hub.shows(READY)
    assert inis(here) == ["crew.ini", "web.ini"]
    assert (here.config / TARGET).read_text() == skeleton(here.root)
    assert git(here.config, "status", "--porcelain") == ""
    assert here.data.is_dir() and here.log.is_dir()
    assert not here.lock.exists()
    assert hub.process.poll() is None
    assert hub.shown().splitlines() == [
        f"minisup: cloning {here.source('skeleton')} at master into {here.config}",
        f"minisup: merging {here.source('web')} at config",
        f"minisup: merging {here.source('crew')} at config",
        f"minisup: {READY}",
    ]


def test_idles_until_it_is_told(here: Wheel) -> None:
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        hub = here.hub(id=f"hub-{signum}")
        hub.shows(READY)
        assert hub.stop(signum) == 0


def test_branches_are_paired_by_position(here: Wheel) -> None:
    a = here.publish("a", {"supervisor/conf.d/a.ini": "; a\n"}, "one")
    b = here.publish("b", {"supervisor/conf.d/b.ini": "; b\n"}, "two")
    c = here.publish("c", {"supervisor/conf.d/c.ini": "; c\n"})
    branches = {"WHEEL_BRANCH_A": "one", "WHEEL_BRANCH_B": "two"}
    here.hub_ends("dynamic", WHEEL_REPO_A=a, WHEEL_REPO_B=b, WHEEL_REPO_C=c, **branches)
    assert inis(here) == ["a.ini", "b.ini", "c.ini"]


def test_skeleton_at_another_branch(here: Wheel) -> None:
    here.publish("other", {TARGET: "; other\n"}, "strange")
    here.hub_ends("dynamic", SUPERVISOR_REPO=here.source("other"), SUPERVISOR_BRANCH="strange")
    assert (here.config / TARGET).read_text() == "; other\n"


def test_without_wheels(here: Wheel) -> None:
    assert "minisup: warning: no WHEEL_REPO is set, there is nothing to merge\n" in here.hub_ends()
    assert (here.config / TARGET).exists()


def test_again_nothing_is_pulled(here: Wheel) -> None:
    web = here.publish_spoke("web")
    here.hub_ends("dynamic", web)
    here.publish("web", {"supervisor/conf.d/more.ini": "; more\n"})
    (here.config / "mine").write_text("mine\n")
    shown = here.hub_ends("dynamic", web)
    assert shown.splitlines() == ["minisup: restart", f"minisup: {READY}"]
    assert inis(here) == ["web.ini"]
    assert not here.lock.exists()


def test_updates(here: Wheel) -> None:
    web = here.publish_spoke("web")
    here.hub_ends("dynamic", web)
    here.publish("web", {"supervisor/conf.d/more.ini": "; more\n"})
    here.publish("skeleton", {"README": "news of the skeleton\n"}, "master")
    (here.config / "mine").write_text("mine\n")
    here.hub_ends("dynamic", web, UPDATES="True")
    assert inis(here) == ["more.ini", "web.ini"]
    assert (here.config / "README").read_text() == "news of the skeleton\n"
    assert (here.config / "mine").read_text() == "mine\n"
    assert mode(here.config / "supervisor/conf.d/more.ini") == 0o644


def test_permissions_are_no_change_of_a_file(here: Wheel) -> None:
    """A mode that the hub took away is in nobody's way when the file changes."""
    tool = here.publish("web", {"bin/tool.sh": "one\n"})
    here.hub_ends("dynamic", tool)
    assert mode(here.config / "bin/tool.sh") == 0o644
    here.publish("web", {"bin/tool.sh": "two\n"})
    here.hub_ends("dynamic", tool, UPDATES="yes")
    assert (here.config / "bin/tool.sh").read_text() == "two\n"
    assert mode(here.config / "bin/tool.sh") == 0o644


def test_a_new_hub_over_an_old_volume(here: Wheel) -> None:
    here.hub_ends("dynamic", here.publish_spoke("web"))
    here.publish("skeleton", {"README": "news\n"}, "master")
    here.hub_ends("dynamic", here.source("web"), here.publish_spoke("crew"), id="another")
    assert inis(here) == ["crew.ini", "web.ini"]
    assert (here.config / "README").read_text() == "news\n"


# --- static ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("versioned", [True, False], ids=["a repository", "only files"])
def test_static(here: Wheel, versioned: bool) -> None:
    here.config.mkdir()
    (here.config / "app.conf").write_text("copied in\n")
    if versioned:
        for words in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--message", "copied in")):
            git(here.config, *words)
    here.hub_ends("static", here.publish_spoke("web"))  # it ends by itself
    assert inis(here) == ["web.ini"]
    assert (here.config / "app.conf").read_text() == "copied in\n"
    assert (here.config / TARGET).exists()
    assert not here.lock.exists()


def test_static_without_wheels(here: Wheel) -> None:
    here.config.mkdir()
    (here.config / "app.conf").write_text("copied in\n")
    here.hub_ends("static")
    assert (here.config / TARGET).exists()


def test_static_update(here: Wheel) -> None:
    """The image was built by `static`; the wheels come when its container starts for the first time."""
    here.config.mkdir()
    (here.config / "app.conf").write_text("copied in\n")
    here.hub_ends("static")
    (here.config / "bin").mkdir()
    web = here.publish_spoke("web")
    here.hub_ends("static-update", web)
    assert inis(here) == ["web.ini"]
    assert (here.config / "app.conf").read_text() == "copied in\n"
    here.publish("web", {"supervisor/conf.d/more.ini": "; more\n"})
    here.hub_ends("static-update", web)
    assert inis(here) == ["web.ini"]
    here.hub_ends("static-update", web, UPDATES="True")
    assert inis(here) == ["more.ini", "web.ini"]
    assert not here.lock.exists()


# --- permissions -----------------------------------------------------------------------------------------------------


def test_permissions(here: Wheel) -> None:
    here.data.mkdir(mode=0o700)
    (here.data / "secret").write_text("")
    (here.data / "secret").chmod(0o600)
    elsewhere = here.folder / "elsewhere"
    elsewhere.write_text("")
    elsewhere.chmod(0o600)
    (here.data / "link").symlink_to(elsewhere)
    here.hub_ends("dynamic", here.publish("web", {"bin/run.sh": "", "bin/.hidden": ""}))
    for folder in (here.config, here.data, here.log, here.config / "bin", here.config / "supervisor"):
        assert mode(folder) == 0o755
    for file in (here.data / "secret", here.config / "bin/run.sh", here.config / "bin/.hidden"):
        assert mode(file) == 0o644
    assert mode(elsewhere) == 0o600  # not ours


def test_what_is_gits_keeps_its_modes(here: Wheel) -> None:
    here.hub_ends("dynamic", PERMISSIONS_DEFAULT_FILE="606", PERMISSIONS_DEFAULT_DIR="707")
    assert mode(here.config) == 0o707
    assert mode(here.config / "README") == 0o606
    assert mode(here.config / ".git") != 0o707
    assert mode(here.config / ".git/HEAD") != 0o606


def test_exceptions_in_reverse_order(here: Wheel) -> None:
    """The entries are sorted and applied from the last to the first: the shorter pattern has the last word."""
    here.data.mkdir()
    for name in ("ab", "ac", "b c"):
        (here.data / name).write_text("")
    here.hub_ends("dynamic", PERMISSIONS_EXCEPTIONS="/data/ab:600  /data/a*:640 /data/b?c:400 /data/nothing:777")
    assert [mode(here.data / name) for name in ("ab", "ac", "b c")] == [0o640, 0o640, 0o400]


@needs_root
def test_exceptions_with_an_owner(here: Wheel) -> None:
    here.data.mkdir()
    for name in ("a", "b", "c"):
        (here.data / name).write_text("")
    nobody = pwd.getpwnam("nobody")
    exceptions = "/data/a:600:nobody /data/b:4755:nobody:nogroup /data/c:600::nogroup"
    here.hub_ends("dynamic", PERMISSIONS_EXCEPTIONS=exceptions)
    found = {name: (here.data / name).stat() for name in ("a", "b", "c")}
    assert (found["a"].st_uid, found["a"].st_gid) == (nobody.pw_uid, 0)
    assert (found["b"].st_uid, found["b"].st_gid) == (nobody.pw_uid, nobody.pw_gid)
    assert (found["c"].st_uid, found["c"].st_gid) == (0, nobody.pw_gid)
    assert [stat.S_IMODE(found[name].st_mode) for name in ("a", "b", "c")] == [0o600, 0o4755, 0o600]


def test_a_file_that_vanishes_needs_no_permissions(here: Wheel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spokes rotate their logs while a hub is started again."""
    here.data.mkdir()
    (here.data / "there").write_text("")

    def walk(root: str) -> Iterator[tuple[str, list[str], list[str]]]:
        yield root, ["gone folder"], ["gone", "there"]
        yield f"{root}/gone folder", [], []

    monkeypatch.setattr(os, "walk", walk)
    apply_permissions([str(here.data)], Permissions(0o700, 0o600))
    assert mode(here.data / "there") == 0o600


def test_a_link_that_leads_nowhere_needs_no_permissions(here: Wheel) -> None:
    here.data.mkdir()
    (here.data / "link").symlink_to(here.data / "nowhere")
    here.hub_ends("dynamic", PERMISSIONS_EXCEPTIONS="/data/*:600")


@pytest.mark.parametrize("exceptions", ["/data/a:600:nobody-at-all", "/data/a:600:root:nobody-at-all"])
@needs_root
def test_an_owner_who_does_not_exist(here: Wheel, exceptions: str) -> None:
    here.data.mkdir()
    (here.data / "a").write_text("")
    hub = here.hub(PERMISSIONS_EXCEPTIONS=exceptions)
    assert "nobody-at-all" in hub.complaint()
    assert here.lock.is_dir()


@pytest.mark.parametrize(
    "variable, value, why",
    [
        ("PERMISSIONS_EXCEPTIONS", "/data", "it is not PATH:MODE[:USER[:GROUP]]"),
        ("PERMISSIONS_EXCEPTIONS", "/data:755:a:b:c", "it is not PATH:MODE[:USER[:GROUP]]"),
        ("PERMISSIONS_EXCEPTIONS", "/data:rwx", "it is not an octal mode"),
        ("PERMISSIONS_DEFAULT_DIR", "99", "it is not an octal mode"),
        ("PERMISSIONS_DEFAULT_FILE", "u+x", "it is not an octal mode"),
    ],
)
def test_permissions_that_nobody_understands(here: Wheel, variable: str, value: str, why: str) -> None:
    complaint = here.hub(**{variable: value}).complaint()
    assert complaint.startswith(f"cannot use {variable} ")
    assert complaint.endswith(f": {why}")


# --- what goes wrong -------------------------------------------------------------------------------------------------


def kept(here: Wheel, complaint: str, *words: str) -> None:
    """An error in git's words, and nobody starts on half a configuration."""
    for word in words:
        assert word in complaint
    assert here.lock.is_dir()
    spoke = here.spoke("web")
    spoke.shows("waiting for the hub: ")
    assert spoke.stop() == 128 + signal.SIGTERM


def test_a_conflict_keeps_the_lock(here: Wheel) -> None:
    a = here.publish("a", {"app.conf": "a\n", "supervisor/conf.d/a.ini": "; a\n"})
    b = here.publish("b", {"app.conf": "b\n", "supervisor/conf.d/b.ini": "; b\n"})
    hub = here.hub("dynamic", a, b)
    kept(here, hub.complaint(), f"cannot merge '{b}': ", "CONFLICT", "app.conf")
    assert git(here.config, "status", "--porcelain") == ""  # as before the merge
    assert (here.config / "app.conf").read_text() == "a\n"
    # Somebody mends the wheel; the hub is started again, and that is all.
    here.publish("b", {"app.conf": "a\n"})
    here.hub_ends("dynamic", a, b, id="hub")
    assert inis(here) == ["a.ini", "b.ini"]
    assert not here.lock.exists()


@pytest.mark.parametrize("what", ["skeleton", "wheel"])
def test_an_unreachable_repository_keeps_the_lock(here: Wheel, what: str) -> None:
    nowhere = here.source("nowhere")
    hub = here.hub("dynamic", nowhere) if what == "wheel" else here.hub(SUPERVISOR_REPO=nowhere)
    verb = "clone" if what == "skeleton" else "pull"
    kept(here, hub.complaint(), f"cannot {verb} '{nowhere}': ", "fatal: ", "does not ")


def test_a_branch_that_does_not_exist(here: Wheel) -> None:
    hub = here.hub("dynamic", here.publish_spoke("web"), WHEEL_BRANCH="none")
    kept(here, hub.complaint(), f"cannot pull '{here.source('web')}': ", "couldn't find remote ref none")


def test_a_later_start_after_a_failure_pulls_again(here: Wheel) -> None:
    """The first run is over when it was whole."""
    web = here.source("web")
    assert "cannot pull" in here.hub("dynamic", web).complaint()
    here.publish_spoke("web")
    here.hub_ends("dynamic", web)
    assert inis(here) == ["web.ini"]


def test_a_config_that_is_no_repository(here: Wheel) -> None:
    here.config.mkdir()
    (here.config / "mine").write_text("")
    why = "it has files already and is no git repository"
    assert here.hub().complaint() == f"cannot clone into '{here.config}': {why}"
    assert here.lock.is_dir()


def test_local_changes_in_the_way_of_an_update(here: Wheel) -> None:
    here.hub_ends()
    (here.config / "README").write_text("changed here\n")
    here.publish("skeleton", {"README": "changed there\n"}, "master")
    hub = here.hub(UPDATES="True")
    kept(here, hub.complaint(), f"cannot merge '{here.source('skeleton')}': ", "local changes", "README")
    assert (here.config / "README").read_text() == "changed here\n"


def test_git_is_missing(here: Wheel) -> None:
    hub = here.hub(PATH=str(Path(MINISUP).parent))
    assert hub.complaint() == "cannot fetch the configuration: git is not installed"
    assert here.lock.is_dir()


def test_a_folder_that_cannot_be_made(here: Wheel) -> None:
    here.data.write_text("")
    assert here.hub().complaint() == f"cannot make the folder '{here.data}': File exists"


@pytest.mark.parametrize("words", [(), ("dynamically",), ("dynamic", "static")])
def test_a_mode_that_is_none(here: Wheel, words: tuple[str, ...]) -> None:
    hub = here.start("hub", MINISUP, "hub", *words)
    modes = "dynamic, static, static-update"
    assert hub.complaint() == f"the hub needs one mode: {modes} (minisup hub --help says more)"
    assert not here.lock.exists()


def test_help() -> None:
    done = subprocess.run([MINISUP, "hub", "--help"], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: minisup hub dynamic|static|static-update\n")


# --- told to end while it works --------------------------------------------------------------------------------------


@pytest.fixture
def mute() -> Iterator[Mute]:
    server = Mute()
    yield server
    server.close()


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_while_cloning(here: Wheel, mute: Mute, signum: int) -> None:
    hub = here.hub(SUPERVISOR_REPO=mute.address)
    mute.called()
    assert hub.stop(signum) == 128 + signum
    mute.hung_up()
    assert here.lock.is_dir()
    here.hub_ends("dynamic", here.publish_spoke("web"))  # the same container again
    assert inis(here) == ["web.ini"]


def test_killed_while_cloning(here: Wheel, mute: Mute) -> None:
    hub = here.hub(SUPERVISOR_REPO=mute.address)
    mute.called()
    hub.process.kill()
    hub.wait()
    for pid in until(lambda: here.gits()):  # in a container it dies with the namespace
        os.kill(pid, signal.SIGKILL)
    mute.hung_up()
    here.hub_ends("dynamic", here.publish_spoke("web"))
    assert inis(here) == ["web.ini"]
    assert sorted(path.name for path in here.config.iterdir()) == [".git", "README", "supervisor"]


def test_killed_while_files_are_put_in_place(here: Wheel) -> None:
    """The repository is there, its files are not yet, git's lock was left."""
    git(here.folder, "clone", "--quiet", "--no-checkout", "--branch", "master", here.source("skeleton"), "config")
    (here.config / ".git/index.lock").write_text("")
    (here.config / ".clone").mkdir()
    (here.config / "README").write_text("skel")
    here.hub_ends("dynamic", here.publish_spoke("web"))
    assert (here.config / "README").read_text() == "skeleton\n"
    assert git(here.config, "status", "--porcelain") == ""
    assert sorted(path.name for path in here.config.iterdir()) == [".git", "README", "supervisor"]


def test_killed_while_it_cloned_beside(here: Wheel) -> None:
    """What a clone has left half-way is in nobody's way."""
    (here.config / ".clone/.git").mkdir(parents=True)
    here.hub_ends("dynamic", here.publish_spoke("web"))
    assert sorted(path.name for path in here.config.iterdir()) == [".git", "README", "supervisor"]


def test_a_repository_without_a_commit(here: Wheel) -> None:
    here.config.mkdir()
    git(here.config, "init", "--quiet")
    here.hub_ends("dynamic", here.publish_spoke("web"))
    assert inis(here) == ["web.ini"]


def test_told_to_end_while_pulling(here: Wheel, mute: Mute) -> None:
    hub = here.hub("dynamic", mute.address)
    mute.called()
    assert hub.stop() == 128 + signal.SIGTERM
    mute.hung_up()
    here.hub_ends("dynamic", here.publish_spoke("web"))
    assert inis(here) == ["web.ini"]

"""``minisup spoke`` and ``minisup hub``: the entrypoints of Radial's containers. Every error is one line and exit 1."""

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from minisup.cli.arguments import switches_of
from minisup.cli.switches import HELP, UsageError, split, table
from minisup.config.build import load as read
from minisup.config.facts import Facts, Overrides
from minisup.config.values import Refused, ending
from minisup.errors import ConfigError, MinisupError
from minisup.runtime.posix import Interrupted, become
from minisup.specs import Configuration
from minisup.spoke import hub as hubs
from minisup.spoke.plan import Hub, Spoke, command, confine
from minisup.spoke.steps import prepare

BUDGET = 9.0
"""Seconds in which a spoke stops, unless its configuration says otherwise: docker kills after ten."""

SWITCHES = (*switches_of("exit_on", "exit_code_from"), HELP)

SPOKE_HELP = f"""\
Usage: minisup spoke [options] [COMMAND [ARGUMENT ...]]

The entrypoint of a Radial spoke. Waits for the hub, makes its folders under /run/supervisor and /log, links
/config/supervisor/supervisord.conf, and runs the programs of its own group, $SPOKE_NAME-group (or the group
or program $SPOKE_NAME), and no others. What they say on stderr is also on the container's output.
With a COMMAND it becomes that instead, $SPOKE_CMD in front and each argument as it was given.

{table(SWITCHES)}
  SPOKE_NAME           whose group to start (required)
  SPOKE_ID             names its folders instead of $HOSTNAME, where containers share a host name
  SPOKE_CMD            put before COMMAND
  SPOKE_EXIT_ON        as --exit-on
  SPOKE_DETACH_MODE    True: there is no hub, clone $SUPERVISOR_REPO and $WHEEL_REPO instead
  WHEEL_ROOT           put before /config, /data, /log and /run

Exit codes: 0 after a shutdown, 1 after an error, else that of a program (--exit-on, --exit-code-from).
"""

HUB_HELP = f"""\
Usage: minisup hub {"|".join(hubs.MODES)}

The entrypoint of a Radial hub: fills /config from git, sets the permissions of /config, /data and /log, and
idles. While it works /run/hub.lock is there and spokes wait; after an error it stays.

  dynamic         clone $SUPERVISOR_REPO, merge every $WHEEL_REPO* at its $WHEEL_BRANCH*
  static          at the build of an image: merge them into the files in /config, and exit
  static-update   at the start of such an image: merge the wheels, idle

  SUPERVISOR_REPO, SUPERVISOR_BRANCH    the skeleton (default branch: master)
  WHEEL_REPO*, WHEEL_BRANCH*            paired in the order of their names (default branch: config)
  UPDATES                               True: merge again at every restart
  PERMISSIONS_DEFAULT_DIR, _FILE        octal modes (755, 644)
  PERMISSIONS_EXCEPTIONS                PATH:MODE[:USER[:GROUP]] ..., globs allowed
  WHEEL_ROOT                            put before /config, /data, /log and /run
"""


def say(text: str) -> None:
    """A line in the container's output."""
    try:
        sys.stderr.write(f"minisup: {text}\n")
        sys.stderr.flush()
    except (OSError, AttributeError):
        pass  # nobody listens


def spoke(words: Sequence[str]) -> int:
    """The command ``minisup spoke``; returns its exit code."""
    os.environ.setdefault("HOSTNAME", os.uname().nodename)  # what a shell would have set, and configurations expand
    try:
        facts = Facts.of_this_machine()
        given, rest = split(words, SWITCHES)
        if any(switch is HELP for _, switch, _ in given):
            sys.stdout.write(SPOKE_HELP)
            return 0
        return _spoke({switch.name: text for _, switch, text in given}, rest, facts)
    except UsageError as error:
        say(f"{error} (minisup spoke --help says what it takes)")
    except ConfigError as error:
        for problem in error.problems:
            say(str(problem))
    except MinisupError as error:
        say(str(error))
    except OSError as error:
        say(f"cannot use {error.filename or 'the system'!r}: {error.strerror}")
    except Interrupted as end:
        return 128 + end.signum
    return 1


def _spoke(given: dict[str, str], rest: list[str], facts: Facts) -> int:
    if rest:
        argv = command(facts.environ.get("SPOKE_CMD", ""), rest)
        try:
            become(argv)
        except OSError as error:
            raise MinisupError(f"cannot run {argv[0]!r}: {error.strerror}") from None
    plan = Spoke(facts.environ, facts.host_node_name)
    values: dict[str, Any] = {"nodaemon": True, "logfile": plan.main_log, "mirror": True}
    if "exit_code_from" in given:
        values["exit_code_from"] = given["exit_code_from"]
    if exit_on := given.get("exit_on") or plan.exit_on:
        try:
            values["exit_on"] = ending(exit_on, facts)
        except Refused as error:
            raise MinisupError(f"cannot use --exit-on or SPOKE_EXIT_ON: {error.legacy}") from None
    lock = prepare(plan, say)
    facts.host_node_name = plan.id  # the folder of its logs; containers of one pod share a host name
    overrides = Overrides(plan.link, values)

    def load() -> Configuration:
        found = confine(read(overrides, facts), plan.name)
        if found.daemon.shutdown_timeout is None:
            found = replace(found, daemon=replace(found.daemon, shutdown_timeout=BUDGET))
        return found

    from minisup import app

    try:
        return app.run(load, load())
    finally:
        os.close(lock)


def hub(words: Sequence[str]) -> int:
    """The command ``minisup hub``; returns its exit code."""
    if any(word in ("-h", "--help") for word in words):
        sys.stdout.write(HUB_HELP)
        return 0
    if len(words) != 1 or words[0] not in hubs.MODES:
        say(f"the hub needs one mode: {', '.join(hubs.MODES)} (minisup hub --help says more)")
        return 1
    try:
        return hubs.run(words[0], Hub(dict(os.environ)), say)
    except MinisupError as error:
        say(str(error))
    except OSError as error:
        say(f"cannot use {error.filename or 'the system'!r}: {error.strerror}")
    except Interrupted as end:
        return 128 + end.signum
    return 1

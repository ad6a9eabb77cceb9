"""The command line client, for plugins of ``[ctlplugin:x]`` and for ``python -m supervisor.supervisorctl``."""

import sys
from collections.abc import Sequence

from minisup.ctl.commands import DefaultControllerPlugin
from minisup.ctl.controller import DEAD as DEAD_PROGRAM_FAULTS
from minisup.ctl.controller import Controller, ControllerPluginBase, LSBInitExitStatuses, LSBStatusExitStatuses
from minisup.ctl.foreground import fgthread
from supervisor import _missing
from supervisor.options import ClientOptions, make_namespec, split_namespec

__getattr__ = _missing.names_of("supervisor.supervisorctl")


def main(args: Sequence[str] | None = None, options: ClientOptions | None = None) -> None:
    """Do a command, or be a shell; then the process ends.

    Args:
        args: the command line; None for our own.
        options: what to go by, `realize` is called with the command line; None for new ones.
    """
    from minisup.cli.ctl import serve

    chosen = ClientOptions() if options is None else options
    chosen.realize(args)
    sys.exit(serve(chosen))


if __name__ == "__main__":
    main()

"""What the commands of minisup-compat do first. Not in the package `supervisor`, of which two distributions may be."""

import os
import sys

BOTH = (
    "minisup-compat and supervisor are both installed and overwrite each other's files: uninstall minisup-compat, then "
    "`pip install --force-reinstall supervisor`, and let `minisup run` be the daemon (or a link to minisup that is "
    "called supervisord)"
)


def warn() -> None:
    """Say on stderr, in one line, that the real supervisor is installed too."""
    # What importlib.metadata would look for, without the 30 ms of its import.
    for folder in sys.path:
        try:
            names = os.listdir(folder or ".")
        except OSError:
            continue
        if any(name.startswith("supervisor-") and name.endswith((".dist-info", ".egg-info")) for name in names):
            try:
                sys.stderr.write(f"{os.path.basename(sys.argv[0])}: {BOTH}\n")
            except (AttributeError, OSError):
                pass  # nobody to tell
            return

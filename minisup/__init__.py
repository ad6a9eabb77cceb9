"""minisup: a small async process manager that takes supervisord's place."""

__version__ = "0.1.0"

SUPERVISORD_VERSION = "4.3.0"
"""The supervisord that we stand in for: what clients and scripts that compare versions must see."""

"""minisup: a small async process manager that takes supervisord's place."""

__version__ = "0.1.0"

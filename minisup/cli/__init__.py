"""The command `minisup` and its sub-commands."""

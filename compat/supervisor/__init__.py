"""The names that listeners, plugins and clients import from supervisor 4.3.0, served by minisup.

Only names: no daemon is in here. What cannot be served is listed in `supervisor._missing` and says so when asked for.
"""

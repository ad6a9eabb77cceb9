"""The shell around the core: the only rooms that touch the operating system for the sake of children."""

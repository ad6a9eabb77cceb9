"""The pure core: machines that turn inputs into effects. No clock, no file, no process is touched here."""

"""The oracle: the real supervisord 4.3.0 and minisup, one configuration and one script, and what each did compared.

`peer` starts one of the two and leaves nothing behind, `steps` are the lines of a script, `normal` takes out what
may differ by nature (pids, clocks, folders, random names), `case` runs a script on both and compares. The `cases_*`
modules hold the tables: the key of a case is what it shows.

    python -m oracle --list                      (from tests/)
    python -m oracle "a stopped program ..."     both peers, differences printed
    python -m oracle --alone --repeat 3          the real one against itself: is every case deterministic?
"""

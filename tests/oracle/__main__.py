"""Run cases by hand and print what differs."""

import argparse
import sys
import time
from dataclasses import replace

from .case import Sights, differences, playing
from .cases_ctl import ALONE, BOTH
from .cases_supervisorctl import CASES as SUPERVISORCTL
from .peer import MINISUP, REAL, oracle_venv
from .tables import CASES as ORACLE

CASES = ORACLE | {f"ctl {key}": case for key, case in (SUPERVISORCTL | BOTH | ALONE).items()}


def main() -> int:
    parser = argparse.ArgumentParser(prog="oracle", description="Compare minisup with the real supervisord.")
    parser.add_argument("words", nargs="*", help="run only the cases whose name holds one of these texts")
    parser.add_argument("--list", action="store_true", help="print the names of the cases")
    parser.add_argument("--alone", action="store_true", help="compare the real one with itself")
    parser.add_argument("--repeat", type=int, default=1, help="with --alone: number of further runs")
    parser.add_argument("--mutant", help="compare with minisup broken in this way")
    parser.add_argument("--show", action="store_true", help="print all that was seen")
    parser.add_argument("--workers", type=int, default=24)
    given = parser.parse_args()
    chosen = {key: case for key, case in CASES.items() if not given.words or any(word in key for word in given.words)}
    if given.list:
        print("\n".join(chosen))
        return 0
    oracle_venv()
    bad: set[str] = set()
    first: dict[str, Sights] = {}
    for turn in range(given.repeat + 1 if given.alone else 1):
        began = time.monotonic()
        other = REAL if given.alone else f"{MINISUP}:{given.mutant}" if given.mutant else MINISUP
        kinds = [REAL] if given.alone else [REAL, other]
        with playing(chosen, [(key, kind) for key in chosen for kind in kinds], given.workers) as runs:
            for key, case in chosen.items():
                try:
                    real = runs[key, REAL].result()
                    if given.show and turn == 0:
                        print(f"== {key}\n" + "\n".join(f"  {label}: {value!r}" for label, value in real.items()))
                    if given.alone:
                        found = differences(replace(case, differs={}), first.setdefault(key, real), real)
                    else:
                        found = differences(case, real, runs[key, other].result())
                except Exception as error:
                    found = [f"the script failed: {type(error).__name__}: {error}"]
                if found:
                    bad.add(key)
                    print(f"-- {key}\n   " + "\n   ".join(found), flush=True)
        print(f"{len(chosen)} cases, {len(bad)} differ so far, {time.monotonic() - began:.0f} s", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

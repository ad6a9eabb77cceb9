"""What supervisors cost: any number of them measured in turns, in one run (``python -m benchmarks --help``)."""

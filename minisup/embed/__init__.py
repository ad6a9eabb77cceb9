"""Supervision inside a program: what `minisup.Supervisor` and its neighbours are made of."""

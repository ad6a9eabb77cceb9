"""Radial: what a spoke and a hub do before and beside being a supervisor (docs/radial.md)."""

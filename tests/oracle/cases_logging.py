from .case import Case

CASES: dict[str, Case] = {}

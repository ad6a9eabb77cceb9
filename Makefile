# make demo     a wheel with two spokes, started, asked, hurt and stopped before your eyes
# make test     everything: ruff, mypy, the architecture, all tests
# make check    ruff, mypy and the architecture only
# make bench    what minisup and others cost, side by side: 15 minutes (make bench-quick: two)
# make soak     half an hour of turmoil: nothing lost, nothing leaked
# make clean    forget what was installed and built
#
# Needs make and Python >= 3.11. What is installed once is not asked for again: pyproject.toml decides.

PYTHON  ?= python3
VENV    ?= .venv
ORACLE  ?= .venv-supervisor
CLIENTS ?= .venv-clients

export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: demo test check bench bench-quick soak clean

demo: $(VENV)/.installed
	$(VENV)/bin/python examples/demo.py

test: check $(ORACLE)/.installed $(CLIENTS)/.installed
	$(VENV)/bin/python -m pytest

check: $(VENV)/.tests
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/python -m pytest -q tests/test_architecture.py

bench bench-quick: $(VENV)/.installed $(ORACLE)/.installed
	$(VENV)/bin/python -m benchmarks $(if $(filter bench-quick,$@),--quick) $(SUPERVISORS)

soak: $(VENV)/.installed
	$(VENV)/bin/python -m benchmarks.soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(HUPS),--hups $(HUPS))

clean:
	rm -rf $(VENV) $(ORACLE) $(CLIENTS) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "minisup needs Python >= 3.11: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install -q -e .
	touch $@

$(VENV)/.tests: $(VENV)/.installed
	$(VENV)/bin/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["test"], sep="\n")' > $(VENV)/tests.txt
	$(VENV)/bin/python -m pip install -q -r $(VENV)/tests.txt
	touch $@

# The oracle: the real supervisord, in a virtual environment of its own, for minisup never meets it in one process.
$(ORACLE)/.installed: | $(VENV)/bin/python
	$(PYTHON) -m venv $(ORACLE)
	$(ORACLE)/bin/python -m pip install -q supervisor==4.3.0
	touch $@

# Clients that others wrote, for tests/test_clients.py; they bring the real supervisor, too.
$(CLIENTS)/.installed: $(addprefix tests/clients/,install requirements.txt package.json) | $(VENV)/bin/python
	$(PYTHON) -m venv $(CLIENTS)
	tests/clients/install $(CLIENTS)
	touch $@

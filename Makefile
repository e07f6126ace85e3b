# Every target makes the environment it needs; a clone, Python 3.11, git and make are enough.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
DATA := $(wildcard ../shared/data)
GOLDEN := $(wildcard ../shared/golden)

# Real graphs and reference values: tests and benchmarks that need them skip without them.
ifneq ($(DATA),)
export VGAE_DATA ?= $(abspath $(DATA))
endif
ifneq ($(GOLDEN),)
export VGAE_GOLDEN ?= $(abspath $(GOLDEN))
endif

# Every test that starts a process would compile all of torch's modules anew, at 5 to 10 s each.
unexport PYTHONDONTWRITEBYTECODE

# Threads of torch would spin while they wait, on cores that the other process of the tests needs.
# Where two processes share the tests, either has one thread; tests of loops take two.
test test-slow test-browser test-wheel: export OMP_WAIT_POLICY = passive
test: export OMP_NUM_THREADS = 1

.PHONY: env dev demo test static warm-up test-browser test-wheel test-slow bench bench-peers docs clean

# Python compiles modules when it first imports them: most are never imported, and take up space.
PIP = $(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

env: .venv/.ready
dev: .venv/.ready-dev

.venv/bin/python:
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'vgae needs Python 3.11 or newer')"
	$(PYTHON) -m venv .venv

# PyPI's torch for Linux brings gigabytes of CUDA along, so that the build for processors comes first,
# where it can be reached.
.venv/.torch: constraints.txt | .venv/bin/python
	-$(PIP) --no-deps --retries 0 --index-url $(TORCH_INDEX) torch
	@touch $@

# What `vgae` needs and no more.
.venv/.ready: pyproject.toml constraints.txt .venv/.torch
	$(PIP) -e .
	$(BIN)/vgae warm-up
	@touch $@

# What tests, types and style need as well.
.venv/.ready-dev: pyproject.toml constraints.txt .venv/.torch
	$(PIP) -e ".[dev]"
	@touch $@

demo: env
	$(BIN)/vgae fit digits --out runs/demo --overwrite
	$(BIN)/vgae recommend runs/demo --top 10
	$(BIN)/vgae report runs/demo
	@echo "open runs/demo/report.html in a browser"

# Loops are compiled while types are checked: either takes one core.
test: dev
	@$(MAKE) --no-print-directory --jobs=2 static warm-up
	$(BIN)/pytest -n 2 --dist worksteal -m "not slow and not browser"

static: dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

warm-up: dev
	$(BIN)/vgae warm-up

# Reports in a real browser, which is installed where that is possible; elsewhere they are skipped.
test-browser: dev
	command -v chromedriver || apt-get install -y --no-install-recommends chromium chromium-driver
	$(BIN)/pytest -m browser tests/people/html

# The picture of a report that the README shows.
docs/_static/report.png: env
	$(BIN)/python docs/_ext/report_picture.py $@

# The package as users get it: built, checked, installed into a fresh environment and run.
test-wheel: dev
	$(PIP) -e ".[release]"
	$(BIN)/pytest -m slow tests/test_installation.py

# Fuzzing by coverage is skipped, and said to be, where its library cannot be installed.
test-slow: dev
	$(PIP) -e ".[release]"
	$(BIN)/pytest -m slow
	-$(PIP) -e ".[fuzz]"
	if $(BIN)/python -c "import atheris" 2>/dev/null; \
	    then $(BIN)/python tests/fuzz_tables.py -runs=40000 -max_len=400 -artifact_prefix=/tmp/; \
	    else echo "skipped: atheris is not installed"; fi
	$(BIN)/pytest -m "not slow" --hypothesis-profile=random tests/model tests/data \
	    tests/learning/test_metrics.py

# What the benchmarks compare with is skipped, and said to be, where it cannot be installed.
bench: dev .venv-pecanpy/.ready
	-$(PIP) -e ".[bench]"
	$(BIN)/python benchmarks/objective.py
	$(BIN)/python benchmarks/linear_time.py
	$(BIN)/python benchmarks/parts.py
	$(BIN)/python benchmarks/strong.py
	$(BIN)/python benchmarks/ablation.py
	$(BIN)/python benchmarks/gpu.py --long
	$(BIN)/python benchmarks/walks.py
	$(BIN)/python benchmarks/reading.py
	$(BIN)/python benchmarks/new_nodes.py
	$(BIN)/python benchmarks/checkpoints.py
	$(BIN)/python benchmarks/plan.py
	$(BIN)/vgae reproduce --out benchmarks/results/reproduce

# Other libraries on the same splits, one process after the other.
bench-peers: dev
	-$(PIP) -e ".[peers]"
	$(BIN)/python benchmarks/peers.py

# PecanPy, which walks are compared with, does not import under the NumPy that everything else uses.
.venv-pecanpy/.ready:
	$(PYTHON) -m venv .venv-pecanpy
	-.venv-pecanpy/bin/python -m pip install --quiet --disable-pip-version-check pecanpy==2.0.9 "numpy<2"
	@touch $@

docs: dev
	$(BIN)/sphinx-build -W -q -b html docs docs/_build/html
	@echo "docs: docs/_build/html/index.html"

clean:
	rm -rf .venv .venv-pecanpy build docs/_build runs benchmarks/results
	find . -name __pycache__ -o -name '*.egg-info' -o -name '.*_cache' -o -name .hypothesis | xargs rm -rf

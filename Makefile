# make run        try Rollcall out: everything is installed into .venv, then daemon and web page start
# make run-small  the same without DeepFace and TensorFlow, and the models that need them
# make test       everything that proves it

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || echo python3)
VENV := .venv
BIN := $(VENV)/bin
# What `run` installs beside the base; `dev` brings it along.
EXTRA := [deepface]
# The lock pins every dependency of every extra; what is installed is what pyproject.toml asks for.
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --quiet --constraint requirements.lock

.PHONY: run run-small test test-fast test-browser test-long check benchmark clean lock

run: $(VENV)/.run
	@mkdir -p inbox people
	@$(BIN)/rollcall up

run-small:
	@$(MAKE) --no-print-directory run VENV=.venv-small EXTRA=

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Rollcall needs Python 3.11 or newer; this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(PIP) --editable '.$(EXTRA)'
	@touch $@

$(VENV)/.dev: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(PIP) --editable '.[dev]'
	@touch $(VENV)/.run $@

# Everything but the browser and the long forms; CI runs it with the browser after it.
test: check test-fast

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test-fast: $(VENV)/.dev
	$(BIN)/python -m pytest -m 'alone and not browser and not long' $(PYTEST)
	$(BIN)/python -m pytest -m 'not alone and not browser and not long' -n 2 --dist loadfile $(PYTEST)

test-browser: $(VENV)/.dev
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null || \
		(apt-get update -qq && apt-get install -y -qq chromium chromium-driver)
	$(BIN)/python -m pytest -m browser $(PYTEST)

test-long: $(VENV)/.dev
	$(BIN)/python -m pytest -m long $(PYTEST)

benchmark: $(VENV)/.dev
	$(PIP) --editable '.[benchmark]'
	$(BIN)/python -m benchmarks.accuracy
	$(BIN)/python -m benchmarks.calibration
	$(BIN)/python -m benchmarks.throughput
	$(BIN)/python -m benchmarks.detection
	$(BIN)/python -m benchmarks.decoding
	$(BIN)/python -m benchmarks.landmarks
	$(BIN)/python -m benchmarks.crops
	$(BIN)/python -m benchmarks.second_looks
	$(BIN)/python -m benchmarks.engine
	$(BIN)/python -m benchmarks.quality
	$(BIN)/python -m benchmarks.quality_moves
	$(BIN)/python -m benchmarks.eyes
	$(BIN)/python -m benchmarks.grouping
	$(BIN)/python -m benchmarks.openset
	$(BIN)/python -m benchmarks.decisions
	$(BIN)/python -m benchmarks.identification --whole
	$(BIN)/python -m benchmarks.video
	$(BIN)/python -m benchmarks.cuts
	$(BIN)/python -m benchmarks.web

# Needs uv. No index address goes into the lock.
lock:
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --no-emit-index-url --no-header \
		--no-annotate --output-file requirements.lock

clean:
	rm -rf $(VENV) .venv-small build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

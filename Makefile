# make demo   set up an environment and run the main jobs on real embedded data: a model, and would a campaign have paid
# make test   set up an environment and pass the tests
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check -q
EXTRAS = all
comma = ,
# what the optional libraries are needed for; the rest was tested without them
EXTRA_TESTS = $(addprefix tests/,matter data service monitor represent split models train doubt explain profile deploy design campaign docs) \
	tests/pipeline/test_estimators.py $(shell grep -rl importorskip tests/cli tests/pipeline tests/problem tests/report tests/test_*.py)
# a test that kills its process ends the run: pytest-xdist may wait for ever for a replacement
SIDE_BY_SIDE = -n auto --dist loadfile --max-worker-restart 0
export PYTHONHASHSEED = 0

.PHONY: demo test test-extras test-lowest test-lowest-extras lint types layers check bench clean

demo: $(VENV)/.core
	$(BIN)/matloop run examples/thermopower.toml -o runs
	$(BIN)/matloop campaign simulate examples/thermoelectrics.toml -n 150 --batch 10 --strategies auto,trees \
		--workers 2 --cache runs/thermoelectrics.jsonl -o runs/thermoelectrics.html

test: $(VENV)/.dev
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

test-extras: $(VENV)/.extras
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(EXTRA_TESTS)

# the lower bounds of pyproject.toml, exactly; they have no wheels for Python 3.13 and later
test-lowest: $(VENV)-lowest/.done
	$(VENV)-lowest/bin/python -m pytest $(SIDE_BY_SIDE)

# and those of the optional dependencies; the lowest of the core hold beside them
test-lowest-extras: $(VENV)-lowest-extras/.done
	$(VENV)-lowest-extras/bin/python -m pytest $(SIDE_BY_SIDE) $(EXTRA_TESTS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

layers: $(VENV)/.dev
	$(BIN)/lint-imports

check: lint types layers

bench: $(VENV)/.bench
	$(VENV)-bench/bin/python benchmarks/features.py --save
	$(BIN)/python benchmarks/speed.py --save

clean:
	rm -rf $(VENV) $(VENV)-bench $(VENV)-lowest $(VENV)-lowest-extras build dist

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "matloop needs Python 3.11 or later; choose one with: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/.core

$(VENV)/.extras: $(VENV)/.dev
	$(PIP) install -c constraints.txt -e '.[$(EXTRAS),peers,dev]'
	@touch $@

define lowest_environment  # (the file of constraints, what to install)
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' || \
		{ echo "the lowest versions need Python 3.11 or 3.12; choose one with: make PYTHON=python3.11 test-lowest"; exit 1; }
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip --disable-pip-version-check -q install -c $(1) -e $(2) \
		pytest pytest-timeout pytest-xdist hypothesis crepes
	@touch $@
endef

$(VENV)-lowest/.done: pyproject.toml constraints-lowest.txt
	$(call lowest_environment,constraints-lowest.txt,.)

$(VENV)-lowest-extras/.done: pyproject.toml constraints-lowest-extras.txt
	$(call lowest_environment,constraints-lowest-extras.txt,'.[$(EXTRAS)$(comma)peers]')

# the peer holds pandas below 3, so it lives in an environment of its own, without the constraints
$(VENV)/.bench: $(VENV)/.core
	$(PYTHON) -m venv $(VENV)-bench
	$(VENV)-bench/bin/python -m pip --disable-pip-version-check -q install -e '.[bench]' torch==2.13.0
	@touch $@

# Every target makes and uses .venv/ from the committed constraints; nothing needs activating.

PYTHON ?= python3
export STYLIZE_HOME ?= $(CURDIR)/.stylize
# Packages are compiled when they are first imported, which two fifths of their files are; the next process shall find that.
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: help demo azure-demo ui test test-browser screenshots test-slow check lint format constraints bench-style bench-many-clips looks refine-styles k8s-e2e clean

help:
	@echo "make demo        make a short clip, restyle it, show where the result lies"
	@echo "make azure-demo  the same on Azure's storage emulator, from upload to delivery (KEEP=1 leaves it running)"
	@echo "make ui          Dagster UI and daemon on http://127.0.0.1:3000"
	@echo "make test        all tests but the slow ones"
	@echo "make test-browser only those that click through the Dagster UI (needs chromium)"
	@echo "make screenshots the same, and renews the pictures of docs/operating.md"
	@echo "make test-slow   the tests that take minutes or gigabytes"
	@echo "make check       lint, the definitions and the unit tests: before a push"
	@echo "make lint        ruff, pyright, import-linter"
	@echo "make bench-style how fast frames are painted, against the usual way; writes bench/results/style.json"
	@echo "make looks DATA=folder   whether the shipped styles look good; writes bench/results/looks.json and bench/looks.html"
	@echo "make bench-many-clips FOLDER=folder   how fast the UI is with 300 clips; writes bench/results/many_clips.json"
	@echo "make k8s-e2e     the same on a Kubernetes cluster, killing pods on the way: docs/cluster-test.md"
	@echo "make refine-styles DATA=folder   make the styles of bench/shipped_styles.toml that are not there as it says"

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt --editable '.[demo,dev,kubernetes]'
	@touch $@

demo: $(INSTALLED)
	@$(BIN)/stylize demo

azure-demo: $(INSTALLED)
	@$(BIN)/python -W ignore -m azurite.demo

ui: $(INSTALLED)
	@$(BIN)/stylize ui

# Dagster's SQLite waits for the disk at every event: in memory, where there is room, the suite takes half the time.
IN_MEMORY = $(shell test $$(df --output=avail /dev/shm | tail -1) -gt 8000000 && echo /dev/shm)

test test-browser check: export PYTEST_DEBUG_TEMPROOT ?= $(IN_MEMORY)
test: $(INSTALLED)
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

test-browser: $(INSTALLED)
	$(BIN)/python -m pytest tests/browser $(PYTEST_ARGS)

screenshots: export UPDATE_SCREENSHOTS = 1
screenshots: test-browser

test-slow: $(INSTALLED)
	$(BIN)/python -m pytest --slow -m slow $(PYTEST_ARGS)

check: lint
	$(BIN)/dagster definitions validate --log-level warning
	$(BIN)/python -m pytest tests/unit --numprocesses auto --dist loadfile --no-loadscope-reorder --quiet $(PYTEST_ARGS)

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench-style: $(INSTALLED)
	$(BIN)/python -m bench.style

# DATA: folder with photographs, clips, paintings and features. 40 minutes on two cores.
looks: DATA ?= ../shared/data
looks: $(INSTALLED)
	$(BIN)/python -W ignore -m bench.looks --data "$(DATA)"

# FOLDER: where two homes are made, of some gigabytes; kept, and used again.
bench-many-clips: $(INSTALLED)
	$(BIN)/python -W ignore -m bench.many_clips --folder "$(FOLDER)"

# The settings come from the environment: docs/cluster-test.md. Pods that mount .venv/ cannot write there what they compile.
# Some packages carry files for other Pythons, on which compileall fails.
k8s-e2e: $(INSTALLED)
	@$(BIN)/python -m compileall -q -j 0 .venv/lib >/dev/null || true
	@$(BIN)/python -W ignore -m k8s.e2e.run

refine-styles: $(INSTALLED)
	@$(BIN)/python -W ignore -m bench.refine_shipped_styles --data "$(DATA)"

# Resolve anew, then look at the difference before committing it. --all: torch needs setuptools, which freeze hides.
constraints:
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --editable '.[demo,dev,kubernetes]'
	$(BIN)/pip freeze --all --exclude pip --exclude-editable | sed 's/+cpu$$//' > constraints.txt

clean:
	rm -rf .venv .stylize build *.egg-info

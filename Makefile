# Needs GNU make and Python 3.11 or newer; everything else is installed into .venv by `make setup`.
# Only setup uses the network. All paths are relative, so a clone may live anywhere.

.POSIX:
.SUFFIXES:
.DEFAULT_GOAL := help

# The interpreter that creates .venv. If it is empty: the first of python3.11, python3, python3.12 … that is new enough.
PYTHON ?=
# More arguments for pytest, as in: make test TESTFLAGS="-k gate -x"
TESTFLAGS ?=
# Processes of `make test`: two more than there are cores, because many tests wait. Each takes half a gigabyte.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 2)
# Minutes of faults and load in the soak test, and the seed of its choices. Without a seed, it makes one and prints it.
SOAK_MINUTES ?= 10
SOAK_SEED ?=
# What the soak runs on: sqlite or postgresql. The commit whose processes soak-upgrade replaces.
SOAK_DATABASE ?= sqlite
SOAK_FROM ?= HEAD~1
# Random examples of each property in `make explore`, and the folders whose properties it tries.
EXAMPLES ?= 500
EXPLORE ?= tests/unit
# The agent frameworks of `make test-frameworks`, each in a virtual environment of its own: their libraries conflict.
FRAMEWORKS ?= claude_agent crewai google_adk openai_agents
# Options of `signoff demo`, as in: make demo DEMOFLAGS="--fresh --port 9000"
DEMOFLAGS ?=

VENV := .venv
RUN := $(VENV)/bin/python
STAMP := $(VENV)/.installed
NPM := $(VENV)/npm
NPM_STAMP := $(NPM)/.installed
EDITOR := $(VENV)/editor
EDITOR_STAMP := $(EDITOR)/.installed
PIP := $(RUN) -m pip --disable-pip-version-check
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))

.PHONY: help setup test test-thorough explore test-browser test-frameworks check format bench soak soak-upgrade simulation faults pictures demo clean constraints editor

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)$$/\1|\2/p' Makefile | awk -F'|' '{ printf "  make %-13s %s\n", $$1, $$2 }'

setup: $(STAMP) $(NPM_STAMP) $(EDITOR_STAMP) ## create .venv and install all packages for development (PYTHON=… picks the interpreter)

$(STAMP): pyproject.toml constraints.txt
	@if ! $(RUN) -c '$(NEW_ENOUGH)' 2>/dev/null; then \
		python="$(PYTHON)"; \
		if [ -z "$$python" ]; then \
			for candidate in python3.11 python3 python3.12 python3.13 python3.14; do \
				if "$$candidate" -c '$(NEW_ENOUGH)' 2>/dev/null; then python=$$candidate; break; fi; \
			done; \
		fi; \
		if [ -z "$$python" ]; then \
			echo "Signoff needs Python 3.11 or newer and found none; name one with: make setup PYTHON=/path/to/python" >&2; \
			exit 1; \
		fi; \
		if ! "$$python" -c '$(NEW_ENOUGH)'; then \
			echo "$$python is not Python 3.11 or newer; name another with: make setup PYTHON=/path/to/python" >&2; \
			exit 1; \
		fi; \
		if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
			echo "$$python cannot make virtual environments: install its venv module (Debian: apt-get install python3-venv)." >&2; \
			exit 1; \
		fi; \
		"$$python" -m venv --clear $(VENV); \
	fi
	$(PIP) install --quiet --constraint constraints.txt hatchling 'setuptools>=80'
	$(PIP) install --quiet --constraint constraints.txt --no-build-isolation --editable '.[dev]'
	@touch $(STAMP)

# Libraries that receivers of callbacks use on Node. Without npm the tests with them are skipped, and say so.
$(NPM_STAMP): $(STAMP) tests/data/npm/package-lock.json
	@if command -v npm >/dev/null && command -v node >/dev/null; then \
		mkdir -p $(NPM) && cp tests/data/npm/package.json tests/data/npm/package-lock.json $(NPM)/ && \
		npm ci --prefix $(NPM) --ignore-scripts --no-audit --no-fund --silent && touch $@; \
	else \
		echo "npm was not found: tests with libraries of Node are skipped"; \
	fi

# The editor of workflow files for the pages: what it was built from is in its first line, and a test builds it again.
$(EDITOR_STAMP): $(STAMP) bot/web/editor/package-lock.json
	@if command -v npm >/dev/null && command -v node >/dev/null; then \
		mkdir -p $(EDITOR) && cp bot/web/editor/package.json bot/web/editor/package-lock.json $(EDITOR)/ && \
		npm ci --prefix $(EDITOR) --ignore-scripts --no-audit --no-fund --silent && touch $@; \
	else \
		echo "npm was not found: the editor for the pages cannot be built again"; \
	fi

editor: $(EDITOR_STAMP) ## build the editor of workflow files again, after a change below bot/web/editor
	node bot/web/editor/build.mjs $(EDITOR)/node_modules templates/pages

# Each file runs on one worker, so that its server or wheel is started once. Files run in the order of their folders and
# not by their number of tests, because files with few tests have the longest tests, which would run last.
# Compiled tests are kept: else each worker compiles all of them again for each run. Each worker imports every file of
# tests, so those in a browser are not only left out but not looked at.
PYTEST := PYTHONDONTWRITEBYTECODE= $(RUN) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder \
	--ignore tests/browser -m "not browser and not frameworks"

test: $(STAMP) $(NPM_STAMP) ## run the tests, except those in a browser and of agent frameworks
	SIGNOFF_TEST_QUICK=1 $(PYTEST) $(TESTFLAGS)

test-thorough: $(STAMP) $(NPM_STAMP) ## run the tests with the variations that test leaves out (tests/support/variations.py)
	$(PYTEST) $(TESTFLAGS)

# With random examples, which differ each time; a failure prints how to repeat it.
explore: $(STAMP) ## look for faults with EXAMPLES random examples of every property in EXPLORE
	SIGNOFF_TEST_EXAMPLES=$(EXAMPLES) $(RUN) -m pytest -n $(WORKERS) --dist worksteal -m "not browser and not frameworks" \
		$$(grep -rl --include='test_*.py' hypothesis $(EXPLORE)) $(TESTFLAGS)

# Three workers, each with one Chromium and one HTML checker: for about half of its time a test waits for a page. Every
# test starts its own servers.
test-browser: $(STAMP) ## run the tests in a browser (needs Chromium and Java)
	@if [ -z "$$(find tests -path 'tests/browser/*' -name '*.py')" ]; then \
		echo "no browser tests yet"; \
	else \
		$(RUN) -m pytest -n 3 --dist worksteal -m browser tests/browser $(TESTFLAGS); \
	fi

# Each environment is made once, from versions that are pinned (about a gigabyte for crewai).
.frameworks/%/.installed: tests/frameworks/%.txt | $(STAMP)
	$(RUN) -m venv --clear .frameworks/$*
	.frameworks/$*/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --requirement $<
	@touch $@

test-frameworks: $(FRAMEWORKS:%=.frameworks/%/.installed) ## run the examples of docs/agents in the frameworks themselves
	$(RUN) -m pytest -n 2 -m frameworks tests/frameworks $(TESTFLAGS)

check: $(STAMP) ## check lint, format, types, layers and dependencies; runs all, fails if one fails
	@failed=; \
	run() { \
		name=$$1; shift; \
		echo "== $$name"; \
		"$$@" || failed="$$failed $$name"; \
	}; \
	run ruff-check $(RUN) -m ruff check .; \
	run ruff-format $(RUN) -m ruff format --check .; \
	run mypy $(RUN) -m mypy --strict; \
	run lint-imports $(VENV)/bin/lint-imports --no-logo; \
	run deptry $(RUN) -m deptry .; \
	if [ -n "$$failed" ]; then echo "failed:$$failed" >&2; exit 1; fi

format: $(STAMP) ## format the code and apply the fixes of ruff
	$(RUN) -m ruff check --fix-only .
	$(RUN) -m ruff format .

bench: $(STAMP) ## measure speed (docs/benchmarks.md)
	$(VENV)/bin/signoff bench engine
	$(VENV)/bin/signoff bench slack
	$(VENV)/bin/signoff bench web mail

soak: $(STAMP) ## kill, stop and starve servers for SOAK_MINUTES, then check the data (SOAK_DATABASE=postgresql: seven of them)
	$(RUN) -m tests.soak --database "$(SOAK_DATABASE)" --minutes "$(SOAK_MINUTES)" --seed "$(SOAK_SEED)"

soak-upgrade: $(STAMP) ## replace processes of the commit SOAK_FROM by these under load, on PostgreSQL, then check the data
	$(RUN) -m tests.soak --upgrade-from "$(SOAK_FROM)" --minutes "$(SOAK_MINUTES)" --seed "$(SOAK_SEED)"

simulation: $(STAMP) ## play 10,000 agents with known error rates, and check what is stated about them
	$(RUN) -m tests.support.simulated_agents

faults: $(STAMP) ## plant one bug after the other in a copy, and check that the tests notice each
	$(RUN) -m tests.faults.plant

pictures: $(STAMP) ## take the screenshots in docs/images again
	$(RUN) -m tests.browser.pictures docs/images

demo: $(STAMP) ## try it on a local Slack in the browser, until Ctrl-C
	@$(VENV)/bin/signoff demo $(DEMOFLAGS)

clean: ## remove build products and caches, not .venv
	rm -rf build dist htmlcov .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -path ./$(VENV) -prune -o -type d -name __pycache__ -exec rm -rf {} +

# To upgrade: .venv/bin/python -m pip install --upgrade --editable '.[dev]', run the tests, then this.
constraints: $(STAMP) ## write the installed versions to constraints.txt
	@$(PIP) list --format=freeze --exclude-editable --exclude signoff --exclude pip --exclude setuptools >$(VENV)/constraints
	@{ \
		echo "# The versions that the tests run with, of everything that .[dev] brings; setup installs exactly these."; \
		echo "# Made by: make constraints"; \
		LC_ALL=C sort -f $(VENV)/constraints; \
	} >constraints.txt
	@rm $(VENV)/constraints
	@touch $(STAMP)

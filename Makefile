# Each target makes what it needs in .venv, from Python 3.11 or newer alone, and touches nothing else on the machine.
# Another interpreter: make test PYTHON=python3.12. A fresh start: rm -rf .venv build

PYTHON  ?= python3
LAYERS  := protocols actors runtime
BIN     := .venv/bin
TESTS   := $(BIN)/python -m pytest -q
SCRIPTS := $(wildcard examples tests bench)
PIP     := $(BIN)/python -m pip -qq --disable-pip-version-check
STRICT  := --no-build-isolation --config-settings editable_mode=strict -e

# An install depends on what is declared and where this folder is; and on which files there are, because a strict
# editable install links file by file. Contents are linked, so an edit needs no install; what is compiled does.
DECLARED := $(shell (pwd; cat pyproject.toml setup.py constraints.txt $(wildcard protocols/*.[ch] actors/*/*.[ch])) | cksum | tr ' ' -)
FILES    := $(shell find $(LAYERS) -type f ! -name '*.pyc' ! -name '.*' | LC_ALL=C sort | cksum | tr ' ' -)
LINKED   := .venv/.linked-$(FILES)
DEMO     := .venv/.demo-$(DECLARED)
TEST     := .venv/.test-$(DECLARED)
CHECK    := .venv/.check-$(DECLARED)
COMPILED := .venv/.compiled-$(DECLARED)

# Compiled files are kept in __pycache__, whatever the caller has set: without them each process compiles us anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test unit nightly check bench chaos format

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1|\2/p' Makefile | awk -F'|' '{ printf "%-12s  %s\n", $$1, $$2 }'

demo: $(DEMO) $(LINKED) ## run the support desk and print its report
	@$(BIN)/stigmergy run examples/support_desk

test: $(TEST) $(LINKED) $(COMPILED) ## run all tests
	@$(TESTS) -m "not ray" -n 4 --dist loadfile --ignore tests/test_architecture.py
	@$(BIN)/python -m tests.simulation --seeds 2000
	@$(TESTS) -m ray -n 2 --dist loadfile

unit: $(TEST) $(LINKED) ## run the tests that need neither Ray nor a server
	@$(TESTS) -m "not ray and not server" -n 3 --dist loadfile --ignore tests/simulation --ignore tests/test_architecture.py

nightly: $(TEST) $(LINKED) ## run the tests that take long or need root: partitions, lost control services
	@$(BIN)/python -m pytest -q -m nightly
	@HYPOTHESIS_PROFILE=deep $(TESTS) -m "not ray and not server" -n 2 --dist loadfile tests/actors tests/protocols tests/runtime/volatile
	@$(BIN)/python -m tests.simulation --first $$(date +%s) --seeds 20000

check: $(CHECK) $(LINKED) ## lint, format, types, layers and architecture; changes nothing
	@$(call quietly,$(BIN)/ruff check)
	@$(call quietly,$(BIN)/ruff format --check)
	@$(call quietly,$(BIN)/mypy $(LAYERS:%=-p stigmergy.%))
	@$(call quietly,$(BIN)/mypy $(SCRIPTS))
	@$(call quietly,$(BIN)/lint-imports --no-logo)
	@$(call quietly,$(BIN)/python -m pytest -q tests/test_architecture.py)

bench: $(TEST) $(LINKED) ## measure beside our peers, some minutes; PROFILE=1 draws flame graphs instead
	@$(BIN)/python -m bench $(if $(PROFILE),--profile)

chaos: $(DEMO) $(TEST) $(LINKED) ## kill, hang and starve real processes, and check what is left; SEED=1 MINUTES=10 SHARDS=1 JSON=1
	@$(BIN)/python -m tests.chaos --seed $(or $(SEED),1) --minutes $(or $(MINUTES),10) $(if $(JSON),--json) \
		$(if $(MUTATION),--mutation $(MUTATION)) $(if $(SHARDS),--shards $(SHARDS))

format: $(CHECK) $(LINKED) ## format the code and apply the safe fixes
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

# Runs a command: one line when it passes; all that it said when it does not, with the paths of this folder.
quietly = said=$$($(1) 2>&1) && echo 'ok      $(1:$(BIN)/%=%)' || \
	{ printf '%s\n' "$$said" | sed 's|build/__editable__[^/]*/stigmergy/||g'; echo 'failed  $(1:$(BIN)/%=%)'; exit 1; }

# Below: how .venv comes about. The larger sets include the smaller ones.
$(DEMO):  EXTRAS := anthropic,examples
$(TEST):  EXTRAS := test
$(CHECK): EXTRAS := dev

$(DEMO):  MAKES := $(DEMO)
$(TEST):  MAKES := $(DEMO) $(TEST)
$(CHECK): MAKES := $(DEMO) $(TEST) $(CHECK)

$(DEMO) $(TEST) $(CHECK):
	@$(BIN)/pip --version >/dev/null 2>&1 || { $(environment); }
	@echo 'installing stigmergy[$(EXTRAS)] into .venv (some minutes the first time)'
	@$(PIP) install -c constraints.txt setuptools
	@$(PIP) install -c constraints.txt $(STRICT) '.[$(EXTRAS)]'
	@rm -f .venv/.linked-* && find .venv -maxdepth 1 -type f -name '.*' ! -name '*-$(DECLARED)' -delete
	@touch $(MAKES) $(LINKED)

$(LINKED):
	@test -e $@ || $(PIP) install --no-deps $(STRICT) .
	@rm -f .venv/.linked-* && touch $@

# Tests are compiled once, by whoever collects them, and not by four workers at once.
$(COMPILED): $(TEST)
	@$(TESTS) --collect-only >/dev/null 2>&1; touch $@

# A new .venv, also where an old one cannot run any more: its folder has moved, or its Python is gone.
environment = $(PYTHON) -c '$(new_enough)' && { $(PYTHON) -m venv --clear .venv || { rm -rf .venv; exit 1; }; }
new_enough  = import sys; v = sys.version_info[:2]; v >= (3, 11) or \
	sys.exit("stigmergy needs Python 3.11 or newer, and $(PYTHON) is %d.%d: try make PYTHON=python3.11" % v)

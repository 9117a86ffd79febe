# Next Token to Reward.  `make lab` opens the course, `make test` runs every test.
# Each target sets up what it needs and may be run twice in a row.
#
#   PYTHON=python3.12      the Python that makes .venv (3.11, 3.12 or 3.13)
#   TORCH_INDEX=address    a package index that torch alone is taken from, such as
#                          PyTorch's own index of CPU builds
#   CONSTRAINTS=           empty: install the newest releases that the ranges allow
#   EXTRAS=lab,test,site   which extras of pyproject.toml are installed
#   ARGS=--no-browser      options handed to the command behind the target

PYTHON ?=
TORCH_INDEX ?=
CONSTRAINTS ?= constraints.txt
EXTRAS ?= lab,test,site
ARGS ?=

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check
READY := $(VENV)/.course-ready
PINS := $(if $(CONSTRAINTS),-c $(CONSTRAINTS))
CANDIDATES := $(if $(PYTHON),$(PYTHON),python3 python3.13 python3.12 python3.11 python)
export PIP_ROOT_USER_ACTION := ignore

.DEFAULT_GOAL := help
.PHONY: help setup lab test test-fast run notebooks lint bench release site colab colab-check clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' Makefile | expand -t 22

setup: $(READY) ## make .venv and install the course into it

$(READY): pyproject.toml constraints.txt
	@if ! $(PY) -m pip --version >/dev/null 2>&1; then \
	  found=; \
	  for name in $(CANDIDATES); do \
	    if $$name -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	      >/dev/null 2>&1; then found=$$name; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "No Python 3.11, 3.12 or 3.13 among: $(CANDIDATES)." \
	      "Install one, or name it: make PYTHON=/path/to/python3." >&2; exit 1; \
	  fi; \
	  if ! $$found -c 'import venv, ensurepip' >/dev/null 2>&1; then \
	    echo "$$found cannot make virtual environments: its venv or ensurepip module" \
	      "is missing (on Debian and Ubuntu: apt-get install python3-venv)." >&2; exit 1; \
	  fi; \
	  echo "Making $(VENV) with $$found, $$($$found --version)."; \
	  $$found -m venv --clear $(VENV) || exit 1; \
	fi
	$(if $(TORCH_INDEX),$(PIP) install --no-deps $(PINS) --index-url $(TORCH_INDEX) torch)
	$(PIP) install $(PINS) -e '.[$(EXTRAS)]'
	@touch $@

lab: $(READY) ## open JupyterLab on your own copies of the course
	@$(PY) -m course doctor --fetch || \
	  echo "Some data is not here yet; a chapter that needs it fetches it when run."
	$(PY) -m course lab $(ARGS)

test: $(READY) ## run every test: package, notebooks, exercises, browser
	$(PY) -m tools.test_lanes $(ARGS)

test-fast: $(READY) ## the tests that start no notebook and no browser
	$(PY) -m tools.test_lanes --fast $(ARGS)

run: $(READY) ## run every chapter, print the table, leave HTML copies
	$(PY) -m course run $(ARGS)

notebooks: $(READY) ## rebuild the notebooks from their masters
	$(PY) -m tools.build_notebooks $(ARGS)

lint: $(READY) ## style, spelling, links, and stale notebooks
	$(PY) -m ruff check course tools tests benchmarks notebooks/src solutions/src
	$(PY) -m ruff format --check course tools tests benchmarks notebooks/src solutions/src
	$(PY) -m codespell_lib
	$(PY) -m tools.links
	$(PY) -m tools.build_notebooks --check

bench: $(READY) ## side by side with transformers, as ratios
	$(PY) -m benchmarks $(ARGS)

release: $(READY) ## the wheel, the sdist, and a zip of notebooks with the wheel
	$(PY) -m tools.release $(ARGS)

site: $(READY) ## the course as web pages, in build/site
	$(PY) -m tools.site $(ARGS)

colab: $(READY) ## run the set-up cell and some notebooks with Colab's versions
	$(PY) -m tools.colab $(ARGS)

colab-check: $(READY) ## would the course install on Colab without replacing anything?
	$(PIP) install --dry-run -c .ci/colab-constraints.txt -e .

clean: ## remove .venv and the tools' caches, not the data of the course
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

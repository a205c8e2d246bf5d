PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
RUN := $(VENV)/bin/python
PORT ?= 8501

.DEFAULT_GOAL := help
.PHONY: help run test check format bench soak screenshots clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/runs ## start the dashboard at http://localhost:$(PORT), with a demo shop on the first start
	@exec $(RUN) -m dashboard serve --port $(PORT)

test: $(VENV)/tests ## run all tests; needs Chromium for those in a browser
	$(RUN) -m pytest -n auto --dist loadgroup

check: $(VENV)/tests ## lint, check types and the directions of imports
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy
	$(RUN) -m pytest -q tests/unit/test_imports.py

format: $(VENV)/tests ## format the code and mend what the linter can
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

bench: $(VENV)/tests ## measure against what it is compared to, side by side
	$(RUN) -m bench

soak: $(VENV)/tests ## read for ten minutes under writes and faults, and check every answer
	$(RUN) -m bench.soak

screenshots: $(VENV)/tests ## take the pictures in docs/screenshots/ of the dashboard at http://localhost:$(PORT)
	$(RUN) docs/screenshots.py http://localhost:$(PORT)

clean: ## remove the environment; the data folder stays
	rm -rf $(VENV)

# Each stamp is as new as the requirements that were installed under it.
$(VENV)/runs: requirements.txt constraints.txt
	@test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements.txt -c constraints.txt
	@touch $@

$(VENV)/tests: requirements-dev.txt $(VENV)/runs
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt -c constraints.txt
	@touch $@

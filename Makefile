# make run, make test: everything a newcomer needs. The environment is made from the lock file on first use.
PYTHON ?= python3.11
BIN := .venv/bin
DEMO := .bequest/demo

.PHONY: env run test test-slow lint format bench lock clean

env: .venv/.stamp

# The lock names every package, so pip need not resolve anything (`--no-deps`), and does not.
.venv/.stamp: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# The main job: two projects that inherit, then a batch from another scanner that makes the first run again.
run: env
	$(BIN)/bequest run deployments/recipes/digits.yaml deployments/recipes/breast_cancer.yaml
	$(BIN)/python deployments/recipes/drifted_batch.py $(DEMO)/digits_drifted.npz
	$(BIN)/bequest feedback digits --data $(DEMO)/digits_drifted.npz
	$(BIN)/bequest lineage digits@production
	$(BIN)/bequest status

test: env
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile

test-slow: env
	$(BIN)/python -m pytest -m slow

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy tests/benchmarks
	$(BIN)/lint-imports

format: env
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: env
	@test -n "$(NAME)" || { echo "make bench NAME=...: one of $$(ls tests/benchmarks/[a-z]*.py | xargs -n1 basename | sed 's/\.py//' | xargs)"; exit 2; }
	$(BIN)/python tests/benchmarks/$(NAME).py

# Needs uv; run it after a change of dependencies in pyproject.toml.
lock:
	uv pip compile pyproject.toml --group dev --python-version 3.11.7 --generate-hashes --no-emit-index-url --no-annotate \
	  --custom-compile-command "make lock" -o requirements.lock
	uv pip compile deployments/serving/requirements.in -c requirements.lock --python-version 3.11.7 --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header -o deployments/serving/requirements.lock

clean:
	rm -rf .venv .bequest

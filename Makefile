# Every target sets itself up from a fresh clone; `make help` lists them.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3.10 python3; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python -m
RUST := Cargo.toml Cargo.lock $(shell find rust_core -name '*.rs' -not -path '*/target/*' -o -name Cargo.toml -not -path '*/target/*')

DEVELOP := PIP_QUIET=1 VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/maturin develop --release --quiet --extras kafka,agent,config

.DEFAULT_GOAL := help
.PHONY: help setup all format lint test bench wheel fuzz docs demo lock clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

$(VENV)/.installed: requirements-dev.txt
	@test -n "$(PYTHON)" || { echo "missing: Python 3.10 or newer (python3 on the PATH)"; exit 1; }
	@echo "making the virtual environment $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV)
	@echo "installing the packages of requirements-dev.txt, a minute or two"
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

$(VENV)/.built: $(VENV)/.installed $(RUST) pyproject.toml
	@command -v cargo >/dev/null || { echo "missing: Rust 1.89 or newer (cargo on the PATH, for instance through rustup)"; exit 1; }
	@echo "building the Rust core, some minutes the first time"
	@$(DEVELOP)
	@touch $@

# Wheels are built for what the extension was seen to do: built once to count, put to work, and built again by the counts.
PROFILE := $(abspath target/profile)
PROFDATA = $(shell rustc --print sysroot)/lib/rustlib/$(shell rustc -vV | sed -n 's/^host: //p')/bin/llvm-profdata
TUNED := PYSPAN_PROFILE_GUIDED=1 RUSTFLAGS=-Cprofile-use=$(PROFILE)/merged.profdata CARGO_TARGET_DIR=$(PROFILE)/tuned

target/profile/merged.profdata: $(VENV)/.installed $(RUST) pyproject.toml benches/train.py
	@command -v cargo >/dev/null || { echo "missing: Rust 1.89 or newer (cargo on the PATH, for instance through rustup)"; exit 1; }
	@test -x $(PROFDATA) || rustup component add llvm-tools || { echo "missing: llvm-profdata of Rust's own version (rustup component add llvm-tools)"; exit 1; }
	@echo "building the Rust core so that it counts what it does, some minutes"
	@rm -rf $(PROFILE)/counts $(VENV)/.built $(VENV)/.tuned
	@RUSTFLAGS=-Cprofile-generate=$(PROFILE)/counts CARGO_TARGET_DIR=$(PROFILE)/counting $(DEVELOP)
	@rm -rf $(PROFILE)/counts  # what the build itself has counted
	@$(RUN) benches.train
	@$(PROFDATA) merge -o $@ $(PROFILE)/counts

$(VENV)/.tuned: target/profile/merged.profdata
	@echo "building the Rust core by what it did, some minutes"
	@$(TUNED) $(DEVELOP)
	@touch $(VENV)/.built $@

setup: $(VENV)/.built  ## virtual environment and release build of the extension

all: format lint test docs ## format, then every check

format: $(VENV)/.installed  ## put Python and Rust into their canonical form
	$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet . && cargo fmt --all

lint: $(VENV)/.built  ## ruff, mypy, stubtest, import layers, clippy, rustfmt, licences
	@$(RUN) tools.lint

test: $(VENV)/.built  ## cargo test, pytest (oldest API; real peers), fuzzing
	@$(RUN) tools.suite

target/bench-peers: $(VENV)/.installed benches/requirements.txt
	@echo "installing ddtrace, the peer that make bench alone has"
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --upgrade --target $@ -r benches/requirements.txt \
		&& touch $@ || echo "ddtrace could not be installed; it is left out"

bench: $(VENV)/.installed target/bench-peers  ## benchmarks beside the peers, as a table; fails when a goal is missed
	@$(MAKE) --no-print-directory $(VENV)/.tuned || { echo "no profile could be had, so what is measured is slower than a wheel"; \
		$(MAKE) --no-print-directory setup; }
	@$(RUN) benches

wheel: $(VENV)/.tuned  ## a wheel in dist, built twice: by a profile, as for make bench
	@$(TUNED) $(BIN)/maturin build --release --quiet --out dist
	@echo "dist/$$(ls -t dist | head -1)"

fuzz: $(VENV)/.built  ## a minute of fuzzing of the OTLP walk and the spool's recovery
	@$(RUN) tools.suite fuzz

docs: $(VENV)/.built  ## check the links of all texts and run their code
	@$(RUN) pytest -q tests/docs

demo: $(VENV)/.built  ## the shop into Kafka and the Collector; ONCE=1 ends by itself
	@$(RUN) examples.shop

lock: $(VENV)/.installed  ## renew requirements-dev.txt from pyproject.toml
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.10 --all-extras --group dev --no-annotate \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" pyproject.toml -o requirements-dev.txt

clean:  ## remove what was built here; the cache of components stays
	rm -rf $(VENV) target dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .benchmarks pyspan/_core*.so

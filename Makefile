# Afterboot: the tasks of a developer. `make` alone lists them.

CARGO ?= cargo
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help test lint format smoke bench needs kills

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

test: needs ## every test of every crate (installs the Debian packages below when missing)
	$(CARGO) test --workspace

lint: ## format and clippy, warnings are errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

format: ## formats every file
	$(CARGO) fmt --all

smoke: ## the release binary end to end: serve, report, query, stop
	$(CARGO) build --release
	./tests/smoke.sh "$${CARGO_TARGET_DIR:-target}/release/afterboot"

bench: ## the benchmarks: the parts, then a short run of the whole server
	$(CARGO) bench --workspace
	$(CARGO) run --release -- bench --short

# Program and the Debian package that holds it. `cc` builds zstd and ring; `strace` makes a sync fail in tests/crash.rs.
NEEDS := cc:build-essential strace:strace

needs:
	@missing=""; \
	for need in $(NEEDS); do command -v "$${need%%:*}" >/dev/null || missing="$$missing $${need##*:}"; done; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $$missing; \
	  else \
	    echo "the tests need packages that are not installed; run: sudo apt-get install$$missing" >&2; exit 1; \
	  fi; \
	fi; \
	command -v $(CARGO) >/dev/null || { echo "the build needs Rust 1.95 or newer: https://rustup.rs" >&2; exit 1; }

kills: ## a thousand times kill -9 under load (some minutes)
	AFTERBOOT_KILLS=1000 $(CARGO) test --test crash what_was_acknowledged

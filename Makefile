# Every target sets up .venv first (Python 3.11, versions pinned in constraints.txt); repeated set-up is instant.
.DEFAULT_GOAL := help
.PHONY: help install quickstart test test-envs test-robots test-slow check notebooks build clean

help: ## Say what there is
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1	/' | expand -t 14

install: ## Make .venv with everything that development needs
	@PYTHON="$(PYTHON)" scripts/tasks install

quickstart: ## Run experiments/quickstart.yaml, from nothing to its report
	@PYTHON="$(PYTHON)" scripts/tasks quickstart

test: ## Run the tests that take seconds
	@PYTHON="$(PYTHON)" scripts/tasks test

test-envs: ## Run the long tests of the environments: every parameter under every observation
	@PYTHON="$(PYTHON)" scripts/tasks test-envs

test-robots: ## Run the control loop with a pseudo-real robot at 50 Hz for a minute
	@PYTHON="$(PYTHON)" scripts/tasks test-robots

test-slow: ## Run the tests that take minutes
	@PYTHON="$(PYTHON)" scripts/tasks test-slow

check: ## Lint, format, types, and who may import whom
	@PYTHON="$(PYTHON)" scripts/tasks check

notebooks: ## Execute the notebooks
	@PYTHON="$(PYTHON)" scripts/tasks notebooks

build: ## Build the wheel and use it outside of the checkout
	@PYTHON="$(PYTHON)" scripts/tasks build

clean: ## Remove .venv and everything that was built
	@scripts/tasks clean

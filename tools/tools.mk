# SPDX-License-Identifier: MIT
#
# What is needed on the machine, and what keeps the source in order.

.PHONY: deps lint format
deps: ## install everything that building, testing and linting need
	@CXX=$(CXX) CC=$(CC) tools/deps all

lint: ## clang-format, clang-tidy, shellcheck, mandoc and the ranks of DESIGN.md
	@CXX=$(CXX) CC=$(CC) tools/deps lint
	@BUILD=$(BUILD) CXX=$(CXX) tools/lint

format: ## let clang-format lay out every source file
	@tools/lint format

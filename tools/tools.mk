# SPDX-License-Identifier: MIT
#
# What is needed on the machine, and what keeps the source in order.

# Drives the browser in tests; it brings none, and needs no other package.
PLAYWRIGHT := playwright-core@1.65.1
BROWSER := $(BUILD)/browser

.PHONY: deps lint format
deps: ## install everything that building, testing and linting need
	@CXX=$(CXX) CC=$(CC) tools/deps all
	@[ -d $(BROWSER)/node_modules/playwright-core ] || npm install --silent --no-audit --no-fund --prefix $(BROWSER) $(PLAYWRIGHT) || \
		echo "deps: no $(PLAYWRIGHT): the pages of the lab will not be opened in a browser"

lint: ## clang-format, clang-tidy, shellcheck, mandoc and the ranks of DESIGN.md
	@CXX=$(CXX) CC=$(CC) tools/deps lint
	@BUILD=$(BUILD) CXX=$(CXX) tools/lint

format: ## let clang-format lay out every source file
	@tools/lint format

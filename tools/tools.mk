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
		echo "deps: no $(PLAYWRIGHT): the pages will not be opened in a browser"

lint: ## clang-format, clang-tidy, shellcheck, mandoc and the ranks of DESIGN.md
	@CXX=$(CXX) CC=$(CC) tools/deps lint
	@BUILD=$(BUILD) CXX=$(CXX) tools/lint

format: ## let clang-format lay out every source file
	@tools/lint format

# The pictures of the documents are remade by the project's own commands; by people, as a browser of another version
# draws other pixels.
PICTURE_LESSON := sleep-and-wake
PICTURE_STEP := 3
.PHONY: pictures
pictures: command ## remake the pictures in docs/pictures/, by the command itself
	@mkdir -p $(BROWSER) docs/pictures
	$(BUILD)/mempool lab $(PICTURE_LESSON) --html $(BROWSER)/picture.html
	node tests/browser/picture.mjs $(BROWSER)/node_modules/playwright-core "$$(command -v chromium)" $(BROWSER)/picture.html \
		$(PICTURE_STEP) docs/pictures/lab.png

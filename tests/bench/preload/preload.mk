# SPDX-License-Identifier: MIT
#
# What libmempool-preload.so costs programs when nothing fails.

$(BENCH_DIR)/preload: $(BUILD)/obj/tests/bench/preload/pairs.o
	@mkdir -p $(@D)
	$(call quiet,LINK) $(CXX) $(LINK_FLAGS) -o $@ $<

PRELOAD_PAIRS ?= 31
.PHONY: bench-preload
.SECONDARY: $(BUILD)/obj/tests/bench/preload/pairs.o
bench-preload: lib ## what libmempool-preload.so costs sqlite3 and redis when nothing fails; PRELOAD_PAIRS=31
	@CXX=$(CXX) CC=$(CC) tools/deps preload
	@$(MAKE) --no-print-directory $(BENCH_DIR)/preload
	@$(BENCH_DIR)/preload $(abspath $(PRELOAD_SO)) $(PRELOAD_PAIRS)
	@$(BENCH_DIR)/preload $(abspath $(PRELOAD_SO)) $(PRELOAD_PAIRS) --stacks

-include $(BUILD)/obj/tests/bench/preload/pairs.d

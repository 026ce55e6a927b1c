# SPDX-License-Identifier: MIT
#
# Speed: ours beside whoever is installed. The driver measures everybody through
# one table of functions; gbench, the plain pairs directly.

BENCH_SRC := $(filter-out tests/bench/calls.cpp,$(wildcard tests/bench/*.cpp))
BENCH_OBJ := $(BENCH_SRC:%.cpp=$(BUILD)/obj/%.o)
GBENCH_OBJ := $(BUILD)/obj/tests/bench/google/pairs.o
BENCH_DIR := $(BUILD)/bench
BENCH_PROGRAMS = $(BENCH_DIR)/driver $(BENCH_DIR)/gbench
# A peer that needs headers is a plugin, built when they are there. Looked up when a recipe needs it.
BENCH_PLUGINS = $(if $(wildcard /usr/include/boost/pool/pool.hpp),$(BENCH_DIR)/boost.so) \
		$(if $(shell pkg-config --exists libdpdk 2>/dev/null && echo yes),$(BENCH_DIR)/dpdk.so)

$(BENCH_DIR)/driver: $(BENCH_OBJ) $(DEV_SO)
	@mkdir -p $(@D)
	$(call quiet,LINK) $(CXX) $(LINK_FLAGS) -o $@ $(BENCH_OBJ) -L$(BUILD) -lmempool -ldl -lpthread -Wl,-rpath,'$$ORIGIN/..'
$(BENCH_DIR)/calls: $(BUILD)/obj/tests/bench/calls.o $(BUILD)/obj/tests/bench/ours.o $(DEV_SO)
	@mkdir -p $(@D)
	$(call quiet,LINK) $(CXX) $(LINK_FLAGS) -o $@ $(filter %.o,$^) -L$(BUILD) -lmempool -lpthread -Wl,-rpath,'$$ORIGIN/..'
$(BENCH_DIR)/gbench: $(GBENCH_OBJ) $(DEV_SO)
	@mkdir -p $(@D)
	$(call quiet,LINK) $(CXX) $(LINK_FLAGS) -o $@ $< -L$(BUILD) -lmempool -lbenchmark -lpthread -Wl,-rpath,'$$ORIGIN/..'

# Thread-local variables as a program that is linked with the peer reaches them.
$(BENCH_DIR)/%.so: tests/bench/peers/%.cpp $(wildcard tests/bench/*.hpp) $(BUILD)/flags.stamp
	@mkdir -p $(@D)
	$(call quiet,PEER) $(CXX) $(ALL_FLAGS) -std=c++20 -fPIC -ftls-model=initial-exec -shared $(PEER_FLAGS) -o $@ $< $(PEER_LIBS)
$(BENCH_DIR)/dpdk.so: PEER_FLAGS = $(patsubst -I%,-isystem %,$(shell pkg-config --cflags libdpdk))
# The ring's operations register themselves: nobody calls them by name.
$(BENCH_DIR)/dpdk.so: PEER_LIBS = -Wl,--no-as-needed -lrte_eal -lrte_mempool -lrte_mempool_ring -lrte_ring

# The unit test of the reports.
BENCH_REPORT_OBJ := $(patsubst %,$(BUILD)/obj/tests/bench/%.o,chart_bars chart_curves report_json report_markdown results targets)
$(BUILD)/tests/cmocka/test_bench: CMOCKA_MORE = $(BENCH_REPORT_OBJ)
$(BUILD)/tests/cmocka/test_bench: $(BENCH_REPORT_OBJ)

# What fault injection costs, armed and not; measured on a CPU of its own.
$(BENCH_DIR)/faults-cost: $(BUILD)/obj/tests/bench/faults/cost.o $(DEV_SO)
	@mkdir -p $(@D)
	$(call quiet,LINK) $(CC) $(LINK_FLAGS) -o $@ $< -L$(BUILD) -lmempool -lpthread -Wl,-rpath,'$$ORIGIN/..'

.PHONY: bench bench-calls bench-deps bench-faults bench-programs
.SECONDARY: $(BENCH_OBJ) $(GBENCH_OBJ) $(BUILD)/obj/tests/bench/calls.o
bench-programs: lib
	@$(MAKE) --no-print-directory $(BENCH_PROGRAMS) $(BENCH_PLUGINS)

bench-deps: ## install the peers that `make bench` measures beside ours, each of them optional
	@CXX=$(CXX) CC=$(CC) tools/deps peers

BENCH_ROUNDS ?=
BENCH_MS ?=
BENCH_FILTER ?=
BENCH_QUICK ?=
BENCH_ARGS = --out $(BENCH_DIR) $(if $(BENCH_ROUNDS),--rounds '$(BENCH_ROUNDS)') $(if $(BENCH_MS),--ms '$(BENCH_MS)') \
	     $(if $(BENCH_FILTER),--filter '$(BENCH_FILTER)') $(if $(filter-out 0,$(BENCH_QUICK)),--quick)
GBENCH_ARGS = --benchmark_min_time=$(if $(filter-out 0,$(BENCH_QUICK)),0.01,0.1) \
	      --benchmark_enable_random_interleaving=true --benchmark_repetitions=$(or $(BENCH_ROUNDS),$(if $(filter-out 0,$(BENCH_QUICK)),3,9)) \
	      --benchmark_report_aggregates_only=true --benchmark_out_format=json --benchmark_out=$(BENCH_DIR)/gbench.json
bench: ## measure ours beside the peers that are installed, into $(BUILD)/bench; BENCH_QUICK=1 BENCH_FILTER= BENCH_ROUNDS= BENCH_MS=
	@CXX=$(CXX) CC=$(CC) tools/deps bench
	+@$(SUBMAKE) bench-programs
	@$(BENCH_DIR)/driver $(BENCH_ARGS)
	@$(if $(BENCH_FILTER),,$(BENCH_DIR)/gbench $(GBENCH_ARGS) >$(BENCH_DIR)/gbench.txt)
	@$(if $(BENCH_FILTER),,tail -c 3 $(BENCH_DIR)/gbench.json | grep -q '}' || { echo 'bench: gbench.json is not whole' >&2; exit 1; })
	@sed -n '/^## Targets/,/^## Figures/p' $(BENCH_DIR)/bench.md | grep '^|' || :
	@echo 'All figures are in $(BENCH_DIR): bench.md, bench.json, bench.svg, curves.svg, gbench.json'

bench-faults: $(BENCH_DIR)/faults-cost ## ns that fault injection costs, not armed and armed without a hit
	@chrt -f 50 taskset -c 1 $< || $<

bench-calls: $(BENCH_DIR)/calls ## instructions of our calls, counted by callgrind
	@command -v valgrind >/dev/null || { echo 'bench-calls: needs valgrind' >&2; exit 1; }
	@tests/bench/calls $(BENCH_DIR)/calls >$(BENCH_DIR)/calls.md
	@cat $(BENCH_DIR)/calls.md

-include $(BUILD)/obj/tests/bench/calls.d $(BENCH_OBJ:.o=.d) $(GBENCH_OBJ:.o=.d)

# SPDX-License-Identifier: MIT
#
# Fuzzing: each source in tests/fuzz but replay.cpp is a target in libFuzzer's
# form. `make fuzz` links them with libFuzzer; `make check` with replay.cpp, which
# needs no clang: it runs the corpus and some thousand variations of it.

FUZZ_NAMES    := $(filter-out replay,$(patsubst tests/fuzz/%.cpp,%,$(wildcard tests/fuzz/*.cpp)))
FUZZ_OBJ      := $(patsubst %,$(BUILD)/obj/tests/fuzz/%.o,$(FUZZ_NAMES) replay)
FUZZ_PROGRAMS := $(FUZZ_NAMES:%=$(BUILD)/tests/fuzz/%)
# The operations are judged by the model of tests/harness.
FUZZ_MODEL    := $(filter-out %/model_main.o,$(MODEL_OBJ))
# Set by `make fuzz`.
FUZZER ?=

.SECONDARY: $(FUZZ_OBJ)
-include $(FUZZ_OBJ:.o=.d)

$(BUILD)/tests/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(if $(FUZZER),,$(BUILD)/obj/tests/fuzz/replay.o) $(FUZZ_MODEL) $(BUILD)/libmempool.a
	@mkdir -p $(@D)
	$(call quiet,LINK) $(CXX) $(LINK_FLAGS) $(if $(FUZZER),-fsanitize=fuzzer) -o $@ $^ $(URCU_LIBS) -lpthread

.PHONY: fuzz fuzzers
fuzzers: $(FUZZ_PROGRAMS)

FUZZ_SECONDS ?= 60
fuzz: ## libFuzzer on texts and operations, FUZZ_SECONDS=60 each; needs clang; what it finds stays in build/fuzz
	@CXX=clang++ CC=clang tools/deps fuzz
	+@$(SUBMAKE) BUILD=$(BUILD)/fuzz CXX=clang++ CC=clang OPT=-O1 DEBUG=2 FUZZER=1 \
		INSTRUMENT='-fsanitize=address,fuzzer-no-link $(SAN_FLAGS)' fuzzers
	@BUILD=$(BUILD)/fuzz FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz/run $(FUZZ_NAMES)

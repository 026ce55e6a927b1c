# SPDX-License-Identifier: MIT
#
# The suites: how they are built, run, run under sanitizers, and measured.

CHECK_LIBS = $(shell pkg-config --libs check)
CMOCKA_LIBS = $(shell pkg-config --libs cmocka)

CHECK_SRC   := $(wildcard tests/check/*.c)
CHECK_OBJ   := $(CHECK_SRC:%.c=$(BUILD)/obj/%.o)
# In tests/cmocka each test_*.cpp is a program; what the others hold is linked to every one of them.
CMOCKA_SRC  := $(wildcard tests/cmocka/test_*.cpp)
CMOCKA_OBJ  := $(CMOCKA_SRC:%.cpp=$(BUILD)/obj/%.o)
CMOCKA_HELP := $(patsubst %.cpp,$(BUILD)/obj/%.o,$(filter-out $(CMOCKA_SRC),$(wildcard tests/cmocka/*.cpp)))
MODEL_OBJ   := $(patsubst %.cpp,$(BUILD)/obj/%.o,$(wildcard tests/harness/*.cpp))
STRESS_OBJ  := $(patsubst %.cpp,$(BUILD)/obj/%.o,$(wildcard tests/stress/*.cpp))

CHECK_PROGRAM   := $(if $(CHECK_SRC),$(BUILD)/tests/check-suite)
CMOCKA_PROGRAMS := $(CMOCKA_SRC:tests/%.cpp=$(BUILD)/tests/%)
MODEL_PROGRAM   := $(if $(MODEL_OBJ),$(BUILD)/tests/model)
STRESS_PROGRAMS := $(STRESS_OBJ:$(BUILD)/obj/tests/%.o=$(BUILD)/tests/%)
# Of the stress programs the one for signal handlers runs with the suites too, for some seconds.
SIGNAL_PROGRAM  := $(BUILD)/tests/stress/signal_stress
# Relacy brings threads of its own kind, which no sanitizer follows.
RELACY_SRC      := $(if $(INSTRUMENT),,$(wildcard tests/relacy/*.cpp))
RELACY_OBJ      := $(RELACY_SRC:%.cpp=$(BUILD)/obj/%.o)
RELACY_PROGRAMS := $(RELACY_SRC:tests/%.cpp=$(BUILD)/tests/%)
TEST_PROGRAMS   = $(CHECK_PROGRAM) $(CMOCKA_PROGRAMS) $(RELACY_PROGRAMS) $(MODEL_PROGRAM) $(SIGNAL_PROGRAM) $(FUZZ_PROGRAMS)
TEST_SCRIPTS    := $(wildcard tests/compile/*.sh)

$(eval $(call stamp,tests,$$(CHECK_OBJ) $$(CMOCKA_HELP) $$(MODEL_OBJ)))

$(BUILD)/obj/tests/%.o: FLAGS = $(if $(filter %.cpp,$<),-std=c++20 -DMP_DEBUG=$(DEBUG))

$(BUILD)/tests/check-suite: $(CHECK_OBJ) $(DEV_SO) $(BUILD)/tests.stamp
	@mkdir -p $(@D)
	$(call quiet,LINK) $(CC) $(LINK_FLAGS) -o $@ $(CHECK_OBJ) -L$(BUILD) -lmempool $(CHECK_LIBS) $(URCU_LIBS) -lpthread -Wl,-rpath,'$$ORIGIN/..'

# A line "// link: FLAGS" in a unit test adds FLAGS, such as -Wl,--wrap=mmap.
$(BUILD)/tests/cmocka/%: $(BUILD)/obj/tests/cmocka/%.o $(CMOCKA_HELP) $(BUILD)/libmempool.a $(BUILD)/tests.stamp
	@mkdir -p $(@D)
	$(call quiet,LINK) $(CXX) $(LINK_FLAGS) -o $@ $< $(CMOCKA_HELP) $(CMOCKA_MORE) $(BUILD)/libmempool.a \
		$(shell sed -n 's,^// link: ,,p' tests/cmocka/$*.cpp) $(CMOCKA_LIBS) $(URCU_LIBS) -lpthread

# The adviser's simulation, without the command around it.
SIZE_OBJ := $(BUILD)/obj/tools/size_simulate.o $(BUILD)/obj/tools/size_replay.o
$(BUILD)/tests/cmocka/test_size: CMOCKA_MORE = $(SIZE_OBJ)
$(BUILD)/tests/cmocka/test_size: $(SIZE_OBJ)

# Who tries what in a sweep of `mempool fail`, without any runs.
SHARDS_OBJ := $(BUILD)/obj/tools/fail_discovery.o $(BUILD)/obj/tools/fail_files.o
$(BUILD)/tests/cmocka/test_fail_shards: CMOCKA_MORE = $(SHARDS_OBJ)
$(BUILD)/tests/cmocka/test_fail_shards: $(SHARDS_OBJ)

# A part of the preloaded library that stands alone.
HEAPS_OBJ := $(BUILD)/obj/tools/preload/heaps.o
$(BUILD)/tests/cmocka/test_heaps: CMOCKA_MORE = $(HEAPS_OBJ)
$(BUILD)/tests/cmocka/test_heaps: $(HEAPS_OBJ)

$(BUILD)/tests/model: $(MODEL_OBJ) $(BUILD)/libmempool.a $(BUILD)/tests.stamp
	@mkdir -p $(@D)
	$(call quiet,LINK) $(CXX) $(LINK_FLAGS) -o $@ $(MODEL_OBJ) $(BUILD)/libmempool.a $(URCU_LIBS) -lpthread

# Relacy's headers are not made for all warnings; -O1 takes half the time to compile.
$(BUILD)/obj/tests/relacy/%.o: FLAGS = -std=c++20 -DMP_DEBUG=1 -O1 -Wno-unused-parameter
$(BUILD)/tests/relacy/%: $(BUILD)/obj/tests/relacy/%.o $(BUILD)/libmempool.a
	@mkdir -p $(@D)
	$(call quiet,LINK) $(CXX) $(LINK_FLAGS) -o $@ $< $(BUILD)/libmempool.a $(URCU_LIBS) -lpthread

$(BUILD)/tests/stress/%: $(BUILD)/obj/tests/stress/%.o $(DEV_SO)
	@mkdir -p $(@D)
	$(call quiet,LINK) $(CXX) $(LINK_FLAGS) -o $@ $< -L$(BUILD) -lmempool -lpthread -Wl,-rpath,'$$ORIGIN/../..'

# What `mempool fail` is tried on: each as it is, and as NAME_mended without its planted fault (tests/harness/victims/victim.h).
VICTIM_SRC := $(if $(INSTRUMENT),,$(wildcard tests/harness/victims/*.c tests/harness/victims/*.cpp))
VICTIMS    := $(foreach v,$(basename $(VICTIM_SRC)),$(v:tests/harness/%=$(BUILD)/tests/%) $(v:tests/harness/%=$(BUILD)/tests/%)_mended)
VICTIM_FLAGS = -O1 -g -Wall -Wextra $(WERROR) -MMD -MP -MF $(BUILD)/obj/tests/victims/$(@F).d $(if $(findstring _mended,$@),-DMENDED) \
	       $(if $(findstring sanitized,$@),-fsanitize=address)
$(BUILD)/tests/victims/%: tests/harness/victims/%.c $(BUILD)/flags.stamp
	@mkdir -p $(@D) $(BUILD)/obj/tests/victims
	$(call quiet,CC  ) $(CC) $(VICTIM_FLAGS) $(C_FLAGS) -o $@ $< -pthread
$(BUILD)/tests/victims/%_mended: tests/harness/victims/%.c $(BUILD)/flags.stamp
	@mkdir -p $(@D) $(BUILD)/obj/tests/victims
	$(call quiet,CC  ) $(CC) $(VICTIM_FLAGS) $(C_FLAGS) -o $@ $< -pthread
$(BUILD)/tests/victims/%: tests/harness/victims/%.cpp $(BUILD)/flags.stamp
	@mkdir -p $(@D) $(BUILD)/obj/tests/victims
	$(call quiet,CXX ) $(CXX) $(VICTIM_FLAGS) -std=c++20 -o $@ $< -pthread
$(BUILD)/tests/victims/%_mended: tests/harness/victims/%.cpp $(BUILD)/flags.stamp
	@mkdir -p $(@D) $(BUILD)/obj/tests/victims
	$(call quiet,CXX ) $(CXX) $(VICTIM_FLAGS) -std=c++20 -o $@ $< -pthread
# What the tests of the preloaded library itself run: without any fault but those that it is told to commit.
SUBJECT_SRC := $(if $(INSTRUMENT),,$(wildcard tests/harness/subjects/*.c))
SUBJECT     := $(if $(SUBJECT_SRC),$(BUILD)/tests/subjects/calls)
$(BUILD)/tests/subjects/calls: $(SUBJECT_SRC:%.c=$(BUILD)/obj/%.o)
	@mkdir -p $(@D)
	$(call quiet,LINK) $(CC) $(LINK_FLAGS) -o $@ $^ -pthread
$(BUILD)/obj/tests/harness/subjects/%.o: FLAGS = -O1

-include $(VICTIMS:$(BUILD)/%=$(BUILD)/obj/%.d)

TEST_OBJ := $(SUBJECT_SRC:%.c=$(BUILD)/obj/%.o) $(CHECK_OBJ) $(CMOCKA_OBJ) $(CMOCKA_HELP) $(RELACY_OBJ) $(MODEL_OBJ) $(STRESS_OBJ)
.SECONDARY: $(TEST_OBJ)
-include $(TEST_OBJ:.o=.d)

# What the test scripts need to know; they build in scratch folders of their own.
RUN_TESTS = BUILD=$(BUILD) CXX='$(CXX)' CC='$(CC)' MAKE='$(MAKE)' tests/run

include tests/bench/bench.mk
include tests/bench/preload/preload.mk
include tests/fuzz/fuzz.mk

.PHONY: check tests run-tests model lab-mutations stress asan asan-tools ubsan tsan coverage
tests: all $(TEST_PROGRAMS) $(SWEEPS) $(VICTIMS) $(SUBJECT) ## build the test programs, and run none

check: ## build everything and run both suites; installs what is missing
	@CXX=$(CXX) CC=$(CC) tools/deps check
	+@$(SUBMAKE) tests
	@$(MAKE) --no-print-directory run-tests

run-tests:
	@$(RUN_TESTS) $(TEST_PROGRAMS) $(TEST_SCRIPTS)

model: ## the wait queue as a Spin model: it holds, and fails without its barriers
	@CXX=$(CXX) CC=$(CC) tools/deps model
	@CC='$(CC)' tests/model/run

lab-mutations: command ## rules of the library broken one by one, which the lessons of the lab must notice
	@BUILD=$(BUILD) CXX='$(CXX)' CC='$(CC)' MAKE='$(MAKE)' tests/harness/lab-mutations

STRESS_SECONDS ?= 60
stress: all $(STRESS_PROGRAMS) $(MODEL_PROGRAM) ## long random and threaded runs; STRESS_SECONDS=60 each, SEED= repeats one
	@STRESS_SECONDS=$(STRESS_SECONDS) TEST_TIMEOUT=$$(($(STRESS_SECONDS) * 2 + 60)) \
		$(RUN_TESTS) $(STRESS_PROGRAMS) $(MODEL_PROGRAM)

# A sanitizer is another build in a folder of its own. Its suites leave out the
# test scripts: those look at how the ordinary build was compiled and linked.
SANITIZED = $(MAKE) --no-print-directory BUILD=$(BUILD)/$@ OPT=-O1 DEBUG=2 TEST_SCRIPTS= SANITIZER=$@
SAN_FLAGS := -fno-omit-frame-pointer -fno-sanitize-recover=all
ifdef SANITIZER
export MEMPOOL_SANITIZER := $(SANITIZER)
export ASAN_OPTIONS  ?= detect_stack_use_after_return=1:allocator_may_return_null=1
export UBSAN_OPTIONS ?= print_stacktrace=1
export TSAN_OPTIONS  ?= suppressions=$(CURDIR)/tests/tsan.supp:second_deadlock_stack=1:die_after_fork=0
endif
asan: ## both suites under AddressSanitizer and LeakSanitizer
	+@$(SANITIZED) INSTRUMENT='-fsanitize=address $(SAN_FLAGS)' check
# Without the look for nulls: relaxing the access to a thread's variable, GNU ld
# turns the addition whose flags that look goes by into a lea, which sets none.
ubsan: ## both suites under UndefinedBehaviorSanitizer
	+@$(SANITIZED) INSTRUMENT='-fsanitize=undefined -fno-sanitize=null $(SAN_FLAGS)' check
tsan: ## both suites under ThreadSanitizer
	+@$(SANITIZED) INSTRUMENT='-fsanitize=thread $(SAN_FLAGS)' check
# The command itself, in a folder in which all else is the ordinary build's: what it
# drives has limits that a sanitizer's own memory does not fit under, or knows of none.
# Without `mempool certify`: under AddressSanitizer mlock() does nothing, and says that it did.
SAN_TOOLS      := $(BUILD)/asan-tools
SAN_TOOL_FLAGS := -fsanitize=address,undefined -fno-sanitize=null $(SAN_FLAGS)
TOOL_SCRIPTS   := $(patsubst %,tests/compile/%.sh,lab lab_oom tutorial trace size stat top fault fail demo demo_cgroup)
SAN_ORDINARY   := examples tests libmempool.so libmempool.so.0 libmempool.a libmempool-preload.so
asan-tools: tests ## the command under AddressSanitizer and UndefinedBehaviorSanitizer, by the scripts that test it
	+@$(SUBMAKE) BUILD=$(SAN_TOOLS) OPT=-O1 DEBUG=2 INSTRUMENT='$(SAN_TOOL_FLAGS)' command
	@mkdir -p $(SAN_TOOLS)/scripts
	@ln -sfn ../mempool $(addprefix ../../,$(SAN_ORDINARY)) $(SAN_TOOLS)/scripts
	@ln -sfn ../examples ../libmempool-preload.so $(SAN_TOOLS)
	@ASAN_OPTIONS=$${ASAN_OPTIONS-detect_stack_use_after_return=1:verify_asan_link_order=0} UBSAN_OPTIONS=$${UBSAN_OPTIONS-print_stacktrace=1} \
		TEST_TIMEOUT=900 BUILD=$(SAN_TOOLS)/scripts CXX='$(CXX)' CC='$(CC)' MAKE='$(MAKE)' tests/run $(TOOL_SCRIPTS)

COVERAGE_MIN ?= 90
coverage: ## line coverage of mempool/ and reserve/ by both suites; fails under 90 %
	@CXX=$(CXX) CC=$(CC) tools/deps coverage
	@if [ -d $(BUILD)/coverage ]; then find $(BUILD)/coverage -name '*.gcda' -delete; fi
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/coverage OPT=-O0 TEST_SCRIPTS= \
		INSTRUMENT='--coverage -fprofile-update=atomic' check
	@gcovr --root . --filter mempool/ --filter reserve/ --object-directory $(BUILD)/coverage \
		--exclude-unreachable-branches --fail-under-line $(COVERAGE_MIN) $(BUILD)/coverage

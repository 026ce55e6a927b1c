# SPDX-License-Identifier: MIT
#
# Examples that are more than one source. logd is logd.c and what it includes;
# the hoarder is only for `mempool demo`, and sleeps unless that wakes it.

LOGD_PARTS := $(addprefix docs/examples/,logd-figures.c logd-message.c logd-setup.c hoarder.c)
EXAMPLE_PARTS += $(LOGD_PARTS)
$(BUILD)/examples/logd: $(LOGD_PARTS:%.c=$(BUILD)/obj/%.o)

# The examples of fault-test.h test records.c, two of them with a framework, which
# `make check` needs anyhow. They are tests, so they are built with those and run by tests/compile/sweeps.sh.
SWEEP_SRC   := $(wildcard docs/examples/sweep_*.c)
SWEEPS      := $(SWEEP_SRC:docs/%.c=$(BUILD)/%)
EXAMPLE_PARTS += docs/examples/records.c $(SWEEP_SRC)
$(SWEEPS): $(BUILD)/examples/%: $(BUILD)/obj/docs/examples/%.o $(BUILD)/obj/docs/examples/records.o $(DEV_SO)
	@mkdir -p $(@D)
	$(call quiet,LINK) $(CC) $(LINK_FLAGS) -o $@ $(filter %.o,$^) -L$(BUILD) -lmempool \
		$(if $(filter sweep_check,$*),$(CHECK_LIBS)) $(if $(filter sweep_cmocka,$*),$(CMOCKA_LIBS)) -lpthread \
		-Wl,-rpath,'$$ORIGIN/..'

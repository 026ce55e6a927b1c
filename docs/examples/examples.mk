# SPDX-License-Identifier: MIT
#
# Examples that are more than one source. logd is logd.c and what it includes;
# the hoarder is only for `mempool demo`, and sleeps unless that wakes it.

LOGD_PARTS := $(addprefix docs/examples/,logd-figures.c logd-message.c logd-setup.c hoarder.c)
EXAMPLE_PARTS += $(LOGD_PARTS)
$(BUILD)/examples/logd: $(LOGD_PARTS:%.c=$(BUILD)/obj/%.o)

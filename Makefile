# SPDX-License-Identifier: MIT
#
# libmempool's build. `make help` lists what there is to make.
#
# All outputs go under $(BUILD). Nothing at the top level runs a tool while this
# file is read: on a fresh machine `make demo` starts with neither a compiler
# nor pkg-config, and installs both.

VERSION := 0.1.0
SONAME  := libmempool.so.0

BUILD ?= build
OPT   ?= -O2
# 0: release; 1: MP_ASSERT; 2: MP_AUDIT too (reserve/base/check.hpp).
DEBUG ?= 0
# CI sets this to -Werror.
WERROR ?=
# make's own defaults (g++ would be "g++", but cc would be "cc") are not ours.
ifeq ($(origin CXX),default)
CXX := g++
endif
ifeq ($(origin CC),default)
CC := gcc
endif

# One short line a command; V=1 shows the commands themselves.
V ?=
quiet = $(if $(V),,@echo '  $(1)' '$(patsubst $(BUILD)/%,%,$@)';)

# As many jobs as cores, for the targets that a newcomer types without -j. Recipes
# call it with a +: make does not see that it is a make, and would keep its jobs to itself.
SUBMAKE = $(MAKE) --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc) -Otarget)

# USDT probes cost a nop each; they are there when <sys/sdt.h> is, unless PROBES=0 forbids them.
PROBES ?= $(if $(wildcard $(addsuffix /sys/sdt.h,/usr/include /usr/include/*-linux-gnu /usr/local/include)),1,0)

# Set by the sanitizer and coverage targets, see tests/tests.mk.
INSTRUMENT ?=

WARNINGS   := -Wall -Wextra $(WERROR)
ALL_FLAGS  := -I. $(OPT) -g $(WARNINGS) $(INSTRUMENT)
LIB_FLAGS  := -std=c++20 -DMP_DEBUG=$(DEBUG) -fPIC -fvisibility=hidden -fno-exceptions -fno-rtti \
	      -fno-threadsafe-statics -ftls-model=initial-exec -Wshadow -Wconversion
TOOL_FLAGS := -std=c++20 -DMEMPOOL_VERSION='"$(VERSION)"' -Wshadow -Wconversion
C_FLAGS    := -std=c11 -D_GNU_SOURCE
LINK_FLAGS := $(INSTRUMENT) -Wl,--as-needed

# Looked up when a recipe needs it: see the note on fresh machines above.
URCU_LIBS = $(shell pkg-config --libs liburcu-bp)
NCURSES_LIBS = $(shell pkg-config --libs ncursesw)
# The command's own: libdw has names for addresses.
CMD_LIBS  = $(shell pkg-config --libs libdw)

LIB_SRC := $(wildcard reserve/base/*.cpp reserve/*.cpp mempool/watch/*.cpp mempool/backing/*.cpp mempool/core/*.cpp)
LIB_OBJ := $(LIB_SRC:%.cpp=$(BUILD)/obj/%.o)
CMD_SRC := $(wildcard tools/*.cpp tools/lab/*.cpp)
CMD_OBJ := $(CMD_SRC:%.cpp=$(BUILD)/obj/%.o)
# The library that `mempool fail` preloads. It goes into programs that know nothing of a sanitizer, so it has none.
PRELOAD_SRC := $(if $(INSTRUMENT),,$(wildcard tools/preload/*.cpp))
PRELOAD_OBJ := $(PRELOAD_SRC:%.cpp=$(BUILD)/obj/%.o)
PRELOAD_SO  := $(if $(PRELOAD_SRC),$(BUILD)/libmempool-preload.so)
SO      := $(BUILD)/libmempool.so.$(VERSION)
DEV_SO  := $(BUILD)/libmempool.so
MAP     := mempool/libmempool.map

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:

# $(call stamp,NAME,CONTENT): the file $(BUILD)/NAME.stamp, remade whenever CONTENT changes (another compiler, other
# flags, a source added or removed), so that what depends on it is rebuilt. It is phony only then: otherwise a second
# make has nothing to do, and says so.
define stamp
ifneq ($$(strip $$(file <$(BUILD)/$(1).stamp)),$$(strip $(2)))
.PHONY: $(BUILD)/$(1).stamp
endif
$(BUILD)/$(1).stamp:
	$$(shell mkdir -p $$(@D))$$(file >$$@,$$(strip $(2)))@:
endef

$(eval $(call stamp,flags,$$(CXX) $$(CC) $$(ALL_FLAGS) $$(LIB_FLAGS) $$(TOOL_FLAGS) $$(C_FLAGS)))
$(eval $(call stamp,libmempool,$$(LIB_OBJ)))
$(eval $(call stamp,command,$$(CMD_OBJ)))
$(eval $(call stamp,probes,$$(PROBES)))
$(eval $(call stamp,preload,$$(PRELOAD_OBJ)))

.PHONY: all lib command
all: lib $(if $(CMD_SRC),command) examples ## build the libraries, the command and the examples (the default)
lib: $(DEV_SO) $(BUILD)/$(SONAME) $(BUILD)/libmempool.a $(PRELOAD_SO)
command: $(BUILD)/mempool

# The objects; the flags of a folder are chosen by what lives there.
$(BUILD)/obj/reserve/%.o $(BUILD)/obj/mempool/%.o: FLAGS = $(LIB_FLAGS)
$(BUILD)/obj/tools/%.o: FLAGS = $(TOOL_FLAGS)
$(BUILD)/obj/mempool/watch/trace.o: FLAGS = $(LIB_FLAGS) -DMP_PROBES=$(PROBES)
$(BUILD)/obj/mempool/watch/trace.o: $(BUILD)/probes.stamp
# It defines malloc() itself, so the compiler may not make calls of that of anything.
$(BUILD)/obj/tools/preload/%.o: FLAGS = $(LIB_FLAGS) -fno-builtin -fasynchronous-unwind-tables
# The sources of pages, which it takes in by .incbin.
$(BUILD)/obj/tools/pages.o: $(wildcard tools/lab/*.html tools/lab/*.css tools/lab/*.js tools/trace/*.html tools/trace/*.js)
$(BUILD)/obj/%.o: %.cpp $(BUILD)/flags.stamp
	@mkdir -p $(@D)
	$(call quiet,CXX ) $(CXX) $(ALL_FLAGS) $(FLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/obj/%.o: %.c $(BUILD)/flags.stamp
	@mkdir -p $(@D)
	$(call quiet,CC  ) $(CC) $(ALL_FLAGS) $(C_FLAGS) $(FLAGS) -MMD -MP -c -o $@ $<

# The C compiler links, so that libstdc++ cannot slip in. Builds for debugging may
# have it: without the optimiser, calls into it are left that nobody makes. And a
# sanitizer's run-time library is in the program only, so symbols stay undefined.
SO_LINK  := $(if $(INSTRUMENT)$(filter -O0,$(OPT)),$(CXX),$(CC) -static-libgcc)
SO_FLAGS := -shared -Wl,-soname,$(SONAME) -Wl,--version-script=$(MAP) -Wl,-z,now -Wl,-z,relro -Wl,-z,nodelete -Wl,-Bsymbolic-functions \
	    $(if $(INSTRUMENT),,-Wl,--no-undefined)
$(SO): $(LIB_OBJ) $(MAP) $(BUILD)/libmempool.stamp
	$(call quiet,LINK) $(SO_LINK) $(LINK_FLAGS) $(SO_FLAGS) -o $@ $(LIB_OBJ) $(URCU_LIBS)
$(BUILD)/$(SONAME): $(SO)
	@ln -sf $(<F) $@
$(DEV_SO): $(BUILD)/$(SONAME)
	@ln -sf $(<F) $@
$(BUILD)/libmempool.a: $(LIB_OBJ) $(BUILD)/libmempool.stamp
	@rm -f $@
	$(call quiet,AR  ) $(AR) rcs $@ $(LIB_OBJ)

# Nothing but the interposed functions is visible, above all not the unwinder. Of the
# library it has the file that decides by the kernel's attributes, which needs no other.
$(BUILD)/libmempool-preload.so: $(PRELOAD_OBJ) $(BUILD)/obj/mempool/watch/fault_decision.o $(BUILD)/preload.stamp
	$(call quiet,LINK) $(CC) -static-libgcc $(LINK_FLAGS) -shared -Wl,-soname,libmempool-preload.so -Wl,-z,now -Wl,-z,relro \
		-Wl,-z,nodelete -Wl,--exclude-libs,ALL -Wl,--no-undefined -o $@ $(filter %.o,$^)

# The build tree's copy of the command finds its library beside itself; the
# installed one (mempool/packaging/install.mk) where the system looks.
LINK_COMMAND = $(CXX) $(LINK_FLAGS) -o $@ $(CMD_OBJ) -L$(BUILD) -lmempool $(NCURSES_LIBS) $(CMD_LIBS) -lpthread
$(BUILD)/mempool: $(CMD_OBJ) $(DEV_SO) $(BUILD)/command.stamp
	$(call quiet,LINK) $(LINK_COMMAND) -Wl,-rpath,'$$ORIGIN'

# The lines of the library that lessons point to. What a lesson names and is not
# there any more is told, and fails a test, not the build.
LAB_LINES := $(BUILD)/lab/lab_lines.inc
$(BUILD)/obj/tools/lab_sources.o: FLAGS = $(TOOL_FLAGS) -I$(BUILD)/lab
$(BUILD)/obj/tools/lab_sources.o: $(LAB_LINES)
$(LAB_LINES): tools/lab/lines tools/lab_anchors.hpp $(LIB_SRC) $(wildcard reserve/*.hpp reserve/*/*.hpp mempool/*.h mempool/*/*.hpp)
	@mkdir -p $(@D)
	@tools/lab/lines >$@ || true

# Example programs: one a source, except for EXAMPLE_PARTS, which are linked
# into others. examples.mk says what is special.
-include docs/examples/examples.mk
EXAMPLES += $(patsubst docs/%.c,$(BUILD)/%,$(filter-out $(EXAMPLE_PARTS),$(wildcard docs/examples/*.c)))
EXAMPLE_OBJ := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard docs/examples/*.c))
.PHONY: examples
examples: $(EXAMPLES)
$(BUILD)/obj/docs/%.o: FLAGS = -Wshadow -Wconversion
$(BUILD)/examples/%: $(BUILD)/obj/docs/examples/%.o $(DEV_SO)
	@mkdir -p $(@D)
	$(call quiet,LINK) $(CC) $(LINK_FLAGS) -o $@ $(filter %.o,$^) -L$(BUILD) -lmempool -lpthread -Wl,-rpath,'$$ORIGIN/..'
.SECONDARY: $(EXAMPLE_OBJ)

include tests/tests.mk
include tools/tools.mk
include mempool/packaging/install.mk

-include $(LIB_OBJ:.o=.d) $(CMD_OBJ:.o=.d) $(PRELOAD_OBJ:.o=.d) $(EXAMPLE_OBJ:.o=.d)

.PHONY: demo clean help
demo: ## see it work: a real daemon while its memory runs out; installs what is missing
	@CXX=$(CXX) CC=$(CC) tools/deps demo
	+@$(SUBMAKE) all
	$(BUILD)/mempool demo

clean: ## remove everything that was built
	rm -rf $(BUILD)

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | sort | expand -t 12
	@echo 'Variables: BUILD=build V= CXX=g++ CC=gcc OPT=-O2 DEBUG=0 PROBES= PREFIX=/usr/local DESTDIR= LIBDIR=$$PREFIX/lib'

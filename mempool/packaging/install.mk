# SPDX-License-Identifier: MIT
#
# make install and make uninstall. One list of files serves both.

PREFIX  ?= /usr/local
DESTDIR ?=
LIBDIR  ?= $(PREFIX)/lib
BINDIR  ?= $(PREFIX)/bin
# `mempool demo` looks for its daemon here, next to BINDIR.
LIBEXECDIR ?= $(PREFIX)/libexec/mempool
# Scripts for bpftrace.
DATADIR ?= $(PREFIX)/share/mempool
MANDIR  ?= $(PREFIX)/share/man
INCLUDEDIR ?= $(PREFIX)/include
CMAKEDIR := $(LIBDIR)/cmake/mempool

INSTALLED_HEADERS := $(wildcard mempool/*.h mempool/*.hpp mempool/linux/*.h)
INSTALLED_MAN     := $(wildcard docs/man/*.[137])
INSTALLED_SCRIPTS := $(wildcard tools/trace/*.bt)
INSTALLED_FILES   := $(INSTALLED_HEADERS:%=$(INCLUDEDIR)/%) $(BINDIR)/mempool $(LIBEXECDIR)/logd \
		     $(addprefix $(LIBDIR)/,libmempool.so.$(VERSION) $(SONAME) libmempool.so libmempool.a libmempool-preload.so pkgconfig/mempool.pc) \
		     $(addprefix $(CMAKEDIR)/,mempoolConfig.cmake mempoolConfigVersion.cmake) \
		     $(INSTALLED_SCRIPTS:tools/%=$(DATADIR)/%) \
		     $(foreach page,$(INSTALLED_MAN),$(MANDIR)/man$(subst .,,$(suffix $(page)))/$(notdir $(page)))
# Folders that are ours alone, inner ones first; uninstall removes them once they are empty.
INSTALLED_DIRS    := $(INCLUDEDIR)/mempool/linux $(INCLUDEDIR)/mempool $(CMAKEDIR) $(LIBEXECDIR) $(DATADIR)/trace $(DATADIR)

# The installed command knows nothing of the build tree.
$(BUILD)/mempool-install: $(CMD_OBJ) $(DEV_SO) $(BUILD)/command.stamp
	$(call quiet,LINK) $(LINK_COMMAND)

TEMPLATE = sed -e 's,@VERSION@,$(VERSION),g' -e 's,@PREFIX@,$(PREFIX),g' -e 's,@LIBDIR@,$(LIBDIR),g' \
	       -e 's,@INCLUDEDIR@,$(INCLUDEDIR),g' -e "s,@TO_INCLUDE@,$$(realpath -ms --relative-to=$(CMAKEDIR) $(INCLUDEDIR)),g"
# $(call put,MODE,FILE,PLACE)
put = install -D -m $(1) $(2) $(DESTDIR)$(3)

.PHONY: install uninstall
install: lib $(if $(CMD_SRC),$(BUILD)/mempool-install $(BUILD)/examples/logd) ## install under PREFIX (/usr/local), below DESTDIR
	$(foreach h,$(INSTALLED_HEADERS),$(call put,644,$(h),$(INCLUDEDIR)/$(h)) &&) true
	$(call put,755,$(SO),$(LIBDIR)/libmempool.so.$(VERSION))
	ln -sf libmempool.so.$(VERSION) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libmempool.so
	$(call put,644,$(BUILD)/libmempool.a,$(LIBDIR)/libmempool.a)
	$(if $(PRELOAD_SO),$(call put,755,$(PRELOAD_SO),$(LIBDIR)/libmempool-preload.so))
	$(if $(CMD_SRC),$(call put,755,$(BUILD)/mempool-install,$(BINDIR)/mempool))
	$(if $(CMD_SRC),$(call put,755,$(BUILD)/examples/logd,$(LIBEXECDIR)/logd))
	$(foreach s,$(INSTALLED_SCRIPTS),$(call put,755,$(s),$(DATADIR)/$(s:tools/%=%)) &&) true
	$(foreach m,$(INSTALLED_MAN),$(call put,644,$(m),$(MANDIR)/man$(subst .,,$(suffix $(m)))/$(notdir $(m))) &&) true
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(CMAKEDIR)
	$(TEMPLATE) mempool/packaging/mempool.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/mempool.pc
	$(TEMPLATE) mempool/packaging/mempoolConfig.cmake.in >$(DESTDIR)$(CMAKEDIR)/mempoolConfig.cmake
	$(TEMPLATE) mempool/packaging/mempoolConfigVersion.cmake.in >$(DESTDIR)$(CMAKEDIR)/mempoolConfigVersion.cmake
	@# Straight onto this machine: let the loader know of the new library, where we may.
	@[ -n "$(DESTDIR)" ] || ldconfig 2>/dev/null || true

uninstall: ## remove what install put there
	rm -f $(addprefix $(DESTDIR),$(INSTALLED_FILES))
	@for dir in $(addprefix $(DESTDIR),$(INSTALLED_DIRS)); do rmdir "$$dir" 2>/dev/null || true; done
	@[ -n "$(DESTDIR)" ] || ldconfig 2>/dev/null || true

// SPDX-License-Identifier: MIT
//
// filters.cpp - which allocations are candidates: by callers, thread, executable.
//
// Names of functions are looked up once a module, in its file: what the loader
// has in memory lacks static functions. What is found is kept for good.
#include "tools/preload/decide.hpp"

#include <elf.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mp::preload {

struct function_range {
	uint32_t filter;
	uint64_t start, end; // offsets in the module
};

/// What the filters mean in one module.
struct filter_marks {
	uint32_t whole; // a bit for each filter that means all of it
	uint32_t ranges_used;
	function_range ranges[1024];
};

namespace {

constexpr filter_marks nothing_meant = {};

bool fits(const char *pattern, std::string_view path)
{
	if (pattern[0] == 0)
		return true;
	const size_t slash = path.rfind('/');
	return fnmatch(pattern, path.data(), 0) == 0 ||
	       (slash != std::string_view::npos && fnmatch(pattern, path.data() + slash + 1, 0) == 0);
}

/// A module's file, as long as it is looked at.
class file_view {
      public:
	explicit file_view(const char *path)
	{
		const int fd = open(path, O_RDONLY | O_CLOEXEC);
		struct stat about = {};
		if (fd >= 0 && fstat(fd, &about) == 0 && about.st_size > 0) {
			void *memory =
				next.mmap(nullptr, static_cast<size_t>(about.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
			if (memory != MAP_FAILED) {
				start_ = static_cast<const std::byte *>(memory);
				bytes_ = static_cast<size_t>(about.st_size);
			}
		}
		if (fd >= 0)
			close(fd);
	}
	file_view(const file_view &) = delete;
	file_view &operator=(const file_view &) = delete;
	~file_view()
	{
		if (start_ != nullptr)
			munmap(const_cast<std::byte *>(start_), bytes_);
	}

	/// `count` of them at `offset`; nullptr where the file ends before.
	template <class Entry> const Entry *at(uint64_t offset, uint64_t count = 1) const
	{
		if (offset > bytes_ || count > (bytes_ - offset) / sizeof(Entry) || offset % alignof(Entry) != 0)
			return nullptr;
		return reinterpret_cast<const Entry *>(start_ + offset);
	}

      private:
	const std::byte *start_ = nullptr;
	size_t bytes_ = 0;
};

void mark_function(filter_marks &marks, uint32_t wanted, const char *name, const ElfW(Sym) & symbol)
{
	const order_sheet &o = *orders_here.orders;
	for (uint32_t i = 0; i < o.filters_used; i++) {
		if ((wanted >> i & 1) == 0 || marks.ranges_used == std::size(marks.ranges) ||
		    fnmatch(o.filters[i].function, name, 0) != 0)
			continue;
		marks.ranges[marks.ranges_used++] = {i, symbol.st_value,
						     symbol.st_value + std::max<uint64_t>(symbol.st_size, 1)};
	}
}

void mark_table(filter_marks &marks, uint32_t wanted, const file_view &file, const ElfW(Shdr) & table,
		const ElfW(Shdr) & names)
{
	const uint64_t count = table.sh_size / sizeof(ElfW(Sym));
	const auto *symbols = file.at<ElfW(Sym)>(table.sh_offset, count);
	const auto *text = file.at<char>(names.sh_offset, names.sh_size);
	if (symbols == nullptr || text == nullptr || names.sh_size == 0 || text[names.sh_size - 1] != 0)
		return;
	for (uint64_t i = 0; i < count; i++) {
		const unsigned type = symbols[i].st_info & 0xf; // ELF64_ST_TYPE, of either class
		if ((type == STT_FUNC || type == STT_GNU_IFUNC) && symbols[i].st_shndx != SHN_UNDEF &&
		    symbols[i].st_name < names.sh_size)
			mark_function(marks, wanted, text + symbols[i].st_name, symbols[i]);
	}
}

/// Functions that the filters of these bits name.
void mark_functions(filter_marks &marks, uint32_t wanted, const char *path)
{
	const file_view file(path);
	const auto *header = file.at<ElfW(Ehdr)>(0);
	if (header == nullptr || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
		return;
	const auto *sections = file.at<ElfW(Shdr)>(header->e_shoff, header->e_shnum);
	for (unsigned i = 0; sections != nullptr && i < header->e_shnum; i++) {
		const ElfW(Shdr) &table = sections[i];
		if ((table.sh_type == SHT_SYMTAB || table.sh_type == SHT_DYNSYM) && table.sh_link < header->e_shnum)
			mark_table(marks, wanted, file, table, sections[table.sh_link]);
	}
}

const filter_marks *make_marks(const known_module &module)
{
	const order_sheet &o = *orders_here.orders;
	auto *marks = static_cast<filter_marks *>(own_pages(sizeof(filter_marks)));
	if (marks == nullptr)
		return &nothing_meant;
	uint32_t functions = 0;
	for (uint32_t i = 0; i < o.filters_used; i++) {
		if (!fits(o.filters[i].module, text(module.path)))
			continue;
		(o.filters[i].function[0] != 0 ? functions : marks->whole) |= 1U << i;
	}
	if (functions != 0)
		mark_functions(*marks, functions, module.path);
	return marks;
}

const filter_marks &marks_of(known_module &module)
{
	// acquire: pairs with the release below
	const filter_marks *marks = module.marks.load(std::memory_order_acquire);
	if (marks != nullptr)
		return *marks;
	// Two at once would do the same; the loser's memory is not worth a lock.
	marks = make_marks(module);
	module.marks.store(marks, std::memory_order_release); // release: pairs with the acquire above
	return *marks;
}

/// A bit for each filter that means this address.
uint32_t meant_at(uintptr_t pc)
{
	known_module *module = module_at(pc);
	if (module == nullptr)
		return 0;
	const filter_marks &marks = marks_of(*module);
	const uint64_t offset = pc - module->bias;
	uint32_t meant = marks.whole;
	for (uint32_t i = 0; i < marks.ranges_used; i++)
		if (offset >= marks.ranges[i].start && offset < marks.ranges[i].end)
			meant |= 1U << marks.ranges[i].filter;
	return meant;
}

} // namespace

bool callers_fit(const raw_stack &callers)
{
	const order_sheet &o = *orders_here.orders;
	uint32_t requiring = 0;
	uint32_t rejecting = 0;
	for (uint32_t i = 0; i < o.filters_used; i++)
		(o.filters[i].reject != 0 ? rejecting : requiring) |= 1U << i;
	uint32_t meant = 0;
	for (uint32_t i = 0; i < std::min(callers.depth, o.filter_depth); i++)
		meant |= meant_at(callers.pc[i]);
	return (meant & rejecting) == 0 && (requiring == 0 || (meant & requiring) != 0);
}

bool thread_fits()
{
	const char *pattern = orders_here.orders->thread;
	char name[16] = {};
	prctl(PR_GET_NAME, name);
	return fnmatch(pattern, name, 0) == 0 || fnmatch(pattern, mine.path, 0) == 0;
}

bool executable_fits(std::string_view path)
{
	return fits(orders_here.orders->executable, path);
}

} // namespace mp::preload

// SPDX-License-Identifier: MIT
//
// fail_symbols.cpp - see fail_symbols.hpp.
#include "tools/fail_symbols.hpp"

#include "tools/text.hpp"

#include <cstdlib>
#include <cxxabi.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <filesystem>

namespace fail {
namespace {

std::string demangled(const char *name)
{
	int status = 0;
	char *plain = abi::__cxa_demangle(name, nullptr, nullptr, &status);
	std::string text = status == 0 && plain != nullptr ? plain : name;
	free(plain);
	// The arguments of a C++ function say less than they take room for.
	if (const size_t bracket = text.find('('); bracket != std::string::npos && bracket > 0 && text[0] != '(')
		text.resize(bracket);
	return text;
}

std::string base_name(const std::string &file)
{
	return std::filesystem::path(file).filename().string();
}

/// The source of an address; no file: unknown.
struct source {
	const char *file = nullptr;
	int line = 0;
};

source source_of(Dwfl_Module *module, GElf_Addr address)
{
	source found;
	if (Dwfl_Line *line = dwfl_module_getsrc(module, address); line != nullptr) {
		found.file = dwfl_lineinfo(line, nullptr, &found.line, nullptr, nullptr, nullptr);
		return found;
	}
	// That goes by a table of which unit has what addresses, which clang does not
	// write; the units themselves say it as well.
	Dwarf_Addr bias = 0;
	for (Dwarf_Die *unit = nullptr; (unit = dwfl_module_nextcu(module, unit, &bias)) != nullptr;) {
		if (dwarf_haspc(unit, address - bias) <= 0)
			continue;
		if (Dwarf_Line *line = dwarf_getsrc_die(unit, address - bias);
		    line != nullptr && dwarf_lineno(line, &found.line) == 0)
			found.file = dwarf_linesrc(line, nullptr, nullptr);
		return found;
	}
	return found;
}

} // namespace

// libdw's view of one file that is not running.
struct symbols::opened {
	explicit opened(const std::string &file)
	{
		callbacks.find_elf = dwfl_build_id_find_elf;
		callbacks.find_debuginfo = dwfl_standard_find_debuginfo;
		callbacks.section_address = dwfl_offline_section_address;
		session = dwfl_begin(&callbacks);
		if (session == nullptr)
			return;
		dwfl_report_begin(session);
		module = dwfl_report_offline(session, "", file.c_str(), -1);
		dwfl_report_end(session, nullptr, nullptr);
		GElf_Addr to = 0;
		if (module != nullptr && dwfl_module_getelf(module, &to) != nullptr)
			bias = to;
		else
			module = nullptr;
	}
	opened(const opened &) = delete;
	opened &operator=(const opened &) = delete;
	~opened()
	{
		if (session != nullptr)
			dwfl_end(session);
	}

	Dwfl_Callbacks callbacks = {};
	Dwfl *session = nullptr;
	Dwfl_Module *module = nullptr; // null: the file is not to be read
	GElf_Addr bias = 0;
};

symbols::symbols() = default;
symbols::~symbols() = default;

symbols::opened &symbols::open(const std::string &module)
{
	std::unique_ptr<opened> &entry = modules_[module];
	if (!entry)
		entry = std::make_unique<opened>(module);
	return *entry;
}

const symbol &symbols::find(const place &where)
{
	const std::lock_guard locked(lock_);
	const auto [entry, is_new] = found_.try_emplace(where);
	symbol &s = entry->second;
	if (!is_new || where.module.empty())
		return s;
	const opened &in = open(where.module);
	if (in.module == nullptr)
		return s;
	const GElf_Addr address = where.offset + in.bias;
	GElf_Off into = 0;
	GElf_Sym sym = {};
	const char *name = dwfl_module_addrinfo(in.module, address, &into, &sym, nullptr, nullptr, nullptr);
	if (name != nullptr && (sym.st_size == 0 || into < sym.st_size)) {
		s.function = demangled(name);
		s.into = into;
	}
	if (const source from = source_of(in.module, address); from.file != nullptr) {
		s.file = from.file;
		s.line = from.line;
	}
	return s;
}

std::string symbols::describe(const place &where)
{
	const symbol &s = find(where);
	if (where.module.empty())
		return tools::text("0x%llx", static_cast<unsigned long long>(where.offset));
	if (s.function.empty())
		return where.module + tools::text("+0x%llx", static_cast<unsigned long long>(where.offset));
	if (!s.file.empty())
		return s.function + " (" + base_name(s.file) + ":" + std::to_string(s.line) + ")";
	return s.function + tools::text("+0x%llx", static_cast<unsigned long long>(s.into)) + " (" +
	       base_name(where.module) + ")";
}

} // namespace fail

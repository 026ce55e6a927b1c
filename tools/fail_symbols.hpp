// SPDX-License-Identifier: MIT
//
// fail_symbols.hpp - names for addresses: function, file and line, as far as a
// module's symbols and debug information tell. Addresses are those of the
// module's file, so they are the same in each run.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace fail {

/// A place in a program.
struct place {
	std::string module;  // the file; "" when the address belongs to none
	uint64_t offset = 0; // as the module's own symbol table counts
	bool operator==(const place &) const = default;
	auto operator<=>(const place &) const = default;
};

struct symbol {
	std::string function; // "" when there is none
	uint64_t into = 0;    // bytes from its beginning
	std::string file;     // "" without debug information
	int line = 0;
};

/// Any thread may ask.
class symbols {
      public:
	symbols();
	symbols(const symbols &) = delete;
	symbols &operator=(const symbols &) = delete;
	~symbols();

	/// What is there.
	const symbol &find(const place &where);
	/// "parse_line (parser.c:42)", "jv_alloc+0x1f (libjq.so.1)", "/usr/bin/jq+0x1234".
	std::string describe(const place &where);

      private:
	struct reader;
	struct opened;
	opened &open(const std::string &module);

	std::mutex lock_;
	std::map<std::string, std::unique_ptr<opened>> modules_;
	std::map<place, symbol> found_;
};

} // namespace fail

// SPDX-License-Identifier: MIT
//
// output.hpp - what a subcommand writes to a file or to standard output: whole,
// or not at all.
//
// Race table: one thread.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace tools {

/// The output cannot be written; says which, and why.
struct output_error : std::runtime_error {
	using std::runtime_error::runtime_error;
};

/// A file appears under its name when all of it is written, and replaces an older
/// one then; until that it has another name, which goes away when it is given up,
/// also by SIGINT, SIGTERM and SIGHUP.
class output {
      public:
	/// "" and "-": standard output. What is no ordinary file is written to directly.
	explicit output(std::string path);
	output(const output &) = delete;
	output &operator=(const output &) = delete;
	~output();

	void write(std::string_view text);
	/// The last words; nothing is said to be done before it came back.
	void commit();

      private:
	void flush();
	[[noreturn]] void fail(int error);

	std::string path_;
	std::string temporary_; // "": there is none
	std::string buffer_;
	int fd_ = -1;
};

/// The whole of it.
void write_output(const std::string &path, std::string_view text);

} // namespace tools

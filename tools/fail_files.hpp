// SPDX-License-Identifier: MIT
//
// fail_files.hpp - where runs are: a folder for each, made new each time, and
// what the command printed there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fail {

/// What a stream had at the end of a run. What is long is held by its ends and its digest alone.
struct printed {
	uint64_t bytes = 0;
	uint64_t digest = 0;
	std::string text; // all, or the beginning
	std::string tail; // the last bytes, where the text is not all
	bool whole() const { return text.size() == bytes; }
	/// The last line that is not empty; "" when there is none.
	std::string last_line() const;
};

/// Folders of runs in one temporary folder, removed with it.
class run_folders {
      public:
	run_folders(); // throws std::runtime_error when TMPDIR serves not
	run_folders(const run_folders &) = delete;
	run_folders &operator=(const run_folders &) = delete;
	~run_folders();

	/// The folder of runs in this slot: made new, with a copy of `contents` unless that is empty.
	std::string renew(unsigned slot, const std::string &contents) const;
	const std::string &root() const { return root_; }

      private:
	std::string root_;
};

/// Reads what was printed; each occurrence of `folder` is replaced, as its name is new each time.
printed read_printed(const std::string &file, const std::string &folder);
/// 0 when it is not there.
uint64_t file_size(const std::string &file);
/// All of a file. Throws std::runtime_error that names it.
std::string read_file(const std::string &file);
/// All at once or not at all: a neighbour is written and renamed. Throws std::runtime_error.
void write_file(const std::string &file, const std::string &contents);
/// FNV-1a, 64 bits.
uint64_t digest_of(const std::string &bytes, uint64_t begin = 0xcbf29ce484222325);

} // namespace fail

// SPDX-License-Identifier: MIT
//
// preload_run.hpp - a program under libmempool-preload.so: the page with the
// orders, one run of the program, and what it printed.
#pragma once

#include "tools/preload/protocol.hpp"

#include <string>
#include <vector>

namespace mp::test {

/// The folder that holds libmempool-preload.so and tests/; "" where there is none: a sanitizer's build.
const std::string &preload_build();

/// A file as the driver makes it, in a folder of its own.
class preload_page {
      public:
	preload_page();
	preload_page(const preload_page &) = delete;
	preload_page &operator=(const preload_page &) = delete;
	~preload_page();

	preload::page *operator->() { return page_; }
	const std::string &path() const { return path_; }
	const preload::process_record &process(size_t number) const { return page_->answers.processes.at[number - 1]; }

      private:
	std::string folder_;
	std::string path_;
	preload::page *page_;
};

struct preload_outcome {
	int status; // as of waitpid(2)
	std::string out;
	std::string err;

	bool exited(int with) const;
	bool died_of(int signal) const;
	/// How many lines of `out` are this one?
	size_t lines(const std::string &line) const;
};

/// Runs it to its end, 60 s at the most, with `preload` in LD_PRELOAD and the page's path in the environment.
preload_outcome run_preloaded(const std::vector<std::string> &command, const std::string &page_path,
			      const std::string &also_preloaded = "");

/// The program of tests/harness/subjects that does these deeds.
std::vector<std::string> calls(std::vector<std::string> deeds);

/// Is there a frame of this module in the stack?
bool has_module(preload_page &page, const preload::stack_trace &stack, const std::string &name);

} // namespace mp::test

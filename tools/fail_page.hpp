// SPDX-License-Identifier: MIT
//
// fail_page.hpp - the driver's side of tools/preload/protocol.hpp: a page for
// one run, with its orders, and what was answered there.
#pragma once

#include "tools/fail.hpp"
#include "tools/fail_trial.hpp"

#include <memory>
#include <string>

namespace fail {

class page_file {
      public:
	/// Makes the file. Throws std::runtime_error.
	page_file(const std::string &file, const options &wanted, const plan &planned);
	page_file(const page_file &) = delete;
	page_file &operator=(const page_file &) = delete;
	~page_file();

	/// The variable that tells the library of it, NAME=VALUE.
	std::string variable() const;
	/// The answers, once the command has ended. Anything may have been written there.
	observation read() const;

      private:
	std::string file_;
	void *mapped_ = nullptr;
};

} // namespace fail

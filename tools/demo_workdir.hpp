// SPDX-License-Identifier: MIT
//
// demo_workdir.hpp - where the demo's files are while it runs.
#pragma once

#include <string>

namespace demo {

/// A temporary folder, removed with all that is in it; and, when wanted, a
/// folder of the user's for what is to be kept.
class workdir {
      public:
	/// `keep` is made when it is not there; it must be empty. Throws failure.
	explicit workdir(const std::string &keep);
	workdir(const workdir &) = delete;
	workdir &operator=(const workdir &) = delete;
	~workdir();

	/// A path for a file that the user may want to see.
	std::string file(const std::string &name) const { return (keep_.empty() ? temporary_ : keep_) + "/" + name; }
	/// A path for a socket: short, as it must be.
	std::string socket(const std::string &name) const { return temporary_ + "/" + name; }

      private:
	std::string temporary_;
	std::string keep_;
};

} // namespace demo

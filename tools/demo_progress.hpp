// SPDX-License-Identifier: MIT
//
// demo_progress.hpp - what goes on, on stderr: one line that changes on a
// terminal, else a line each second and at each new phase.
#pragma once

#include <cstdint>
#include <string>

namespace demo {

class progress {
      public:
	progress();
	progress(const progress &) = delete;
	progress &operator=(const progress &) = delete;
	~progress(); // leaves the line clean

	/// A new run begins.
	void begin(const std::string &title, uint64_t total);
	/// How far it is. To be called often.
	void update(const char *doing, uint64_t done);
	/// The run is over.
	void end();
	/// A line of its own, for something that happened.
	void note(const std::string &line);

      private:
	void clear();
	void show(const std::string &line);

	bool terminal_;
	bool shown_ = false; // there is something on the changing line
	std::string title_;
	uint64_t total_ = 0;
	uint64_t began_ns_ = 0;
	std::string doing_;
	uint64_t last_ns_ = 0;
	uint64_t last_done_ = 0;
};

} // namespace demo

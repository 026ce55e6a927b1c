// SPDX-License-Identifier: MIT
//
// fail_progress.hpp - what a person sees while a sweep goes on: findings as they
// come, and on a terminal a line that changes, with rate and time left.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

namespace fail {

/// One thread at a time may use it.
class progress {
      public:
	/// `to`: where the report goes.
	explicit progress(FILE *to);
	progress(const progress &) = delete;
	progress &operator=(const progress &) = delete;
	~progress(); // leaves the line clean

	/// Text of whole lines for the report.
	void print(const std::string &text);
	/// How far it is.
	void update(uint64_t done, uint64_t total, const std::string &found);
	void clear();
	/// Throws failure when the report could not be written.
	void finish();

      private:
	FILE *to_;
	bool terminal_;
	bool shown_ = false;
	bool broken_ = false;
	int error_ = 0;
	uint64_t began_ns_;
	uint64_t last_ns_ = 0;
	uint64_t first_done_ = UINT64_MAX; // what a resumed sweep began with took no time
};

} // namespace fail

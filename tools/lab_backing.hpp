// SPDX-License-Identifier: MIT
//
// lab_backing.hpp - a backing that does as a lesson tells it: gives elements, or
// has none, and remembers with which masks it was asked.
//
// Race table: all calls may run together; a hook runs outside the lock.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <mempool/gfp.h>
#include <mutex>
#include <string>
#include <vector>

namespace lab {

class scripted_backing {
      public:
	explicit scripted_backing(size_t element_bytes = 64) : element_bytes_(element_bytes) {}
	scripted_backing(const scripted_backing &) = delete;
	scripted_backing &operator=(const scripted_backing &) = delete;
	~scripted_backing();

	/// From now on: always, or never.
	void works() { follow("", true); }
	void fails() { follow("", false); }
	/// A letter a call, 'y' gives and 'n' refuses; after the last one `then` decides.
	void follow(const std::string &script, bool then);
	/// Called before each call is decided, in the thread that asks.
	void before(std::function<void(gfp_t)> hook);

	/// "works", "fails", or what is left of the script.
	std::string state() const;
	int calls() const;
	int out() const; // elements given and not taken back
	/// All that it ever gave, oldest first.
	std::vector<const void *> given() const;
	size_t element_bytes() const { return element_bytes_; }

	// What the pool is given, with the backing as its pool_data.
	static void *alloc(gfp_t gfp_mask, void *pool_data);
	static void free(void *element, void *pool_data);

      private:
	void *give(gfp_t gfp_mask);

	const size_t element_bytes_;
	mutable std::mutex lock_;
	std::string script_;
	bool gives_ = true;
	std::function<void(gfp_t)> before_;
	int calls_ = 0;
	int out_ = 0;
	std::deque<std::vector<char>> memory_; // what was ever given stays until the end: a lesson may look at it
};

} // namespace lab

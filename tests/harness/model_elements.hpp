// SPDX-License-Identifier: MIT
//
// model_elements.hpp - the memory of elements: where the harness gets it, and
// who has which piece of it.
//
// Owner of the state: the harness's one thread.
#pragma once

#include <mempool/mempool.h>

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <string>

namespace model {

/// Random numbers that a seed repeats, or that a fuzzer's bytes say.
class dice {
      public:
	explicit dice(uint64_t seed) : engine_(seed) {}
	explicit dice(std::span<const uint8_t> bytes) : bytes_(bytes), by_bytes_(true) {}
	/// Are all bytes used up? From then on every number is 0.
	bool at_end() const { return by_bytes_ && bytes_.empty(); }
	/// A fuzzer wants to try much rather than to wait.
	bool is_fuzzer() const { return by_bytes_; }
	/// 0 to bound - 1. The small bias does not matter here, but the standard's own distributions differ between
	/// libraries.
	unsigned below(size_t bound)
	{
		return static_cast<unsigned>((by_bytes_ ? from_bytes(bound) : engine_()) % bound);
	}
	unsigned between(unsigned low, unsigned high) { return low + below(high - low + 1); }
	bool chance(unsigned percent) { return below(100) < percent; }
	template <class T, size_t n> const T &pick(const T (&choices)[n]) { return choices[below(n)]; }

      private:
	/// As many bytes as it takes to say each number below the bound.
	uint64_t from_bytes(size_t bound)
	{
		uint64_t number = 0;
		for (size_t most = 1; most < bound && !bytes_.empty(); most *= 256) {
			number = number * 256 + bytes_.front();
			bytes_ = bytes_.subspan(1);
		}
		return number;
	}

	std::mt19937_64 engine_;
	std::span<const uint8_t> bytes_;
	bool by_bytes_ = false;
};

/// Makes elements of one size and takes them back.
class source {
      public:
	virtual ~source() = default;
	virtual void *get() = 0;
	virtual void put(void *element) = 0;
	/// Elements that were got and not put.
	virtual uint64_t out() const = 0;

	size_t size_bytes = 0;
	std::string name;
	bool odd_addresses = false; // some elements lie there, so their size must not be told to a pool
	bool counts_all = false;    // out() knows of a ready-made pool's elements too
	// What makes a ready-made pool of such elements; no functions: there is none.
	mempool_alloc_t *alloc_fn = nullptr;
	mempool_free_t *free_fn = nullptr;
	void *pool_data = nullptr;
};

/// Elements in one block of the harness's own, also at odd addresses; each time another one.
std::unique_ptr<source> make_arena(dice &random);
/// Elements from one of the library's backings.
std::unique_ptr<source> make_library_source(dice &random);

/// Which elements are out, and what was written into them.
class ledger {
      public:
	explicit ledger(size_t size_bytes) : size_bytes_(size_bytes) {}
	/// The pool handed an element out. Says what is wrong with that; nothing: "".
	std::string hand_out(void *element);
	/// It is about to be given back. Says what was wrong with it meanwhile.
	std::string give_back(void *element);

      private:
	unsigned char stamp_byte(const void *element, uint32_t serial, size_t i) const;

	size_t size_bytes_;
	uint32_t last_serial_ = 0;
	std::map<uintptr_t, uint32_t> out_; // address to serial number
};

} // namespace model

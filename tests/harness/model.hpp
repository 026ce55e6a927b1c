// SPDX-License-Identifier: MIT
//
// model.hpp - the kernel's mempool as a plain sequential program: an array of
// elements and the rules of docs/parity.md, with nothing clever about it.
//
// It says what the library must do: what is returned, each call of the backing
// with its mask and in its order, and the figures that are left behind. The
// backing's answers come from a supplier, which the harness then lets the
// library's callbacks repeat.
//
// Owner of the state: the harness's one thread.
#pragma once

#include <mempool/mempool-stats.h>
#include <mempool/mempool.h>

#include <span>
#include <string>
#include <vector>

namespace model {

/// One call of the backing that the library must make, and what is true of the pool then.
struct backing_call {
	enum class kind { alloc, free };
	kind what;
	gfp_t mask;    // alloc: exactly this one
	void *element; // alloc: the answer, nullptr to refuse; free: the argument
	int curr_nr;   // -1: the pool is being made or ended, and is not to be asked
	int min_nr;
};

std::string to_text(const backing_call &call);

/// Decides what the backing answers.
class supplier {
      public:
	virtual ~supplier() = default;
	/// An element, or nullptr, but that only with may_refuse.
	virtual void *supply(gfp_t mask, bool may_refuse) = 0;
};

/// What an allocation came to.
struct outcome {
	void *element = nullptr;
	bool would_sleep = false; // the kernel would sleep here: nobody but another thread could help
};

class pool {
      public:
	explicit pool(supplier &backing) : backing_(backing) {}

	bool initialised() const { return initialised_; }
	int min_nr() const { return min_nr_; }
	int curr_nr() const { return static_cast<int>(reserve_.size()); }
	bool saturated() const { return curr_nr() >= min_nr_; }
	const struct mempool_statistics &stats() const { return stats_; }

	/// The calls of the operation done last.
	const std::vector<backing_call> &calls() const { return calls_; }

	/// PAR-1, PAR-2: 0 or -ENOMEM. The arguments are good.
	int init(int min_nr, gfp_t gfp_mask);
	/// PAR-5.
	void exit();
	/// PAR-8 to PAR-13. With would_sleep nothing but the two passes has happened:
	/// exactly what mempool_alloc_timeout(..., 0) does.
	outcome alloc(gfp_t gfp_mask);
	/// PAR-16.
	void *alloc_preallocated();
	/// PAR-17. The supplier is not let refuse where that would make the caller sleep.
	void alloc_bulk(std::span<void *> elements);
	/// PAR-20, PAR-21, PAR-23.
	void free(void *element);
	/// PAR-25: how many were taken; in any case the first `must`, as one of them is of the pool's own memory.
	unsigned free_bulk(std::span<void *const> elements, size_t must);
	/// PAR-26, PAR-27. The argument is good.
	void resize(int new_min_nr);

	/// Time cannot be predicted: the library says that it slept once, up to its deadline.
	void note_timed_out_sleep(uint64_t waited_ns);

      private:
	int wanted() const { return min_nr_ > 1 ? min_nr_ : 1; } // PAR-4
	void *ask_backing(gfp_t mask, bool may_refuse);
	void give_to_backing(void *element);
	void *take();
	void drain();
	bool pass(gfp_t mask, outcome &result);
	bool bulk_pass(gfp_t mask, std::span<void *> elements, bool last);
	void update_levels();

	supplier &backing_;
	bool initialised_ = false;
	bool quiet_ = false; // the pool is being made or ended
	int min_nr_ = 0;
	std::vector<void *> reserve_; // the newest last
	std::vector<backing_call> calls_;
	struct mempool_statistics stats_ = {};
};

} // namespace model

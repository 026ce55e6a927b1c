// SPDX-License-Identifier: MIT
//
// model_sequence.hpp - one random sequence of operations on one pool, done by
// the model and by the library, and compared after each.
//
// Owner of the state: the harness's one thread.
#pragma once

#include "tests/harness/model_player.hpp"

#include <set>

namespace model {

class sequence {
      public:
	/// Ends after `ops` operations, or with the bytes that say what to do.
	sequence(dice random, unsigned ops);
	~sequence();
	sequence(const sequence &) = delete;
	sequence &operator=(const sequence &) = delete;

	void run();

      private:
	enum class maker { init, init_node, init_attr, create, create_node, create_attr };
	enum class family { scripted_arena, scripted_library, ready_made };

	// Operations, in model_operations.cpp.
	void operate();
	void op_alloc();
	void op_alloc_preallocated();
	void op_alloc_bulk();
	void op_free();
	void op_free_null();
	void op_free_foreign();
	void op_free_bulk();
	void op_resize();
	void op_bad_resize();

	// Beginning and end, in model_life.cpp.
	void op_start();
	void op_end();
	void op_end_of_nothing();
	void op_init_again();
	void op_bad_init();
	int make(int min_nr, gfp_t mask, maker how, const char *name);
	void check_no_pool();

	void check_state(unsigned reports);
	void check_figures();
	gfp_t random_mask();
	unsigned random_min_nr();
	void *pull_out(size_t index);
	bool all_left() const;
	/// Is it one of the elements that are made of the pool's own memory? While there is a pool.
	bool of_home(const void *address) const;

	dice random_;
	unsigned ops_;
	family family_;
	std::unique_ptr<source> source_;
	player player_;
	pool model_;
	unsigned debug_flags_;
	bool tracked_ = false; // the pool was made with "track" on

	mempool_t embedded_ = {};
	mempool_t *pool_ = nullptr; // the living one
	bool created_ = false;      // by mempool_create...(), not in embedded_
	bool spread_ = false;       // its store: the newest element comes first only while nothing has grown
	std::string name_;          // that it was given; "": none

	std::vector<void *> out_; // elements, as the model knows them
	std::set<void *> left_; // those of out_ that a free_bulk left with us: the backing's, as far as the pool knows
	unsigned take_percent_ = 50;
};

} // namespace model

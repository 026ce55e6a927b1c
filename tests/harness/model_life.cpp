// SPDX-License-Identifier: MIT
//
// model_life.cpp - see model_sequence.hpp: how a pool begins and ends, and how
// it must not (PAR-1 to PAR-7).
#include "tests/harness/model_judge.hpp"
#include "tests/harness/model_sequence.hpp"

#include "mempool/core/control.hpp"

#include <mempool/mempool-debug.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <iterator>

namespace model {
namespace {

constexpr const char *maker_names[] = {"mempool_init",   "mempool_init_node",   "mempool_init_attr",
				       "mempool_create", "mempool_create_node", "mempool_create_attr"};

void check_all_zero(const mempool_t &pool)
{
	static constexpr mempool_t zero = {};
	judge::compare("bytes of a mempool_t that is not initialised", 0, memcmp(&pool, &zero, sizeof(zero)));
}

} // namespace

bool sequence::of_home(const void *address) const
{
	// home_start and home_bytes will not do: other memory may lie between two parts of the arena.
	return pool_->control->arena.owns(address);
}

/// One of the six ways; 0 or -errno, and pool_ is set.
int sequence::make(int min_nr, gfp_t mask, maker how, const char *name)
{
	mempool_alloc_t *const alloc = player_.alloc_fn();
	mempool_free_t *const free = player_.free_fn();
	void *const data = player_.pool_data();
	struct mempool_attr attr = MEMPOOL_ATTR_INIT;
	attr.name = name;
	attr.gfp_mask = mask;
	attr.node = static_cast<int>(random_.below(3)) - 1;
	spread_ = (how != maker::init_attr && how != maker::create_attr) || random_.chance(50);
	attr.store = spread_ ? MEMPOOL_STORE_SPREAD : MEMPOOL_STORE_LOCKED;
	if (!player_.scripted() && random_.chance(50))
		attr.residency = MEMPOOL_RESIDENCY_NONE;
	attr.element_size = !source_->odd_addresses && random_.chance(50) ? source_->size_bytes : 0;

	pool_ = &embedded_;
	created_ = how >= maker::create;
	switch (how) {
	case maker::init:
		return mempool_init(pool_, min_nr, alloc, free, data);
	case maker::init_node:
		return mempool_init_node(pool_, min_nr, alloc, free, data, mask, attr.node);
	case maker::init_attr:
		return mempool_init_attr(pool_, min_nr, alloc, free, data, &attr);
	case maker::create:
		pool_ = mempool_create(min_nr, alloc, free, data);
		break;
	case maker::create_node:
		pool_ = mempool_create_node(min_nr, alloc, free, data, mask, attr.node);
		break;
	case maker::create_attr:
		pool_ = mempool_create_attr(min_nr, alloc, free, data, &attr);
		break;
	}
	return pool_ == nullptr ? -errno : 0;
}

void sequence::op_start()
{
	const auto how = static_cast<maker>(random_.below(6));
	const bool takes_attr = how == maker::init_attr || how == maker::create_attr;
	const bool takes_mask = takes_attr || how == maker::init_node || how == maker::create_node;
	const int min_nr = static_cast<int>(random_min_nr());
	const gfp_t given = takes_mask ? random_mask() : GFP_KERNEL;
	// In mempool_attr, a mask of 0 stands for the default.
	const gfp_t mask = takes_attr && given == 0 ? GFP_KERNEL : given;
	name_ = takes_attr && random_.chance(50) ? std::string(random_.between(1, MEMPOOL_NAME_MAX - 1), 'n') : "";

	judge::begin_step("%s(min_nr %d, mask %#06x, name '%s')", maker_names[static_cast<int>(how)], min_nr, given,
			  name_.c_str());
	const int expected = model_.init(min_nr, mask);
	player_.expect(model_.calls(), nullptr);
	const int got = make(min_nr, given, how, name_.empty() ? nullptr : name_.c_str());
	player_.finish();
	judge::note_result(std::to_string(got));
	judge::compare("result", expected, got);
	tracked_ = (debug_flags_ & MEMPOOL_DEBUG_TRACK) != 0;
	check_state(0);
}

void sequence::op_end()
{
	const bool exit_first = !created_ || random_.chance(30);
	judge::begin_step("%s%s, with %zu elements out", exit_first ? "mempool_exit" : "",
			  created_ ? " mempool_destroy" : "", out_.size());
	model_.exit();
	player_.expect(model_.calls(), nullptr);
	std::set<void *> at_home; // asked now, as the pool is gone afterwards
	std::copy_if(out_.begin(), out_.end(), std::inserter(at_home, at_home.end()),
		     [this](void *element) { return of_home(player_.address_of(element)); });
	if (exit_first)
		mempool_exit(pool_);
	if (created_)
		mempool_destroy(pool_);
	player_.finish();
	pool_ = nullptr;
	check_state(tracked_ && !all_left() ? 1 : 0); // elements out are reported (PAR-5)
	// Those are lost for the pool, whichever comes next, but not for the source if they are its own.
	while (!out_.empty()) {
		void *const element = pull_out(out_.size() - 1);
		if (at_home.count(element) != 0)
			player_.lose(element);
		else
			player_.put_back(element);
	}
}

/// PAR-5, PAR-6: harmless.
void sequence::op_end_of_nothing()
{
	judge::begin_step("mempool_exit and mempool_destroy of nothing");
	model_.exit();
	player_.expect(model_.calls(), nullptr);
	mempool_exit(&embedded_);
	mempool_exit(&embedded_);
	mempool_destroy(nullptr);
	player_.finish();
	check_state(0);
}

void sequence::op_init_again()
{
	judge::begin_step("mempool_init of an initialised pool");
	player_.expect_none(pool_);
	const int got = mempool_init(pool_, 3, player_.alloc_fn(), player_.free_fn(), player_.pool_data());
	player_.finish();
	judge::compare("result", -EBUSY, got);
	check_state(1);
}

/// Bad arguments are refused and reported, and nothing is touched (PAR-1).
void sequence::op_bad_init()
{
	static constexpr int bad_nr[] = {-1, INT_MIN, MEMPOOL_NR_MAX + 1, INT_MAX};
	const std::string long_name(random_.between(MEMPOOL_NAME_MAX, 3 * MEMPOOL_NAME_MAX), 'l');
	struct mempool_attr attr = MEMPOOL_ATTR_INIT;
	int min_nr = 2;
	mempool_alloc_t *alloc = player_.alloc_fn();
	mempool_free_t *free = player_.free_fn();
	int expected = -EINVAL;
	const unsigned mistake = random_.below(5);
	switch (mistake) {
	case 0:
		min_nr = random_.pick(bad_nr);
		break;
	case 1:
		alloc = nullptr;
		break;
	case 2:
		free = nullptr;
		break;
	case 3:
		attr.size = random_.below(sizeof(attr.size));
		break;
	default:
		attr.name = long_name.c_str();
		expected = -ENAMETOOLONG;
	}

	const bool create = random_.chance(50);
	judge::begin_step("%s with mistake %u, min_nr %d", create ? "mempool_create_attr" : "mempool_init_attr",
			  mistake, min_nr);
	player_.expect_none(pool_);
	mempool_t other = {};
	int got = 0;
	errno = 0;
	if (create)
		got = mempool_create_attr(min_nr, alloc, free, player_.pool_data(), &attr) == nullptr ? -errno : 0;
	else
		got = mempool_init_attr(&other, min_nr, alloc, free, player_.pool_data(), &attr);
	player_.finish();
	judge::compare("result", expected, got);
	check_all_zero(other);
	check_state(1);
}

/// What a pool that is not initialised looks like (PAR-5, PAR-7).
void sequence::check_no_pool()
{
	struct mempool_statistics stats = {};
	stats.size = sizeof(stats);
	check_all_zero(embedded_);
	judge::compare("mempool_initialized()", false, mempool_initialized(&embedded_));
	judge::compare("mempool_curr_nr()", 0, mempool_curr_nr(&embedded_));
	judge::compare("mempool_stats()", -EINVAL, mempool_stats(&embedded_, &stats));
	if (strcmp(mempool_name(&embedded_), "(uninitialized)") != 0)
		judge::mismatch("mempool_name()", "(uninitialized)", mempool_name(&embedded_));
}

} // namespace model

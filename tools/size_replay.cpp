// SPDX-License-Identifier: MIT
//
// size_replay.cpp - the steps of a load, done to a pool of the library: the check
// that the simulation and the library are of one mind.
#include "tools/size_answer.hpp"
#include "tools/trace.hpp"

#include <climits>
#include <cstdlib>
#include <mempool/mempool.h>

namespace size {
namespace {

/// A backing that serves as often as it is told to.
struct scripted_backing {
	int64_t serves = INT64_MAX;
};

void *alloc_scripted(gfp_t, void *data)
{
	auto &backing = *static_cast<scripted_backing *>(data);
	return backing.serves-- > 0 ? malloc(16) : nullptr;
}

void free_scripted(void *element, void *)
{
	free(element);
}

class player {
      public:
	player(const load &l, int min_nr)
		: load_(l), pool_(mempool_create(min_nr, alloc_scripted, free_scripted, &backing_))
	{
		if (pool_ == nullptr)
			throw trace::failure("there is no memory to replay with min_nr " + std::to_string(min_nr));
		backing_.serves = 0;
		for (int64_t i = std::min<int64_t>(l.missing, mempool_curr_nr(pool_)); i > 0; i--)
			missing_.push_back(mempool_alloc_preallocated(pool_));
	}
	player(const player &) = delete;
	player &operator=(const player &) = delete;
	~player()
	{
		for (auto &[demand, elements] : out_)
			missing_.insert(missing_.end(), elements.begin(), elements.end());
		for (void *element : missing_)
			mempool_free(element, pool_);
		mempool_destroy(pool_);
	}

	void play(const step &s)
	{
		if (s.is_take)
			take(s.demand);
		else
			give(s);
	}

	uint64_t unserved() const { return unserved_; }

      private:
	void take(size_t index)
	{
		const demand &d = load_.demands[index];
		std::vector<void *> got(static_cast<size_t>(d.count));
		const bool in_need = d.need > mempool_curr_nr(pool_);
		// Only its second pass asks a backing that has something again.
		backing_.serves = in_need && d.has_second_pass() ? d.count : d.count - d.need;
		if (d.count == 1)
			got[0] = mempool_alloc_timeout(pool_, GFP_KERNEL, 0); // who would sleep gets NULL
		else if (!in_need || d.has_second_pass())
			mempool_alloc_bulk(pool_, got.data(), static_cast<unsigned>(d.count), 0);
		// else it would sleep, and nobody is there to wake it
		if (got[0] == nullptr)
			unserved_++;
		else
			out_[index] = std::move(got);
	}

	void give(const step &s)
	{
		if (s.demand == step::no_demand)
			return give_unknown(s.count);
		const auto of = out_.find(s.demand);
		if (of == out_.end())
			return; // it was not served
		for (void *element : of->second)
			mempool_free(element, pool_);
		out_.erase(of);
	}

	/// Elements that were out before the recording began, or came in a bulk.
	void give_unknown(int64_t count)
	{
		for (; count > 0 && mempool_curr_nr(pool_) < pool_->min_nr; count--)
			if (void *element = malloc(16))
				mempool_free(element, pool_);
	}

	const load &load_;
	scripted_backing backing_;
	mempool_t *pool_;
	std::vector<void *> missing_; // from the beginning to the end
	std::map<size_t, std::vector<void *>> out_;
	uint64_t unserved_ = 0;
};

} // namespace

replayed replay(const load &l, int64_t min_nr)
{
	constexpr int64_t most = 1'000'000;
	if (min_nr > most)
		throw trace::failure("min_nr " + std::to_string(min_nr) + " is too large to be replayed, " +
				     std::to_string(most) + " at most");
	// The steps are those of a reserve that is large enough: the order in which they are asked for.
	const int64_t enough = min_nr_without_sleep(l);
	player p(l, static_cast<int>(min_nr));
	simulate(l, enough, [&](const step &s) { p.play(s); });
	return {min_nr, p.unserved()};
}

} // namespace size

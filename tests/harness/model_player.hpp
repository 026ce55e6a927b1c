// SPDX-License-Identifier: MIT
//
// model_player.hpp - stands between model and library as the backing of both.
//
// The model asks it first, and it answers as its mood is. Then, in a scripted
// pool, the library's calls must be the model's calls, one by one, and get the
// same answers. In a ready-made pool the library asks its own backing; there
// the model works with tokens, and the player learns which address each token
// stands for when it is seen for the first time.
//
// Owner of the state: the harness's one thread.
#pragma once

#include "tests/harness/model.hpp"
#include "tests/harness/model_elements.hpp"

namespace model {

class player : public supplier {
      public:
	player(source &elements, dice &random, bool scripted)
		: source_(elements), random_(random), ledger_(elements.size_bytes), scripted_(scripted)
	{
		expect_none(nullptr);
	}

	/// The model's question.
	void *supply(gfp_t mask, bool may_refuse) override;
	/// Another way to refuse, from now on.
	void change_mood();

	/// What the pool is to be made of.
	mempool_alloc_t *alloc_fn() const { return scripted_ ? scripted_alloc : source_.alloc_fn; }
	mempool_free_t *free_fn() const { return scripted_ ? scripted_free : source_.free_fn; }
	void *pool_data() { return scripted_ ? this : source_.pool_data; }

	/// The library's operation begins; its callbacks are to be these.
	/// `calls` stays where it is until finish().
	void expect(const std::vector<backing_call> &calls, const mempool_t *pool);
	/// The same, and it is to call nothing.
	void expect_none(const mempool_t *pool);
	/// It has returned.
	void finish();

	/// The library handed `got` out where the model handed out `expected`.
	void check_handed_out(const char *what, void *expected, void *got);
	/// The address of a model's element that is out, after a look at its content: it is about to be given back.
	void *take_home(void *element);
	/// The same, for one that stays out.
	void *address_of(void *element) const;
	/// What the token stands for will be another address.
	void forget(void *element);
	/// An element that is out, and went down with its pool.
	void lose(void *element);
	bool scripted() const { return scripted_; }
	/// It was not given back after all.
	void keep(void *element);
	/// An element that the pool never saw; it is out.
	void *make_foreign();
	/// Past the pool, straight to the source.
	void put_back(void *element);

	/// Nothing is out, and all that came from the source is back.
	void check_end();

      private:
	static void *scripted_alloc(gfp_t mask, void *data);
	static void scripted_free(void *element, void *data);
	const backing_call *next_call(const backing_call &got);
	bool refuses(gfp_t mask);
	void learn(const char *what, void *element, void *address);

	enum class mood { generous, empty, random, without_reclaim, without_io, every_nth, adjusted_only };

	source &source_;
	dice &random_;
	ledger ledger_;
	bool scripted_;
	mood mood_ = mood::generous;
	unsigned percent_ = 0;
	unsigned asked_ = 0;
	const std::vector<backing_call> *calls_;
	size_t done_ = 0;
	const mempool_t *pool_ = nullptr;
	uintptr_t last_token_ = 0;
	std::map<void *, void *> address_; // of a token
	std::map<void *, void *> token_;   // at an address
};

} // namespace model

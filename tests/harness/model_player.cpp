// SPDX-License-Identifier: MIT
//
// model_player.cpp - see model_player.hpp.
#include "tests/harness/model_player.hpp"

#include "tests/harness/model_judge.hpp"

#include <cerrno>

namespace model {
namespace {

const std::vector<backing_call> no_calls;

} // namespace

bool player::refuses(gfp_t mask)
{
	asked_++;
	switch (mood_) {
	case mood::generous:
		return false;
	case mood::empty:
		return true;
	case mood::random:
		return random_.chance(percent_);
	case mood::without_reclaim:
		return (mask & __GFP_DIRECT_RECLAIM) == 0;
	case mood::without_io:
		return (mask & __GFP_IO) == 0;
	case mood::every_nth:
		return asked_ % (percent_ / 10 + 1) == 0;
	case mood::adjusted_only:
		return (mask & __GFP_NOMEMALLOC) != 0;
	}
	return false;
}

void player::change_mood()
{
	static constexpr mood moods[] = {mood::generous,  mood::empty,        mood::empty,           mood::random,
					 mood::random,    mood::random,       mood::without_reclaim, mood::without_io,
					 mood::every_nth, mood::adjusted_only};
	mood_ = random_.pick(moods);
	percent_ = random_.below(101);
}

void *player::supply(gfp_t mask, bool may_refuse)
{
	if (!scripted_) // a token is no address, and not to be followed
		return reinterpret_cast<void *>(++last_token_);
	return refuses(mask) && may_refuse ? nullptr : source_.get();
}

void player::expect(const std::vector<backing_call> &calls, const mempool_t *pool)
{
	calls_ = &calls;
	done_ = 0;
	pool_ = pool;
}

void player::expect_none(const mempool_t *pool)
{
	expect(no_calls, pool);
}

/// The call that the library should make now, if this is it; else the end.
const backing_call *player::next_call(const backing_call &got)
{
	if (done_ == calls_->size())
		judge::mismatch("a call of the backing", "none", to_text(got));
	const backing_call &expected = (*calls_)[done_++];
	const bool element_fits = expected.what == backing_call::kind::alloc || expected.element == got.element;
	if (expected.what != got.what || expected.mask != got.mask || !element_fits ||
	    expected.curr_nr != got.curr_nr || (expected.curr_nr >= 0 && expected.min_nr != got.min_nr))
		judge::mismatch("call " + std::to_string(done_) + " of the backing", to_text(expected), to_text(got));
	return &expected;
}

void *player::scripted_alloc(gfp_t mask, void *data)
{
	auto &self = *static_cast<player *>(data);
	const mempool_t *pool = self.pool_;
	const backing_call *call =
		self.next_call({backing_call::kind::alloc, mask, nullptr, pool == nullptr ? -1 : mempool_curr_nr(pool),
				pool == nullptr ? 0 : pool->min_nr});
	errno = EIO; // what a backing leaves there is nobody's business
	return call->element;
}

void player::scripted_free(void *element, void *data)
{
	auto &self = *static_cast<player *>(data);
	const mempool_t *pool = self.pool_;
	self.next_call({backing_call::kind::free, 0, element, pool == nullptr ? -1 : mempool_curr_nr(pool),
			pool == nullptr ? 0 : pool->min_nr});
	self.source_.put(element);
}

void player::finish()
{
	if (scripted_ && done_ < calls_->size())
		judge::mismatch("call " + std::to_string(done_ + 1) + " of the backing", to_text((*calls_)[done_]),
				"the operation returned without it");
	if (!scripted_)
		for (const backing_call &call : *calls_)
			if (call.what == backing_call::kind::free)
				forget(call.element);
	expect_none(nullptr); // a call out of turn
}

/// A token's address becomes known, or must be the known one.
void player::learn(const char *what, void *element, void *address)
{
	const auto known = address_.find(element);
	if (known != address_.end())
		return judge::compare_pointers(what, known->second, address);
	if (token_.contains(address))
		judge::mismatch(what, "an element that is neither out nor in the reserve",
				judge::to_text(address) + ", which is");
	address_[element] = address;
	token_[address] = element;
}

void player::forget(void *element)
{
	const auto known = address_.find(element);
	if (known == address_.end())
		return;
	token_.erase(known->second);
	address_.erase(known);
}

void player::check_handed_out(const char *what, void *expected, void *got)
{
	if (scripted_ || expected == nullptr || got == nullptr)
		judge::compare_pointers(what, expected, got);
	else
		learn(what, expected, got);
	if (got == nullptr)
		return;
	const std::string wrong = ledger_.hand_out(got);
	if (!wrong.empty())
		judge::mismatch(what, "an element that nobody has", judge::to_text(got) + ": " + wrong);
}

void *player::address_of(void *element) const
{
	return scripted_ ? element : address_.at(element);
}

void *player::take_home(void *element)
{
	void *address = address_of(element);
	const std::string wrong = ledger_.give_back(address);
	if (!wrong.empty())
		judge::mismatch("an element's content", "as it was written", judge::to_text(address) + ": " + wrong);
	return address;
}

void player::keep(void *element)
{
	ledger_.hand_out(address_of(element));
}

void player::lose(void *element)
{
	take_home(element);
	forget(element);
}

void *player::make_foreign()
{
	void *address = source_.get();
	void *element = scripted_ ? address : supply(0, false);
	check_handed_out("an element from the source", element, address);
	return element;
}

void player::put_back(void *element)
{
	void *address = take_home(element);
	forget(element);
	source_.put(address);
}

void player::check_end()
{
	if (source_.counts_all || scripted_)
		judge::compare("elements that never came back to the backing", 0,
			       static_cast<long long>(source_.out()));
}

} // namespace model

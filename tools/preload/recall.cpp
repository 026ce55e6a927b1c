// SPDX-License-Identifier: MIT
//
// recall.cpp - see recall.hpp.
#include "tools/preload/recall.hpp"

#include "tools/preload/state.hpp"

namespace mp::preload {
namespace {

constexpr size_t slots = 2048; // a power of two

struct memory {
	std::atomic<bool> in_use;
	bool known;
	call_site site;
	raw_stack raw;
	stack_trace described;
};
/// Made when it is first needed: most processes take no stacks.
constinit std::atomic<memory *> memories{nullptr};
constinit std::atomic<bool> making{false};

memory *slot_of(call_site site)
{
	// acquire: pairs with the release below
	memory *all = memories.load(std::memory_order_acquire);
	if (all == nullptr) {
		if (making.exchange(true, std::memory_order_relaxed))
			return nullptr;
		all = static_cast<memory *>(own_pages(slots * sizeof(memory)));
		memories.store(all, std::memory_order_release); // release: pairs with the acquire above
		if (all == nullptr)
			return nullptr;
	}
	const uint64_t hash = (site.pc ^ site.frame << 20) * 0x9e3779b97f4a7c15;
	static_assert(slots == 1 << 11);
	return &all[hash >> 53];
}

/// The entry as long as it is looked at; or none, when another has it.
class use {
      public:
	explicit use(call_site site) : at_(slot_of(site))
	{
		// acquire: pairs with the release below
		if (at_ != nullptr && at_->in_use.exchange(true, std::memory_order_acquire))
			at_ = nullptr;
	}
	use(const use &) = delete;
	use &operator=(const use &) = delete;
	~use()
	{
		if (at_ != nullptr)
			at_->in_use.store(false, std::memory_order_release); // release: pairs with the acquire above
	}

	memory *operator->() const { return at_; }
	explicit operator bool() const { return at_ != nullptr; }

      private:
	memory *at_;
};

bool is_as_it_was(const raw_stack &raw)
{
	for (uint32_t i = 0; i < raw.depth; i++)
		if (*reinterpret_cast<const volatile uintptr_t *>(raw.at[i]) != raw.pc[i] + 1)
			return false;
	return true;
}

/// As much of it as there is.
void copy_stacks(const raw_stack &from, const stack_trace &from_described, raw_stack &to, stack_trace &to_described)
{
	to.depth = from.depth;
	to.truncated = from.truncated;
	to.steady = from.steady;
	to_described.hash = from_described.hash;
	to_described.depth = from_described.depth;
	to_described.truncated = from_described.truncated;
	for (uint32_t i = 0; i < from.depth; i++) {
		to.pc[i] = from.pc[i];
		to.at[i] = from.at[i];
		to_described.frames[i] = from_described.frames[i];
	}
}

} // namespace

bool recall_stack(call_site site, raw_stack &raw, stack_trace &described)
{
	const use entry(site);
	if (!entry || !entry->known || entry->site.pc != site.pc || entry->site.frame != site.frame ||
	    !is_as_it_was(entry->raw))
		return false;
	copy_stacks(entry->raw, entry->described, raw, described);
	return true;
}

void remember_stack(call_site site, const raw_stack &raw, const stack_trace &described)
{
	// Its innermost return address is the site's own, or else something lies between.
	if (!raw.steady || raw.depth == 0 || raw.pc[0] + 1 != site.pc || raw.at[0] + sizeof(uintptr_t) != site.frame)
		return;
	const use entry(site);
	if (!entry)
		return;
	entry->known = true;
	entry->site = site;
	copy_stacks(raw, described, entry->raw, entry->described);
}

} // namespace mp::preload

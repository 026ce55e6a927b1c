// SPDX-License-Identifier: MIT
//
// lab_backing.cpp - see lab_backing.hpp.
#include "tools/lab_backing.hpp"

namespace lab {

scripted_backing::~scripted_backing() = default;

void scripted_backing::follow(const std::string &script, bool then)
{
	const std::lock_guard guard(lock_);
	script_ = script;
	gives_ = then;
}

void scripted_backing::before(std::function<void(gfp_t)> hook)
{
	const std::lock_guard guard(lock_);
	before_ = std::move(hook);
}

std::string scripted_backing::state() const
{
	const std::lock_guard guard(lock_);
	const char *then = gives_ ? "works" : "fails";
	return script_.empty() ? then : script_ + ", then " + then;
}

int scripted_backing::calls() const
{
	const std::lock_guard guard(lock_);
	return calls_;
}

int scripted_backing::out() const
{
	const std::lock_guard guard(lock_);
	return out_;
}

std::vector<const void *> scripted_backing::given() const
{
	const std::lock_guard guard(lock_);
	std::vector<const void *> all;
	for (const std::vector<char> &element : memory_)
		all.push_back(element.data());
	return all;
}

void *scripted_backing::give(gfp_t gfp_mask)
{
	std::function<void(gfp_t)> hook;
	{
		const std::lock_guard guard(lock_);
		hook = before_;
	}
	if (hook)
		hook(gfp_mask);
	const std::lock_guard guard(lock_);
	calls_++;
	bool gives = gives_;
	if (!script_.empty()) {
		gives = script_.front() == 'y';
		script_.erase(0, 1);
	}
	if (!gives)
		return nullptr;
	out_++;
	return memory_.emplace_back(element_bytes_).data();
}

void *scripted_backing::alloc(gfp_t gfp_mask, void *pool_data)
{
	return static_cast<scripted_backing *>(pool_data)->give(gfp_mask);
}

void scripted_backing::free(void *, void *pool_data)
{
	auto *backing = static_cast<scripted_backing *>(pool_data);
	const std::lock_guard guard(backing->lock_);
	backing->out_--;
}

} // namespace lab

// SPDX-License-Identifier: MIT
//
// lab_actor.cpp - see lab_actor.hpp.
#include "tools/lab_actor.hpp"

#include "tools/text.hpp"

#include <chrono>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>
#include <utility>

namespace lab {

void wait_until(const std::string &what, const std::function<bool()> &so)
{
	const uint64_t give_up = tools::now_ns() + patience_ns;
	while (!so()) {
		if (tools::now_ns() > give_up)
			throw stuck("waited " + std::to_string(patience_ns / 1000000000) + " s in vain: " + what);
		const timespec moment = {0, 50000};
		nanosleep(&moment, nullptr); // between two looks
	}
}

actor::actor(std::string name) : part_(std::make_shared<part>())
{
	part_->name = std::move(name);
	thread_ = std::thread(live, part_);
	wait_until("thread '" + part_->name + "' begins", [this] { return thread() != 0; });
}

actor::~actor()
{
	bool left_behind = false;
	{
		const std::lock_guard guard(part_->lock);
		part_->leave = true;
		left_behind = part_->busy;
	}
	part_->changed.notify_all();
	if (left_behind)
		thread_.detach();
	else
		thread_.join();
}

void actor::live(const std::shared_ptr<part> &self)
{
	pthread_setname_np(pthread_self(), self->name.substr(0, 15).c_str());
	self->thread.store(static_cast<uint32_t>(gettid()));
	std::unique_lock guard(self->lock);
	for (;;) {
		self->changed.wait(guard, [&] { return self->leave || self->busy; });
		if (!self->busy)
			return;
		const std::function<void()> job = std::exchange(self->job, nullptr);
		guard.unlock();
		job();
		guard.lock();
		self->busy = false;
		self->changed.notify_all();
	}
}

bool actor::busy() const
{
	const std::lock_guard guard(part_->lock);
	return part_->busy;
}

void actor::start(std::function<void()> job)
{
	finish();
	const std::lock_guard guard(part_->lock);
	part_->job = std::move(job);
	part_->busy = true;
	part_->changed.notify_all();
}

void actor::finish()
{
	std::unique_lock guard(part_->lock);
	if (!part_->changed.wait_for(guard, std::chrono::nanoseconds(patience_ns), [this] { return !part_->busy; }))
		throw stuck("waited " + std::to_string(patience_ns / 1000000000) + " s in vain: thread '" +
			    part_->name + "' ends its call");
}

} // namespace lab

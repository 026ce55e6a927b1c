// SPDX-License-Identifier: MIT
//
// published_view.cpp - snapshots of another process, read. See mempool-publish.h
// and published.hpp. Nothing that is read is trusted before the sum is right, and
// sizes not even then.
//
// Owner of the state: each view, its user. Race table: see published.hpp.
#include "mempool/watch/published.hpp"

#include "reserve/base/clock.hpp"
#include "reserve/base/fence.hpp"
#include "reserve/base/mapping.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>

using namespace mp;
using namespace mp::watch;

struct mempool_view {
	base::opened_page page;
	uint32_t pool_room; // as it was when the page was opened
	uint32_t cache_room;
	void *shared; // the page's memory, of which the kernel alone looks at two words
	mempool_published process;
	mempool_published_pool *pools;
	mempool_published_cache *caches;
	published_half half; // the snapshot's
	char *kept;          // the snapshot's memory, and that of the next
	char *next;
	size_t bytes; // of this mapping
};

namespace mp::watch {

void tell(const base::page_error &why, mempool_view_error *error)
{
	mempool_view_error here = {};
	if (error == nullptr || error->size < sizeof(error->size))
		return;
	snprintf(here.text, sizeof(here.text), "%s", why.text);
	here.size = error->size;
	memcpy(error, &here, std::min(error->size, sizeof(here)));
}

namespace {

// When it is looked whether the process is still alive: at once after its asking, then less often.
constexpr uint64_t look_first_ns = base::ns_per_s / 1000;
constexpr uint64_t look_least_ns = base::ns_per_s / 20;

int fail(int number, const mempool_view &view, const char *what, base::page_error &error)
{
	error.error = number;
	snprintf(error.text, sizeof(error.text), "process %u (%.60s) %s", view.page.header().pid,
		 view.page.header().program, what);
	return -number;
}

int fail_ended(const mempool_view &view, base::page_error &error)
{
	return fail(ESRCH, view, "has ended, executed another program, or stopped publishing", error);
}

mempool_published_cache *caches_in(const mempool_view &view, char *snapshot)
{
	const size_t pools_bytes = view.pool_room * sizeof(mempool_published_pool);
	return reinterpret_cast<mempool_published_cache *>(snapshot + pools_bytes);
}

/// Copies snapshot `number`. False: it is not there, or no longer.
bool copy(mempool_view &view, uint64_t number, published_half &half, base::page_error &error)
{
	const size_t at = sizeof(published_head) + (number % 2) * half_bytes(view.pool_room, view.cache_room);
	const auto *pools = reinterpret_cast<mempool_published_pool *>(view.next);
	mempool_published_cache *caches = caches_in(view, view.next);
	published_head now = {};
	if (!view.page.read(&half, sizeof(half), at, error) || half.number != number || half.pools > view.pool_room ||
	    half.caches > view.cache_room)
		return false;
	if (!view.page.read(view.next, half.pools * sizeof(*pools), at + sizeof(half), error) ||
	    !view.page.read(caches, half.caches * sizeof(*caches), at + caches_offset(view.pool_room), error))
		return false;
	// acquire: who read something of a later snapshot sees that it was begun, ORD-44
	base::fence(std::memory_order_acquire);
	return view.page.read(&now, sizeof(now), 0, error) && now.begun.load(std::memory_order_relaxed) <= number + 1 &&
	       half.sum == sum_of(half, pools, caches);
}

/// The latest snapshot becomes the view's. 0 or -errno.
int read_latest(mempool_view &view, base::page_error &error)
{
	constexpr int most_tries = 1000;
	error.error = 0;
	for (int i = 0; i < most_tries; i++) {
		published_head now = {};
		published_half half = {};
		if (!view.page.read(&now, sizeof(now), 0, error))
			return -error.error;
		// acquire: pairs with the release in take_snapshot(), ORD-44
		const uint64_t number = now.latest.load(std::memory_order_acquire);
		if (number == 0)
			return fail(EAGAIN, view, "has no snapshot yet", error);
		if (copy(view, number, half, error)) {
			std::swap(view.kept, view.next);
			view.half = half;
			return 0;
		}
		if (error.error != 0)
			return -error.error;
	}
	return fail(EPROTO, view, "has a page without a whole snapshot; restart it", error);
}

void describe(mempool_view &view)
{
	view.pools = reinterpret_cast<mempool_published_pool *>(view.kept);
	view.caches = caches_in(view, view.kept);
	for (uint32_t i = 0; i < view.half.pools; i++) {
		view.pools[i].name[sizeof(view.pools[i].name) - 1] = 0;
		view.pools[i].backing[sizeof(view.pools[i].backing) - 1] = 0;
	}
	for (uint32_t i = 0; i < view.half.caches; i++)
		view.caches[i].name[sizeof(view.caches[i].name) - 1] = 0;
	view.process.snapshot = view.half.number;
	view.process.taken_ns = view.half.taken_ns;
	view.process.pools = view.half.pools;
	view.process.caches = view.half.caches;
	view.process.pools_left_out = view.half.pools_left_out;
	view.process.caches_left_out = view.half.caches_left_out;
}

/// Asks once, and waits for the answer. 0, -ETIMEDOUT, or another.
int ask(mempool_view &view, uint64_t deadline_ns, base::page_error &error)
{
	published_head now = {};
	if (!view.page.read(&now, sizeof(now), 0, error))
		return -error.error;
	const uint32_t answered = now.answered.load(std::memory_order_relaxed);
	const uint32_t asked = answered + 1;
	if (!view.page.write(&asked, sizeof(asked), offsetof(published_head, asked), error))
		return -error.error;
	char *words = static_cast<char *>(view.shared);
	base::futex_wake_shared(words + offsetof(published_head, asked), 1);
	for (uint64_t look_ns = look_first_ns;; look_ns = std::min(look_ns * 2, look_least_ns)) {
		const uint64_t until = std::min(deadline_ns, base::now_ns() + look_ns);
		base::futex_wait_shared(words + offsetof(published_head, answered), answered, until);
		if (!view.page.read(&now, sizeof(now), 0, error))
			return -error.error;
		// acquire: pairs with the release in run(), ORD-45
		if (now.answered.load(std::memory_order_acquire) != answered)
			return 0;
		if (!view.page.alive())
			return fail_ended(view, error);
		if (base::now_ns() >= deadline_ns)
			return fail(ETIMEDOUT, view, "did not answer in time: it is stopped, or gets no CPU", error);
	}
}

int refresh(mempool_view &view, uint64_t timeout_ns, base::page_error &error)
{
	if (!view.page.alive())
		return fail_ended(view, error);
	const uint64_t began_ns = base::now_ns();
	const uint64_t deadline_ns = base::deadline_after(timeout_ns);
	int result = timeout_ns == 0 ? read_latest(view, error) : 0;
	while (timeout_ns != 0) {
		result = ask(view, deadline_ns, error);
		if (result == -ETIMEDOUT) {
			base::page_error why = {};
			if (const int last = read_latest(view, why); last != 0 && last != -EAGAIN) {
				error = why;
				result = last;
			}
			break;
		}
		if (result == 0)
			result = read_latest(view, error);
		// One that was taken for somebody else may be from before.
		if (result != 0 || view.half.taken_ns >= began_ns)
			break;
	}
	if (result == 0 || result == -ETIMEDOUT)
		describe(view);
	return result;
}

/// Room for two snapshots, when the page is as long as its head says.
int make_view(base::opened_page &page, mempool_view *&view, base::page_error &error)
{
	published_head head = {};
	if (!page.read(&head, sizeof(head), 0, error))
		return -error.error;
	const bool sound = head.pool_room <= published_most && head.cache_room <= published_most &&
			   sizeof(head) + 2 * half_bytes(head.pool_room, head.cache_room) <= page.payload_bytes();
	if (!sound) {
		snprintf(error.text, sizeof(error.text), "%.250s is not as long as it says; restart the process",
			 page.path());
		return -EPROTO;
	}
	const size_t room = half_bytes(head.pool_room, head.cache_room) - sizeof(published_half);
	const size_t bytes = sizeof(mempool_view) + 2 * room;
	void *memory = base::map_memory(bytes);
	if (memory == nullptr) {
		snprintf(error.text, sizeof(error.text), "there is no memory for the snapshots of process %u",
			 page.header().pid);
		return -ENOMEM;
	}
	view = new (memory) mempool_view{};
	view->pool_room = head.pool_room;
	view->cache_room = head.cache_room;
	view->kept = static_cast<char *>(memory) + sizeof(mempool_view);
	view->next = view->kept + room;
	view->bytes = bytes;
	return 0;
}

} // namespace
} // namespace mp::watch

extern "C" int mempool_view_open(pid_t pid, struct mempool_view **view, struct mempool_view_error *error)
{
	*view = nullptr;
	base::page_error why = {};
	mempool_view *made = nullptr;
	base::opened_page first;
	int result = first.open(pid, published_kind, why) ? make_view(first, made, why) : -why.error;
	if (result == 0 &&
	    // NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): make_view() has set it
	    (!made->page.open(pid, published_kind, why) || (made->shared = made->page.map(why)) == nullptr))
		result = -why.error;
	if (result != 0) {
		mempool_view_close(made);
		tell(why, error);
		return result;
	}
	const base::page_header &header = made->page.header();
	made->process.size = sizeof(made->process);
	made->process.pid = pid;
	memcpy(made->process.program, header.program, sizeof(header.program) - 1);
	*view = made;
	return 0;
}

extern "C" int mempool_view_refresh(struct mempool_view *view, uint64_t timeout_ns, struct mempool_view_error *error)
{
	base::page_error why = {};
	const int result = refresh(*view, timeout_ns, why);
	if (result != 0)
		tell(why, error);
	return result;
}

extern "C" const struct mempool_published *mempool_view_process(const struct mempool_view *view)
{
	return &view->process;
}

extern "C" const struct mempool_published_pool *mempool_view_pool(const struct mempool_view *view, unsigned int number)
{
	return number < view->process.pools ? &view->pools[number] : nullptr;
}

extern "C" const struct mempool_published_cache *mempool_view_cache(const struct mempool_view *view,
								    unsigned int number)
{
	return number < view->process.caches ? &view->caches[number] : nullptr;
}

extern "C" void mempool_view_close(struct mempool_view *view)
{
	if (view == nullptr)
		return;
	view->page.close();
	base::unmap_memory(view, view->bytes);
}

extern "C" int mempool_view_each(int (*visit)(pid_t pid, void *arg), void *arg)
{
	return base::each_page(published_kind, visit, arg);
}

// SPDX-License-Identifier: MIT
//
// reclaim.cpp - direct reclaim: who asks shrinkers, when, and who must not.
#include "tools/lab/lessons.hpp"
#include "tools/lab_stage.hpp"
#include "tools/lab_words.hpp"

#include <mempool/mempool-limits.h>
#include <mempool/shrinker.h>
#include <mempool/slab.h>
#include <stdexcept>

namespace lab {
namespace {

constexpr size_t budget_bytes = size_t{8} << 20;

/// A cache of pages, which it gives up when it is asked to.
struct page_cache {
	std::vector<unsigned long> pages;
	struct shrinker *shrinker = nullptr;
	int asked = 0;                 // times that it was asked for figures
	gfp_t mask = 0;                // with which
	bool allocates = false;        // tries to allocate while it is asked
	unsigned long got_inside = 99; // and what it got
	int depth = 0;
	int deepest = 0;
};

unsigned long count_pages(struct shrinker *s, struct shrink_control *sc)
{
	auto *cache = static_cast<page_cache *>(s->private_data);
	cache->asked++;
	cache->mask = sc->gfp_mask;
	cache->deepest = std::max(cache->deepest, ++cache->depth);
	if (cache->allocates && cache->depth == 1)
		cache->got_inside = __get_free_page(GFP_KERNEL);
	cache->depth--;
	return (sc->gfp_mask & __GFP_FS) != 0 && !cache->pages.empty() ? cache->pages.size() : SHRINK_EMPTY;
}

unsigned long scan_pages(struct shrinker *s, struct shrink_control *sc)
{
	auto *cache = static_cast<page_cache *>(s->private_data);
	unsigned long freed = 0;
	for (; freed < sc->nr_to_scan && !cache->pages.empty(); freed++) {
		free_page(cache->pages.back());
		cache->pages.pop_back();
	}
	return freed;
}

/// All that the budget has, into the cache; and not all of the machine, should the budget not hold.
void fill(page_cache &cache)
{
	constexpr size_t most_pages = 65536;
	while (const unsigned long page = cache.pages.size() < most_pages ? __get_free_page(GFP_ATOMIC) : 0)
		cache.pages.push_back(page);
}

page_cache &make_cache(stage &s)
{
	auto *cache = new page_cache;
	cache->shrinker = shrinker_alloc(0, "lab-pages");
	if (cache->shrinker == nullptr)
		throw std::runtime_error("the shrinker cannot be made");
	cache->shrinker->count_objects = count_pages;
	cache->shrinker->scan_objects = scan_pages;
	cache->shrinker->private_data = cache;
	shrinker_register(cache->shrinker);
	mempool_headroom_state room = {};
	room.size = sizeof(room);
	mempool_headroom(&room);
	mempool_set_limit(room.populated_bytes + budget_bytes);
	s.at_end([cache] {
		shrinker_free(cache->shrinker);
		for (const unsigned long page : cache->pages)
			free_page(page);
		mempool_set_limit(0);
		delete cache;
	});
	return *cache;
}

pool &make_page_pool(stage &s)
{
	mempool_attr attr = MEMPOOL_ATTR_INIT;
	attr.name = "pages";
	attr.store = MEMPOOL_STORE_LOCKED;
	return s.adopt_pool(mempool_create_attr(1, mempool_alloc_pages, mempool_free_pages, nullptr, &attr));
}

void second_pass_reclaims(stage &s, actor &writer, page_cache &cache, pool &pages, std::vector<void *> &held)
{
	s.begin("The first pass does not reclaim", R"(
The page layer has nothing, but the cache could give some of its pages up. The first pass may not ask
it: that takes time, and there is a reserve.)");
	s.cite(9).cite(35).show(anchor::first_mask).show(anchor::may_reclaim);
	fill(cache);
	cache.asked = 0;
	held.push_back(s.alloc(writer, pages, GFP_KERNEL));
	s.claim("the reserve served", "pass_begin backing_fail reserve_take alloc", s.story(writer));
	s.claim("the cache was not asked", 0, cache.asked);

	s.begin("The second one does", R"(
The reserve is empty now. Before it goes to sleep the caller does itself what the kernel calls direct
reclaim: it asks every registered shrinker how many objects could be freed, then lets it free some.
Then the page layer has something again.)");
	s.cite(11).cite(35).show(anchor::reclaim_round);
	const size_t before = cache.pages.size();
	held.push_back(s.alloc(writer, pages, GFP_KERNEL));
	s.claim("reclaim, in the second pass, and a page", "pass_begin backing_fail pass_begin reclaim alloc",
		s.story(writer));
	s.claim("the cache was asked once", 1, cache.asked);
	s.claim("with the mask of the second pass", s.current().passes.back().text, mask_text(cache.mask));
	s.claim("it gave pages up", cache.pages.size() < before);
}

void no_fs(stage &s, actor &writer, page_cache &cache, pool &pages, std::vector<void *> &held)
{
	s.begin("GFP_NOFS: hands off", R"(
Whoever holds a lock of the file system asks with GFP_NOFS. Reclaim runs, but the shrinker sees a mask
without __GFP_FS, and has nothing to offer: it would need that lock. The caller sleeps.)");
	s.cite(35).cite(12).show(anchor::reclaim_round);
	fill(cache);
	cache.asked = 0;
	s.alloc_asleep(writer, pages, GFP_NOFS);
	s.claim("it reclaimed, for nothing, and sleeps",
		"pass_begin backing_fail pass_begin reclaim backing_fail wait_begin", s.story(writer));
	s.claim("the cache was asked, without __GFP_FS", cache.asked > 0 && (cache.mask & __GFP_FS) == 0);
	actor &other = s.thread("other");
	s.say("Another thread gives a page back, which goes into the reserve, and wakes it.");
	s.free(other, pages, held.back());
	held.pop_back();
	held.push_back(s.wake_up(writer));
	s.claim("it was woken, not timed out", 0, static_cast<int64_t>(pages.stats().timeouts));
}

void never_nested(stage &s, actor &writer, page_cache &cache, pool &pages, std::vector<void *> &held)
{
	s.begin("Never inside itself", R"(
A shrinker may need memory in order to free some. Were its own allocation to reclaim, it would be
asked again, and again. So a thread that is inside reclaim never starts it anew: the shrinker's
allocation fails at once, although its mask is GFP_KERNEL.)");
	s.cite(35).show(anchor::may_reclaim);
	fill(cache);
	cache.allocates = true;
	held.push_back(s.alloc(writer, pages, GFP_KERNEL));
	cache.allocates = false;
	s.claim("the allocation inside the shrinker got", 0, static_cast<int64_t>(cache.got_inside));
	s.claim("the shrinker was never inside itself", 1, cache.deepest);
	s.claim("and the writer got its page", "pass_begin backing_fail pass_begin reclaim alloc", s.story(writer));
}

} // namespace

void reclaim(stage &s)
{
	actor &writer = s.thread("writer");
	s.begin("A cache that could give way", R"(
Memory that is in use is not always needed: caches keep things that can be had again. A shrinker is
how they say so. Here a cache takes all pages that a budget of 8 MiB has (mempool_set_limit()), and
registers a shrinker for them. Beside it is a pool of pages, with one in reserve.)");
	s.cite(35).show(anchor::ask_pages);
	pool &pages = make_page_pool(s);
	page_cache &cache = make_cache(s);
	fill(cache);
	s.claim("the cache has pages", cache.pages.size() > 100);
	s.claim("who may not reclaim gets none", 0, static_cast<int64_t>(__get_free_page(GFP_NOWAIT)));
	s.claim("and the cache was not asked", 0, cache.asked);

	std::vector<void *> held;
	second_pass_reclaims(s, writer, cache, pages, held);
	no_fs(s, writer, cache, pages, held);
	never_nested(s, writer, cache, pages, held);

	s.begin("Done", R"(
What was taken is given back: the pool's own page into the reserve, the others to the page layer.)");
	for (void *element : held)
		s.free(writer, pages, element);
	s.claim("the reserve is full", 1, pages.level());
}

} // namespace lab

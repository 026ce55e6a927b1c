// SPDX-License-Identifier: MIT
//
// model_elements.cpp - see model_elements.hpp.
#include "tests/harness/model_elements.hpp"

#include <mempool/mempool-stats.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

namespace model {
namespace {

class arena : public source {
      public:
	explicit arena(dice &random) : random_(random)
	{
		static constexpr size_t sizes[] = {1, 3, 8, 16, 24, 61, 64};
		name = "arena";
		size_bytes = random.pick(sizes);
		const bool odd = random.chance(30);
		odd_addresses = odd || size_bytes % 2 != 0;
		room_.resize(element_count * size_bytes + 1);
		for (size_t i = 0; i < element_count; i++)
			free_.push_back(room_.data() + odd + i * size_bytes);
	}
	void *get() override
	{
		if (free_.empty())
			abort(); // the driver keeps the number of elements far below this
		std::swap(free_[random_.below(free_.size())], free_.back());
		void *element = free_.back();
		free_.pop_back();
		return element;
	}
	void put(void *element) override { free_.push_back(element); }
	uint64_t out() const override { return element_count - free_.size(); }

      private:
	static constexpr size_t element_count = 1024;
	dice &random_;
	std::vector<unsigned char> room_;
	std::vector<void *> free_;
};

/// Any of the library's backings, through the very functions that its pools use.
class library_source : public source {
      public:
	void *get() override
	{
		void *element = alloc_fn(GFP_KERNEL, pool_data);
		if (element == nullptr) {
			fprintf(stderr, "model: the %s backing has no memory\n", name.c_str());
			exit(2);
		}
		out_++;
		return element;
	}
	void put(void *element) override
	{
		out_--;
		free_fn(element, pool_data);
	}
	uint64_t out() const override { return out_; }

      protected:
	uint64_t out_ = 0;
};

class slab_source : public library_source {
      public:
	explicit slab_source(dice &random)
	{
		static constexpr slab_flags_t flags[] = {0, SLAB_HWCACHE_ALIGN, SLAB_POISON, SLAB_RED_ZONE,
							 SLAB_CONSISTENCY_CHECKS | SLAB_STORE_USER};
		const unsigned size = random.between(1, 3000);
		const unsigned align = random.chance(50) ? 0 : 1U << random.between(0, 9);
		cache_ = kmem_cache_create("model", size, align, random.pick(flags), nullptr);
		if (cache_ == nullptr)
			abort();
		name = "slab";
		counts_all = true;
		size_bytes = size;
		alloc_fn = mempool_alloc_slab;
		free_fn = mempool_free_slab;
		pool_data = cache_;
	}
	~slab_source() override { kmem_cache_destroy(cache_); }
	uint64_t out() const override
	{
		struct kmem_cache_statistics stats = {};
		stats.size = sizeof(stats);
		kmem_cache_stats(cache_, &stats);
		return stats.objects;
	}

      private:
	struct kmem_cache *cache_;
};

class sized_source : public library_source {
      public:
	sized_source(const char *called, size_t bytes, uintptr_t data, mempool_alloc_t *alloc, mempool_free_t *free)
	{
		name = called;
		size_bytes = bytes;
		pool_data = reinterpret_cast<void *>(data);
		alloc_fn = alloc;
		free_fn = free;
	}
};

} // namespace

std::unique_ptr<source> make_arena(dice &random)
{
	return std::make_unique<arena>(random);
}

std::unique_ptr<source> make_library_source(dice &random)
{
	const size_t small = random.between(1, 9000);
	const unsigned order = random.below(3);
	switch (random.below(4)) {
	case 0:
		return std::make_unique<slab_source>(random);
	case 1:
		return std::make_unique<sized_source>("kmalloc", small, small, mempool_kmalloc, mempool_kfree);
	case 2:
		return std::make_unique<sized_source>("kvmalloc", small * 2, small * 2, mempool_kvmalloc,
						      mempool_kvfree);
	default:
		return std::make_unique<sized_source>("pages", PAGE_SIZE << order, order, mempool_alloc_pages,
						      mempool_free_pages);
	}
}

unsigned char ledger::stamp_byte(const void *element, uint32_t serial, size_t i) const
{
	return static_cast<unsigned char>((reinterpret_cast<uintptr_t>(element) >> 3) * 31 + size_t{serial} * 7 + i);
}

std::string ledger::hand_out(void *element)
{
	const auto address = reinterpret_cast<uintptr_t>(element);
	const auto above = out_.lower_bound(address);
	if (above != out_.end() && above->first < address + size_bytes_)
		return above->first == address ? "it is out already" : "it overlaps an element that is out";
	if (above != out_.begin() && std::prev(above)->first + size_bytes_ > address)
		return "it overlaps an element that is out";
	out_[address] = ++last_serial_;
	for (size_t i = 0; i < size_bytes_; i++)
		static_cast<unsigned char *>(element)[i] = stamp_byte(element, last_serial_, i);
	return "";
}

std::string ledger::give_back(void *element)
{
	const auto entry = out_.find(reinterpret_cast<uintptr_t>(element));
	const uint32_t serial = entry->second;
	out_.erase(entry);
	for (size_t i = 0; i < size_bytes_; i++)
		if (static_cast<unsigned char *>(element)[i] != stamp_byte(element, serial, i))
			return "byte " + std::to_string(i) + " of it changed while it was out";
	return "";
}

} // namespace model

// SPDX-License-Identifier: MIT
//
// creation_cost.cpp - what a resident reserve costs to make: a pool of 100,000
// elements of 256 bytes against mmap() and mlock() of as many bytes, by turns in
// one run. Prints both medians and their ratio, which is to be 3 at most; fails
// above twice that, as machines differ, and only where memory may be locked.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <mempool/mempool-certificate.h>
#include <mempool/mempool.h>
#include <sys/mman.h>
#include <vector>

namespace {

constexpr int elements = 100000;
constexpr size_t element_bytes = 256;
constexpr int rounds = 11;
constexpr double promised_ratio = 3;
constexpr double failing_ratio = 2 * promised_ratio;

using clock = std::chrono::steady_clock;

double ms_since(clock::time_point start)
{
	return std::chrono::duration<double, std::milli>(clock::now() - start).count();
}

double median(std::vector<double> values)
{
	std::sort(values.begin(), values.end());
	return values[values.size() / 2];
}

/// Milliseconds; negative when the memory cannot be had or locked.
double map_and_lock()
{
	const auto start = clock::now();
	void *memory =
		mmap(nullptr, elements * element_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return -1;
	const bool locked = mlock(memory, elements * element_bytes) == 0;
	const double took_ms = ms_since(start);
	munmap(memory, elements * element_bytes);
	return locked ? took_ms : -1;
}

/// As above; a pool that is not guaranteed is none.
double make_pool(kmem_cache *cache)
{
	const auto start = clock::now();
	mempool_t *pool = mempool_create_slab_pool(elements, cache);
	const double took_ms = ms_since(start);
	if (pool == nullptr)
		return -1;
	mempool_cert cert{};
	cert.size = sizeof(cert);
	const bool guaranteed = mempool_certificate(pool, &cert) == 0 && cert.guaranteed != 0;
	mempool_destroy(pool);
	return guaranteed ? took_ms : -1;
}

} // namespace

int main()
{
	kmem_cache *cache = kmem_cache_create("creation_cost", element_bytes, 0, 0, nullptr);
	std::vector<double> plain_ms;
	std::vector<double> pool_ms;
	for (int i = 0; i < rounds; i++) {
		plain_ms.push_back(map_and_lock());
		pool_ms.push_back(make_pool(cache));
		if (plain_ms.back() < 0) {
			printf("creation_cost: skipped: 25 MB cannot be locked here\n");
			return 77;
		}
		if (pool_ms.back() < 0) {
			fprintf(stderr, "creation_cost: there is no pool, or its reserve is not guaranteed\n");
			return 1;
		}
	}
	const double ratio = median(pool_ms) / median(plain_ms);
	printf("creation_cost: %d x %zu bytes: pool %.2f ms, mmap and mlock %.2f ms (medians of %d): ratio %.2f, "
	       "to be %.0f at most\n",
	       elements, element_bytes, median(pool_ms), median(plain_ms), rounds, ratio, promised_ratio);
	kmem_cache_destroy(cache);
	return ratio <= failing_ratio ? 0 : 1;
}

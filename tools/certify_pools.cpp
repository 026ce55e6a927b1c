// SPDX-License-Identifier: MIT
//
// certify_pools.cpp - see certify_pools.hpp.
#include "tools/certify_pools.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace certify {
namespace {

[[noreturn]] void fail(const char *what)
{
	throw std::system_error(errno, std::generic_category(), what);
}

unsigned index_in(const std::vector<std::string> &names, const std::string &name)
{
	return static_cast<unsigned>(std::find(names.begin(), names.end(), name) - names.begin());
}

// What a program has that brings callbacks of its own.
void *own_alloc(gfp_t, void *pool_data)
{
	return malloc(reinterpret_cast<size_t>(pool_data));
}
void own_free(void *element, void *)
{
	free(element);
}

size_t order_for(size_t bytes)
{
	size_t order = 0;
	while ((PAGE_SIZE << order) < bytes)
		order++;
	return order;
}

/// A pool, and the cache behind it where there is one.
class made_pool {
      public:
	made_pool(const options &wanted, const std::string &backing, const std::string &at_fork)
	{
		mempool_attr attr = MEMPOOL_ATTR_INIT;
		const std::string name = "certify, " + backing + ", " + at_fork;
		attr.name = name.c_str();
		attr.residency = index_in(residency_names(), wanted.residency);
		attr.at_fork = index_in(at_fork_names(), at_fork);
		void *size = reinterpret_cast<void *>(wanted.size_bytes); // NOLINT(performance-no-int-to-ptr)
		if (backing == "own") {
			attr.element_size = wanted.size_bytes;
			make(wanted, own_alloc, own_free, size, attr);
		} else if (backing == "kmalloc") {
			make(wanted, mempool_kmalloc, mempool_kfree, size, attr);
		} else if (backing == "kvmalloc") {
			make(wanted, mempool_kvmalloc, mempool_kvfree, size, attr);
		} else if (backing == "pages") {
			make(wanted, mempool_alloc_pages, mempool_free_pages,
			     reinterpret_cast<void *>(
				     order_for(wanted.size_bytes)), // NOLINT(performance-no-int-to-ptr)
			     attr);
		} else {
			make_of_slab(wanted, attr);
		}
	}
	made_pool(const made_pool &) = delete;
	made_pool &operator=(const made_pool &) = delete;
	~made_pool()
	{
		mempool_destroy(pool_);
		kmem_cache_destroy(cache_);
	}

	/// 0, or the errno why there is none.
	int certificate(mempool_cert &cert) const
	{
		cert.size = sizeof(cert);
		return pool_ == nullptr ? error_ : -mempool_certificate(pool_, &cert);
	}

      private:
	void make(const options &wanted, mempool_alloc_t *alloc, mempool_free_t *free, void *pool_data,
		  const mempool_attr &attr)
	{
		pool_ = mempool_create_attr(wanted.min_nr, alloc, free, pool_data, &attr);
		error_ = pool_ == nullptr ? errno : 0;
	}
	void make_of_slab(const options &wanted, const mempool_attr &attr)
	{
		cache_ = kmem_cache_create("certify", static_cast<unsigned>(wanted.size_bytes), 0, 0, nullptr);
		error_ = cache_ == nullptr ? errno : 0;
		if (cache_ != nullptr)
			make(wanted, mempool_alloc_slab, mempool_free_slab, cache_, attr);
	}

	mempool_t *pool_ = nullptr;
	kmem_cache *cache_ = nullptr;
	int error_ = 0;
};

using pools = std::vector<std::unique_ptr<made_pool>>;

std::vector<finding> look_here(const std::vector<finding> &asked, const pools &made, const char *process)
{
	std::vector<finding> found = asked;
	for (size_t i = 0; i < found.size(); i++) {
		found[i].process = process;
		found[i].error = made[i]->certificate(found[i].cert);
	}
	return found;
}

/// What a child sends of each pool.
struct message {
	int error;
	mempool_cert cert;
};

[[noreturn]] void be_child(const std::vector<finding> &asked, const pools &made, int answers, int parent_done)
{
	for (const finding &f : look_here(asked, made, "child")) {
		const message m = {f.error, f.cert};
		if (write(answers, &m, sizeof(m)) != ssize_t{sizeof(m)})
			_exit(1);
	}
	char byte = 0; // alive as long as the parent looks at its own
	while (read(parent_done, &byte, 1) < 0 && errno == EINTR) {}
	_exit(0);
}

std::vector<finding> hear_child(const std::vector<finding> &asked, int answers)
{
	std::vector<finding> found = asked;
	for (finding &f : found) {
		message m = {};
		size_t got = 0;
		while (got < sizeof(m)) {
			const ssize_t more = read(answers, reinterpret_cast<char *>(&m) + got, sizeof(m) - got);
			if (more < 0 && errno == EINTR)
				continue;
			if (more <= 0)
				throw std::runtime_error("the child ended before it said what it found");
			got += static_cast<size_t>(more);
		}
		f.process = "child";
		f.error = m.error;
		f.cert = m.cert;
	}
	return found;
}

/// Both sides of a fork, each pool's parent first.
std::vector<finding> look_at_both(const std::vector<finding> &asked, const pools &made)
{
	int answers[2];
	int done[2];
	if (pipe(answers) != 0 || pipe(done) != 0)
		fail("cannot make a pipe");
	const pid_t child = fork();
	if (child < 0)
		fail("cannot fork");
	if (child == 0) {
		close(done[1]);
		be_child(asked, made, answers[1], done[0]);
	}
	close(answers[1]);
	close(done[0]);
	const std::vector<finding> theirs = hear_child(asked, answers[0]);
	const std::vector<finding> ours = look_here(asked, made, "parent");
	close(done[1]);
	close(answers[0]);
	while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {}
	std::vector<finding> both;
	for (size_t i = 0; i < asked.size(); i++) {
		both.push_back(ours[i]);
		both.push_back(theirs[i]);
	}
	return both;
}

} // namespace

bool finding::left_out() const
{
	constexpr unsigned of_no_reserve = MEMPOOL_DOUBT_CHILD | MEMPOOL_DOUBT_LEVEL;
	return error == 0 && process == "child" && (cert.doubts & MEMPOOL_DOUBT_CHILD) != 0 &&
	       (cert.doubts & ~of_no_reserve) == 0;
}

std::vector<finding> look(const options &wanted)
{
	const auto &backings = wanted.backings.empty() ? backing_names() : wanted.backings;
	const auto &modes = wanted.at_fork.empty() ? at_fork_names() : wanted.at_fork;
	std::vector<finding> asked;
	pools made;
	for (const std::string &backing : backings) {
		for (const std::string &mode : modes) {
			finding f;
			f.backing = backing;
			f.at_fork = mode;
			// Only a reserve of the pool's own memory can be kept out of a child.
			if (mode != "copy" && (backing == "own" || wanted.residency == "none"))
				continue;
			asked.push_back(f);
			made.push_back(std::make_unique<made_pool>(wanted, backing, mode));
		}
	}
	return wanted.fork ? look_at_both(asked, made) : look_here(asked, made, "");
}

} // namespace certify

// SPDX-License-Identifier: MIT
//
// refill_first.cpp - a freed element fills the reserve, whichever it is; and what
// a reserve of the pool's own memory makes of that.
#include "tools/lab/lessons.hpp"
#include "tools/lab_stage.hpp"

#include <mempool/fault-inject.h>
#include <mempool/mempool-certificate.h>
#include <stdexcept>

namespace lab {
namespace {

mempool_cert certificate_of(const pool &p)
{
	mempool_cert cert = {};
	cert.size = sizeof(cert);
	mempool_certificate(p.get(), &cert);
	return cert;
}

pool &make_slab_pool(stage &s)
{
	kmem_cache *cache = kmem_cache_create("lab-requests", 128, 0, 0, nullptr);
	if (cache == nullptr)
		throw std::runtime_error("the cache cannot be made");
	s.at_end([cache] { kmem_cache_destroy(cache); });
	mempool_attr attr = MEMPOOL_ATTR_INIT;
	attr.name = "slab-requests";
	attr.store = MEMPOOL_STORE_LOCKED;
	return s.adopt_pool(mempool_create_attr(2, mempool_alloc_slab, mempool_free_slab, cache, &attr));
}

void any_element_will_do(stage &s, actor &writer, scripted_backing &backing, pool &requests)
{
	s.begin("One of the backing's, one of the reserve's", R"(
The writer gets an element while the backing works, and another when it does not: that one is the
reserve's newest.)");
	s.cite(10);
	void *theirs = s.alloc(writer, requests, GFP_KERNEL);
	backing.fails();
	void *ours = s.alloc(writer, requests, GFP_KERNEL);
	s.claim("first the backing's, then the reserve's", "e3 e2", s.name(theirs) + " " + s.name(ours));

	s.begin("The first to come home fills the gap", R"(
The backing's element is freed first. The reserve lacks one, so it stays, though it never was
there before, and though the backing works again. Refill comes first: the next emergency may be
near.)");
	backing.works();
	s.cite(21).show(anchor::give_back).show(anchor::give_entry);
	s.free(writer, requests, theirs);
	s.claim("it enters the reserve", "free reserve_give", s.story(writer));
	s.claim("which is full", 2, requests.level());

	s.begin("The one that was reserved finds no room", R"(
What was in reserve at first comes back second, and goes to the backing. An element is as good as
another: a pool counts them, it does not know them.)");
	s.cite(21);
	s.free(writer, requests, ours);
	s.claim("it goes to the backing", "free backing_free", s.story(writer));
	s.claim("the reserve is as full as before", 2, requests.level());
}

void guests(stage &s, actor &writer, pool &requests)
{
	s.begin("A reserve of pinned memory", R"(
In userspace elements are not all alike. With a ready-made backing, here a slab cache, this library
makes the reserve of memory of its own, which is in RAM and locked: touching it can never fail. An
ordinary object of the cache is not like that. So what about refill first?)");
	s.cite("The reserve of a ready-made backing is the pool's own memory, pinned.").show(anchor::settle_spares);
	s.claim("both elements are the pool's own", 2, certificate_of(requests).pinned);

	s.begin("A guest stands in", R"(
Again one element of the backing's and one of the reserve's are taken (an injected fault plays the
failing backing), and the backing's comes back first. The rule holds: it is taken in. But it is marked
as a guest, and the certificate counts it.)");
	s.cite(21).show(anchor::give_entry);
	void *guest = s.alloc(writer, requests, GFP_KERNEL);
	mempool_fault_apply(0, "fail_mempool_alloc@slab-requests:probability=100,times=1,verbose=0", nullptr);
	void *own = s.alloc(writer, requests, GFP_KERNEL);
	mempool_fault_apply(0, "off", nullptr);
	s.free(writer, requests, guest);
	s.claim("the reserve adopted it", 1, s.count("adopt"));
	s.claim("the level is 2", 2, requests.level());
	mempool_cert cert = certificate_of(requests);
	s.claim("pinned in the reserve, out, and adopted", "1 1 1",
		std::to_string(cert.pinned) + " " + std::to_string(cert.pinned_out) + " " +
			std::to_string(cert.adopted_resident + cert.adopted_unknown));

	s.begin("Whose element comes back", R"(
Now the pool's own comes home. The reserve is full, and the kernel would hand it to the backing. Ours
takes it in, and sends the guest away instead: the reserve is pinned again, every byte of it.)");
	s.cite(21).cite("What is the pool's own always comes home; a guest in its place goes to the backing.");
	s.show(anchor::bring_home);
	s.free(writer, requests, own);
	s.claim("it took the guest's place", "free replace backing_free", s.story(writer));
	cert = certificate_of(requests);
	s.claim("pinned in the reserve, out, and adopted", "2 0 0",
		std::to_string(cert.pinned) + " " + std::to_string(cert.pinned_out) + " " +
			std::to_string(cert.adopted_resident + cert.adopted_unknown));
}

} // namespace

void refill_first(stage &s)
{
	scripted_backing &backing = s.make_backing();
	actor &writer = s.thread("writer");
	s.begin("Two in reserve", R"(
When an element is freed there are two places for it: the reserve, and the backing. The rule is
short: the reserve first, while it is not full.)");
	pool &requests = s.make_pool("requests", 2, backing);
	s.claim("the reserve is full", 2, requests.level());
	any_element_will_do(s, writer, backing, requests);
	s.begin("A pool of a slab cache", R"(
The same once more, with a pool that makes its elements from a slab cache.)");
	pool &slab = make_slab_pool(s);
	s.claim("two in reserve", 2, slab.level());
	guests(s, writer, slab);
}

} // namespace lab

// SPDX-License-Identifier: MIT
//
// rseq_stack.hpp - a bare stack of pointers for each CPU, pushed and popped by
// restartable sequences: the least that a per-CPU allocator can cost.
//
// Owner: one rseq_stacks object. push/pop: any threads together, each on its
// own CPU's stack. It is a limit, not an allocator: an element freed on another
// CPU stays there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#if defined(__x86_64__) && defined(__GLIBC__) && __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#define BENCH_HAVE_RSEQ 1
#else
#define BENCH_HAVE_RSEQ 0
#endif

namespace bench {

#if BENCH_HAVE_RSEQ

/// Did glibc register this process's threads?
inline bool rseq_works()
{
	return __rseq_size != 0;
}

class rseq_stacks {
      public:
	rseq_stacks(unsigned cpus, size_t capacity)
		: cpus_(cpus), capacity_(capacity), stride_((8 * (capacity + 1) + 255) / 128 * 128),
		  base_(static_cast<char *>(aligned_alloc(128, stride_ * cpus)))
	{
		if (base_ == nullptr)
			abort();
		for (unsigned i = 0; i < cpus; i++)
			*reinterpret_cast<uint64_t *>(base_ + i * stride_) = 0;
	}
	rseq_stacks(const rseq_stacks &) = delete;
	rseq_stacks &operator=(const rseq_stacks &) = delete;
	~rseq_stacks() { free(base_); }

	/// Before any thread pushes or pops.
	void preload(unsigned cpu, void *element)
	{
		auto *words = reinterpret_cast<uint64_t *>(base_ + cpu * stride_);
		words[++words[0]] = reinterpret_cast<uint64_t>(element);
	}
	unsigned cpus() const { return cpus_; }

	/// The newest element of this CPU's stack, or NULL.
	[[gnu::always_inline]] void *pop()
	{
		void *element;
		// The descriptor is written first; the kernel looks at it only when it preempts us between 1 and 2, and
		// then continues at 4, which the signature must precede. The store before 2 commits.
		asm volatile(".pushsection __rseq_cs, \"aw\"\n\t.balign 32\n"
			     "3:\t.long 0, 0\n\t.quad 1f, (2f - 1f), 4f\n\t.popsection\n"
			     "0:\tleaq 3b(%%rip), %%rax\n\tmovq %%rax, %%fs:8(%[area])\n"
			     "1:\tmovl %%fs:4(%[area]), %%ecx\n\timulq %[stride], %%rcx\n\taddq %[base], %%rcx\n"
			     "\tmovq (%%rcx), %%rax\n\txorl %k[element], %k[element]\n\ttestq %%rax, %%rax\n\tjz 2f\n"
			     "\tmovq (%%rcx, %%rax, 8), %[element]\n\tdecq %%rax\n\tmovq %%rax, (%%rcx)\n"
			     "2:\n\t.pushsection .text.rseq_abort, \"ax\"\n"
			     "\t.byte 0x0f, 0xb9, 0x3d\n\t.long 0x53053053\n4:\tjmp 0b\n\t.popsection\n"
			     : [element] "=&r"(element)
			     : [area] "r"(__rseq_offset), [stride] "r"(stride_), [base] "r"(base_)
			     : "rax", "rcx", "memory", "cc");
		return element;
	}

	/// False when this CPU's stack is full.
	[[gnu::always_inline]] bool push(void *element)
	{
		uint64_t pushed;
		asm volatile(
			".pushsection __rseq_cs, \"aw\"\n\t.balign 32\n"
			"3:\t.long 0, 0\n\t.quad 1f, (2f - 1f), 4f\n\t.popsection\n"
			"0:\tleaq 3b(%%rip), %%rax\n\tmovq %%rax, %%fs:8(%[area])\n"
			"1:\tmovl %%fs:4(%[area]), %%ecx\n\timulq %[stride], %%rcx\n\taddq %[base], %%rcx\n"
			"\tmovq (%%rcx), %%rax\n\txorl %k[pushed], %k[pushed]\n\tcmpq %[capacity], %%rax\n\tjae 2f\n"
			"\tmovq %[element], 8(%%rcx, %%rax, 8)\n\tmovl $1, %k[pushed]\n\tincq %%rax\n"
			"\tmovq %%rax, (%%rcx)\n"
			"2:\n\t.pushsection .text.rseq_abort, \"ax\"\n"
			"\t.byte 0x0f, 0xb9, 0x3d\n\t.long 0x53053053\n4:\tjmp 0b\n\t.popsection\n"
			: [pushed] "=&r"(pushed)
			: [area] "r"(__rseq_offset), [stride] "r"(stride_), [base] "r"(base_),
			  [capacity] "r"(capacity_), [element] "r"(element)
			: "rax", "rcx", "memory", "cc");
		return pushed != 0;
	}

      private:
	unsigned cpus_;
	size_t capacity_;
	size_t stride_; // bytes from one CPU's stack to the next
	char *base_;
};

#else

/// Elsewhere there is no such limit to show.
inline bool rseq_works()
{
	return false;
}

class rseq_stacks {
      public:
	rseq_stacks(unsigned, size_t) {}
	void preload(unsigned, void *) {}
	static unsigned cpus() { return 0; }
	static void *pop() { return nullptr; }
	static bool push(void *) { return false; }
};

#endif

} // namespace bench

// SPDX-License-Identifier: MIT
//
// rseq_x86_64.hpp - the sections in assembly. See rseq.hpp.
//
// A section in the words of the kernel's ABI: a descriptor gives its first byte
// (1), its length (to 2), and where to go when it is cut short (4); the thread's
// area points to the descriptor from 1 on; a signature stands before 4, so that
// nobody can send a thread elsewhere. Cut short, it starts over at 0. The last
// instruction before 2 is the commit: before it nothing that others see has
// changed. 5 is where a section goes that does not want to commit; where the
// carry flag is the answer, it comes there with carry clear, and from a commit
// with carry set. The "?" makes
// descriptor and abort code go with the function that they belong to, when the
// linker drops one of several copies of it.
//
// tests/cmocka/rseq_stretched.hpp tells of a test that includes this with other definitions of the first
// two macros below, so the functions must never exist out of line.
#pragma once

#include "reserve/base/rseq_stack.hpp"

// clang-format off
#ifndef MP_RSEQ_ARM
#define MP_RSEQ_ARM "\tmovq %[cpu], %%fs:8(%[area])\n"
#define MP_RSEQ_STRETCH
#endif
#define MP_RSEQ_BEGIN                                                   \
	".pushsection __rseq_cs, \"aw?\"\n\t.balign 32\n"                \
	"3:\n\t.long 0, 0\n\t.quad 1f, 2f - 1f, 4f\n\t.popsection\n"    \
	"0:\n\tleaq 3b(%%rip), %[cpu]\n" MP_RSEQ_ARM                    \
	"1:\n\tmovl %%fs:4(%[area]), %k[cpu]\n" /* 2^32 - 1 where it is not known */
#define MP_RSEQ_END                                                     \
	"\t.pushsection __rseq_abort, \"ax?\"\n"                         \
	"\t.byte 0x0f, 0xb9, 0x3d\n\t.long 0x53053053\n"                \
	"4:\n\tjmp 0b\n\t.popsection\n"
// The address of this CPU's part.
#define MP_RSEQ_MY_CPU                                                  \
	"\tcmpq %[count], %[cpu]\n\tjae 5f\n"                           \
	"\tshlq $6, %[cpu]\n\taddq %[base], %[cpu]\n"

namespace mp::base {

static_assert(offsetof(rseq_stack, capacity) == 8 && offsetof(rseq_stack, entries) == 16 && rseq_cpu_shift == 6);

/// The CPU as the kernel left it in the thread's area; above 2^31 where it is
/// not known, which it never is where sections are not to be had.
[[gnu::always_inline]] inline unsigned rseq_cpu()
{
	unsigned cpu;
	asm volatile("movl %%fs:4(%[area]), %[cpu]" : [cpu] "=r"(cpu) : [area] "r"(__rseq_offset));
	return cpu;
}

/// Adds to the counter at memory + CPU * 2^shift. False, and nothing is done,
/// where the CPU has no number below `cpus`, or has none at all.
[[gnu::always_inline]] inline bool rseq_add(void *memory, unsigned shift, unsigned cpus, uint64_t n)
{
	uint64_t cpu;
	bool done;
	asm volatile(MP_RSEQ_BEGIN
		     "\tcmpl %[cpus], %k[cpu]\n\tjae 5f\n"
		     "\tshlq %[shift], %[cpu]\n"
		     MP_RSEQ_STRETCH "\taddq %[n], (%[memory],%[cpu])\n"
		     "2:\n\tstc\n"
		     "5:\n" MP_RSEQ_END
		     : [cpu] "=&r"(cpu), "=@ccc"(done)
		     : [area] "r"(__rseq_offset), [cpus] "rm"(cpus), [memory] "r"(memory), [n] "er"(n), [shift] "ci"(uint8_t(shift))
		     : "memory");
	return done;
}

// Not by `asm goto`: g++ 12 takes wrong values for outputs on some of its edges.
// The word is read whole, and written by an instruction of its own: to read a
// part of what was just written, or to add to memory, takes batches a third longer.

/// The newest entry of this CPU's stack; nullptr when it has none.
[[gnu::always_inline]] inline void *rseq_pop(const rseq_cpus &cpus)
{
	uint64_t stack;
	uint64_t word;
	uint64_t index;
	void *entry;
	asm volatile(MP_RSEQ_BEGIN
		     "\txorl %k[entry], %k[entry]\n" MP_RSEQ_MY_CPU
		     "\tmovq (%[cpu]), %[cpu]\n" // the stack
		     "\tmovq (%[cpu]), %[word]\n\tmovzwl %w[word], %k[index]\n"
		     "\ttestl %k[index], %k[index]\n\tjz 5f\n"
		     "\tmovq 8(%[cpu],%[index],8), %[entry]\n"
		     "\taddq $0xffff, %[word]\n" // one less there, one more popped
		     MP_RSEQ_STRETCH "\tmovq %[word], (%[cpu])\n"
		     "2:\n5:\n" MP_RSEQ_END
		     : [cpu] "=&r"(stack), [word] "=&r"(word), [index] "=&r"(index), [entry] "=&a"(entry)
		     : [area] "r"(__rseq_offset), [count] "m"(cpus.count), [base] "m"(cpus.base)
		     : "memory");
	return entry;
}

/// Puts an entry on this CPU's stack; false when it is full.
[[gnu::always_inline]] inline bool rseq_push(const rseq_cpus &cpus, void *entry)
{
	uint64_t stack;
	uint64_t word;
	uint64_t index;
	bool done;
	asm volatile(MP_RSEQ_BEGIN MP_RSEQ_MY_CPU
		     "\tmovq (%[cpu]), %[cpu]\n" // the stack
		     "\tmovq (%[cpu]), %[word]\n\tmovzwl %w[word], %k[index]\n"
		     "\tcmpq 8(%[cpu]), %[index]\n\tjae 5f\n"
		     "\tmovq %[entry], 16(%[cpu],%[index],8)\n" // beyond the count: nobody looks there
		     "\taddq $1, %[word]\n"
		     MP_RSEQ_STRETCH "\tmovq %[word], (%[cpu])\n"
		     "2:\n\tstc\n"
		     "5:\n" MP_RSEQ_END
		     : [cpu] "=&r"(stack), [word] "=&r"(word), [index] "=&r"(index), "=@ccc"(done)
		     : [area] "r"(__rseq_offset), [count] "m"(cpus.count), [base] "m"(cpus.base), [entry] "r"(entry)
		     : "memory");
	return done;
}

/// Makes this CPU's spare stack its main one if that has entries (`for_pop`),
/// or room.
template <bool for_pop> [[gnu::always_inline]] inline bool rseq_swap(const rseq_cpus &cpus)
{
	uint64_t cpu;
	uint64_t spare;
	uint64_t tmp;
	bool done;
#define MP_RSEQ_SPARE                                                   \
	"\tmovq 8(%[cpu]), %[spare]\n\tmovq (%[cpu]), %[tmp]\n"        \
	"\tcmpq %[spare], %[tmp]\n\tcmoveq 16(%[cpu]), %[spare]\n"     \
	"\ttestq %[spare], %[spare]\n\tjz 5f\n"                        \
	"\tmovzwl (%[spare]), %k[tmp]\n"
#define MP_RSEQ_SWAP                                                    \
	MP_RSEQ_STRETCH "\tmovq %[spare], (%[cpu])\n"                   \
	"2:\n\tstc\n"                                                   \
	"5:\n" MP_RSEQ_END
	if constexpr (for_pop)
		asm volatile(MP_RSEQ_BEGIN MP_RSEQ_MY_CPU MP_RSEQ_SPARE
			     "\ttestl %k[tmp], %k[tmp]\n\tjz 5f\n" MP_RSEQ_SWAP
			     : [cpu] "=&r"(cpu), [spare] "=&r"(spare), [tmp] "=&r"(tmp), "=@ccc"(done)
			     : [area] "r"(__rseq_offset), [count] "m"(cpus.count), [base] "m"(cpus.base)
			     : "memory");
	else
		asm volatile(MP_RSEQ_BEGIN MP_RSEQ_MY_CPU MP_RSEQ_SPARE
			     "\tcmpq 8(%[spare]), %[tmp]\n\tjae 5f\n" MP_RSEQ_SWAP
			     : [cpu] "=&r"(cpu), [spare] "=&r"(spare), [tmp] "=&r"(tmp), "=@ccc"(done)
			     : [area] "r"(__rseq_offset), [count] "m"(cpus.count), [base] "m"(cpus.base)
			     : "memory");
#undef MP_RSEQ_SPARE
#undef MP_RSEQ_SWAP
	return done;
}

/// Stores `desired` into the pointer at `offset` of this CPU's part, where that
/// is `expected` and not the main stack, and the base is still `base`.
[[gnu::always_inline]] inline bool rseq_replace(const rseq_cpus &cpus, size_t offset, const void *base, const void *expected,
			 const void *desired)
{
	uint64_t cpu;
	uint64_t done = 0;
	asm volatile(MP_RSEQ_BEGIN
		     "\tcmpq %[base], %[expected_base]\n\tjne 5f\n" MP_RSEQ_MY_CPU
		     "\tcmpq %[expected], (%[cpu],%[offset])\n\tjne 5f\n"
		     "\tcmpq %[expected], (%[cpu])\n\tje 5f\n"
		     MP_RSEQ_STRETCH "\tmovq %[desired], (%[cpu],%[offset])\n"
		     "2:\n\tmovl $1, %k[done]\n"
		     "5:\n" MP_RSEQ_END
		     : [cpu] "=&r"(cpu), [done] "+r"(done)
		     : [area] "r"(__rseq_offset), [count] "m"(cpus.count), [base] "m"(cpus.base),
		       [expected_base] "r"(base), [offset] "r"(offset), [expected] "r"(expected), [desired] "r"(desired)
		     : "memory", "cc");
	return done != 0;
}

} // namespace mp::base
// clang-format on

#undef MP_RSEQ_BEGIN
#undef MP_RSEQ_END
#undef MP_RSEQ_MY_CPU

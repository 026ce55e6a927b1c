// SPDX-License-Identifier: MIT
//
// rseq_aarch64.hpp - the sections in assembly. See rseq.hpp, and
// rseq_x86_64.hpp for what the labels mean.
#pragma once

#include "reserve/base/rseq_stack.hpp"

// clang-format off
#ifndef MP_RSEQ_ARM
#define MP_RSEQ_ARM "\tstr %[cpu], [%[area], #8]\n"
#define MP_RSEQ_STRETCH
#endif
#define MP_RSEQ_BEGIN                                                   \
	".pushsection __rseq_cs, \"aw?\"\n\t.balign 32\n"                \
	"3:\n\t.long 0, 0\n\t.quad 1f, 2f - 1f, 4f\n\t.popsection\n"    \
	"0:\n\tadrp %[cpu], 3b\n\tadd %[cpu], %[cpu], :lo12:3b\n" MP_RSEQ_ARM \
	"1:\n\tldr %w[cpu], [%[area], #4]\n"
#define MP_RSEQ_END                                                     \
	"\t.pushsection __rseq_abort, \"ax?\"\n\t.inst 0xd428bc00\n"     \
	"4:\n\tb 0b\n\t.popsection\n"
// The address of this CPU's part.
#define MP_RSEQ_MY_CPU                                                  \
	"\tldr %[tmp], %[count]\n\tcmp %[cpu], %[tmp]\n\tb.hs 5f\n"     \
	"\tldr %[tmp], %[base]\n\tadd %[cpu], %[tmp], %[cpu], lsl #6\n"

namespace mp::base {

static_assert(offsetof(rseq_stack, capacity) == 8 && offsetof(rseq_stack, entries) == 16 && rseq_cpu_shift == 6);

[[gnu::always_inline]] inline char *rseq_area()
{
	return static_cast<char *>(__builtin_thread_pointer()) + __rseq_offset;
}

[[gnu::always_inline]] inline unsigned rseq_cpu()
{
	unsigned cpu;
	asm volatile("ldr %w[cpu], [%[area], #4]" : [cpu] "=r"(cpu) : [area] "r"(rseq_area()));
	return cpu;
}

[[gnu::always_inline]] inline bool rseq_add(void *memory, unsigned shift, unsigned cpus, uint64_t n)
{
	uint64_t cpu;
	uint64_t tmp;
	uint64_t done = 0;
	asm volatile(MP_RSEQ_BEGIN
		     "\tcmp %w[cpu], %w[cpus]\n\tb.hs 5f\n"
		     "\tlsl %[cpu], %[cpu], %[shift]\n\tadd %[cpu], %[cpu], %[memory]\n"
		     "\tldr %[tmp], [%[cpu]]\n\tadd %[tmp], %[tmp], %[n]\n"
		     MP_RSEQ_STRETCH "\tstr %[tmp], [%[cpu]]\n"
		     "2:\n\tmov %[done], #1\n"
		     "5:\n" MP_RSEQ_END
		     : [cpu] "=&r"(cpu), [tmp] "=&r"(tmp), [done] "+r"(done)
		     : [area] "r"(rseq_area()), [cpus] "r"(cpus), [memory] "r"(memory), [n] "r"(n),
		       [shift] "r"(uint64_t{shift})
		     : "memory", "cc");
	return done != 0;
}

[[gnu::always_inline]] inline void *rseq_pop(const rseq_cpus &cpus)
{
	uint64_t cpu;
	uint64_t tmp;
	uint64_t word;
	void *entry;
	void *result = nullptr;
	asm volatile(MP_RSEQ_BEGIN MP_RSEQ_MY_CPU
		     "\tldr %[cpu], [%[cpu]]\n" // the stack
		     "\tldr %[word], [%[cpu]]\n"
		     "\tands %[tmp], %[word], #0xffff\n\tb.eq 5f\n"
		     "\tadd %[tmp], %[cpu], %[tmp], lsl #3\n\tldr %[entry], [%[tmp], #8]\n"
		     "\tmov %[tmp], #0xffff\n\tadd %[word], %[word], %[tmp]\n" // one less there, one more popped
		     MP_RSEQ_STRETCH "\tstr %[word], [%[cpu]]\n"
		     "2:\n\tmov %[result], %[entry]\n"
		     "5:\n" MP_RSEQ_END
		     : [cpu] "=&r"(cpu), [tmp] "=&r"(tmp), [word] "=&r"(word), [entry] "=&r"(entry),
		       [result] "+r"(result)
		     : [area] "r"(rseq_area()), [count] "m"(cpus.count), [base] "m"(cpus.base)
		     : "memory", "cc");
	return result;
}

[[gnu::always_inline]] inline bool rseq_push(const rseq_cpus &cpus, void *entry)
{
	uint64_t cpu;
	uint64_t tmp;
	uint64_t word;
	uint64_t index;
	uint64_t done = 0;
	asm volatile(MP_RSEQ_BEGIN MP_RSEQ_MY_CPU
		     "\tldr %[cpu], [%[cpu]]\n" // the stack
		     "\tldr %[word], [%[cpu]]\n"
		     "\tand %[index], %[word], #0xffff\n"
		     "\tldr %[tmp], [%[cpu], #8]\n\tcmp %[index], %[tmp]\n\tb.hs 5f\n"
		     "\tadd %[tmp], %[cpu], %[index], lsl #3\n"
		     "\tstr %[entry], [%[tmp], #16]\n" // beyond the count: nobody looks there
		     "\tadd %[word], %[word], #1\n"
		     MP_RSEQ_STRETCH "\tstr %[word], [%[cpu]]\n"
		     "2:\n\tmov %[done], #1\n"
		     "5:\n" MP_RSEQ_END
		     : [cpu] "=&r"(cpu), [tmp] "=&r"(tmp), [word] "=&r"(word), [index] "=&r"(index),
		       [done] "+r"(done)
		     : [area] "r"(rseq_area()), [count] "m"(cpus.count), [base] "m"(cpus.base), [entry] "r"(entry)
		     : "memory", "cc");
	return done != 0;
}

/// See rseq_x86_64.hpp.
template <bool for_pop> [[gnu::always_inline]] inline bool rseq_swap(const rseq_cpus &cpus)
{
	uint64_t cpu;
	uint64_t tmp;
	uint64_t spare;
	uint64_t other;
	uint64_t done = 0;
#define MP_RSEQ_SPARE                                                   \
	"\tldr %[tmp], [%[cpu]]\n\tldp %[spare], %[other], [%[cpu], #8]\n" \
	"\tcmp %[spare], %[tmp]\n\tcsel %[spare], %[other], %[spare], eq\n" \
	"\tcbz %[spare], 5f\n\tldrh %w[tmp], [%[spare]]\n"
#define MP_RSEQ_SWAP                                                    \
	MP_RSEQ_STRETCH "\tstr %[spare], [%[cpu]]\n"                    \
	"2:\n\tmov %[done], #1\n"                                       \
	"5:\n" MP_RSEQ_END
	if constexpr (for_pop)
		asm volatile(MP_RSEQ_BEGIN MP_RSEQ_MY_CPU MP_RSEQ_SPARE "\tcbz %w[tmp], 5f\n" MP_RSEQ_SWAP
			     : [cpu] "=&r"(cpu), [tmp] "=&r"(tmp), [spare] "=&r"(spare), [other] "=&r"(other),
			       [done] "+r"(done)
			     : [area] "r"(rseq_area()), [count] "m"(cpus.count), [base] "m"(cpus.base)
			     : "memory", "cc");
	else
		asm volatile(MP_RSEQ_BEGIN MP_RSEQ_MY_CPU MP_RSEQ_SPARE
			     "\tldr %[other], [%[spare], #8]\n\tcmp %[tmp], %[other]\n\tb.hs 5f\n" MP_RSEQ_SWAP
			     : [cpu] "=&r"(cpu), [tmp] "=&r"(tmp), [spare] "=&r"(spare), [other] "=&r"(other),
			       [done] "+r"(done)
			     : [area] "r"(rseq_area()), [count] "m"(cpus.count), [base] "m"(cpus.base)
			     : "memory", "cc");
#undef MP_RSEQ_SPARE
#undef MP_RSEQ_SWAP
	return done != 0;
}

[[gnu::always_inline]] inline bool rseq_replace(const rseq_cpus &cpus, size_t offset, const void *base, const void *expected,
			 const void *desired)
{
	uint64_t cpu;
	uint64_t tmp;
	uint64_t done = 0;
	asm volatile(MP_RSEQ_BEGIN
		     "\tldr %[tmp], %[base]\n\tcmp %[tmp], %[expected_base]\n\tb.ne 5f\n" MP_RSEQ_MY_CPU
		     "\tldr %[tmp], [%[cpu], %[offset]]\n\tcmp %[tmp], %[expected]\n\tb.ne 5f\n"
		     "\tldr %[tmp], [%[cpu]]\n\tcmp %[tmp], %[expected]\n\tb.eq 5f\n"
		     MP_RSEQ_STRETCH "\tstr %[desired], [%[cpu], %[offset]]\n"
		     "2:\n\tmov %[done], #1\n"
		     "5:\n" MP_RSEQ_END
		     : [cpu] "=&r"(cpu), [tmp] "=&r"(tmp), [done] "+r"(done)
		     : [area] "r"(rseq_area()), [count] "m"(cpus.count), [base] "m"(cpus.base),
		       [expected_base] "r"(base), [offset] "r"(offset), [expected] "r"(expected), [desired] "r"(desired)
		     : "memory", "cc");
	return done != 0;
}

} // namespace mp::base
// clang-format on

#undef MP_RSEQ_BEGIN
#undef MP_RSEQ_END
#undef MP_RSEQ_MY_CPU

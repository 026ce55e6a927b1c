// SPDX-License-Identifier: MIT
//
// platform.hpp - what this build is for, as one macro each.
#pragma once

#if defined(__SANITIZE_THREAD__)
#define MP_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MP_TSAN 1
#endif
#endif
#ifndef MP_TSAN
#define MP_TSAN 0
#endif

// A bit that no address of a program has set: aarch64 ignores those above 55
// (top-byte tags live there), other processors have the whole upper half free.
#if defined(__aarch64__)
#define MP_MARK_SHIFT 55
#elif __SIZEOF_POINTER__ == 8
#define MP_MARK_SHIFT 63
#else
#error "entries of the lock-free store need addresses of 64 bits"
#endif

// glibc 2.35 and later register restartable sequences. ThreadSanitizer does not
// see into them, so its builds do without.
#if (defined(__x86_64__) || defined(__aarch64__)) && __has_include(<sys/rseq.h>) && !MP_TSAN
#define MP_RSEQ 1
#else
#define MP_RSEQ 0
#endif

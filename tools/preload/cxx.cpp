// SPDX-License-Identifier: MIT
//
// cxx.cpp - see cxx.hpp.
#include "tools/preload/cxx.hpp"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <dlfcn.h>
#include <link.h>
#include <unistd.h>

namespace mp::preload {
namespace {

constexpr auto relaxed = std::memory_order_relaxed;
static_assert(sizeof(size_t) == sizeof(unsigned long), "the names below have size_t as m, unsigned long");

/// Of libstdc++, libc++ and their kin all.
constexpr const char *libraries[] = {"libstdc++.so.6", "libc++.so.1", "libc++abi.so.1"};

bool is_ours(const void *at)
{
	return code_around(&replaced).has(reinterpret_cast<uintptr_t>(at));
}

template <class Function> void find_replaced(Function *&into, const char *name)
{
	void *first = dlsym(RTLD_DEFAULT, name);
	into = first == nullptr || is_ours(first) ? nullptr : reinterpret_cast<Function *>(first);
}

template <class Function> void find_replaced(two_forms<Function> &into, const char *plain, const char *array)
{
	find_replaced(into.plain, plain);
	find_replaced(into.array, array);
	if (into.array == nullptr)
		into.array = into.plain;
}

template <class Function> void find_next(two_forms<Function> &into, const char *plain, const char *array)
{
	into.plain = reinterpret_cast<Function *>(dlsym(RTLD_NEXT, plain));
	into.array = reinterpret_cast<Function *>(dlsym(RTLD_NEXT, array));
	sanitizer.complete = sanitizer.complete && into.plain != nullptr && into.array != nullptr;
}

/// A library that is loaded already; nothing is loaded here.
class loaded_library {
      public:
	explicit loaded_library(const char *path, int more_flags = 0)
		: handle_(dlopen(path, RTLD_LAZY | RTLD_NOLOAD | more_flags))
	{
	}
	loaded_library(const loaded_library &) = delete;
	loaded_library &operator=(const loaded_library &) = delete;
	~loaded_library()
	{
		if (handle_ != nullptr)
			dlclose(handle_);
	}

	/// There, or in what it needs.
	void *find(const char *name) const { return handle_ != nullptr ? dlsym(handle_, name) : nullptr; }

      private:
	void *handle_;
};

dl_find_object module_around(const void *at)
{
	dl_find_object found = {};
	if (at == nullptr || _dl_find_object(const_cast<void *>(at), &found) != 0 || found.dlfo_link_map == nullptr)
		return {};
	return found;
}

dl_find_object caller_at(call_site site)
{
	return module_around(reinterpret_cast<void *>(site.pc - 1));
}

const char *library_of_cxx(const void *function)
{
	const dl_find_object found = module_around(function);
	if (found.dlfo_link_map == nullptr)
		return nullptr;
	const std::string_view path = found.dlfo_link_map->l_name;
	const bool is_one =
		path.find("libstdc++.so") != std::string_view::npos || path.find("libc++") != std::string_view::npos;
	return is_one ? path.data() : nullptr;
}

/// As the module sees it that called: a plugin has a C++ library that the program may not have.
void *find_for_caller(const char *name, const dl_find_object &caller)
{
	return caller.dlfo_link_map != nullptr ? loaded_library(caller.dlfo_link_map->l_name).find(name) : nullptr;
}

/// In the order of the loader: what is there for all comes before what the caller brought with it.
void *find_anew(const char *name, const dl_find_object &caller)
{
	void *found = dlsym(RTLD_DEFAULT, name);
	if (found == nullptr)
		found = find_for_caller(name, caller);
	for (size_t i = 0; found == nullptr && i < std::size(libraries); i++)
		found = loaded_library(libraries[i]).find(name);
	return found;
}

/// A function of the C++ library. To ask for it takes the loader's lock, and whoever is in dlopen() may hold that
/// and wait, in a constructor, for a lock of the one who fails: so this is done before, or at least not again.
class library_function {
      public:
	constexpr explicit library_function(const char *name) : name_(name), known_{} {}

	/// What the program begins with stays.
	bool find_at_start()
	{
		void *found = dlsym(RTLD_DEFAULT, name_);
		from_start_.store(found, relaxed);
		return found != nullptr;
	}

	void *find(call_site site)
	{
		if (void *found = from_start_.load(relaxed))
			return found;
		const at_work inside;
		const dl_find_object caller = caller_at(site);
		if (void *found = recall(caller))
			return found;
		void *found = find_anew(name_, caller);
		if (const char *library = library_of_cxx(found))
			remember(caller, found, library);
		return found;
	}

      private:
	struct answer {
		std::atomic<void *> found; // last
		dl_find_object caller;
	};

	void *recall(const dl_find_object &caller) const
	{
		for (const answer &known : known_) {
			// acquire: pairs with the release in remember()
			void *found = known.found.load(std::memory_order_acquire);
			// Another module may come to lie where one was closed.
			if (found != nullptr && known.caller.dlfo_link_map == caller.dlfo_link_map &&
			    known.caller.dlfo_map_start == caller.dlfo_map_start &&
			    known.caller.dlfo_map_end == caller.dlfo_map_end &&
			    known.caller.dlfo_eh_frame == caller.dlfo_eh_frame)
				return found;
		}
		return nullptr;
	}

	void remember(const dl_find_object &caller, void *found, const char *library)
	{
		const size_t index = used_.load(relaxed) < known_.size() ? used_.fetch_add(1, relaxed) : known_.size();
		if (index >= known_.size())
			return;
		const loaded_library stays(library, RTLD_NODELETE);
		known_[index].caller = caller;
		known_[index].found.store(found, std::memory_order_release); // release: pairs with the acquire above
	}

	const char *name_;
	std::atomic<void *> from_start_{nullptr};
	std::atomic<size_t> used_{0};
	std::array<answer, 32> known_; // by the modules that called
};
constinit library_function get_handler("_ZSt15get_new_handlerv");
constinit library_function throw_it("_ZSt17__throw_bad_allocv");

/// A form that catches, as it is in a library of C++ itself: jemalloc and the like have it, too, and call
/// nobody else's.
struct catching_form {
	const char *name;
	std::atomic<void *> found;
};
constinit catching_form catching_plain = {"_ZnwmRKSt9nothrow_t", nullptr};
constinit catching_form catching_array = {"_ZnamRKSt9nothrow_t", nullptr};
constinit catching_form catching_aligned = {"_ZnwmSt11align_val_tRKSt9nothrow_t", nullptr};
constinit catching_form catching_aligned_array = {"_ZnamSt11align_val_tRKSt9nothrow_t", nullptr};

void *find_catching(catching_form &form)
{
	void *found = form.found.load(relaxed);
	if (found != nullptr)
		return found;
	const at_work inside;
	found = dlsym(RTLD_NEXT, form.name);
	if (library_of_cxx(found) == nullptr)
		found = nullptr;
	for (size_t i = 0; found == nullptr && i < std::size(libraries); i++)
		found = loaded_library(libraries[i], RTLD_NODELETE).find(form.name);
	form.found.store(found, relaxed);
	return found;
}

[[noreturn]] void abort_with(std::string_view why)
{
	// There is nobody to tell that stderr is closed.
	static_cast<void>(!write(STDERR_FILENO, why.data(), why.size()));
	abort();
}

} // namespace

void find_next_operators()
{
	find_replaced(replaced.make, "_Znwm", "_Znam");
	find_replaced(replaced.make_aligned, "_ZnwmSt11align_val_t", "_ZnamSt11align_val_t");
	find_replaced(replaced.drop, "_ZdlPv", "_ZdaPv");
	find_replaced(replaced.drop_aligned, "_ZdlPvSt11align_val_t", "_ZdaPvSt11align_val_t");
	if (!next.is_sanitizer)
		return;
	sanitizer.complete = true;
	find_next(sanitizer.make, "_ZnwmRKSt9nothrow_t", "_ZnamRKSt9nothrow_t");
	find_next(sanitizer.make_aligned, "_ZnwmSt11align_val_tRKSt9nothrow_t", "_ZnamSt11align_val_tRKSt9nothrow_t");
	find_next(sanitizer.drop, "_ZdlPv", "_ZdaPv");
	find_next(sanitizer.drop_sized, "_ZdlPvm", "_ZdaPvm");
	find_next(sanitizer.drop_aligned, "_ZdlPvSt11align_val_t", "_ZdaPvSt11align_val_t");
	find_next(sanitizer.drop_aligned_sized, "_ZdlPvmSt11align_val_t", "_ZdaPvmSt11align_val_t");
}

void find_library_of_cxx()
{
	const at_work inside;
	if (!get_handler.find_at_start()) // most likely it is a program in C
		return;
	throw_it.find_at_start();
	if (next.is_sanitizer) // which would report what dlopen() keeps
		return;
	for (catching_form *form : {&catching_plain, &catching_array, &catching_aligned, &catching_aligned_array})
		find_catching(*form);
}

std::new_handler handler_of_program(call_site site)
{
	auto *get = reinterpret_cast<std::new_handler (*)()>(get_handler.find(site));
	return get != nullptr ? get() : nullptr;
}

void throw_bad_alloc(call_site site)
{
	if (auto *thrower = reinterpret_cast<void (*)()>(throw_it.find(site)))
		thrower();
	// A C++ library that is linked into a plugin may lack that. Its own operator new throws when
	// there is no such memory.
	void *other = nullptr;
	{
		const at_work inside;
		other = find_for_caller("_Znwm", caller_at(site));
	}
	if (other != nullptr && !is_ours(other))
		reinterpret_cast<void *(*)(size_t)>(other)(PTRDIFF_MAX);
	abort_with("libmempool-preload: operator new fails, and no std::bad_alloc is there to be thrown; aborted\n");
}

void *make_catching(const request &wanted)
{
	const bool array = wanted.call == call_kind::operator_new_array;
	if (wanted.alignment == 0) {
		using form = void *(size_t, const std::nothrow_t &);
		if (void *found = find_catching(array ? catching_array : catching_plain))
			return reinterpret_cast<form *>(found)(wanted.size, quietly);
		auto *throwing = array ? replaced.make.array : replaced.make.plain;
		return throwing != nullptr ? throwing(wanted.size) : nullptr;
	}
	using form = void *(size_t, std::align_val_t, const std::nothrow_t &);
	const std::align_val_t alignment{wanted.alignment};
	if (void *found = find_catching(array ? catching_aligned_array : catching_aligned))
		return reinterpret_cast<form *>(found)(wanted.size, alignment, quietly);
	auto *throwing = array ? replaced.make_aligned.array : replaced.make_aligned.plain;
	return throwing != nullptr ? throwing(wanted.size, alignment) : nullptr;
}

} // namespace mp::preload

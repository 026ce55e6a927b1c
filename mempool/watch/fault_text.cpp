// SPDX-License-Identifier: MIT
//
// fault_text.cpp - settings of fault points as text; see fault-inject.h for the form.
//
// A text is read twice: the first time nothing is changed, and what is wrong
// ends it there; the second time all is set.
#include "mempool/watch/debug.hpp"
#include "mempool/watch/fault_decision.hpp"
#include "mempool/watch/fault_point.hpp"
#include "mempool/watch/fault_report.hpp"
#include "mempool/watch/fault_table.hpp"

#include "reserve/base/fence.hpp"
#include "reserve/base/report.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/random.h>

namespace mp::watch {
namespace {

/// The attributes by their names, which are the kernel's files' (PAR-37).
struct attribute {
	std::string_view name;
	uint64_t most;   // 0 to this
	bool may_be_all; // -1, which stands for no end
	void (*set)(fault_slot &slot, uint64_t value);
};

template <auto member> void set_word(fault_slot &slot, uint64_t value)
{
	using word = decltype((slot.*member).load());
	(slot.*member).store(static_cast<word>(value), std::memory_order_relaxed);
}

template <uint32_t flag> void set_flag(fault_slot &slot, uint64_t value)
{
	if (value != 0)
		slot.flags.fetch_or(flag, std::memory_order_relaxed);
	else
		slot.flags.fetch_and(~flag, std::memory_order_relaxed);
}

constexpr uint64_t any = UINT64_MAX;
constexpr uint64_t yes_or_no = 1;

constexpr attribute attributes[] = {
	{"probability", 100, false, set_word<&fault_slot::probability>},
	{"interval", UINT32_MAX, false, set_word<&fault_slot::interval>},
	{"times", INT32_MAX, true, set_word<&fault_slot::times>},
	{"space", INT32_MAX, false, set_word<&fault_slot::space>},
	{"verbose", 2, false, set_word<&fault_slot::verbose>},
	{"verbose_ratelimit_interval_ms", UINT32_MAX, false, set_word<&fault_slot::ratelimit_interval_ms>},
	{"verbose_ratelimit_burst", UINT32_MAX, false, set_word<&fault_slot::ratelimit_burst>},
	{"task-filter", yes_or_no, false, set_flag<fault_task_filter>},
	{"stacktrace-depth", 32, false, set_word<&fault_slot::stacktrace_depth>},
	{"require-start", any, false, set_word<&fault_slot::require_start>},
	{"require-end", any, false, set_word<&fault_slot::require_end>},
	{"reject-start", any, false, set_word<&fault_slot::reject_start>},
	{"reject-end", any, false, set_word<&fault_slot::reject_end>},
	{"ignore-gfp-wait", yes_or_no, false, set_flag<fault_ignore_gfp_wait>},
	{"cache-filter", yes_or_no, false, set_flag<fault_cache_filter>},
	{"min-order", 10, false, set_word<&fault_slot::min_order>},
};

// The kernel's short form names these, in this order.
constexpr const attribute *short_form[] = {&attributes[1], &attributes[0], &attributes[3], &attributes[2]};

class reader {
      public:
	reader(fault_table &table, const char *text, mempool_fault_error &error, bool apply)
		: table_(table), text_(text), at_(text), error_(error), apply_(apply)
	{
	}

	/// setting (';' setting)*; empty ones do not matter.
	bool all()
	{
		for (;;) {
			skip(" \t\n;");
			if (*at_ == 0)
				return true;
			if (!one())
				return false;
			skip(" \t");
			if (*at_ != 0 && *at_ != ';' && *at_ != '\n')
				return wrong(at_, "after a setting there is ';' or the end");
		}
	}

	/// The kernel's four numbers, into one slot or nowhere.
	bool four(fault_slot *slot)
	{
		for (const attribute *a : short_form) {
			if (a != short_form[0] && !take(','))
				return wrong(at_, "four numbers are needed: <interval>,<probability>,<space>,<times>");
			if (!value_of(*a, slot, false))
				return false;
		}
		return true;
	}

	bool at_end() const { return *at_ == 0; }
	const char *at() const { return at_; }
	bool wrong(const char *where, const char *why)
	{
		error_.offset = static_cast<size_t>(where - text_);
		snprintf(error_.text, sizeof(error_.text), "%s", why);
		return false;
	}

      private:
	void skip(const char *any_of) { at_ += strspn(at_, any_of); }
	bool take(char c)
	{
		const bool is_it = *at_ == c;
		at_ += is_it ? 1 : 0;
		return is_it;
	}

	bool one()
	{
		const char *start = at_;
		const bool later = take('+'); // a point that the program registers when it comes so far
		std::string_view word;
		if (!name_of_point(word))
			return false;
		if (!later && word == "off")
			return switch_off();
		if (!later && word == "seed")
			return seed();
		fault_slot *slot = nullptr;
		if (!slot_for(start, word, later, slot))
			return false;
		switch (*at_) {
		case '=':
			at_++;
			return four(slot);
		case '.':
			at_++;
			return one_attribute(slot);
		case ':':
			do {
				at_++;
				if (!one_attribute(slot))
					return false;
			} while (*at_ == ',');
			return true;
		default:
			return wrong(at_, "a point's name is followed by '=' and four numbers, or by ':' or '.' and "
					  "attribute=value");
		}
	}

	/// A point's name; in point@"NAME" the quotation marks do not belong to it.
	bool name_of_point(std::string_view &name)
	{
		const char *start = at_;
		at_ += strcspn(at_, "=:. \t\n;,\"");
		name = {start, static_cast<size_t>(at_ - start)};
		if (*at_ != '"')
			return true;
		if (at_ == start || at_[-1] != '@')
			return wrong(at_, "a '\"' stands right behind an '@', or nowhere");
		const char *inner = at_ + 1;
		const char *end = strchr(inner, '"');
		if (end == nullptr)
			return wrong(at_, "the name has no '\"' at its end");
		const auto inner_bytes = static_cast<size_t>(end - inner);
		at_ = end + 1;
		if (name.size() + inner_bytes >= sizeof(unquoted_))
			return wrong(start, "the name is too long: 95 bytes at most");
		memcpy(unquoted_, start, name.size());
		memcpy(unquoted_ + name.size(), inner, inner_bytes);
		name = {unquoted_, name.size() + inner_bytes};
		return true;
	}

	/// Counts the names that there is no slot for yet, each once.
	bool has_room_for(std::string_view name)
	{
		if (table_.find(name) != nullptr)
			return true;
		const uint64_t hash = fault_hash(name);
		const auto end = new_names_ + new_names_count_;
		if (std::find(new_names_, end, hash) != end)
			return true;
		if (new_names_count_ == table_.room())
			return false;
		new_names_[new_names_count_++] = hash;
		return true;
	}

	bool switch_off()
	{
		for (fault_slot &slot : table_.slots)
			if (apply_)
				slot.probability.store(0, std::memory_order_relaxed);
		return true;
	}

	bool seed()
	{
		uint64_t value = 0;
		if (!take('='))
			return wrong(at_, "seed is followed by '=' and a number");
		if (!number(value, any, true))
			return false;
		if (apply_)
			table_.seed.store(value, std::memory_order_relaxed);
		return true;
	}

	/// A point is known, or a known one for a pool or cache, which need not exist yet.
	bool slot_for(const char *start, std::string_view name, bool later, fault_slot *&slot)
	{
		if (name.empty())
			return wrong(start, "a point's name is missing");
		if (name.size() >= fault_name_bytes)
			return wrong(start, "the name is too long: 95 bytes at most");
		const size_t mark = name.find('@');
		const std::string_view point =
			mark == std::string_view::npos ? name : std::string_view(name.data(), mark);
		if (mark != std::string_view::npos && mark + 1 == name.size())
			return wrong(start + (later ? 1 : 0) + mark, "after '@' comes the name of a pool or cache");
		if (!later && table_.find(point) == nullptr)
			return wrong(start,
				     "there is no such point; one that is registered later is written with a '+' "
				     "before it");
		if (!apply_)
			return has_room_for(name) || wrong(start, "there is no room for another point");
		slot = table_.claim(name);
		if (slot == nullptr) // another thread's setting took the last slots meanwhile
			return wrong(start, "there is no room for another point");
		slot->flags.fetch_and(~fault_left, std::memory_order_relaxed); // what comes next wins over its point
		return true;
	}

	bool one_attribute(fault_slot *slot)
	{
		const char *name = at_;
		at_ += strcspn(at_, "=:. \t\n;,");
		const std::string_view word(name, static_cast<size_t>(at_ - name));
		for (const attribute &a : attributes) {
			if (a.name != word)
				continue;
			if (!take('='))
				return wrong(at_, "an attribute is followed by '=' and its value");
			return value_of(a, slot, true);
		}
		return wrong(name,
			     "there is no such attribute; known: probability interval times space verbose task-filter "
			     "stacktrace-depth require-start require-end reject-start reject-end ignore-gfp-wait "
			     "cache-filter min-order");
	}

	/// `hex_too`: the kernel's four numbers are decimal ones.
	bool value_of(const attribute &a, fault_slot *slot, bool hex_too)
	{
		uint64_t value = 0;
		if (a.may_be_all && strncmp(at_, "-1", 2) == 0 && (at_[2] < '0' || at_[2] > '9')) {
			at_ += 2;
			value = UINT64_MAX; // -1 in a word of any width
		} else if (a.most == yes_or_no) {
			if (strchr("YyNn01", *at_) == nullptr || *at_ == 0)
				return wrong(at_, "Y or N is needed");
			value = *at_ == 'Y' || *at_ == 'y' || *at_ == '1' ? 1 : 0;
			at_++;
		} else if (!number(value, a.most, hex_too)) {
			return false;
		}
		if (slot != nullptr)
			a.set(*slot, value);
		return true;
	}

	bool number(uint64_t &value, uint64_t most, bool hex_too)
	{
		const char *start = at_;
		if (*at_ < '0' || *at_ > '9')
			return wrong(at_, "a number is needed");
		char *end = nullptr;
		const int kept_errno = errno;
		errno = 0;
		const bool is_hex = hex_too && start[0] == '0' && (start[1] == 'x' || start[1] == 'X');
		value = strtoull(at_, &end, is_hex ? 16 : 10);
		const bool too_large = errno == ERANGE || value > most;
		errno = kept_errno;
		at_ = end;
		if (too_large) {
			char why[80];
			snprintf(why, sizeof(why), "the number is too large: %llu at most",
				 static_cast<unsigned long long>(most));
			return wrong(start, why);
		}
		return true;
	}

	fault_table &table_;
	const char *text_;
	const char *at_;
	mempool_fault_error &error_;
	bool apply_;
	char unquoted_[fault_name_bytes];
	uint64_t new_names_[fault_slots];
	unsigned new_names_count_ = 0;
};

/// A count that nobody knows before: reports say it, so that it can be given again.
uint64_t random_seed()
{
	uint64_t seed = 0;
	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
		seed = reinterpret_cast<uintptr_t>(&seed);
	return seed & 0xffffffff; // short enough to be typed
}

void report_refusal(const char *what, const char *text, const mempool_fault_error &error)
{
	base::report(base::severity::warning)
		.line("%s: %s, at byte %zu of '%.400s'; the setting is ignored", what, error.text, error.offset, text)
		.emit_without_stack();
}

// After the points have their names, and after the pools' registry.
__attribute__((constructor(104))) void read_environment()
{
	fault_table &table = fault_table_live();
	table.seed.store(random_seed(), std::memory_order_relaxed);
	const char *text = secure_getenv("MEMPOOL_FAULT");
	if (text == nullptr)
		return;
	mempool_fault_error error = {};
	if (!apply_text(table, text, error))
		report_refusal("MEMPOOL_FAULT", text, error);
}

} // namespace

bool apply_text(fault_table &table, const char *text, mempool_fault_error &error)
{
	if (!reader(table, text, error, false).all() || !reader(table, text, error, true).all())
		return false;
	base::fence(std::memory_order_seq_cst); // between the change and the look, ORD-42
	if (&table == &fault_table_live())
		fault_table_changed();
	else
		fault_table_note_change(table);
	return true;
}

} // namespace mp::watch

using namespace mp::watch;

extern "C" int setup_fault_attr(struct fault_attr *attr, char *str)
{
	fault_slot row{};
	mempool_fault_error error = {};
	reader text(fault_table_live(), str, error, true);
	if (!text.four(&row) || (!text.at_end() && *text.at() != '\n')) {
		if (error.text[0] == 0)
			static_cast<void>(text.wrong(text.at(), "four numbers are needed, and nothing after them"));
		report_refusal("setup_fault_attr", str, error);
		return 0;
	}
	const fault_settings s = row.settings();
	attr->interval = s.interval;
	attr->probability = s.probability;
	std::atomic_ref(attr->space).store(s.space, std::memory_order_relaxed);
	std::atomic_ref(attr->times).store(s.times, std::memory_order_relaxed);
	if (fault_slot *slot = registered_slot(*attr)) {
		slot->interval.store(s.interval, std::memory_order_relaxed);
		slot->space.store(s.space, std::memory_order_relaxed);
		slot->times.store(s.times, std::memory_order_relaxed);
		slot->probability.store(s.probability, std::memory_order_relaxed);
		fault_table_changed();
	}
	return 1;
}

extern "C" uint64_t mempool_fault_seed()
{
	return fault_table_live().seed.load(std::memory_order_relaxed);
}

extern "C" void mempool_fault_set_seed(uint64_t seed)
{
	fault_table_live().seed.store(seed, std::memory_order_relaxed);
}

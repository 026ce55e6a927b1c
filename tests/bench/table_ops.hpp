// SPDX-License-Identifier: MIT
//
// table_ops.hpp - the loops once more, with every call through the table of
// functions, inlined for nobody: then the same indirect calls are added to all.
//
// A table_context is shared by the threads of one measurement, which only read it.
#pragma once

#include "peer.hpp"

namespace bench {

struct table_context {
	const peer &who;
	void *context;
};

struct through_table {
	static void *alloc(void *p)
	{
		const auto *c = static_cast<const table_context *>(p);
		return c->who.call.alloc(c->context);
	}
	static void free(void *p, void *element)
	{
		const auto *c = static_cast<const table_context *>(p);
		c->who.call.free(c->context, element);
	}
};

} // namespace bench

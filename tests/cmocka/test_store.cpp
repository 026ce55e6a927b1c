// SPDX-License-Identifier: MIT
//
// test_store.cpp - every store, through the one suite.
#include "store_threads.hpp"

#include "reserve/locked_store.hpp"
#include "reserve/spread_store.hpp"

int main()
{
	return mp::test::run_store_suite<mp::reserve::locked_store>("locked_store") +
	       mp::test::run_store_suite<mp::reserve::spread_store>("spread_store");
}

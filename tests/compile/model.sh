#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# tests/compile/model.sh: the Spin models hold, and fail without their barriers.
# shellcheck source=tests/compile/common
. "$(dirname "$0")/common"

command -v spin >"$scratch/log" || skip "no spin"
tests/model/run

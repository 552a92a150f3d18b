// SPDX-License-Identifier: MIT
//
// It says dfuDNBUSY three times for each command and block, and does its work after the last one.

#include "tests/ward/ward.h"

const struct ward ward = {WARD_HEALTHY, .erase_poll_ms = 100, .busy_answers = 3};

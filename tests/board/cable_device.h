// SPDX-License-Identifier: MIT
//
// doctor/device.h over vboard's cable: a board of tests/board/host.h, with whatever image it
// runs, at the other end. The host controller's model is the cable's (0.25 ms a transfer).

#ifndef TESTS_BOARD_CABLE_DEVICE_H
#define TESTS_BOARD_CABLE_DEVICE_H

#include "doctor/device.h"
#include "tests/board/host.h"

// Reaches whatever device the bench has; DEVICE_GONE while it has none. `bench` must outlive it.
struct device cable_device(struct bench *bench);

#endif

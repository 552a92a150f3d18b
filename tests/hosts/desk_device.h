// SPDX-License-Identifier: MIT
//
// doctor/device.h over the desk of tests/unit: core/ at the other end, in this process.

#ifndef TESTS_HOSTS_DESK_DEVICE_H
#define TESTS_HOSTS_DESK_DEVICE_H

#include "doctor/device.h"
#include "tests/unit/desk.h"

// The device is there from now until core/ hides its pull-up or starts the application; after
// desk_start() make it anew. `desk` must outlive it.
struct device desk_device(struct desk *desk);

#endif

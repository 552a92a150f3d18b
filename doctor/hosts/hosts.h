// SPDX-License-Identifier: MIT
//
// The scripts, one a file; hosts.c puts them into a table.

#ifndef DOCTOR_HOSTS_HOSTS_H
#define DOCTOR_HOSTS_HOSTS_H

#include "doctor/hosts/host.h"

extern const struct host host_dfu_util, host_fwupd, host_webdfu, host_pydfu, host_betaflight,
    host_dfuse_demo, host_cubeprogrammer;

#endif

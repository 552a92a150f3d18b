// SPDX-License-Identifier: MIT

#include "doctor/hosts/hosts.h"

#include <stddef.h>
#include <string.h>

static const struct host *const all[] = {
    &host_dfu_util,   &host_fwupd,      &host_webdfu,         &host_pydfu,
    &host_betaflight, &host_dfuse_demo, &host_cubeprogrammer,
};
const unsigned host_count = sizeof all / sizeof all[0];

const struct host *host_at(unsigned index) {
    return index < host_count ? all[index] : NULL;
}

const struct host *host_find(const char *name) {
    for (unsigned i = 0; i < host_count; i++) {
        if (strcmp(all[i]->name, name) == 0) {
            return all[i];
        }
    }
    return NULL;
}

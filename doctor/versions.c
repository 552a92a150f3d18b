// SPDX-License-Identifier: MIT
//
// Versions of host tools with a known fault. Each is public: the source is named in the words.

#include "doctor/versions.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *tool, *version;
    const char *what;
} bad[] = {
    {"STM32CubeProgrammer", "2.16.0",
     "does not find the sectors of many parts, so erases are left out, and does not "
     "connect to some bootloaders; ST mended it in 2.17.0 (community.st.com 653951, 668860)"},
    {"STM32CubeProgrammer", "2.1.0",
     "waits five minutes for an erase that the device answers with dfuDNBUSY (community.st.com "
     "255371)"},
    {"dfu-util", "0.7",
     "ends each special command with ABORT, which some devices take for the end (its dfuse.c)"},
};

const char *version_fault(const char *tool, const char *version) {
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (strcmp(bad[i].tool, tool) == 0 && strcmp(bad[i].version, version) == 0) {
            return bad[i].what;
        }
    }
    return NULL;
}

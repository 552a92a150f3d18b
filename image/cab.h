// SPDX-License-Identifier: MIT
//
// Cabinet files (Microsoft's [MS-CAB]), written: what fwupd and the Linux Vendor Firmware Service take.
//
// Stored, not compressed, and written here rather than by libgcab, which would bring GLib and GIO into a program
// that has to start in milliseconds; the format is four small structs.

#ifndef IMAGE_CAB_H
#define IMAGE_CAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cab_file {
    const char *name; // plain ASCII, as it is called in the cabinet
    const uint8_t *bytes;
    uint32_t len;
};

// The whole cabinet, from malloc(); NULL when memory is short or it would pass CAB_BYTES_MAX. `date` and
// `time` are MS-DOS's (cab_date()), of every file.
#define CAB_BYTES_MAX (1u << 30)
uint8_t *cab_make(const struct cab_file *files, unsigned count, uint16_t date, uint16_t time,
                  size_t *len);
// [MS-CAB] 2.4: years from 1980.
uint16_t cab_date(unsigned year, unsigned month, unsigned day);

#endif

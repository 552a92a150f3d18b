// SPDX-License-Identifier: MIT
//
// Packs what port/stm32f4/unpack.c unpacks: the format stands in its header.

#ifndef FIRMWARE_PACK_PACK_H
#define FIRMWARE_PACK_PACK_H

#include <stddef.h>
#include <stdint.h>

// Packs data[begin, len) into nearly as few bits as the format allows; what lies before `begin` may be referred
// to. Returns the packed bytes, which the caller frees, and their number; NULL when memory is out. Takes
// time and memory by the square of `len`: meant for some 10 KB.
uint8_t *pack(const uint8_t *data, size_t begin, size_t len, size_t *packed_len);

#endif

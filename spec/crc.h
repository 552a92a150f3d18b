// SPDX-License-Identifier: MIT
//
// CRC-32 as in IEEE 802.3 3.2.9 (polynomial 0x04C11DB7, reflected; zlib's and PNG's), over as many
// pieces as one likes.
//
//     uint32_t crc = crc32_update(CRC32_START, first, first_len);
//     crc = crc32_update(crc, second, second_len);
//
// The dwCRC of a DFU file suffix (DFU 1.1 appendix B) is this without the final inversion:
// ~crc32_update(CRC32_START, file, len - 4).

#ifndef SPEC_CRC_H
#define SPEC_CRC_H

#include <stddef.h>
#include <stdint.h>

#define CRC32_START 0u

uint32_t crc32_update(uint32_t crc, const uint8_t *bytes, size_t len);

#endif

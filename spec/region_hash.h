// SPDX-License-Identifier: MIT
//
// The region hash: two vendor requests to the device (docs/protocol.md) by which a host learns CRC-32s of
// ranges of flash without reading them. Words are least significant byte first.
//
//     OUT 0x40 0x53   up to 16 times {address, length}
//     IN  0xC0 0x53   mark, flags, then the CRC (spec/crc.h) of each of those ranges
//
// IN alone, with wLength 8, changes nothing anywhere: it is how a host finds out whether there is one.

#ifndef SPEC_REGION_HASH_H
#define SPEC_REGION_HASH_H

#define REGION_HASH_REQUEST      0x53u
#define REGION_HASH_RANGES_MAX   16u
#define REGION_HASH_RANGE_LEN    8u
#define REGION_HASH_MARK         0x31484652u // "RFH1" in memory order
#define REGION_HASH_HEADER_LEN   8u
#define REGION_HASH_CRC_LEN      4u
// Flags. A load was begun and is not known to have ended: the receiving record is open.
#define REGION_HASH_IS_RECEIVING (1u << 0)

#endif

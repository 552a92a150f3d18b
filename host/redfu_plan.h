// SPDX-License-Identifier: MIT
//
// Part of libredfu (redfu.h): what a device says of its memory, and what a write would do to it. Pure logic,
// no device needed.

#ifndef HOST_REDFU_PLAN_H
#define HOST_REDFU_PLAN_H

#include "host/redfu_fault.h"

#ifdef __cplusplus
extern "C" {
#endif

// --- Memory layout -------------------------------------------------------------------------------

// What may be done with a sector: the low three bits of the DfuSe type letter, 'a' to 'g'.
#define REDFU_CAN_READ          1u
#define REDFU_CAN_ERASE         2u
#define REDFU_CAN_WRITE         4u

#define REDFU_LAYOUT_GROUPS_MAX 32u // a USB string holds at most 25 of the shortest form

// Neighbouring sectors of one size and kind.
struct redfu_group {
    uint32_t addr;
    uint32_t count;
    uint32_t sector_bytes;
    uint8_t can; // REDFU_CAN_...
};

// A parsed DfuSe layout string (UM0424 4.3.2). Groups are in the string's order and do not overlap.
struct redfu_layout {
    char name[128];
    struct redfu_group groups[REDFU_LAYOUT_GROUPS_MAX];
    unsigned group_count;
    bool has_garbage; // bytes that are no text follow the layout; some devices' strings do that
};

struct redfu_sector {
    unsigned number; // counted from 0 through the layout string
    uint32_t addr;
    uint32_t bytes;
    uint8_t can;
};

// Parses "@name/0xADDR/n*sizeUT,n*sizeUT.../0xADDR/...": U is B, blank or nothing (bytes), K or M,
// T a type letter 'a' to 'g'. Blanks around numbers are taken, and bytes that are no ASCII text
// after a complete layout are ignored and noted. Anything else is REDFU_BAD_DEVICE, with the place.
enum redfu_result redfu_layout_parse(const char *text, struct redfu_layout *layout,
                                     struct redfu_fault *fault) __attribute__((warn_unused_result));
unsigned redfu_layout_sector_count(const struct redfu_layout *layout);
// Sector by number, and the sector that holds an address; false if there is none.
bool redfu_layout_sector(const struct redfu_layout *layout, unsigned number,
                         struct redfu_sector *sector);
bool redfu_layout_sector_at(const struct redfu_layout *layout, uint32_t addr,
                            struct redfu_sector *sector);
// Where the application goes: the first sector that can be erased and written, and how many bytes
// from there can be without a gap. False if there is none.
bool redfu_layout_application(const struct redfu_layout *layout, uint32_t *addr, uint32_t *bytes);

// --- Plans ---------------------------------------------------------------------------------------

// Bytes at an address. Lists of them are sorted by address and do not overlap.
struct redfu_segment {
    uint32_t addr;
    uint32_t len;
    const uint8_t *bytes;
};

// What a write or an erase would do. Owned by the caller through redfu_plan_free(); does not refer
// to the segments it was made from.
struct redfu_plan {
    struct redfu_sector *sectors; // to erase, ascending
    size_t sector_count;
    struct redfu_segment *runs; // to write, ascending; their bytes are the image's
    size_t run_count;
    struct redfu_segment
        *image;         // what these sectors, and memory that needs no erasing, hold afterwards: to
    size_t image_count; // be verified. More than the runs, once blanks are left out of those
    uint32_t erase_bytes;
    uint32_t write_bytes;
    // How many sectors are erased before the first of them is written, and stay ahead of what is written; 0:
    // all of them. For several boards on one bus: while one erases, it leaves the wires to others.
    unsigned lead;
    // What redfu_prepare() has left out and added.
    size_t same_count;    // sectors that hold the image already
    uint32_t same_bytes;  // of the image, in them
    uint32_t blank_bytes; // of the image: erased flash reads so
    struct redfu_segment
        *kept; // the rest of sectors that are only partly covered, to be written back
    size_t kept_count;
    // Owns the bytes of all of the above.
    uint8_t **store;
    size_t store_count;
};

// The sectors the segments touch, and the bytes to write, widened with 0xFF to multiples of 8
// inside erased sectors (STM32CubeProgrammer sends multiples of 8 as well; some chips program no
// less). The rest of a sector that is only partly covered is erased.
//
// Returns REDFU_TOO_LARGE, REDFU_READ_ONLY, REDFU_OUTSIDE, or REDFU_BAD_FILE for segments out of
// order; the plan is then empty.
enum redfu_result redfu_plan_write(const struct redfu_layout *layout,
                                   const struct redfu_segment *segments, size_t count,
                                   struct redfu_plan *plan, struct redfu_fault *fault)
    __attribute__((warn_unused_result));
// Leaves blank blocks of erased sectors out of the runs: the blocks are those of `block_bytes` from the
// sector's start. Stays in: eight bytes of a sector that would have none written, and the image's last
// eight (redfu-boot takes a load for whole by them, docs/protocol.md).
enum redfu_result redfu_plan_trim(struct redfu_plan *plan, uint32_t block_bytes,
                                  struct redfu_fault *fault) __attribute__((warn_unused_result));
// Whole sectors that [addr, addr + len) touches; REDFU_READ_ONLY, REDFU_OUTSIDE.
enum redfu_result redfu_plan_erase(const struct redfu_layout *layout, uint32_t addr, uint32_t len,
                                   struct redfu_plan *plan, struct redfu_fault *fault)
    __attribute__((warn_unused_result));
// Every sector that can be erased and written.
enum redfu_result redfu_plan_erase_all(const struct redfu_layout *layout, struct redfu_plan *plan,
                                       struct redfu_fault *fault)
    __attribute__((warn_unused_result));
// Whether every byte of the segments can be read back; REDFU_OUTSIDE, REDFU_READ_ONLY.
enum redfu_result redfu_check_readable(const struct redfu_layout *layout,
                                       const struct redfu_segment *segments, size_t count,
                                       struct redfu_fault *fault)
    __attribute__((warn_unused_result));
// CRC-32 as zlib's, as a stamp and the region hash have it: begin with 0, go on with what it returned.
uint32_t redfu_crc32(uint32_t crc, const uint8_t *bytes, uint32_t len);
void redfu_plan_free(struct redfu_plan *plan);

// REDFU_WRONG_VECTORS when the segments cover `application`, where the device starts what is loaded, and
// no vector table is there: 8 bytes, the first word a stack pointer in RAM. For an image that is to be
// run; what else is wrong with its vectors is redfu_check_vectors()'s.
enum redfu_result redfu_check_startable(const struct redfu_segment *segments, size_t count,
                                        uint32_t application, struct redfu_fault *fault)
    __attribute__((warn_unused_result));

// REDFU_WRONG_VECTORS when the image begins with what looks like a Cortex-M vector table (an
// initial stack pointer in RAM) whose reset vector lies in none of the segments: it was linked for
// another address and would not run here. Or whose address is no multiple of 128, where no vector table can
// be (ARMv7-M B3.2.5). An image that does not begin so is not judged.
enum redfu_result redfu_check_vectors(const struct redfu_segment *segments, size_t count,
                                      struct redfu_fault *fault)
    __attribute__((warn_unused_result));

#ifdef __cplusplus
}
#endif

#endif

// SPDX-License-Identifier: MIT
//
// The DFU file suffix (DFU 1.1 appendix B), and the prefixes that Debian's dfu-prefix puts before raw bytes.

#include <string.h>

#include "image/format.h"
#include "spec/bytes.h"
#include "spec/crc.h"

// Offsets in the suffix.
#define RELEASE   0u
#define PRODUCT   2u
#define VENDOR    4u
#define VERSION   6u
#define SIGNATURE 8u
#define LENGTH    11u
#define CRC       12u
// dfu-util's dfu_file.c: TI's prefix is 01 00, address / 1024 (2 bytes), length (4); NXP's 1A 3F, blocks of 512 (2).
#define TI_BYTES  8u
#define TI_UNIT   1024u
#define NXP_BYTES 16u
#define NXP_UNIT  512u

bool dfu_recognise(const struct image_file *file) {
    return file->len >= DFU_SUFFIX_BYTES &&
           memcmp(file->bytes + file->len - DFU_SUFFIX_BYTES + SIGNATURE, "UFD\x10", 4) == 0;
}

bool dfu_take_suffix(struct image_contents *contents, struct image_file *file,
                     struct image_fault *fault) {
    const uint8_t *suffix = file->bytes + file->len - DFU_SUFFIX_BYTES;
    // DFU 1.1 appendix B: the CRC register as it is, not inverted at the end as crc32_update has it.
    uint32_t crc = ~crc32_update(CRC32_START, file->bytes, file->len - 4);
    if (crc != load_le32(suffix + CRC)) {
        return image_refuse(
            fault,
            "%s: the DFU suffix's CRC is %08X, the file's %08X: damaged, or changed "
            "after the suffix was put on",
            file->path, load_le32(suffix + CRC), crc);
    }
    contents->has_suffix = true;
    contents->vendor = load_le16(suffix + VENDOR);
    contents->product = load_le16(suffix + PRODUCT);
    contents->release = load_le16(suffix + RELEASE);
    file->len -= DFU_SUFFIX_BYTES;
    return true;
}

void dfu_take_prefix(struct image_file *file) {
    const uint8_t *at = file->bytes;
    if (file->len > TI_BYTES && at[0] == 0x01 && at[1] == 0x00 &&
        load_le32(at + 4) == file->len - TI_BYTES) {
        file->bytes += TI_BYTES;
        file->len -= TI_BYTES;
    } else if (file->len > NXP_BYTES && at[0] == 0x1a && at[1] == 0x3f &&
               load_le16(at + 2) == (file->len - NXP_BYTES + NXP_UNIT - 1) / NXP_UNIT) {
        file->bytes += NXP_BYTES;
        file->len -= NXP_BYTES;
    }
}

void dfu_suffix(const struct image_contents *contents, uint16_t dfu_version, const uint8_t *bytes,
                size_t len, uint8_t suffix[DFU_SUFFIX_BYTES]) {
    bool has = contents->has_suffix;
    store_le16(suffix + RELEASE, has ? contents->release : IMAGE_ANY_ID);
    store_le16(suffix + PRODUCT, has ? contents->product : IMAGE_ANY_ID);
    store_le16(suffix + VENDOR, has ? contents->vendor : IMAGE_ANY_ID);
    store_le16(suffix + VERSION, dfu_version);
    memcpy(suffix + SIGNATURE, "UFD\x10", 4);
    uint32_t crc = crc32_update(CRC32_START, bytes, len);
    store_le32(suffix + CRC, ~crc32_update(crc, suffix, DFU_SUFFIX_BYTES - 4));
}

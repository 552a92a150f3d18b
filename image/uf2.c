// SPDX-License-Identifier: MIT
//
// UF2 (Microsoft's "USB Flashing Format"): blocks of 512 bytes, each with its own address, in any order,
// for one family of chips or several in one file.
//
// Every block of the family that is read must be there once. Blocks that are not for flash are left out and
// counted; MD5 and extension tags behind the payload are passed over, since they repeat what
// the blocks say.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "image/format.h"
#include "spec/bytes.h"

#define BLOCK_BYTES    512u
#define MAGIC_0        0x0a324655u // "UF2\n"
#define MAGIC_1        0x9e5d5157u
#define MAGIC_END      0x0ab16f30u
// Offsets in a block.
#define FLAGS          8u
#define ADDRESS        12u
#define PAYLOAD_BYTES  16u
#define NUMBER         20u
#define COUNT          24u
#define FAMILY         28u
#define DATA           32u
#define END            508u
#define DATA_BYTES     476u
#define MD5_BYTES      24u // at the end of the data, where the flag says so
// Flags.
#define NOT_MAIN_FLASH 0x0001u
#define FILE_CONTAINER 0x1000u
#define HAS_FAMILY     0x2000u
#define HAS_MD5        0x4000u
// What we write in a block: no bootloader takes more, some take nothing else.
#define WRITE_BYTES    256u
// More families than anybody has put into a file.
#define FAMILIES_MAX   16u
#define NO_FAMILY      (UINT64_C(1) << 32)

// microsoft/uf2, utils/uf2families.json: ST's, and the others that one meets most.
static const struct {
    uint32_t number;
    const char *name;
} families[] = {
    {IMAGE_FAMILY_STM32F4, "STM32F4"},
    {0x6d0922fa, "STM32F407"},
    {0x8fb060fe, "STM32F407VG"},
    {0x06d1097b, "STM32F411xC"},
    {0x647824b6, "STM32F0"},
    {0x5ee21072, "STM32F1"},
    {0x5d1a0a2e, "STM32F2"},
    {0x6b846188, "STM32F3"},
    {0x53b80f00, "STM32F7"},
    {0x300f5633, "STM32G0"},
    {0x4c71240a, "STM32G4"},
    {0x6db66082, "STM32H7"},
    {0x202e3a91, "STM32L0"},
    {0x1e1f432d, "STM32L1"},
    {0x00ff6919, "STM32L4"},
    {0x04240bdf, "STM32L5"},
    {0x70d16653, "STM32WB"},
    {0x21460ff0, "STM32WL"},
    {0xe48bff56, "RP2040"},
    {0x55114460, "SAMD51"},
    {0x68ed2b88, "SAMD21"},
};

bool image_family_named(const char *name, uint32_t *family) {
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        if (strcasecmp(families[i].name, name) == 0) {
            *family = families[i].number;
            return true;
        }
    }
    return false;
}

const char *image_family_text(uint32_t family) {
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        if (families[i].number == family) {
            return families[i].name;
        }
    }
    return NULL;
}

bool uf2_recognise(const struct image_file *file) {
    return file->len >= 8 && load_le32(file->bytes) == MAGIC_0 &&
           load_le32(file->bytes + 4) == MAGIC_1;
}

static uint64_t family_of(const uint8_t *block) {
    return load_le32(block + FLAGS) & HAS_FAMILY ? load_le32(block + FAMILY) : NO_FAMILY;
}

static const char *words_family(uint64_t family, char *out, size_t size) {
    const char *name = family == NO_FAMILY ? "none" : image_family_text((uint32_t)family);
    if (name) {
        (void)snprintf(out, size, "%s", name);
    } else {
        (void)snprintf(out, size, "0x%08llX", (unsigned long long)family);
    }
    return out;
}

struct family_list {
    uint64_t families[FAMILIES_MAX];
    size_t count;
};

static bool check_blocks(const struct image_file *file, struct family_list *list,
                         struct image_fault *fault) {
    if (file->len % BLOCK_BYTES != 0) {
        return image_refuse(fault, "%s: a truncated UF2 file: %zu bytes are no multiple of %u",
                            file->path, file->len, BLOCK_BYTES);
    }
    for (size_t at = 0; at < file->len; at += BLOCK_BYTES) {
        const uint8_t *block = file->bytes + at;
        if (load_le32(block) != MAGIC_0 || load_le32(block + 4) != MAGIC_1 ||
            load_le32(block + END) != MAGIC_END) {
            return image_refuse(fault, "%s: no UF2 block at byte %zu: its magic numbers are wrong",
                                file->path, at);
        }
        uint64_t family = family_of(block);
        size_t i = 0;
        while (i < list->count && list->families[i] != family) {
            i++;
        }
        if (i == FAMILIES_MAX) {
            return image_refuse(fault, "%s: blocks for more than %u families of chips", file->path,
                                FAMILIES_MAX);
        }
        list->families[i] = family;
        list->count += i == list->count;
    }
    return true;
}

static bool has_family(const struct family_list *list, uint64_t family) {
    for (size_t i = 0; i < list->count; i++) {
        if (list->families[i] == family) {
            return true;
        }
    }
    return false;
}

// Without a word from the person: an STM32F4 of any name, or a file that names none.
static bool is_loadable(uint64_t family) {
    const char *name = family == NO_FAMILY ? NULL : image_family_text((uint32_t)family);
    return family == NO_FAMILY || (name && strncmp(name, "STM32F4", 7) == 0);
}

static bool choose_family(const struct image_file *file, const struct family_list *list,
                          const struct image_how *how, uint64_t *family,
                          struct image_fault *fault) {
    uint64_t wanted = how->has_family ? how->family : IMAGE_FAMILY_STM32F4;
    bool is_alone = list->count == 1 && is_loadable(list->families[0]);
    if (has_family(list, wanted) || (!how->has_family && is_alone)) {
        *family = has_family(list, wanted) ? wanted : list->families[0];
        return true;
    }
    char names[256] = "";
    size_t len = 0;
    for (size_t i = 0; i < list->count; i++) {
        char name[24];
        len += (size_t)snprintf(names + len, sizeof names - len, "%s%s", i == 0 ? "" : ", ",
                                words_family(list->families[i], name, sizeof name));
        len = len < sizeof names ? len : sizeof names - 1;
    }
    char name[24];
    return image_refuse(fault, "%s: has no blocks for %s, but for: %s; --family chooses one",
                        file->path, words_family(wanted, name, sizeof name), names);
}

struct reader {
    const struct image_file *file;
    struct image_contents *contents;
    struct image *image;
    struct image_fault *fault;
    uint8_t *is_seen;
    uint32_t count; // that the family's first block says
    uint32_t seen;
};

static bool take_payload(struct reader *reader, const uint8_t *block, uint32_t number) {
    const char *path = reader->file->path;
    uint32_t flags = load_le32(block + FLAGS);
    uint32_t len = load_le32(block + PAYLOAD_BYTES);
    uint32_t most = DATA_BYTES - (flags & HAS_MD5 ? MD5_BYTES : 0);
    if (flags & FILE_CONTAINER) {
        return image_refuse(reader->fault,
                            "%s: block %u carries a file for a disk, not bytes for flash", path,
                            number);
    }
    if (flags & NOT_MAIN_FLASH) {
        reader->contents->skipped_blocks++;
        return true;
    }
    if (len > most) {
        return image_refuse(reader->fault,
                            "%s: block %u says that it has %u bytes; a block has "
                            "room for %u",
                            path, number, len, most);
    }
    struct image_fault inner;
    return image_add(reader->image, load_le32(block + ADDRESS), block + DATA, len, &inner) ||
           image_refuse(reader->fault, "%s: block %u: %.400s", path, number, inner.text) ||
           image_because(reader->fault, &inner);
}

static bool take_block(struct reader *reader, size_t at) {
    const struct image_file *file = reader->file;
    const uint8_t *block = file->bytes + at;
    uint32_t number = load_le32(block + NUMBER);
    uint32_t count = load_le32(block + COUNT);
    if (reader->count == 0) {
        if (count == 0 || count > file->len / BLOCK_BYTES) {
            return image_refuse(reader->fault,
                                "%s: the block at byte %zu says that there are %u blocks, the file "
                                "has %zu: truncated?",
                                file->path, at, count, file->len / BLOCK_BYTES);
        }
        reader->count = count;
        reader->is_seen = calloc(count, 1);
        if (!reader->is_seen) {
            return image_no_memory(reader->fault, NULL);
        }
    }
    if (count != reader->count || number >= count) {
        return image_refuse(
            reader->fault,
            "%s: the block at byte %zu is number %u of %u, others of its family are "
            "of %u",
            file->path, at, number, count, reader->count);
    }
    if (reader->is_seen[number]) {
        return image_refuse(reader->fault, "%s: block %u is there twice, again at byte %zu",
                            file->path, number, at);
    }
    reader->is_seen[number] = 1;
    reader->seen++;
    return take_payload(reader, block, number);
}

static bool take_family(struct reader *reader, uint64_t family) {
    for (size_t at = 0; at < reader->file->len; at += BLOCK_BYTES) {
        if (family_of(reader->file->bytes + at) == family && !take_block(reader, at)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < reader->count; i++) {
        if (!reader->is_seen[i]) {
            return image_refuse(reader->fault, "%s: block %u of %u is missing, %u are there",
                                reader->file->path, i, reader->count, reader->seen);
        }
    }
    return reader->image->segment_count > 0 ||
           image_refuse(reader->fault, "%s: holds no data for flash", reader->file->path);
}

bool uf2_read(struct image_contents *contents, const struct image_file *file,
              const struct image_how *how, struct image_fault *fault) {
    struct family_list list = {.count = 0};
    uint64_t family = NO_FAMILY;
    struct reader reader = {.file = file, .contents = contents, .fault = fault};
    reader.image = image_only(contents, fault);
    if (!reader.image || !check_blocks(file, &list, fault) ||
        !choose_family(file, &list, how, &family, fault)) {
        return false;
    }
    contents->has_family = family != NO_FAMILY;
    contents->family = (uint32_t)family;
    bool ok = take_family(&reader, family);
    free(reader.is_seen);
    return ok;
}

// -- Writing

// Blocks that a segment takes: none passes 256 bytes' alignment.
static uint32_t block_len(const struct image_segment *segment, uint32_t off) {
    uint32_t addr = segment->addr + off;
    uint32_t len = WRITE_BYTES - addr % WRITE_BYTES;
    return len < segment->len - off ? len : segment->len - off;
}

void uf2_write(FILE *out, const struct image_contents *contents) {
    const struct image *image = &contents->targets[0].image;
    uint32_t count = 0;
    for (size_t i = 0; i < image->segment_count; i++) {
        const struct image_segment *segment = &image->segments[i];
        for (uint32_t off = 0; off < segment->len; off += block_len(segment, off)) {
            count++;
        }
    }
    uint32_t number = 0;
    for (size_t i = 0; i < image->segment_count; i++) {
        const struct image_segment *segment = &image->segments[i];
        for (uint32_t off = 0; off < segment->len;) {
            uint32_t len = block_len(segment, off);
            uint8_t block[BLOCK_BYTES] = {0};
            store_le32(block, MAGIC_0);
            store_le32(block + 4, MAGIC_1);
            store_le32(block + FLAGS, HAS_FAMILY);
            store_le32(block + ADDRESS, segment->addr + off);
            store_le32(block + PAYLOAD_BYTES, len);
            store_le32(block + NUMBER, number++);
            store_le32(block + COUNT, count);
            store_le32(block + FAMILY,
                       contents->has_family ? contents->family : IMAGE_FAMILY_STM32F4);
            memcpy(block + DATA, segment->bytes + off, len);
            store_le32(block + END, MAGIC_END);
            (void)fwrite(block, 1, sizeof block, out);
            off += len;
        }
    }
}

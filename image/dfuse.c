// SPDX-License-Identifier: MIT
//
// DfuSe files (ST's UM0391): a prefix of 11 bytes, for each alternate setting a target prefix of 274, for each
// piece of its memory an element header of 8 and the bytes, and a DFU suffix with bcdDFU 0x011A.
//
// Tools differ in what the sizes count, so every plausible sum is taken and anything else refused:
// DFUImageSize with or without suffix (dfuse-pack counts it, fwupd refuses that), with or without the
// prefix; dwTargetSize with or without its own header. We write what UM0391's own example has, and fwupd
// takes: without the suffix, with the prefix, without the target's header.

#include <stdlib.h>
#include <string.h>

#include "image/format.h"
#include "spec/bytes.h"

#define PREFIX_BYTES  11u
#define TARGET_BYTES  274u
#define ELEMENT_BYTES 8u
#define DFUSE_VERSION 0x011au
// In the target prefix.
#define ALTERNATE     6u
#define NAMED         7u
#define NAME          11u
#define TARGET_SIZE   266u
#define ELEMENTS      270u

bool dfuse_recognise(const struct image_file *file) {
    return file->len >= 5 && memcmp(file->bytes, "DfuSe", 5) == 0;
}

static bool take_prefix(const struct image_contents *contents, const struct image_file *file,
                        struct image_fault *fault) {
    if (file->len < PREFIX_BYTES + TARGET_BYTES) {
        return image_refuse(fault,
                            "%s: a truncated DfuSe file: %zu bytes, its headers alone are %u",
                            file->path, file->len, PREFIX_BYTES + TARGET_BYTES);
    }
    if (file->bytes[5] != 1) {
        return image_refuse(fault, "%s: DfuSe format version %u; only version 1 is known",
                            file->path, file->bytes[5]);
    }
    if (!contents->has_suffix) {
        return image_refuse(fault, "%s: a DfuSe file without its DFU suffix at the end: truncated",
                            file->path);
    }
    uint64_t said = load_le32(file->bytes + 6);
    uint64_t len = file->len; // the suffix is off
    if (said != len && said != len + DFU_SUFFIX_BYTES && said != len - PREFIX_BYTES &&
        said != len + DFU_SUFFIX_BYTES - PREFIX_BYTES) {
        return image_refuse(fault,
                            "%s: says that it has %llu bytes, but has %zu (and a suffix of %u): "
                            "truncated, or something was put behind it",
                            file->path, (unsigned long long)said, file->len, DFU_SUFFIX_BYTES);
    }
    return true;
}

struct place {
    const struct image_file *file;
    size_t at;
    unsigned target; // counted from 1, as people do
    unsigned alternate;
};

static bool take_element(struct place *place, struct image *image, uint32_t number,
                         struct image_fault *fault) {
    const struct image_file *file = place->file;
    size_t left = file->len - place->at;
    uint32_t len = left >= ELEMENT_BYTES ? load_le32(file->bytes + place->at + 4) : 0;
    if (left < ELEMENT_BYTES || len > left - ELEMENT_BYTES) {
        return image_refuse(
            fault,
            "%s: target %u (alternate %u), element %u at byte %zu passes the end of "
            "the file: %zu bytes are left, %llu are wanted",
            file->path, place->target, place->alternate, number, place->at, left,
            (unsigned long long)len + ELEMENT_BYTES);
    }
    uint32_t addr = load_le32(file->bytes + place->at);
    struct image_fault inner;
    if (!image_add(image, addr, file->bytes + place->at + ELEMENT_BYTES, len, &inner)) {
        (void)image_refuse(fault, "%s: target %u (alternate %u), element %u: %.300s", file->path,
                           place->target, place->alternate, number, inner.text);
        return image_because(fault, &inner);
    }
    place->at += ELEMENT_BYTES + len;
    return true;
}

// szTargetName, if bTargetNamed says that it means something; characters that are none become '?'.
static void take_name(struct image_target *target, const uint8_t *header) {
    if (load_le32(header + NAMED) == 0 || target->name[0] != '\0') {
        return;
    }
    for (unsigned i = 0; i < IMAGE_TARGET_NAME_MAX - 1 && header[NAME + i] != 0; i++) {
        uint8_t c = header[NAME + i];
        target->name[i] = c >= 0x20 && c < 0x7f ? (char)c : '?';
    }
}

static bool take_target(struct image_contents *contents, struct place *place,
                        struct image_fault *fault) {
    const struct image_file *file = place->file;
    const uint8_t *header = file->bytes + place->at;
    if (file->len - place->at < TARGET_BYTES || memcmp(header, "Target", 6) != 0) {
        return image_refuse(fault, "%s: no target prefix at byte %zu, where target %u begins",
                            file->path, place->at, place->target);
    }
    place->alternate = header[ALTERNATE];
    // Targets may share an alternate: their elements are one image then.
    struct image_target *target = image_contents_target(contents, place->alternate);
    if (!target) {
        return image_no_memory(fault, NULL);
    }
    take_name(target, header);
    place->at += TARGET_BYTES;
    size_t first = place->at;
    uint32_t elements = load_le32(header + ELEMENTS);
    for (uint32_t i = 0; i < elements; i++) {
        if (!take_element(place, &target->image, i + 1, fault)) {
            return false;
        }
    }
    uint64_t said = load_le32(header + TARGET_SIZE);
    uint64_t len = place->at - first;
    if (said != len && said != len + TARGET_BYTES) {
        return image_refuse(fault,
                            "%s: target %u (alternate %u) says that its elements have %llu bytes, "
                            "but they have %llu",
                            file->path, place->target, place->alternate, (unsigned long long)said,
                            (unsigned long long)len);
    }
    return true;
}

// A target without bytes is nothing to load.
static void drop_empty(struct image_contents *contents) {
    size_t kept = 0;
    for (size_t i = 0; i < contents->target_count; i++) {
        if (contents->targets[i].image.segment_count > 0) {
            contents->targets[kept++] = contents->targets[i];
        }
    }
    contents->target_count = kept;
}

bool dfuse_read(struct image_contents *contents, const struct image_file *file,
                struct image_fault *fault) {
    if (!take_prefix(contents, file, fault)) {
        return false;
    }
    contents->has_alternates = true;
    unsigned targets = file->bytes[10];
    struct place place = {.file = file, .at = PREFIX_BYTES};
    for (place.target = 1; place.target <= targets; place.target++) {
        if (!take_target(contents, &place, fault)) {
            return false;
        }
    }
    if (place.at != file->len) {
        return image_refuse(fault, "%s: %zu bytes follow the last of %u targets", file->path,
                            file->len - place.at, targets);
    }
    drop_empty(contents);
    return contents->target_count > 0 || image_refuse(fault, "%s: holds no data", file->path);
}

// -- Writing

static size_t target_size(const struct image *image) {
    size_t size = 0;
    for (size_t i = 0; i < image->segment_count; i++) {
        size += ELEMENT_BYTES + image->segments[i].len;
    }
    return size;
}

static uint8_t *put_target(uint8_t *at, const struct image_target *target) {
    memcpy(at, "Target", 6);
    at[ALTERNATE] = (uint8_t)target->alternate;
    size_t name = strlen(target->name);
    store_le32(at + NAMED, name > 0);
    memcpy(at + NAME, target->name, name);
    store_le32(at + TARGET_SIZE, (uint32_t)target_size(&target->image));
    store_le32(at + ELEMENTS, (uint32_t)target->image.segment_count);
    at += TARGET_BYTES;
    for (size_t i = 0; i < target->image.segment_count; i++) {
        const struct image_segment *segment = &target->image.segments[i];
        store_le32(at, segment->addr);
        store_le32(at + 4, segment->len);
        memcpy(at + ELEMENT_BYTES, segment->bytes, segment->len);
        at += ELEMENT_BYTES + segment->len;
    }
    return at;
}

bool dfuse_write(FILE *out, const struct image_contents *contents) {
    size_t size = PREFIX_BYTES;
    for (size_t i = 0; i < contents->target_count; i++) {
        size += TARGET_BYTES + target_size(&contents->targets[i].image);
    }
    uint8_t *bytes = calloc(1, size + DFU_SUFFIX_BYTES);
    if (!bytes) {
        return false;
    }
    memcpy(bytes, "DfuSe\1", 6);
    store_le32(bytes + 6, (uint32_t)size);
    bytes[10] = (uint8_t)contents->target_count;
    uint8_t *at = bytes + PREFIX_BYTES;
    for (size_t i = 0; i < contents->target_count; i++) {
        at = put_target(at, &contents->targets[i]);
    }
    dfu_suffix(contents, DFUSE_VERSION, bytes, size, at);
    (void)fwrite(bytes, 1, size + DFU_SUFFIX_BYTES, out);
    free(bytes);
    return true;
}

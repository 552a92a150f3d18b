// SPDX-License-Identifier: MIT
//
// Raw binary: bytes for one address, which the person must say.

#include "image/format.h"

bool bin_read(struct image_contents *contents, const struct image_file *file,
              const struct image_how *how, struct image_fault *fault) {
    uint64_t addr = how->addr;
    if (addr == IMAGE_NO_ADDRESS && how->may_lack_address) {
        contents->needs_address = true;
        addr = 0;
    }
    if (addr == IMAGE_NO_ADDRESS) {
        return image_refuse(fault, "%s: %s%s: say where it goes, as in %s@0x08000000", file->path,
                            contents->format == IMAGE_BIN ? "of no known format, so " : "",
                            image_format_text(contents->format), file->path);
    }
    if (addr > UINT32_MAX || addr + file->len > (uint64_t)UINT32_MAX + 1) {
        return image_refuse(fault, "%s: %zu bytes at 0x%llX pass the end of the address space",
                            file->path, file->len, (unsigned long long)addr);
    }
    struct image *image = image_only(contents, fault);
    if (!image) {
        return false;
    }
    if (file->len == 0) {
        return image_refuse(fault, "%s: holds no data", file->path);
    }
    struct image_fault inner;
    if (!image_add(image, (uint32_t)addr, file->bytes, (uint32_t)file->len, &inner)) {
        (void)image_refuse(fault, "%s: %.400s", file->path, inner.text);
        return image_because(fault, &inner);
    }
    return true;
}

void bin_write(FILE *out, const struct image *image) {
    (void)fwrite(image->segments[0].bytes, 1, image->segments[0].len, out);
}

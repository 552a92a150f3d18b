// SPDX-License-Identifier: MIT
//
// Raw binary: bytes for one address, which the person must say.

#include "image/format.h"

bool bin_read(struct image *image, const struct image_file *file, uint64_t addr,
              struct image_fault *fault) {
    if (addr == IMAGE_NO_ADDRESS) {
        return image_refuse(fault,
                            "%s: neither ELF nor Intel HEX, so a raw binary: say where it goes, "
                            "as in %s@0x08000000",
                            file->path, file->path);
    }
    if (addr > UINT32_MAX || addr + file->len > (uint64_t)UINT32_MAX + 1) {
        return image_refuse(fault, "%s: %zu bytes at 0x%llX pass the end of the address space",
                            file->path, file->len, (unsigned long long)addr);
    }
    struct image_fault inner;
    if (!image_add(image, (uint32_t)addr, file->bytes, (uint32_t)file->len, &inner)) {
        return image_refuse(fault, "%s: %.400s", file->path, inner.text);
    }
    return true;
}

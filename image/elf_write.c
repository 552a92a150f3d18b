// SPDX-License-Identifier: MIT
//
// ELF out: an executable for ARM with a loadable segment, and a section for objcopy and debuggers, for
// each piece of an image. The bytes and the entry point; no symbols.

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/format.h"

// ELF's headers are little-endian here as on every computer this is built for; the reader checks.
#define NAME_BYTES    16u
#define SEGMENTS_MOST 1000u // e_phnum is 16 bits wide; a table of more is for nobody

struct layout {
    uint32_t segments, names, sections, end; // offsets in the file
    uint16_t count;
};

static uint32_t aligned(uint32_t value) {
    return (value + 3) & ~3u;
}

static void put_headers(uint8_t *bytes, const struct image *image, const struct layout *at) {
    Elf32_Ehdr header = {
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_EXEC,
        .e_machine = EM_ARM,
        .e_version = EV_CURRENT,
        .e_entry = image->entry,
        .e_phoff = at->segments,
        .e_shoff = at->sections,
        .e_flags = EF_ARM_EABI_VER5,
        .e_ehsize = sizeof header,
        .e_phentsize = sizeof(Elf32_Phdr),
        .e_phnum = at->count,
        .e_shentsize = sizeof(Elf32_Shdr),
        .e_shnum = (uint16_t)(at->count + 2), // the null section, and the names
        .e_shstrndx = (uint16_t)(at->count + 1),
    };
    memcpy(bytes, &header, sizeof header);
}

static void put_segment(uint8_t *bytes, const struct image_segment *segment, unsigned i,
                        const struct layout *at, uint32_t *data) {
    char *name = (char *)bytes + at->names + 1 + i * NAME_BYTES;
    (void)snprintf(name, NAME_BYTES, ".flash%u", i);
    Elf32_Phdr loaded = {.p_type = PT_LOAD,
                         .p_offset = *data,
                         .p_vaddr = segment->addr,
                         .p_paddr = segment->addr,
                         .p_filesz = segment->len,
                         .p_memsz = segment->len,
                         .p_flags = PF_R | PF_X,
                         .p_align = 1};
    Elf32_Shdr section = {.sh_name = 1 + i * NAME_BYTES,
                          .sh_type = SHT_PROGBITS,
                          .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
                          .sh_addr = segment->addr,
                          .sh_offset = *data,
                          .sh_size = segment->len,
                          .sh_addralign = 1};
    memcpy(bytes + at->segments + i * sizeof loaded, &loaded, sizeof loaded);
    memcpy(bytes + at->sections + (i + 1) * sizeof section, &section, sizeof section);
    memcpy(bytes + *data, segment->bytes, segment->len);
    *data += aligned(segment->len);
}

bool elf_write(FILE *out, const struct image *image) {
    if (image->segment_count > SEGMENTS_MOST) {
        return false;
    }
    struct layout at = {.segments = sizeof(Elf32_Ehdr), .count = (uint16_t)image->segment_count};
    uint32_t data = at.segments + at.count * (uint32_t)sizeof(Elf32_Phdr);
    at.names = data;
    for (size_t i = 0; i < image->segment_count; i++) {
        at.names += aligned(image->segments[i].len);
    }
    uint32_t names_bytes = aligned(1 + (at.count + 1u) * NAME_BYTES);
    at.sections = at.names + names_bytes;
    at.end = at.sections + (at.count + 2u) * (uint32_t)sizeof(Elf32_Shdr);
    uint8_t *bytes = calloc(1, at.end);
    if (!bytes) {
        return false;
    }
    put_headers(bytes, image, &at);
    for (unsigned i = 0; i < at.count; i++) {
        put_segment(bytes, &image->segments[i], i, &at, &data);
    }
    uint32_t own_name = 1 + at.count * NAME_BYTES;
    (void)snprintf((char *)bytes + at.names + own_name, NAME_BYTES, ".shstrtab");
    Elf32_Shdr names = {.sh_name = own_name,
                        .sh_type = SHT_STRTAB,
                        .sh_offset = at.names,
                        .sh_size = names_bytes,
                        .sh_addralign = 1};
    memcpy(bytes + at.sections + (at.count + 1u) * sizeof names, &names, sizeof names);
    (void)fwrite(bytes, 1, at.end, out);
    free(bytes);
    return true;
}

// SPDX-License-Identifier: MIT
//
// ELF executables for ARM, through libelf: what is loaded, where, and what it is called.
//
// Segments go to their physical addresses (where the bytes lie in flash; .data's virtual address
// is in RAM), with the bytes the file holds; what a program clears by itself (memsz beyond filesz)
// is not part of an image.

#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>

#include "image/format.h"
#include "spec/bytes.h"

bool elf_recognise(const struct image_file *file) {
    return file->len >= SELFMAG && memcmp(file->bytes, ELFMAG, SELFMAG) == 0;
}

// Names for the machines a person is likely to hold by mistake.
static const char *machine_name(unsigned machine) {
    switch (machine) {
    case EM_386:
        return "32-bit x86";
    case EM_X86_64:
        return "64-bit x86";
    case EM_AARCH64:
        return "64-bit ARM";
    case EM_RISCV:
        return "RISC-V";
    case EM_AVR:
        return "AVR";
    case EM_MIPS:
        return "MIPS";
    case EM_XTENSA:
        return "Xtensa";
    default:
        return NULL;
    }
}

static bool check_header(const struct image_file *file, struct image_fault *fault) {
    // e_ident and the fields up to e_ehsize: ELF specification 1.2, figure 1-3.
    if (file->len < sizeof(Elf32_Ehdr)) {
        return image_refuse(fault, "%s: a truncated ELF file: %zu bytes, its header alone is %zu",
                            file->path, file->len, sizeof(Elf32_Ehdr));
    }
    bool big_endian = file->bytes[EI_DATA] == ELFDATA2MSB;
    unsigned machine = big_endian ? (unsigned)(file->bytes[18] << 8 | file->bytes[19])
                                  : (unsigned)(file->bytes[19] << 8 | file->bytes[18]);
    unsigned type = big_endian ? file->bytes[17] : file->bytes[16];
    if (machine != EM_ARM) {
        const char *name = machine_name(machine);
        if (name) {
            return image_refuse(fault, "%s: an ELF file for %s, not for a 32-bit ARM", file->path,
                                name);
        }
        return image_refuse(fault, "%s: an ELF file for machine %u, not for a 32-bit ARM (%u)",
                            file->path, machine, EM_ARM);
    }
    if (file->bytes[EI_CLASS] != ELFCLASS32) {
        return image_refuse(fault, "%s: a 64-bit ELF file; a 32-bit one is needed", file->path);
    }
    if (big_endian) {
        return image_refuse(fault, "%s: a big-endian ELF file; the chip is little-endian",
                            file->path);
    }
    if (type != ET_EXEC) {
        return image_refuse(fault, "%s: an ELF %s, not a linked executable", file->path,
                            type == ET_REL   ? "object file"
                            : type == ET_DYN ? "shared object"
                                             : "file of an odd type");
    }
    return true;
}

// libelf says no more than "invalid data" for a table beyond the end of the file, so look first.
// Cut behind the last segment a file would still load, but somebody's copy went wrong.
static bool check_tables(const struct image_file *file, struct image_fault *fault) {
    const uint8_t *header = file->bytes;
    const struct {
        const char *what;
        uint64_t end;
    } tables[] = {
        // e_phoff + e_phentsize * e_phnum, e_shoff + e_shentsize * e_shnum (ELF 1.2 figure 1-3)
        {"program",
         load_le32(header + 28) + (uint64_t)load_le16(header + 42) * load_le16(header + 44)},
        {"section",
         load_le32(header + 32) + (uint64_t)load_le16(header + 46) * load_le16(header + 48)},
    };
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        if (tables[i].end > file->len) {
            return image_refuse(
                fault, "%s: a truncated ELF file: the %s headers end at byte %llu of %zu",
                file->path, tables[i].what, (unsigned long long)tables[i].end, file->len);
        }
    }
    return true;
}

// What is the program's in a segment. Where a linker script leaves room before the first section, GNU ld
// loads the file's own headers there, below the start of flash: they are no part of the program.
static uint32_t headers_in(Elf *elf, const GElf_Ehdr *header, const GElf_Phdr *segment) {
    if (segment->p_offset >= header->e_ehsize) {
        return 0;
    }
    uint64_t first = UINT64_MAX;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));) {
        GElf_Shdr about;
        if (gelf_getshdr(section, &about) && (about.sh_flags & SHF_ALLOC) && about.sh_size > 0 &&
            about.sh_type != SHT_NOBITS && about.sh_offset >= segment->p_offset &&
            about.sh_offset - segment->p_offset < segment->p_filesz && about.sh_offset < first) {
            first = about.sh_offset;
        }
    }
    return first == UINT64_MAX ? 0 : (uint32_t)(first - segment->p_offset);
}

// Some linkers leave all physical addresses 0: then the virtual ones are meant.
static bool has_physical(Elf *elf, size_t count) {
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr segment;
        if (gelf_getphdr(elf, (int)i, &segment) && segment.p_type == PT_LOAD &&
            segment.p_paddr != 0) {
            return true;
        }
    }
    return false;
}

static bool add_segment(struct image *image, const struct image_file *file,
                        const GElf_Phdr *segment, uint32_t skip, struct image_fault *fault) {
    if (segment->p_offset > file->len || segment->p_filesz > file->len - segment->p_offset) {
        return image_refuse(fault,
                            "%s: a truncated ELF file: the segment for 0x%08llX ends at byte %llu "
                            "of %zu",
                            file->path, (unsigned long long)segment->p_paddr,
                            (unsigned long long)(segment->p_offset + segment->p_filesz), file->len);
    }
    if (segment->p_filesz > segment->p_memsz) { // ELF 1.2: figure 2-1
        return image_refuse(
            fault,
            "%s: a damaged ELF file: the segment for 0x%08llX has %llu bytes in the "
            "file and %llu in memory",
            file->path, (unsigned long long)segment->p_paddr, (unsigned long long)segment->p_filesz,
            (unsigned long long)segment->p_memsz);
    }
    if (segment->p_paddr + segment->p_filesz > (uint64_t)UINT32_MAX + 1) {
        return image_refuse(fault, "%s: the segment for 0x%08llX passes the end of addresses",
                            file->path, (unsigned long long)segment->p_paddr);
    }
    struct image_fault inner;
    if (!image_add(image, (uint32_t)segment->p_paddr + skip, file->bytes + segment->p_offset + skip,
                   (uint32_t)segment->p_filesz - skip, &inner)) {
        (void)image_refuse(fault, "%s: %.400s", file->path, inner.text);
        return image_because(fault, &inner);
    }
    return true;
}

static bool add_segments(struct image *image, Elf *elf, const struct image_file *file,
                         struct image_fault *fault) {
    GElf_Ehdr header;
    size_t count;
    if (!gelf_getehdr(elf, &header) || elf_getphdrnum(elf, &count) != 0) {
        return image_refuse(fault, "%s: a damaged ELF file: %s", file->path, elf_errmsg(-1));
    }
    bool any = false;
    bool is_physical = has_physical(elf, count);
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr segment;
        if (!gelf_getphdr(elf, (int)i, &segment)) {
            return image_refuse(fault, "%s: a damaged ELF file: %s", file->path, elf_errmsg(-1));
        }
        if (segment.p_type != PT_LOAD || segment.p_filesz == 0) {
            continue;
        }
        if (!is_physical) {
            segment.p_paddr = segment.p_vaddr;
        }
        if (!add_segment(image, file, &segment, headers_in(elf, &header, &segment), fault)) {
            return false;
        }
        any = true;
    }
    if (!any) {
        return image_refuse(fault, "%s: an ELF file without a loadable segment", file->path);
    }
    image->entry = (uint32_t)header.e_entry;
    return true;
}

static bool add_symbol(struct image *image, const GElf_Sym *symbol, const char *name) {
    struct image_symbol *grown =
        realloc(image->symbols, (image->symbol_count + 1) * sizeof *image->symbols);
    if (!grown) {
        return false;
    }
    image->symbols = grown;
    char *copy = strdup(name);
    if (!copy) {
        return false;
    }
    unsigned type = GELF_ST_TYPE(symbol->st_info);
    bool is_function = type == STT_FUNC;
    grown[image->symbol_count++] = (struct image_symbol){
        // Bit 0 of a function's value says Thumb (ELF for the ARM Architecture, 5.5.3).
        .addr = (uint32_t)symbol->st_value & (is_function ? ~1u : ~0u),
        .size = (uint32_t)symbol->st_size,
        .kind = is_function          ? IMAGE_FUNCTION
                : type == STT_OBJECT ? IMAGE_OBJECT
                                     : IMAGE_LABEL,
        .is_weak = GELF_ST_BIND(symbol->st_info) == STB_WEAK,
        .name = copy,
    };
    return true;
}

static bool add_symbol_table(struct image *image, Elf *elf, Elf_Scn *section,
                             const GElf_Shdr *header) {
    Elf_Data *data = elf_getdata(section, NULL);
    if (!data || header->sh_entsize == 0) {
        return true; // a program without usable symbols is still a program
    }
    size_t count = data->d_size / header->sh_entsize;
    for (size_t i = 0; i < count; i++) {
        GElf_Sym symbol;
        if (!gelf_getsym(data, (int)i, &symbol)) {
            break;
        }
        unsigned type = GELF_ST_TYPE(symbol.st_info);
        bool is_named_place = type == STT_FUNC || type == STT_OBJECT ||
                              (type == STT_NOTYPE && GELF_ST_BIND(symbol.st_info) == STB_GLOBAL);
        if (!is_named_place || symbol.st_shndx == SHN_UNDEF) {
            continue;
        }
        const char *name = elf_strptr(elf, header->sh_link, symbol.st_name);
        if (name && name[0] != '\0' && !add_symbol(image, &symbol, name)) {
            return false;
        }
    }
    return true;
}

static int by_address(const void *left, const void *right) {
    const struct image_symbol *a = left;
    const struct image_symbol *b = right;
    if (a->addr != b->addr) {
        return a->addr < b->addr ? -1 : 1;
    }
    // Aliases: the one with a size is the better answer, so it comes last.
    if (a->size != b->size) {
        return a->size < b->size ? -1 : 1;
    }
    // A vector table's weak names all stand for one default handler, whose own name is the true one.
    if (a->is_weak != b->is_weak) {
        return a->is_weak ? -1 : 1;
    }
    return strcmp(a->name, b->name);
}

bool elf_read(struct image_contents *contents, const struct image_file *file,
              struct image_fault *fault) {
    struct image *image = image_only(contents, fault);
    if (!image || !check_header(file, fault) || !check_tables(file, fault)) {
        return false;
    }
    if (elf_version(EV_CURRENT) == EV_NONE) {
        return image_refuse(fault, "%s: libelf is too old", file->path);
    }
    // libelf does not write through a pointer opened for reading.
    Elf *elf = elf_memory((char *)(uintptr_t)file->bytes, file->len);
    if (!elf) {
        return image_refuse(fault, "%s: a damaged ELF file: %s", file->path, elf_errmsg(-1));
    }
    bool ok = add_segments(image, elf, file, fault);
    Elf_Scn *section = NULL;
    while (ok && (section = elf_nextscn(elf, section))) {
        GElf_Shdr header;
        if (gelf_getshdr(section, &header) && header.sh_type == SHT_SYMTAB &&
            !add_symbol_table(image, elf, section, &header)) {
            ok = image_no_memory(fault, file->path);
        }
    }
    (void)elf_end(elf);
    if (ok && image->symbol_count > 0) {
        qsort(image->symbols, image->symbol_count, sizeof *image->symbols, by_address);
    }
    return ok;
}

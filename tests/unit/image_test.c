// SPDX-License-Identifier: MIT
//
// image/: what each format gives, and each sentence with which a file is refused.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image/image.h"
#include "spec/bytes.h"

static char path[64];

static void file_is(const void *bytes, size_t len) {
    strcpy(path, "/tmp/redfu-image-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    close(fd);
}

static void loads(struct image *image, uint64_t addr) {
    struct image_fault fault = {.text = "no sentence"};
    image_init(image);
    if (!image_load(image, path, addr, &fault)) {
        fail_msg("%s", fault.text);
    }
    unlink(path);
}

static void refused(uint64_t addr, const char *words) {
    struct image image;
    struct image_fault fault = {.text = ""};
    image_init(&image);
    assert_false(image_load(&image, path, addr, &fault));
    unlink(path);
    if (!strstr(fault.text, words) || !strstr(fault.text, path)) {
        fail_msg("'%s' does not say '%s' of %s", fault.text, words, path);
    }
    image_free(&image);
}

static void hex_refused(const char *text, const char *words) {
    file_is(text, strlen(text));
    refused(IMAGE_NO_ADDRESS, words);
}

// -- Segments

static void segments_are_sorted_and_joined(void **state) {
    (void)state;
    struct image image;
    struct image_fault fault;
    image_init(&image);
    assert_true(image_add(&image, 0x2000, (const uint8_t *)"cc", 2, &fault));
    assert_true(image_add(&image, 0x1000, (const uint8_t *)"aa", 2, &fault));
    assert_int_equal(image.segment_count, 2);
    assert_int_equal(image.segments[0].addr, 0x1000);
    assert_true(image_add(&image, 0x1002, (const uint8_t *)"bb", 2, &fault));
    assert_int_equal(image.segment_count, 2);
    assert_int_equal(image.segments[0].len, 4);
    assert_memory_equal(image.segments[0].bytes, "aabb", 4);
    image_free(&image);
}

static void overlap_and_wrap_are_refused(void **state) {
    (void)state;
    struct image image;
    struct image_fault fault;
    image_init(&image);
    assert_true(image_add(&image, 0x1000, (const uint8_t *)"aaaa", 4, &fault));
    assert_false(image_add(&image, 0x1003, (const uint8_t *)"bb", 2, &fault));
    assert_string_equal(
        fault.text,
        "0x00001003-0x00001003 is given twice, and differently: 0x00001003 is 0x61 first, "
        "then 0x62");
    assert_false(image_add(&image, 0x0fff, (const uint8_t *)"bb", 2, &fault));
    assert_false(image_add(&image, 0xffffffff, (const uint8_t *)"bb", 2, &fault));
    assert_non_null(strstr(fault.text, "end of the address space"));
    assert_true(image_add(&image, 0xffffffff, (const uint8_t *)"b", 1, &fault));
    image_free(&image);
}

// -- Raw binary

static void binary_goes_where_it_is_told(void **state) {
    (void)state;
    struct image image;
    file_is("\x01\x02\x03", 3);
    loads(&image, 0x0800C000);
    assert_int_equal(image.segments[0].addr, 0x0800C000);
    assert_memory_equal(image.segments[0].bytes, "\x01\x02\x03", 3);
    image_free(&image);
}

static void binary_is_refused(void **state) {
    (void)state;
    file_is("\x01\x02\x03", 3);
    refused(IMAGE_NO_ADDRESS, "say where it goes");
    file_is("\x01\x02\x03", 3);
    refused(0xfffffffe, "end of the address space");
    file_is("", 0);
    refused(0x08000000, "the file is empty");
    strcpy(path, "/nonexistent/x.bin");
    refused(0, "No such file or directory");
    strcpy(path, "/tmp");
    refused(0, "not a regular file");
}

// -- Intel HEX

static void hex_records_are_understood(void **state) {
    (void)state;
    const char *text = ":020000040800F2\r\n"
                       ":04C0000001020304 32\n"
                       ":020000021000EC\n"
                       ":01FFFF00AA57\n"
                       ":0400000508000101ED\n"
                       ":00000001FF\n";
    struct image image;
    char fixed[256];
    size_t used = 0;
    for (const char *at = text; *at; at++) {
        if (*at != ' ') {
            fixed[used++] = *at;
        }
    }
    file_is(fixed, used);
    loads(&image, IMAGE_NO_ADDRESS);
    assert_int_equal(image.segment_count, 2);
    assert_int_equal(image.segments[0].addr, 0x1ffff);
    assert_int_equal(image.segments[1].addr, 0x0800C000);
    assert_memory_equal(image.segments[1].bytes, "\x01\x02\x03\x04", 4);
    assert_int_equal(image.entry, 0x08000101);
    image_free(&image);
}

static void hex_segment_offsets_wrap_at_64k(void **state) {
    (void)state;
    struct image image;
    const char *text = ":020000021000EC\n:02FFFF00AABB9B\n:00000001FF\n";
    file_is(text, strlen(text));
    loads(&image, IMAGE_NO_ADDRESS);
    assert_int_equal(image.segment_count, 2);
    assert_int_equal(image.segments[0].addr, 0x10000);
    assert_int_equal(image.segments[0].bytes[0], 0xBB);
    image_free(&image);
}

static void hex_is_refused(void **state) {
    (void)state;
    hex_refused(":0400000001020304F3\n:00000001FF\n", ":1: wrong checksum (F3, expected F2)");
    hex_refused(":0400000001020304F2\n", "no end record");
    hex_refused(":0400000001020304F2\n:04001000010203", ":2: the record holds 7 bytes");
    hex_refused(":0400000001020304F2\n:00000001FF\n:00000001FF\n", ":3: data after the end record");
    hex_refused(":0400000001020304F2\nhello\n", ":2: a record must begin with ':'");
    hex_refused(":0400000001020304F2\n:0400xx0001020304EE\n",
                ":2: not a pair of hexadecimal digits");
    hex_refused(":00000006FA\n:00000001FF\n", "unknown record type 06");
    hex_refused(":010000040AF1\n:00000001FF\n", "a type 04 record has 1 data bytes instead of 2");
    hex_refused(":0400000001020304F2\n:0200020001 02F9\n", ":2: not a pair");
    hex_refused(":0400000001020304F2\n:020002000102F9\n:00000001FF\n",
                ":2: 0x00000002-0x00000003 is given twice");
    hex_refused(":00000001FF\n", "holds no data");
    file_is(":0400000001020304F2\n:00000001FF\n", 32);
    refused(0x08000000, "carries its own addresses");
}

// -- ELF

struct elf {
    Elf32_Ehdr header;
    Elf32_Phdr segments[2];
    uint8_t code[8];
    char strings[24];
    Elf32_Sym symbols[3];
    Elf32_Shdr sections[3];
};

static struct elf elf_make(void) {
    struct elf elf = {
        .header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT},
                   .e_type = ET_EXEC,
                   .e_machine = EM_ARM,
                   .e_version = EV_CURRENT,
                   .e_entry = 0x08000101,
                   .e_phoff = offsetof(struct elf, segments),
                   .e_shoff = offsetof(struct elf, sections),
                   .e_ehsize = sizeof(Elf32_Ehdr),
                   .e_phentsize = sizeof(Elf32_Phdr),
                   .e_phnum = 2,
                   .e_shentsize = sizeof(Elf32_Shdr),
                   .e_shnum = 3},
        // .data: runs at 0x20000000, lies in flash behind the code, and grows by .bss
        .segments = {{.p_type = PT_LOAD,
                      .p_offset = offsetof(struct elf, code),
                      .p_vaddr = 0x08000100,
                      .p_paddr = 0x08000100,
                      .p_filesz = 4,
                      .p_memsz = 4},
                     {.p_type = PT_LOAD,
                      .p_offset = offsetof(struct elf, code) + 4,
                      .p_vaddr = 0x20000000,
                      .p_paddr = 0x08000200,
                      .p_filesz = 4,
                      .p_memsz = 400}},
        .code = {1, 2, 3, 4, 5, 6, 7, 8},
        .strings = "\0main\0usb_isr",
        // A weak name for the same place, which comes behind by the alphabet.
        .symbols = {{0},
                    {.st_name = 6,
                     .st_value = 0x08000101,
                     .st_size = 4,
                     .st_info = ELF32_ST_INFO(STB_WEAK, STT_FUNC),
                     .st_shndx = SHN_ABS},
                    {.st_name = 1,
                     .st_value = 0x08000101,
                     .st_size = 4,
                     .st_info = ELF32_ST_INFO(STB_GLOBAL, STT_FUNC),
                     .st_shndx = SHN_ABS}},
        .sections = {{0},
                     {.sh_type = SHT_SYMTAB,
                      .sh_offset = offsetof(struct elf, symbols),
                      .sh_size = sizeof(Elf32_Sym) * 3,
                      .sh_entsize = sizeof(Elf32_Sym),
                      .sh_addralign = 4,
                      .sh_link = 2},
                     {.sh_type = SHT_STRTAB,
                      .sh_offset = offsetof(struct elf, strings),
                      .sh_size = 24,
                      .sh_addralign = 1}},
    };
    return elf;
}

static void elf_loads_at_physical_addresses(void **state) {
    (void)state;
    struct elf elf = elf_make();
    struct image image;
    file_is(&elf, sizeof elf);
    loads(&image, IMAGE_NO_ADDRESS);
    assert_int_equal(image.segment_count, 2);
    assert_int_equal(image.segments[1].addr, 0x08000200);
    assert_int_equal(image.segments[1].len, 4);
    assert_memory_equal(image.segments[1].bytes, elf.code + 4, 4);
    assert_int_equal(image.entry, 0x08000101);
    const struct image_symbol *symbol = image_symbol_at(&image, 0x08000102);
    assert_non_null(symbol);
    assert_string_equal(symbol->name, "main");
    assert_int_equal(symbol->addr, 0x08000100);
    assert_null(image_symbol_at(&image, 0x08000104));
    assert_null(image_symbol_at(&image, 0x080000ff));
    uint32_t addr;
    assert_true(image_symbol_find(&image, "main", &addr));
    assert_true(image_symbol_find(&image, "usb_isr", &addr));
    assert_false(image_symbol_find(&image, "nain", &addr));
    image_free(&image);
}

static void elf_is_refused(void **state) {
    (void)state;
    struct elf elf = elf_make();
    // Cut anywhere it is a truncated file, whatever is missing.
    for (size_t len = 4; len < sizeof elf; len++) {
        file_is(&elf, len);
        refused(IMAGE_NO_ADDRESS, "truncated");
    }
    elf.header.e_machine = EM_386;
    file_is(&elf, sizeof elf);
    refused(IMAGE_NO_ADDRESS, "for 32-bit x86, not for a 32-bit ARM");
    elf.header.e_machine = 0x1234;
    file_is(&elf, sizeof elf);
    refused(IMAGE_NO_ADDRESS, "for machine 4660");
    elf = elf_make();
    elf.header.e_ident[EI_CLASS] = ELFCLASS64;
    file_is(&elf, sizeof elf);
    refused(IMAGE_NO_ADDRESS, "64-bit");
    elf = elf_make();
    elf.header.e_type = ET_REL;
    file_is(&elf, sizeof elf);
    refused(IMAGE_NO_ADDRESS, "an ELF object file, not a linked executable");
    elf = elf_make();
    elf.segments[0].p_type = PT_NULL;
    elf.segments[1].p_filesz = 0;
    file_is(&elf, sizeof elf);
    refused(IMAGE_NO_ADDRESS, "without a loadable segment");
    elf = elf_make();
    elf.segments[1].p_paddr = 0x08000102;
    file_is(&elf, sizeof elf);
    refused(IMAGE_NO_ADDRESS, "0x08000102-0x08000103 is given twice");
    elf = elf_make();
    file_is(&elf, sizeof elf);
    refused(0x08000000, "carries its own addresses");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_are_sorted_and_joined),
        cmocka_unit_test(overlap_and_wrap_are_refused),
        cmocka_unit_test(binary_goes_where_it_is_told),
        cmocka_unit_test(binary_is_refused),
        cmocka_unit_test(hex_records_are_understood),
        cmocka_unit_test(hex_segment_offsets_wrap_at_64k),
        cmocka_unit_test(hex_is_refused),
        cmocka_unit_test(elf_loads_at_physical_addresses),
        cmocka_unit_test(elf_is_refused),
    };
    return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}

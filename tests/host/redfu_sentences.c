// SPDX-License-Identifier: MIT
//
// Sentences of refusal and their exit statuses that no other test meets: a row each. script/check-sentences
// holds the sources against all tests.

#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/redfu.h"
#include "spec/bytes.h"
#include "spec/dfu.h"
#include "tests/host/folder.h"
#include "tests/host/redfu_desk.h"
#include "tests/host/redfu_run.h"

static char folder[] = "/tmp/redfu-sentences-XXXXXX";

// --- Files ---------------------------------------------------------------------------------------

#define ELF_BYTES 200u

// An executable of one segment, 100 bytes for 0x0800C000.
static void make_elf(uint8_t bytes[ELF_BYTES], Elf32_Ehdr **header, Elf32_Phdr **segment) {
    static const Elf32_Ehdr good = {
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_EXEC,
        .e_machine = EM_ARM,
        .e_version = EV_CURRENT,
        .e_phoff = sizeof(Elf32_Ehdr),
        .e_ehsize = sizeof(Elf32_Ehdr),
        .e_phentsize = sizeof(Elf32_Phdr),
        .e_phnum = 1,
    };
    static const Elf32_Phdr load = {.p_type = PT_LOAD,
                                    .p_offset = 100,
                                    .p_vaddr = DESK_APPLICATION,
                                    .p_paddr = DESK_APPLICATION,
                                    .p_filesz = 100,
                                    .p_memsz = 100};
    memset(bytes, 0x55, ELF_BYTES);
    memcpy(bytes, &good, sizeof good);
    memcpy(bytes + sizeof good, &load, sizeof load);
    *header = (void *)bytes;
    *segment = (void *)(bytes + sizeof good);
}

static int set_up(void **unused) {
    (void)unused;
    _Alignas(Elf32_Ehdr) uint8_t elf[ELF_BYTES];
    Elf32_Ehdr *header;
    Elf32_Phdr *segment;
    assert_non_null(mkdtemp(folder));
    make_elf(elf, &header, &segment);
    folder_put(folder, "good.elf", elf, sizeof elf);
    folder_put(folder, "short.elf", elf, 40);
    header->e_ident[EI_CLASS] = ELFCLASS64;
    folder_put(folder, "64.elf", elf, sizeof elf);
    make_elf(elf, &header, &segment);
    header->e_ident[EI_DATA] = ELFDATA2MSB;
    header->e_machine = (Elf32_Half)(EM_ARM << 8);
    folder_put(folder, "big-endian.elf", elf, sizeof elf);
    make_elf(elf, &header, &segment);
    header->e_type = ET_CORE;
    folder_put(folder, "core.elf", elf, sizeof elf);
    header->e_type = ET_REL;
    folder_put(folder, "object.elf", elf, sizeof elf);
    header->e_type = ET_DYN;
    folder_put(folder, "shared.elf", elf, sizeof elf);
    make_elf(elf, &header, &segment);
    header->e_phnum = 100;
    folder_put(folder, "no-program-headers.elf", elf, sizeof elf);
    make_elf(elf, &header, &segment);
    header->e_shoff = 100;
    header->e_shentsize = sizeof(Elf32_Shdr);
    header->e_shnum = 7;
    folder_put(folder, "no-section-headers.elf", elf, sizeof elf);
    make_elf(elf, &header, &segment);
    segment->p_filesz = 101;
    folder_put(folder, "cut.elf", elf, sizeof elf);
    make_elf(elf, &header, &segment);
    segment->p_memsz = segment->p_filesz - 1;
    folder_put(folder, "more.elf", elf, sizeof elf);
    make_elf(elf, &header, &segment);
    segment->p_paddr = 0xfffffff0u;
    folder_put(folder, "far.elf", elf, sizeof elf);
    make_elf(elf, &header, &segment);
    header->e_ident[EI_VERSION] = 7;
    folder_put(folder, "version.elf", elf, sizeof elf);
    make_elf(elf, &header, &segment);
    header->e_phnum = 0;
    folder_put(folder, "empty.elf", elf, sizeof elf);
    folder_put(folder, "short.dfu", "DfuSe\1", 6);
    folder_put(folder, "odd.txt", "neither this nor that", 21);
    static const char gap[] = ":020000040800F2\n:10C000000000000000000000000000000000000030\n"
                              ":020000042800D2\n:1000000000000000000000000000000000000000F0\n"
                              ":00000001FF\n";
    folder_put(folder, "gap.hex", gap, sizeof gap - 1);
    memset(elf, 0x55, sizeof elf);
    folder_put(folder, "data.bin", elf, sizeof elf);
    cli_put_startable(folder);
    folder_put(folder, "huge.bin", "", 0);
    folder_stretch(folder, "huge.bin", 1l << 30);
    return 0;
}

static int tear_down(void **unused) {
    (void)unused;
    return folder_remove(folder);
}

// --- The command line, and files -----------------------------------------------------------------

struct row {
    const char *words;
    int status;
    const char *sentence;
};

static void check_rows(const struct row *rows, size_t count) {
    struct bench *bench = bench_new();
    uint8_t *before = malloc(DESK_FLASH_BYTES);
    assert_non_null(before);
    memcpy(before, bench->desk->flash, DESK_FLASH_BYTES);
    for (size_t i = 0; i < count; i++) {
        cli_ends(bench, folder, rows[i].words, rows[i].status, rows[i].sentence);
        assert_int_equal(bench_count(bench, 0, DFU_DNLOAD), 0);
    }
    assert_memory_equal(before, bench->desk->flash, DESK_FLASH_BYTES);
    free(before);
    bench_free(bench);
}

#define SOME "0123456789abcdef"
#define MANY SOME SOME SOME SOME
#define LONG MANY "/" MANY "/" MANY "/" MANY "/" MANY "/" MANY "/" MANY "/" MANY "/"
#define PATH LONG LONG LONG LONG LONG LONG LONG LONG LONG // 4680 characters
#define IDS  " --usb-id 1:2 --usb-id 1:2 --usb-id 1:2 --usb-id 1:2 --usb-id 1:2"

static void what_is_wrong_with_the_command_line_is_said(void **unused) {
    (void)unused;
    static const struct row rows[] = {
        {"write", 2, "redfu write"},
        {"write %/data.bin --serial", 2, "--serial wants a value after it"},
        {"write @0x0800C000", 2, "\"@0x0800C000\" names no file"},
        {"read 0x0800C000 0 %/x", 2, "a length of 0 is nothing to do"},
        {"read 0xFFFFFFFF 2 %/x", 2,
         "2 bytes from 0xFFFFFFFF on pass the end of the address space"},
        {"write %/data.bin --verify=read --no-verify", 2,
         "--verify=read and --no-verify contradict each other"},
        {"read 0x0800C000 1K a b c d e f g h i j k l m n o p q r s t u v", 2, " is one too many: "},
        {"settings set 0x12345 text:x", 2, "0x12345 is no key: they end at 0x"},
        {"settings set 0x5555 hex:123", 2,
         "hex: wants two digits a byte, at most 255 bytes, not 3 digits"},
        {"settings set 0x5555 hex:1234zz", 2, "\"zz\" is no byte in hexadecimal"},
        {"settings set 0x5555 text:" MANY MANY MANY MANY, 2,
         "a setting has at most 255 bytes, not 256"},
        {"settings set 0x5555 17", 2,
         "how is 17 to be kept? u8:17, u16:17 or u32:17 is a number, text:17 its characters"},
        {"settings set 0x5555 u64:1", 2,
         "\"u64:1\" is of no type there is: u8:, u16: and u32: are numbers, hex: is bytes; "
         "text:u64:1"},
        {"settings set 0x5555 i8:-1", 2, "\"i8:-1\" is of no type there is"},
        {"convert %/good.elf - --to bin", 2,
         "\"-\" names no file, and nothing is written to standard output: ./- is a file"},
        {"seal %/good.elf -", 2, "\"-\" names no file"},
        {"read 0x0800C000 1K -", 2, "\"-\" names no file"},
        {"settings backup -", 2, "\"-\" names no file"},
        {"udev-rules --output -", 2, "\"-\" names no file"},
        {"udev-rules" IDS IDS IDS IDS IDS IDS IDS IDS IDS IDS, 2,
         "--usb-id is one option too many"},
        {"read 0x0800C000 1K " PATH, 13, "the file name is too long"},
        {"write %/good.elf --trace %/good.elf", 2, "/good.elf is also what the command names"},
        {"verify %/gap.hex %/good.elf --trace %/./good.elf", 2, "is also what the command names"},
        {"seal %/good.elf %/x.elf --trace %/x.elf", 2, "/x.elf is also what the command names"},
        {"read 0x0800C000 1K %/x --trace %/x", 2, "/x is also what the command names"},
        {"settings backup %/x --trace %/x", 2, "/x is also what the command names"},
        {"doctor --log %/gap.hex --html %/gap.hex", 2, "/gap.hex is also what --log names"},
        {"doctor --html %/x --trace %/x", 2, "/x is also what --html names"},
        {"factory %/x.hex --boot %/good.elf --app %/gap.hex --trace %/gap.hex", 2,
         "/gap.hex is also what --app names"},
        {"fwupd-package %/good.elf %/x.cab --usb-id 1209:0001 --release 1 --quirk %/x.cab", 2,
         "/x.cab is also what the command names"},
        {"convert %/good.elf %/x.odd", 2, "what format that is to be its name does not say"},
    };
    check_rows(rows, sizeof rows / sizeof *rows);
}

static void what_is_wrong_with_a_file_is_said(void **unused) {
    (void)unused;
    static const struct row rows[] = {
        {"write %/short.elf", 12, "a truncated ELF file: 40 bytes, its header alone is 52"},
        {"write %/64.elf", 12, "a 64-bit ELF file; a 32-bit one is needed"},
        {"write %/big-endian.elf", 12, "a big-endian ELF file; the chip is little-endian"},
        {"write %/core.elf", 12, "an ELF file of an odd type, not a linked executable"},
        {"write %/object.elf", 12, "an ELF object file, not a linked executable"},
        {"write %/shared.elf", 12, "an ELF shared object, not a linked executable"},
        {"write %/no-program-headers.elf", 12,
         "a truncated ELF file: the program headers end at byte 3252 of 200"},
        {"write %/no-section-headers.elf", 12,
         "a truncated ELF file: the section headers end at byte 380 of 200"},
        {"write %/cut.elf", 12,
         "a truncated ELF file: the segment for 0x0800C000 ends at byte 201 of 200"},
        {"write %/more.elf", 12,
         "a damaged ELF file: the segment for 0x0800C000 has 100 bytes in the file and 99 in "
         "memory"},
        {"write %/data.bin@0x0800_C000", 10,
         "/data.bin is there, and \"0x0800_C000\" is no address: a number"},
        {"write %/none.bin@0x0800_C000", 10, "/none.bin@0x0800_C000: No such file or directory\n"},
        {"write %/far.elf", 12, "the segment for 0xFFFFFFF0 passes the end of addresses"},
        {"write %/version.elf", 12, "a damaged ELF file: "},
        {"write %/empty.elf", 12, "an ELF file without a loadable segment"},
        {"write %/short.dfu", 12, "a truncated DfuSe file: 6 bytes, its headers alone are 285"},
        {"convert %/odd.txt %/x.hex", 2, "a raw binary has no address, and the output wants one"},
        {"seal %/gap.hex %/x.hex", 12,
         "the image spans 0x0800C000-0x2800000F: with its gaps and the stamp that is "},
        {"write %/huge.bin", 12, "too large for a firmware image (1073741824 bytes)"},
        {"write %/data.bin@0xFFFFFF80", 2,
         "200 bytes at 0xFFFFFF80 pass the end of the address space"},
    };
    check_rows(rows, sizeof rows / sizeof *rows);
}

// --- The device ----------------------------------------------------------------------------------

static void what_a_device_does_is_said(void **unused) {
    (void)unused;
    static const struct {
        const char *words;
        struct bench how; // stall_at, lose_at, break_at, pretend, lost_sums, wrong_sums
        int status;
        const char *sentence;
    } rows[] = {
        {"erase 0x0800C000 1", {.stall_at = 4}, 41, "the device answered STALL to GETSTATE"},
        {"erase 0x0800C000 1", {.lose_at = 4}, 41, "the device gave no answer in time to GETSTATE"},
        {"erase 0x0800C000 1",
         {.break_at = 4},
         41,
         "the USB transfer broke off in the answer to GETSTATE"},
        {"erase 0x0800C000 1",
         {.pretend = {DFU_STATE_APP_DETACH}},
         43,
         "preparing: the device is not in DFU mode (state 1, appDETACH)"},
        {"erase 0x0800C000 1",
         {.pretend = {DFU_STATE_UPLOAD_IDLE}},
         43,
         "preparing: the device cannot be led to dfuIDLE (state 9, dfuUPLOAD-IDLE)"},
        {"verify %/good.bin",
         {.stall_at = 3},
         35,
         "the device refuses its own alternate setting 0"},
        {"verify %/good.bin", {.lost_sums = true}, 41, "the device did not answer the region hash"},
        {"verify %/good.bin",
         {.lost_sums = true},
         41,
         "Give the command again with --verify=read, and write with --full besides"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bench *bench = bench_new();
        bench->stall_at = rows[i].how.stall_at;
        bench->lose_at = rows[i].how.lose_at;
        bench->break_at = rows[i].how.break_at;
        memcpy(bench->pretend, rows[i].how.pretend, sizeof bench->pretend);
        bench->lost_sums = rows[i].how.lost_sums;
        cli_ends(bench, folder, rows[i].words, rows[i].status, rows[i].sentence);
        assert_int_equal(bench_count(bench, 0, DFU_DNLOAD), 0);
        bench_free(bench);
    }
}

static void a_sum_that_is_wrong_where_reading_finds_nothing_is_said(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    struct outcome outcome = cli_run(bench, folder, "write %/good.bin --no-run", false);
    assert_int_equal(outcome.status, 0);
    outcome_free(&outcome);
    bench->wrong_sums = true;
    cli_ends(bench, folder, "verify %/good.bin", 44,
             "the file's is not, though what can be read is the same");
    bench_free(bench);
}

static void a_file_of_what_was_kept_is_never_replaced(void **unused) {
    (void)unused;
    char here[1024];
    assert_non_null(getcwd(here, sizeof here));
    folder_put(folder, "redfu-kept-0123456789AB.hex", ":00000001FF\n", 12);
    struct bench *bench = bench_new();
    memset(bench_flash(bench, DESK_APPLICATION), 0x77, 16384);
    assert_int_equal(chdir(folder), 0);
    cli_ends(bench, folder, "write %/good.bin --keep --no-run", 13,
             "redfu-kept-0123456789AB.hex exists already: a write with --keep may have ended "
             "before it had put that back");
    assert_int_equal(*bench_flash(bench, DESK_APPLICATION), 0x77);
    bench_free(bench);
    assert_int_equal(chdir(here), 0);
}

static void one_board_of_several_has_the_status_it_would_have_alone(void **unused) {
    (void)unused;
    static const struct {
        bool denied;
        const char *words, *status, *sentence;
    } rows[] = {
        {true, "write --all %/good.bin", " (32)\n", "desk: denied at 1-1"},
        {false, "write --all %/good.bin", " (33)\n", "desk: busy at 1-1"},
        {true, "verify --all %/good.bin", " (32)\n", "desk: denied at 1-1"},
        {false, "run --all", " (33)\n", "desk: busy at 1-1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bench *bench = bench_new();
        bench->denied = rows[i].denied;
        bench->busy = !rows[i].denied;
        struct outcome outcome = cli_run(bench, folder, rows[i].words, false);
        assert_int_equal(outcome.status, REDFU_SOME_FAILED);
        cli_says(outcome.out, rows[i].sentence);
        cli_says(outcome.out, rows[i].status);
        assert_int_equal(bench->log_count, 0);
        outcome_free(&outcome);
        bench_free(bench);
    }
}

// --- What the library is asked for ---------------------------------------------------------------

static void a_memory_without_a_sector_to_erase_is_said(void **unused) {
    (void)unused;
    struct redfu_layout layout;
    struct redfu_plan plan;
    struct redfu_fault fault;
    assert_int_equal(redfu_layout_parse("@ROM/0x08000000/04*016Ka", &layout, &fault), REDFU_OK);
    assert_int_equal(redfu_plan_erase_all(&layout, &plan, &fault), REDFU_READ_ONLY);
    assert_string_equal(fault.text, "the memory \"ROM\" has no sector that can be erased");
}

static void settings_that_cannot_be_made_are_said(void **unused) {
    (void)unused;
    static uint8_t pages[2 * 16384];
    static struct redfu_setting settings[100];
    struct redfu_fault fault;
    settings[0].key = 0xffff;
    assert_int_equal(redfu_settings_make(settings, 1, pages, 16384, &fault), REDFU_USAGE);
    cli_says(fault.text, "key 0xFFFF cannot be set: those from 0x");
    for (unsigned i = 0; i < 100; i++) {
        settings[i] = (struct redfu_setting){.key = (uint16_t)(1 + i), .len = 255};
    }
    assert_int_equal(redfu_settings_make(settings, 100, pages, 16384, &fault), REDFU_TOO_LARGE);
    cli_says(fault.text, "100 settings do not fit a page of 16384 bytes: the first ");
}

static void a_layout_that_cannot_be_used_is_said(void **unused) {
    (void)unused;
    static const struct {
        const char *text, *sentence;
    } rows[] = {
        {"@Flash/0x08000000/04*016Kx", "no unit (B, K, M) and type letter (a to g)"},
        {"@Flash/0x08000000/04*016Kg/0x08004000/01*016Kg", "sectors that lie over others"},
        {"@A name that is much longer than what any device of this world would ever call a memory, "
         "and "
         "longer still than what there is room for/0x08000000/04*016Kg",
         "too long a name"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct redfu_layout layout;
        struct redfu_fault fault;
        assert_int_equal(redfu_layout_parse(rows[i].text, &layout, &fault), REDFU_BAD_DEVICE);
        cli_says(fault.text, rows[i].sentence);
    }
    char many[1024] = "@Flash/0x00000000/1*1Kg";
    for (unsigned i = 0; i < 70; i++) {
        strcat(many, ",1*1Kg");
    }
    struct redfu_layout layout;
    struct redfu_fault fault;
    assert_int_equal(redfu_layout_parse(many, &layout, &fault), REDFU_BAD_DEVICE);
    cli_says(fault.text, "too many groups of sectors");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_with_the_command_line_is_said),
        cmocka_unit_test(what_is_wrong_with_a_file_is_said),
        cmocka_unit_test(what_a_device_does_is_said),
        cmocka_unit_test(a_sum_that_is_wrong_where_reading_finds_nothing_is_said),
        cmocka_unit_test(a_file_of_what_was_kept_is_never_replaced),
        cmocka_unit_test(one_board_of_several_has_the_status_it_would_have_alone),
        cmocka_unit_test(a_memory_without_a_sector_to_erase_is_said),
        cmocka_unit_test(settings_that_cannot_be_made_are_said),
        cmocka_unit_test(a_layout_that_cannot_be_used_is_said),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

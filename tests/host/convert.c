// SPDX-License-Identifier: MIT
//
// `redfu convert` and what write and verify take: every pair of formats, there and back, and every sentence
// and exit status a person can meet with files. In this process, on the desk; what dfu-util and fwupd make of
// the files is tests/hosts/convert.c's.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/cli.h"
#include "tests/host/folder.h"
#include "tests/host/redfu_desk.h"
#include "tests/host/redfu_run.h"

#define IMAGE_BYTES 5000u

static char folder[] = "/tmp/redfu-convert-XXXXXX";
static uint8_t image[IMAGE_BYTES];
static struct bench *bench;

static void assert_holds(const char *name, const void *bytes, size_t len) {
    static uint8_t is[0x110000];
    FILE *file = fopen(folder_path(folder, name), "rb");
    assert_non_null(file);
    assert_int_equal(fread(is, 1, sizeof is, file), len);
    (void)fclose(file);
    assert_memory_equal(is, bytes, len);
}

// "%" in the words is the folder.
static void does(const char *words, const char *says) {
    struct outcome outcome = cli_run(bench, folder, words, false);
    if (outcome.status != 0 || !strstr(outcome.out, says)) {
        fail_msg("redfu %s: status %d, or no \"%s\" in:\n%s%s", words, outcome.status, says,
                 outcome.out, outcome.err);
    }
    outcome_free(&outcome);
}

// The whole sentence, with the folder cut out of it; and the output, if `made` names one, is not there.
static void refuses(const char *words, int status, const char *sentence, const char *made) {
    struct outcome outcome = cli_run(bench, folder, words, false);
    char is[4096];
    size_t len = 0;
    for (const char *at = outcome.err; *at && len < sizeof is - 1;) {
        if (strncmp(at, folder, strlen(folder)) == 0) {
            at += strlen(folder) + 1;
        } else {
            is[len++] = *at++;
        }
    }
    is[len] = '\0';
    char wanted[2048];
    (void)snprintf(wanted, sizeof wanted, "redfu: %s\n", sentence);
    if (outcome.status != status || strncmp(is, wanted, strlen(wanted)) != 0) {
        fail_msg("redfu %s: status %d instead of %d, or not \"%s\" but:\n%s", words, outcome.status,
                 status, sentence, is);
    }
    if (made) {
        assert_false(folder_has(folder, made));
    }
    outcome_free(&outcome);
}

static int set_up(void **unused) {
    (void)unused;
    assert_non_null(mkdtemp(folder));
    for (unsigned i = 0; i < sizeof image; i++) {
        image[i] = (uint8_t)(i * 11 + i / 253);
    }
    store_le32(image, 0x20020000u);
    store_le32(image + 4, DESK_APPLICATION + 0x201u);
    folder_put(folder, "good.bin", image, sizeof image);
    folder_put(folder, "settings.bin", "key", 3);
    folder_put(folder, "empty.bin", "", 0);
    folder_put(folder, "broken.hex", ":0400000001020304F3\n", 20);
    bench = bench_new();
    return 0;
}

static int tear_down(void **unused) {
    (void)unused;
    bench_free(bench);
    return folder_remove(folder);
}

// --- What works ----------------------------------------------------------------------------------

static void every_format_becomes_every_other_and_comes_back(void **unused) {
    (void)unused;
    static const struct {
        const char *word, *extension;
        bool is_flat;
    } formats[] = {{"bin", "bin", true},    {"hex", "hex", false},   {"elf", "elf", false},
                   {"srec", "srec", false}, {"dfuse", "dfu", false}, {"dfu", "dfu1", true},
                   {"uf2", "uf2", false}};
    const char *at = "@0x0800C000";
    for (unsigned i = 0; i < 7; i++) {
        char words[512];
        (void)snprintf(words, sizeof words, "convert %%/good.bin@0x0800C000 %%/first.%s --to %s",
                       formats[i].extension, formats[i].word);
        does(words, "5000 bytes in 1 piece, 0x0800C000-0x0800D387");
        for (unsigned j = 0; j < 7; j++) {
            (void)snprintf(words, sizeof words, "convert %%/first.%s%s %%/second.%s --to %s",
                           formats[i].extension, formats[i].is_flat ? at : "", formats[j].extension,
                           formats[j].word);
            does(words, "5000 bytes in 1 piece, 0x0800C000-0x0800D387");
            (void)snprintf(words, sizeof words, "convert %%/second.%s%s %%/back.bin",
                           formats[j].extension, formats[j].is_flat ? at : "");
            does(words, "5000 bytes");
            assert_holds("back.bin", image, sizeof image);
        }
    }
}

static void several_files_become_one_with_gaps_filled(void **unused) {
    (void)unused;
    folder_put(folder, "one.bin", "ONE", 3);
    folder_put(folder, "two.bin", "TWO", 3);
    does("convert %/two.bin@0x08000008 %/one.bin@0x08000000 %/both.hex",
         "both.hex: an Intel HEX file, 6 bytes in 2 pieces, 0x08000000-0x0800000A");
    does("convert %/both.hex %/both.bin --fill 0x2E", "11 bytes in 1 piece");
    assert_holds("both.bin", "ONE.....TWO", 11);
    does("convert %/both.hex %/part.bin --range 0x08000001-0x08000009 --fill 46", "9 bytes");
    assert_holds("part.bin", "NE.....TW", 9);
    does("convert %/both.hex %/part.bin --range 0x08000001+1", "1 bytes in 1 piece");
    assert_holds("part.bin", "N", 1);
    does("convert %/both.hex %/part.bin --range 0x08001000+4 --fill 46", "4 bytes");
    assert_holds("part.bin", "....", 4);
    // Raw to raw needs no address.
    does("convert %/one.bin %/same.bin", "3 bytes");
    does("convert %/one.bin %/suffixed.dfu --to dfu", "for any device");
    does("convert %/suffixed.dfu %/bare.bin", "Not in it: the USB identity FFFF:FFFF");
    assert_holds("bare.bin", "ONE", 3);
}

static void targets_are_merged_chosen_and_renumbered(void **unused) {
    (void)unused;
    does("convert %/good.bin@0x0800C000 %/app.dfu", "alternate setting 0, for 0483:DF11");
    does("convert %/settings.bin@0x5E700000 %/set.dfu --alt 2 --target Settings --usb-id 0483:DF11 "
         "--release 1.2",
         "alternate setting 2, for 0483:DF11");
    does("convert %/app.dfu %/set.dfu %/both.dfu", "both.dfu: a DfuSe file, 3 bytes in 1 piece, "
                                                   "0x5E700000-0x5E700002, alternate setting 2");
    does("convert %/both.dfu %/key.bin --from-alt 2", "3 bytes");
    assert_holds("key.bin", "key", 3);
    does("convert %/both.dfu %/renumbered.dfu --from-alt 0 --alt 1", "alternate setting 1");
    does("convert %/renumbered.dfu %/app.hex", "Not in it: the alternate setting it was for");
    does("convert %/app.dfu %/any.dfu --usb-id FFFF:FFFF", "for any device");
    does("convert %/app.dfu %/own.uf2 --family STM32F7", "own.uf2: a UF2 file");
    does("convert %/own.uf2 %/own.bin --family 0x53b80f00", "5000 bytes");
    assert_holds("own.bin", image, sizeof image);
}

static void what_does_not_come_along_is_told(void **unused) {
    (void)unused;
    does("convert %/good.bin@0x0800C000 %/app.dfu --usb-id 1209:0001", "for 1209:0001");
    struct outcome outcome = cli_run(bench, folder, "convert %/app.dfu %/app.bin", false);
    assert_int_equal(outcome.status, 0);
    assert_non_null(strstr(outcome.out, "Not in it: the address\n"));
    assert_non_null(strstr(outcome.out, "Not in it: the USB identity 1209:0001 of "));
    outcome_free(&outcome);
    does("convert -q %/app.dfu %/app.bin", "");
}

static void write_takes_every_format_and_several_files(void **unused) {
    (void)unused;
    static const char *const words[] = {
        "convert %/good.bin@0x0800C000 %/f.hex",         "write %/f.hex",
        "convert %/good.bin@0x0800C000 %/f.s19",         "write %/f.s19",
        "convert %/good.bin@0x0800C000 %/f.uf2",         "write %/f.uf2",
        "convert %/good.bin@0x0800C000 %/f.elf",         "write %/f.elf",
        "convert %/good.bin@0x0800C000 %/f.dfu",         "write %/f.dfu",
        "convert %/good.bin@0x0800C000 %/f.dfu --alt 1", "write %/f.dfu",
        "convert %/good.bin %/f.dfu --to dfu",           "write %/f.dfu",
    };
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i += 2) {
        does(words[i], "5000 bytes");
        struct bench *fresh = bench_new();
        struct outcome outcome = cli_run(fresh, folder, words[i + 1], false);
        if (outcome.status != 0) {
            fail_msg("%s after %s: %s", words[i + 1], words[i], outcome.err);
        }
        assert_memory_equal(bench_flash(fresh, DESK_APPLICATION), image, sizeof image);
        outcome_free(&outcome);
        bench_free(fresh);
    }
    struct bench *fresh = bench_new();
    struct outcome outcome =
        cli_run(fresh, folder, "write %/settings.bin@0x08010000 %/good.bin@0x0800C000", false);
    assert_string_equal(outcome.err, "");
    assert_int_equal(outcome.status, 0);
    assert_non_null(strstr(outcome.out, "settings.bin and others: 5003 bytes at "
                                        "0x0800C000-0x08010002"));
    assert_memory_equal(bench_flash(fresh, DESK_APPLICATION), image, sizeof image);
    assert_memory_equal(bench_flash(fresh, 0x08010000), "key", 3);
    outcome_free(&outcome);
    bench_free(fresh);
}

// --- What is refused -----------------------------------------------------------------------------

static void files_that_are_wrong_are_refused(void **unused) {
    (void)unused;
    refuses("convert %/none.hex %/out.bin", 10, "none.hex: No such file or directory", "out.bin");
    refuses("convert %/empty.bin %/out.bin", 11,
            "empty.bin: the file is empty, there is nothing to load", "out.bin");
    refuses("convert %/broken.hex %/out.bin", 12, "broken.hex:1: wrong checksum (F3, expected F2)",
            "out.bin");
    refuses("write %/broken.hex", 12, "broken.hex:1: wrong checksum (F3, expected F2)", NULL);
    refuses("convert %/good.bin %/missing/out.bin", 13,
            "missing/out.bin: cannot be written: No such file or directory", NULL);
}

static void only_a_regular_file_is_replaced(void **unused) {
    (void)unused;
    assert_int_equal(mkfifo(folder_path(folder, "pipe"), 0600), 0);
    assert_int_equal(symlink("nowhere/at/all", folder_path(folder, "link.bin")), 0);
    assert_int_equal(symlink("real.bin", folder_path(folder, "alias.bin")), 0);
    static const char not_regular[] = "cannot be written: what is there is not a regular file";
    char sentence[160];
    (void)snprintf(sentence, sizeof sentence, "pipe: %s", not_regular);
    refuses("convert %/good.bin %/pipe --to bin", 13, sentence, NULL);
    refuses("udev-rules -o %/pipe", 13, sentence, NULL);
    refuses("read 0x0800C000 16 %/pipe", 13, sentence, NULL);
    (void)snprintf(sentence, sizeof sentence, "link.bin: %s", not_regular);
    refuses("convert %/good.bin %/link.bin", 13, sentence, NULL);
    struct stat there;
    assert_int_equal(lstat(folder_path(folder, "pipe"), &there), 0);
    assert_true(S_ISFIFO(there.st_mode));
    assert_int_equal(lstat(folder_path(folder, "link.bin"), &there), 0);
    assert_true(S_ISLNK(there.st_mode));
    folder_put(folder, "real.bin", "old", 3);
    does("convert %/good.bin@0x0800C000 %/alias.bin", "5000 bytes");
    assert_int_equal(lstat(folder_path(folder, "alias.bin"), &there), 0);
    assert_true(S_ISLNK(there.st_mode));
    assert_holds("real.bin", image, sizeof image);
}

static void files_that_overlap_are_refused(void **unused) {
    (void)unused;
    does("convert %/good.bin@0x0800C000 %/f.hex", "5000 bytes");
    refuses("convert %/f.hex@0x08000000 %/out.bin", 2,
            "f.hex: an Intel HEX file carries its own addresses; leave out @0x08000000", "out.bin");
    refuses("convert %/f.hex %/f.hex %/out.bin", 12,
            "f.hex, on top of the files before it: 0x0800C000-0x0800D387 is given twice, with the "
            "same bytes",
            "out.bin");
    refuses(
        "convert %/f.hex %/settings.bin@0x0800C002 %/out.bin", 12,
        "settings.bin, on top of the files before it: 0x0800C002-0x0800C004 is given twice, and "
        "differently: 0x0800C002 is 0x02 first, then 0x6B",
        "out.bin");
    refuses(
        "write %/good.bin@0x0800C000 %/settings.bin@0x0800C002", 12,
        "settings.bin, on top of the files before it: 0x0800C002-0x0800C004 is given twice, and "
        "differently: 0x0800C002 is 0x02 first, then 0x6B",
        NULL);
    refuses("write %/good.bin %/settings.bin@0x08010000", 2,
            "good.bin: a raw binary beside other files: say where it goes, as in "
            "good.bin@0x0800C000",
            NULL);
}

static void outputs_that_cannot_hold_it_are_refused(void **unused) {
    (void)unused;
    refuses("convert %/good.bin@0x0800C000 %/out", 2,
            "out: what format that is to be its name does not say (.bin, .hex, .srec, .elf, .dfu, "
            ".uf2): use --to",
            "out");
    refuses("convert %/good.bin %/out.hex", 2,
            "good.bin: a raw binary has no address, and the output wants one: say it, as in "
            "good.bin@0x0800C000",
            "out.hex");
    does("convert %/good.bin@0x0800C000 %/settings.bin@0x08010000 %/two.hex", "2 pieces");
    refuses("convert %/two.hex %/out.bin", 2,
            "out.bin: a raw binary holds one piece, the image has 2; the first gap is "
            "0x0800D388-0x0800FFFF, 11384 bytes",
            "out.bin");
    refuses("convert %/two.hex %/out.bin --range 0x08020000+4K", 12,
            "nothing lies in 0x08020000-0x08020FFF (--range): out.bin would be empty", "out.bin");
    does("convert %/good.bin@0x0800C000 %/settings.bin@0xFFFFFF00 %/far.hex", "2 pieces");
    refuses("convert %/far.hex %/out.bin --fill 0", 2,
            "--fill: 0x0800D388-0xFFFFFEFF, 4160695160 bytes, is more to fill than any flash has",
            "out.bin");
    does("convert %/good.bin@0x0800C000 %/a.dfu", "alternate setting 0");
    does("convert %/settings.bin@0x5E700000 %/b.dfu --alt 2", "alternate setting 2");
    does("convert %/a.dfu %/b.dfu %/ab.dfu", "alternate setting 2");
    refuses("convert %/ab.dfu %/out.hex", 2,
            "ab.dfu: holds images for the alternate settings 0, 2, and only one can go into the "
            "output: choose with --from-alt",
            "out.hex");
    refuses("convert %/a.dfu %/b.dfu %/out.hex", 2,
            "out.hex: an Intel HEX file holds one image; here are some for the alternate settings "
            "0, 2",
            "out.hex");
    refuses("convert %/ab.dfu %/out.hex --from-alt 1", 2,
            "ab.dfu: holds nothing for alternate setting 1, but for 0, 2", "out.hex");
    refuses("write %/ab.dfu", 2,
            "ab.dfu: holds images for the alternate settings 0, 2: choose one with --alt", NULL);
    refuses("write %/ab.dfu --alt 1", 2,
            "ab.dfu: holds nothing for alternate setting 1, but for 0, 2", NULL);
    refuses("write %/a.dfu %/b.dfu", 2,
            "b.dfu: is for alternate setting 2, a file before it for 0: one at a time", NULL);
}

static void identities_are_held_against_each_other(void **unused) {
    (void)unused;
    does("convert %/good.bin@0x0800C000 %/other.dfu --usb-id 1209:0001", "for 1209:0001");
    refuses("write %/other.dfu", 24,
            "other.dfu: its DFU suffix says that it is for 1209:0001, the device at 1-1 is "
            "0483:DF11",
            NULL);
    refuses("verify %/other.dfu", 24,
            "other.dfu: its DFU suffix says that it is for 1209:0001, the device at 1-1 is "
            "0483:DF11",
            NULL);
    does("convert %/settings.bin@0x08010000 %/ours.dfu", "for 0483:DF11");
    refuses("convert %/other.dfu %/ours.dfu %/out.dfu", 12,
            "ours.dfu: is for 0483:DF11, but other.dfu is for 1209:0001; --usb-id says which to "
            "write",
            "out.dfu");
    does("convert %/other.dfu %/ours.dfu %/out.dfu --usb-id 1209:0002", "for 1209:0002");
}

static void options_that_cannot_be_are_refused(void **unused) {
    (void)unused;
    static const struct {
        const char *words, *sentence;
    } cases[] = {
        {"convert %/good.bin", "the form is: redfu convert FILE[@ADDRESS]... OUTPUT"},
        {"convert %/good.bin %/o.bin --to elephant",
         "--to wants bin, hex, srec, elf, dfuse, dfu or uf2, not \"elephant\""},
        {"convert %/good.bin %/o.bin --format elephant",
         "--format wants bin, hex, srec, elf, dfuse, dfu or uf2, not \"elephant\""},
        {"convert %/good.bin %/o.bin --family elephant",
         "--family wants a name such as STM32F4 or a number such as 0x57755A57, not \"elephant\""},
        {"convert %/good.bin %/o.bin --range 5",
         "--range wants FIRST-LAST or FIRST+LENGTH, such as 0x0800C000+16K, not \"5\""},
        {"convert %/good.bin %/o.bin --range 5-4",
         "--range wants FIRST-LAST or FIRST+LENGTH, such as 0x0800C000+16K, not \"5-4\""},
        {"convert %/good.bin %/o.bin --range 5+0",
         "--range wants FIRST-LAST or FIRST+LENGTH, such as 0x0800C000+16K, not \"5+0\""},
        {"convert %/good.bin %/o.bin --range 0xFFFFFFFF+2",
         "--range wants FIRST-LAST or FIRST+LENGTH, such as 0x0800C000+16K, not \"0xFFFFFFFF+2\""},
        {"convert %/good.bin %/o.bin --fill 256", "--fill wants a byte such as 0xFF, not \"256\""},
        {"convert %/good.bin %/o.bin --from-alt 256",
         "--from-alt wants a number from 0 to 255, not \"256\""},
        {"convert %/good.bin@0 %/o.dfu --release now",
         "--release wants a version such as 1.2 or a number such as 0x0120, not \"now\""},
        {"convert %/good.bin@0 %/o.dfu --release -1.2",
         "--release wants a version such as 1.2 or a number such as 0x0120, not \"-1.2\""},
        {"convert %/good.bin@0 %/o.dfu --release 1.-2",
         "--release wants a version such as 1.2 or a number such as 0x0120, not \"1.-2\""},
        {"convert %/good.bin %/o.bin --release 1.2",
         "--usb-id and --release go into a DFU suffix; the output is a raw binary, which has none"},
        {"convert %/good.bin %/o.bin --alt 1", "--alt goes into a DfuSe file; the output is a raw "
                                               "binary (--from-alt takes one out of the "
                                               "input)"},
        {"convert %/good.bin %/o.bin --target x",
         "--target names a DfuSe target; the output is a raw binary"},
        {"convert %/good.bin@0 %/o.dfu --target=", "--target wants a name of 1 to 254 characters"},
        {"info --fill 3", "--fill belongs to convert"},
        {"erase --all --format hex",
         "--format belongs to write, verify, seal, convert, fwupd-package and inspect"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        refuses(cases[i].words, 2, cases[i].sentence, "o.bin");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_becomes_every_other_and_comes_back),
        cmocka_unit_test(several_files_become_one_with_gaps_filled),
        cmocka_unit_test(targets_are_merged_chosen_and_renumbered),
        cmocka_unit_test(what_does_not_come_along_is_told),
        cmocka_unit_test(write_takes_every_format_and_several_files),
        cmocka_unit_test(files_that_are_wrong_are_refused),
        cmocka_unit_test(only_a_regular_file_is_replaced),
        cmocka_unit_test(files_that_overlap_are_refused),
        cmocka_unit_test(outputs_that_cannot_hold_it_are_refused),
        cmocka_unit_test(identities_are_held_against_each_other),
        cmocka_unit_test(options_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests_name("redfu convert", tests, set_up, tear_down);
}

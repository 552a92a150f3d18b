// SPDX-License-Identifier: MIT
//
// The whole program redfu on the desk: what it says, its exit status, and what it leaves in flash.
// Every refusal that needs no device or only its descriptors must leave the board untouched.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/cli.h"
#include "spec/dfu.h"
#include "tests/host/folder.h"
#include "tests/host/redfu_desk.h"
#include "tests/host/redfu_run.h"

#define IMAGE_BYTES 5000u

static char folder[] = "/tmp/redfu-cli-XXXXXX";
static uint8_t image[IMAGE_BYTES];

static struct outcome redfu_on(struct bench *bench, const char *words, bool is_terminal) {
    return cli_run(bench, folder, words, is_terminal);
}

// The status and sentence, with a board to which nothing was written and nothing changed.
static void assert_refused(struct bench *bench, const char *words, int status,
                           const char *sentence) {
    uint8_t *before = malloc(DESK_FLASH_BYTES);
    assert_non_null(before);
    memcpy(before, bench->desk->flash, DESK_FLASH_BYTES);
    struct outcome outcome = redfu_on(bench, words, false);
    assert_int_equal(outcome.status, status);
    cli_says(outcome.err, sentence);
    assert_int_equal(strncmp(outcome.err, "redfu: ", 7), 0);
    for (unsigned i = 0; i < bench->log_count; i++) {
        assert_true(bench->log[i].bRequest == DFU_GETSTATE ||
                    bench->log[i].bRequest == DFU_GETSTATUS);
    }
    assert_memory_equal(before, bench->desk->flash, DESK_FLASH_BYTES);
    free(before);
    outcome_free(&outcome);
}

static int set_up(void **unused) {
    (void)unused;
    static uint8_t large[0x100000];
    uint8_t other[IMAGE_BYTES];
    assert_non_null(mkdtemp(folder));
    for (unsigned i = 0; i < sizeof image; i++) {
        image[i] = (uint8_t)(i * 11 + i / 253);
    }
    store_le32(image, 0x20020000u);
    store_le32(image + 4, DESK_APPLICATION + 0x201u);
    folder_put(folder, "good.bin", image, sizeof image);
    folder_put(folder, "empty.bin", "", 0);
    folder_put(folder, "bad.elf", "\177ELF, but no more", 17);
    memcpy(other, image, sizeof other);
    store_le32(other + 4, 0x080001edu);
    folder_put(folder, "linked-for-0x08000000.bin", other, sizeof other);
    folder_put(folder, "text.bin", "hello\n", 6);
    memcpy(other, image, sizeof other);
    store_le32(other + 4, DESK_APPLICATION + 0x200u);
    folder_put(folder, "even.bin", other, sizeof other);
    // What inspect finds nothing wrong with: a whole table, then nothing.
    for (unsigned i = 0; i < 2; i++) {
        memset(other, 0, sizeof other);
        store_le32(other, 0x20020000u);
        for (unsigned word = 1; word < 16 + 82; word++) {
            store_le32(other + (size_t)4 * word, (i ? DESK_FLASH_BASE : DESK_APPLICATION) + 0x201u);
        }
        folder_put(folder, i ? "boot.bin" : "fit.bin", other, sizeof other);
    }
    folder_put(folder, "large.bin", large, 0x100000 - 0xc000 + 24);
    return 0;
}

static int tear_down(void **unused) {
    (void)unused;
    return folder_remove(folder);
}

// --- What works ----------------------------------------------------------------------------------

static void write_says_what_it_does_and_starts_the_application(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    struct outcome outcome = redfu_on(bench, "write %/good.bin", false);
    assert_string_equal(outcome.err, "");
    assert_int_equal(outcome.status, 0);
    cli_says(outcome.out, "5000 bytes at 0x0800C000-0x0800D387, for redfu-boot 0123456789AB");
    cli_says(outcome.out, "\nErasing sector 3  0x0800C000  16 KB ... 25");
    cli_says(outcome.out, "\nWriting           0x0800C000  5000 bytes ... ");
    cli_says(outcome.out, "\nVerifying         0x0800C000  5000 bytes ... ");
    cli_says(outcome.out, "\nRunning           0x0800C000 ... the board left DFU mode\n");
    assert_null(strchr(outcome.out, '\r'));
    desk_wait_ms(bench->desk, 200);
    assert_true(bench->desk->ran);
    assert_memory_equal(bench_flash(bench, DESK_APPLICATION), image, sizeof image);
    outcome_free(&outcome);
    bench_free(bench);
}

static void no_run_stays_in_dfu_mode(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    struct outcome outcome =
        redfu_on(bench, "write --no-run %/good.bin@0x08020000 --force-vectors", false);
    assert_int_equal(outcome.status, 0);
    cli_says(outcome.out, "Done: written and verified; the board stays in DFU mode");
    desk_wait_ms(bench->desk, 500);
    assert_false(bench->desk->ran);
    assert_memory_equal(bench_flash(bench, 0x08020000), image, sizeof image);
    outcome_free(&outcome);
    bench_free(bench);
}

// A vector table is judged by its address; what begins with none may lie anywhere.
static void data_may_lie_at_an_odd_address(void **unused) {
    (void)unused;
    static const char *const lines[] = {"write --no-run %/text.bin@0x08020001",
                                        "write --no-run %/good.bin@0x08020001 --force-vectors"};
    for (unsigned i = 0; i < 2; i++) {
        struct bench *bench = bench_new();
        struct outcome outcome = redfu_on(bench, lines[i], false);
        assert_string_equal(outcome.err, "");
        assert_int_equal(outcome.status, 0);
        assert_memory_equal(bench_flash(bench, 0x08020001),
                            i == 0 ? (const void *)"hello\n" : image, i == 0 ? 6 : sizeof image);
        outcome_free(&outcome);
        bench_free(bench);
    }
}

static void after_no_run_the_cable_may_be_pulled_at_once(void **unused) {
    (void)unused;
    static const char *const lines[] = {"write --no-run %/good.bin",
                                        "write --no-run --no-verify %/good.bin"};
    for (unsigned i = 0; i < 2; i++) {
        struct bench *bench = bench_new();
        struct outcome outcome = redfu_on(bench, lines[i], false);
        assert_int_equal(outcome.status, 0);
        cli_says(outcome.out, "the board stays in DFU mode\n");
        bench_power_cycle(bench);
        assert_true(desk_would_start(bench->desk));
        outcome_free(&outcome);
        bench_free(bench);
    }
}

static void quiet_says_nothing_but_errors(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    struct outcome outcome = redfu_on(bench, "write -q --no-run --no-verify %/good.bin", false);
    assert_int_equal(outcome.status, 0);
    assert_string_equal(outcome.out, "");
    assert_string_equal(outcome.err, "");
    assert_int_equal(bench_count(bench, 0, DFU_UPLOAD), 0);
    outcome_free(&outcome);
    bench_free(bench);
}

static void a_terminal_gets_one_updating_line(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    struct outcome outcome = redfu_on(bench, "write --no-run %/good.bin", true);
    assert_int_equal(outcome.status, 0);
    cli_says(outcome.out, "\rWriting           0x0800C000  5000 bytes ... 40 %");
    cli_says(outcome.out, "\033[K\n");
    outcome_free(&outcome);
    bench_free(bench);
}

// Whatever is redrawn: one that goes on in the next line would be left there each time.
static void a_line_that_is_redrawn_fits_the_terminal(void **unused) {
    (void)unused;
    static const struct {
        unsigned columns; // 0: not known
        size_t fits;
        bool has_bar, is_redrawn;
    } rows[] = {{0, 79, true, true},   {80, 79, true, true},  {200, 199, true, true},
                {60, 59, false, true}, {49, 48, false, true}, {40, 39, false, false}};
    static const char *const commands[] = {"write --no-run --full %/long.bin",
                                           "write --no-run --full --all %/long.bin"};
    static uint8_t large[300000];
    memset(large, 0x5a, sizeof large);
    memcpy(large, image, 8);
    folder_put(folder, "long.bin", large, sizeof large);
    for (unsigned i = 0; i < 2 * sizeof rows / sizeof rows[0]; i++) {
        bool is_fleet = i % 2 == 1;
        struct bench *bench = bench_new();
        bench->columns = rows[i / 2].columns;
        struct outcome outcome = redfu_on(bench, commands[i % 2], true);
        assert_int_equal(outcome.status, 0);
        unsigned redrawn = 0;
        for (const char *at = outcome.out; (at = strchr(at, '\r')); at++) {
            const char *end = strstr(at, "\033[K");
            assert_non_null(end);
            // The last one of each may be longer: nothing goes back to it.
            assert_true((size_t)(end - at - 1) <= rows[i / 2].fits ||
                        (!is_fleet && end[3] == '\n'));
            redrawn++;
        }
        assert_int_equal(redrawn != 0, is_fleet || rows[i / 2].is_redrawn);
        if (!is_fleet) {
            assert_int_equal(strstr(outcome.out, " % [") != NULL, rows[i / 2].has_bar);
            cli_says(outcome.out, "Writing           0x0800C000  292.9 KB ... ");
        }
        outcome_free(&outcome);
        bench_free(bench);
    }
}

static void verify_and_read_agree_with_write(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    struct outcome outcome = redfu_on(bench, "write -q --no-run %/good.bin", false);
    assert_int_equal(outcome.status, 0);
    outcome_free(&outcome);
    outcome = redfu_on(bench, "verify %/good.bin", false);
    assert_int_equal(outcome.status, 0);
    outcome_free(&outcome);
    outcome = redfu_on(bench, "read 0x0800C000 5000 %/back.bin", false);
    assert_int_equal(outcome.status, 0);
    outcome_free(&outcome);
    outcome = redfu_on(bench, "verify %/back.bin", false);
    assert_int_equal(outcome.status, 0);
    outcome_free(&outcome);
    *bench_flash(bench, DESK_APPLICATION + 17) ^= 1;
    outcome = redfu_on(bench, "verify %/good.bin", false);
    assert_int_equal(outcome.status, REDFU_MISMATCH);
    cli_says(outcome.err, "0x0800C011 holds 0x");
    outcome_free(&outcome);
    bench_free(bench);
}

static void erase_all_spares_the_bootloader(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    bench_fill(bench, 0x55);
    struct outcome outcome = redfu_on(bench, "erase --all", false);
    assert_int_equal(outcome.status, 0);
    cli_says(outcome.out, "Done: 9 sectors, 976 KB erased");
    assert_int_equal(*bench_flash(bench, DESK_FLASH_BASE + 0x3fff), 0x55);
    for (uint32_t addr = DESK_APPLICATION; addr < 0x08100000; addr++) {
        assert_int_equal(*bench_flash(bench, addr), 0xff);
    }
    outcome_free(&outcome);
    bench_free(bench);
}

static void info_shows_the_map_and_the_error_it_leaves_alone(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    assert_int_equal(desk_simple(bench->desk, DFU_DETACH), DESK_STALL);
    struct outcome outcome = redfu_on(bench, "info", false);
    assert_int_equal(outcome.status, 0);
    cli_says(outcome.out, "dfuERROR (10), status errSTALLEDPKT (15): \"Request not allowed");
    cli_says(outcome.out, "0x08000000-0x0800BFFF  3 x 16 KB      sectors 0-2  read only");
    cli_says(outcome.out, "Application area: 0x0800C000, 976 KB");
    assert_int_equal(desk_getstate(bench->desk), DFU_STATE_ERROR);
    outcome_free(&outcome);
    bench_free(bench);
}

// Nothing but objects, one a line, whatever the command has to tell.
static void json_says(struct bench *bench, const char *words, int status, const char *wanted) {
    struct outcome outcome = redfu_on(bench, words, false);
    assert_int_equal(outcome.status, status);
    cli_says(outcome.out, wanted);
    for (const char *line = outcome.out; *line; line = strchr(line, '\n') + 1) {
        if (strncmp(line, "{\"type\":\"", 9) != 0 || !strchr(line, '\n')) {
            fail_msg("redfu %s: no object: %s", words, line);
        }
    }
    cli_says(outcome.out, status == 0 ? "\n{\"type\":\"done\",\"exit_status\":0}\n"
                                      : "\n{\"type\":\"error\",\"exit_status\":");
    outcome_free(&outcome);
}

// protect: redfu_vboard.c, which has option bytes.
static void every_command_tells_programs_what_it_tells_people(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    json_says(bench, "inspect %/fit.bin --json", 0,
              "\"chip\":\"STM32F407VG\",\"application_address\":134266880,"
              "\"address\":134266880,\"last_address\":134271879,\"bytes\":5000,"
              "\"vectors\":true,");
    json_says(bench, "inspect %/fit.bin --json", 0,
              "{\"type\":\"remark\",\"word\":\"unsealed\",\"severity\":\"note\",\"address\":");
    json_says(bench, "inspect %/text.bin --json", REDFU_UNFIT, "\"vectors\":false,\"errors\":");
    json_says(bench, "factory %/factory.hex --boot %/boot.bin --app %/fit.bin --set 1=u8:5 --json",
              0,
              "factory.hex\",\"address\":134217728,\"last_address\":134271879,\"settings\":1}\n");
    json_says(bench, "udev-rules --json", 0, "{\"type\":\"rules\",\"text\":\"# Lets whoever");
    json_says(bench, "udev-rules -o %/70.rules --json", 0, "{\"type\":\"file\",\"path\":\"");
    struct outcome outcome = redfu_on(bench, "seal %/fit.bin %/sealed.bin --json", false);
    assert_string_equal(outcome.out, "{\"type\":\"done\",\"exit_status\":0}\n");
    outcome_free(&outcome);
    bench_free(bench);
}

static void list_marks_run_time_devices(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    bench->device_count = 2;
    bench->kinds[1] = REDFU_KIND_RUNTIME;
    struct outcome outcome = redfu_on(bench, "list", false);
    assert_int_equal(outcome.status, 0);
    cli_says(outcome.out, "0483:DF11  serial 0123456789AB  path 1-1  redfu-boot (redfu)");
    cli_says(outcome.out, "serial OTHER1  path 1-2");
    cli_says(outcome.out, "run-time mode");
    assert_int_equal(bench->log_count, 0); // not even a class request
    outcome_free(&outcome);
    bench_free(bench);
}

// --- What is refused -----------------------------------------------------------------------------

static void bad_input_is_refused_before_anything_is_sent(void **unused) {
    (void)unused;
    static const struct {
        const char *words;
        int status;
        const char *sentence;
    } cases[] = {
        {"write %/none.bin", REDFU_NO_FILE, "none.bin: No such file or directory"},
        {"write %", REDFU_NO_FILE, "not a regular file"},
        {"write %/empty.bin", REDFU_EMPTY_FILE, "empty.bin: the file is empty"},
        {"write %/bad.elf", REDFU_BAD_FILE, "bad.elf"},
        {"write %/large.bin", REDFU_TOO_LARGE,
         "the image is 24 bytes too large: it ends at 0x08100017, the memory at 0x080FFFFF"},
        {"write %/good.bin@0x08000000", REDFU_READ_ONLY,
         "0x08000000 lies in sector 0 (0x08000000-0x08003FFF), which the device declares "
         "read-only"},
        {"write %/good.bin@0x0800BFF0", REDFU_READ_ONLY, "0x0800BFF0 lies in sector 2"},
        {"write %/good.bin@0x20000000", REDFU_OUTSIDE,
         "0x20000000-0x20001387 lies outside the device's memory map"},
        {"write %/linked-for-0x08000000.bin", REDFU_WRONG_VECTORS,
         "its reset vector is 0x080001ED, outside the image, which takes 0x0800C000-0x0800D387"},
        {"write %/good.bin@0x0800C001", REDFU_WRONG_VECTORS,
         "the image would not run at 0x0800C001: it begins with a vector table, which must be at a "
         "multiple of 128 bytes, and this is 1 behind one"},
        {"write --no-run %/good.bin@0x0800C07C", REDFU_WRONG_VECTORS, "this is 124 behind one"},
        {"write %/good.bin --serial NOBODY", REDFU_NO_DEVICE,
         "no device in DFU mode matches --serial NOBODY"},
        {"write %/good.bin --alt 5", REDFU_BAD_DEVICE, "has no alternate setting 5"},
        {"info --alt 7", REDFU_BAD_DEVICE, "has no alternate setting 7"},
        {"list --trace %/no/x.pcapng", REDFU_CANNOT_SAVE,
         "no/x.pcapng: No such file or directory\n       Its folder is not there. Nothing was "
         "done."},
        {"run 0x08010000", REDFU_OUTSIDE,
         "0x08010000 cannot be started: redfu-boot starts its application, at 0x0800C000, and "
         "nothing else"},
        {"erase 0x08000000 1", REDFU_READ_ONLY, "0x08000000 lies in sector 0"},
        {"erase", REDFU_USAGE, "redfu erase ADDRESS LENGTH | --all"},
        {"erase 0x0800C000 0", REDFU_USAGE, "a length of 0"},
        {"write", REDFU_USAGE, "redfu write FILE[@ADDRESS]"},
        {"write %/text.bin", REDFU_WRONG_VECTORS, "it has no vector table"},
        {"write %/even.bin", REDFU_WRONG_VECTORS, "no Thumb address"},
        {"wirte %/good.bin", REDFU_USAGE, "there is no command \"wirte\""},
        {"verify --no-run %/good.bin", REDFU_USAGE, "belong to write"},
        {"read 0x0800C000 5000 %/none/back.bin", REDFU_CANNOT_SAVE, "none/back.bin: No such file"},
        {"read 0x080FFFFF 2 %/back2.bin", REDFU_OUTSIDE, "nothing is at 0x08100000"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bench *bench = bench_new();
        bench_fill(bench, 0x55);
        assert_refused(bench, cases[i].words, cases[i].status, cases[i].sentence);
        bench_free(bench);
    }
    assert_false(folder_has(folder, "back2.bin"));
    assert_false(folder_has(folder, "back2.bin.part"));
}

// What redfu-boot would not start once it is written: told before anything is sent, not after.
static void what_would_not_be_started_is_refused(void **unused) {
    (void)unused;
    static const uint8_t elsewhere[] = {0, 0, 2, 0x20, 9, 0, 2, 8, 0xfe, 0xe7, 0, 0}; // 0x08020009
    struct bench *bench = bench_new();
    folder_put(folder, "elsewhere.bin", elsewhere, sizeof elsewhere);
    assert_refused(bench, "write %/elsewhere.bin@0x08020000", REDFU_WRONG_VECTORS,
                   "redfu-boot starts what begins at 0x0800C000, and nothing else");
    assert_refused(bench, "write %/text.bin@0x08020000", REDFU_WRONG_VECTORS,
                   "the board would have nothing to start: no application is on it");
    struct outcome outcome = redfu_on(bench, "write --no-run %/text.bin@0x08020000", false);
    assert_int_equal(outcome.status, 0);
    outcome_free(&outcome);
    bench_free(bench);

    // The application's own sector goes with what else is written to it.
    bench = bench_new();
    outcome = redfu_on(bench, "write --no-run %/good.bin", false);
    assert_int_equal(outcome.status, 0);
    outcome_free(&outcome);
    bench->log_count = 0;
    assert_refused(bench, "write %/text.bin@0x0800E000", REDFU_WRONG_VECTORS,
                   "the sector that its application begins in is erased");
    bench->log_count = 0;
    assert_refused(bench, "write %/text.bin@0x0800E000", REDFU_WRONG_VECTORS,
                   "--keep writes back what else its sectors hold");
    outcome = redfu_on(bench, "write --keep --no-run %/text.bin@0x0800E000", false);
    assert_int_equal(outcome.status, 0);
    assert_memory_equal(bench_flash(bench, DESK_APPLICATION), image, sizeof image);
    outcome_free(&outcome);
    outcome = redfu_on(bench, "write %/text.bin@0x08020000", false);
    assert_string_equal(outcome.err, "");
    assert_int_equal(outcome.status, 0);
    desk_wait_ms(bench->desk, 200);
    assert_true(bench->desk->ran);
    outcome_free(&outcome);
    bench_free(bench);

    // A load of the application that somebody broke off.
    bench = bench_new();
    outcome = redfu_on(bench, "write --no-run %/good.bin", false);
    outcome_free(&outcome);
    outcome = redfu_on(bench, "erase 0x08040000 16", false);
    assert_int_equal(outcome.status, 0);
    outcome_free(&outcome);
    bench->log_count = 0;
    assert_refused(bench, "write %/text.bin@0x08020000", REDFU_WRONG_VECTORS,
                   "a load of its application is not whole");
    bench_free(bench);
}

// dfu-util && redfu: the load before has ended with its ABORT, and the half second of silence is not over.
static void data_behind_a_load_that_has_just_ended_is_taken(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    struct redfu *redfu = bench_redfu(bench);
    struct redfu_segment run = {DESK_APPLICATION, sizeof image, image};
    struct redfu_sector sector = {3, DESK_APPLICATION, 0x4000, 7};
    struct redfu_plan plan = {.sectors = &sector,
                              .sector_count = 1,
                              .erase_bytes = 0x4000,
                              .runs = &run,
                              .run_count = 1,
                              .write_bytes = sizeof image};
    struct redfu_device *devices;
    struct redfu_session *session;
    struct redfu_fault fault;
    size_t count;
    assert_int_equal(redfu_list(redfu, &devices, &count, &fault), REDFU_OK);
    assert_int_equal(redfu_open(redfu, &devices[0], &session, &fault), REDFU_OK);
    assert_int_equal(redfu_write(session, 0, &plan, NULL, &fault), REDFU_OK);
    assert_int_equal(redfu_settle(session, &fault), REDFU_OK);
    assert_true(redfu_is_receiving(session));
    redfu_close(session);
    redfu_list_free(devices);
    redfu_free(redfu);
    struct outcome outcome = redfu_on(bench, "write %/text.bin@0x08020000", false);
    assert_string_equal(outcome.err, "");
    assert_int_equal(outcome.status, 0);
    desk_wait_ms(bench->desk, 200);
    assert_true(bench->desk->ran);
    outcome_free(&outcome);
    bench_free(bench);
}

// What is advised where a list of ranges gets no answer does without for data, too.
static void data_is_written_without_the_region_hash_where_it_gets_no_answer(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    struct outcome outcome = redfu_on(bench, "write --no-run %/good.bin", false);
    assert_int_equal(outcome.status, 0);
    outcome_free(&outcome);
    bench->lost_sums = true;
    outcome = redfu_on(bench, "write --full --verify=read %/text.bin@0x08020000", false);
    assert_string_equal(outcome.err, "");
    assert_int_equal(outcome.status, 0);
    assert_memory_equal(bench_flash(bench, 0x08020000), "hello\n", 6);
    outcome_free(&outcome);
    bench_free(bench);
}

static void a_file_for_another_alternate_setting_is_refused(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    struct outcome outcome =
        redfu_on(bench, "convert %/good.bin@0x0800C000 %/one.dfu --alt 1", false);
    assert_int_equal(outcome.status, 0);
    outcome_free(&outcome);
    assert_refused(bench, "write %/one.dfu --alt 0", REDFU_USAGE,
                   "one.dfu: is for alternate setting 1, and --alt says 0");
    assert_refused(bench, "verify %/one.dfu --alt 0", REDFU_USAGE, "and --alt says 0");
    outcome = redfu_on(bench, "write %/one.dfu --alt 1", false);
    assert_int_equal(outcome.status, 0);
    outcome_free(&outcome);
    bench_free(bench);
}

// It refused SET_CONFIGURATION, or is just coming: shown, and never chosen.
static void a_device_without_a_configuration_is_listed_and_not_used(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    bench->kinds[0] = REDFU_KIND_UNCONFIGURED;
    struct outcome outcome = redfu_on(bench, "list", false);
    assert_int_equal(outcome.status, 0);
    cli_says(outcome.out, "DFU mode, but not configured by the system: cannot be used");
    outcome_free(&outcome);
    outcome = redfu_on(bench, "list --json", false);
    cli_says(outcome.out, "\"kind\":\"unconfigured\"");
    outcome_free(&outcome);
    assert_refused(bench, "write %/good.bin", REDFU_NO_DEVICE,
                   "is just coming, or was not authorised");
    outcome = redfu_on(bench, "doctor", false);
    assert_int_equal(outcome.status, REDFU_NEEDS_YOU);
    cli_says(outcome.out, "F51 fault: the device refuses to be configured");
    cli_says(outcome.out, "or nobody has authorised it"); // which is no fault of the device
    cli_says(outcome.out, "the device refuses to be configured (likely)");
    outcome_free(&outcome);
    bench_free(bench);
}

// The desk is in DFU mode, where DETACH is refused.
static void an_application_that_does_not_detach_is_named(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    bench->kinds[0] = REDFU_KIND_RUNTIME;
    struct outcome outcome = redfu_on(bench, "write %/good.bin", false);
    assert_int_equal(outcome.status, REDFU_STUCK);
    cli_says(outcome.err, "redfu-boot at 1-1 did not take DETACH");
    assert_int_equal(bench_count(bench, 0, DFU_DETACH), 1);
    assert_int_equal(bench_count(bench, 0, DFU_DNLOAD), 0);
    outcome_free(&outcome);
    bench_free(bench);
}

// Of who meets a device that fails and does not say why; not where it says so, or where the file is another one.
static void a_device_that_does_not_say_why_is_one_for_the_doctor(void **unused) {
    (void)unused;
    static const struct {
        const char *words;
        bool is_busy, fails; // dfuDNBUSY for ever; an error with a sentence
        int status;
        bool is_named;
    } rows[] = {
        {"write %/good.bin", true, false, REDFU_STUCK, true},
        {"erase 0x0800C000 16K", true, false, REDFU_STUCK, true},
        {"read 0x0800C000 16 %/back3.bin", true, false, REDFU_STUCK, false},
        {"write %/good.bin", false, true, REDFU_DEVICE_ERROR, false},
        {"verify %/good.bin", false, false, REDFU_MISMATCH, false},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bench *bench = bench_new();
        bench->never_done = rows[i].is_busy;
        if (rows[i].fails) {
            bench_fail_next(bench, FLASH_PROTECTED);
        }
        struct outcome outcome = redfu_on(bench, rows[i].words, false);
        assert_int_equal(outcome.status, rows[i].status);
        bool is_named =
            strstr(outcome.err, "\n       `redfu doctor` looks for the cause.\n") != NULL;
        assert_int_equal(is_named, rows[i].is_named);
        outcome_free(&outcome);
        bench_free(bench);
    }
}

static void a_sector_that_is_guarded_is_told_with_what_can_be_erased(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    bench_fail_next(bench, FLASH_PROTECTED);
    struct outcome outcome = redfu_on(bench, "erase --all", false);
    assert_int_equal(outcome.status, REDFU_DEVICE_ERROR);
    cli_says(outcome.err, "`redfu erase 0x08010000 0xF0000`");
    outcome_free(&outcome);
    bench_free(bench);
    // The same for a file that does not say where it belongs; one that does is told as before.
    for (unsigned i = 0; i < 2; i++) {
        bench = bench_new();
        bench_fail_next(bench, FLASH_PROTECTED);
        outcome = redfu_on(bench, i ? "write %/good.bin@0x0800C000" : "write %/good.bin", false);
        assert_int_equal(outcome.status, REDFU_DEVICE_ERROR);
        assert_int_equal(strstr(outcome.err, "FILE@0x08010000, say.") != NULL, i == 0);
        assert_int_equal(strstr(outcome.err, "The file has no address, so it was") != NULL, i == 0);
        outcome_free(&outcome);
        bench_free(bench);
    }
}

static void a_station_says_why_it_passes_a_plain_device_over(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    bench->device_count = 2;
    bench->kinds[0] = REDFU_KIND_DFUSE;
    bench->kinds[1] = REDFU_KIND_DFU;
    struct outcome outcome = redfu_on(bench, "station %/good.bin --count 1", false);
    assert_int_equal(outcome.status, 0);
    cli_says(outcome.out, "OTHER1 at 1-2 is in DFU mode, but does not say DfuSe: a station does "
                          "not do it (`redfu write --path 1-2` does)\nBoard 1: ");
    outcome_free(&outcome);
    bench_free(bench);
}

static void devices_that_cannot_be_used_are_refused(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    bench->device_count = 0;
    assert_refused(bench, "write %/good.bin", REDFU_NO_DEVICE,
                   "no device in DFU mode is connected\n       Put the board into DFU mode");
    assert_refused(bench, "list", REDFU_NO_DEVICE, "no device in DFU mode is connected");
    bench->device_count = 1;
    // What does not say DfuSe may be a camera: not touched unless it is named.
    bench->kinds[0] = REDFU_KIND_RUNTIME;
    bench->plain_dfu = true;
    assert_refused(bench, "write %/good.bin", REDFU_NO_DEVICE, "(running an application)");
    bench->plain_dfu = false;
    assert_refused(bench, "erase --all", REDFU_NO_DEVICE, "(running an application)");
    assert_refused(bench, "erase --all", REDFU_NO_DEVICE,
                   "`redfu write` leads one that runs an application into DFU mode, if --path");
    bench->kinds[0] = REDFU_KIND_DFU;
    assert_refused(bench, "erase --all", REDFU_NOT_DFUSE, "without ST's DfuSe extension");
    bench->kinds[0] = REDFU_KIND_DFUSE;
    bench->device_count = 2;
    assert_refused(bench, "write %/good.bin", REDFU_MANY_DEVICES,
                   "2 devices in DFU mode are connected: which one is meant?\n"
                   "       Say it with --serial, --path or --usb-id:\n"
                   "         0483:DF11  --serial 0123456789AB  --path 1-1");
    bench->device_count = 3;
    bench->kinds[2] = REDFU_KIND_DFU;
    assert_refused(bench, "write %/good.bin", REDFU_MANY_DEVICES,
                   "3 devices in DFU mode are connected: which one is meant?\n");
    assert_refused(bench, "erase --all", REDFU_MANY_DEVICES, "--path 1-3");
    assert_refused(bench, "erase --all", REDFU_MANY_DEVICES, "--all-boards is every board.");
    bench->device_count = 1;
    bench->denied = true;
    assert_refused(bench, "write %/good.bin", REDFU_DENIED, "desk: denied at 1-1");
    bench->denied = false;
    bench->busy = true;
    assert_refused(bench, "write %/good.bin", REDFU_BUSY, "desk: busy at 1-1");
    bench->busy = false;
    bench->no_layout = true;
    assert_refused(bench, "write %/good.bin", REDFU_BAD_DEVICE,
                   "alternate setting 0 has no name, so its memory layout is unknown");
    bench->no_layout = false;
    bench->no_upload = true;
    assert_refused(bench, "write %/good.bin", REDFU_BAD_DEVICE, "cannot be read back");
    bench_free(bench);
}

static void one_of_two_devices_is_chosen_by_serial_or_path(void **unused) {
    (void)unused;
    static const char *const choices[] = {"--serial=0123456789ab", "--path 1-1"};
    for (unsigned i = 0; i < 2; i++) {
        struct bench *bench = bench_new();
        char words[128];
        bench->device_count = 2;
        (void)snprintf(words, sizeof words, "write %%/good.bin %s", choices[i]);
        struct outcome outcome = redfu_on(bench, words, false);
        assert_int_equal(outcome.status, 0);
        cli_says(outcome.out, "redfu-boot 0123456789AB at 1-1");
        outcome_free(&outcome);
        bench_free(bench);
    }
}

static void force_vectors_writes_what_would_not_run(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    struct outcome outcome =
        redfu_on(bench, "write --force-vectors --no-run %/linked-for-0x08000000.bin", false);
    assert_int_equal(outcome.status, 0);
    outcome_free(&outcome);
    bench_free(bench);
}

static void a_cable_pulled_half_way_says_what_to_do_next(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    bench->gone_at = 13;
    struct outcome outcome = redfu_on(bench, "write %/good.bin", false);
    assert_int_equal(outcome.status, REDFU_UNPLUGGED);
    cli_says(outcome.err, "was unplugged, or lost its power, while writing 0x0800C");
    cli_says(outcome.err, "The image on the board is incomplete. Plug the board in and give");
    assert_int_equal(outcome.out[strlen(outcome.out) - 1], '\n');
    outcome_free(&outcome);
    bench_power_cycle(bench);
    outcome = redfu_on(bench, "write %/good.bin", false);
    assert_int_equal(outcome.status, 0);
    outcome_free(&outcome);
    bench_free(bench);
}

// The last transfers of --no-run ask whether the load was taken for whole. A board that goes before it says so is not done.
static void a_board_that_goes_before_the_image_is_whole_is_not_done(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    struct outcome outcome = redfu_on(bench, "write --no-run %/good.bin", false);
    assert_int_equal(outcome.status, 0);
    unsigned last = bench->transfers;
    outcome_free(&outcome);
    bench_free(bench);
    bench = bench_new();
    bench->gone_after = last;
    outcome = redfu_on(bench, "write --no-run %/good.bin", false);
    assert_int_equal(outcome.status, REDFU_UNPLUGGED);
    cli_says(outcome.err,
             "was unplugged, or lost its power, before it said that the image is whole");
    cli_says(outcome.err, "The image was written and verified.");
    assert_null(strstr(outcome.out, "Done"));
    outcome_free(&outcome);
    bench_free(bench);
}

static void ctrl_c_half_way_ends_with_130_and_the_next_load_works(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    bench->cancel_at = 14;
    struct outcome outcome = redfu_on(bench, "write %/good.bin", false);
    assert_int_equal(outcome.status, 130);
    cli_says(outcome.err, "interrupted while writing 0x0800C");
    cli_says(outcome.err, "takes the next load");
    assert_int_equal(desk_getstate(bench->desk), DFU_STATE_IDLE);
    outcome_free(&outcome);
    bench->cancel_at = 0;
    outcome = redfu_on(bench, "write %/good.bin", false);
    assert_int_equal(outcome.status, 0);
    outcome_free(&outcome);
    bench_free(bench);
}

static void an_interrupted_read_leaves_no_file(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    bench->cancel_at = 10;
    struct outcome outcome = redfu_on(bench, "read 0x0800C000 64K %/half.bin", false);
    assert_int_equal(outcome.status, 130);
    assert_false(folder_has(folder, "half.bin"));
    assert_false(folder_has(folder, "half.bin.part"));
    outcome_free(&outcome);
    bench_free(bench);
}

static void a_device_error_is_told_with_the_devices_sentence(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    bench_fail_next(bench, FLASH_PROTECTED);
    struct outcome outcome = redfu_on(bench, "write %/good.bin", false);
    assert_int_equal(outcome.status, REDFU_DEVICE_ERROR);
    cli_says(outcome.err, "erasing 0x0800C000 failed: the device reports errWRITE (3) in "
                          "dfuERROR: \"Flash is write protected or the supply is too low\"");
    assert_null(strstr(outcome.err, "option bytes")); // the device has said it
    outcome_free(&outcome);
    bench_free(bench);
}

static void an_image_that_does_not_start_is_still_told_to_be_written(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    folder_put(folder, "data.bin", "no vector table at all", 22);
    struct outcome outcome = redfu_on(bench, "write %/data.bin --force-vectors", false);
    assert_int_equal(outcome.status, REDFU_DEVICE_ERROR);
    cli_says(outcome.err, "errFIRMWARE");
    cli_says(outcome.err, "The image was written and verified.");
    outcome_free(&outcome);
    // The error that is left is not taken for one of the next command's.
    outcome = redfu_on(bench, "verify %/data.bin", false);
    assert_string_equal(outcome.err, "");
    assert_int_equal(outcome.status, 0);
    outcome_free(&outcome);
    bench_free(bench);
}

static void help_documents_every_exit_status_once(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    struct outcome outcome = redfu_on(bench, "--help", false);
    assert_int_equal(outcome.status, 0);
    static const int numbers[] = {
#define X(name, number, text) number,
        REDFU_RESULTS(X)
#undef X
    };
    for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char line[128];
        (void)snprintf(line, sizeof line, "\n  %3d  %s\n", numbers[i],
                       redfu_result_text((enum redfu_result)numbers[i]));
        cli_says(outcome.out, line);
        assert_in_range(numbers[i], 0, 255);
        for (unsigned other = 0; other < i; other++) {
            assert_int_not_equal(numbers[other], numbers[i]);
        }
    }
    outcome_free(&outcome);
    static const char *const commands[] = {"list", "info",  "write", "verify",
                                           "read", "erase", "run"};
    for (unsigned i = 0; i < 7; i++) {
        char words[64];
        char wanted[64];
        (void)snprintf(words, sizeof words, "%s --help", commands[i]);
        (void)snprintf(wanted, sizeof wanted, "\n  redfu %s", commands[i]);
        outcome = redfu_on(bench, words, false);
        cli_says(outcome.out, wanted); // an example
        outcome_free(&outcome);
    }
    bench_free(bench);
}

// The real transport's own words; nothing is opened.
static void seal_makes_an_image_that_says_it_is_whole(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    folder_put(folder, "plain.bin", image, IMAGE_BYTES);
    struct outcome outcome = redfu_on(bench, "seal %/plain.bin %/sealed.bin", false);
    assert_int_equal(outcome.status, REDFU_OK);
    cli_says(outcome.out, "5024 bytes");
    cli_says(outcome.out, "sealed");
    outcome_free(&outcome);
    outcome = redfu_on(bench, "seal %/sealed.bin %/sealed.bin", false);
    assert_int_equal(outcome.status, REDFU_OK);
    cli_says(outcome.out, "was sealed already");
    outcome_free(&outcome);
    // What is loaded afterwards is the sealed file, and it is taken like any other.
    outcome = redfu_on(bench, "write %/sealed.bin --no-run --force-vectors", false);
    assert_int_equal(outcome.status, REDFU_OK);
    cli_says(outcome.out, "5024 bytes");
    outcome_free(&outcome);
    assert_refused(bench, "seal %/plain.bin %/sealed.hex", REDFU_USAGE, "FILE@0x0800C000");
    assert_refused(bench, "seal %/none.bin %/sealed.bin", REDFU_NO_FILE, "No such file");
    assert_refused(bench, "seal %/plain.bin %/no/such/folder.bin", REDFU_CANNOT_SAVE,
                   "No such file or directory");
    assert_refused(bench, "seal %/plain.bin", REDFU_USAGE, "redfu seal FILE[@ADDRESS] OUTPUT");
    bench_free(bench);
}

static void a_permission_error_prints_the_udev_line(void **unused) {
    (void)unused;
    struct transport transport;
    struct redfu_fault fault = {0};
    if (redfui_transport_usb(&transport, &fault) != REDFU_OK) {
        assert_int_equal(fault.result, REDFU_NO_USB);
        skip();
    }
    struct redfu_device device = {
        .vendor = 0x0483, .product = 0xdf11, .bus = 1, .address = 7, .path = "1-2"};
    transport.explain(transport.ctx, &device, TRANSPORT_DENIED, &fault);
    cli_says(fault.text, "no permission to open /dev/bus/usb/001/007 (0483:DF11 at 1-2)");
    cli_says(fault.advice, "SUBSYSTEM==\"usb\", ATTR{idVendor}==\"0483\", "
                           "ATTR{idProduct}==\"df11\", MODE=\"0660\", TAG+=\"uaccess\"");
    transport.free(transport.ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(write_says_what_it_does_and_starts_the_application),
        cmocka_unit_test(no_run_stays_in_dfu_mode),
        cmocka_unit_test(data_may_lie_at_an_odd_address),
        cmocka_unit_test(after_no_run_the_cable_may_be_pulled_at_once),
        cmocka_unit_test(quiet_says_nothing_but_errors),
        cmocka_unit_test(a_terminal_gets_one_updating_line),
        cmocka_unit_test(a_line_that_is_redrawn_fits_the_terminal),
        cmocka_unit_test(verify_and_read_agree_with_write),
        cmocka_unit_test(erase_all_spares_the_bootloader),
        cmocka_unit_test(info_shows_the_map_and_the_error_it_leaves_alone),
        cmocka_unit_test(every_command_tells_programs_what_it_tells_people),
        cmocka_unit_test(list_marks_run_time_devices),
        cmocka_unit_test(bad_input_is_refused_before_anything_is_sent),
        cmocka_unit_test(what_would_not_be_started_is_refused),
        cmocka_unit_test(data_behind_a_load_that_has_just_ended_is_taken),
        cmocka_unit_test(data_is_written_without_the_region_hash_where_it_gets_no_answer),
        cmocka_unit_test(a_file_for_another_alternate_setting_is_refused),
        cmocka_unit_test(a_device_without_a_configuration_is_listed_and_not_used),
        cmocka_unit_test(an_application_that_does_not_detach_is_named),
        cmocka_unit_test(a_device_that_does_not_say_why_is_one_for_the_doctor),
        cmocka_unit_test(a_sector_that_is_guarded_is_told_with_what_can_be_erased),
        cmocka_unit_test(a_station_says_why_it_passes_a_plain_device_over),
        cmocka_unit_test(devices_that_cannot_be_used_are_refused),
        cmocka_unit_test(one_of_two_devices_is_chosen_by_serial_or_path),
        cmocka_unit_test(force_vectors_writes_what_would_not_run),
        cmocka_unit_test(a_cable_pulled_half_way_says_what_to_do_next),
        cmocka_unit_test(a_board_that_goes_before_the_image_is_whole_is_not_done),
        cmocka_unit_test(ctrl_c_half_way_ends_with_130_and_the_next_load_works),
        cmocka_unit_test(an_interrupted_read_leaves_no_file),
        cmocka_unit_test(a_device_error_is_told_with_the_devices_sentence),
        cmocka_unit_test(an_image_that_does_not_start_is_still_told_to_be_written),
        cmocka_unit_test(help_documents_every_exit_status_once),
        cmocka_unit_test(seal_makes_an_image_that_says_it_is_whole),
        cmocka_unit_test(a_permission_error_prints_the_udev_line),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

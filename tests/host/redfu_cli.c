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
#include <unistd.h>

#include <cmocka.h>

#include "cli/cli.h"
#include "spec/dfu.h"
#include "tests/host/redfu_desk.h"

#define IMAGE_BYTES 5000u

static char folder[] = "/tmp/redfu-cli-XXXXXX";
static uint8_t image[IMAGE_BYTES];

struct outcome {
    int status;
    char *out, *err;
};

static enum redfu_result connect_desk(void *ctx, struct redfu **redfu, struct redfu_fault *fault) {
    (void)fault;
    *redfu = bench_redfu(ctx);
    return REDFU_OK;
}

// Runs "redfu" with words separated by blanks; "%" stands for the folder of this test.
static struct outcome redfu_on(struct bench *bench, const char *words, bool is_terminal) {
    char text[1024];
    char name[] = "redfu";
    char *argv[16] = {name};
    int argc = 1;
    size_t len = 0;
    for (const char *at = words; *at; at++) {
        len += (size_t)snprintf(text + len, sizeof text - len, *at == '%' ? "%s" : "%.1s",
                                *at == '%' ? folder : at);
    }
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    struct outcome outcome = {0};
    size_t out_len;
    size_t err_len;
    struct surroundings surroundings = {
        .out = open_memstream(&outcome.out, &out_len),
        .err = open_memstream(&outcome.err, &err_len),
        .is_terminal = is_terminal,
        .ctx = bench,
        .connect = connect_desk,
        .is_cancelled = bench_is_cancelled,
    };
    bench_arm(bench);
    outcome.status = cli_main(argc, argv, &surroundings);
    bench->armed = false;
    (void)fclose(surroundings.out);
    (void)fclose(surroundings.err);
    return outcome;
}

static void outcome_free(struct outcome *outcome) {
    free(outcome->out);
    free(outcome->err);
}

static void put_file(const char *name, const void *bytes, size_t len) {
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static bool has_file(const char *name) {
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

static void assert_says(const char *text, const char *wanted) {
    if (!strstr(text, wanted)) {
        fail_msg("\"%s\" is not in:\n%s", wanted, text);
    }
}

// The status and sentence, with a board to which nothing was written and nothing changed.
static void assert_refused(struct bench *bench, const char *words, int status,
                           const char *sentence) {
    uint8_t *before = malloc(DESK_FLASH_BYTES);
    assert_non_null(before);
    memcpy(before, bench->desk->flash, DESK_FLASH_BYTES);
    struct outcome outcome = redfu_on(bench, words, false);
    assert_int_equal(outcome.status, status);
    assert_says(outcome.err, sentence);
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
    put_file("good.bin", image, sizeof image);
    put_file("empty.bin", "", 0);
    put_file("bad.elf", "\177ELF, but no more", 17);
    memcpy(other, image, sizeof other);
    store_le32(other + 4, 0x080001edu);
    put_file("linked-for-0x08000000.bin", other, sizeof other);
    put_file("text.bin", "hello\n", 6);
    memcpy(other, image, sizeof other);
    store_le32(other + 4, DESK_APPLICATION + 0x200u);
    put_file("even.bin", other, sizeof other);
    put_file("large.bin", large, 0x100000 - 0xc000 + 24);
    return 0;
}

static int tear_down(void **unused) {
    (void)unused;
    char command[64];
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

// --- What works ----------------------------------------------------------------------------------

static void write_says_what_it_does_and_starts_the_application(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    struct outcome outcome = redfu_on(bench, "write %/good.bin", false);
    assert_string_equal(outcome.err, "");
    assert_int_equal(outcome.status, 0);
    assert_says(outcome.out, "5000 bytes at 0x0800C000-0x0800D387, for redfu-boot 0123456789AB");
    assert_says(outcome.out, "\nErasing sector 3  0x0800C000  16 KB ... 25");
    assert_says(outcome.out, "\nWriting           0x0800C000  5000 bytes ... ");
    assert_says(outcome.out, "\nVerifying         0x0800C000  5000 bytes ... ");
    assert_says(outcome.out, "\nRunning           0x0800C000 ... the board left DFU mode\n");
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
    assert_says(outcome.out, "Done: written and verified; the board stays in DFU mode");
    desk_wait_ms(bench->desk, 500);
    assert_false(bench->desk->ran);
    assert_memory_equal(bench_flash(bench, 0x08020000), image, sizeof image);
    outcome_free(&outcome);
    bench_free(bench);
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
    assert_says(outcome.out, "\rWriting           0x0800C000  5000 bytes ... 40 %");
    assert_says(outcome.out, "\033[K\n");
    outcome_free(&outcome);
    bench_free(bench);
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
    assert_says(outcome.err, "0x0800C011 holds 0x");
    outcome_free(&outcome);
    bench_free(bench);
}

static void erase_all_spares_the_bootloader(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    bench_fill(bench, 0x55);
    struct outcome outcome = redfu_on(bench, "erase --all", false);
    assert_int_equal(outcome.status, 0);
    assert_says(outcome.out, "Done: 9 sectors, 976 KB erased");
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
    assert_says(outcome.out, "dfuERROR (10), status errSTALLEDPKT (15): \"Request not allowed");
    assert_says(outcome.out, "0x08000000-0x0800BFFF  3 x 16 KB      sectors 0-2  read only");
    assert_says(outcome.out, "Application area: 0x0800C000, 976 KB");
    assert_int_equal(desk_getstate(bench->desk), DFU_STATE_ERROR);
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
    assert_says(outcome.out, "0483:DF11  serial 0123456789AB  path 1-1  redfu-boot (redfu)");
    assert_says(outcome.out, "serial OTHER1  path 1-2");
    assert_says(outcome.out, "run-time mode");
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
        {"write %/good.bin --serial NOBODY", REDFU_NO_DEVICE,
         "no device in DFU mode matches --serial NOBODY"},
        {"write %/good.bin --alt 1", REDFU_BAD_DEVICE, "has no alternate setting 1"},
        {"erase 0x08000000 1", REDFU_READ_ONLY, "0x08000000 lies in sector 0"},
        {"erase", REDFU_USAGE, "redfu erase ADDRESS LENGTH | --all"},
        {"erase 0x0800C000 0", REDFU_USAGE, "a length of 0"},
        {"write", REDFU_USAGE, "redfu write FILE[@ADDRESS]"},
        {"write %/text.bin", REDFU_WRONG_VECTORS, "it has no vector table"},
        {"write %/even.bin", REDFU_WRONG_VECTORS, "no Thumb address"},
        {"wirte %/good.bin", REDFU_USAGE, "there is no command \"wirte\""},
        {"verify --no-run %/good.bin", REDFU_USAGE, "belong to write"},
        {"read 0x0800C000 5000 %/none/back.bin", REDFU_CANNOT_SAVE, "none/back.bin.part"},
        {"read 0x080FFFFF 2 %/back2.bin", REDFU_OUTSIDE, "nothing is at 0x08100000"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bench *bench = bench_new();
        bench_fill(bench, 0x55);
        assert_refused(bench, cases[i].words, cases[i].status, cases[i].sentence);
        bench_free(bench);
    }
    assert_false(has_file("back2.bin"));
    assert_false(has_file("back2.bin.part"));
}

static void devices_that_cannot_be_used_are_refused(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    bench->device_count = 0;
    assert_refused(bench, "write %/good.bin", REDFU_NO_DEVICE,
                   "no device in DFU mode is connected\n       Put the board into DFU mode");
    assert_refused(bench, "list", REDFU_NO_DEVICE, "no device in DFU mode is connected");
    bench->device_count = 1;
    bench->kinds[0] = REDFU_KIND_RUNTIME;
    assert_refused(bench, "write %/good.bin", REDFU_NO_DEVICE, "(running an application)");
    bench->kinds[0] = REDFU_KIND_DFU;
    assert_refused(bench, "write %/good.bin", REDFU_NOT_DFUSE, "without ST's DfuSe extension");
    bench->kinds[0] = REDFU_KIND_DFUSE;
    bench->device_count = 2;
    assert_refused(bench, "write %/good.bin", REDFU_MANY_DEVICES,
                   "2 devices in DFU mode are connected: which one is meant?\n"
                   "       Say it with --serial, --path or --usb-id:\n"
                   "         0483:DF11  --serial 0123456789AB  --path 1-1");
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
        assert_says(outcome.out, "redfu-boot 0123456789AB at 1-1");
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
    assert_says(outcome.err, "was unplugged, or lost its power, while writing 0x0800C");
    assert_says(outcome.err, "The image on the board is incomplete. Plug the board in and give");
    assert_int_equal(outcome.out[strlen(outcome.out) - 1], '\n');
    outcome_free(&outcome);
    bench_power_cycle(bench);
    outcome = redfu_on(bench, "write %/good.bin", false);
    assert_int_equal(outcome.status, 0);
    outcome_free(&outcome);
    bench_free(bench);
}

static void ctrl_c_half_way_ends_with_130_and_the_next_load_works(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    bench->cancel_at = 14;
    struct outcome outcome = redfu_on(bench, "write %/good.bin", false);
    assert_int_equal(outcome.status, 130);
    assert_says(outcome.err, "interrupted while writing 0x0800C");
    assert_says(outcome.err, "takes the next load");
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
    assert_false(has_file("half.bin"));
    assert_false(has_file("half.bin.part"));
    outcome_free(&outcome);
    bench_free(bench);
}

static void a_device_error_is_told_with_the_devices_sentence(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    bench_fail_next(bench, FLASH_PROTECTED);
    struct outcome outcome = redfu_on(bench, "write %/good.bin", false);
    assert_int_equal(outcome.status, REDFU_DEVICE_ERROR);
    assert_says(outcome.err, "erasing 0x0800C000 failed: the device reports errWRITE (3) in "
                             "dfuERROR: \"Flash is write protected or the supply is too low\"");
    outcome_free(&outcome);
    bench_free(bench);
}

static void an_image_that_does_not_start_is_still_told_to_be_written(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    put_file("data.bin", "no vector table at all", 22);
    struct outcome outcome = redfu_on(bench, "write %/data.bin --force-vectors", false);
    assert_int_equal(outcome.status, REDFU_DEVICE_ERROR);
    assert_says(outcome.err, "errFIRMWARE");
    assert_says(outcome.err, "The image was written and verified.");
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
        assert_says(outcome.out, line);
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
        assert_says(outcome.out, wanted); // an example
        outcome_free(&outcome);
    }
    bench_free(bench);
}

// The real transport's own words; nothing is opened.
static void seal_makes_an_image_that_says_it_is_whole(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    put_file("plain.bin", image, IMAGE_BYTES);
    struct outcome outcome = redfu_on(bench, "seal %/plain.bin %/sealed.bin", false);
    assert_int_equal(outcome.status, REDFU_OK);
    assert_says(outcome.out, "5024 bytes");
    assert_says(outcome.out, "sealed");
    outcome_free(&outcome);
    outcome = redfu_on(bench, "seal %/sealed.bin %/sealed.bin", false);
    assert_int_equal(outcome.status, REDFU_OK);
    assert_says(outcome.out, "was sealed already");
    outcome_free(&outcome);
    // What is loaded afterwards is the sealed file, and it is taken like any other.
    outcome = redfu_on(bench, "write %/sealed.bin --no-run --force-vectors", false);
    assert_int_equal(outcome.status, REDFU_OK);
    assert_says(outcome.out, "5024 bytes");
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
    assert_says(fault.text, "no permission to open /dev/bus/usb/001/007 (0483:DF11 at 1-2)");
    assert_says(fault.advice, "SUBSYSTEM==\"usb\", ATTR{idVendor}==\"0483\", "
                              "ATTR{idProduct}==\"df11\", MODE=\"0660\", TAG+=\"uaccess\"");
    transport.free(transport.ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(write_says_what_it_does_and_starts_the_application),
        cmocka_unit_test(no_run_stays_in_dfu_mode),
        cmocka_unit_test(quiet_says_nothing_but_errors),
        cmocka_unit_test(a_terminal_gets_one_updating_line),
        cmocka_unit_test(verify_and_read_agree_with_write),
        cmocka_unit_test(erase_all_spares_the_bootloader),
        cmocka_unit_test(info_shows_the_map_and_the_error_it_leaves_alone),
        cmocka_unit_test(list_marks_run_time_devices),
        cmocka_unit_test(bad_input_is_refused_before_anything_is_sent),
        cmocka_unit_test(devices_that_cannot_be_used_are_refused),
        cmocka_unit_test(one_of_two_devices_is_chosen_by_serial_or_path),
        cmocka_unit_test(force_vectors_writes_what_would_not_run),
        cmocka_unit_test(a_cable_pulled_half_way_says_what_to_do_next),
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

// SPDX-License-Identifier: MIT
//
// What hardly anybody ever meets, and what redfu says then: a device that tells untruths, a system that
// refuses it descriptors or room on the disk, texts and files without measure.

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/cli.h"
#include "host/redfu.h"
#include "image/save.h"
#include "spec/boot.h"
#include "spec/bytes.h"
#include "spec/dfu.h"
#include "spec/usb.h"
#include "tests/host/folder.h"
#include "tests/host/redfu_run.h"

static char folder[] = "/tmp/redfu-rare-XXXXXX";

static int set_up(void **unused) {
    (void)unused;
    assert_non_null(mkdtemp(folder));
    cli_put_startable(folder);
    folder_put(folder, "long", "x", 1);
    folder_stretch(folder, "long", 64 << 20);
    return 0;
}

static int tear_down(void **unused) {
    (void)unused;
    return folder_remove(folder);
}

// --- Devices that tell untruths ------------------------------------------------------------------

static enum transport_result (*desk_answers)(void *ctx, void *handle, const struct usb_setup *setup,
                                             uint8_t *data, uint16_t *moved, uint32_t timeout_ms);

// Option bytes that nothing is protected by, and stay so, though the device takes every request.
static enum transport_result keep_option_bytes(void *ctx, void *handle,
                                               const struct usb_setup *setup, uint8_t *data,
                                               uint16_t *moved, uint32_t timeout_ms) {
    if ((setup->bmRequestType & USB_TYPE_MASK) != USB_TYPE_VENDOR ||
        setup->bRequest != BOOT_REPORT_REQUEST) {
        return desk_answers(ctx, handle, setup, data, moved, timeout_ms);
    }
    if ((setup->bmRequestType & USB_DIR_IN) == 0) {
        *moved = 0;
        return TRANSPORT_OK;
    }
    // RM0090 table 16: level 0, no brown-out reset, no sector protected.
    struct protection_record record = {PROTECTION_MAGIC, 0x0fffaaedu, 3, 0};
    record.check = protection_check(&record);
    memset(data, 0, BOOT_REPORT_LEN);
    uint8_t *at = data + (PROTECTION_ADDRESS - BOOT_REPORT_ADDRESS);
    store_le32(at, record.magic);
    store_le32(at + 4, record.option);
    store_le32(at + 8, record.boot_sectors);
    store_le32(at + 12, record.check);
    *moved = BOOT_REPORT_LEN;
    return TRANSPORT_OK;
}

static void option_bytes_that_do_not_change_are_told(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    desk_answers = bench->transport.control;
    bench->transport.control = keep_option_bytes;
    cli_ends(bench, folder, "protect on", REDFU_DEVICE_ERROR,
             "the device took the request, but its option bytes do not say so");
    bench_free(bench);
}

static unsigned lists_with_it;

// A list of settings in which 0x5500 is another key, after it was in one list as it should be.
static enum transport_result lose_a_variable(void *ctx, void *handle, const struct usb_setup *setup,
                                             uint8_t *data, uint16_t *moved, uint32_t timeout_ms) {
    enum transport_result result = desk_answers(ctx, handle, setup, data, moved, timeout_ms);
    bool is_upload = (setup->bmRequestType & USB_TYPE_MASK) == USB_TYPE_CLASS &&
                     setup->bRequest == DFU_UPLOAD && result == TRANSPORT_OK;
    uint8_t *at = is_upload ? memmem(data, *moved, "\x00\x55\x02", 3) : NULL;
    if (at && lists_with_it++ > 0) {
        store_le16(at, 0x54ff);
    }
    return result;
}

static void a_page_is_not_given_up_for_a_variable_that_is_not_there(void **unused) {
    (void)unused;
    enum { PAGE1 = 0x08008000, PAGE_BYTES = 0x4000 };
    struct bench *bench = bench_new();
    bench->desk->poll_us = 20;
    desk_wait_ms(bench->desk, DESK_PREPARED_MS);
    memset(bench_flash(bench, PAGE1 - PAGE_BYTES), 0xff, 2 * PAGE_BYTES);
    store_le32(bench_flash(bench, PAGE1), 0xffff0000u); // AN3969: valid
    store_le32(bench_flash(bench, PAGE1 + 4), 0x5500u << 16 | 1000);
    bench_power_cycle(bench);
    bench->desk->poll_us = 20;
    desk_wait_ms(bench->desk, DESK_PREPARED_MS);
    uint8_t before[64];
    memcpy(before, bench_flash(bench, PAGE1), sizeof before);
    desk_answers = bench->transport.control;
    bench->transport.control = lose_a_variable;
    cli_ends(bench, folder, "settings import %/pages", REDFU_MISMATCH,
             "variable 0x5500 is not in the store after it was set; its page was left alone");
    assert_memory_equal(before, bench_flash(bench, PAGE1), sizeof before);
    bench_free(bench);
}

static enum transport_result be_gone(void *ctx, void *handle, const struct usb_setup *setup,
                                     uint8_t *data, uint16_t *moved, uint32_t timeout_ms) {
    bool is_first = (setup->bmRequestType & USB_TYPE_MASK) == USB_TYPE_STANDARD &&
                    setup->bRequest == USB_GET_DESCRIPTOR && setup->wValue == USB_DT_DEVICE << 8;
    return is_first ? TRANSPORT_GONE : desk_answers(ctx, handle, setup, data, moved, timeout_ms);
}

static void a_suite_that_cannot_begin_is_told(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    desk_answers = bench->transport.control;
    bench->transport.control = be_gone;
    cli_ends(bench, folder, "doctor --conformance --yes", REDFU_UNSEEN,
             "the suite could not begin: its device descriptor cannot be read");
    assert_int_equal(bench_count(bench, 0, DFU_DNLOAD), 0);
    bench_free(bench);
}

// --- A system that refuses -----------------------------------------------------------------------

static struct rlimit limit(int what, rlim_t most) {
    struct rlimit before;
    assert_int_equal(getrlimit(what, &before), 0);
    const struct rlimit now = {most, before.rlim_max};
    assert_int_equal(setrlimit(what, &now), 0);
    return before;
}

static void what_is_kept_and_finds_no_room_leaves_the_board_alone(void **unused) {
    (void)unused;
    char here[1024];
    assert_non_null(getcwd(here, sizeof here));
    struct bench *bench = bench_new();
    memset(bench_flash(bench, DESK_APPLICATION), 0x77, 16384);
    assert_int_equal(chdir(folder), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    struct rlimit before = limit(RLIMIT_FSIZE, 1000);
    struct outcome outcome = cli_run(bench, folder, "write %/good.bin --keep --no-run", false);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_non_null(strstr(outcome.err, "redfu: what is to be kept cannot be saved: "));
    assert_non_null(strstr(outcome.err, "Give the command in a folder that files can be made in."));
    assert_int_equal(outcome.status, REDFU_CANNOT_SAVE);
    outcome_free(&outcome);
    assert_int_equal(bench_flash(bench, DESK_APPLICATION)[0], 0x77);
    assert_int_equal(access("redfu-kept-0123456789AB.hex", F_OK), -1); // nothing half-written
    assert_int_equal(chdir(here), 0);
    bench_free(bench);
}

static enum redfu_result connect_usb(void *ctx, struct redfu **redfu, struct redfu_fault *fault) {
    (void)ctx;
    return redfu_new(redfu, fault);
}

static bool never(void *ctx) {
    (void)ctx;
    return false;
}

// libusb cannot have the descriptors it begins with.
static void a_computer_without_usb_is_told(void **unused) {
    (void)unused;
    char *out, *err;
    size_t len;
    char name[] = "redfu", command[] = "list";
    char *argv[] = {name, command, NULL};
    const struct surroundings surroundings = {
        .out = open_memstream(&out, &len),
        .err = open_memstream(&err, &len),
        .connect = connect_usb,
        .is_cancelled = never,
    };
    struct rlimit before = limit(RLIMIT_NOFILE, 3);
    int status = cli_main(2, argv, &surroundings);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    (void)fclose(surroundings.out);
    (void)fclose(surroundings.err);
    assert_non_null(strstr(err, "redfu: USB cannot be used on this computer (libusb: "));
    assert_int_equal(status, REDFU_NO_USB);
    free(out);
    free(err);
}

// --- Without measure -----------------------------------------------------------------------------

static void a_file_that_is_too_long_for_what_it_should_be_is_told(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    cli_ends(bench, folder, "settings restore %/long", REDFU_BAD_FILE,
             "long is longer than any such file (");
    assert_int_equal(bench_count(bench, 0, DFU_DNLOAD), 0);
    bench_free(bench);
}

static void texts_that_no_package_holds_are_told(void **unused) {
    (void)unused;
    struct bench *bench = bench_new();
    char words[14500];
    int len = snprintf(words, sizeof words,
                       "fwupd-package %%/good.bin@0x0800C000 %%/long.cab --usb-id 1209:0003 "
                       "--release 1.2 --description=");
    memset(words + len, '&', 14000); // five characters each in XML
    words[len + 14000] = '\0';
    cli_ends(bench, folder, words, REDFU_USAGE, "the texts are longer than 65536 bytes");
    char path[256];
    (void)snprintf(path, sizeof path, "%s/long.cab", folder);
    assert_int_equal(access(path, F_OK), -1);
    bench_free(bench);
}

// Segments of a length only: what is refused is not read.
static void more_output_than_any_firmware_has_is_told(void **unused) {
    (void)unused;
    static uint8_t byte;
    struct image_segment segments[] = {{.addr = 0, .len = 1u << 30, .bytes = &byte},
                                       {.addr = 0x80000000u, .len = 1, .bytes = &byte}};
    struct image_target target = {.image = {.segments = segments, .segment_count = 2}};
    const struct image_contents contents = {
        .format = IMAGE_HEX, .targets = &target, .target_count = 1};
    struct image_fault fault;
    assert_false(image_contents_check(&contents, "out.hex", &fault));
    assert_string_equal(fault.text, "out.hex: more bytes than any firmware has");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(option_bytes_that_do_not_change_are_told),
        cmocka_unit_test(a_page_is_not_given_up_for_a_variable_that_is_not_there),
        cmocka_unit_test(a_suite_that_cannot_begin_is_told),
        cmocka_unit_test(what_is_kept_and_finds_no_room_leaves_the_board_alone),
        cmocka_unit_test(a_computer_without_usb_is_told),
        cmocka_unit_test(a_file_that_is_too_long_for_what_it_should_be_is_told),
        cmocka_unit_test(texts_that_no_package_holds_are_told),
        cmocka_unit_test(more_output_than_any_firmware_has_is_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

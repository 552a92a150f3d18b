// SPDX-License-Identifier: MIT
//
// redfu without memory: each command again and again, the first time without its first allocation, then
// without its second one, and so on until it asks for no more. Whichever is missing, it says so, and no flash is
// changed by a command that fails before it writes. The linker wraps malloc() and its kin (--wrap) in what is linked
// statically: redfu, libredfu, the desk.

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/redfu.h"
#include "spec/bytes.h"
#include "spec/dfu.h"
#include "tests/host/folder.h"
#include "tests/host/redfu_run.h"

// What a command may do without: the device is opened for its names, which are then not known.
#define MAY_LACK      1u
// And info without the settings, which takes three: "not known: they could not be read".
#define INFO_MAY_LACK 4u

static bool is_counting;
static unsigned allocations, missing; // counted from 1

static bool is_missing(void) {
    if (!is_counting || ++allocations != missing) {
        return false;
    }
    errno = ENOMEM;
    return true;
}

// The names are the linker's.
// NOLINTBEGIN(bugprone-reserved-identifier)
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size) {
    return is_missing() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return is_missing() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size) {
    return is_missing() ? NULL : __real_realloc(old, size);
}
// NOLINTEND(bugprone-reserved-identifier)

static char folder[] = "/tmp/redfu-memory-XXXXXX";

static int set_up(void **unused) {
    (void)unused;
    assert_non_null(mkdtemp(folder));
    cli_put_startable(folder);
    return 0;
}

static int tear_down(void **unused) {
    (void)unused;
    return folder_remove(folder);
}

// What is the desk's own is not counted.
static struct transport desk;

static enum transport_result control(void *ctx, void *handle, const struct usb_setup *setup,
                                     uint8_t *data, uint16_t *moved, uint32_t timeout_ms) {
    bool was_counting = is_counting;
    is_counting = false;
    enum transport_result result = desk.control(ctx, handle, setup, data, moved, timeout_ms);
    is_counting = was_counting;
    return result;
}

static enum transport_result set_alternate(void *ctx, void *handle, uint8_t interface,
                                           uint8_t alternate) {
    bool was_counting = is_counting;
    is_counting = false;
    enum transport_result result = desk.set_alternate(ctx, handle, interface, alternate);
    is_counting = was_counting;
    return result;
}

static void sleep_ms(void *ctx, uint32_t ms) {
    bool was_counting = is_counting;
    is_counting = false;
    desk.sleep_ms(ctx, ms);
    is_counting = was_counting;
}

// A transport cannot say that it was memory that it had not.
static bool is_told(const struct outcome *outcome) {
    if (outcome->status == REDFU_INTERNAL) {
        return strstr(outcome->err, "out of memory") != NULL;
    }
    if (outcome->status == REDFU_CANNOT_SAVE) { // the system's word for it
        return strstr(outcome->err, "cannot be written: Cannot allocate memory") != NULL;
    }
    return outcome->status == REDFU_TRANSFER &&
           (strstr(outcome->err, "the USB devices could not be listed") ||
            strstr(outcome->err, "the device at 1-1 cannot be opened"));
}

struct meeting {
    bool was_missing, was_done;
};

// The command without the allocation `which`: whether there was one, and whether the command did without.
static struct meeting meet(const char *words, unsigned which) {
    struct bench *bench = bench_new();
    bench->desk->poll_us = 20;
    desk_wait_ms(bench->desk, DESK_PREPARED_MS);
    desk = bench->transport;
    bench->transport.control = control;
    bench->transport.set_alternate = set_alternate;
    bench->transport.sleep_ms = sleep_ms;
    bench->transport.wait_change = sleep_ms;
    uint8_t *before = malloc(DESK_FLASH_BYTES);
    assert_non_null(before);
    memcpy(before, bench->desk->flash, DESK_FLASH_BYTES);
    allocations = 0;
    missing = which;
    is_counting = true;
    struct outcome outcome = cli_run(bench, folder, words, false);
    is_counting = false;
    struct meeting meeting = {allocations >= which, outcome.status == 0};
    if (outcome.status != 0 && (!meeting.was_missing || !is_told(&outcome))) {
        fail_msg("redfu %s, allocation %u: status %d\n%s%s", words, which, outcome.status,
                 outcome.out, outcome.err);
    }
    if (outcome.status != 0 && bench_count(bench, 0, DFU_DNLOAD) == 0) {
        assert_memory_equal(before, bench->desk->flash, DESK_FLASH_BYTES);
    }
    outcome_free(&outcome);
    free(before);
    bench_free(bench);
    return meeting;
}

static void a_command_without_memory_says_so(void **unused) {
    (void)unused;
    static const char *const commands[] = {
        "list",
        "info",
        "write %/good.bin --no-run",
        "write %/good.bin --keep --no-run --dry-run",
        "read 0x0800C000 1K %/back.bin",
        "erase 0x0800C000 1",
        "settings list",
        "settings set 5 u8:5",
        "convert %/good.bin@0x0800C000 %/good.hex",
        "convert %/good.bin@0x0800C000 %/good.dfu",
        "convert %/good.bin@0x0800C000 %/good.uf2",
        "seal %/good.bin@0x0800C000 %/sealed.hex",
        "inspect %/good.bin@0x0800C000",
        "fwupd-package %/good.bin@0x0800C000 %/good.cab --usb-id 1209:0003 --release 1.2",
    };
    unsigned met = 0;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        unsigned which = 0;
        unsigned done_without = 0;
        struct meeting meeting;
        do {
            meeting = meet(commands[i], ++which);
            done_without += meeting.was_missing && meeting.was_done;
        } while (meeting.was_missing);
        assert_true(which > 1); // each of them asks for some
        bool is_info = strcmp(commands[i], "info") == 0;
        if (done_without > (is_info ? INFO_MAY_LACK : MAY_LACK)) {
            fail_msg("redfu %s: done without %u allocations", commands[i], done_without);
        }
        met += which - 1;
    }
    print_message("%u allocations\n", met);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_without_memory_says_so),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

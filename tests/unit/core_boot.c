// SPDX-License-Identifier: MIT
//
// The boot decision, and arithmetic over the flash map.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/boot.h"
#include "tests/unit/desk.h"

#define APP    0x0800c000u
#define TEST   0x080e0000u // an image of the product's own
#define LAMP   0x08000401u // a function
#define MODE_A 16u
#define MODE_B 17u
#define MODE_C 18u // in no table

static const struct boot_entry entries[] = {{MODE_A, TEST}, {MODE_B, LAMP}, {0, 0}};

static uint32_t without_image; // where is_image() finds none

static bool is_image(uint32_t address) {
    return address != without_image;
}

// One row of docs/boot.md: what was found, in the order of the fields, and what follows.
struct row {
    const char *name;
    uint32_t request, argument;
    bool button, receiving;
    uint8_t once, sticky, failed, promised;
    uint32_t faults, without;
    uint8_t mode, reason;
    uint32_t start;
};

#define NONE BOOT_MODE_NONE

static const struct row rows[] = {
    {"nothing", 0, 0, 0, 0, NONE, 0, 0, 0, 0, 0, BOOT_MODE_APPLICATION, BOOT_REASON_DEFAULT, APP},
    {"no application", 0, 0, 0, 0, NONE, 0, 0, 0, 0, APP, BOOT_MODE_DFU, BOOT_REASON_NO_APPLICATION,
     0},
    {"DFU asked for", MAILBOX_DFU, 0, 0, 0, NONE, 0, 0, 0, 0, 0, BOOT_MODE_DFU, BOOT_REASON_MAILBOX,
     0},
    {"DFU asked for, no application", MAILBOX_DFU, 0, 0, 0, NONE, 0, 0, 0, 0, APP, BOOT_MODE_DFU,
     BOOT_REASON_MAILBOX, 0},
    {"DFU asked for, one start and failed starts", MAILBOX_DFU, 0, 0, 0, MODE_A, 2, 5, 1, 0, 0,
     BOOT_MODE_DFU, BOOT_REASON_MAILBOX, 0},
    {"run", MAILBOX_RUN, 0, 0, 0, NONE, 0, 0, 0, 0, 0, BOOT_MODE_APPLICATION, BOOT_REASON_MAILBOX,
     APP},
    {"run beats the button", MAILBOX_RUN, 0, 1, 0, NONE, 0, 0, 0, 0, 0, BOOT_MODE_APPLICATION,
     BOOT_REASON_MAILBOX, APP},
    {"run beats the settings", MAILBOX_RUN, 0, 0, 0, MODE_A, 1, 0, 0, 0, 0, BOOT_MODE_APPLICATION,
     BOOT_REASON_MAILBOX, APP},
    {"run, but half an image", MAILBOX_RUN, 0, 0, 1, NONE, 0, 0, 0, 0, 0, BOOT_MODE_DFU,
     BOOT_REASON_RECEIVING, 0},
    {"run, but nothing there", MAILBOX_RUN, 0, 0, 0, NONE, 0, 0, 0, 0, APP, BOOT_MODE_DFU,
     BOOT_REASON_NO_APPLICATION, 0},
    {"mode: application", MAILBOX_MODE, 0, 1, 0, NONE, 0, 0, 0, 0, 0, BOOT_MODE_APPLICATION,
     BOOT_REASON_MAILBOX, APP},
    {"mode: DFU", MAILBOX_MODE, 1, 0, 0, NONE, 0, 0, 0, 0, 0, BOOT_MODE_DFU, BOOT_REASON_MAILBOX,
     0},
    {"mode: ROM, no application", MAILBOX_MODE, 2, 0, 0, NONE, 0, 0, 0, 0, APP, BOOT_MODE_ROM,
     BOOT_REASON_MAILBOX, 0},
    {"mode: factory reset", MAILBOX_MODE, 3, 0, 0, NONE, 0, 0, 0, 0, 0, BOOT_MODE_FACTORY_RESET,
     BOOT_REASON_MAILBOX, 0},
    {"mode: factory reset, but half an image", MAILBOX_MODE, 3, 0, 1, NONE, 0, 0, 0, 0, 0,
     BOOT_MODE_DFU, BOOT_REASON_RECEIVING, 0},
    {"mode: own image", MAILBOX_MODE, MODE_A, 0, 0, NONE, 0, 0, 0, 0, APP, MODE_A,
     BOOT_REASON_MAILBOX, TEST},
    {"mode: own image that is not there", MAILBOX_MODE, MODE_A, 0, 0, NONE, 0, 0, 0, 0, TEST,
     BOOT_MODE_DFU, BOOT_REASON_NO_APPLICATION, 0},
    {"mode: own function", MAILBOX_MODE, MODE_B, 0, 0, NONE, 0, 0, 0, 0, LAMP, MODE_B,
     BOOT_REASON_MAILBOX, LAMP},
    {"mode: unknown", MAILBOX_MODE, MODE_C, 0, 0, NONE, 0, 0, 0, 0, 0, BOOT_MODE_APPLICATION,
     BOOT_REASON_DEFAULT, APP},
    {"mode: beyond a byte", MAILBOX_MODE, 0x102, 0, 0, NONE, 0, 0, 0, 0, 0, BOOT_MODE_APPLICATION,
     BOOT_REASON_DEFAULT, APP},
    {"unknown request", 99, 1, 0, 0, NONE, 0, 0, 0, 0, 0, BOOT_MODE_APPLICATION,
     BOOT_REASON_DEFAULT, APP},
    {"button", 0, 0, 1, 0, NONE, 0, 0, 0, 0, 0, BOOT_MODE_DFU, BOOT_REASON_BUTTON, 0},
    {"button beats the settings", 0, 0, 1, 0, MODE_A, MODE_B, 0, 0, 0, 0, BOOT_MODE_DFU,
     BOOT_REASON_BUTTON, 0},
    {"half an image", 0, 0, 0, 1, NONE, 0, 0, 0, 0, 0, BOOT_MODE_DFU, BOOT_REASON_RECEIVING, 0},
    {"half an image, one start", 0, 0, 0, 1, MODE_A, MODE_A, 0, 0, 0, 0, BOOT_MODE_DFU,
     BOOT_REASON_RECEIVING, 0},
    {"one start of the application", 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, BOOT_MODE_APPLICATION,
     BOOT_REASON_ONCE, APP},
    {"one start in DFU mode", 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, BOOT_MODE_DFU, BOOT_REASON_ONCE, 0},
    {"one start beats sticky and failures", 0, 0, 0, 0, MODE_A, 2, 9, 3, 0, 0, MODE_A,
     BOOT_REASON_ONCE, TEST},
    {"one start, unknown: sticky", 0, 0, 0, 0, MODE_C, MODE_B, 0, 0, 0, 0, MODE_B,
     BOOT_REASON_STICKY, LAMP},
    {"failed as often as promised", 0, 0, 0, 0, NONE, 0, 3, 3, 0, 0, BOOT_MODE_DFU,
     BOOT_REASON_FAILED_STARTS, 0},
    {"failed less often", 0, 0, 0, 0, NONE, 0, 2, 3, 0, 0, BOOT_MODE_APPLICATION,
     BOOT_REASON_DEFAULT, APP},
    {"failed, nothing promised", 0, 0, 0, 0, NONE, 0, 200, 0, 0, 0, BOOT_MODE_APPLICATION,
     BOOT_REASON_DEFAULT, APP},
    {"failed beats sticky", 0, 0, 0, 0, NONE, MODE_A, 3, 3, 0, 0, BOOT_MODE_DFU,
     BOOT_REASON_FAILED_STARTS, 0},
    {"sticky DFU", 0, 0, 0, 0, NONE, 1, 0, 0, 0, 0, BOOT_MODE_DFU, BOOT_REASON_STICKY, 0},
    {"sticky ROM", 0, 0, 0, 0, NONE, 2, 0, 0, 0, 0, BOOT_MODE_ROM, BOOT_REASON_STICKY, 0},
    {"sticky own image", 0, 0, 0, 0, NONE, MODE_A, 0, 0, 0, 0, MODE_A, BOOT_REASON_STICKY, TEST},
    {"sticky, unknown", 0, 0, 0, 0, NONE, MODE_C, 0, 0, 0, 0, BOOT_MODE_APPLICATION,
     BOOT_REASON_DEFAULT, APP},
    {"a fault", MAILBOX_DFU, 0, 0, 1, NONE, 0, 0, 0, 1, 0, BOOT_MODE_DFU, BOOT_REASON_FAULTS, 0},
    {"a fault, then run", MAILBOX_RUN, 0, 0, 0, NONE, 0, 0, 0, 2, 0, BOOT_MODE_APPLICATION,
     BOOT_REASON_MAILBOX, APP},
    {"a fault for the third time", MAILBOX_DFU, 0, 0, 0, NONE, 0, 0, 0, 3, 0, BOOT_MODE_ROM,
     BOOT_REASON_FAULTS, 0},
};

static void every_row_of_the_decision(void **state) {
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        struct boot_facts facts = {
            .request = row->request,
            .argument = row->argument,
            .button = row->button,
            .receiving = row->receiving,
            .once = row->once,
            .sticky = row->sticky,
            .failed = row->failed,
            .promised = row->promised,
            .faults = row->faults,
            .application = APP,
            .entries = entries,
            .is_image = is_image,
        };
        without_image = row->without;
        struct boot_decision decision = boot_decide(&facts);
        if (decision.mode != row->mode || decision.reason != row->reason ||
            decision.start != row->start) {
            fail_msg("%s: mode %u, reason %u, start 0x%08x", row->name, decision.mode,
                     decision.reason, (unsigned)decision.start);
        }
    }
}

// Rows that read the settings wait until these are sure; a request or the button does not, and whoever has
// tried to settle asks for no mode.
static void settings_in_doubt_are_settled_once_before_they_count(void **state) {
    (void)state;
    struct boot_facts facts = {
        .is_in_doubt = true,
        .receiving = true,
        .once = MODE_A,
        .application = APP,
        .entries = entries,
        .is_image = is_image,
    };
    without_image = 0;
    struct boot_decision decision = boot_decide(&facts);
    assert_int_equal(decision.reason, BOOT_REASON_SETTLE);
    assert_int_equal(decision.start, 0);
    facts.button = true;
    facts.receiving = false;
    assert_int_equal(boot_decide(&facts).reason, BOOT_REASON_BUTTON);
    facts.button = false;
    facts.request = MAILBOX_RUN;
    assert_int_equal(boot_decide(&facts).reason, BOOT_REASON_MAILBOX);
    facts.request = MAILBOX_MODE;
    facts.argument = BOOT_MODE_NONE;
    assert_int_equal(boot_decide(&facts).reason, BOOT_REASON_ONCE);
    facts.once = BOOT_MODE_NONE;
    assert_int_equal(boot_decide(&facts).start, APP);
}

static uint8_t failed_after(uint8_t failed, uint8_t is_pending, uint32_t cause, uint32_t request) {
    struct start_record last = {
        .magic = START_MAGIC, .failed = failed, .is_pending = is_pending, .cause = 0x0c000000};
    last.check = start_check(&last);
    return boot_failed_starts(&last, cause, request);
}

static void only_a_start_that_ended_badly_before_it_was_confirmed_counts(void **state) {
    (void)state;
    const uint32_t pin = START_CAUSE_PIN;
    assert_int_equal(failed_after(1, 1, pin | START_CAUSE_WATCHDOG, MAILBOX_NONE), 2);
    assert_int_equal(failed_after(1, 1, pin | START_CAUSE_WINDOW_WATCHDOG, MAILBOX_NONE), 2);
    assert_int_equal(failed_after(1, 1, pin | START_CAUSE_SOFTWARE, MAILBOX_NONE), 2);
    assert_int_equal(failed_after(1, 0, pin | START_CAUSE_WATCHDOG, MAILBOX_NONE), 1);
    // It asked for something; a person has pressed reset; it has slept.
    assert_int_equal(failed_after(1, 1, pin | START_CAUSE_SOFTWARE, MAILBOX_DFU), 1);
    assert_int_equal(failed_after(1, 1, pin | START_CAUSE_SOFTWARE, MAILBOX_MODE), 1);
    assert_int_equal(failed_after(1, 1, pin, MAILBOX_NONE), 1);
    assert_int_equal(failed_after(1, 1, pin | START_CAUSE_LOW_POWER, MAILBOX_NONE), 1);
    // From the start: power went, or a host says run.
    assert_int_equal(failed_after(3, 1, pin | START_CAUSE_POWER_ON | START_CAUSE_BROWN_OUT, 0), 0);
    assert_int_equal(failed_after(3, 1, pin | START_CAUSE_BROWN_OUT, 0), 0);
    assert_int_equal(failed_after(3, 0, pin | START_CAUSE_SOFTWARE, MAILBOX_RUN), 0);
    assert_int_equal(failed_after(255, 1, pin | START_CAUSE_WATCHDOG, MAILBOX_NONE), 255);
}

static void a_start_record_is_valid_only_as_written(void **state) {
    (void)state;
    struct start_record start = {.magic = START_MAGIC, .failed = 2, .cause = 0x24000000};
    start.check = start_check(&start);
    assert_true(start_is_valid(&start));
    for (unsigned bit = 0; bit < 8 * sizeof start; bit++) {
        struct start_record damaged = start;
        ((uint8_t *)&damaged)[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(start_is_valid(&damaged));
        assert_int_equal(boot_failed_starts(&damaged, START_CAUSE_WATCHDOG, MAILBOX_NONE), 0);
    }
}

static void a_promise_is_a_number_behind_a_magic(void **state) {
    (void)state;
    assert_int_equal(start_promised(START_PROMISE(3)), 3);
    assert_int_equal(start_promised(START_PROMISE(255)), 255);
    assert_int_equal(start_promised(0), 0);
    assert_int_equal(start_promised(0xffffffff), 0);
    assert_int_equal(start_promised(0x08000135), 0); // a handler that somebody put there
}

static const struct boot_area areas[] = {
    {DESK_APPLICATION, 0xf4000}, {0x20000000, 0x20000}, {0x10000000, 0x10000}, {0, 0}};

static bool sane(uint32_t stack_pointer, uint32_t reset_vector) {
    return boot_vectors_are_sane(areas, stack_pointer, reset_vector);
}

static void vector_tables_of_real_applications_are_sane(void **state) {
    (void)state;
    assert_true(sane(0x20020000, 0x0800c1a9)); // stack at the top of SRAM: the usual one
    assert_true(sane(0x10010000, 0x0800c1a9)); // stack in CCM, which ST's mask refuses
    assert_true(sane(0x20000400, 0x0800c1a9)); // at the bottom, as some start-up codes do
    assert_true(sane(0x2001fffc, 0x080fffff));
}

static void what_is_no_vector_table_is_not_sane(void **state) {
    (void)state;
    assert_false(sane(0xffffffff, 0xffffffff)); // blank flash
    assert_false(sane(0, 0));
    assert_false(sane(0x20020000, 0xffffffff)); // only the first word was written
    assert_false(sane(0x20020004, 0x0800c1a9)); // past the end
    assert_false(sane(0x20000000, 0x0800c1a9)); // no room at all
    assert_false(sane(0x20010002, 0x0800c1a9)); // not a multiple of 4
    assert_false(sane(0x20020000, 0x0800c1a8)); // not Thumb
    assert_false(sane(0x20020000, 0x080001a9)); // linked for 0x08000000
    assert_false(sane(0x20020000, 0x08100001));
    assert_false(sane(0x20020000, 0x20000001));
}

static void a_mailbox_is_valid_only_as_written(void **state) {
    (void)state;
    struct mailbox box;
    memset(&box, 0, sizeof box);
    assert_false(mailbox_is_valid(&box));
    memset(&box, 0xff, sizeof box);
    assert_false(mailbox_is_valid(&box));
    mailbox_fill(&box, MAILBOX_DFU, 0);
    assert_true(mailbox_is_valid(&box));
    for (unsigned bit = 0; bit < 8 * sizeof box; bit++) {
        struct mailbox damaged = box;
        ((uint8_t *)&damaged)[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(mailbox_is_valid(&damaged));
    }
}

static void sectors_tile_the_flash_without_a_gap(void **state) {
    (void)state;
    assert_int_equal(flash_sector_count(&desk_map), 12);
    uint32_t addr = DESK_FLASH_BASE;
    for (unsigned sector = 0; sector < 12; sector++) {
        assert_int_equal(flash_sector_address(&desk_map, sector), addr);
        uint32_t bytes = flash_sector_bytes(&desk_map, sector);
        assert_int_equal(flash_sector_at(&desk_map, addr), sector);
        assert_int_equal(flash_sector_at(&desk_map, addr + bytes - 1), sector);
        addr += bytes;
    }
    assert_int_equal(addr, 0x08100000);
    assert_int_equal(flash_end(&desk_map), addr);
    assert_int_equal(flash_sector_at(&desk_map, addr), FLASH_NO_SECTOR);
    assert_int_equal(flash_sector_at(&desk_map, DESK_FLASH_BASE - 1), FLASH_NO_SECTOR);
    assert_int_equal(flash_application_address(&desk_map), DESK_APPLICATION);
}

static void ranges_cannot_wrap(void **state) {
    (void)state;
    assert_true(flash_holds(&desk_map, 0x08000000, 0x100000));
    assert_false(flash_holds(&desk_map, 0x08000000, 0x100001));
    assert_false(flash_holds(&desk_map, 0x080fffff, 0xffffffff));
    assert_false(flash_holds(&desk_map, 0x08000001, 0xffffffff));
    assert_false(flash_application_holds(&desk_map, 0x0800bfff, 2));
    assert_true(flash_application_holds(&desk_map, 0x0800c000, 0xf4000));
    assert_false(flash_application_holds(&desk_map, 0x0800c000, 0xf4001));
}

static void a_map_without_sectors_holds_nothing(void **state) {
    (void)state;
    const struct flash_map none = {.base = DESK_FLASH_BASE, .runs = desk_map.runs, .run_count = 0};
    assert_int_equal(flash_sector_count(&none), 0);
    assert_int_equal(flash_end(&none), DESK_FLASH_BASE);
    assert_int_equal(flash_application_address(&none), DESK_FLASH_BASE);
    assert_int_equal(flash_sector_at(&none, DESK_FLASH_BASE), FLASH_NO_SECTOR);
    for (uint32_t len = 0; len < 2; len++) {
        assert_false(flash_holds(&none, DESK_FLASH_BASE, len));
        assert_false(flash_application_holds(&none, DESK_FLASH_BASE, len));
    }
}

static void layouts_are_cut_where_the_application_begins(void **state) {
    (void)state;
    char text[USB_STRING_CHARS_MAX + 1];
    const char *whole = "@Internal Flash  /0x08000000/03*016Ka,01*016Kg,01*064Kg,07*128Kg";
    assert_int_equal(flash_layout(&desk_map, "Internal Flash  ", true, text, sizeof text),
                     strlen(whole));
    assert_string_equal(text, whole);
    flash_layout(&desk_map, "Application  ", false, text, sizeof text);
    assert_string_equal(text, "@Application  /0x0800C000/01*016Kg,01*064Kg,07*128Kg");
    assert_int_equal(flash_layout(&desk_map, "Internal Flash  ", true, text, 20), 0);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_of_the_decision),
        cmocka_unit_test(settings_in_doubt_are_settled_once_before_they_count),
        cmocka_unit_test(only_a_start_that_ended_badly_before_it_was_confirmed_counts),
        cmocka_unit_test(a_start_record_is_valid_only_as_written),
        cmocka_unit_test(a_promise_is_a_number_behind_a_magic),
        cmocka_unit_test(vector_tables_of_real_applications_are_sane),
        cmocka_unit_test(what_is_no_vector_table_is_not_sane),
        cmocka_unit_test(a_mailbox_is_valid_only_as_written),
        cmocka_unit_test(sectors_tile_the_flash_without_a_gap),
        cmocka_unit_test(ranges_cannot_wrap),
        cmocka_unit_test(a_map_without_sectors_holds_nothing),
        cmocka_unit_test(layouts_are_cut_where_the_application_begins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

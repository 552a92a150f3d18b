// SPDX-License-Identifier: MIT
//
// Boot modes on the image as built: what is found at reset, what starts, and what a host can read of it.
// The decision's every row is unit/core_boot's; here each of its outcomes happens.

#include "tests/board/host.h"

#include <string.h>

#include "app/redfu_boot_mode.h"
#include "spec/boot.h"
#include "spec/bytes.h"
#include "spec/mailbox.h"
#include "tests/board/pages.h"
#include "vboard/chip/chip_state.h"

#define FACTORY_IMAGE 0x080e0000u
#define ROM_BASE      0x1fff0000u
#define VALUE_KEY     7u

// --- The board from outside --------------------------------------------------------------------------

static void use_boot(struct bench *bench, const char *name) {
    static struct image boot;
    bench_image(&boot, name);
    memcpy(chip_flash(bench->chip), boot.bytes, boot.len);
    chip_flash_changed(bench->chip);
}

static void place(struct bench *bench, uint32_t addr, const char *name) {
    static struct image image;
    bench_image(&image, name);
    memcpy(chip_flash(bench->chip) + (addr - FLASH_BASE), image.bytes, image.len);
    chip_flash_changed(bench->chip);
}

static struct settings *open_store(struct bench *bench) {
    static struct settings_flash flash;
    static struct settings settings;
    flash = pages_at(chip_flash(bench->chip) + PAGES_OFF);
    enum settings_result opened = settings_open(&settings, &flash);
    if (opened == SETTINGS_TURNOVER || settings_turnovers(&settings) == 0) {
        opened = settings_wait(&settings, settings_turnover(&settings));
    }
    assert_int_equal(opened, SETTINGS_OK);
    return &settings;
}

static void set_modes(struct bench *bench, uint8_t sticky, uint8_t once) {
    assert_int_equal(redfu_set_boot_mode(open_store(bench), sticky, once), SETTINGS_OK);
    chip_flash_changed(bench->chip);
}

static void set_value(struct bench *bench, uint16_t key, const char *value) {
    struct settings *settings = open_store(bench);
    assert_int_equal(settings_wait(settings, settings_set(settings, key, (const uint8_t *)value,
                                                          (uint32_t)strlen(value))),
                     SETTINGS_OK);
    chip_flash_changed(bench->chip);
}

static bool has_value(struct bench *bench, uint16_t key) {
    uint8_t value[SETTINGS_VALUE_MAX];
    uint32_t len;
    return settings_get(open_store(bench), key, value, sizeof value, &len) == SETTINGS_OK;
}

// As the application kit would, and the reset behind it.
static void request(struct bench *bench, enum mailbox_request what, uint32_t argument) {
    struct mailbox box;
    uint8_t bytes[16];
    mailbox_fill(&box, what, argument);
    store_le32(bytes, box.magic);
    store_le32(bytes + 4, box.request);
    store_le32(bytes + 8, box.argument);
    store_le32(bytes + 12, box.check);
    assert_true(chip_poke(bench->chip, MAILBOX_ADDRESS, bytes, sizeof bytes));
    chip_reset_pin(bench->chip);
    bench_run_ms(bench, 1); // the cable sees the device go
}

static uint32_t vectors(struct bench *bench) {
    return cpu_vtor(chip_cpu(bench->chip));
}

static void wait_for_vectors(struct bench *bench, uint32_t addr, unsigned max_ms) {
    for (unsigned ms = 0; ms < max_ms && vectors(bench) != addr; ms++) {
        bench_run_ms(bench, 1);
    }
    assert_int_equal(vectors(bench), addr);
}

// The two records, by the vendor request.
static struct start_record report(struct bench *bench, struct fault_record *fault) {
    uint8_t bytes[BOOT_REPORT_LEN];
    bench_wait_for_device(bench);
    assert_int_equal(bench_control(bench, 0xc0, BOOT_REPORT_REQUEST, 0, bytes, sizeof bytes),
                     BOOT_REPORT_LEN);
    struct start_record start = {
        .magic = load_le32(bytes),
        .failed = bytes[4],
        .reason = bytes[5],
        .mode = bytes[6],
        .is_pending = bytes[7],
        .cause = load_le32(bytes + 8),
        .check = load_le32(bytes + 12),
    };
    assert_true(start_is_valid(&start));
    if (fault) {
        *fault = (struct fault_record){
            .magic = load_le32(bytes + 16),
            .count = load_le32(bytes + 20),
            .pc = load_le32(bytes + 24),
            .lr = load_le32(bytes + 28),
            .cfsr = load_le32(bytes + 32),
            .hfsr = load_le32(bytes + 36),
        };
    }
    return start;
}

static void assert_dfu_because(struct bench *bench, enum boot_reason reason) {
    struct start_record start = report(bench, NULL);
    assert_int_equal(start.mode, BOOT_MODE_DFU);
    assert_int_equal(start.reason, reason);
}

static struct bench *bench_on(const char *application) {
    struct bench *bench = bench_new(8000000);
    if (application) {
        bench_place_application(bench, application);
    }
    return bench;
}

// Jumping into the stand-in for ST's ROM is one complaint, and that is the point here.
static void free_after_rom(struct bench *bench) {
    assert_int_equal(trace_complaints(&bench->trace, NULL), 1);
    bench->trace.complaint_count = 0;
    bench_free(bench);
}

static void assert_rom_runs(struct bench *bench) {
    bench_run_ms(bench, 20);
    assert_int_equal(cpu_pc(chip_cpu(bench->chip)) & 0xffff0000u, ROM_BASE);
    assert_int_equal(bench->chip->syscfg.memrmp, 1);
}

// --- Modes -------------------------------------------------------------------------------------------

static void mailbox_brings_each_mode_once(void **state) {
    (void)state;
    struct bench *bench = bench_on("blink-0.1.bin");
    chip_power_on(bench->chip);
    wait_for_vectors(bench, APPLICATION, 20);
    request(bench, MAILBOX_DFU, 0);
    assert_dfu_because(bench, BOOT_REASON_MAILBOX);
    request(bench, MAILBOX_RUN, 0);
    wait_for_vectors(bench, APPLICATION, 20);
    request(bench, MAILBOX_MODE, BOOT_MODE_DFU);
    assert_dfu_because(bench, BOOT_REASON_MAILBOX);
    chip_reset_pin(bench->chip);
    bench_run_ms(bench, 1);
    wait_for_vectors(bench, APPLICATION, 20);
    request(bench, MAILBOX_MODE, 99); // nobody knows this one
    wait_for_vectors(bench, APPLICATION, 20);
    bench_free(bench);
}

static void rom_bootloader_starts_as_after_a_reset(void **state) {
    (void)state;
    struct bench *bench = bench_on(NULL);
    bench->trace.complaints = NULL;
    chip_power_on(bench->chip);
    bench_wait_for_device(bench);
    request(bench, MAILBOX_MODE, BOOT_MODE_ROM);
    assert_rom_runs(bench);
    assert_int_equal(chip_core_hz(bench->chip), 16000000);
    free_after_rom(bench);
}

static void factory_reset_drops_every_value_and_starts_the_application(void **state) {
    (void)state;
    struct bench *bench = bench_on("blink-0.1.bin");
    set_value(bench, VALUE_KEY, "mine");
    set_modes(bench, BOOT_MODE_DFU, BOOT_MODE_NONE);
    chip_power_on(bench->chip);
    assert_dfu_because(bench, BOOT_REASON_STICKY);
    request(bench, MAILBOX_MODE, BOOT_MODE_FACTORY_RESET);
    wait_for_vectors(bench, APPLICATION, 1500);
    assert_false(has_value(bench, VALUE_KEY));
    assert_false(has_value(bench, SETTINGS_KEY_BOOT_MODE));
    // By the settings, too: and it is asked for once.
    set_value(bench, VALUE_KEY, "mine");
    set_modes(bench, BOOT_MODE_APPLICATION, BOOT_MODE_FACTORY_RESET);
    chip_reset_pin(bench->chip);
    bench_run_ms(bench, 1);
    wait_for_vectors(bench, APPLICATION, 1500);
    assert_false(has_value(bench, VALUE_KEY));
    set_value(bench, VALUE_KEY, "mine");
    chip_reset_pin(bench->chip);
    bench_run_ms(bench, 1);
    wait_for_vectors(bench, APPLICATION, 20);
    assert_true(has_value(bench, VALUE_KEY));
    bench_free(bench);
}

// AN3969's pages: somebody else's data.
static void factory_reset_leaves_foreign_pages_alone(void **state) {
    (void)state;
    struct bench *bench = bench_on("blink-0.1.bin");
    static uint8_t before[2 * PAGES_PAGE_BYTES];
    uint8_t *pages = chip_flash(bench->chip) + PAGES_OFF;
    store_le32(pages, 0xffff0000u);
    store_le32(pages + 4, 0x55551234u);
    memcpy(before, pages, sizeof before);
    chip_flash_changed(bench->chip);
    chip_power_on(bench->chip);
    wait_for_vectors(bench, APPLICATION, 20);
    request(bench, MAILBOX_MODE, BOOT_MODE_FACTORY_RESET);
    struct start_record start = report(bench, NULL);
    assert_int_equal(start.mode, BOOT_MODE_FACTORY_RESET); // asked for, and not done
    assert_memory_equal(pages, before, sizeof before);
    bench_free(bench);
}

static void one_start_is_one_start(void **state) {
    (void)state;
    struct bench *bench = bench_on("blink-0.1.bin");
    set_value(bench, VALUE_KEY, "mine");
    set_modes(bench, BOOT_MODE_APPLICATION, BOOT_MODE_DFU);
    chip_power_on(bench->chip);
    assert_dfu_because(bench, BOOT_REASON_ONCE);
    chip_reset_pin(bench->chip);
    bench_run_ms(bench, 1);
    wait_for_vectors(bench, APPLICATION, 20);
    assert_true(has_value(bench, VALUE_KEY));
    bench_free(bench);
}

static void one_start_is_one_start_with_a_full_store(void **state) {
    (void)state;
    struct bench *bench = bench_on("blink-0.1.bin");
    struct settings *settings = open_store(bench);
    const uint8_t value = 1;
    uint16_t key = 0;
    while (settings_wait(settings, settings_set(settings, key, &value, 1)) == SETTINGS_OK) {
        key++;
    }
    assert_in_range(key, 1000, 1360);
    set_modes(bench, BOOT_MODE_APPLICATION, BOOT_MODE_DFU);
    chip_power_on(bench->chip);
    assert_dfu_because(bench, BOOT_REASON_ONCE);
    chip_reset_pin(bench->chip);
    bench_run_ms(bench, 1);
    wait_for_vectors(bench, APPLICATION, 20);
    assert_int_equal(settings_turnovers(open_store(bench)), 1);
    bench_free(bench);
}

static void button_rescues_from_a_sticky_mode(void **state) {
    (void)state;
    struct bench *bench = bench_on("blink-0.1.bin");
    bench->trace.complaints = NULL;
    set_modes(bench, BOOT_MODE_ROM, BOOT_MODE_NONE);
    chip_power_on(bench->chip);
    assert_rom_runs(bench);
    chip_set_pin(bench->chip, "PA0", 1);
    chip_reset_pin(bench->chip);
    assert_dfu_because(bench, BOOT_REASON_BUTTON);
    // And leave starts the application although the mode is still set.
    bench_dfu_leave(bench);
    wait_for_vectors(bench, APPLICATION, 500);
    free_after_rom(bench);
}

// --- The product's own -------------------------------------------------------------------------------

static struct bench *bench_with_factory(void) {
    struct bench *bench = bench_on("blink-0.1.bin");
    use_boot(bench, "../stm32f4-factory/redfu-boot.bin");
    place(bench, FACTORY_IMAGE, "../stm32f4-factory/factory-test.bin");
    return bench;
}

// The factory test lights one LED after the other for two seconds, and gives way.
static void own_image_runs_once_and_gives_way(void **state) {
    (void)state;
    struct bench *bench = bench_with_factory();
    set_modes(bench, BOOT_MODE_APPLICATION, 16);
    chip_power_on(bench->chip);
    wait_for_vectors(bench, FACTORY_IMAGE, 1000);
    static const char *const leds[] = {"PD12", "PD13", "PD14", "PD15"};
    for (unsigned step = 0; step < 4; step++) {
        for (unsigned i = 0; i < 4; i++) {
            assert_int_equal(chip_pin(bench->chip, leds[i]), i == step);
        }
        bench_run_ms(bench, 250);
    }
    wait_for_vectors(bench, APPLICATION, 1500);
    chip_reset_pin(bench->chip);
    bench_run_ms(bench, 10);
    assert_int_equal(vectors(bench), APPLICATION);
    request(bench, MAILBOX_MODE, 16);
    wait_for_vectors(bench, FACTORY_IMAGE, 20);
    bench_free(bench);
}

static void own_image_every_time(void **state) {
    (void)state;
    struct bench *bench = bench_with_factory();
    set_modes(bench, 16, BOOT_MODE_NONE);
    for (unsigned i = 0; i < 3; i++) {
        chip_power_on(bench->chip);
        wait_for_vectors(bench, FACTORY_IMAGE, 20);
        chip_power_off(bench->chip);
        bench_run_ms(bench, 1);
    }
    // Nothing there: DFU mode says so.
    memset(chip_flash(bench->chip) + (FACTORY_IMAGE - FLASH_BASE), 0xff, 8);
    chip_flash_changed(bench->chip);
    chip_power_on(bench->chip);
    assert_dfu_because(bench, BOOT_REASON_NO_APPLICATION);
    bench_free(bench);
}

static void own_function_runs_in_the_boot_stage(void **state) {
    (void)state;
    struct bench *bench = bench_with_factory();
    chip_power_on(bench->chip);
    wait_for_vectors(bench, APPLICATION, 20);
    request(bench, MAILBOX_MODE, 17);
    bench_run_ms(bench, 20);
    assert_int_equal(chip_pin(bench->chip, "PD12"), 1);
    assert_int_equal(chip_pin(bench->chip, "PD15"), 1);
    assert_in_range(cpu_pc(chip_cpu(bench->chip)), FLASH_BASE, FLASH_BASE + 0x3fff);
    chip_reset_pin(bench->chip);
    bench_run_ms(bench, 1);
    wait_for_vectors(bench, APPLICATION, 20);
    bench_free(bench);
}

// --- Failed starts -----------------------------------------------------------------------------------

// examples/guarded: PB0 low is a self test that fails.
static struct bench *bench_guarded(int self_test) {
    struct bench *bench = bench_on("guarded.bin");
    chip_set_pin(bench->chip, "PB0", self_test);
    chip_power_on(bench->chip);
    return bench;
}

static void three_unconfirmed_starts_end_in_dfu(void **state) {
    (void)state;
    struct bench *bench = bench_guarded(0);
    // Half a second each (IWDG).
    bench_run_ms(bench, 1400);
    assert_null(bench->device);
    assert_int_equal(vectors(bench), APPLICATION);
    bench_run_ms(bench, 400);
    struct start_record start = report(bench, NULL);
    assert_int_equal(start.mode, BOOT_MODE_DFU);
    assert_int_equal(start.reason, BOOT_REASON_FAILED_STARTS);
    assert_int_equal(start.failed, 3);
    assert_true((start.cause & START_CAUSE_WATCHDOG) != 0);
    // It stays there: after the reset button, too.
    bench_run_ms(bench, 2000);
    assert_non_null(bench->device);
    chip_reset_pin(bench->chip);
    bench_run_ms(bench, 10);
    start = report(bench, NULL);
    assert_int_equal(start.reason, BOOT_REASON_FAILED_STARTS);
    assert_int_equal(start.cause & 0xff000000u, START_CAUSE_PIN);
    // A host says run: it gets its three starts again.
    bench_dfu_leave(bench);
    wait_for_vectors(bench, APPLICATION, 500);
    bench_run_ms(bench, 1200);
    assert_int_equal(vectors(bench), APPLICATION);
    bench_run_ms(bench, 600);
    assert_dfu_because(bench, BOOT_REASON_FAILED_STARTS);
    // A load that a host ends without leave, and the reset button: another application, so no failures.
    static struct image image;
    bench_image(&image, "guarded.bin");
    bench_dfu_load(bench, &image);
    assert_int_equal(bench_control(bench, 0x21, DFU_ABORT, 0, NULL, 0), 0);
    bench_run_ms(bench, 1000); // the gate waits half a second for more to come
    chip_reset_pin(bench->chip);
    bench_run_ms(bench, 1);
    wait_for_vectors(bench, APPLICATION, 20);
    bench_run_ms(bench, 1800);
    assert_dfu_because(bench, BOOT_REASON_FAILED_STARTS);
    // Power goes and comes: they are forgotten.
    chip_power_off(bench->chip);
    bench_run_ms(bench, 10);
    chip_power_on(bench->chip);
    wait_for_vectors(bench, APPLICATION, 20);
    bench_free(bench);
}

static void a_confirmed_start_does_not_count(void **state) {
    (void)state;
    struct bench *bench = bench_guarded(1);
    bench_run_ms(bench, 200);
    assert_int_equal(chip_pin(bench->chip, "PD12"), 1);
    // Later watchdog resets, as many as one likes, each after a confirmation.
    for (unsigned i = 0; i < 5; i++) {
        chip_set_pin(bench->chip, "PB0", 0);
        bench_run_ms(bench, 520);
        chip_set_pin(bench->chip, "PB0", 1);
        bench_run_ms(bench, 200);
        assert_int_equal(vectors(bench), APPLICATION);
        assert_int_equal(chip_pin(bench->chip, "PD14"), 1); // the cause reached the application
        assert_int_equal(chip_pin(bench->chip, "PD12"), 1);
    }
    bench_free(bench);
}

// --- Watchdog, faults, causes ------------------------------------------------------------------------

// Option byte WDG_SW = 0: IWDG runs from the reset on, and DFU mode outlives an erase.
static void hardware_watchdog_is_fed_through_a_load(void **state) {
    (void)state;
    static struct image image;
    bench_image(&image, "blink-0.2.bin");
    struct bench *bench = bench_new(8000000);
    bench->chip->flash.option &= ~(1u << 5);
    chip_set_flash_times(bench->chip, true);
    chip_power_on(bench->chip);
    bench_wait_for_device(bench);
    bench_run_ms(bench, 3000);
    assert_non_null(bench->device);
    bench_dfu_command(bench, DFUSE_CMD_ERASE, 0x080e0000);
    bench_dfu_load(bench, &image);
    assert_int_equal(report(bench, NULL).cause & START_CAUSE_WATCHDOG, 0);
    bench_dfu_leave(bench);
    wait_for_vectors(bench, APPLICATION, 500);
    bench_assert_flash_holds(bench, &image);
    bench_free(bench);
}

// BOARD_WATCHDOG_MS of the example board; blink does not feed it.
static void board_may_have_the_watchdog_started(void **state) {
    (void)state;
    struct bench *bench = bench_with_factory();
    chip_power_on(bench->chip);
    wait_for_vectors(bench, APPLICATION, 20);
    uint64_t start_ps = timeline_now(&bench->timeline);
    while (vectors(bench) == APPLICATION) {
        bench_run(bench, 50 * PS_PER_US);
        assert_true(timeline_now(&bench->timeline) - start_ps < 5 * PS_PER_S);
    }
    assert_in_range((timeline_now(&bench->timeline) - start_ps) / PS_PER_MS, 3990, 4001);
    wait_for_vectors(bench, APPLICATION, 20);
    request(bench, MAILBOX_DFU, 0);
    bench_run_ms(bench, 6000); // and DFU mode feeds it, were it still running
    assert_dfu_because(bench, BOOT_REASON_MAILBOX);
    bench_free(bench);
}

// What docs/boot.md and app/redfu_app.h promise of SRAM: all but the first 64 bytes and some stack.
static void the_rest_of_sram_is_left_alone(void **state) {
    (void)state;
    static uint8_t pattern[0x20000 - 0x100];
    const uint32_t from = 0x20000100u; // the application's own start-up clears its .bss
    const uint32_t stack_bytes = 1024;
    struct bench *bench = bench_on("blink-0.1.bin");
    set_modes(bench, BOOT_MODE_APPLICATION, BOOT_MODE_NONE);
    chip_power_on(bench->chip);
    wait_for_vectors(bench, APPLICATION, 20);
    for (uint32_t i = 0; i < sizeof pattern; i++) {
        pattern[i] = (uint8_t)(i * 7 + (i >> 8));
    }
    assert_true(chip_poke(bench->chip, from, pattern, sizeof pattern));
    chip_reset_pin(bench->chip);
    do {
        bench_run(bench, 5 * PS_PER_US);
    } while (vectors(bench) != APPLICATION);
    uint32_t used = 0;
    for (uint32_t i = 0; i < sizeof pattern; i += 4) {
        uint32_t word;
        assert_true(cpu_peek(chip_cpu(bench->chip), from + i, 4, &word));
        if (word != load_le32(pattern + i)) {
            used = used ? used : (uint32_t)sizeof pattern - i;
        }
    }
    print_message("board.boot: %u bytes of stack on the way to the application\n", used);
    assert_true(used > 0 && used <= stack_bytes);
    bench_free(bench);
}

static void fault(struct bench *bench) {
    cpu_set_register(chip_cpu(bench->chip), 14, 0x12345679);
    cpu_set_register(chip_cpu(bench->chip), 15, 0x30000000); // nothing there
    bench_run_ms(bench, 20);
}

static void a_fault_is_told_and_the_third_gives_way_to_rom(void **state) {
    (void)state;
    struct bench *bench = bench_on("blink-0.1.bin");
    struct fault_record record;
    bench->trace.complaints = NULL;
    chip_set_pin(bench->chip, "PA0", 1);
    chip_power_on(bench->chip);
    bench_wait_for_device(bench);
    chip_set_pin(bench->chip, "PA0", 0);
    for (uint32_t count = 1; count < 3; count++) {
        fault(bench);
        struct start_record start = report(bench, &record);
        assert_int_equal(start.reason, BOOT_REASON_FAULTS);
        assert_int_equal(record.magic, FAULT_MAGIC);
        assert_int_equal(record.count, count);
        assert_int_equal(record.pc, 0x30000000);
        assert_int_equal(record.lr, 0x12345679);
        assert_int_equal(record.cfsr, 1u << 8);  // IBUSERR
        assert_int_equal(record.hfsr, 1u << 30); // FORCED
    }
    fault(bench);
    assert_rom_runs(bench);
    bench->trace.complaint_count = 0;
    bench_free(bench);
}

// The boot stage itself, whose vectors lie in flash: an instruction that is none, until it is put right.
static void a_fault_in_the_boot_stage_is_told_too(void **state) {
    (void)state;
    struct bench *bench = bench_on("blink-0.1.bin");
    struct fault_record record;
    uint8_t *flash = chip_flash(bench->chip);
    uint32_t entry = load_le32(flash + 4) - 1u - FLASH_BASE;
    const uint8_t undefined[2] = {0x00, 0xde}; // UDF, ARMv7-M A7.7.191
    uint8_t right[2];
    memcpy(right, flash + entry, sizeof right);
    memcpy(flash + entry, undefined, sizeof undefined);
    chip_flash_changed(bench->chip);
    bench->trace.complaints = NULL;
    chip_power_on(bench->chip);
    bench_run(bench, 15 * PS_PER_US); // once around takes 25
    memcpy(flash + entry, right, sizeof right);
    chip_flash_changed(bench->chip);
    bench_wait_for_device(bench);
    struct start_record start = report(bench, &record);
    assert_int_equal(start.reason, BOOT_REASON_FAULTS);
    assert_int_equal(record.count, 1);
    assert_int_equal(record.pc, FLASH_BASE + entry);
    bench->trace.complaint_count = 0;
    bench_free(bench);
}

static void faults_are_forgotten_once_the_application_runs(void **state) {
    (void)state;
    struct bench *bench = bench_on("blink-0.1.bin");
    struct fault_record record;
    chip_power_on(bench->chip);
    wait_for_vectors(bench, APPLICATION, 20);
    for (unsigned i = 0; i < 4; i++) {
        request(bench, MAILBOX_DFU, 0);
        bench_wait_for_device(bench);
        fault(bench);
        assert_int_equal(report(bench, &record).reason, BOOT_REASON_FAULTS);
        assert_int_equal(record.count, 1);
        bench_dfu_leave(bench);
        wait_for_vectors(bench, APPLICATION, 500);
    }
    bench->trace.complaint_count = 0;
    bench_free(bench);
}

static void causes_are_told_once(void **state) {
    (void)state;
    struct bench *bench = bench_on(NULL);
    chip_power_on(bench->chip);
    assert_int_equal(report(bench, NULL).cause & 0xff000000u,
                     START_CAUSE_POWER_ON | START_CAUSE_PIN | START_CAUSE_BROWN_OUT);
    chip_reset_pin(bench->chip);
    bench_run_ms(bench, 10);
    assert_int_equal(report(bench, NULL).cause & 0xff000000u, START_CAUSE_PIN);
    bench_free(bench);
}

// --- Run-time DFU ------------------------------------------------------------------------------------

static uint32_t identity(struct bench *bench) {
    bench_wait_for_device(bench);
    return load_le32(bench->device->device_descriptor + 8);
}

// examples/runtime-dfu: detached, loaded over itself, left; and again from what was loaded.
static void detach_leads_to_dfu_and_back(void **state) {
    (void)state;
    static struct image image;
    bench_image(&image, "runtime-dfu.bin");
    struct bench *bench = bench_on("runtime-dfu.bin");
    chip_power_on(bench->chip);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(identity(bench), 0x00011209);
        uint8_t reply[DFU_STATUS_LEN];
        assert_int_equal(bench_control(bench, 0xa1, DFU_GETSTATE, 0, reply, 1), 1);
        assert_int_equal(reply[0], DFU_STATE_APP_IDLE);
        assert_int_equal(bench_control(bench, 0xa1, DFU_GETSTATUS, 0, reply, sizeof reply), 6);
        assert_int_equal(reply[0], DFU_STATUS_OK);
        assert_int_equal(reply[4], DFU_STATE_APP_IDLE);
        assert_int_equal(bench_control(bench, 0x21, DFU_DNLOAD, 0, reply, 5), -1);
        assert_int_equal(bench_control(bench, 0xa1, DFU_DETACH, 1000, reply, 1), -1);
        bench_run_ms(bench, 100);
        assert_non_null(bench->device);
        assert_int_equal(bench_control(bench, 0x21, DFU_DETACH, 1000, NULL, 0), 0);
        bench_run_ms(bench, 30);
        assert_int_equal(identity(bench), 0xdf110483);
        assert_dfu_because(bench, BOOT_REASON_MAILBOX);
        bench_dfu_load(bench, &image);
        bench_dfu_leave(bench);
        bench_run_ms(bench, 200);
        bench_assert_flash_holds(bench, &image);
    }
    bench_free(bench);
}

// --- Time --------------------------------------------------------------------------------------------

static double reset_to_application_ms(struct bench *bench) {
    chip_reset_pin(bench->chip);
    uint64_t start_ps = timeline_now(&bench->timeline);
    do {
        bench_run(bench, 5 * PS_PER_US);
    } while (vectors(bench) != APPLICATION &&
             timeline_now(&bench->timeline) - start_ps < 100 * PS_PER_MS);
    assert_int_equal(vectors(bench), APPLICATION);
    return (double)(timeline_now(&bench->timeline) - start_ps) / (double)PS_PER_MS;
}

static void the_way_to_the_application_is_short(void **state) {
    (void)state;
    struct bench *bench = bench_on("blink-0.1.bin");
    chip_power_on(bench->chip);
    double blank = reset_to_application_ms(bench);
    set_value(bench, VALUE_KEY, "mine");
    double fresh = reset_to_application_ms(bench);
    set_modes(bench, BOOT_MODE_APPLICATION, BOOT_MODE_NONE);
    double modes = reset_to_application_ms(bench);
    // As full as it gets, of the shortest records there are.
    struct settings *settings = open_store(bench);
    for (unsigned i = 0; settings_room(settings) >= 16; i++) {
        const uint8_t value[1] = {(uint8_t)i};
        assert_int_equal(settings_wait(settings, settings_set(settings, 8, value, 1)), SETTINGS_OK);
    }
    chip_flash_changed(bench->chip);
    double full = reset_to_application_ms(bench);
    // A page that is neither ours nor blank, and a blank one.
    memset(chip_flash(bench->chip) + PAGES_OFF, 0xff, 2 * PAGES_PAGE_BYTES);
    memset(chip_flash(bench->chip) + PAGES_OFF + PAGES_PAGE_BYTES - 4, 0, 4);
    chip_flash_changed(bench->chip);
    double unknown = reset_to_application_ms(bench);
    print_message("board.boot: reset to application, ms: blank pages %.3f, fresh store %.3f, with "
                  "a boot mode %.3f, full log %.3f, unknown pages %.3f\n",
                  blank, fresh, modes, full, unknown);
    assert_true(blank < 0.5 && fresh < 0.5 && modes < 0.5 && unknown < 0.5);
    assert_true(full < 8.0);
    bench_free(bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BENCH_EACH(mailbox_brings_each_mode_once),
        BENCH_EACH(rom_bootloader_starts_as_after_a_reset),
        BENCH_EACH(factory_reset_drops_every_value_and_starts_the_application),
        BENCH_ONE(factory_reset_leaves_foreign_pages_alone),
        BENCH_EACH(one_start_is_one_start),
        BENCH_EACH(one_start_is_one_start_with_a_full_store),
        BENCH_ONE(button_rescues_from_a_sticky_mode),
        BENCH_ONE(own_image_runs_once_and_gives_way),
        BENCH_ONE(own_image_every_time),
        BENCH_ONE(own_function_runs_in_the_boot_stage),
        BENCH_EACH(three_unconfirmed_starts_end_in_dfu),
        BENCH_ONE(a_confirmed_start_does_not_count),
        BENCH_EACH(hardware_watchdog_is_fed_through_a_load),
        BENCH_ONE(board_may_have_the_watchdog_started),
        BENCH_ONE(the_rest_of_sram_is_left_alone),
        BENCH_EACH(a_fault_is_told_and_the_third_gives_way_to_rom),
        BENCH_ONE(a_fault_in_the_boot_stage_is_told_too),
        BENCH_ONE(faults_are_forgotten_once_the_application_runs),
        BENCH_ONE(causes_are_told_once),
        BENCH_EACH(detach_leads_to_dfu_and_back),
        BENCH_EACH(the_way_to_the_application_is_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

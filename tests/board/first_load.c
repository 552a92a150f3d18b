// SPDX-License-Identifier: MIT
//
// redfu-boot and the blink examples, the images as built, on the virtual board: into DFU and out of
// it by every way there is, a load, and what the application finds. The host is this file, transfer
// by transfer over the cable; unmodified dfu-util has its own tests. Each test runs on every board:
// the table of vboard/boards.c says what it is, the build has an image of its own for it.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "spec/bytes.h"
#include "spec/dfu.h"
#include "vboard/boards.h"
#include "vboard/chip/chip.h"
#include "vboard/usb/cable.h"
#include "vboard/usb/enumerate.h"

#define FLASH_BASE      0x08000000u
#define APPLICATION     0x0800c000u
#define BLOCK           2048u
// As hosts do: five seconds a control transfer (USB 2.0 9.2.6.1).
#define TRANSFER_MAX_PS (5 * PS_PER_S)

// The board under test.
static const struct board *board;

struct bench {
    struct timeline timeline;
    struct trace trace;
    struct chip *chip;
    struct cable *cable;
    struct enumerator *enumerator;
    const struct usb_device *device; // NULL: none
};

struct image {
    uint8_t bytes[65536];
    uint32_t len;
};

static void load_image(struct image *image, const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s/%s", FIRMWARE_FOLDER, board->name, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    image->len = (uint32_t)fread(image->bytes, 1, sizeof image->bytes, file);
    assert_true(image->len > 0 && image->len < sizeof image->bytes);
    fclose(file);
}

static void on_ready(void *ctx, const struct usb_device *device) {
    ((struct bench *)ctx)->device = device;
}

static void on_gone(void *ctx) {
    ((struct bench *)ctx)->device = NULL;
}

static void on_failed(void *ctx, const char *why) {
    (void)ctx;
    fail_msg("enumeration failed: %s", why);
}

// A board with redfu-boot in it, cable plugged, power not yet on.
static struct bench *bench_new_with(uint32_t hse_hz) {
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    timeline_init(&bench->timeline);
    trace_init(&bench->trace, &bench->timeline);
    bench->trace.complaints = stderr;
    struct chip_wiring wiring = board->wiring;
    wiring.hse_hz = hse_hz;
    bench->chip = chip_new(board->chip, &wiring, &bench->timeline, &bench->trace);
    bench->cable = cable_new(&bench->timeline, &bench->trace);
    assert_true(bench->chip && bench->cable);
    if (board->usb == BOARD_OTG_HS) {
        chip_connect_otg_hs(bench->chip,
                            cable_connect_device(bench->cable, chip_otg_hs(bench->chip)));
    } else {
        chip_connect_otg_fs(bench->chip,
                            cable_connect_device(bench->cable, chip_otg_fs(bench->chip)));
    }
    const struct enumerate_listener listener = {bench, on_ready, on_gone, on_failed};
    bench->enumerator = enumerator_new(&bench->timeline, bench->cable, &bench->trace, &listener);
    assert_non_null(bench->enumerator);
    static struct image boot;
    load_image(&boot, "redfu-boot.bin");
    memcpy(chip_flash(bench->chip), boot.bytes, boot.len);
    chip_flash_changed(bench->chip);
    chip_set_pin(bench->chip, "PA0", 0);
    cable_plug(bench->cable);
    return bench;
}

static struct bench *bench_new(void) {
    return bench_new_with(board->wiring.hse_hz);
}

// Nothing was done that silicon would suffer from in silence, and no flash access met a busy unit.
static void bench_free(struct bench *bench) {
    assert_int_equal(trace_complaints(&bench->trace, NULL), 0);
    assert_int_equal(chip_flash_stalls(bench->chip).count, 0);
    enumerator_free(bench->enumerator);
    cable_free(bench->cable);
    chip_free(bench->chip);
    trace_free(&bench->trace);
    timeline_free(&bench->timeline);
    free(bench);
}

static void run_ms(struct bench *bench, uint64_t ms) {
    timeline_run(&bench->timeline, timeline_now(&bench->timeline) + ms * PS_PER_MS);
}

// Puts an application there without any host.
static void place_application(struct bench *bench, const char *name) {
    static struct image image;
    load_image(&image, name);
    memcpy(chip_flash(bench->chip) + (APPLICATION - FLASH_BASE), image.bytes, image.len);
    chip_flash_changed(bench->chip);
}

static void wait_for_device(struct bench *bench) {
    for (unsigned i = 0; i < 2000 && !bench->device; i++) {
        run_ms(bench, 1);
    }
    assert_non_null(bench->device);
}

static void on_done(struct cable_transfer *transfer, void *ctx) {
    (void)transfer;
    struct bench *bench = ctx;
    timeline_stop(&bench->timeline);
}

// Bytes moved in the data stage; -1 for anything but success.
static int control(struct bench *bench, uint8_t bmRequestType, uint8_t bRequest, uint16_t wValue,
                   uint8_t *data, uint16_t len) {
    assert_non_null(bench->device);
    struct cable_transfer transfer = {
        .type = USB_XFER_CONTROL,
        .address = bench->device->address,
        .in = bmRequestType & USB_DIR_IN,
        .packet_bytes = 64,
        .data = data,
        .length = len,
        .done = on_done,
        .ctx = bench,
        .status = CABLE_BABBLE, // until it says otherwise
    };
    const struct usb_setup setup = {bmRequestType, bRequest, wValue, 0, len};
    usb_setup_store(&setup, transfer.setup);
    cable_submit(bench->cable, &transfer);
    timeline_run(&bench->timeline, timeline_now(&bench->timeline) + TRANSFER_MAX_PS);
    if (cable_is_busy(bench->cable)) {
        cable_cancel(bench->cable, &transfer);
    }
    return transfer.status == CABLE_OK ? (int)transfer.actual : -1;
}

static enum dfu_state dfu_status(struct bench *bench) {
    uint8_t status[DFU_STATUS_LEN];
    assert_int_equal(control(bench, 0xa1, DFU_GETSTATUS, 0, status, sizeof status), sizeof status);
    assert_int_equal(status[0], DFU_STATUS_OK);
    run_ms(bench, load_le24(status + 1));
    return status[4];
}

static void dfu_command(struct bench *bench, uint8_t command, uint32_t addr) {
    uint8_t bytes[DFUSE_CMD_WITH_ADDRESS_LEN] = {command};
    store_le32(bytes + 1, addr);
    assert_int_equal(control(bench, 0x21, DFU_DNLOAD, 0, bytes, sizeof bytes), sizeof bytes);
    assert_int_equal(dfu_status(bench), DFU_STATE_DNBUSY);
    assert_int_equal(dfu_status(bench), DFU_STATE_DNLOAD_IDLE);
}

static void dfu_load(struct bench *bench, struct image *image) {
    const uint32_t sectors[] = {APPLICATION, 0x08010000};
    for (unsigned i = 0; i < 2 && sectors[i] < APPLICATION + image->len; i++) {
        dfu_command(bench, DFUSE_CMD_ERASE, sectors[i]);
    }
    dfu_command(bench, DFUSE_CMD_SET_ADDRESS, APPLICATION);
    for (uint32_t off = 0, block = 2; off < image->len; off += BLOCK, block++) {
        uint32_t len = image->len - off < BLOCK ? image->len - off : BLOCK;
        assert_int_equal(
            control(bench, 0x21, DFU_DNLOAD, (uint16_t)block, image->bytes + off, (uint16_t)len),
            len);
        while (dfu_status(bench) != DFU_STATE_DNLOAD_IDLE) {
        }
    }
}

static void assert_flash_holds(struct bench *bench, const struct image *image) {
    assert_memory_equal(chip_flash(bench->chip) + (APPLICATION - FLASH_BASE), image->bytes,
                        image->len);
}

static void dfu_leave(struct bench *bench) {
    dfu_command(bench, DFUSE_CMD_SET_ADDRESS, APPLICATION);
    assert_int_equal(control(bench, 0x21, DFU_DNLOAD, 2, NULL, 0), 0);
    assert_int_equal(dfu_status(bench), DFU_STATE_MANIFEST);
}

// The green LED's edges in the next second, looked for each quarter of a millisecond.
static unsigned led_edges(struct bench *bench) {
    unsigned edges = 0;
    int level = chip_pin(bench->chip, "PD12");
    for (unsigned i = 0; i < 4000; i++) {
        timeline_run(&bench->timeline, timeline_now(&bench->timeline) + 250 * PS_PER_US);
        int now = chip_pin(bench->chip, "PD12");
        edges += now != level;
        level = now;
    }
    return edges;
}

static void assert_application_runs(struct bench *bench, unsigned edges_a_second) {
    run_ms(bench, 300);
    assert_null(bench->device);
    assert_int_equal(led_edges(bench), edges_a_second);
    assert_int_equal(cpu_vtor(chip_cpu(bench->chip)), APPLICATION);
    assert_int_equal(chip_core_hz(bench->chip), 16000000);
}

// Edges a second: 250 ms on, 250 ms off; three flashes.
#define BLINK_0_1_EDGES 4u
#define BLINK_0_2_EDGES 6u

static void blank_board_shows_dfu_and_its_strings(void **state) {
    (void)state;
    struct bench *bench = bench_new();
    chip_power_on(bench->chip);
    wait_for_device(bench);
    assert_int_equal(load_le16(bench->device->device_descriptor + 8), 0x0483);
    assert_int_equal(load_le16(bench->device->device_descriptor + 10), 0xdf11);
    assert_int_equal(strlen(bench->device->serial), 12);
    assert_int_equal(chip_core_hz(bench->chip), 168000000);
    assert_int_equal(chip_pin(bench->chip, "PD12"), 1);
    // Alternate setting 0's name: the layout. Index 4 is core/descriptors.h's; ask as a host would.
    uint8_t text[255];
    int len = control(bench, 0x80, USB_GET_DESCRIPTOR, USB_DT_STRING << 8 | 4, text, 255);
    char layout[128] = "";
    for (int i = 2; i < len; i += 2) {
        layout[i / 2 - 1] = (char)text[i];
    }
    assert_string_equal(layout, "@Internal Flash  /0x08000000/03*016Ka,01*016Kg,01*064Kg,07*128Kg");
    bench_free(bench);
}

static void loads_and_loads_again_over_it(void **state) {
    (void)state;
    static struct image first, second;
    load_image(&first, "blink-0.1.bin");
    load_image(&second, "blink-0.2.bin");
    struct bench *bench = bench_new();
    chip_power_on(bench->chip);
    wait_for_device(bench);
    dfu_load(bench, &first);
    dfu_leave(bench);
    assert_application_runs(bench, BLINK_0_1_EDGES);
    assert_flash_holds(bench, &first);

    // The button in the running application leads back.
    chip_set_pin(bench->chip, "PA0", 1);
    run_ms(bench, 100);
    chip_set_pin(bench->chip, "PA0", 0);
    wait_for_device(bench);
    dfu_load(bench, &second);
    dfu_leave(bench);
    assert_application_runs(bench, BLINK_0_2_EDGES);
    assert_flash_holds(bench, &second);
    bench_free(bench);
}

static void uploads_what_is_there(void **state) {
    (void)state;
    static struct image image;
    load_image(&image, "blink-0.1.bin");
    struct bench *bench = bench_new();
    place_application(bench, "blink-0.1.bin");
    chip_set_pin(bench->chip, "PA0", 1);
    chip_power_on(bench->chip);
    wait_for_device(bench);
    dfu_command(bench, DFUSE_CMD_SET_ADDRESS, APPLICATION);
    assert_int_equal(control(bench, 0x21, DFU_ABORT, 0, NULL, 0), 0);
    uint8_t bytes[BLOCK];
    assert_int_equal(control(bench, 0xa1, DFU_UPLOAD, 2, bytes, BLOCK), BLOCK);
    assert_memory_equal(bytes, image.bytes, image.len);
    bench_free(bench);
}

static void starts_the_application_unless_the_button_is_held(void **state) {
    (void)state;
    struct bench *bench = bench_new();
    place_application(bench, "blink-0.1.bin");
    chip_power_on(bench->chip);
    assert_application_runs(bench, BLINK_0_1_EDGES);

    chip_set_pin(bench->chip, "PA0", 1);
    chip_reset_pin(bench->chip);
    wait_for_device(bench);
    // Leave starts it although the button is still held.
    dfu_leave(bench);
    assert_application_runs(bench, BLINK_0_1_EDGES);
    bench_free(bench);
}

static void own_sector_is_refused(void **state) {
    (void)state;
    struct bench *bench = bench_new();
    chip_power_on(bench->chip);
    wait_for_device(bench);
    static uint8_t before[16384];
    memcpy(before, chip_flash(bench->chip), sizeof before);
    uint8_t erase[DFUSE_CMD_WITH_ADDRESS_LEN] = {DFUSE_CMD_ERASE};
    store_le32(erase + 1, FLASH_BASE);
    // Refused at once (STALL) or by the status that follows: an error and no change either way.
    (void)control(bench, 0x21, DFU_DNLOAD, 0, erase, sizeof erase);
    uint8_t status[DFU_STATUS_LEN] = {0};
    for (unsigned i = 0; i < 2 && status[4] != DFU_STATE_ERROR; i++) {
        assert_int_equal(control(bench, 0xa1, DFU_GETSTATUS, 0, status, sizeof status), 6);
        run_ms(bench, load_le24(status + 1));
    }
    assert_int_equal(status[4], DFU_STATE_ERROR);
    assert_int_equal(status[0], DFU_STATUS_ERR_ADDRESS);
    assert_memory_equal(chip_flash(bench->chip), before, sizeof before);
    bench_free(bench);
}

// A host gives a transfer up at any instant and starts another: that one is answered, and right.
static void transfer_given_up_anywhere_leaves_the_next_whole(void **state) {
    (void)state;
    struct bench *bench = bench_new();
    chip_power_on(bench->chip);
    wait_for_device(bench);
    // No pause between transfers: the next SETUP comes while the firmware is busy with the last.
    cable_set_transfer_cost(bench->cable, 0);
    const uint64_t step_ps = 250 * PS_PER_NS; // 42 cycles
    for (uint64_t cut_ps = 0; cut_ps < 250 * PS_PER_US; cut_ps += step_ps) {
        uint8_t given_up[255];
        uint8_t device[USB_DEVICE_DESCRIPTOR_LEN];
        struct cable_transfer transfer = {
            .type = USB_XFER_CONTROL,
            .address = bench->device->address,
            .in = true,
            .packet_bytes = 64,
            .data = given_up,
            .length = sizeof given_up,
            .done = on_done,
            .ctx = bench,
        };
        const struct usb_setup setup = {0x80, USB_GET_DESCRIPTOR, USB_DT_STRING << 8 | 4, 0, 255};
        usb_setup_store(&setup, transfer.setup);
        cable_submit(bench->cable, &transfer);
        timeline_run(&bench->timeline, timeline_now(&bench->timeline) + cut_ps);
        if (cable_is_busy(bench->cable)) {
            cable_cancel(bench->cable, &transfer);
        }
        assert_int_equal(
            control(bench, 0x80, USB_GET_DESCRIPTOR, USB_DT_DEVICE << 8, device, sizeof device),
            sizeof device);
        assert_memory_equal(device, bench->device->device_descriptor, sizeof device);
    }
    bench_free(bench);
}

static void count_operation(void *ctx, const struct chip_flash_op *op) {
    (void)op;
    ++*(unsigned *)ctx;
}

// The status of one erase command, after what the first answer asks to wait.
static uint8_t erase_status(struct bench *bench, uint32_t addr) {
    uint8_t erase[DFUSE_CMD_WITH_ADDRESS_LEN] = {DFUSE_CMD_ERASE};
    uint8_t status[DFU_STATUS_LEN] = {0};
    store_le32(erase + 1, addr);
    assert_int_equal(control(bench, 0x21, DFU_DNLOAD, 0, erase, sizeof erase), sizeof erase);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(control(bench, 0xa1, DFU_GETSTATUS, 0, status, sizeof status), 6);
        run_ms(bench, load_le24(status + 1));
    }
    return status[0];
}

// 2.75 V is enough for x32 and below the detector's threshold: refused before anything can go wrong.
static void low_supply_is_errWRITE_and_nothing_is_touched(void **state) {
    (void)state;
    static struct image image;
    static uint8_t before[1024 * 1024];
    unsigned operations = 0;
    load_image(&image, "blink-0.1.bin");
    struct bench *bench = bench_new();
    place_application(bench, "blink-0.2.bin");
    chip_set_pin(bench->chip, "PA0", 1);
    chip_power_on(bench->chip);
    wait_for_device(bench);
    run_ms(bench, 1000); // the settings pages are made ready
    memcpy(before, chip_flash(bench->chip), sizeof before);
    chip_on_flash_op(bench->chip, count_operation, &operations);
    chip_set_supply_mv(bench->chip, 2750);
    assert_int_equal(erase_status(bench, APPLICATION), DFU_STATUS_ERR_WRITE);
    assert_int_equal(operations, 0);
    assert_memory_equal(chip_flash(bench->chip), before, sizeof before);
    // The rail is up again: after a reset the load is whole.
    chip_set_supply_mv(bench->chip, 3300);
    chip_reset_pin(bench->chip);
    run_ms(bench, 100);
    wait_for_device(bench);
    dfu_load(bench, &image);
    dfu_leave(bench);
    assert_application_runs(bench, BLINK_0_1_EDGES);
    assert_flash_holds(bench, &image);
    assert_true(operations > 0);
    bench_free(bench);
}

// A rail that sags during the load ends it with an error; what was not begun stays erased.
static void supply_that_sags_in_a_block_ends_it(void **state) {
    (void)state;
    static struct image image;
    load_image(&image, "blink-0.1.bin");
    struct bench *bench = bench_new();
    chip_power_on(bench->chip);
    wait_for_device(bench);
    dfu_command(bench, DFUSE_CMD_ERASE, APPLICATION);
    dfu_command(bench, DFUSE_CMD_SET_ADDRESS, APPLICATION);
    uint8_t block[BLOCK];
    uint8_t status[DFU_STATUS_LEN] = {0};
    memset(block, 0x5a, sizeof block);
    assert_int_equal(control(bench, 0x21, DFU_DNLOAD, 2, block, BLOCK), BLOCK);
    // 512 words of 16 us follow the first status, which starts them.
    assert_int_equal(control(bench, 0xa1, DFU_GETSTATUS, 0, status, sizeof status), 6);
    run_ms(bench, 3);
    chip_set_supply_mv(bench->chip, 2750);
    run_ms(bench, 20);
    assert_int_equal(control(bench, 0xa1, DFU_GETSTATUS, 0, status, sizeof status), 6);
    assert_int_equal(status[4], DFU_STATE_ERROR);
    const uint8_t *flash = chip_flash(bench->chip) + (APPLICATION - FLASH_BASE);
    assert_int_equal(flash[64], 0x5a); // behind the vectors, which come last
    assert_int_equal(flash[BLOCK - 1], 0xff);
    bench_free(bench);
}

static void without_a_crystal_it_blinks_and_tries_again(void **state) {
    (void)state;
    struct bench *bench = bench_new_with(0);
    chip_power_on(bench->chip);
    run_ms(bench, 500);
    // 50 ms a level (TROUBLE_BLINK_MS): 20 edges a second, now and after the next try.
    assert_in_range(led_edges(bench), 18, 21);
    run_ms(bench, 3000);
    assert_in_range(led_edges(bench), 17, 21);
    assert_null(bench->device);
    bench_free(bench);
}

static int set_board(void **state) {
    board = *state;
    return 0;
}

#define ON(name, at)                                                                               \
    { #name "#" at, name, set_board, NULL, (void *)board_find(at) }
#define ON_EACH(name) ON(name, "stm32f4-discovery"), ON(name, "stm32f407-hs")

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_EACH(blank_board_shows_dfu_and_its_strings),
        ON_EACH(loads_and_loads_again_over_it),
        ON_EACH(uploads_what_is_there),
        ON_EACH(starts_the_application_unless_the_button_is_held),
        ON_EACH(own_sector_is_refused),
        ON_EACH(transfer_given_up_anywhere_leaves_the_next_whole),
        ON_EACH(low_supply_is_errWRITE_and_nothing_is_touched),
        ON_EACH(supply_that_sags_in_a_block_ends_it),
        ON_EACH(without_a_crystal_it_blinks_and_tries_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

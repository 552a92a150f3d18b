// SPDX-License-Identifier: MIT
//
// The board of tests/board and tests/power, and the least host that can load it.

#include "tests/board/host.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/bytes.h"

// As hosts do: five seconds a control transfer (USB 2.0 9.2.6.1).
#define TRANSFER_MAX_PS (5 * PS_PER_S)
// glibc's own limit for the second of the two is 32 MB (mallopt(3)).
#define HEAP_KEPT_BYTES (32 << 20)

const struct board *bench_board = &boards[0];

void bench_image(struct image *image, const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s/%s", FIRMWARE_FOLDER, bench_board->name, name);
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

int bench_set_board(void **state) {
    bench_board = *state;
    return 0;
}

// A board with redfu-boot in it, cable plugged, power not yet on.
struct bench *bench_new(uint32_t hse_hz) {
    // A snapshot is 300 KB: given back to the kernel each time, its pages cost more than filling them.
    (void)mallopt(M_TRIM_THRESHOLD, HEAP_KEPT_BYTES);
    (void)mallopt(M_MMAP_THRESHOLD, HEAP_KEPT_BYTES);
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    timeline_init(&bench->timeline);
    trace_init(&bench->trace, &bench->timeline);
    bench->trace.complaints = stderr;
    struct chip_wiring wiring = bench_board->wiring;
    wiring.hse_hz = hse_hz;
    bench->chip = chip_new(bench_board->chip, &wiring, &bench->timeline, &bench->trace);
    bench->cable = cable_new(&bench->timeline, &bench->trace);
    assert_true(bench->chip && bench->cable);
    if (bench_board->usb == BOARD_OTG_HS) {
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
    bench_image(&boot, "redfu-boot.bin");
    memcpy(chip_flash(bench->chip), boot.bytes, boot.len);
    chip_flash_changed(bench->chip);
    chip_set_pin(bench->chip, "PA0", 0);
    cable_plug(bench->cable);
    return bench;
}

// Nothing was done that silicon would suffer from in silence, and no flash access met a busy unit.
void bench_free(struct bench *bench) {
    assert_int_equal(trace_complaints(&bench->trace, NULL), 0);
    assert_int_equal(chip_flash_stalls(bench->chip).count, 0);
    enumerator_free(bench->enumerator);
    cable_free(bench->cable);
    chip_free(bench->chip);
    trace_free(&bench->trace);
    timeline_free(&bench->timeline);
    free(bench);
}

static void visit(void *ctx, const struct memory_visitor *visitor) {
    struct bench *bench = ctx;
    visitor->memory(visitor->ctx, &bench->device, sizeof bench->device);
    visitor->memory(visitor->ctx, &bench->has_ended, sizeof bench->has_ended);
    visitor->memory(visitor->ctx, &bench->pause, sizeof bench->pause);
    cable_visit(bench->cable, visitor);
    enumerator_visit(bench->enumerator, visitor);
}

struct snapshot *bench_take(struct bench *bench) {
    return snapshot_take(&(struct snapshot_subject){.timeline = &bench->timeline,
                                                    .trace = &bench->trace,
                                                    .chips = &bench->chip,
                                                    .chip_count = 1,
                                                    .more = visit,
                                                    .ctx = bench});
}

static void pause_now(void *ctx) {
    struct bench *bench = ctx;
    bench_pause_every(bench, bench->pause_ps);
    timeline_stop(&bench->timeline);
}

void bench_pause_every(struct bench *bench, uint64_t ps) {
    bench->pause.fire = pause_now;
    bench->pause.ctx = bench;
    bench->pause_ps = ps;
    timeline_schedule(&bench->timeline, &bench->pause, timeline_now(&bench->timeline) + ps);
}

void bench_run(struct bench *bench, uint64_t ps) {
    uint64_t until_ps = timeline_now(&bench->timeline) + ps;
    bench->has_ended = false;
    do {
        timeline_run(&bench->timeline, until_ps);
        if (bench->after_run) {
            bench->after_run(bench);
        }
    } while (!bench->has_ended && timeline_now(&bench->timeline) < until_ps);
}

void bench_run_ms(struct bench *bench, uint64_t ms) {
    bench_run(bench, ms * PS_PER_MS);
}

// Puts an application there without any host.
void bench_place_application(struct bench *bench, const char *name) {
    static struct image image;
    bench_image(&image, name);
    memcpy(chip_flash(bench->chip) + (APPLICATION - FLASH_BASE), image.bytes, image.len);
    chip_flash_changed(bench->chip);
}

void bench_wait_for_device(struct bench *bench) {
    for (unsigned i = 0; i < 2000 && !bench->device; i++) {
        bench_run_ms(bench, 1);
    }
    assert_non_null(bench->device);
}

void bench_transfer_done(struct cable_transfer *transfer, void *ctx) {
    (void)transfer;
    struct bench *bench = ctx;
    bench->has_ended = true;
    timeline_stop(&bench->timeline);
}

enum cable_status bench_transfer_to(struct bench *bench, uint8_t address,
                                    const struct usb_setup *setup, uint8_t *data, uint32_t *moved,
                                    uint64_t timeout_ps) {
    struct cable_transfer transfer = {
        .type = USB_XFER_CONTROL,
        .address = address,
        .in = setup->bmRequestType & USB_DIR_IN,
        .packet_bytes = 64,
        .data = data,
        .length = setup->wLength,
        .done = bench_transfer_done,
        .ctx = bench,
        .status = CABLE_BABBLE, // until it says otherwise
    };
    usb_setup_store(setup, transfer.setup);
    cable_submit(bench->cable, &transfer);
    bench_run(bench, timeout_ps);
    if (cable_is_busy(bench->cable)) {
        cable_cancel(bench->cable, &transfer);
    }
    *moved = transfer.actual;
    return transfer.status;
}

enum cable_status bench_transfer(struct bench *bench, const struct usb_setup *setup, uint8_t *data,
                                 uint32_t *moved, uint64_t timeout_ps) {
    *moved = 0;
    return bench->device
               ? bench_transfer_to(bench, bench->device->address, setup, data, moved, timeout_ps)
               : CABLE_GONE;
}

int bench_control(struct bench *bench, uint8_t bmRequestType, uint8_t bRequest, uint16_t wValue,
                  uint8_t *data, uint16_t len) {
    assert_non_null(bench->device);
    const struct usb_setup setup = {bmRequestType, bRequest, wValue, 0, len};
    uint32_t moved = 0;
    enum cable_status status = bench_transfer(bench, &setup, data, &moved, TRANSFER_MAX_PS);
    return status == CABLE_OK ? (int)moved : -1;
}

enum dfu_state bench_dfu_status(struct bench *bench) {
    uint8_t status[DFU_STATUS_LEN];
    assert_int_equal(bench_control(bench, 0xa1, DFU_GETSTATUS, 0, status, sizeof status),
                     sizeof status);
    assert_int_equal(status[0], DFU_STATUS_OK);
    bench_run_ms(bench, load_le24(status + 1));
    return status[4];
}

void bench_dfu_command(struct bench *bench, uint8_t command, uint32_t addr) {
    uint8_t bytes[DFUSE_CMD_WITH_ADDRESS_LEN] = {command};
    store_le32(bytes + 1, addr);
    assert_int_equal(bench_control(bench, 0x21, DFU_DNLOAD, 0, bytes, sizeof bytes), sizeof bytes);
    assert_int_equal(bench_dfu_status(bench), DFU_STATE_DNBUSY);
    assert_int_equal(bench_dfu_status(bench), DFU_STATE_DNLOAD_IDLE);
}

void bench_dfu_load(struct bench *bench, struct image *image) {
    const uint32_t sectors[] = {APPLICATION, 0x08010000};
    for (unsigned i = 0; i < 2 && sectors[i] < APPLICATION + image->len; i++) {
        bench_dfu_command(bench, DFUSE_CMD_ERASE, sectors[i]);
    }
    bench_dfu_command(bench, DFUSE_CMD_SET_ADDRESS, APPLICATION);
    for (uint32_t off = 0, block = 2; off < image->len; off += BLOCK, block++) {
        uint32_t len = image->len - off < BLOCK ? image->len - off : BLOCK;
        assert_int_equal(bench_control(bench, 0x21, DFU_DNLOAD, (uint16_t)block, image->bytes + off,
                                       (uint16_t)len),
                         len);
        while (bench_dfu_status(bench) != DFU_STATE_DNLOAD_IDLE) {
        }
    }
}

void bench_assert_flash_holds(struct bench *bench, const struct image *image) {
    assert_memory_equal(chip_flash(bench->chip) + (APPLICATION - FLASH_BASE), image->bytes,
                        image->len);
}

void bench_dfu_leave(struct bench *bench) {
    bench_dfu_command(bench, DFUSE_CMD_SET_ADDRESS, APPLICATION);
    assert_int_equal(bench_control(bench, 0x21, DFU_DNLOAD, 2, NULL, 0), 0);
    assert_int_equal(bench_dfu_status(bench), DFU_STATE_MANIFEST);
}

// The green LED's edges in the next second, looked for each quarter of a millisecond.
unsigned bench_led_edges(struct bench *bench) {
    unsigned edges = 0;
    int level = chip_pin(bench->chip, "PD12");
    for (unsigned i = 0; i < 4000; i++) {
        bench_run(bench, 250 * PS_PER_US);
        int now = chip_pin(bench->chip, "PD12");
        edges += now != level;
        level = now;
    }
    return edges;
}

void bench_assert_application_runs(struct bench *bench, unsigned edges_a_second) {
    bench_run_ms(bench, 300);
    assert_null(bench->device);
    assert_int_equal(bench_led_edges(bench), edges_a_second);
    assert_int_equal(cpu_vtor(chip_cpu(bench->chip)), APPLICATION);
    assert_int_equal(chip_core_hz(bench->chip), 16000000);
}

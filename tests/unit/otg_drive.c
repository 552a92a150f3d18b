// SPDX-License-Identifier: MIT
//
// The OTG core under the register sequences of four real drivers, over the cable and the
// enumerator: every driver enumerates and moves exact bytes, and survives what hosts do.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/otg_drivers.h"
#include "vboard/usb/enumerate.h"

struct bench {
    struct timeline timeline;
    struct trace trace;
    struct cable *cable;
    struct enumerator *enumerator;
    struct otg *otg;
    struct mini mini;
    unsigned ready, gone, failed, done;
    char why[256];
    bool reset_ok;
    uint8_t data[MINI_STORE];
};

static void on_ready(void *ctx, const struct usb_device *device) {
    (void)device;
    ((struct bench *)ctx)->ready++;
}

static void on_gone(void *ctx) {
    ((struct bench *)ctx)->gone++;
}

static void on_failed(void *ctx, const char *why) {
    struct bench *b = ctx;
    b->failed++;
    (void)snprintf(b->why, sizeof b->why, "%s", why);
}

static void run_for(struct bench *b, uint64_t ps) {
    timeline_run(&b->timeline, timeline_now(&b->timeline) + ps);
}

// Which core each_driver() is at.
static const struct otg_config *core;

static bool sram_load(void *ctx, uint32_t addr, uint8_t *data, uint32_t len) {
    const struct bench *b = ctx;
    uint32_t off = addr - MINI_SRAM;
    if (off > sizeof b->mini.sram || len > sizeof b->mini.sram - off) {
        return false;
    }
    memcpy(data, b->mini.sram + off, len);
    return true;
}

static bool sram_store(void *ctx, uint32_t addr, const uint8_t *data, uint32_t len) {
    struct bench *b = ctx;
    uint32_t off = addr - MINI_SRAM;
    if (off > sizeof b->mini.sram || len > sizeof b->mini.sram - off) {
        return false;
    }
    memcpy(b->mini.sram + off, data, len);
    return true;
}

static struct bench *new_bench(const struct mini_driver *driver) {
    struct bench *b = calloc(1, sizeof *b);
    timeline_init(&b->timeline);
    trace_init(&b->trace, &b->timeline);
    b->trace.complaints = NULL;
    const char *path = getenv("OTG_TRACE");
    b->trace.file = path != NULL ? fopen(path, "w") : NULL;
    b->cable = cable_new(&b->timeline, &b->trace);
    b->enumerator = enumerator_new(&b->timeline, b->cable, &b->trace,
                                   &(struct enumerate_listener){b, on_ready, on_gone, on_failed});
    b->otg = otg_new(core, &b->timeline, &b->trace, mini_irq, &b->mini);
    b->mini.otg = b->otg;
    otg_set_surroundings(
        b->otg, &(struct otg_surroundings){.ctx = b, .load = sram_load, .store = sram_store});
    if (core->has_high_speed && driver == &mini_libusb_stm32) {
        otg_write(b->otg, 0x00c, 1u << 6, 1u << 6); // PHYSEL, which it does not touch on OTG_FS
    }
    otg_connect(b->otg, cable_connect_device(b->cable, otg_wire(b->otg)));
    otg_set_phy_clock(b->otg, 48000000);
    cable_plug(b->cable);
    mini_start(&b->mini, driver, &b->timeline);
    return b;
}

static void free_bench(struct bench *b) {
    assert_int_equal(b->trace.complaint_count, 0);
    enumerator_free(b->enumerator);
    cable_free(b->cable);
    otg_free(b->otg);
    if (b->trace.file != NULL) {
        fclose(b->trace.file);
        b->trace.file = NULL;
    }
    trace_free(&b->trace);
    timeline_free(&b->timeline);
    free(b);
}

static void enumerate(struct bench *b) {
    run_for(b, PS_PER_S);
    if (b->ready != 1) {
        fail_msg("%s: not enumerated (%s)", b->mini.driver->name, b->why);
    }
}

static void transfer_done(struct cable_transfer *transfer, void *ctx) {
    (void)transfer;
    ((struct bench *)ctx)->done++;
}

static struct cable_transfer control(struct bench *b, uint8_t type, uint8_t req, uint16_t len) {
    struct cable_transfer t = {
        .type = USB_XFER_CONTROL,
        .address = enumerator_device(b->enumerator)->address,
        .in = type & USB_DIR_IN,
        .packet_bytes = (uint16_t)b->mini.driver->mps0,
        .data = b->data,
        .length = len,
        .done = transfer_done,
        .ctx = b,
    };
    usb_setup_store(&(struct usb_setup){type, req, 0, 0, len}, t.setup);
    return t;
}

static void do_transfer(struct bench *b, struct cable_transfer *t) {
    unsigned before = b->done;
    cable_submit(b->cable, t);
    run_for(b, 200 * PS_PER_MS);
    assert_int_equal(b->done, before + 1);
}

static enum cable_status do_control(struct bench *b, uint8_t type, uint8_t req, uint16_t len) {
    struct cable_transfer t = control(b, type, req, len);
    do_transfer(b, &t);
    if (t.status == CABLE_OK) {
        assert_int_equal(t.actual, len);
    }
    return t.status;
}

static void fill(uint8_t *data, unsigned len, unsigned seed) {
    for (unsigned i = 0; i < len; i++) {
        data[i] = (uint8_t)(i * 13 + i / 256 + seed);
    }
}

static void enumerates_with_exact_descriptors(const struct mini_driver *driver) {
    struct bench *b = new_bench(driver);
    enumerate(b);
    const struct usb_device *d = enumerator_device(b->enumerator);
    assert_non_null(d);
    assert_int_equal(d->descriptors_len, 18 + sizeof mini_config_descriptor);
    assert_memory_equal(d->descriptors + 18, mini_config_descriptor, sizeof mini_config_descriptor);
    assert_int_equal(d->device_descriptor[7], driver->mps0);
    assert_string_equal(d->manufacturer, "redfu");
    assert_string_equal(d->product, "mini");
    assert_string_equal(d->serial, "0123");
    assert_int_equal(d->configuration, 1);
    assert_int_equal(d->speed, USB_SPEED_FULL);
    assert_in_range(b->mini.resets, 2, 2);
    free_bench(b);
}

static void moves_control_data_of_every_length(const struct mini_driver *driver) {
    static const uint16_t lengths[] = {1, 2, 3, 4, 5, 7, 8, 9, 63, 64, 65, 127, 128, 1000, 2048};
    struct bench *b = new_bench(driver);
    enumerate(b);
    for (unsigned i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        uint8_t want[MINI_STORE];
        fill(want, lengths[i], i);
        memcpy(b->data, want, lengths[i]);
        assert_int_equal(do_control(b, 0x40, 1, lengths[i]), CABLE_OK);
        assert_memory_equal(b->mini.store, want, lengths[i]);
        memset(b->data, 0, sizeof b->data);
        assert_int_equal(do_control(b, 0xc0, 1, lengths[i]), CABLE_OK);
        assert_memory_equal(b->data, want, lengths[i]);
    }
    free_bench(b);
}

static void echoes_bulk_data(const struct mini_driver *driver) {
    static const uint16_t lengths[] = {1, 63, 64, 10, 64, 5};
    struct bench *b = new_bench(driver);
    enumerate(b);
    for (unsigned i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        unsigned len = lengths[i];
        if (driver->bulk_bytes > 64 && len == 64) {
            len = driver->bulk_bytes - (i == 4 ? 64 - 7 : 0); // several packets
        }
        uint8_t want[1024];
        fill(want, len, i);
        memcpy(b->data, want, len);
        struct cable_transfer t = {.type = USB_XFER_BULK,
                                   .address = enumerator_device(b->enumerator)->address,
                                   .endpoint = 1,
                                   .packet_bytes = 64,
                                   .data = b->data,
                                   .length = len,
                                   .done = transfer_done,
                                   .ctx = b};
        do_transfer(b, &t);
        assert_int_equal(t.status, CABLE_OK);
        memset(b->data, 0, sizeof b->data);
        t.in = true;
        t.length = len; // exact: no empty packet is due
        do_transfer(b, &t);
        assert_int_equal(t.status, CABLE_OK);
        assert_int_equal(t.actual, len);
        assert_memory_equal(b->data, want, len);
    }
    free_bench(b);
}

static void sends_interrupt_data_in_order(const struct mini_driver *driver) {
    struct bench *b = new_bench(driver);
    enumerate(b);
    for (unsigned i = 0; i < 5; i++) {
        struct cable_transfer t = {.type = USB_XFER_INTERRUPT,
                                   .address = enumerator_device(b->enumerator)->address,
                                   .endpoint = 2,
                                   .in = true,
                                   .packet_bytes = 8,
                                   .interval = 4,
                                   .data = b->data,
                                   .length = 8,
                                   .done = transfer_done,
                                   .ctx = b};
        do_transfer(b, &t);
        assert_int_equal(t.status, CABLE_OK);
        assert_int_equal(t.actual, 5);
        assert_int_equal(b->data[0], i);
    }
    free_bench(b);
}

static void stalls_until_the_next_setup(const struct mini_driver *driver) {
    struct bench *b = new_bench(driver);
    enumerate(b);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(do_control(b, 0xc0, 99, 10), CABLE_STALL);
        assert_int_equal(do_control(b, 0x40, 99, 0), CABLE_STALL);
        assert_int_equal(do_control(b, 0x40, 99, 10), CABLE_STALL);
        assert_int_equal(do_control(b, 0xc0, 1, 10), CABLE_OK);
    }
    free_bench(b);
}

static void naks_a_held_status_stage_until_it_is_armed(const struct mini_driver *driver) {
    struct bench *b = new_bench(driver);
    enumerate(b);
    struct cable_transfer t = control(b, 0x40, 2, 0);
    unsigned before = b->done;
    cable_submit(b->cable, &t);
    run_for(b, 2 * PS_PER_S);
    assert_int_equal(b->done, before);
    assert_true(b->mini.is_held);
    mini_release(&b->mini);
    run_for(b, 100 * PS_PER_US);
    assert_int_equal(b->done, before + 1);
    assert_int_equal(t.status, CABLE_OK);
    free_bench(b);
}

static void survives_a_setup_in_the_middle_of_a_data_stage(const struct mini_driver *driver) {
    struct bench *b = new_bench(driver);
    enumerate(b);
    fill(b->mini.store, MINI_STORE, 0);
    struct cable_transfer t = control(b, 0x40, 1, 2048);
    cable_submit(b->cable, &t);
    run_for(b, 700 * PS_PER_US);
    assert_in_range(b->mini.out_got, 1, 2047);
    cable_cancel(b->cable, &t);
    assert_int_equal(do_control(b, 0xc0, 1, 200), CABLE_OK);
    assert_memory_equal(b->data, b->mini.store, 200);
    assert_int_equal(do_control(b, 0x40, 1, 100), CABLE_OK);
    free_bench(b);
}

static void survives_a_setup_in_the_middle_of_an_in_stage(const struct mini_driver *driver) {
    if (driver == &mini_hal || driver == &mini_hal_dma) {
        return; // ST's HAL leaves the abandoned packet in the FIFO: see otg_registers tests
    }
    struct bench *b = new_bench(driver);
    enumerate(b);
    fill(b->mini.store, MINI_STORE, 0);
    struct cable_transfer t = control(b, 0xc0, 1, 2048);
    cable_submit(b->cable, &t);
    run_for(b, 700 * PS_PER_US);
    cable_cancel(b->cable, &t);
    run_for(b, PS_PER_MS);
    for (unsigned i = 0; i < 3; i++) {
        memset(b->data, 0, sizeof b->data);
        assert_int_equal(do_control(b, 0xc0, 1, 200), CABLE_OK);
        assert_memory_equal(b->data, b->mini.store, 200);
    }
    free_bench(b);
}

static void reset_reported(void *ctx, bool ok) {
    struct bench *b = ctx;
    b->reset_ok = ok;
    b->done++;
}

static void comes_back_after_a_bus_reset_in_mid_transfer(const struct mini_driver *driver) {
    struct bench *b = new_bench(driver);
    enumerate(b);
    uint8_t address = enumerator_device(b->enumerator)->address;
    fill(b->mini.store, MINI_STORE, 3);
    struct cable_transfer t = control(b, 0xc0, 1, 2048);
    cable_submit(b->cable, &t);
    run_for(b, 700 * PS_PER_US);
    b->done = 0;
    enumerator_reset_device(b->enumerator, reset_reported, b);
    assert_int_equal(t.status, CABLE_CANCELLED);
    run_for(b, PS_PER_S);
    assert_int_equal(b->done, 2);
    assert_true(b->reset_ok);
    assert_int_equal(b->gone, 0);
    assert_int_equal(b->ready, 1);
    assert_int_equal(enumerator_device(b->enumerator)->address, address);
    assert_int_equal(do_control(b, 0xc0, 1, 300), CABLE_OK);
    assert_memory_equal(b->data, b->mini.store, 300);
    free_bench(b);
}

static void soft_disconnect_is_a_new_attach(const struct mini_driver *driver) {
    struct bench *b = new_bench(driver);
    enumerate(b);
    uint32_t dctl;
    assert_true(otg_read(b->otg, 0x804, &dctl));
    otg_write(b->otg, 0x804, dctl | 2, 0xffffffffu);
    run_for(b, 5 * PS_PER_MS);
    assert_int_equal(b->gone, 1);
    assert_null(enumerator_device(b->enumerator));
    otg_write(b->otg, 0x804, dctl & ~2u, 0xffffffffu);
    run_for(b, PS_PER_S);
    assert_int_equal(b->ready, 2);
    assert_int_equal(do_control(b, 0xc0, 1, 64), CABLE_OK);
    free_bench(b);
}

static void unplug_and_replug_enumerates_again(const struct mini_driver *driver) {
    struct bench *b = new_bench(driver);
    enumerate(b);
    unsigned suspends = b->mini.suspends;
    cable_unplug(b->cable);
    run_for(b, 100 * PS_PER_MS);
    assert_int_equal(b->gone, 1);
    // Who senses VBUS: the pull-up went away with it.
    if (driver != &mini_libopencm3 && !core->has_vbden) {
        assert_int_equal(b->mini.suspends, suspends + 1);
    }
    cable_plug(b->cable);
    run_for(b, PS_PER_S);
    assert_int_equal(b->ready, 2);
    assert_int_equal(do_control(b, 0xc0, 1, 64), CABLE_OK);
    free_bench(b);
}

static void suspend_and_resume_reach_the_driver(const struct mini_driver *driver) {
    struct bench *b = new_bench(driver);
    enumerate(b);
    unsigned suspends = b->mini.suspends, resumes = b->mini.resumes;
    cable_suspend(b->cable);
    run_for(b, 10 * PS_PER_MS);
    assert_int_equal(b->mini.suspends, suspends + 1);
    cable_resume(b->cable);
    run_for(b, 30 * PS_PER_MS);
    assert_int_equal(b->mini.resumes, resumes + 1);
    assert_int_equal(do_control(b, 0xc0, 1, 64), CABLE_OK);
    free_bench(b);
}

typedef void (*driver_test)(const struct mini_driver *driver);

static void each_driver(void **state) {
    static const struct {
        const struct otg_config *core;
        const struct mini_driver *driver;
    } pairs[] = {
        {&otg_fs_config, &mini_hal},
        {&otg_fs_config, &mini_libopencm3},
        {&otg_fs_config, &mini_tinyusb},
        {&otg_fs_config, &mini_libusb_stm32},
        {&otg_hs_config, &mini_hal},
        {&otg_hs_config, &mini_libopencm3},
        {&otg_hs_config, &mini_tinyusb},
        {&otg_hs_config, &mini_libusb_stm32},
        {&otg_hs_config, &mini_hal_dma},
        // Their NOVBUSSENS is VBDEN there, and the cable brings VBUS.
        {&otg_fs_config_f446, &mini_hal},
        {&otg_fs_config_f446, &mini_tinyusb},
        {&otg_fs_config_f446, &mini_libusb_stm32},
        {&otg_hs_config_f446, &mini_hal},
        {&otg_hs_config_f446, &mini_hal_dma},
    };
    for (unsigned i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        const char *only = getenv("OTG_DRIVER");
        if (only == NULL || strcmp(only, pairs[i].driver->name) == 0) {
            print_message("  %s %s\n", pairs[i].core->name, pairs[i].driver->name);
            core = pairs[i].core;
            (*(driver_test *)*state)(pairs[i].driver);
        }
    }
}

int main(void) {
#define EACH(name)                                                                                 \
    {                                                                                              \
#name, each_driver, NULL, NULL, &(driver_test) {                                           \
            name                                                                                   \
        }                                                                                          \
    }
    const struct CMUnitTest tests[] = {
        EACH(enumerates_with_exact_descriptors),
        EACH(moves_control_data_of_every_length),
        EACH(echoes_bulk_data),
        EACH(sends_interrupt_data_in_order),
        EACH(stalls_until_the_next_setup),
        EACH(naks_a_held_status_stage_until_it_is_armed),
        EACH(survives_a_setup_in_the_middle_of_a_data_stage),
        EACH(survives_a_setup_in_the_middle_of_an_in_stage),
        EACH(comes_back_after_a_bus_reset_in_mid_transfer),
        EACH(soft_disconnect_is_a_new_attach),
        EACH(unplug_and_replug_enumerates_again),
        EACH(suspend_and_resume_reach_the_driver),
    };
    return cmocka_run_group_tests_name("otg_drive", tests, NULL, NULL);
}

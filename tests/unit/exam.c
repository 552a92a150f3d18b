// SPDX-License-Identifier: MIT
//
// The examination on a strict DfuSe device in memory that says dfuDNBUSY for as long as it is told
// to, for each command and block, and Ctrl-C at each of its requests, one run after the other: flash is as it was
// and the device in dfuIDLE, whenever it came.
//
// While dfuDNBUSY lasts only GETSTATUS, after the announced time, and GETSTATE have a place. Anything else, and a bus
// reset, breaks off what is under way: half of the sector is blank, half of the block is written.

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "doctor/exam.h"
#include "spec/bytes.h"
#include "spec/dfu.h"

#define BASE          0x08000000u
#define SECTOR_BYTES  1024u
#define SECTORS       4u
#define FLASH_BYTES   (SECTORS * SECTOR_BYTES)
#define BLOCK_BYTES   128u
#define LAYOUT        "@Flash/0x08000000/01*001Ka,03*001Kg"
#define TARGET        (BASE + 2 * SECTOR_BYTES)
#define LAYOUT_STRING 4u
#define NEVER         UINT32_MAX

struct board {
    uint8_t flash[FLASH_BYTES];
    enum dfu_state state;
    enum dfu_status status;
    uint32_t pointer;
    uint16_t block, len;
    uint8_t data[BLOCK_BYTES];
    uint64_t us, ready_us, done_us;
    uint32_t busy_ms, poll_ms;
    unsigned requests, broken_off;
    uint32_t cancel_at;
    bool was_saved;
    bool cannot_upload; // says so
};

static const uint8_t device_descriptor[USB_DEVICE_DESCRIPTOR_LEN] = {
    18, 1, 0, 2, 0, 0, 0, 64, 0x83, 0x04, 0x11, 0xdf, 0, 2, 0, 0, 0, 1};
static const uint8_t config[] = {
    9, 2,    27,   0, 1, 1,           0, 0x80, 50,            // configuration
    9, 4,    0,    0, 0, 0xfe,        1, 2,    LAYOUT_STRING, // interface
    9, 0x21, 0x0b, 0, 1, BLOCK_BYTES, 0, 0x1a, 1,             // functional
};

// What is under way, all of it or half.
static void carry_out(struct board *b, bool is_whole) {
    uint32_t addr = load_le32(b->data + 1);
    if (b->block == DFUSE_BLOCK_COMMAND && b->data[0] == DFUSE_CMD_ERASE) {
        assert_in_range(addr, BASE + SECTOR_BYTES, BASE + FLASH_BYTES - 1);
        memset(b->flash + (addr - BASE), 0xff, is_whole ? SECTOR_BYTES : SECTOR_BYTES / 2);
    } else if (b->block == DFUSE_BLOCK_COMMAND) {
        b->pointer = is_whole ? addr : b->pointer;
    } else {
        uint32_t off = b->pointer - BASE + (b->block - 2u) * BLOCK_BYTES;
        assert_true(off >= SECTOR_BYTES && off + b->len <= FLASH_BYTES);
        for (uint32_t i = 0; i < (is_whole ? b->len : b->len / 2u); i++) {
            b->flash[off + i] &= b->data[i];
        }
    }
}

static enum device_result refuse(struct board *b) {
    if (b->state == DFU_STATE_DNBUSY) {
        b->broken_off++;
        carry_out(b, false);
    }
    b->state = DFU_STATE_ERROR;
    b->status = DFU_STATUS_ERR_STALLEDPKT;
    return DEVICE_STALL;
}

static void get_status(struct board *b, uint8_t answer[DFU_STATUS_LEN]) {
    if (b->state == DFU_STATE_DNLOAD_SYNC) {
        b->state = DFU_STATE_DNBUSY;
        b->ready_us = b->us;
        b->done_us = b->us + b->busy_ms * 1000ull;
    } else if (b->state == DFU_STATE_DNBUSY && b->us < b->ready_us) {
        (void)refuse(b);
    }
    if (b->state == DFU_STATE_DNBUSY && b->us >= b->done_us) {
        carry_out(b, true);
        b->state = DFU_STATE_DNLOAD_IDLE;
    } else if (b->state == DFU_STATE_DNBUSY) {
        b->ready_us = b->us + b->poll_ms * 1000ull;
    }
    memset(answer, 0, DFU_STATUS_LEN);
    answer[0] = (uint8_t)b->status;
    store_le24(answer + 1, b->state == DFU_STATE_DNBUSY ? b->poll_ms : 0);
    answer[4] = (uint8_t)b->state;
}

static enum device_result class_request(struct board *b, const struct usb_setup *setup,
                                        uint8_t *data, uint16_t *moved) {
    bool is_idle = b->state == DFU_STATE_IDLE;
    uint32_t off = b->pointer - BASE + (setup->wValue - 2u) * BLOCK_BYTES;
    *moved = setup->wLength;
    switch (setup->bRequest) {
    case DFU_GETSTATE:
        data[0] = (uint8_t)b->state;
        return DEVICE_OK;
    case DFU_GETSTATUS:
        get_status(b, data);
        return DEVICE_OK;
    case DFU_DNLOAD:
        if ((!is_idle && b->state != DFU_STATE_DNLOAD_IDLE) || setup->wLength == 0 ||
            setup->wLength > BLOCK_BYTES) {
            return refuse(b);
        }
        memcpy(b->data, data, setup->wLength);
        b->block = setup->wValue;
        b->len = setup->wLength;
        b->state = DFU_STATE_DNLOAD_SYNC;
        return DEVICE_OK;
    case DFU_UPLOAD:
        if (setup->wValue == DFUSE_BLOCK_COMMAND && is_idle) {
            memcpy(data, (const uint8_t[]){0, 0x21, 0x41}, 3);
            *moved = 3;
            return DEVICE_OK;
        }
        if ((!is_idle && b->state != DFU_STATE_UPLOAD_IDLE) || setup->wValue < 2 ||
            off + setup->wLength > FLASH_BYTES) {
            return refuse(b);
        }
        memcpy(data, b->flash + off, setup->wLength);
        b->state = DFU_STATE_UPLOAD_IDLE;
        return DEVICE_OK;
    case DFU_CLRSTATUS:
        if (b->state != DFU_STATE_ERROR) {
            return refuse(b);
        }
        break;
    case DFU_ABORT:
        if (b->state == DFU_STATE_DNBUSY || b->state == DFU_STATE_ERROR) {
            return refuse(b);
        }
        break;
    default:
        return refuse(b);
    }
    b->state = DFU_STATE_IDLE;
    b->status = DFU_STATUS_OK;
    return DEVICE_OK;
}

static enum device_result give(const void *bytes, size_t len, const struct usb_setup *setup,
                               uint8_t *data, uint16_t *moved) {
    *moved = (uint16_t)(len < setup->wLength ? len : setup->wLength);
    memcpy(data, bytes, *moved);
    return DEVICE_OK;
}

#define ATTRIBUTES_AT 20u // in config[]

static enum device_result give_config(const struct board *b, const struct usb_setup *setup,
                                      uint8_t *data, uint16_t *moved) {
    uint8_t bytes[sizeof config];
    memcpy(bytes, config, sizeof bytes);
    if (b->cannot_upload) {
        bytes[ATTRIBUTES_AT] &= (uint8_t)~DFU_ATTR_CAN_UPLOAD;
    }
    return give(bytes, sizeof bytes, setup, data, moved);
}

static enum device_result control(void *ctx, const struct usb_setup *setup, uint8_t *data,
                                  uint16_t *moved, uint32_t timeout_ms) {
    struct board *b = ctx;
    (void)timeout_ms;
    b->us += 250;
    b->requests++;
    *moved = 0;
    if ((setup->bmRequestType & USB_TYPE_MASK) == USB_TYPE_CLASS) {
        return class_request(b, setup, data, moved);
    }
    if (setup->bRequest == USB_SET_INTERFACE) {
        return DEVICE_OK;
    }
    uint8_t string[255] = {2 + 2 * (sizeof LAYOUT - 1), USB_DT_STRING};
    for (size_t i = 0; i < sizeof LAYOUT - 1; i++) {
        string[2 + 2 * i] = (uint8_t)LAYOUT[i];
    }
    switch (setup->wValue) {
    case USB_DT_DEVICE << 8:
        return give(device_descriptor, sizeof device_descriptor, setup, data, moved);
    case USB_DT_CONFIGURATION << 8:
        return give_config(b, setup, data, moved);
    case USB_DT_STRING << 8 | LAYOUT_STRING:
        return give(string, string[0], setup, data, moved);
    default:
        return DEVICE_STALL;
    }
}

static void wait_ms(void *ctx, uint32_t ms) {
    ((struct board *)ctx)->us += ms * 1000ull;
}

static uint64_t now_us(void *ctx) {
    return ((struct board *)ctx)->us;
}

static enum device_result reset(void *ctx) {
    struct board *b = ctx;
    (void)refuse(b);
    b->state = DFU_STATE_IDLE;
    b->status = DFU_STATUS_OK;
    return DEVICE_OK;
}

static bool is_cancelled(void *ctx) {
    const struct board *b = ctx;
    return b->requests >= b->cancel_at;
}

static bool save(void *ctx, const struct exam_memory *memory, unsigned count) {
    struct board *b = ctx;
    (void)memory;
    b->was_saved = count == 2;
    return true;
}

// One run. Whether it was cancelled.
static bool run(struct board *b, uint32_t busy_ms, uint32_t poll_ms, uint32_t cancel_at) {
    static uint8_t before[FLASH_BYTES];
    *b = (struct board){.state = DFU_STATE_IDLE,
                        .pointer = BASE,
                        .busy_ms = busy_ms,
                        .poll_ms = poll_ms,
                        .cancel_at = cancel_at};
    for (uint32_t i = 0; i < FLASH_BYTES; i++) {
        b->flash[i] = (uint8_t)(i * 7u + i / 251u);
    }
    memcpy(before, b->flash, sizeof before);
    const struct device device = {
        .ctx = b, .control = control, .sleep = wait_ms, .now_us = now_us, .reset = reset};
    const struct exam_options options = {.ctx = b,
                                         .is_cancelled = is_cancelled,
                                         .sectors = {TARGET},
                                         .sector_count = 1,
                                         .save = save};
    struct report report = {0};
    struct exam_result result = exam_run(&device, &options, &report);
    if (memcmp(before, b->flash, sizeof before) != 0 || b->state != DFU_STATE_IDLE ||
        !result.is_idle || result.is_unrestored || b->broken_off != 0) {
        fail_msg("unit/exam#busy=%u,poll=%u,cut=%u: flash %s, state %d, idle %d, unrestored "
                 "%d, broken off %u times",
                 (unsigned)busy_ms, (unsigned)poll_ms, (unsigned)cancel_at,
                 memcmp(before, b->flash, sizeof before) ? "differs" : "as it was", b->state,
                 result.is_idle, result.is_unrestored, b->broken_off);
    }
    if (!result.is_cancelled) {
        assert_true(b->was_saved);
        // Told of nothing that an erase does wrong: each took as long as it said.
        static const char *const never[] = {"F8", "F12", "F13", "F14", "F16", "F18", "F22", "F46"};
        for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
            assert_null(report_has(&report, never[i]));
        }
    }
    report_free(&report);
    return result.is_cancelled;
}

static void ctrl_c_at_each_request_leaves_flash_as_it_was(void **state) {
    (void)state;
    static struct board b;
    static const struct {
        uint32_t busy_ms, poll_ms;
        unsigned step; // of the requests: of answers by the dozen each tells the same
    } cases[] = {{250, 255, 1}, {250, 100, 1}, {250, 60, 1}, {400, 3, 13}, {400, 1, 7}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t busy_ms = cases[i].busy_ms;
        uint32_t poll_ms = cases[i].poll_ms;
        assert_false(run(&b, busy_ms, poll_ms, NEVER));
        unsigned all = b.requests;
        unsigned cut = 1;
        while (run(&b, busy_ms, poll_ms, cut)) {
            cut += cases[i].step;
        }
        assert_in_range(cut, all - cases[i].step, all + cases[i].step);
        print_message("exam: busy=%u ms poll=%u ms: %u requests, cut at each %u\n",
                      (unsigned)busy_ms, (unsigned)poll_ms, all, cases[i].step);
    }
}

// Looking alone: a map that says "readable" of a device that says that it cannot be read.
static void a_map_that_cannot_be_read_is_told(void **state) {
    (void)state;
    static struct board b;
    b = (struct board){.state = DFU_STATE_IDLE, .pointer = BASE, .cannot_upload = true};
    b.cancel_at = NEVER;
    const struct device device = {
        .ctx = &b, .control = control, .sleep = wait_ms, .now_us = now_us, .reset = reset};
    const struct exam_options options = {.ctx = &b};
    struct report report = {0};
    (void)exam_run(&device, &options, &report);
    const struct report_finding *found = report_has(&report, "F43");
    assert_non_null(found);
    assert_int_equal(found->severity, FINDING_WARNING);
    assert_non_null(strstr(found->evidence[0].text,
                           "bitCanUpload is 0, and the layout marks 0x08000000 as readable"));
    report_free(&report);
    b.cannot_upload = false;
    b.state = DFU_STATE_IDLE;
    (void)exam_run(&device, &options, &report);
    assert_null(report_has(&report, "F43"));
    report_free(&report);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_map_that_cannot_be_read_is_told),
        cmocka_unit_test(ctrl_c_at_each_request_leaves_flash_as_it_was),
    };
    return cmocka_run_group_tests_name("unit/exam", tests, NULL, NULL);
}

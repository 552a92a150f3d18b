// SPDX-License-Identifier: MIT
//
// The desk's port and its host.

#include "tests/unit/desk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "spec/crc.h"
#include "spec/dfu.h"

#define STAGE_TIMEOUT_US 5000000u // what dfu-util and USB 2.0 9.2.6.4 grant

static const struct flash_run runs[] = {{4, 16 * 1024}, {1, 64 * 1024}, {7, 128 * 1024}};
const struct flash_map desk_map = {
    .base = DESK_FLASH_BASE,
    .runs = runs,
    .run_count = 3,
    .settings_first = 1,
    .application_first = 3,
};
// What an image of this map may name.
static void areas_of(const struct flash_map *map, struct boot_area areas[4]) {
    uint32_t base = flash_application_address(map);
    areas[0] = (struct boot_area){base, flash_end(map) - base};
    areas[1] = (struct boot_area){0x20000000u, 128 * 1024};
    areas[2] = (struct boot_area){0x10000000u, 64 * 1024};
    areas[3] = (struct boot_area){0, 0};
}
static const struct identity identity = {
    .vendor = 0x0483,
    .product = 0xdf11,
    .release = 0x0100,
    .manufacturer = "redfu",
    .product_name = "redfu-boot",
    .serial = "0123456789AB",
    .interface_guid = "{01234567-89AB-CDEF-0123-456789ABCDEF}",
    .landing_page = "example.com/redfu",
    .is_webusb = true,
};

static void usb_connect(void *ctx, bool connected) {
    struct desk *desk = ctx;
    desk->connected = connected;
    if (!connected) {
        desk->hidden_at_us = desk->now_us;
    }
}

static void usb_address(void *ctx, uint8_t address) {
    struct desk *desk = ctx;
    desk->address = address;
}

static void ep0_send(void *ctx, const uint8_t *data, unsigned len) {
    struct desk *desk = ctx;
    assert_false(desk->queued);
    assert_true(len <= PORT_EP0_BYTES);
    if (len > 0) {
        memcpy(desk->packet, data, len);
    }
    desk->packet_len = len;
    desk->queued = true;
}

static void ep0_receive(void *ctx) {
    struct desk *desk = ctx;
    desk->armed = true;
}

static void ep0_stall(void *ctx) {
    struct desk *desk = ctx;
    desk->stalled = true;
}

static enum flash_result start(struct desk *desk, uint64_t us) {
    assert_false(desk->busy);
    desk->busy = true;
    desk->busy_until_us = desk->now_us + us;
    return FLASH_OK;
}

static enum flash_result flash_erase(void *ctx, unsigned sector) {
    struct desk *desk = ctx;
    assert_true(sector < flash_sector_count(desk->port.map));
    desk->program = false;
    desk->sector = sector;
    return start(desk, desk->erase_us);
}

static enum flash_result flash_program(void *ctx, uint32_t addr, const uint8_t *data,
                                       uint32_t len) {
    struct desk *desk = ctx;
    assert_true(flash_holds(desk->port.map, addr, len));
    assert_int_equal(addr % 4, 0);
    assert_int_equal(len % 4, 0);
    desk->program = true;
    desk->addr = addr;
    desk->len = len;
    desk->bytes = data;
    return start(desk, (uint64_t)desk->word_us * len / 4);
}

static enum flash_result flash_poll(void *ctx) {
    struct desk *desk = ctx;
    if (!desk->busy) {
        return FLASH_OK;
    }
    if (desk->now_us < desk->busy_until_us) {
        return FLASH_BUSY;
    }
    desk->busy = false;
    if (desk->fail_next != FLASH_OK) {
        enum flash_result result = desk->fail_next;
        desk->fail_next = FLASH_OK;
        return result;
    }
    if (!desk->program) {
        desk->erases[desk->sector]++;
        memset(desk->flash + flash_sector_address(desk->port.map, desk->sector) - DESK_FLASH_BASE,
               0xff, flash_sector_bytes(desk->port.map, desk->sector));
        return FLASH_OK;
    }
    for (uint32_t i = 0; i < desk->len; i++) {
        desk->flash[desk->addr - DESK_FLASH_BASE + i] &= desk->bytes[i];
    }
    desk->words_programmed += desk->len / 4;
    return FLASH_OK;
}

static void flash_read(void *ctx, uint32_t addr, uint8_t *out, uint32_t len) {
    struct desk *desk = ctx;
    assert_false(desk->busy); // on the chip the whole bus would stall
    assert_true(flash_holds(desk->port.map, addr, len));
    memcpy(out, desk->flash + addr - DESK_FLASH_BASE, len);
}

// Whatever flash_read is, the test's own or this one.
static uint32_t flash_crc(void *ctx, uint32_t crc, uint32_t addr, uint32_t len) {
    struct desk *desk = ctx;
    assert_int_equal(addr % 4, 0);
    assert_int_equal(len % 4, 0);
    assert_true(len > 0);
    for (uint32_t done = 0; done < len; done += 4) {
        uint8_t word[4];
        desk->port.flash_read(desk, addr + done, word, sizeof word);
        crc = crc32_update(crc, word, sizeof word);
    }
    return crc;
}

static uint32_t millis(void *ctx) {
    struct desk *desk = ctx;
    return (uint32_t)(desk->now_us / 1000);
}

static void run_application(void *ctx) {
    struct desk *desk = ctx;
    if (!desk->ran) {
        desk->ran_at_us = desk->now_us;
    }
    desk->ran = true;
}

static const struct port port_table = {
    .map = &desk_map,
    .usb_connect = usb_connect,
    .usb_address = usb_address,
    .ep0_send = ep0_send,
    .ep0_receive = ep0_receive,
    .ep0_stall = ep0_stall,
    .flash_erase = flash_erase,
    .flash_program = flash_program,
    .flash_poll = flash_poll,
    .flash_read = flash_read,
    .flash_crc = flash_crc,
    .millis = millis,
    .run_application = run_application,
};

void desk_init(struct desk *desk) {
    memset(desk, 0, sizeof *desk);
    desk->port = port_table;
    desk->port.ctx = desk;
    desk->poll_us = 1;
}

void desk_start(struct desk *desk) {
    // What SRAM may hold at power-on: nothing to rely on.
    memset(&desk->bootloader, 0xa5, sizeof desk->bootloader);
    desk->busy = desk->armed = desk->stalled = desk->queued = desk->ran = false;
    areas_of(desk->port.map, desk->areas);
    bootloader_init(&desk->bootloader, &desk->port, &identity, desk->areas);
    desk_enumerate(desk);
}

void desk_enumerate(struct desk *desk) {
    usbd_bus_reset(&desk->bootloader.usbd);
    uint16_t len = 0;
    assert_int_equal(desk_control(desk, 0, USB_SET_ADDRESS, 5, 0, NULL, &len), DESK_OK);
    assert_int_equal(desk_control(desk, 0, USB_SET_CONFIGURATION, 1, 0, NULL, &len), DESK_OK);
}

void desk_set_interface(struct desk *desk) {
    uint16_t len = 0;
    assert_int_equal(
        desk_control(desk, USB_RECIPIENT_INTERFACE, USB_SET_INTERFACE, 0, 0, NULL, &len), DESK_OK);
}

struct desk *desk_new_with(const struct flash_map *map) {
    struct desk *desk = malloc(sizeof *desk);
    assert_non_null(desk);
    desk_init(desk);
    desk->port.map = map;
    desk->flash = malloc(DESK_FLASH_BYTES);
    assert_non_null(desk->flash);
    memset(desk->flash, 0xff, DESK_FLASH_BYTES);
    desk->erase_us = 250000;
    desk->word_us = 16;
    desk_start(desk);
    desk_wait_ms(desk, DESK_PREPARED_MS);
    assert_false(gate_is_busy(&desk->bootloader.dfu.gate));
    memset(desk->erases, 0, sizeof desk->erases);
    desk->words_programmed = 0;
    return desk;
}

struct desk *desk_new(void) {
    return desk_new_with(&desk_map);
}

void desk_free(struct desk *desk) {
    free(desk->flash);
    free(desk);
}

void desk_poll(struct desk *desk) {
    desk->now_us += desk->poll_us;
    bool had_work = desk->has_work;
    desk->has_work = bootloader_poll(&desk->bootloader);
    if (had_work && !desk->has_work) {
        // It says that nothing is left to do: then another poll changes nothing (the port sleeps).
        struct bootloader *found = malloc(sizeof *found);
        assert_non_null(found);
        memcpy(found, &desk->bootloader, sizeof *found);
        assert_false(bootloader_poll(&desk->bootloader));
        assert_memory_equal(&desk->bootloader, found, sizeof *found);
        free(found);
    }
}

void desk_wait_ms(struct desk *desk, uint32_t ms) {
    for (uint64_t end = desk->now_us + 1000ull * ms; desk->now_us < end;) {
        desk_poll(desk);
    }
}

static enum desk_result wait_for(struct desk *desk, const bool *flag) {
    if (desk->before_packet) {
        desk->before_packet(desk);
    }
    uint64_t end =
        desk->now_us + (desk->stage_timeout_us ? desk->stage_timeout_us : STAGE_TIMEOUT_US);
    while (desk->now_us < end && !*flag && !desk->stalled) {
        desk_poll(desk);
    }
    return desk->stalled ? DESK_STALL : *flag ? DESK_OK : DESK_TIMEOUT;
}

static enum desk_result take_in(struct desk *desk, uint8_t *out, unsigned *len) {
    enum desk_result result = wait_for(desk, &desk->queued);
    if (result != DESK_OK) {
        return result;
    }
    desk->queued = false;
    *len = desk->packet_len;
    assert_true(out || desk->packet_len == 0);
    if (out && desk->packet_len > 0) {
        memcpy(out, desk->packet, desk->packet_len);
    }
    usbd_in_done(&desk->bootloader.usbd);
    return DESK_OK;
}

static enum desk_result give_out(struct desk *desk, const uint8_t *data, unsigned len) {
    enum desk_result result = wait_for(desk, &desk->armed);
    if (result != DESK_OK) {
        return result;
    }
    desk->armed = false;
    usbd_out(&desk->bootloader.usbd, data, len);
    return DESK_OK;
}

void desk_setup_only(struct desk *desk, uint8_t type, uint8_t request, uint16_t value,
                     uint16_t index, uint16_t len) {
    if (desk->before_packet) {
        desk->before_packet(desk);
    }
    struct usb_setup setup = {type, request, value, index, len};
    uint8_t packet[USB_SETUP_LEN];
    usb_setup_store(&setup, packet);
    desk->armed = desk->queued = desk->stalled = false;
    usbd_setup(&desk->bootloader.usbd, packet);
}

enum desk_result desk_control(struct desk *desk, uint8_t type, uint8_t request, uint16_t value,
                              uint16_t index, uint8_t *data, uint16_t *len) {
    uint16_t wanted = *len;
    uint16_t moved = 0;
    desk_setup_only(desk, type, request, value, index, wanted);
    unsigned packet = PORT_EP0_BYTES;
    enum desk_result result = DESK_OK;
    if ((type & USB_DIR_IN) && wanted > 0) {
        while (result == DESK_OK && moved < wanted && packet == PORT_EP0_BYTES) {
            result = take_in(desk, data + moved, &packet);
            moved = (uint16_t)(moved + (result == DESK_OK ? packet : 0));
        }
        *len = moved;
        return result == DESK_OK ? give_out(desk, NULL, 0) : result;
    }
    while (result == DESK_OK && moved < wanted) {
        packet = wanted - moved < (int)PORT_EP0_BYTES ? (unsigned)(wanted - moved) : PORT_EP0_BYTES;
        result = give_out(desk, data + moved, packet);
        moved = (uint16_t)(moved + packet);
    }
    if (result == DESK_OK) {
        result = take_in(desk, NULL, &packet);
        if (result == DESK_OK) {
            assert_int_equal(packet, 0);
        }
    }
    return result;
}

#define CLASS_OUT (USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE)
#define CLASS_IN  (USB_DIR_IN | CLASS_OUT)

enum desk_result desk_dnload(struct desk *desk, uint16_t block, const void *data, uint16_t len) {
    return desk_control(desk, CLASS_OUT, DFU_DNLOAD, block, 0, (uint8_t *)data, &len);
}

enum desk_result desk_upload(struct desk *desk, uint16_t block, uint8_t *data, uint16_t *len) {
    return desk_control(desk, CLASS_IN, DFU_UPLOAD, block, 0, data, len);
}

enum desk_result desk_simple(struct desk *desk, uint8_t request) {
    uint16_t len = 0;
    return desk_control(desk, CLASS_OUT, request, 0, 0, NULL, &len);
}

struct desk_status desk_getstatus(struct desk *desk) {
    uint8_t bytes[DFU_STATUS_LEN] = {0};
    uint16_t len = sizeof bytes;
    struct desk_status status = {
        .result = desk_control(desk, CLASS_IN, DFU_GETSTATUS, 0, 0, bytes, &len)};
    status.status = bytes[0];
    status.poll_ms = load_le24(bytes + 1);
    status.state = bytes[4];
    status.string = bytes[5];
    return status;
}

unsigned desk_getstate(struct desk *desk) {
    uint8_t state = 0xff;
    uint16_t len = 1;
    assert_int_equal(desk_control(desk, CLASS_IN, DFU_GETSTATE, 0, 0, &state, &len), DESK_OK);
    assert_int_equal(len, 1);
    return state;
}

static struct desk_status finish(struct desk *desk) {
    struct desk_status status = desk_getstatus(desk);
    assert_int_equal(status.result, DESK_OK);
    assert_int_equal(status.state, DFU_STATE_DNBUSY);
    assert_int_equal(status.status, DFU_STATUS_OK);
    status = desk_getstatus(desk);
    assert_int_equal(status.result, DESK_OK);
    return status;
}

struct desk_status desk_command(struct desk *desk, uint8_t command, uint32_t addr) {
    uint8_t bytes[5] = {command};
    store_le32(bytes + 1, addr);
    assert_int_equal(desk_dnload(desk, 0, bytes, sizeof bytes), DESK_OK);
    return finish(desk);
}

struct desk_status desk_block(struct desk *desk, uint16_t block, const void *data, uint16_t len) {
    assert_int_equal(desk_dnload(desk, block, data, len), DESK_OK);
    return finish(desk);
}

void desk_assert_reads(struct desk *desk, uint32_t addr, const uint8_t *bytes, unsigned len) {
    assert_int_equal(desk_simple(desk, DFU_ABORT), DESK_OK);
    assert_int_equal(desk_command(desk, DFUSE_CMD_SET_ADDRESS, addr).status, DFU_STATUS_OK);
    assert_int_equal(desk_simple(desk, DFU_ABORT), DESK_OK);
    for (unsigned done = 0; done < len; done += UPDATE_BLOCK_BYTES) {
        uint8_t have[UPDATE_BLOCK_BYTES];
        uint16_t wanted = UPDATE_BLOCK_BYTES;
        assert_int_equal(
            desk_upload(desk, (uint16_t)(2 + done / UPDATE_BLOCK_BYTES), have, &wanted), DESK_OK);
        unsigned left = len - done < wanted ? len - done : wanted;
        assert_memory_equal(have, bytes + done, left);
    }
    assert_int_equal(desk_simple(desk, DFU_ABORT), DESK_OK);
}

static void page_read(void *ctx, unsigned page, uint32_t off, uint8_t *out, uint32_t len) {
    struct desk *desk = ctx;
    const struct flash_map *map = desk->port.map;
    desk->port.flash_read(desk, flash_sector_address(map, map->settings_first + page) + off, out,
                          len);
}

static bool yes(uint32_t address) {
    (void)address;
    return true;
}

static bool no(uint32_t address) {
    (void)address;
    return false;
}

bool desk_would_start(struct desk *desk) {
    const struct flash_map *map = desk->port.map;
    struct settings_flash flash = {
        .ctx = desk,
        .page_bytes = flash_sector_bytes(map, map->settings_first),
        .read = page_read,
    };
    struct settings settings;
    enum settings_result opened = settings_open(&settings, &flash);
    (void)opened;
    uint8_t words[UPDATE_VECTOR_BYTES];
    desk->port.flash_read(desk, flash_application_address(map), words, sizeof words);
    struct boot_area areas[4];
    areas_of(map, areas);
    bool is_sane = boot_vectors_are_sane(areas, load_le32(words), load_le32(words + 4));
    struct boot_facts facts = {
        .receiving = settings_is_receiving(&settings),
        .once = BOOT_MODE_NONE,
        .application = flash_application_address(map),
        .entries = &(const struct boot_entry){0, 0},
        .is_image = is_sane ? yes : no,
    };
    return boot_decide(&facts).mode == BOOT_MODE_APPLICATION;
}

void desk_put_application(struct desk *desk) {
    uint8_t *at = desk->flash + DESK_APPLICATION - DESK_FLASH_BASE;
    store_le32(at, 0x20020000u);
    store_le32(at + 4, DESK_APPLICATION + 0x201u);
}

// SPDX-License-Identifier: MIT
//
// What hosts and applications do to the board, and what time does.

#include "tests/explore/world_internal.h"

#include <string.h>

#include "spec/dfu.h"
#include "spec/settings_list.h"

static bool is_at_settings(void) {
    return world.desk.bootloader.usbd.alternate == 2;
}

static bool send_command(uint8_t command, uint32_t addr, unsigned len) {
    uint8_t bytes[5] = {command};
    store_le32(bytes + 1, addr);
    return desk_dnload(&world.desk, 0, bytes, (uint16_t)len) == DESK_OK;
}

void host_erases(uint32_t addr, uint32_t sectors, bool is_all) {
    if (send_command(DFUSE_CMD_ERASE, addr, is_all ? 1 : 5) && !is_at_settings()) {
        ghost_erase_is_sent(sectors);
    }
}

static void send_block(unsigned version) {
    uint32_t addr = world.desk.bootloader.dfu.pointer; // as the host set it
    unsigned first = (addr - APPLICATION) / 4u;
    uint8_t bytes[16];
    if (is_at_settings() || first >= WORDS || image_block_words(first) == 0) {
        memset(bytes, 0x11, sizeof bytes); // a list of settings it is not
        (void)desk_dnload(&world.desk, 2, bytes, sizeof bytes);
        return;
    }
    for (unsigned i = 0; i < image_block_words(first); i++) {
        store_le32(bytes + 4 * i, image_word(version, first + i));
    }
    if (desk_dnload(&world.desk, 2, bytes, (uint16_t)(4 * image_block_words(first))) == DESK_OK) {
        ghost_block_is_sent(first, version);
    }
}

static struct desk_status ask_status(void) {
    struct desk_status status = desk_getstatus(&world.desk);
    ghost_status_is_read(status.result == DESK_OK && status.status != DFU_STATUS_OK);
    return status;
}

// The two GETSTATUS after a command.
bool host_gets_done(void) {
    struct desk_status status = ask_status();
    if (status.result == DESK_OK && status.state == DFU_STATE_DNBUSY) {
        status = ask_status();
    }
    bool is_done = status.result == DESK_OK && status.status == DFU_STATUS_OK &&
                   status.state == DFU_STATE_DNLOAD_IDLE;
    if (is_done) {
        world.ghost.pending = 0;
    }
    return is_done;
}

bool host_writes(uint32_t addr, unsigned version) {
    if (!send_command(DFUSE_CMD_SET_ADDRESS, addr, 5) || !host_gets_done()) {
        return false;
    }
    send_block(version);
    return host_gets_done();
}

void host_chooses(unsigned alternate) {
    uint16_t len = 0;
    ghost_session_begins();
    (void)desk_control(&world.desk, USB_RECIPIENT_INTERFACE, USB_SET_INTERFACE, (uint16_t)alternate,
                       0, NULL, &len);
}

// A tool for settings: opens that alternate setting, writes one record, waits for its end.
static bool host_changes(unsigned key, unsigned value) {
    uint8_t record[8] = {(uint8_t)key, 0, value ? 4 : 0,
                         value ? SETTINGS_LIST_VALUE : SETTINGS_LIST_REMOVAL};
    setting_value(record + 4, key, value);
    host_chooses(2);
    if (desk_dnload(&world.desk, 2, record, value ? 8 : 4) != DESK_OK) {
        return true;
    }
    world.ghost.allowed[key] |= (uint8_t)(1u << value);
    if (host_gets_done()) {
        world.ghost.allowed[key] = (uint8_t)(1u << value);
    }
    return true;
}

// A record that no host may change: the receiving record.
static bool host_forbidden(void) {
    const uint8_t record[4] = {SETTINGS_KEY_RECEIVING & 0xff, SETTINGS_KEY_RECEIVING >> 8, 0,
                               SETTINGS_LIST_REMOVAL};
    host_chooses(2);
    if (desk_dnload(&world.desk, 2, record, sizeof record) == DESK_OK && host_gets_done()) {
        return world_wrong("a host may remove the receiving record");
    }
    return true;
}

bool application_changes(unsigned key, unsigned value) {
    struct settings s;
    struct settings_flash flash;
    if (!world_open_store(&s, &flash)) {
        return world_was_cut() || world_wrong("an application cannot open its settings");
    }
    world.ghost.allowed[key] |= (uint8_t)(1u << value);
    uint8_t bytes[4];
    setting_value(bytes, key, value);
    enum settings_result r = SETTINGS_TURNOVER;
    for (unsigned i = 0; i < 2 && r == SETTINGS_TURNOVER; i++) {
        r = settings_wait(&s, value ? settings_set(&s, (uint16_t)key, bytes, sizeof bytes)
                                    : settings_delete(&s, (uint16_t)key));
        if (r == SETTINGS_TURNOVER && settings_wait(&s, settings_turnover(&s)) != SETTINGS_OK) {
            break;
        }
    }
    if (r == SETTINGS_OK || r == SETTINGS_ABSENT) {
        world.ghost.allowed[key] = (uint8_t)(1u << value);
    }
    return true;
}

static unsigned next_value(unsigned key) {
    return world.ghost.allowed[key] == 2u ? 2 : 1;
}

void host_leaves(void) {
    uint16_t len = 0;
    if (desk_control(&world.desk, USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE, DFU_DNLOAD, 2, 0, NULL,
                     &len) == DESK_OK) {
        if (ghost_leave_counts()) {
            ghost_done_is_said();
        }
    }
}

static void send_abort(void) {
    struct ghost *g = &world.ghost;
    if (desk_simple(&world.desk, DFU_ABORT) != DESK_OK) {
        return;
    }
    g->expected.known &= ~g->pending; // taken back
    g->lost |= g->unasked;
    g->unasked = g->asked = 0;
    g->pending = 0;
    if (!g->has_lost_block && g->lost == 0 && g->erased != 0 && (g->erased & ~g->written) == 0) {
        ghost_done_is_said();
        g->is_over = true;
    }
}

// Until nothing is left to do, and longer than what goes by half a second.
void host_settles(void) {
    for (unsigned i = 0; i < 3000 && (i < 4 || world.desk.has_work); i++) {
        desk_poll(&world.desk);
    }
    world.desk.now_us += 1000u * 600u;
    for (unsigned i = 0; i < 3000 && (i < 4 || world.desk.has_work); i++) {
        desk_poll(&world.desk);
    }
    world.desk.now_us += 1000u * 100u;
    desk_poll(&world.desk);
    world.desk.now_us += 1000u * 100u;
    desk_poll(&world.desk);
}

bool host_acts(enum action action) {
    struct desk *desk = &world.desk;
    uint8_t bytes[64];
    uint16_t len = 16;
    switch (action) {
    case ACT_APP_SET:
        return application_changes(0, next_value(0));
    case ACT_APP_DELETE:
        return application_changes(1, 0);
    case ACT_APP_ASK_DFU:
        return world_reset(MAILBOX_DFU);
    case ACT_GETSTATUS:
        if (ask_status().state == DFU_STATE_DNLOAD_IDLE) {
            world.ghost.pending = 0;
        }
        return true;
    case ACT_ERASE_A:
        host_erases(APPLICATION, 1, false);
        return true;
    case ACT_ERASE_B:
        host_erases(APPLICATION + SECTOR_BYTES, 2, false);
        return true;
    case ACT_ERASE_ALL:
        host_erases(0, 3, true);
        return true;
    case ACT_ADDRESS_B:
        (void)send_command(DFUSE_CMD_SET_ADDRESS, APPLICATION + SECTOR_BYTES, 5);
        return true;
    case ACT_DO_WRITE_0:
        (void)host_writes(FLASH_BASE, world.ghost.version);
        return true;
    case ACT_BLOCK:
        send_block(world.ghost.version);
        return true;
    case ACT_ABORT:
        send_abort();
        return true;
    case ACT_CLRSTATUS:
        (void)desk_simple(desk, DFU_CLRSTATUS);
        return true;
    case ACT_LEAVE:
        host_leaves();
        return true;
    case ACT_DETACH:
        (void)desk_simple(desk, DFU_DETACH);
        return true;
    case ACT_ALTERNATE_0:
    case ACT_ALTERNATE_1:
    case ACT_ALTERNATE_2:
        host_chooses(action - ACT_ALTERNATE_0);
        return true;
    case ACT_UPLOAD:
        (void)desk_upload(desk, 2, bytes, &len);
        return true;
    case ACT_BUS_RESET:
        ghost_session_begins();
        desk->armed = desk->queued = desk->stalled = false;
        desk_enumerate(desk);
        return true;
    case ACT_GIVE_UP_BLOCK:
        world.ghost.has_lost_block |= !is_at_settings();
        desk_setup_only(desk, USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE, DFU_DNLOAD, 2, 0, 16);
        return true;
    case ACT_GIVE_UP_STATUS:
        world.ghost.unasked = 0;
        desk_setup_only(desk, USB_DIR_IN | USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE, DFU_GETSTATUS,
                        0, 0, DFU_STATUS_LEN);
        return true;
    case ACT_DO_ERASE_A:
        host_erases(APPLICATION, 1, false);
        (void)host_gets_done();
        return true;
    case ACT_DO_ERASE_B:
        host_erases(APPLICATION + SECTOR_BYTES, 2, false);
        (void)host_gets_done();
        return true;
    case ACT_DO_WRITE_A:
        (void)host_writes(APPLICATION, world.ghost.version);
        return true;
    case ACT_DO_WRITE_B:
        (void)host_writes(APPLICATION + SECTOR_BYTES, world.ghost.version);
        return true;
    case ACT_DO_LEAVE:
        host_leaves();
        (void)ask_status();
        host_settles();
        return true;
    case ACT_HOST_SET:
        return host_changes(0, next_value(0));
    case ACT_HOST_DELETE:
        return host_changes(1, 0);
    case ACT_HOST_FORBIDDEN:
        return host_forbidden();
    case ACT_STEP:
        desk_poll(desk);
        return true;
    case ACT_SETTLE:
        host_settles();
        return true;
    case ACT_SILENCE:
        desk->now_us += 1000u * 1100u;
        host_settles();
        return true;
    case ACT_RESET: // the operation under way is given up, as before it; cuts do the rest
        world.m.is_busy = false;
        return world_reset(MAILBOX_NONE);
    case ACT_COUNT:
    default:
        return world_wrong("no such action");
    }
}

// SPDX-License-Identifier: MIT
//
// When the receiving record opens and closes.

#include "core/gate.h"

#include "spec/crc.h"
#include "spec/stamp.h"

// Room that a load may need: the record opened and closed, with margin for hosts that do so once an
// element. Below it the pages are turned over on entering DFU mode.
#define ROOM_WANTED (4u * SETTINGS_RESERVE)
// Bytes read at a time by GATE_LOOKING and GATE_CHECKING: small, so that USB is answered between.
#define STRIDE      256u

// --- The settings store on the bootloader's flash --------------------------------------------------

static enum settings_flash_result flash_outcome(enum flash_result result) {
    return result == FLASH_OK     ? SETTINGS_FLASH_DONE
           : result == FLASH_BUSY ? SETTINGS_FLASH_BUSY
                                  : SETTINGS_FLASH_FAILED;
}

static uint32_t page_address(const struct gate *gate, unsigned page) {
    return flash_sector_address(gate->port->map, gate->port->map->settings_first + page);
}

static enum settings_flash_result page_erase(void *ctx, unsigned page) {
    struct gate *gate = ctx;
    unsigned sector = gate->port->map->settings_first + page;
    return flash_outcome(gate->port->flash_erase(gate->port->ctx, sector));
}

static enum settings_flash_result page_program(void *ctx, unsigned page, uint32_t off,
                                               const uint8_t *data, uint32_t len) {
    struct gate *gate = ctx;
    return flash_outcome(
        gate->port->flash_program(gate->port->ctx, page_address(gate, page) + off, data, len));
}

static enum settings_flash_result page_poll(void *ctx) {
    struct gate *gate = ctx;
    return flash_outcome(gate->port->flash_poll(gate->port->ctx));
}

static void page_read(void *ctx, unsigned page, uint32_t off, uint8_t *out, uint32_t len) {
    struct gate *gate = ctx;
    gate->port->flash_read(gate->port->ctx, page_address(gate, page) + off, out, len);
}

static bool is_receiving_recorded(struct gate *gate) {
    uint32_t len;
    return settings_get(&gate->settings, SETTINGS_KEY_RECEIVING, NULL, 0, &len) == SETTINGS_OK;
}

// --- Looking for a stamp, and checking one -------------------------------------------------------

static uint32_t base(const struct gate *gate) {
    return flash_application_address(gate->port->map);
}

static void start_checking(struct gate *gate, uint32_t stamp_addr) {
    gate->stamp_addr = stamp_addr;
    gate->position = base(gate);
    gate->crc = CRC32_START;
    gate->step = GATE_CHECKING;
}

static void start_looking(struct gate *gate) {
    gate->is_resuming = true;
    gate->position = base(gate);
    gate->step = GATE_LOOKING;
}

static void poll_looking(struct gate *gate) {
    uint32_t end = flash_end(gate->port->map);
    uint8_t bytes[STRIDE];
    if (gate->position >= end) {
        gate->step = GATE_IDLE;
        return;
    }
    uint32_t len = end - gate->position < STRIDE ? end - gate->position : STRIDE;
    update_read(gate->update, gate->position, bytes, len);
    struct stamp stamp;
    for (uint32_t off = 0; off + STAMP_BYTES <= len; off += STAMP_ALIGN) {
        uint32_t addr = gate->position + off;
        if (stamp_load(bytes + off, addr - base(gate), &stamp)) {
            gate->looked_until = addr + STAMP_ALIGN;
            start_checking(gate, addr);
            return;
        }
    }
    gate->position += len;
}

static void start_vectors(struct gate *gate);

static void poll_checking(struct gate *gate) {
    uint8_t bytes[STRIDE];
    if (gate->position < gate->stamp_addr) {
        uint32_t left = gate->stamp_addr - gate->position;
        uint32_t len = left < STRIDE ? left : STRIDE;
        update_read(gate->update, gate->position, bytes, len);
        gate->crc = crc32_update(gate->crc, bytes, len);
        gate->position += len;
        return;
    }
    struct stamp stamp;
    update_read(gate->update, gate->stamp_addr, bytes, STAMP_BYTES);
    if (stamp_load(bytes, gate->stamp_addr - base(gate), &stamp) && stamp.crc == gate->crc) {
        start_vectors(gate);
    } else if (gate->is_resuming) {
        gate->stamp_addr = 0;
        gate->position = gate->looked_until;
        gate->step = GATE_LOOKING;
    } else {
        gate->closed = GATE_NOT_DONE;
        gate->step = GATE_IDLE;
    }
}

// --- Steps that write ----------------------------------------------------------------------------

static void turn_over(struct gate *gate) {
    gate->store = settings_turnover(&gate->settings);
    gate->step = GATE_PREPARING;
}

static void end_close(struct gate *gate, enum gate_answer answer) {
    gate->closed = answer;
    gate->step = GATE_IDLE;
    if (answer == GATE_GO) {
        gate->is_receiving = false;
        gate->stamp_addr = 0;
    }
}

static void start_closing(struct gate *gate) {
    gate->store = settings_receiving_close(&gate->settings);
    gate->step = GATE_CLOSING;
}

static void start_vectors(struct gate *gate) {
    gate->step = GATE_VECTORS;
    if (!update_program_vectors(gate->update)) {
        start_closing(gate); // none are waiting
    }
}

static void poll_vectors(struct gate *gate) {
    if (!update_is_idle(gate->update)) {
        return;
    }
    if (gate->update->failed != DFU_STATUS_OK) {
        end_close(gate, GATE_FAILED); // the reason goes to the host by update_take_failure()
    } else {
        start_closing(gate);
    }
}

// Moves the settings operation under way on; false while it is still working.
static bool store_is_done(struct gate *gate) {
    if (gate->store == SETTINGS_BUSY) {
        gate->store = settings_poll(&gate->settings);
    }
    return gate->store != SETTINGS_BUSY;
}

static void poll_preparing(struct gate *gate) {
    if (!store_is_done(gate)) {
        return;
    }
    gate->step = GATE_IDLE;
    if (gate->store == SETTINGS_OK && gate->is_receiving && !gate->has_block) {
        start_looking(gate);
    }
}

static void poll_opening(struct gate *gate) {
    if (!store_is_done(gate)) {
        return;
    }
    gate->step = GATE_IDLE;
    gate->is_receiving = gate->store == SETTINGS_OK;
}

static void poll_closing(struct gate *gate) {
    if (!store_is_done(gate)) {
        return;
    }
    if (gate->store == SETTINGS_TURNOVER) {
        // Traces of a cut in the log: turn over, then the close is asked for again.
        turn_over(gate);
        gate->close_wanted = true;
    } else {
        end_close(gate, gate->store == SETTINGS_OK ? GATE_GO : GATE_FAILED);
    }
}

static void start_close(struct gate *gate) {
    gate->is_resuming = false;
    if (gate->stamp_addr) {
        start_checking(gate, gate->stamp_addr);
    } else {
        start_vectors(gate);
    }
}

// --- The public side -----------------------------------------------------------------------------

void gate_init(struct gate *gate, const struct port *port, struct update *update) {
    *gate = (struct gate){.port = port, .update = update};
    gate->flash = (struct settings_flash){
        .ctx = gate,
        .page_bytes = flash_sector_bytes(port->map, port->map->settings_first),
        .erase = page_erase,
        .program = page_program,
        .poll = page_poll,
        .read = page_read,
    };
    gate->store = settings_open(&gate->settings, &gate->flash);
    gate->is_receiving = is_receiving_recorded(gate);
    if (gate->store == SETTINGS_TURNOVER ||
        (gate->store == SETTINGS_OK && settings_room(&gate->settings) < ROOM_WANTED)) {
        turn_over(gate);
    } else if (gate->is_receiving) {
        start_looking(gate);
    }
}

void gate_poll(struct gate *gate) {
    if (gate->step == GATE_VECTORS) {
        poll_vectors(gate);
        return;
    }
    if (!update_is_idle(gate->update)) {
        return;
    }
    switch (gate->step) {
    case GATE_PREPARING:
        poll_preparing(gate);
        break;
    case GATE_OPENING:
        poll_opening(gate);
        break;
    case GATE_LOOKING:
        poll_looking(gate);
        break;
    case GATE_CHECKING:
        poll_checking(gate);
        break;
    case GATE_CLOSING:
        poll_closing(gate);
        break;
    case GATE_IDLE:
    case GATE_VECTORS:
    default:
        if (gate->close_wanted) {
            gate->close_wanted = false;
            if (gate->is_receiving && gate->update->failed == DFU_STATUS_OK) {
                start_close(gate);
            }
        }
        break;
    }
}

bool gate_is_busy(const struct gate *gate) {
    return gate->step == GATE_PREPARING || gate->step == GATE_OPENING ||
           gate->step == GATE_VECTORS || gate->step == GATE_CLOSING;
}

// Looking for a stamp is given up when a host begins to change things.
static void stop_resuming(struct gate *gate) {
    if (gate->is_resuming && (gate->step == GATE_LOOKING || gate->step == GATE_CHECKING)) {
        gate->step = GATE_IDLE;
        gate->stamp_addr = 0;
    }
}

enum gate_answer gate_open(struct gate *gate) {
    stop_resuming(gate);
    if (gate->step != GATE_IDLE || gate->close_wanted || !update_is_idle(gate->update)) {
        return GATE_WAIT;
    }
    if (gate->is_receiving) {
        return GATE_GO;
    }
    if (gate->store != SETTINGS_OK) {
        return GATE_NO_RECORD;
    }
    enum settings_result result = settings_receiving_open(&gate->settings);
    if (result == SETTINGS_TURNOVER) {
        turn_over(gate);
        return GATE_WAIT;
    }
    gate->store = result;
    gate->step = GATE_OPENING;
    return GATE_WAIT;
}

void gate_leave_begin(struct gate *gate) {
    gate->closed = GATE_WAIT;
}

enum gate_answer gate_leave(struct gate *gate) {
    if (gate->step != GATE_IDLE || gate->close_wanted || !update_is_idle(gate->update)) {
        return GATE_WAIT;
    }
    if (!gate->is_receiving) {
        return GATE_GO;
    }
    if (gate->closed != GATE_WAIT) {
        return gate->closed;
    }
    if (!gate->stamp_addr && !gate->has_block) {
        return GATE_NOT_DONE;
    }
    start_close(gate);
    return GATE_WAIT;
}

void gate_erased(struct gate *gate, uint32_t addr) {
    unsigned sector = flash_sector_at(gate->port->map, addr);
    if (gate->erase_list_ends) {
        gate->erase_list_ends = false;
        gate->erased = 0;
        gate->written = 0;
        gate->last_written = 0;
    }
    gate->erased |= 1u << sector;
    gate->written &= ~(1u << sector);
    if (gate->stamp_addr && flash_sector_at(gate->port->map, gate->stamp_addr) == sector) {
        gate->stamp_addr = 0;
    }
}

void gate_block(struct gate *gate, uint32_t addr, const uint8_t *bytes, uint32_t len) {
    unsigned last = flash_sector_at(gate->port->map, addr + len - 1);
    for (unsigned sector = flash_sector_at(gate->port->map, addr); sector <= last; sector++) {
        gate->written |= 1u << sector;
    }
    if (last > gate->last_written) {
        gate->last_written = last;
    }
    gate->has_block = true;
    gate->may_abort = true;
    gate->is_block_told = false;

    struct stamp stamp;
    uint32_t lead = (0u - (addr - base(gate))) % STAMP_ALIGN;
    for (uint32_t off = lead; off + STAMP_BYTES <= len; off += STAMP_ALIGN) {
        if (stamp_load(bytes + off, addr + off - base(gate), &stamp)) {
            gate->stamp_addr = addr + off;
        } else if (gate->stamp_addr == addr + off) {
            gate->stamp_addr = 0; // written over
        }
    }
}

void gate_block_told(struct gate *gate) {
    if (gate->may_abort && !gate->is_block_told) {
        gate->is_block_told = true;
        gate->told_at_ms = gate->port->millis(gate->port->ctx);
    }
}

// Whether what was erased and written looks like a load that has ended.
static bool list_is_complete(const struct gate *gate) {
    return gate->erased != 0 && (gate->erased & ~gate->written) == 0 &&
           gate->erased >> gate->last_written == 1u;
}

void gate_aborted(struct gate *gate) {
    if (!gate->is_receiving || !gate->may_abort || !gate->is_block_told ||
        gate->port->millis(gate->port->ctx) - gate->told_at_ms > GATE_ABORT_WITHIN_MS) {
        return;
    }
    if (gate->stamp_addr || list_is_complete(gate)) {
        gate->closed = GATE_WAIT;
        gate->close_wanted = true;
    }
}

void gate_failed(struct gate *gate) {
    gate->may_abort = false;
}

void gate_restarted(struct gate *gate) {
    gate->may_abort = false;
    gate->has_block = false;
    gate->erase_list_ends = true;
}

bool gate_is_receiving(const struct gate *gate) {
    return gate->is_receiving;
}

// SPDX-License-Identifier: MIT
//
// When the receiving record opens and closes.

#include "core/gate.h"

#include "core/boot.h"
#include "spec/crc.h"
#include "spec/stamp.h"

// Room that a load may need: the record opened and closed, with margin for hosts that do so once an
// element. Below it the pages are turned over on entering DFU mode.
#define ROOM_WANTED (4u * SETTINGS_RESERVE)
// And when less than this part of a page is left: the boot stage walks through the log at every reset.
#define ROOM_PART   2u
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

// --- Stamps --------------------------------------------------------------------------------------

static uint32_t base(const struct gate *gate) {
    return flash_application_address(gate->port->map);
}

// Looks at the block just programmed. Read from flash, so that a stamp may lie in two blocks.
static void look_for_stamp(struct gate *gate) {
    uint32_t off = (gate->update->addr - base(gate)) & ~(STAMP_ALIGN - 1u);
    uint32_t end = gate->update->addr + gate->update->len - base(gate);
    uint32_t most = flash_end(gate->port->map) - base(gate);
    uint8_t bytes[STRIDE];
    struct stamp stamp;
    while (off < end) {
        uint32_t len = most - off < STRIDE ? most - off : STRIDE;
        update_read(gate->update, base(gate) + off, bytes, len);
        for (uint32_t i = 0; i < len && off < end; i += STAMP_ALIGN, off += STAMP_ALIGN) {
            if (stamp_load(bytes + i, off, &stamp)) {
                gate->stamp_addr = base(gate) + off;
                gate->close_wanted = true;
            }
        }
    }
}

static void start_checking(struct gate *gate) {
    gate->position = base(gate);
    gate->crc = CRC32_START;
    gate->step = GATE_CHECKING;
}

static void start_vectors(struct gate *gate);

// One pass holds the image against every stamp it comes by that counts.
static void poll_checking(struct gate *gate) {
    uint8_t bytes[STRIDE];
    struct stamp stamp;
    uint32_t left = flash_end(gate->port->map) - gate->position;
    uint32_t len = left < STRIDE ? left : STRIDE;
    update_read(gate->update, gate->position, bytes, len);
    for (uint32_t off = 0; off < len; off += STAMP_ALIGN, gate->position += STAMP_ALIGN) {
        bool counts = gate->stamp_addr == 0 || gate->stamp_addr == gate->position;
        if (counts && stamp_load(bytes + off, gate->position - base(gate), &stamp) &&
            stamp.crc == gate->crc) {
            start_vectors(gate);
            return;
        }
        gate->crc = crc32_update(gate->crc, bytes + off, STAMP_ALIGN);
    }
    if (left == len || (gate->stamp_addr != 0 && gate->position > gate->stamp_addr)) {
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
        gate->is_inherited = false;
        gate->stamp_addr = 0;
    }
}

static void start_closing(struct gate *gate) {
    // Finds room without a turnover (settings.h); if it says otherwise, flash has failed it.
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
        gate->failed |= 1u << gate->port->map->application_first;
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
    gate->is_receiving = settings_is_receiving(&gate->settings);
    gate->is_inherited = gate->is_receiving;
    if (gate->is_receiving) {
        start_checking(gate);
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
    end_close(gate, gate->store == SETTINGS_OK ? GATE_GO : GATE_FAILED);
}

static void start_close(struct gate *gate) {
    if (gate->stamp_addr != 0) {
        start_checking(gate);
    } else {
        start_vectors(gate);
    }
}

// --- The public side -----------------------------------------------------------------------------

static uint32_t room_wanted(const struct gate *gate) {
    uint32_t part = gate->flash.page_bytes / ROOM_PART;
    return part > ROOM_WANTED ? part : ROOM_WANTED;
}

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
    gate->is_receiving = settings_is_receiving(&gate->settings);
    gate->is_inherited = gate->is_receiving;
    update->distrusts_blank = gate->is_receiving;
    if (gate->store == SETTINGS_TURNOVER ||
        (gate->store == SETTINGS_OK && settings_room(&gate->settings) < room_wanted(gate))) {
        turn_over(gate);
    } else if (gate->is_receiving) {
        start_checking(gate);
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
    case GATE_CHECKING:
        poll_checking(gate);
        break;
    case GATE_CLOSING:
        poll_closing(gate);
        break;
    case GATE_IDLE:
    case GATE_VECTORS:
    default:
        if (gate->is_block_new && gate->update->failed == DFU_STATUS_OK) {
            look_for_stamp(gate);
        }
        gate->is_block_new = false;
        if (gate->close_wanted) {
            gate->close_wanted = false;
            if (gate->is_receiving && gate->failed == 0 && gate->update->failed == DFU_STATUS_OK) {
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

enum gate_answer gate_open(struct gate *gate) {
    if (gate->step == GATE_CHECKING) {
        gate->step = GATE_IDLE; // more comes: what is there now decides nothing
    }
    if (gate->step != GATE_IDLE || gate->close_wanted || !update_is_idle(gate->update)) {
        return GATE_WAIT;
    }
    if (gate->is_receiving) {
        return GATE_GO;
    }
    if (gate->store == SETTINGS_FAILED) {
        return GATE_NO_RECORD; // trying again would wear flash out
    }
    enum settings_result result = settings_receiving_open(&gate->settings);
    if (result == SETTINGS_BUSY) {
        gate->store = result;
        gate->step = GATE_OPENING;
    } else if (result == SETTINGS_TURNOVER && gate->store == SETTINGS_OK) {
        turn_over(gate);
    } else {
        return GATE_NO_RECORD; // foreign pages, or full
    }
    return GATE_WAIT;
}

// Whether this session can know the image to be whole: it found a whole application, or it has brought
// a beginning of its own. What a dead predecessor left half done is not made whole by a small load
// elsewhere.
static bool is_own(const struct gate *gate) {
    return !gate->is_inherited || gate->vector_bytes == (1u << UPDATE_VECTOR_BYTES) - 1u;
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
    if (gate->failed != 0 || (gate->stamp_addr == 0 && !(gate->has_block && is_own(gate)))) {
        return GATE_NOT_DONE;
    }
    start_close(gate);
    return GATE_WAIT;
}

void gate_erased(struct gate *gate, uint32_t addr) {
    uint32_t bit = 1u << flash_sector_at(gate->port->map, addr);
    if (gate->erase_list_ends) {
        gate->erase_list_ends = false;
        gate->erased = 0;
        gate->written = 0;
        gate->last_written = 0;
        gate->stamp_addr = 0;
        gate->failed = 0;
    }
    gate->erased |= bit;
    gate->written &= ~bit;
    gate->failed &= ~bit; // until it fails again
    if (bit == 1u << gate->port->map->application_first) {
        gate->vector_bytes = 0;
    }
    if (gate->stamp_addr != 0 && bit == 1u << flash_sector_at(gate->port->map, gate->stamp_addr)) {
        gate->stamp_addr = 0;
    }
}

// Bit a sector of a range.
static uint32_t sectors_of(const struct gate *gate, uint32_t addr, uint32_t len) {
    unsigned first = flash_sector_at(gate->port->map, addr);
    unsigned last = flash_sector_at(gate->port->map, addr + len - 1);
    return (2u << last) - (1u << first);
}

void gate_block(struct gate *gate, uint32_t addr, uint32_t len) {
    gate->written |= sectors_of(gate, addr, len);
    unsigned last = flash_sector_at(gate->port->map, addr + len - 1);
    if (last > gate->last_written) {
        gate->last_written = last;
    }
    for (unsigned i = 0; i < UPDATE_VECTOR_BYTES; i++) {
        if (base(gate) + i - addr < len) {
            gate->vector_bytes |= (uint8_t)(1u << i);
        }
    }
    gate->has_block = true;
    gate->may_abort = true;
    gate->is_block_told = false;
    gate->is_block_new = true;
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
    bool ends_load = gate->may_abort && gate->is_block_told && list_is_complete(gate) &&
                     is_own(gate) &&
                     gate->port->millis(gate->port->ctx) - gate->told_at_ms <= GATE_ABORT_WITHIN_MS;
    if (gate->stamp_addr != 0 || ends_load) {
        gate->close_wanted = true;
    }
}

void gate_failed(struct gate *gate) {
    const struct update *update = gate->update;
    gate->may_abort = false;
    gate->failed |=
        update->len > 0 ? sectors_of(gate, update->addr, update->len) : 1u << update->sector;
}

void gate_restarted(struct gate *gate) {
    gate->may_abort = false;
    gate->has_block = false;
    gate->erase_list_ends = true;
    gate->is_inherited = gate->is_receiving || gate->step == GATE_OPENING;
    gate->vector_bytes = 0;
}

bool gate_is_receiving(const struct gate *gate) {
    return gate->is_receiving;
}

// SPDX-License-Identifier: MIT
//
// When the receiving record opens and closes.

#include "core/gate.h"

#include "core/boot.h"
#include "spec/crc.h"
#include "spec/stamp.h"

// On entering DFU mode a page more than half full is turned over, since the boot stage walks through its
// log at every reset, but only where that doubles the room: each turnover is an erase.
#define ROOM_PART  2u
// What is worth an erase however little room there is: a load takes 28 bytes, the record opened and
// closed in a session of its own.
#define GAIN_LEAST (SETTINGS_RESERVE / 2u)
// Bytes read at a time by GATE_LOOKING and GATE_CHECKING: small, so that USB is answered between.
#define STRIDE     256u

// --- The settings store on the bootloader's flash --------------------------------------------------

static enum settings_flash_result flash_outcome(struct gate *gate, enum flash_result result) {
    if ((result == FLASH_FAILED || result == FLASH_PROTECTED) &&
        gate->failures < GATE_FAILURES_MAX) {
        gate->failures++;
    }
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
    return flash_outcome(gate, gate->port->flash_erase(gate->port->ctx, sector));
}

static enum settings_flash_result page_program(void *ctx, unsigned page, uint32_t off,
                                               const uint8_t *data, uint32_t len) {
    struct gate *gate = ctx;
    return flash_outcome(gate, gate->port->flash_program(
                                   gate->port->ctx, page_address(gate, page) + off, data, len));
}

static enum settings_flash_result page_poll(void *ctx) {
    struct gate *gate = ctx;
    return flash_outcome(gate, gate->port->flash_poll(gate->port->ctx));
}

static void page_read(void *ctx, unsigned page, uint32_t off, uint8_t *out, uint32_t len) {
    struct gate *gate = ctx;
    gate->port->flash_read(gate->port->ctx, page_address(gate, page) + off, out, len);
}

static uint32_t millis(const struct gate *gate) {
    return gate->port->millis(gate->port->ctx);
}

// --- Stamps --------------------------------------------------------------------------------------

static uint32_t base(const struct gate *gate) {
    return flash_application_address(gate->port->map);
}

// Whether a stamp lies here in flash. It never lies over the vectors that wait: its length is not 0.
static void look_at(struct gate *gate, uint32_t addr) {
    uint8_t bytes[STAMP_BYTES];
    struct stamp stamp;
    gate->port->flash_read(gate->port->ctx, addr, bytes, sizeof bytes);
    if (stamp_load(bytes, addr - base(gate), &stamp)) {
        gate->stamp_addr = addr;
        gate->close_wanted = true;
    }
}

// Looks at the block just programmed, for which the next one waits: at the words that were programmed (and read
// back), and in flash where the magic is, and where a stamp may have begun in the block before.
static void look_for_stamp(struct gate *gate) {
    uint32_t addr;
    const uint32_t *word = update_words(gate->update, &addr);
    const uint32_t *end = word + (gate->update->addr + gate->update->len - addr + 3u) / 4u;
    if (addr % STAMP_ALIGN != 0) {
        look_at(gate, addr - addr % STAMP_ALIGN);
        word += (STAMP_ALIGN - addr % STAMP_ALIGN) / 4u;
    }
    for (const uint32_t *first = word; word < end; word += STAMP_ALIGN / 4u) {
        if (load_le32((const uint8_t *)word) == STAMP_MAGIC) {
            look_at(gate, ((addr + STAMP_ALIGN - 1u) & ~(STAMP_ALIGN - 1u)) +
                              (uint32_t)((const uint8_t *)word - (const uint8_t *)first));
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

// `step`: GATE_OPENING where a host waits for it, who is told how it ends.
static void turn_over(struct gate *gate, enum gate_step step) {
    gate->store = settings_turnover(&gate->settings);
    gate->step = step;
}

static void end_close(struct gate *gate, enum gate_answer answer) {
    gate->closed = answer;
    gate->step = GATE_IDLE;
    if (answer == GATE_GO) {
        gate->is_receiving = false;
        gate->is_inherited = false;
        gate->close_waits = false;
        gate->has_block = false; // what comes now is another load
        gate->brought = 0;
        gate->stamp_addr = 0;
    }
}

static void start_closing(struct gate *gate) {
    // Finds room without a turnover (settings.h), unless flash has failed a write to the store.
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
    if (gate->store == SETTINGS_FAILED && gate->failures < GATE_FAILURES_MAX) {
        gate->store = SETTINGS_OK; // no host has asked yet: gate_open() tries again
    }
    if (gate->is_receiving) {
        start_checking(gate);
    }
}

static void poll_opening(struct gate *gate) {
    if (!store_is_done(gate)) {
        return;
    }
    gate->step = GATE_IDLE;
    // It has been written, or a turnover has made room for it.
    gate->is_receiving = gate->store == SETTINGS_OK && settings_is_receiving(&gate->settings);
    gate->is_inherited &= gate->is_receiving;
}

static void poll_closing(struct gate *gate) {
    if (!store_is_done(gate)) {
        return;
    }
    if (gate->store == SETTINGS_OK) {
        gate->store = settings_receiving_close(&gate->settings); // says so again once it is closed
    }
    if (gate->store == SETTINGS_TURNOVER) {
        gate->store = settings_turnover(&gate->settings);
    } else if (gate->store != SETTINGS_BUSY) {
        end_close(gate, gate->store == SETTINGS_OK ? GATE_GO : GATE_FAILED);
    }
}

static void start_close(struct gate *gate) {
    if (gate->stamp_addr != 0) {
        start_checking(gate);
    } else {
        start_vectors(gate);
    }
}

// --- The public side -----------------------------------------------------------------------------

static bool is_turnover_worth_it(struct gate *gate) {
    uint32_t room = settings_room(&gate->settings);
    return room < gate->flash.page_bytes / ROOM_PART &&
           settings_dead(&gate->settings) >= (room > GAIN_LEAST ? room : GAIN_LEAST);
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
    if (port->flash != NULL) {
        for (unsigned page = 0; page < 2; page++) {
            gate->pages[page] = port->flash + (page_address(gate, page) - port->map->base);
        }
        gate->flash.mapped = gate->pages;
    }
    gate->store = settings_open(&gate->settings, &gate->flash);
    gate->is_receiving = settings_is_receiving(&gate->settings);
    gate->is_inherited = gate->is_receiving;
    update->distrusts_blank = gate->is_receiving;
    if (gate->store == SETTINGS_TURNOVER ||
        (gate->store == SETTINGS_OK && is_turnover_worth_it(gate))) {
        turn_over(gate, GATE_PREPARING);
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
        if (gate->close_waits && millis(gate) - gate->quiet_since_ms >= GATE_QUIET_MS) {
            gate->close_waits = false;
            gate->close_wanted = true;
        }
        if (gate->close_wanted) {
            gate->close_wanted = false;
            if (gate->is_receiving && gate->failed == 0 && gate->update->failed == DFU_STATUS_OK) {
                start_close(gate);
            }
        }
        break;
    }
}

bool gate_is_at_rest(const struct gate *gate) {
    return gate->step == GATE_IDLE && !gate->is_block_new && !gate->close_wanted;
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
        gate->close_waits = false; // the load was not over
        return GATE_GO;
    }
    if (gate->store == SETTINGS_FAILED) {
        if (gate->failures < GATE_FAILURES_MAX) {
            gate->store = SETTINGS_OK;
        }
        return GATE_FAILED;
    }
    enum settings_result result = settings_receiving_open(&gate->settings);
    if (result == SETTINGS_BUSY) {
        gate->store = result;
        gate->step = GATE_OPENING;
    } else if ((result == SETTINGS_TURNOVER || result == SETTINGS_OK) &&
               gate->store == SETTINGS_OK) {
        // SETTINGS_OK: it is there, though flash said that writing it had failed.
        turn_over(gate, GATE_OPENING);
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
    bool is_known_whole = gate->stamp_addr != 0 || gate->close_waits;
    uint32_t gone = gate->brought & gate->erased & ~gate->written;
    if (gate->failed != 0 || (!is_known_whole && !(gate->may_end && gone == 0 && is_own(gate)))) {
        return GATE_NOT_DONE;
    }
    gate->close_waits = false;
    start_close(gate);
    return GATE_WAIT;
}

// Forgets what was written, and what failed.
static void begin_anew(struct gate *gate) {
    gate->written = 0;
    gate->last_written = 0;
    gate->stamp_addr = 0;
    gate->failed = 0;
}

static void continue_list(struct gate *gate) {
    gate->may_end = false;
    if (gate->erase_list_ends) {
        gate->erase_list_ends = false;
        gate->erased = 0;
        begin_anew(gate);
    }
}

void gate_erased(struct gate *gate, unsigned sector) {
    uint32_t bit = 1u << sector;
    continue_list(gate);
    gate->erased |= bit;
    gate->written &= ~bit;
    gate->failed &= ~bit; // until it fails again
    if (bit == 1u << gate->port->map->application_first) {
        gate->vector_bytes = 0;
        gate->failed &= ~GATE_LOST;
        gate->brought = 0;
    }
    if (gate->stamp_addr != 0 && bit == 1u << flash_sector_at(gate->port->map, gate->stamp_addr)) {
        gate->stamp_addr = 0;
    }
}

void gate_erased_all(struct gate *gate) {
    continue_list(gate);
    begin_anew(gate);
    gate->brought = 0;
    gate->vector_bytes = 0;
}

// Bit a sector of a range.
static uint32_t sectors_of(const struct gate *gate, uint32_t addr, uint32_t len) {
    unsigned first = flash_sector_at(gate->port->map, addr);
    unsigned last = flash_sector_at(gate->port->map, addr + len - 1);
    return (2u << last) - (1u << first);
}

void gate_block(struct gate *gate, uint32_t addr, uint32_t len) {
    uint32_t sectors = sectors_of(gate, addr, len);
    gate->written |= sectors;
    gate->brought |= sectors;
    unsigned last = flash_sector_at(gate->port->map, addr + len - 1);
    if (last > gate->last_written) {
        gate->last_written = (uint8_t)last;
    }
    uint32_t vectors = base(gate) - addr;
    for (unsigned i = 0; i < UPDATE_VECTOR_BYTES; i++) {
        if (vectors + i < len) {
            gate->vector_bytes |= (uint8_t)(1u << i);
        }
    }
    gate->has_block = true;
    gate->may_end = true;
    gate->is_block_told = false;
    gate->is_block_new = true;
}

void gate_block_told(struct gate *gate) {
    if (gate->may_end && !gate->is_block_told) {
        gate->is_block_told = true;
        gate->told_at_ms = millis(gate);
    }
}

// Whether what was erased and written looks like a load that has ended. The highest write lies in the
// highest sector of the list or in the next: fwupd leaves the last sector out of its list when the
// image ends in that sector's first block.
static bool list_is_complete(const struct gate *gate) {
    // A list that waits for its end is the session before's.
    if (gate->erase_list_ends || gate->erased == 0 || (gate->erased & ~gate->written) != 0) {
        return false;
    }
    uint32_t from_below =
        gate->erased >> (gate->last_written - 1); // written: not the bootloader's 0
    return from_below >= 1 && from_below <= 3;
}

void gate_aborted(struct gate *gate) {
    bool ends_load = gate->may_end && gate->is_block_told && list_is_complete(gate) &&
                     is_own(gate) && millis(gate) - gate->told_at_ms <= GATE_ABORT_WITHIN_MS;
    if (gate->stamp_addr != 0) {
        gate->close_wanted = true;
    } else if (ends_load) {
        gate->close_waits = true;
        gate_data_moved(gate); // silence begins now
    }
}

void gate_data_moved(struct gate *gate) {
    gate->quiet_since_ms = millis(gate);
}

void gate_store_is_good(struct gate *gate) {
    gate->store = SETTINGS_OK;
}

void gate_failed(struct gate *gate) {
    const struct update *update = gate->update;
    gate->may_end = false;
    gate->failed |=
        update->len > 0 ? sectors_of(gate, update->addr, update->len) : 1u << update->sector;
}

void gate_block_lost(struct gate *gate, uint32_t addr, uint32_t len) {
    uint32_t sectors = flash_application_holds(gate->port->map, addr, len)
                           ? sectors_of(gate, addr, len)
                           : GATE_LOST; // which is never in the list
    gate->may_end = false;
    gate->failed |= sectors;
    gate->brought |= sectors;
}

void gate_restarted(struct gate *gate, bool has_more) {
    gate->may_end = false;
    gate->has_block = false;
    gate->brought = 0;
    gate->erase_list_ends = true;
    // A load whose ABORT has come is over, though the record is still there: but not if it has a hole, or went on.
    if (has_more || gate->failed != 0) {
        gate->close_waits = false;
    }
    gate->is_inherited = (gate->is_receiving || gate->step == GATE_OPENING) && !gate->close_waits;
    gate->vector_bytes = 0;
}

void gate_taken_over(struct gate *gate) {
    // A host that has erased, and pauses before its first block, loses nothing.
    if (gate->has_block) {
        gate_restarted(gate, false);
    }
}

bool gate_is_receiving(const struct gate *gate) {
    return gate->is_receiving;
}

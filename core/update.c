// SPDX-License-Identifier: MIT
//
// The flash job machine.
//
//   idle -- erase --> erasing -- done --> idle
//   idle -- block --> (erasing, once for each sector that needs it) --> programming --> idle
//
// Any failure goes to idle with the reason kept for the next status.

#include "core/update.h"

#define WORD_BYTES   4u
#define VERIFY_BYTES 256u // read back in pieces of this size, to spare the stack
#define BLANK_BYTES  64u

void update_init(struct update *update, const struct port *port) {
    *update = (struct update){.port = port};
}

static uint32_t lead(uint32_t addr) {
    return addr % WORD_BYTES;
}

uint8_t *update_buffer(struct update *update, uint32_t addr) {
    return (uint8_t *)update->buffers[update->filling] + lead(addr);
}

static enum dfu_status status_of(enum flash_result result, enum dfu_status failed) {
    switch (result) {
    case FLASH_OK:
    case FLASH_BUSY:
        return DFU_STATUS_OK;
    case FLASH_PROTECTED:
    case FLASH_UNSAFE:
        return DFU_STATUS_ERR_WRITE;
    case FLASH_FAILED:
    default:
        return failed;
    }
}

const uint32_t *update_words(const struct update *update, uint32_t *addr) {
    *addr = update->addr - lead(update->addr);
    return update->buffers[update->filling ^ 1u];
}

static uint32_t vectors_address(const struct update *update) {
    return flash_application_address(update->port->map);
}

void update_read(const struct update *update, uint32_t addr, uint8_t *out, uint32_t len) {
    update->port->flash_read(update->port->ctx, addr, out, len);
    if (update->vectors_mask == 0) {
        return;
    }
    uint32_t first = vectors_address(update) - addr;
    for (unsigned i = 0; i < UPDATE_VECTOR_BYTES; i++) {
        uint32_t off = first + i;
        if ((update->vectors_mask & (1u << i)) && off < len) {
            out[off] &= update->vectors[i]; // as programming will do
        }
    }
}

// Takes the application's first bytes out of a block: they wait, and 0xFF is written instead.
static void hold_vectors_back(struct update *update, uint8_t *bytes) {
    uint32_t first = vectors_address(update) - update->addr;
    for (unsigned i = 0; i < UPDATE_VECTOR_BYTES; i++) {
        uint32_t off = first + i;
        if (off < update->len) {
            update->vectors[i] = bytes[off];
            update->vectors_mask |= (uint8_t)(1u << i);
            bytes[off] = 0xff;
        }
    }
}

static void end_job(struct update *update, enum dfu_status status) {
    update->distrusts_blank |= update->job == UPDATE_ERASING && status != DFU_STATUS_OK;
    update->job = UPDATE_IDLE;
    update->failed = status;
}

static void start_erase(struct update *update, unsigned sector) {
    update->job = UPDATE_ERASING;
    update->sector = sector;
    update->prepared &= ~(1u << sector);
    enum flash_result result = update->port->flash_erase(update->port->ctx, sector);
    if (result != FLASH_OK) {
        end_job(update, status_of(result, DFU_STATUS_ERR_ERASE));
    }
}

static bool sector_is_blank(const struct update *update, unsigned sector) {
    uint32_t words[BLANK_BYTES / WORD_BYTES];
    uint32_t addr = flash_sector_address(update->port->map, sector);
    uint32_t end = flash_sector_address(update->port->map, sector + 1);
    for (; addr < end; addr += BLANK_BYTES) {
        update->port->flash_read(update->port->ctx, addr, (uint8_t *)words, BLANK_BYTES);
        for (unsigned i = 0; i < BLANK_BYTES / WORD_BYTES; i++) {
            if (words[i] != UINT32_MAX) {
                return false;
            }
        }
    }
    return true;
}

// First sector of the block that must be erased before it is programmed; FLASH_NO_SECTOR for
// none. A sector written since power-up is left alone: a host that goes back to fill a gap
// must not lose what it wrote before.
static unsigned next_to_erase(struct update *update) {
    unsigned last = flash_sector_at(update->port->map, update->addr + update->len - 1);
    for (unsigned sector = flash_sector_at(update->port->map, update->addr); sector <= last;
         sector++) {
        if (update->prepared & (1u << sector)) {
            continue;
        }
        if (update->distrusts_blank || !sector_is_blank(update, sector)) {
            return sector;
        }
        update->prepared |= 1u << sector;
    }
    return FLASH_NO_SECTOR;
}

// The bytes around the block, up to whole words, become what flash holds there: programming that
// again changes nothing.
static const uint8_t *pad_to_words(struct update *update, uint32_t *addr, uint32_t *len) {
    const struct port *port = update->port;
    uint8_t *bytes = (uint8_t *)update->buffers[update->filling ^ 1u];
    uint32_t end = update->addr + update->len;
    *addr = update->addr - lead(update->addr);
    if (*addr != update->addr) {
        port->flash_read(port->ctx, *addr, bytes, lead(update->addr));
    }
    uint32_t used = end - *addr;
    uint32_t tail = (0u - used) % WORD_BYTES;
    if (tail > 0) {
        port->flash_read(port->ctx, end, bytes + used, tail);
    }
    *len = used + tail;
    return bytes;
}

static void continue_block(struct update *update) {
    unsigned sector = next_to_erase(update);
    if (sector != FLASH_NO_SECTOR) {
        start_erase(update, sector);
        return;
    }
    uint32_t addr;
    uint32_t len;
    const uint8_t *bytes = pad_to_words(update, &addr, &len);
    // Words held back are not touched before their time: a word is programmed once after an erase.
    uint32_t past_vectors = vectors_address(update) + UPDATE_VECTOR_BYTES - addr;
    if (past_vectors <= UPDATE_VECTOR_BYTES) {
        uint32_t skip = past_vectors < len ? past_vectors : len;
        addr += skip;
        bytes += skip;
        len -= skip;
    }
    update->job = UPDATE_PROGRAMMING;
    if (len == 0) {
        return; // flash_poll() says FLASH_OK when nothing is under way
    }
    enum flash_result result = update->port->flash_program(update->port->ctx, addr, bytes, len);
    if (result != FLASH_OK) {
        end_job(update, status_of(result, DFU_STATUS_ERR_PROG));
    }
}

// Whether bytes that the host sent differ in a word at this offset of the padded block.
static bool word_differs(const struct update *update, uint32_t off, const uint32_t *have,
                         const uint32_t *want) {
    for (uint32_t i = 0; i < WORD_BYTES; i++) {
        bool is_sent = off + i >= lead(update->addr) && off + i < lead(update->addr) + update->len;
        if (is_sent && ((const uint8_t *)have)[i] != ((const uint8_t *)want)[i]) {
            return true;
        }
    }
    return false;
}

// Four a turn: a load waits for this at every block.
static bool words_are_equal(const uint32_t *one, const uint32_t *other, uint32_t count) {
    uint32_t differing = 0;
    for (; count >= 4; count -= 4, one += 4, other += 4) {
        differing |=
            (one[0] ^ other[0]) | (one[1] ^ other[1]) | (one[2] ^ other[2]) | (one[3] ^ other[3]);
    }
    for (; count > 0; count--) {
        differing |= *one++ ^ *other++;
    }
    return differing == 0;
}

// By whole words, at a quarter of the time: nothing is programmed meanwhile. Only where they differ does it matter
// which bytes the host sent.
static enum dfu_status verify_block(const struct update *update) {
    const uint32_t *want = update->buffers[update->filling ^ 1u];
    uint32_t start = update->addr - lead(update->addr);
    uint32_t end = lead(update->addr) + update->len;
    uint32_t have[VERIFY_BYTES / WORD_BYTES];
    for (uint32_t done = 0; done < end; done += VERIFY_BYTES) {
        uint32_t left = (end - done + WORD_BYTES - 1) / WORD_BYTES * WORD_BYTES;
        uint32_t len = left < VERIFY_BYTES ? left : VERIFY_BYTES;
        uint32_t count = len / WORD_BYTES;
        update->port->flash_read(update->port->ctx, start + done, (uint8_t *)have, len);
        bool is_right = words_are_equal(have, want, count);
        for (uint32_t i = 0; i < count && !is_right; i++) {
            if (have[i] != want[i] &&
                word_differs(update, done + i * WORD_BYTES, &have[i], &want[i])) {
                return DFU_STATUS_ERR_VERIFY;
            }
        }
        want += count;
    }
    return DFU_STATUS_OK;
}

bool update_program(struct update *update, uint32_t addr, uint32_t len) {
    if (update->job != UPDATE_IDLE) {
        return false;
    }
    update->failed = DFU_STATUS_OK;
    update->addr = addr;
    update->len = len;
    hold_vectors_back(update, update_buffer(update, addr));
    update->filling ^= 1u;
    continue_block(update);
    return true;
}

bool update_program_vectors(struct update *update) {
    if (update->job != UPDATE_IDLE || update->vectors_mask == 0) {
        return false;
    }
    for (unsigned i = 0; i < UPDATE_VECTOR_BYTES; i++) {
        if (!(update->vectors_mask & (1u << i))) {
            update->vectors[i] = 0xff;
        }
    }
    update->failed = DFU_STATUS_OK;
    update->job = UPDATE_PROGRAMMING_VECTORS;
    // Only the words that have something waiting.
    uint32_t from = update->vectors_mask & 0x0fu ? 0 : WORD_BYTES;
    uint32_t to = update->vectors_mask & 0xf0u ? UPDATE_VECTOR_BYTES : WORD_BYTES;
    enum flash_result result = update->port->flash_program(
        update->port->ctx, vectors_address(update) + from, update->vectors + from, to - from);
    if (result != FLASH_OK) {
        end_job(update, status_of(result, DFU_STATUS_ERR_PROG));
    }
    return true;
}

static enum dfu_status verify_vectors(struct update *update) {
    uint8_t have[UPDATE_VECTOR_BYTES];
    update->port->flash_read(update->port->ctx, vectors_address(update), have, sizeof have);
    for (unsigned i = 0; i < UPDATE_VECTOR_BYTES; i++) {
        if ((update->vectors_mask & (1u << i)) && have[i] != update->vectors[i]) {
            return DFU_STATUS_ERR_VERIFY;
        }
    }
    update->vectors_mask = 0;
    return DFU_STATUS_OK;
}

bool update_erase(struct update *update, unsigned first, unsigned last) {
    if (update->job != UPDATE_IDLE) {
        return false;
    }
    update->failed = DFU_STATUS_OK;
    update->len = 0;
    update->last_sector = last;
    // Not for an erase on demand: there the words belong to the block that asked for it.
    if (first == update->port->map->application_first) {
        update->vectors_mask = 0;
    }
    start_erase(update, first);
    return true;
}

void update_erase_no_more(struct update *update) {
    update->last_sector = 0;
}

// A line through DS8626 table 40, typical times at x32: 16 KB 250 ms, 64 KB 550 ms, 128 KB 1 s.
uint32_t update_erase_ms(uint32_t sector_bytes) {
    return 150u + sector_bytes / 154u;
}

void update_keep_buffer(struct update *update) {
    update->filling ^= 1u;
}

void update_poll(struct update *update) {
    if (update->job == UPDATE_IDLE) {
        return;
    }
    enum flash_result result = update->port->flash_poll(update->port->ctx);
    if (result == FLASH_BUSY) {
        return;
    }
    bool erased = update->job == UPDATE_ERASING;
    if (result != FLASH_OK) {
        end_job(update, status_of(result, erased ? DFU_STATUS_ERR_ERASE : DFU_STATUS_ERR_PROG));
    } else if (update->job == UPDATE_PROGRAMMING_VECTORS) {
        end_job(update, verify_vectors(update));
    } else if (!erased) {
        end_job(update, verify_block(update));
    } else {
        update->prepared |= 1u << update->sector;
        if (update->len > 0) {
            continue_block(update);
        } else if (update->sector < update->last_sector) {
            start_erase(update, update->sector + 1);
        } else {
            end_job(update, DFU_STATUS_OK);
        }
    }
}

bool update_is_idle(const struct update *update) {
    return update->job == UPDATE_IDLE;
}

enum dfu_status update_take_failure(struct update *update) {
    enum dfu_status failed = update->failed;
    update->failed = DFU_STATUS_OK;
    return failed;
}

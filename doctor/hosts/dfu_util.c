// SPDX-License-Identifier: MIT
//
// dfu-util 0.11 (dfu-util.sourceforge.net): src/main.c main() from "dfustate", src/dfuse.c
// dfuse_do_dnload(), dfuse_dnload_element(), dfuse_special_command(), dfuse_dnload_chunk(),
// dfuse_do_leave(), dfuse_do_upload(), src/dfu.c dfu_abort_to_idle(). tests/hosts/traces holds
// this script against what Debian's own program sends.
//
// Habits: waits bwPollTimeout after every GETSTATUS, the last one included. The first GETSTATUS of
// a command must say dfuDNBUSY; 100 polls of zero in a row are a stuck device. It erases all sectors
// of an element before it writes, remembering only the one erased last, and sets the address anew
// for each block, which is always block 2. It leaves only where asked to.

#include "doctor/hosts/hosts.h"
#include "doctor/hosts/wire.h"

#define TIMEOUT_MS      5000u // DFU_TIMEOUT
#define ZERO_POLLS_MAX  100u
#define STALLS_MAX      3u // after a poll timeout other than zero: some STM32L4
#define NO_SECTOR_BYTES 1u // not aligned: compares equal to no sector (last_erased_page)

// dfuse_special_command()
static bool command(struct wire *w, uint8_t code, uint32_t addr) {
    if (!wire_command(w, code, addr)) {
        return false;
    }
    uint32_t poll_ms = 0;
    unsigned zero_polls = 0;
    unsigned stalls = 0;
    bool is_first = true;
    do {
        enum device_result result = wire_try_status(w, w->timeout_ms);
        if (result == DEVICE_STALL && poll_ms != 0 && stalls < STALLS_MAX) {
            w->state = DFU_STATE_DNBUSY;
            stalls++;
        } else if (result != DEVICE_OK) {
            return wire_gives_up(w, "Error during special command get_status", addr);
        } else {
            poll_ms = w->poll_ms;
        }
        if (is_first && w->state != DFU_STATE_DNBUSY) {
            return w->job->is_stubborn ? wire_refused(w, "", addr)
                                       : wire_gives_up(w, "Wrong state after command", addr);
        }
        is_first = false;
        wire_sleep(w, poll_ms);
        zero_polls = w->poll_ms == 0 ? zero_polls + 1 : 0;
        if (zero_polls == ZERO_POLLS_MAX) {
            return wire_gives_up(w, "Device stuck after special command request", addr);
        }
    } while (w->state == DFU_STATE_DNBUSY);
    return w->status == DFU_STATUS_OK || wire_refused(w, "not correctly executed", addr);
}

// dfuse_dnload_chunk(). It waits for one of three states as long as it takes; a bound of the
// script's own keeps a test from waiting, too.
static bool chunk(struct wire *w, const uint8_t *bytes, uint32_t len, uint32_t addr) {
    if (!wire_dnload(w, 2, bytes, len)) {
        return false;
    }
    uint64_t end_ms = wire_now_ms(w) + DEVICE_PATIENCE_MS;
    do {
        if (wire_now_ms(w) > end_ms) {
            return wire_gives_up(w, "waits for ever behind a block", addr);
        }
        if (wire_try_status(w, w->timeout_ms) != DEVICE_OK) {
            return wire_gives_up(w, "Error during download get_status", addr);
        }
        wire_sleep(w, w->poll_ms);
    } while (w->state != DFU_STATE_DNLOAD_IDLE && w->state != DFU_STATE_ERROR &&
             w->state != DFU_STATE_MANIFEST);
    return w->status == DFU_STATUS_OK || wire_refused(w, "failed!", addr);
}

static bool abort_to_idle(struct wire *w) {
    if (!wire_simple(w, DFU_ABORT) || !wire_status(w)) {
        return false;
    }
    if (w->state != DFU_STATE_IDLE) {
        return w->job->is_stubborn ? wire_refused(w, "", 0)
                                   : wire_gives_up(w, "Failed to enter idle state on abort", 0);
    }
    wire_sleep(w, w->poll_ms);
    return true;
}

// main(), from the claim of the interface to the first command.
static bool begin(struct wire *w) {
    if (!wire_set_interface(w, w->job->alternate)) {
        return false;
    }
    // Each turn leads nearer to dfuIDLE or the program would turn for ever.
    for (unsigned turn = 0; turn < 10; turn++) {
        if (!wire_status(w)) {
            return false;
        }
        wire_sleep(w, w->poll_ms);
        if (w->state == DFU_STATE_ERROR) {
            if (!wire_simple(w, DFU_CLRSTATUS)) {
                return false;
            }
        } else if (w->state == DFU_STATE_DNLOAD_IDLE || w->state == DFU_STATE_UPLOAD_IDLE) {
            if (!wire_simple(w, DFU_ABORT)) {
                return false;
            }
        } else {
            return w->status == DFU_STATUS_OK || wire_gives_up(w, "Status is not OK", 0);
        }
    }
    return wire_gives_up(w, "the device does not become idle", 0);
}

// Erases the sectors of one block, but for the one erased last.
static bool erase_block(struct wire *w, const struct layout_run *run, uint32_t addr, uint32_t len,
                        uint32_t *last) {
    uint32_t size = run->sector_bytes; // a power of two: the program masks with it
    for (uint32_t at = addr; at < addr + len; at += size) {
        if ((at & ~(size - 1)) != *last) {
            *last = at & ~(size - 1);
            if (!command(w, DFUSE_CMD_ERASE, at)) {
                return false;
            }
        }
    }
    uint32_t end = addr + len - 1;
    if ((end & ~(size - 1)) != *last) {
        run = layout_run_at(&w->layout, end);
        if (run == NULL || !(run->type & LAYOUT_ERASABLE)) {
            return wire_gives_up(w, "Page can not be erased", end);
        }
        *last = end & ~(run->sector_bytes - 1);
        return command(w, DFUSE_CMD_ERASE, end);
    }
    return true;
}

static bool erase_element(struct wire *w, const struct host_element *element, uint32_t *last) {
    const struct layout_run *run = layout_run_at(&w->layout, element->addr + element->len - 1);
    if (run == NULL || !(run->type & LAYOUT_WRITABLE)) {
        return wire_gives_up(w, "Last page is not writeable", element->addr + element->len - 1);
    }
    for (uint32_t off = 0; off < element->len; off += w->block_bytes) {
        uint32_t addr = element->addr + off;
        run = layout_run_at(&w->layout, addr);
        if (run == NULL || !(run->type & LAYOUT_WRITABLE)) {
            return wire_gives_up(w, "Page is not writeable", addr);
        }
        if ((run->type & LAYOUT_ERASABLE) && !w->job->skips_erase &&
            !erase_block(w, run, addr, wire_piece(w, element->len, off), last)) {
            return false;
        }
    }
    return true;
}

static bool write_element(struct wire *w, const struct host_element *element) {
    for (uint32_t off = 0; off < element->len; off += w->block_bytes) {
        if (!command(w, DFUSE_CMD_SET_ADDRESS, element->addr + off) ||
            !chunk(w, element->bytes + off, wire_piece(w, element->len, off),
                   element->addr + off)) {
            return false;
        }
    }
    return true;
}

static struct host_outcome load(const struct device *device, const struct host_job *job) {
    struct wire w;
    uint32_t last = NO_SECTOR_BYTES;
    if (!wire_open(&w, device, job, TIMEOUT_MS) || !begin(&w)) {
        return w.outcome;
    }
    for (unsigned i = 0; i < job->element_count; i++) {
        // A .dfu file's target has its alternate setting chosen again, once for all its elements.
        if (i == 0 && job->element_count > 1 && !wire_set_interface(&w, job->alternate)) {
            return w.outcome;
        }
        if (!erase_element(&w, &job->elements[i], &last) || !write_element(&w, &job->elements[i])) {
            return w.outcome;
        }
    }
    if (wire_dies(&w) || !abort_to_idle(&w) || !job->leaves) {
        return w.outcome;
    }
    uint32_t addr = job->elements[0].addr;
    if (command(&w, DFUSE_CMD_SET_ADDRESS, addr)) {
        (void)chunk(&w, NULL, 0, addr);
    }
    return w.outcome;
}

// dfuse_do_upload(), with a length.
static struct host_outcome read(const struct device *device, const struct host_job *job,
                                uint32_t addr, uint8_t *out, uint32_t len) {
    struct wire w;
    if (!wire_open(&w, device, job, TIMEOUT_MS) || !begin(&w)) {
        return w.outcome;
    }
    const struct layout_run *run = layout_run_at(&w.layout, addr);
    if (run == NULL || !(run->type & LAYOUT_READABLE)) {
        (void)wire_gives_up(&w, "Page is not readable", addr);
        return w.outcome;
    }
    if (!command(&w, DFUSE_CMD_SET_ADDRESS, addr) || !abort_to_idle(&w)) {
        return w.outcome;
    }
    if (!wire_read_blocks(&w, addr, out, len)) {
        return w.outcome;
    }
    (void)abort_to_idle(&w);
    return w.outcome;
}

const struct host host_dfu_util = {
    .name = "dfu-util",
    .version = "0.11",
    .load = load,
    .read = read,
};

// SPDX-License-Identifier: MIT
//
// DfuSe Demonstrator (DfuSeDemo, DfuSeCommand) 3.0.6. The sources that ST shipped with it, STDFUPRT's
// EnsureIdleMode() and its upload and upgrade threads, were read; how long it really waits was
// not recorded. Labelled inferred until somebody has: docs/testing.md says how.
//
// Habits: SET_INTERFACE, then EnsureIdleMode(), a ladder of GETSTATUS, CLRSTATUS and ABORT. All touched
// sectors are erased first, each with up to three attempts, CLRSTATUS between them; a poll
// timeout of 10 is taken for 40 ms and one of 5 for 30. The address is set once an element, blocks
// are counted. It ends with EnsureIdleMode(), which sends ABORT: it does not leave unless
// asked, in a step of its own. Verifying is a separate upload.

#include "doctor/hosts/hosts.h"
#include "doctor/hosts/wire.h"

#define TIMEOUT_MS 5000u
#define ATTEMPTS   3u

static bool is_idle(struct wire *w) {
    return w->state == DFU_STATE_IDLE;
}

static bool ensure_idle(struct wire *w) {
    enum device_result result = wire_try_status(w, w->timeout_ms);
    if (result != DEVICE_OK || w->state == DFU_STATE_ERROR) {
        if (!wire_simple(w, DFU_CLRSTATUS) || !wire_status(w)) {
            return false;
        }
    }
    if (!wire_status(w)) {
        return false;
    }
    if (is_idle(w)) {
        return true;
    }
    if (!wire_simple(w, DFU_ABORT) || !wire_status(w)) {
        return false;
    }
    if (w->state == DFU_STATE_ERROR && (!wire_simple(w, DFU_CLRSTATUS) || !wire_status(w))) {
        return false;
    }
    return is_idle(w) || wire_gives_up(w, "Bad firmware state machine", 0);
}

static uint32_t fudged(uint32_t poll_ms) {
    return poll_ms == 10 ? 40 : poll_ms == 5 ? 30 : poll_ms;
}

// Until dfuDNLOAD-IDLE or an error.
static bool wait_idle(struct wire *w, uint32_t addr) {
    uint64_t end_ms = wire_now_ms(w) + DEVICE_PATIENCE_MS;
    do {
        if (wire_now_ms(w) > end_ms) {
            return wire_gives_up(w, "waits for dfuDNLOAD-IDLE for ever", addr);
        }
        if (!wire_status(w)) {
            return false;
        }
        wire_sleep(w, w->state == DFU_STATE_DNBUSY ? fudged(w->poll_ms) : 0);
    } while (w->state != DFU_STATE_DNLOAD_IDLE && w->status == DFU_STATUS_OK);
    return true;
}

static bool command(struct wire *w, uint8_t code, uint32_t addr, unsigned attempts) {
    for (unsigned attempt = 0; attempt < attempts; attempt++) {
        if (!wire_command(w, code, addr) || !wait_idle(w, addr)) {
            return false;
        }
        if (w->status == DFU_STATUS_OK) {
            return true;
        }
        if (attempt + 1 < attempts && !wire_simple(w, DFU_CLRSTATUS)) {
            return false;
        }
    }
    return wire_refused(w, "the command failed", addr);
}

static bool erase_element(struct wire *w, const struct host_element *element) {
    for (unsigned i = 0; i < w->layout.run_count; i++) {
        const struct layout_run *run = &w->layout.runs[i];
        for (uint32_t addr = run->addr; addr < layout_run_end(run); addr += run->sector_bytes) {
            bool is_touched =
                addr < element->addr + element->len && addr + run->sector_bytes > element->addr;
            if (is_touched && (run->type & LAYOUT_ERASABLE) &&
                !command(w, DFUSE_CMD_ERASE, addr, ATTEMPTS)) {
                return false;
            }
        }
    }
    return true;
}

static bool write_element(struct wire *w, const struct host_element *element) {
    if (!ensure_idle(w) || !command(w, DFUSE_CMD_SET_ADDRESS, element->addr, 1)) {
        return false;
    }
    unsigned block = DFUSE_BLOCK_FIRST_DATA;
    for (uint32_t off = 0; off < element->len; off += w->block_bytes) {
        uint32_t addr = element->addr + off;
        if (!wire_dnload(w, block++, element->bytes + off, wire_piece(w, element->len, off)) ||
            !wait_idle(w, addr) ||
            (w->status != DFU_STATUS_OK && !wire_refused(w, "the block was not written", addr))) {
            return false;
        }
    }
    return true;
}

static bool verify(struct wire *w, const struct host_element *element) {
    if (!wire_set_interface(w, w->job->alternate) || !ensure_idle(w) ||
        !command(w, DFUSE_CMD_SET_ADDRESS, element->addr, 1) || !ensure_idle(w)) {
        return false;
    }
    return wire_verify_blocks(w, element) && ensure_idle(w);
}

static struct host_outcome load(const struct device *device, const struct host_job *job) {
    struct wire w;
    if (!wire_open(&w, device, job, TIMEOUT_MS) || !wire_set_interface(&w, job->alternate) ||
        !ensure_idle(&w)) {
        return w.outcome;
    }
    for (unsigned i = 0; i < job->element_count && !job->skips_erase; i++) {
        if (!erase_element(&w, &job->elements[i])) {
            return w.outcome;
        }
    }
    for (unsigned i = 0; i < job->element_count; i++) {
        if (!write_element(&w, &job->elements[i])) {
            return w.outcome;
        }
    }
    if (wire_dies(&w) || !ensure_idle(&w)) {
        return w.outcome;
    }
    for (unsigned i = 0; i < job->element_count && job->verifies; i++) {
        if (!verify(&w, &job->elements[i])) {
            return w.outcome;
        }
    }
    if (job->leaves && command(&w, DFUSE_CMD_SET_ADDRESS, job->elements[0].addr, 1) &&
        wire_dnload(&w, 0, NULL, 0)) {
        (void)wire_status(&w);
    }
    return w.outcome;
}

static struct host_outcome read(const struct device *device, const struct host_job *job,
                                uint32_t addr, uint8_t *out, uint32_t len) {
    struct wire w;
    if (wire_open(&w, device, job, TIMEOUT_MS) && wire_set_interface(&w, job->alternate) &&
        ensure_idle(&w) && command(&w, DFUSE_CMD_SET_ADDRESS, addr, 1) && ensure_idle(&w) &&
        wire_read_blocks(&w, addr, out, len)) {
        (void)ensure_idle(&w);
    }
    return w.outcome;
}

const struct host host_dfuse_demo = {
    .name = "dfuse-demo",
    .version = "3.0.6",
    .is_inferred = true,
    .load = load,
    .read = read,
};

// SPDX-License-Identifier: MIT
//
// Betaflight Configurator's DFU (github.com/betaflight/betaflight-configurator, commit 04020af,
// src/js/protocols/usbdfu.js): UsbDfuProtocol.upload_procedure(), clearStatus(), loadAddress(),
// erase_page(), leave().
//
// Habits: clearStatus() sends CLRSTATUS, a poll timeout apart, until the state is dfuIDLE, from
// whatever state: ST's class goes to dfuERROR at the first and to dfuIDLE at the second. A device
// with @Internal Flash must have @Option Bytes too, and their first bytes must be readable; with
// @External Flash alone neither is asked for (job.skips_option_bytes takes that way). Exactly
// two GETSTATUS behind a command or block; still dfuDNBUSY at the second is taken for the STM32H7's
// way of finishing an erase, and cleared. The address is set once for each piece, blocks are
// counted. It always verifies and leaves: block 0, behind Set Address.

#include "doctor/hosts/hosts.h"
#include "doctor/hosts/wire.h"

#include <string.h>

#define TIMEOUT_MS 0u   // WebUSB
#define CLEARS_MAX 100u // the program would go on for ever

static bool clear_status(struct wire *w) {
    for (unsigned i = 0; i < CLEARS_MAX; i++) {
        if (!wire_status(w)) {
            return false;
        }
        if (w->state == DFU_STATE_IDLE) {
            return true;
        }
        wire_sleep(w, w->poll_ms);
        if (!wire_simple(w, DFU_CLRSTATUS)) {
            return false;
        }
    }
    return wire_gives_up(w, "clears the status for ever: CLRSTATUS does not lead to dfuIDLE", 0);
}

// Two GETSTATUS; the second's state is left for the caller to judge.
static bool execute(struct wire *w, const char *why, uint32_t addr) {
    if (!wire_status(w)) {
        return false;
    }
    if (w->state != DFU_STATE_DNBUSY) {
        return w->status != DFU_STATUS_OK || w->job->is_stubborn ? wire_refused(w, why, addr)
                                                                 : wire_gives_up(w, why, addr);
    }
    wire_sleep(w, w->poll_ms);
    return wire_status(w);
}

static bool is_idle_after(struct wire *w, const char *why, uint32_t addr) {
    return w->state == DFU_STATE_DNLOAD_IDLE || wire_refused(w, why, addr);
}

static bool load_address(struct wire *w, uint32_t addr) {
    return wire_command(w, DFUSE_CMD_SET_ADDRESS, addr) &&
           execute(w, "Failed to request address load", addr) &&
           is_idle_after(w, "Failed to execute address load", addr);
}

// Step 1: read protection is told by whether the option bytes can be read.
static bool read_option_bytes(struct wire *w) {
    struct host_layout options = {.run_count = 0};
    for (unsigned i = 0; i < w->alternate_count && options.run_count == 0; i++) {
        if (strncmp(w->names[i], "@Option Bytes", 13) == 0 &&
            !layout_parse(w->names[i], &options)) {
            options.run_count = 0;
        }
    }
    if (options.run_count == 0) {
        return wire_gives_up(w, "Failed to detect option bytes", 0);
    }
    uint32_t len = options.runs[0].count * options.runs[0].sector_bytes;
    uint32_t got = 0;
    if (!clear_status(w) || !load_address(w, options.runs[0].addr) || !clear_status(w) ||
        !wire_upload(w, 2, len, &got) || !wire_status(w)) {
        return false;
    }
    if (w->state != DFU_STATE_UPLOAD_IDLE || got != len) {
        return wire_gives_up(w, "Option bytes could not be read. Quite possibly read protected.",
                             options.runs[0].addr);
    }
    return clear_status(w);
}

static bool erase_sector(struct wire *w, uint32_t addr) {
    if (!wire_command(w, DFUSE_CMD_ERASE, addr) ||
        !execute(w, "Failed to initiate page erase", addr)) {
        return false;
    }
    if (w->state == DFU_STATE_DNBUSY) {
        return clear_status(w) && wire_status(w) &&
               (w->state == DFU_STATE_IDLE ||
                wire_gives_up(w, "did not reach dfuIDLE after clearing", addr));
    }
    return is_idle_after(w, "Failed to erase page", addr);
}

static bool touches(const struct host_job *job, uint32_t addr, uint32_t bytes) {
    for (unsigned i = 0; i < job->element_count; i++) {
        const struct host_element *element = &job->elements[i];
        if (element->addr < addr + bytes && addr < element->addr + element->len) {
            return true;
        }
    }
    return false;
}

// Every sector that any piece touches, whatever its type.
static bool erase(struct wire *w) {
    for (unsigned i = 0; i < w->layout.run_count; i++) {
        const struct layout_run *run = &w->layout.runs[i];
        for (uint32_t addr = run->addr; addr < layout_run_end(run); addr += run->sector_bytes) {
            if (touches(w->job, addr, run->sector_bytes) && !erase_sector(w, addr)) {
                return false;
            }
        }
    }
    return true;
}

static bool write_element(struct wire *w, const struct host_element *element) {
    if (!load_address(w, element->addr)) {
        return false;
    }
    unsigned block = 2;
    for (uint32_t off = 0; off < element->len; off += w->block_bytes) {
        uint32_t addr = element->addr + off;
        if (!wire_dnload(w, block++, element->bytes + off, wire_piece(w, element->len, off)) ||
            !execute(w, "Failed to initiate write", addr) ||
            !is_idle_after(w, "Failed to write", addr)) {
            return false;
        }
    }
    return true;
}

static bool verify_element(struct wire *w, const struct host_element *element) {
    if (!clear_status(w) || !load_address(w, element->addr) || !clear_status(w)) {
        return false;
    }
    unsigned block = 2;
    for (uint32_t off = 0; off < element->len; off += w->block_bytes) {
        uint32_t len = wire_piece(w, element->len, off);
        uint32_t got = 0;
        if (!wire_upload(w, block++, len, &got)) {
            return false;
        }
        if (got != len ? !wire_differs(w, element->addr + off + got)
                       : !wire_is_same(w, element, off, len)) {
            return false;
        }
    }
    return true;
}

static struct host_outcome load(const struct device *device, const struct host_job *job) {
    struct wire w;
    if (!wire_open(&w, device, job, TIMEOUT_MS) || !clear_status(&w) ||
        (!job->skips_option_bytes && !read_option_bytes(&w)) || (!job->skips_erase && !erase(&w))) {
        return w.outcome;
    }
    for (unsigned i = 0; i < job->element_count; i++) {
        if (!write_element(&w, &job->elements[i])) {
            return w.outcome;
        }
    }
    if (wire_dies(&w)) {
        return w.outcome;
    }
    for (unsigned i = 0; i < job->element_count; i++) {
        if (!verify_element(&w, &job->elements[i])) {
            return w.outcome;
        }
    }
    if (clear_status(&w) && load_address(&w, job->elements[0].addr) &&
        wire_dnload(&w, 0, NULL, 0)) {
        (void)wire_status(&w);
    }
    return w.outcome;
}

const struct host host_betaflight = {
    .name = "betaflight",
    .version = "04020af",
    .always_leaves = true,
    .always_verifies = true,
    .load = load,
};

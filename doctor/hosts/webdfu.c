// SPDX-License-Identifier: MIT
//
// webdfu (github.com/devanlai/webdfu, commit 04718d7): dfu-util/dfu-util.js (the download button),
// dfu-util/dfu.js dfu.Device.open(), poll_until_idle(), dfu-util/dfuse.js erase(), dfuseCommand(),
// do_download().
//
// Habits: no time limit on anything (WebUSB has none). CLRSTATUS before each download, asked or
// not. It waits for a state, or dfuERROR, with bwPollTimeout between two GETSTATUS, and does not mind
// the state of the first. The erase runs to the end of the sector that holds the byte *behind* the
// image: an image that ends with a sector has the next one erased, and one that ends with the
// memory is refused. Each block has its address set and is block 2. It always leaves, with block 0,
// and polls until dfuMANIFEST; an error there is logged, no more. It cannot read.

#include "doctor/hosts/hosts.h"
#include "doctor/hosts/wire.h"

#define TIMEOUT_MS   0u

// Until the device is in `state`, or for ANY_BUT_BUSY in any other than dfuDNBUSY.
#define ANY_BUT_BUSY (-1)
static bool poll_until(struct wire *w, int state) {
    uint64_t end_ms = wire_now_ms(w) + DEVICE_PATIENCE_MS; // the page would wait for ever
    for (;;) {
        if (!wire_status(w)) {
            return false;
        }
        bool is_there = state == ANY_BUT_BUSY ? w->state != DFU_STATE_DNBUSY : w->state == state;
        if (is_there || w->state == DFU_STATE_ERROR) {
            return true;
        }
        if (wire_now_ms(w) > end_ms) {
            return wire_gives_up(w, "waits for a state for ever", 0);
        }
        wire_sleep(w, w->poll_ms);
    }
}

static bool command(struct wire *w, uint8_t code, uint32_t addr) {
    return wire_command(w, code, addr) && poll_until(w, ANY_BUT_BUSY) &&
           (w->status == DFU_STATUS_OK || wire_refused(w, "Special DfuSe command failed", addr));
}

static bool erase(struct wire *w, const struct host_element *element) {
    const struct layout_run *run = layout_run_at(&w->layout, element->addr);
    const struct layout_run *last = layout_run_at(&w->layout, element->addr + element->len);
    if (run == NULL || last == NULL) {
        return wire_gives_up(w, "Address outside of memory map",
                             run == NULL ? element->addr : element->addr + element->len);
    }
    uint32_t end = layout_sector(last, element->addr + element->len) + last->sector_bytes;
    for (uint32_t addr = layout_sector(run, element->addr); addr < end;) {
        if (addr >= layout_run_end(run)) {
            run = layout_run_at(&w->layout, addr);
            if (run == NULL) {
                return wire_gives_up(w, "a hole in the memory map", addr);
            }
        }
        if (!(run->type & LAYOUT_ERASABLE)) {
            addr = layout_run_end(run);
            continue;
        }
        if (!command(w, DFUSE_CMD_ERASE, addr)) {
            return false;
        }
        addr += run->sector_bytes;
    }
    return true;
}

static bool load_element(struct wire *w, const struct host_element *element) {
    if (!w->job->skips_erase && !erase(w, element)) {
        return false;
    }
    for (uint32_t off = 0; off < element->len; off += w->block_bytes) {
        uint32_t addr = element->addr + off;
        if (!command(w, DFUSE_CMD_SET_ADDRESS, addr) ||
            !wire_dnload(w, 2, element->bytes + off, wire_piece(w, element->len, off)) ||
            !poll_until(w, DFU_STATE_DNLOAD_IDLE)) {
            return false;
        }
        if (w->status != DFU_STATUS_OK && !wire_refused(w, "DFU DOWNLOAD failed", addr)) {
            return false;
        }
    }
    return true;
}

static struct host_outcome load(const struct device *device, const struct host_job *job) {
    struct wire w;
    if (!wire_open(&w, device, job, TIMEOUT_MS)) {
        return w.outcome;
    }
    // WebUSB has chosen alternate setting 0 already.
    if ((job->alternate != 0 && !wire_set_interface(&w, job->alternate)) ||
        !wire_simple(&w, DFU_CLRSTATUS)) {
        return w.outcome;
    }
    // The page knows one piece; several would be several downloads, and it leaves after the first.
    for (unsigned i = 0; i < job->element_count; i++) {
        if (!load_element(&w, &job->elements[i])) {
            return w.outcome;
        }
    }
    if (!wire_dies(&w) && command(&w, DFUSE_CMD_SET_ADDRESS, job->elements[0].addr) &&
        wire_dnload(&w, 0, NULL, 0)) {
        (void)poll_until(&w, DFU_STATE_MANIFEST);
    }
    return w.outcome;
}

const struct host host_webdfu = {
    .name = "webdfu",
    .version = "04718d7",
    .always_leaves = true,
    .load = load,
};

// SPDX-License-Identifier: MIT
//
// STM32CubeProgrammer 2.x over USB DFU. Closed source: everything here was inferred from verbose logs
// that users have published (community.st.com: "weird STM32H743ZI rev V USB DFU erase behavior",
// "issues regarding USB DFU STM32 F7", "STM32CubeProgrammer 2.2.0 linux mint DFU mode flash
// erase") and from UM2237. docs/testing.md says how an owner of the tool can record the truth;
// least certain: whether blocks are counted or each has its address set, and what it sends last.
//
// Habits: connecting sets the address 0x08000000 and reads 1 KB there; a device that refuses is not
// connected to. Reading a block, it asks for it in dfuDNLOAD-IDLE first, where a STALL is no
// surprise, and then again behind an ABORT. An erase whose second GETSTATUS still says dfuDNBUSY
// is given 2 s more; then it sends CLRSTATUS twice and counts the sector as erased. Verifying reads
// everything. *Run after programming* leaves with Set Address and an empty block; without it the last
// thing is an ABORT.

#include "doctor/hosts/hosts.h"
#include "doctor/hosts/wire.h"

#define TIMEOUT_MS     5000u
#define FLASH_ADDRESS  0x08000000u
#define CONNECT_BYTES  1024u
#define ERASE_GRACE_MS 2000u

static bool become_idle(struct wire *w) {
    if (!wire_status(w)) {
        return false;
    }
    if (w->state == DFU_STATE_ERROR) {
        return wire_simple(w, DFU_CLRSTATUS) && wire_status(w);
    }
    if (w->state != DFU_STATE_IDLE) {
        return wire_simple(w, DFU_ABORT) && wire_status(w);
    }
    return true;
}

static bool set_address(struct wire *w, uint32_t addr) {
    if (!wire_command(w, DFUSE_CMD_SET_ADDRESS, addr) || !wire_status(w)) {
        return false;
    }
    if (w->state == DFU_STATE_DNBUSY) {
        wire_sleep(w, w->poll_ms);
        if (!wire_status(w)) {
            return false;
        }
    }
    return w->state == DFU_STATE_DNLOAD_IDLE || wire_refused(w, "Data read failed", addr);
}

// "receiving packet nbr 0": the first time in dfuDNLOAD-IDLE, in vain.
static bool read_block(struct wire *w, uint32_t addr, uint32_t len, uint32_t *got) {
    if (!become_idle(w) || !set_address(w, addr)) {
        return false;
    }
    enum device_result result = wire_try_upload(w, DFUSE_BLOCK_FIRST_DATA, len, got);
    if (!wire_status(w)) {
        return false;
    }
    if (result == DEVICE_OK && w->state == DFU_STATE_UPLOAD_IDLE) {
        return true;
    }
    return become_idle(w) && wire_upload(w, DFUSE_BLOCK_FIRST_DATA, len, got) && wire_status(w) &&
           (w->status == DFU_STATUS_OK || wire_refused(w, "Data read failed", addr));
}

static bool connect(struct wire *w) {
    uint32_t got = 0;
    if (!wire_set_interface(w, w->job->alternate)) {
        return false;
    }
    uint32_t addr = w->job->layout != NULL ? w->job->layout->runs[0].addr : FLASH_ADDRESS;
    for (unsigned i = 0; i < 2; i++) {
        if (!become_idle(w) || !set_address(w, addr)) {
            return false;
        }
    }
    uint32_t len = CONNECT_BYTES < w->block_bytes ? CONNECT_BYTES : w->block_bytes;
    return read_block(w, addr, len, &got) &&
           (got == len || wire_gives_up(w, "Data read failed", addr));
}

static bool erase_sector(struct wire *w, uint32_t addr) {
    if (!wire_command(w, DFUSE_CMD_ERASE, addr) || !wire_status(w)) {
        return false;
    }
    if (w->state == DFU_STATE_DNBUSY) {
        wire_sleep(w, w->poll_ms);
        if (!wire_status(w)) {
            return false;
        }
    }
    if (w->state == DFU_STATE_DNBUSY) {
        wire_sleep(w, ERASE_GRACE_MS);
        // And the sector counts as erased.
        return wire_simple(w, DFU_CLRSTATUS) && wire_simple(w, DFU_CLRSTATUS);
    }
    if (w->state != DFU_STATE_DNLOAD_IDLE &&
        !wire_refused(w, "an error occured during the flash sector erase", addr)) {
        return false;
    }
    return wire_status(w);
}

static bool erase(struct wire *w) {
    if (!wire_status(w) ||
        (w->state == DFU_STATE_UPLOAD_IDLE && (!wire_simple(w, DFU_ABORT) || !wire_status(w)))) {
        return false;
    }
    for (unsigned i = 0; i < w->job->element_count; i++) {
        const struct host_element *element = &w->job->elements[i];
        for (uint32_t addr = element->addr; addr < element->addr + element->len;) {
            const struct layout_run *run = layout_run_at(&w->layout, addr);
            if (run == NULL || !(run->type & LAYOUT_ERASABLE)) {
                return wire_gives_up(w, "Operation exceeds memory limits", addr);
            }
            uint32_t sector = layout_sector(run, addr);
            if (!erase_sector(w, sector)) {
                return false;
            }
            addr = sector + run->sector_bytes;
        }
    }
    return true;
}

static bool write_element(struct wire *w, const struct host_element *element) {
    if (!set_address(w, element->addr)) {
        return false;
    }
    unsigned block = DFUSE_BLOCK_FIRST_DATA;
    for (uint32_t off = 0; off < element->len; off += w->block_bytes) {
        uint32_t addr = element->addr + off;
        if (!wire_dnload(w, block++, element->bytes + off, wire_piece(w, element->len, off))) {
            return false;
        }
        uint64_t end_ms = wire_now_ms(w) + DEVICE_PATIENCE_MS;
        do {
            if (wire_now_ms(w) > end_ms) {
                return wire_gives_up(w, "polls GETSTATUS for ever", addr);
            }
            if (!wire_status(w)) {
                return false;
            }
            wire_sleep(w, w->state == DFU_STATE_DNBUSY ? w->poll_ms : 0);
        } while (w->state == DFU_STATE_DNBUSY || w->state == DFU_STATE_DNLOAD_SYNC);
        if (w->status != DFU_STATUS_OK && !wire_refused(w, "failed to download Segment", addr)) {
            return false;
        }
    }
    return true;
}

static bool verify(struct wire *w, const struct host_element *element) {
    for (uint32_t off = 0; off < element->len; off += w->block_bytes) {
        uint32_t len = wire_piece(w, element->len, off);
        uint32_t got = 0;
        if (!read_block(w, element->addr + off, len, &got)) {
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
    if (!wire_open(&w, device, job, TIMEOUT_MS) || !connect(&w) ||
        (!job->skips_erase && !erase(&w))) {
        return w.outcome;
    }
    for (unsigned i = 0; i < job->element_count; i++) {
        if (!write_element(&w, &job->elements[i])) {
            return w.outcome;
        }
    }
    if (wire_dies(&w) || !become_idle(&w)) {
        return w.outcome;
    }
    for (unsigned i = 0; i < job->element_count && job->verifies; i++) {
        if (!verify(&w, &job->elements[i])) {
            return w.outcome;
        }
    }
    if (job->leaves) {
        if (become_idle(&w) && set_address(&w, job->elements[0].addr) &&
            wire_dnload(&w, DFUSE_BLOCK_COMMAND, NULL, 0)) {
            (void)wire_status(&w);
        }
    } else {
        (void)become_idle(&w);
    }
    return w.outcome;
}

static struct host_outcome read(const struct device *device, const struct host_job *job,
                                uint32_t addr, uint8_t *out, uint32_t len) {
    struct wire w;
    if (!wire_open(&w, device, job, TIMEOUT_MS) || !connect(&w)) {
        return w.outcome;
    }
    for (uint32_t off = 0; off < len;) {
        uint32_t got = 0;
        if (!read_block(&w, addr + off, wire_piece(&w, len, off), &got)) {
            return w.outcome;
        }
        if (got == 0) {
            (void)wire_gives_up(&w, "Data read failed", addr + off);
            return w.outcome;
        }
        wire_copy(&w, out + off, got);
        off += got;
    }
    (void)become_idle(&w);
    return w.outcome;
}

const struct host host_cubeprogrammer = {
    .name = "cubeprogrammer",
    .version = "2.x",
    .is_inferred = true,
    .load = load,
    .read = read,
};

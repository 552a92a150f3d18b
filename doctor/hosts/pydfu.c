// SPDX-License-Identifier: MIT
//
// pydfu (github.com/micropython/micropython, tools/pydfu.py, commit 078a328): init(), get_status(),
// check_status(), page_erase(), set_address(), write_memory(), write_elements(), exit_dfu().
//
// Habits: never sleeps. Behind each command and each block the first GETSTATUS must be dfuDNBUSY and
// the second dfuDNLOAD-IDLE; anything else ends it. It erases one sector, writes it, and goes on to
// the next; each block has its address set and is block 2. It sends SET_CONFIGURATION, not
// SET_INTERFACE. A string index in a status makes it fetch and print the string. It always leaves,
// with the address 0x08000000 and block 0, and does not mind what comes of it. It cannot read.

#include "doctor/hosts/hosts.h"
#include "doctor/hosts/wire.h"

#define TIMEOUT_MS        4000u
#define STATUS_TIMEOUT_MS 20000u
#define LEAVE_ADDRESS     0x08000000u

static bool get_status(struct wire *w) {
    if (!wire_status_within(w, STATUS_TIMEOUT_MS)) {
        return false;
    }
    if (w->string != 0) {
        wire_read_string(w, w->string);
    }
    return true;
}

// check_status()
static bool expect(struct wire *w, enum dfu_state state, const char *stage, uint32_t addr) {
    if (!get_status(w)) {
        return false;
    }
    if (w->state == state) {
        return true;
    }
    return w->status != DFU_STATUS_OK || w->job->is_stubborn ? wire_refused(w, stage, addr)
                                                             : wire_gives_up(w, stage, addr);
}

static bool execute(struct wire *w, const char *stage, uint32_t addr) {
    return expect(w, DFU_STATE_DNBUSY, stage, addr) &&
           expect(w, DFU_STATE_DNLOAD_IDLE, stage, addr);
}

static bool set_address(struct wire *w, uint32_t addr) {
    return wire_command(w, DFUSE_CMD_SET_ADDRESS, addr) && execute(w, "set address failed", addr);
}

static bool write_memory(struct wire *w, const struct host_element *element, uint32_t from,
                         uint32_t to) {
    for (uint32_t off = from; off < to; off += w->block_bytes) {
        uint32_t addr = element->addr + off;
        if (!set_address(w, addr) ||
            !wire_dnload(w, 2, element->bytes + off, wire_piece(w, to, off)) ||
            !execute(w, "write memory failed", addr)) {
            return false;
        }
    }
    return true;
}

// write_elements(): a sector at a time. Where no sector holds the address nothing is erased and
// the rest of the element is written.
static bool load_element(struct wire *w, const struct host_element *element) {
    for (uint32_t off = 0, to; off < element->len; off = to) {
        uint32_t addr = element->addr + off;
        const struct layout_run *run = layout_run_at(&w->layout, addr);
        to = element->len;
        if (run != NULL) {
            uint32_t sector = addr & ~(run->sector_bytes - 1);
            uint32_t room = sector + run->sector_bytes - addr;
            to = element->len - off > room ? off + room : element->len;
            if (!w->job->skips_erase && (!wire_command(w, DFUSE_CMD_ERASE, sector) ||
                                         !execute(w, "erase failed", sector))) {
                return false;
            }
        }
        if (!write_memory(w, element, off, to)) {
            return false;
        }
    }
    return true;
}

// init(): four attempts to become idle, whatever comes of them.
static bool begin(struct wire *w) {
    if (!wire_set_configuration(w)) {
        return false;
    }
    for (unsigned attempt = 0; attempt < 4; attempt++) {
        if (!get_status(w)) {
            return false;
        }
        if (w->state == DFU_STATE_IDLE) {
            break;
        }
        bool is_transfer = w->state == DFU_STATE_DNLOAD_IDLE || w->state == DFU_STATE_UPLOAD_IDLE;
        if (!wire_simple(w, is_transfer ? DFU_ABORT : DFU_CLRSTATUS)) {
            return false;
        }
    }
    return true;
}

static struct host_outcome load(const struct device *device, const struct host_job *job) {
    struct wire w;
    if (!wire_open(&w, device, job, TIMEOUT_MS) || !begin(&w)) {
        return w.outcome;
    }
    for (unsigned i = 0; i < job->element_count; i++) {
        if (!load_element(&w, &job->elements[i])) {
            return w.outcome;
        }
    }
    // Not the first element's address: the program's constant.
    if (!wire_dies(&w) && set_address(&w, w.job->layout ? job->elements[0].addr : LEAVE_ADDRESS) &&
        wire_dnload(&w, 0, NULL, 0)) {
        (void)get_status(&w);
    }
    return w.outcome;
}

const struct host host_pydfu = {
    .name = "pydfu",
    .version = "078a328",
    .always_leaves = true,
    .load = load,
};

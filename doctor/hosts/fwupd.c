// SPDX-License-Identifier: MIT
//
// fwupd's dfu plugin (fwupdtool install-blob and the daemon), 1.8 to 2.0: plugins/dfu/fu-dfu-device.c
// fu_dfu_device_refresh_and_clear(), fu_dfu_device_attach(), plugins/dfu/fu-dfu-target.c
// fu_dfu_target_download(), fu_dfu_target_download_chunk(), fu_dfu_target_check_status(),
// fu_dfu_target_get_sector_for_addr(), plugins/dfu/fu-dfu-target-stm.c (the DfuSe commands and the
// three passes of fu_dfu_target_stm_download_element()).
//
// Habits: three GETSTATUS behind every command and block, the first given 35 s and the others 1.5 s
// (5 s where plugins/dfu/dfu.quirk says so, as for 0483:df11). A poll timeout of 0 keeps the
// value before. Its search for a sector takes the first whose end, inclusive, is not below the
// address, so that a sector "holds" its neighbour's first byte: an image that begins behind
// read-only sectors of the same layout is refused. It sets the address once per zone and counts the
// blocks. It always verifies, with an ABORT on either side, and always leaves: block 2, no
// address. Reading, it asks for one block more than it needs. It leaves behind a failed load, too.

#include "doctor/hosts/hosts.h"
#include "doctor/hosts/wire.h"

#define TIMEOUT_MS      5000u   // dfu.quirk, USB\VID_0483&PID_DF11
#define FIRST_STATUS_MS 35000u  // fu_dfu_target_download_chunk()
#define POLL_DEFAULT_MS 5u      // DFU_DEVICE_DNLOAD_TIMEOUT_DEFAULT
#define BUSY_MS         120000u // fu_dfu_target_check_status(): "a really long time"
#define SECTORS_ERASED  64u     // room for the list; more than any layout of ours has

struct fwupd {
    struct wire w;
    uint32_t poll_ms; // what it sleeps: the last poll timeout that was not zero
};

// fu_dfu_device_refresh()
static bool refresh(struct fwupd *f, uint32_t timeout_ms) {
    // It does not ask a device that leaves and is not manifestation tolerant.
    if (f->w.state == DFU_STATE_MANIFEST && !(f->w.attributes & DFU_ATTR_MANIFEST_TOLERANT)) {
        return true;
    }
    if (!wire_status_within(&f->w, timeout_ms)) {
        return false;
    }
    if (f->w.poll_ms != 0) {
        f->poll_ms = f->w.poll_ms;
    }
    return true;
}

static bool refresh_and_clear(struct fwupd *f) {
    if (!refresh(f, TIMEOUT_MS)) {
        return false;
    }
    switch (f->w.state) {
    case DFU_STATE_UPLOAD_IDLE:
    case DFU_STATE_DNLOAD_IDLE:
    case DFU_STATE_DNLOAD_SYNC:
        return wire_simple(&f->w, DFU_ABORT);
    case DFU_STATE_ERROR:
        return wire_simple(&f->w, DFU_CLRSTATUS);
    default:
        return true;
    }
}

static bool check_status(struct fwupd *f, uint32_t addr) {
    uint64_t end_ms = wire_now_ms(&f->w) + BUSY_MS;
    if (!refresh(f, TIMEOUT_MS)) {
        return false;
    }
    while (f->w.state == DFU_STATE_DNBUSY) {
        wire_sleep(&f->w, f->poll_ms);
        if (!refresh(f, TIMEOUT_MS)) {
            return false;
        }
        if (wire_now_ms(&f->w) > end_ms) {
            return wire_gives_up(&f->w, "Stuck in DFU_DNBUSY", addr);
        }
    }
    if (f->w.state != DFU_STATE_ERROR) {
        return true;
    }
    return wire_refused(&f->w,
                        f->w.status == DFU_STATUS_ERR_VENDOR   ? "Read protection is active"
                        : f->w.status == DFU_STATUS_ERR_TARGET ? "Address is wrong or unsupported"
                                                               : "the device reports an error",
                        addr);
}

static bool download_chunk(struct fwupd *f, unsigned block, const uint8_t *bytes, uint32_t len,
                           uint32_t addr) {
    if (!wire_dnload(&f->w, block, bytes, len) || !refresh(f, FIRST_STATUS_MS)) {
        return false;
    }
    wire_sleep(&f->w, f->poll_ms);
    return check_status(f, addr);
}

// A command or a block: "2nd check required to get error code".
static bool step(struct fwupd *f, unsigned block, const uint8_t *bytes, uint32_t len,
                 uint32_t addr) {
    return download_chunk(f, block, bytes, len, addr) && check_status(f, addr);
}

static bool command(struct fwupd *f, uint8_t code, uint32_t addr) {
    uint8_t bytes[DFUSE_CMD_WITH_ADDRESS_LEN] = {code};
    store_le32(bytes + 1, addr);
    return step(f, DFUSE_BLOCK_COMMAND, bytes, sizeof bytes, addr);
}

// fu_dfu_target_get_sector_for_addr(): the end counts as inside. False where there is none.
static bool sector_for(const struct host_layout *layout, uint32_t addr, struct layout_run *sector) {
    for (unsigned i = 0; i < layout->run_count; i++) {
        *sector = layout->runs[i];
        sector->count = 1;
        for (unsigned n = 0; n < layout->runs[i].count; n++) {
            sector->addr = layout->runs[i].addr + n * sector->sector_bytes;
            if (addr >= sector->addr && addr <= sector->addr + sector->sector_bytes) {
                return true;
            }
        }
    }
    return false;
}

struct sector_list {
    uint32_t addrs[SECTORS_ERASED];
    unsigned count;
};

static bool list_sector(struct sector_list *list, uint32_t addr) {
    for (unsigned i = 0; i < list->count; i++) {
        if (list->addrs[i] == addr) {
            return true;
        }
    }
    if (list->count == SECTORS_ERASED) {
        return false;
    }
    list->addrs[list->count++] = addr;
    return true;
}

// First pass: which sectors to erase. Steps a sector's size at a time, within each block.
static bool find_sectors(struct fwupd *f, const struct host_element *element,
                         struct sector_list *list) {
    for (uint32_t off = 0; off < element->len; off += f->w.block_bytes) {
        for (uint32_t at = off; at < off + f->w.block_bytes;) {
            struct layout_run sector;
            if (!sector_for(&f->w.layout, element->addr + at, &sector)) {
                return wire_gives_up(&f->w, "no memory sector", element->addr + at);
            }
            if (!(sector.type & LAYOUT_WRITABLE)) {
                return wire_gives_up(&f->w, "memory sector is not writable", element->addr + at);
            }
            if ((sector.type & LAYOUT_ERASABLE) && !list_sector(list, sector.addr)) {
                return wire_gives_up(&f->w, "more sectors than the script has room for",
                                     sector.addr);
            }
            at += sector.sector_bytes;
        }
    }
    return true;
}

static bool abort_only(struct fwupd *f) {
    return wire_simple(&f->w, DFU_ABORT);
}

// fu_dfu_target_stm_upload_element(): the last block is a whole one, too, and one that ends the
// image exactly is followed by another.
static bool verify(struct fwupd *f, const struct host_element *element) {
    if (!command(f, DFUSE_CMD_SET_ADDRESS, element->addr) || !abort_only(f)) {
        return false;
    }
    uint32_t total = 0;
    for (unsigned block = DFUSE_BLOCK_FIRST_DATA; total <= element->len; block++) {
        uint32_t got = 0;
        if (!wire_upload(&f->w, block, f->w.block_bytes, &got)) {
            return false;
        }
        uint32_t left = total < element->len ? element->len - total : 0;
        if (left > 0 && !wire_is_same(&f->w, element, total, got < left ? got : left)) {
            return false;
        }
        total += got;
        if (got < f->w.block_bytes) {
            break;
        }
    }
    if (total < element->len) {
        return wire_gives_up(&f->w, "invalid size", element->addr + total);
    }
    return abort_only(f);
}

static bool load_element(struct fwupd *f, const struct host_element *element) {
    struct sector_list list = {.count = 0};
    if (!find_sectors(f, element, &list)) {
        return false;
    }
    for (unsigned i = 0; i < list.count && !f->w.job->skips_erase; i++) {
        if (!command(f, DFUSE_CMD_ERASE, list.addrs[i])) {
            return false;
        }
    }
    if (!command(f, DFUSE_CMD_SET_ADDRESS, element->addr)) {
        return false;
    }
    unsigned block = DFUSE_BLOCK_FIRST_DATA;
    for (uint32_t off = 0; off < element->len; off += f->w.block_bytes) {
        if (!step(f, block++, element->bytes + off, wire_piece(&f->w, element->len, off),
                  element->addr + off)) {
            return false;
        }
    }
    return true;
}

static bool write_targets(struct fwupd *f) {
    const struct host_job *job = f->w.job;
    if (!wire_set_interface(&f->w, job->alternate)) {
        return false;
    }
    for (unsigned i = 0; i < job->element_count; i++) {
        if (!load_element(f, &job->elements[i])) {
            return false;
        }
        if (i + 1 == job->element_count && wire_dies(&f->w)) {
            return false;
        }
        if ((f->w.attributes & DFU_ATTR_CAN_UPLOAD) && !verify(f, &job->elements[i])) {
            return false;
        }
    }
    return true;
}

// fu_dfu_device_attach(), after the device was closed and opened again. Closing is the kernel's part: it
// chooses alternate setting 0 again for an interface that loses its driver (usb_unbind_interface()).
static void attach(struct fwupd *f) {
    const struct host_outcome before = f->w.outcome;
    if ((f->w.job->alternate == 0 || wire_set_interface(&f->w, 0)) && refresh_and_clear(f)) {
        (void)download_chunk(f, DFUSE_BLOCK_FIRST_DATA, NULL, 0, 0);
    }
    if (before.end != HOST_DONE) {
        f->w.outcome.status = before.status;
        f->w.outcome.state = before.state;
    }
}

static struct host_outcome load(const struct device *device, const struct host_job *job) {
    struct fwupd f = {.poll_ms = POLL_DEFAULT_MS};
    // Once when the device is found, and once to bring it to DFU mode, where it is already.
    if (!wire_open(&f.w, device, job, TIMEOUT_MS) || !refresh_and_clear(&f) ||
        !refresh_and_clear(&f)) {
        return f.w.outcome;
    }
    if (write_targets(&f) || f.w.outcome.end != HOST_DIED) {
        attach(&f);
    }
    return f.w.outcome;
}

const struct host host_fwupd = {
    .name = "fwupd",
    .version = "2.0.20",
    .always_leaves = true,
    .always_verifies = true,
    .load = load,
};

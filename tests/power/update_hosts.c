// SPDX-License-Identifier: MIT

#include "tests/power/update_hosts.h"

#include <stdlib.h>
#include <string.h>

#include "doctor/hosts/host.h"
#include "spec/crc.h"
#include "spec/dfu.h"
#include "spec/stamp.h"
#include "tests/hosts/desk_device.h"

static const struct flash_run runs[] = {{1, 512}, {2, 1024}, {4, 512}};
const struct flash_map update_map = {
    .base = 0x08000000, .runs = runs, .run_count = 3, .settings_first = 1, .application_first = 3};
#define SECTOR(n) flash_sector_address(&update_map, n)
#define BLOCK     128u

struct image images[IMAGE_COUNT];

// --- Bench ---------------------------------------------------------------------------------------

static void make_image(struct image *image, uint32_t len, unsigned seed) {
    image->len = len;
    memset(image->bytes, 0xff, sizeof image->bytes);
    for (uint32_t i = 0; i < len; i++) {
        image->bytes[i] = (uint8_t)(seed * 41 + i * 7 + (i >> 8));
    }
    store_le32(image->bytes, 0x20010000u + 64 * seed);
    store_le32(image->bytes + 4, UPDATE_APPLICATION + 0x101u + 2 * seed);
    memset(image->bytes + IMAGE_GAP_AT, 0xff, IMAGE_GAP_END - IMAGE_GAP_AT);
}

static void seal(struct image *image) {
    struct stamp stamp = {image->len - STAMP_BYTES,
                          crc32_update(CRC32_START, image->bytes, image->len - STAMP_BYTES)};
    stamp_store(&stamp, image->bytes + image->len - STAMP_BYTES);
}

// Three sectors each, or two: the new one is as long as the old one, the next one shorter. All but
// the old one end in a stamp where a scenario says so (load_stamped makes it).
void update_hosts_init(void) {
    make_image(&images[IMAGE_OLD], IMAGE_MAX, 1);
    make_image(&images[IMAGE_NEW], IMAGE_MAX - 64, 2);
    make_image(&images[IMAGE_NEXT], 512 + 256, 3);
    images[IMAGE_BETWEEN] = images[IMAGE_OLD];
    memcpy(images[IMAGE_BETWEEN].bytes, images[IMAGE_NEW].bytes, 1024);
}

uint32_t bootloader_word(unsigned index) {
    return 0xb0070000u + index;
}

static enum flash_result erase(void *ctx, unsigned sector) {
    return flash_model_erase(&((struct bench *)ctx)->m, sector);
}

static enum flash_result program(void *ctx, uint32_t addr, const uint8_t *data, uint32_t len) {
    return flash_model_program(&((struct bench *)ctx)->m, addr, data, len);
}

static enum flash_result poll(void *ctx) {
    return flash_model_poll(&((struct bench *)ctx)->m);
}

static void read(void *ctx, uint32_t addr, uint8_t *out, uint32_t len) {
    flash_model_read(&((struct bench *)ctx)->m, addr, out, len);
}

void bench_init(struct bench *b, unsigned seed) {
    memset(b, 0, sizeof *b);
    desk_init(&b->desk);
    b->desk.port.map = &update_map;
    b->desk.port.flash_erase = erase;
    b->desk.port.flash_program = program;
    b->desk.port.flash_poll = poll;
    b->desk.port.flash_read = read;
    b->desk.poll_us = 1000;
    flash_model_init(&b->m, &update_map, seed);
    b->m.busy_polls = 1; // so that a host is answered while flash is busy
}

void bench_free(struct bench *b) {
    flash_model_free(&b->m);
}

// Flash and what may be relied on; what was in SRAM is lost anyway.
void bench_copy(struct bench *to, const struct bench *from) {
    flash_model_copy(&to->m, &from->m);
    memcpy(to->expects, from->expects, sizeof to->expects);
    memcpy(to->committed, from->committed, sizeof to->committed);
    memcpy(to->wanted, from->wanted, sizeof to->wanted);
    to->is_stubborn = from->is_stubborn;
    to->recover = from->recover;
    to->ran = false;
}

void bench_settle(struct bench *b) {
    desk_wait_ms(&b->desk, 300 + GATE_QUIET_MS);
    b->ran = b->desk.ran;
}

// --- Settings ------------------------------------------------------------------------------------

static void make_value(uint8_t value[SETTING_BYTES], unsigned version) {
    for (unsigned i = 0; i < SETTING_BYTES; i++) {
        value[i] = (uint8_t)(version + i * 17);
    }
}

static void open_store(struct settings *s, struct settings_flash *flash) {
    enum settings_result result = settings_open(s, flash);
    if (result == SETTINGS_TURNOVER) {
        result = settings_wait(s, settings_turnover(s));
    }
    (void)result; // what follows tells
}

void bench_use_settings(struct bench *b, unsigned sets) {
    struct settings s;
    struct settings_flash flash = flash_model_settings(&b->m);
    open_store(&s, &flash);
    for (unsigned i = 0; i < sets; i++) {
        unsigned k = i % SETTING_COUNT;
        uint8_t value[SETTING_BYTES];
        b->wanted[k] = (uint8_t)(b->committed[k] + 1);
        make_value(value, b->wanted[k]);
        enum settings_result result =
            settings_wait(&s, settings_set(&s, (uint16_t)k, value, sizeof value));
        if (result == SETTINGS_TURNOVER) {
            result = settings_wait(&s, settings_turnover(&s));
            result = settings_wait(&s, settings_set(&s, (uint16_t)k, value, sizeof value));
        }
        if (result != SETTINGS_OK) {
            return; // a flash operation failed: either version may be there
        }
        b->committed[k] = b->wanted[k];
    }
}

void bench_make_old(struct bench *b, unsigned filled) {
    uint8_t bootloader[BOOTLOADER_BYTES];
    for (unsigned i = 0; i < BOOTLOADER_BYTES / 4; i++) {
        store_le32(bootloader + 4 * i, bootloader_word(i));
    }
    flash_model_power_on(&b->m);
    flash_model_load(&b->m, update_map.base, bootloader, sizeof bootloader);
    flash_model_load(&b->m, UPDATE_APPLICATION, images[IMAGE_OLD].bytes, images[IMAGE_OLD].len);
    b->expects[IMAGE_OLD] = true;
    bench_use_settings(b, SETTING_COUNT + filled);
}

static bool settings_are_kept(struct bench *b) {
    struct settings *s = &b->desk.bootloader.dfu.gate.settings;
    for (unsigned k = 0; k < SETTING_COUNT; k++) {
        uint8_t value[SETTING_BYTES], old[SETTING_BYTES], new[SETTING_BYTES];
        uint32_t len = 0;
        make_value(old, b->committed[k]);
        make_value(new, b->wanted[k]);
        if (settings_get(s, (uint16_t)k, value, sizeof value, &len) != SETTINGS_OK ||
            len != sizeof value) {
            return false;
        }
        if (memcmp(value, new, sizeof value) == 0) {
            b->committed[k] = b->wanted[k];
        } else if (memcmp(value, old, sizeof value) != 0) {
            return false;
        }
        b->wanted[k] = b->committed[k]; // once read it stays
    }
    return true;
}

bool bench_enter_dfu(struct bench *b) {
    b->ran = false;
    desk_start(&b->desk);
    for (unsigned i = 0; i < 4000 && b->desk.bootloader.dfu.gate.step != GATE_IDLE; i++) {
        desk_poll(&b->desk);
    }
    if (b->m.cut == FLASH_CUT_FAIL && b->desk.bootloader.dfu.gate.failures > 0) {
        return true; // readable again when the load has tried once more
    }
    return settings_are_kept(b);
}

// --- Hosts ---------------------------------------------------------------------------------------

// What the alternate settings' names say on a board of a usual size; here sectors are too small for it.
static const struct host_layout whole = {
    .runs = {{0x08000000, 512, 1, LAYOUT_READABLE},
             {0x08000200, 1024, 2, LAYOUT_READABLE},
             {UPDATE_APPLICATION, 512, 4, LAYOUT_READABLE | LAYOUT_ERASABLE | LAYOUT_WRITABLE}},
    .run_count = 3,
};
// fwupd cannot go by the whole flash's (doctor/hosts/fwupd.c).
static const struct host_layout application = {
    .runs = {{UPDATE_APPLICATION, 512, 4, LAYOUT_READABLE | LAYOUT_ERASABLE | LAYOUT_WRITABLE}},
    .run_count = 1,
};

// How the image is cut into elements. Between two of them lies what an erase leaves: fwupd erases
// a sector again for each element that touches it, or that begins where it ends.
enum pieces { ONE, TWO, HIGH_FIRST };

static void load_by(struct bench *b, const struct image *image, const char *name,
                    enum pieces pieces, struct host_job job) {
    const struct host_element low = {UPDATE_APPLICATION, IMAGE_GAP_AT, image->bytes};
    const struct host_element high = {UPDATE_APPLICATION + IMAGE_GAP_END,
                                      image->len - IMAGE_GAP_END, image->bytes + IMAGE_GAP_END};
    struct host_element elements[] = {low, high};
    if (pieces == HIGH_FIRST) {
        elements[0] = high;
        elements[1] = low;
    } else if (pieces == ONE) {
        elements[0].len = image->len;
    }
    job.elements = elements;
    job.element_count = pieces == ONE ? 1 : 2;
    job.block_bytes = BLOCK;
    job.is_stubborn = b->is_stubborn;
    job.skips_option_bytes = true;
    if (job.layout == NULL) {
        job.layout = &whole;
    }
    struct device device = desk_device(&b->desk);
    (void)host_find(name)->load(&device, &job); // what is in flash then tells
}

void load_leave(struct bench *b, const struct image *image) {
    load_by(b, image, "dfu-util", ONE, (struct host_job){.leaves = true});
}

static void load_abort(struct bench *b, const struct image *image) {
    load_by(b, image, "cubeprogrammer", ONE, (struct host_job){.leaves = false});
}

static void load_demo(struct bench *b, const struct image *image) {
    load_by(b, image, "dfuse-demo", ONE, (struct host_job){.verifies = true});
}

static void load_nothing(struct bench *b, const struct image *image) {
    load_by(b, image, "dfu-util", ONE, (struct host_job){.dies_after_write = true});
}

static void load_pydfu(struct bench *b, const struct image *image) {
    load_by(b, image, "pydfu", ONE, (struct host_job){.leaves = true});
}

static void load_webdfu(struct bench *b, const struct image *image) {
    load_by(b, image, "webdfu", ONE, (struct host_job){.leaves = true});
}

static void load_betaflight(struct bench *b, const struct image *image) {
    load_by(b, image, "betaflight", ONE, (struct host_job){.leaves = true});
}

static void load_elements(struct bench *b, const struct image *image) {
    load_by(b, image, "dfu-util", TWO, (struct host_job){.leaves = true});
}

// The other way round: the old image's beginning, with its first words, stays longest.
static void load_high_first(struct bench *b, const struct image *image) {
    load_by(b, image, "dfu-util", HIGH_FIRST, (struct host_job){.leaves = true});
}

// ABORT after each element. What is there after the first one then counts as an image of its own:
// nothing tells the bootloader that more is to come (docs).
static void load_fwupd(struct bench *b, const struct image *image) {
    b->expects[IMAGE_BETWEEN] = true;
    load_by(b, image, "fwupd", TWO, (struct host_job){.layout = &application});
}

// No erase commands at all.
void load_on_demand(struct bench *b, const struct image *image) {
    load_by(b, image, "dfu-util", ONE, (struct host_job){.leaves = true, .skips_erase = true});
}

// A stamped image, and a host without manners. The unstamped one does not count then.
static void load_stamped(struct bench *b, const struct image *image) {
    static struct image stamped;
    stamped = *image;
    seal(&stamped);
    images[IMAGE_NEW] = stamped;
    load_nothing(b, &stamped);
}

const struct scenario scenarios[] = {
    {"leave", 0, 2, load_leave, true, true},
    {"abort", 0, 2, load_abort, true, false},
    {"nothing", 0, 2, load_nothing, false, false},
    {"demo", 0, 2, load_demo, true, false},
    {"pydfu", 0, 2, load_pydfu, true, true},
    {"webdfu", 0, 2, load_webdfu, true, true},
    {"betaflight", 0, 2, load_betaflight, true, true},
    {"elements", 0, 2, load_elements, true, true},
    {"high-first", 0, 2, load_high_first, true, true},
    {"fwupd", 0, 2, load_fwupd, true, true},
    {"on-demand", 0, 2, load_on_demand, true, true},
    // The application turns a page over.
    {"settings", 30, 12, load_leave, true, true},
    // DFU mode does, on being entered: little room is left.
    {"turnover", 20, 2, load_high_first, true, true},
    // It does so when it comes back after a cut: the record then lies in the page that is turned over.
    {"nearly-full", 17, 2, load_high_first, true, true},
    {"stamped", 0, 2, load_stamped, true, false}, // last: it stamps the new image
};
const unsigned scenario_count = sizeof scenarios / sizeof scenarios[0];

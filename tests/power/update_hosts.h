// SPDX-License-Identifier: MIT
//
// A bench for cutting loads: the desk of tests/unit on the flash of flash_model.c, the images, what
// an application does with its settings, and the loads: the hosts are doctor/hosts'.

#ifndef TESTS_POWER_UPDATE_HOSTS_H
#define TESTS_POWER_UPDATE_HOSTS_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/power/flash_model.h"
#include "tests/unit/desk.h"

// Small sectors: a load is some hundred operations, and every one can be cut. The application's lie at
// multiples of their size: pydfu masks with it.
extern const struct flash_map update_map;
#define BOOTLOADER_BYTES   512u
#define UPDATE_APPLICATION 0x08000a00u
#define IMAGE_MAX          1536u
// Every image has nothing here, around the end of its second sector: where files of two elements are cut.
#define IMAGE_GAP_AT       1020u
#define IMAGE_GAP_END      1028u

struct image {
    uint32_t len;
    uint8_t bytes[IMAGE_MAX];
};

// OLD is there; NEW is loaded over it and cut; NEXT is loaded after the cut. BETWEEN is what lies in
// flash after the first element of NEW, whole in itself for whoever says so (fwupd's ABORT).
enum { IMAGE_OLD, IMAGE_NEW, IMAGE_NEXT, IMAGE_BETWEEN, IMAGE_COUNT };
extern struct image images[IMAGE_COUNT];

#define SETTING_COUNT 4u
#define SETTING_BYTES 8u

struct bench {
    struct desk desk; // first: it is the port's ctx
    struct flash_model m;
    bool expects[IMAGE_COUNT]; // images that may be in flash and start
    bool is_stubborn;          // the host clears errors away and goes on
    void (*recover)(struct bench *b, const struct image *image); // the load after a cut
    bool ran; // the bootloader said: run the application
    // Each setting has one of these two versions; equal when nothing is under way.
    uint8_t committed[SETTING_COUNT], wanted[SETTING_COUNT];
};

struct scenario {
    const char *name;
    unsigned filled; // settings written before the sweep begins
    unsigned sets;   // and by the application before the load
    void (*load)(struct bench *b, const struct image *image);
    bool starts; // at the next reset, if nothing is cut
    bool runs;   // the host has said leave
};

extern const struct scenario scenarios[];
extern const unsigned scenario_count;

void update_hosts_init(void);
uint32_t bootloader_word(unsigned index);

void bench_init(struct bench *b, unsigned seed);
void bench_free(struct bench *b);
void bench_copy(struct bench *to, const struct bench *from);
// Puts bootloader and the old image into flash, makes the settings store and writes to it.
void bench_make_old(struct bench *b, unsigned filled);
// An application that writes settings, turning pages over when needed.
void bench_use_settings(struct bench *b, unsigned sets);
// Power comes, DFU mode begins, the host enumerates. False if a setting is neither what was there
// nor what was being written.
bool bench_enter_dfu(struct bench *b);
// Until no flash work is left and leaving is over.
void bench_settle(struct bench *b);

void load_leave(struct bench *b, const struct image *image);
void load_on_demand(struct bench *b, const struct image *image);

#endif

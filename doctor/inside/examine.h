// SPDX-License-Identifier: MIT
//
// Between the files of the diagnosis from inside. Nobody else includes this.

#ifndef DOCTOR_INSIDE_EXAMINE_H
#define DOCTOR_INSIDE_EXAMINE_H

#include "doctor/hosts/layout.h"
#include "doctor/inside/inside.h"
#include "spec/dfu.h"

#define EXAMINE_NAME_MAX 127u
#define EXAMINE_ALTS_MAX 8u

struct examine {
    const struct inside_bench *bench;
    struct report *report;
    struct device device; // the bench's, with what passes written down
    uint8_t *pristine;    // flash as it was found
    uint8_t *loaded;      // flash after the last load that went well
    bool has_loaded;
    bool has_pins; // a start as asked is another one than at rest

    // What the device says of itself.
    char name[EXAMINE_NAME_MAX]; // of alternate setting 0
    struct host_layout layout;
    uint32_t alternates[EXAMINE_ALTS_MAX]; // first address of each alternate's map; 0: it has none
    bool has_layout;
    uint16_t transfer_bytes, version;

    // What is loaded: two images that differ.
    uint8_t *images[2];
    uint32_t image_len, image_addr;
    bool is_given; // it is the person's, and does something
    // The person said so, or the map has what may not be written right before it.
    bool is_address_sure;

    // Of the load under way.
    unsigned erases_sent, erases_refused, erases_lost;
    struct {
        unsigned count;    // GETSTATUS in a row that said dfuDNBUSY
        unsigned most;     // of this load
        uint64_t since_us; // the first of them
        size_t from;       // in the log
        // The host would have gone on for ever: it is told that the device is gone.
        bool is_cut_short;
    } busy;
    bool is_erase_working; // some sector was erased when it was asked for
    // It was told to erase itself, or to leave: no answer says nothing then.
    bool may_fall_silent;
    // The first load that failed for reasons that its own judges did not name; empty: none.
    char unexplained[200];
    bool is_unexplained_busy; // dfuDNBUSY was said twice or more in a row in it
    // Of a second load that met locked flash; empty: none did.
    char locked[300];
    uint64_t locked_at_us;
    // Of an erase that ended with OK and touched no flash register; empty: none did.
    char idle_erase[300];
    uint64_t idle_erase_at_us;
    bool has_programmed; // a block that was written
    // The longest bwPollTimeout that a host would have waited for and that was cut short; 0: none.
    uint32_t longest_wait_ms;
};

// --- talk.c: the host's end ---------------------------------------------------------------------------------

struct talk_outcome {
    enum device_result dnload;
    enum device_result last; // of the last GETSTATUS
    uint8_t status, state;
    unsigned busy;    // how often dfuDNBUSY was said
    bool is_forever;  // it was still said when flash had nothing to do for seconds
    uint64_t held_us; // the longest that one GETSTATUS took
    uint32_t poll_ms; // the longest that was asked for
    uint64_t at_us;
    struct witness_window window;
};

void talk_begin(struct examine *x);
uint64_t talk_now(const struct examine *x);
struct witness_window talk_window(const struct examine *x, size_t from);
// A load begins.
void talk_begin_load(struct examine *x);
// GETSTATE; -1: no answer.
int talk_state(const struct examine *x);
enum device_result talk_request(const struct examine *x, uint8_t request, uint16_t value,
                                uint8_t *data, uint16_t len, uint16_t *moved, uint32_t timeout_ms);
// A DNLOAD and what follows, to its end.
struct talk_outcome talk_download(const struct examine *x, uint16_t block, const uint8_t *bytes,
                                  uint16_t len);
// A DfuSe command with an address.
struct talk_outcome talk_command(const struct examine *x, uint8_t command, uint32_t addr);
bool talk_went_well(const struct talk_outcome *outcome);
// The sector where the image begins is erased, and the address set to it; how the last one of the two went that was sent.
struct talk_outcome talk_erase_there(const struct examine *x);
// "errVENDOR in dfuERROR", "dfuDNBUSY for ever", "no answer". Returns `text`.
const char *talk_words(const struct talk_outcome *outcome, char text[96]);
// Brings the device into dfuIDLE by whatever helps, a power cycle last. False: there is no device.
bool talk_recover(const struct examine *x);
// Power as asked, flash as it is; waits for the device.
bool talk_start(const struct examine *x);
bool talk_describe(struct examine *x);

// --- the examinations ---------------------------------------------------------------------------------------

void examine_restore(const struct examine *x);
// The place in the code, for evidence. Returns `text`.
const char *examine_place(const struct examine *x, uint32_t addr, char text[INSIDE_PLACE_MAX]);
// Map against the chip (map.c).
void examine_map(struct examine *x);
// The map against where the person wants the application.
void examine_target(const struct examine *x);
// Every host loads twice (loads.c).
void examine_loads(struct examine *x);
// Erases one by one (erases.c), blocks and reading (blocks.c).
void examine_erases(struct examine *x);
void examine_blocks(struct examine *x);
// Flash as found, with marks in every sector from the application on.
void examine_mark(const struct examine *x);
// Starting, leaving, and a load that is cut off (starts.c).
void examine_starts(struct examine *x);

#endif

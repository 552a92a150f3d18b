// SPDX-License-Identifier: MIT
//
// The gate: a half-written image never starts; a fully written one starts, whichever host wrote it
// (design D4; docs/protocol.md has the rules for hosts).
//
// A *receiving* record is put into the settings store before the first change to the application
// area; while it is there the boot decision stays in DFU mode. This file decides when it may go:
//
// - Leave takes it away if a data block came since the last SET_INTERFACE, SET_CONFIGURATION or bus
//   reset: those begin with a host that may know nothing of the one before. So does a host that after a
//   silence sends ABORT or CLRSTATUS in dfuDNLOAD-IDLE (core/dfu.h, DFU_SILENCE_MS). And only if a block
//   came since the last erase, and none is gone: a sector that a load has written, or tried to, and then erased,
//   must be written again. A load begins with a restart, the application's first sector or a mass erase.
// - ABORT takes it away only when it looks like the end of a load: within 1 s of the last block's
//   final GETSTATUS, every sector erased in this session written, the highest write in the
//   highest of them or the next, and nothing failed or restarted since; and only when nothing but silence follows,
//   because a file may have more elements. A restart within that silence leaves the load over, if nothing of it
//   was lost and no more of it was on its way.
// - Neither does while a sector is left in which an operation of this session failed, or a block
//   was lost (below): it must be erased again.
// - A stamp that the host has written decides alone: as soon as it is in flash, by leave and by
//   ABORT. One found when DFU mode is entered with the record open counts if it is right.
// - Idleness never does, and reading changes nothing.
//
// The application's first two words are programmed last, just before the record goes.

#ifndef CORE_GATE_H
#define CORE_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/port.h"
#include "core/update.h"
#include "settings/settings.h"

// An ABORT later than this after the last block belongs to another tool (design D4).
#define GATE_ABORT_WITHIN_MS 1000u
// After such an ABORT the record goes when no data has moved for this long: fwupd sends one after each
// element of a file, and the next element's erase, or the read-back, comes within milliseconds.
#define GATE_QUIET_MS        500u
// Times that writing the record may fail before changes are refused until the next reset: a supply
// that dips must not cost the session, a dying page must not be worn out. A supply too low to begin
// is not counted, since nothing was touched.
#define GATE_FAILURES_MAX    8u

// In struct gate's `failed`: a block was lost, nobody can say where. Sector 0 is the bootloader's, in
// which nothing else can fail; goes when a load begins at the application's first sector.
#define GATE_LOST            1u

enum gate_answer {
    GATE_WAIT = 0, // ask again; gate_poll() moves it on
    GATE_GO,
    GATE_NO_RECORD, // the settings store cannot take the record: change nothing
    GATE_NOT_DONE,  // the image is not known to be whole
    GATE_FAILED,    // flash failed, or the supply was too low
};

enum gate_step {
    GATE_IDLE = 0,
    GATE_PREPARING, // settings turnover, on entering DFU mode
    GATE_OPENING,   // the record is being written, or room made for it
    GATE_CHECKING,  // the image against a stamp: the one written, else any
    GATE_VECTORS,   // the first words are being programmed
    GATE_CLOSING,   // the record is being removed
};

struct gate {
    // Bytes first, what is large last: Thumb reaches the first 32 bytes with short instructions.
    enum gate_step step;
    enum settings_result store; // what settings_open() said, or how the last writing went
    enum gate_answer closed;    // how the last attempt to close ended
    uint8_t failures;           // of flash under the store, since power-up
    bool is_receiving;          // the record is open
    bool close_wanted;          // as soon as flash is free
    bool close_waits;           // an ABORT has ended the load: when the host has been quiet
    // This session, as D4 counts it.
    bool has_block;       // since the last restart, and since the record was opened
    bool may_end;         // a block came, and nothing was erased, failed or restarted since
    bool erase_list_ends; // the next erase starts a new list
    bool is_block_new;    // not yet looked at for a stamp
    bool is_block_told;   // the last block's final GETSTATUS has been read
    bool is_inherited;    // the record was opened by an earlier session, which did not end
    uint8_t vector_bytes; // bit n: byte n of the application's first words came in this session
    uint8_t last_written; // sector of the highest write since the list began
    const struct port *port;
    struct update *update;
    uint32_t quiet_since_ms;
    uint32_t told_at_ms;     // when the last block's final GETSTATUS was read
    uint32_t erased;         // bit a sector
    uint32_t written;        // bit a sector, since the list began
    uint32_t brought;        // bit a sector: a block for it came, or was lost, in this load
    uint32_t failed;         // bit a sector, until it is erased or a new list begins; GATE_LOST
    uint32_t stamp_addr;     // of the stamp written last; 0 for none
    uint32_t position;       // GATE_CHECKING: how far
    uint32_t crc;            // and the CRC up to there
    const uint8_t *pages[2]; // the settings', where flash can be read as memory
    struct settings_flash flash;
    struct settings settings;
};

// Opens the settings store and sets the work going that DFU mode begins with: making room, and
// looking for a stamp when the record is open.
void gate_init(struct gate *gate, const struct port *port, struct update *update);

// Moves on. Starts flash work only while the update is idle. While gate_is_busy() the update must
// start none and nothing may be read.
void gate_poll(struct gate *gate);
bool gate_is_busy(const struct gate *gate);
// Nothing is left for gate_poll() until something happens.
bool gate_is_at_rest(const struct gate *gate);

// Before the application area is changed: GATE_GO once the record is open; GATE_FAILED once for each
// time that this went wrong, after which it may be tried again.
enum gate_answer gate_open(struct gate *gate) __attribute__((warn_unused_result));
// Leave: GATE_GO once the image is finished and the record gone (or was not there).
enum gate_answer gate_leave(struct gate *gate) __attribute__((warn_unused_result));
// Forgets how an earlier attempt to leave ended.
void gate_leave_begin(struct gate *gate);

// What happened, for the rules above. A block counts as told when the host has read the
// dfuDNLOAD-IDLE that ends it.
void gate_erased(struct gate *gate, unsigned sector);
void gate_erased_all(struct gate *gate); // adds nothing to the list
void gate_block(struct gate *gate, uint32_t addr, uint32_t len);
void gate_block_told(struct gate *gate);
void gate_aborted(struct gate *gate);
void gate_failed(struct gate *gate); // the update's last job; before the next one begins
// A data block was asked for and will not be written: refused, or dropped before it began. A range
// outside the application says that its place is not known.
void gate_block_lost(struct gate *gate, uint32_t addr, uint32_t len);
// `has_more`: what the host before had sent last is dropped.
void gate_restarted(struct gate *gate, bool has_more);
void gate_taken_over(struct gate *gate);    // the same, as far as it can be told: by another host
void gate_data_moved(struct gate *gate);    // a DNLOAD or UPLOAD: the host is not quiet
void gate_store_is_good(struct gate *gate); // somebody else has written to it

// Whether the record is open.
bool gate_is_receiving(const struct gate *gate);

#endif

// SPDX-License-Identifier: MIT
//
// Flash jobs: erase a sector, program a block, one after the other in the background while the host
// already sends the next block. Decides what may be touched and when a sector must be erased
// first; knows nothing of USB.
//
// Two block buffers: one is being programmed, the other filled. A block is accepted when the job
// before it is done; so at most one job is under way and at most one block waits (with the caller).

#ifndef CORE_UPDATE_H
#define CORE_UPDATE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/port.h"
#include "spec/dfu.h"

// wTransferSize. 2048 is what ST's ROM takes; fwupd and Windows are fine with it
// (docs/protocol.md).
#define UPDATE_BLOCK_BYTES  2048u

// The initial stack pointer and the reset vector: programmed when the image is whole, shown by
// update_read() before.
#define UPDATE_VECTOR_BYTES 8u

enum update_job {
    UPDATE_IDLE = 0,
    UPDATE_ERASING,
    UPDATE_PROGRAMMING,
    UPDATE_PROGRAMMING_VECTORS,
};

struct update {
    // Bytes first: Thumb reaches the first 32 with short instructions.
    enum update_job job;
    enum dfu_status failed; // DFU_STATUS_OK, or why the last job ended
    uint8_t filling;        // buffer the next block goes to
    // An erase may have been interrupted: a sector that reads blank now need not be erased.
    bool distrusts_blank;
    // The application's first words, held back: bit n of the mask is set when byte n waits.
    uint8_t vectors_mask;
    uint8_t vectors[UPDATE_VECTOR_BYTES];
    unsigned sector;      // being erased
    unsigned last_sector; // a bare erase goes on up to this one
    uint32_t addr;        // of the block accepted last
    uint32_t len;         // its bytes; 0 when the job is a bare erase
    uint32_t prepared;    // bit n: sector n was erased, found blank, or written since power-up
    const struct port *port;
    // Room for a block that begins up to 3 bytes into a word and ends up to 3 before one. Words, so
    // that the port may read them as such.
    uint32_t buffers[2][UPDATE_BLOCK_BYTES / 4 + 2];
};

void update_init(struct update *update, const struct port *port);

// Where the next block's bytes go, UPDATE_BLOCK_BYTES of room. `addr` is the address that block
// will have: bytes are placed so that words line up with flash.
uint8_t *update_buffer(struct update *update, uint32_t addr);
// The words of the block that was programmed last, those around its first and last bytes filled up from flash, and
// their address. Only until the next one is started.
const uint32_t *update_words(const struct update *update, uint32_t *addr);

// Takes the block filled in at update_buffer(addr) and starts on it: erases each sector it touches
// that is neither (reliably) blank nor prepared, then programs and reads back. False, with nothing done,
// while a job is under way. The range must lie in the application.
bool update_program(struct update *update, uint32_t addr, uint32_t len)
    __attribute__((warn_unused_result));
// Starts erasing sectors of the application, `first` to `last`, one after the other. False while a job
// is under way.
bool update_erase(struct update *update, unsigned first, unsigned last)
    __attribute__((warn_unused_result));
// Ends that with the sector under way.
void update_erase_no_more(struct update *update);
// How long a sector of this size takes typically.
uint32_t update_erase_ms(uint32_t sector_bytes);
// Lends the buffer last filled to somebody else: the next block goes to the other one. While idle.
void update_keep_buffer(struct update *update);

// Programs the words held back. False when none are (or a job is under way).
bool update_program_vectors(struct update *update);

// Reads flash as it will be once the words held back are in it. Not while a job is under way.
void update_read(const struct update *update, uint32_t addr, uint8_t *out, uint32_t len);

// Moves the job on. Call continuously.
void update_poll(struct update *update);
bool update_is_idle(const struct update *update);
// Why the last job failed, once; DFU_STATUS_OK otherwise.
enum dfu_status update_take_failure(struct update *update);

#endif

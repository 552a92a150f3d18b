// SPDX-License-Identifier: MIT
//
// What gdb.c (the line), commands.c (what is asked), target.c (registers, descriptions) and memory.c share.
// Nobody else includes this.

#ifndef VBOARD_GDB_GDB_INTERNAL_H
#define VBOARD_GDB_GDB_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "vboard/cpu/debug.h"
#include "vboard/gdb/gdb.h"

// Of a packet's contents, both ways ("PacketSize"). A memory read is cut to what fits, which the
// protocol allows.
#define PACKET_MAX  4096u
#define FLASH_PAGES 64u

// Flash between vFlashErase and vFlashDone: whole sectors as they will be.
struct gdb_sector {
    uint32_t addr, len;
    uint8_t *bytes;
};

struct gdb {
    struct chip *chip;
    struct cpu *cpu;
    struct timeline *timeline;
    int listening; // -1: none
    int fd;        // -1: nobody is there
    bool is_halted;
    bool is_waiting; // for the first debugger
    bool has_no_ack, has_hwbreak;
    bool keeps_interrupts; // "monitor maskisr off"
    bool is_leaving;       // after the answer
    bool is_extended;      // "kill" does not end the connection: "run" comes next
    char stop[128];        // the last stop reply
    // The line.
    char in[PACKET_MAX + 8];
    size_t in_len;
    char out[4 * PACKET_MAX];
    size_t out_len;
    char sent[PACKET_MAX + 8]; // the last packet, for a '-'
    size_t sent_len;
    struct gdb_sector sectors[FLASH_PAGES];
    unsigned sector_count;
};

// gdb.c. An answer; binary contents are escaped already. Too long a one is an error of ours.
void gdb_answer(struct gdb *gdb, const char *text);
void gdb_answer_bytes(struct gdb *gdb, const char *bytes, size_t len);
// Time passes again.
void gdb_resume(struct gdb *gdb);
void gdb_halt(struct gdb *gdb, const char *stop_reply);

// commands.c: does what a packet asks. `packet` ends in a 0 that is not counted in `len`.
void gdb_do(struct gdb *gdb, char *packet, size_t len);
// The stop reply for what the processor stopped for.
void gdb_stop_reply(struct gdb *gdb, char reply[128]);

// target.c
extern const char gdb_target_xml[];
#define GDB_MEMORY_MAP_MAX 4096u
void gdb_memory_map(struct gdb *gdb, char text[GDB_MEMORY_MAP_MAX]);
#define GDB_REGISTERS 40u
// Bytes of a register; 0: there is none.
size_t gdb_register_size(unsigned number);
uint64_t gdb_register(struct gdb *gdb, unsigned number);
void gdb_set_register(struct gdb *gdb, unsigned number, uint64_t value);

// memory.c. How many of the bytes could be read from the first on.
size_t gdb_read(struct gdb *gdb, uint32_t addr, uint8_t *bytes, size_t len);
bool gdb_write(struct gdb *gdb, uint32_t addr, const uint8_t *bytes, size_t len);
// vFlashErase, vFlashWrite, vFlashDone: all at once at the end. False: not flash, or no room.
bool gdb_flash_erase(struct gdb *gdb, uint32_t addr, uint32_t len);
bool gdb_flash_write(struct gdb *gdb, uint32_t addr, const uint8_t *bytes, size_t len);
bool gdb_flash_done(struct gdb *gdb);
void gdb_flash_forget(struct gdb *gdb);
// qCRC: CRC-32 of polynomial 0x04C11DB7, most significant bit first, from 0xFFFFFFFF on. False: nothing there.
bool gdb_crc(struct gdb *gdb, uint32_t addr, uint32_t len, uint32_t *crc);

#endif

// SPDX-License-Identifier: MIT
//
// One device's side of a capture: what is remembered from request to request. capture.c fills it, capture_cells.c
// holds each request against DFU 1.1's table, capture_judge.c says what it means.

#ifndef DOCTOR_LOG_CAPTURE_H
#define DOCTOR_LOG_CAPTURE_H

#include "capture/reader.h"
#include "doctor/hosts/layout.h"
#include "doctor/log/log.h"

#define WIRE_CONFIG_MAX 1024u
#define WIRE_EVENT_ALL  0x7ffu // every state of DFU 1.1

enum wire_command {
    WIRE_NONE = 0,
    WIRE_SET_ADDRESS,
    WIRE_ERASE,
    WIRE_MASS_ERASE,
    WIRE_BLOCK,
    WIRE_LEAVE,
    WIRE_OTHER,
};

// Bounds of the work: 32 MB in blocks of 2 KB, and each of those against each that is read, twice.
#define WIRE_BLOCKS_MAX   16384u
#define WIRE_COMPARED_MAX (2u * WIRE_BLOCKS_MAX * 1024u)

// Bytes that the host wrote and did not erase or write again since.
struct wire_bytes {
    uint32_t addr, len;
    uint8_t *bytes;
    unsigned long packet;
};

struct wire {
    struct report *report;
    uint16_t bus;
    uint8_t address;
    uint16_t interface; // wIndex of its GETSTATUS
    const char *prefix; // before each request's words: the device's name, where there are several
    // Descriptors that were read.
    uint8_t config[WIRE_CONFIG_MAX];
    uint16_t config_len;
    uint8_t layout_string; // iInterface of the first alternate setting in DFU mode; 0: not seen
    bool has_functional;
    uint16_t transfer_bytes, version;
    struct host_layout layout;
    bool has_layout;
    // State machine
    unsigned states; // bits: those it may be in by DFU 1.1
    unsigned before; // those before the present request
    int state;       // as told last; -1: unknown
    int status;
    int first_state;
    unsigned long first_packet;
    uint64_t first_us;
    unsigned held, departed; // requests against the table
    // The command that runs
    unsigned commands; // DNLOADs that were taken
    enum wire_command command;
    uint32_t command_addr;
    uint64_t command_us;
    unsigned long command_packet;
    unsigned polls;
    int64_t poll_ms; // as told last
    // Addresses
    bool has_pointer;
    uint32_t pointer, block_bytes;
    // What came of it
    unsigned erases, quick_erases;
    uint32_t failed_addr;
    bool has_failed_addr;
    uint64_t blocks_bytes, blocks_begin_us, blocks_end_us;
    unsigned blocks;
    bool has_left, is_gone_after_leave, was_read_well;
    struct wire_bytes *written;
    size_t written_count, written_room;
    unsigned compared;
    unsigned mismatches, blank_mismatches, matches;
};

// A DFU request went by: whether the table has such an answer. After a GETSTATUS or GETSTATE `told` is the state.
void wire_cell(struct wire *wire, const struct capture_transfer *transfer, int told);

// Called for each transfer of the device after it was put into the time line.
void wire_judge(struct wire *wire, const struct capture_transfer *transfer);
// At the end of the capture.
void wire_judge_end(struct wire *wire);
void wire_free(struct wire *wire);

// "step that failed", once.
void wire_failed(struct wire *wire, const char *step, const struct capture_transfer *transfer);

#endif

// SPDX-License-Identifier: MIT
//
// Transfers out of their beginnings and ends: what the readers of the file formats share.

#ifndef CAPTURE_ASSEMBLE_H
#define CAPTURE_ASSEMBLE_H

#include "capture/reader.h"

// As many as are under way at once at most; a host has a few.
#define ASSEMBLE_OPEN_MAX 64u
#define ASSEMBLE_DATA_MAX 64u // of usbmon's text: 32 bytes a line

struct assemble_open {
    bool is_used;
    uint64_t id;
    uint64_t at_us; // of the capture's clock
    struct capture_transfer transfer;
    uint8_t store[ASSEMBLE_DATA_MAX];
};

struct assemble {
    void (*tell)(void *ctx, const struct capture_transfer *transfer);
    void *ctx;
    char *fault;
    bool has_begun;
    uint64_t first_us;
    unsigned long number; // of the present packet
    struct assemble_open open[ASSEMBLE_OPEN_MAX];
};

// A control transfer begins. One of the same id that was open is handed over as not ended; so is the oldest one
// when too many are open. Never NULL.
struct assemble_open *assemble_begin(struct assemble *assemble, uint64_t id, uint64_t at_us,
                                     const uint8_t setup[USB_SETUP_LEN]);
struct assemble_open *assemble_find(struct assemble *assemble, uint64_t id);
// It ends: handed over. `data` may be NULL: those it has stay.
void assemble_end(struct assemble *assemble, struct assemble_open *open, uint64_t at_us,
                  enum capture_end end, int code, uint32_t moved, const uint8_t *data,
                  uint32_t data_len);
// The capture ends.
void assemble_finish(struct assemble *assemble);

// A packet of pcap and pcapng, by its link type. False: a link type that holds no USB.
bool assemble_packet(struct assemble *assemble, unsigned link_type, bool is_big, uint64_t at_us,
                     const uint8_t *bytes, size_t len);
// Linux errno (negative, or 0) as an end.
enum capture_end assemble_errno(int status);

// The formats.
bool read_pcapng(struct assemble *assemble, const uint8_t *bytes, size_t len);
bool read_pcap(struct assemble *assemble, const uint8_t *bytes, size_t len);
bool read_usbmon_text(struct assemble *assemble, const uint8_t *bytes, size_t len);
// Whether a line is one of usbmon's text.
bool is_usbmon_line(const char *line, size_t len);

#endif

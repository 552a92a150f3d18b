// SPDX-License-Identifier: MIT
//
// Writes pcapng files (draft-ietf-opsawg-pcapng): one section, one interface, packets with times in
// nanoseconds. What a packet holds is its link type's business.
//
// Each block leaves this process whole, in one write: a program that is killed leaves a file that
// ends between two packets.

#ifndef CAPTURE_PCAPNG_H
#define CAPTURE_PCAPNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pcapng {
    int fd;
    int error; // errno of the first write that failed; nothing is written after it
    uint8_t *block;
    size_t capacity;
};

// Starts a file: `fd` is open for writing and stays the caller's. Names in UTF-8; `application` is
// what wrote the file, `interface` where the packets were seen.
void pcapng_begin(struct pcapng *pcapng, int fd, uint16_t link_type, const char *application,
                  const char *interface);
// One packet of two parts (either may be empty) seen at `ns` since the epoch.
void pcapng_packet(struct pcapng *pcapng, uint64_t ns, const uint8_t *head, size_t head_len,
                   const uint8_t *body, size_t body_len);
// Gives back memory. False, with errno in `error`, when something could not be written.
bool pcapng_end(struct pcapng *pcapng);

#endif

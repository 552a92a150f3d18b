// SPDX-License-Identifier: MIT
//
// `--pcap FILE`: every transfer on the cable, enumeration included, as a capture file. Times are
// virtual, from power-on (a reader that wants a date shows 1 January 1970).

#ifndef VBOARD_OBSERVE_PCAP_H
#define VBOARD_OBSERVE_PCAP_H

#include <stdbool.h>

#include "vboard/timeline.h"
#include "vboard/usb/cable.h"

struct pcap;

// `path` "-" is standard output. NULL with a sentence in `why`. The timeline stays the caller's.
struct pcap *pcap_new(const char *path, const char *board, const struct timeline *timeline,
                      char why[512]);
// From the cable's tap.
void pcap_submitted(struct pcap *pcap, const struct cable_transfer *transfer);
void pcap_ended(struct pcap *pcap, const struct cable_transfer *transfer);
// Closes the file; false with a sentence in `why` if something could not be written.
bool pcap_end(struct pcap *pcap, char why[512]);
void pcap_free(struct pcap *pcap);

#endif

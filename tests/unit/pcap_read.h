// SPDX-License-Identifier: MIT
//
// Reads a pcapng capture of usbmon packets for tests: written from the format's description
// (draft-ietf-opsawg-pcapng; Documentation/usb/usbmon.rst), not from capture/.

#ifndef TESTS_UNIT_PCAP_READ_H
#define TESTS_UNIT_PCAP_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pcap_packet {
    uint64_t ns; // the block's
    uint64_t id;
    char event; // 'S' or 'C'
    unsigned xfer_type, epnum, devnum, busnum;
    int flag_setup, flag_data;
    uint64_t header_us;
    int status;
    uint32_t length, captured;
    uint8_t setup[8];
    unsigned isochronous_descriptors;
    const uint8_t *data;
    size_t data_len;
};

struct pcap_capture {
    uint8_t *bytes;
    struct pcap_packet *packets;
    size_t count;
    unsigned link_type;
    char interface[64];
};

// False, with a reason, for a file that is not whole blocks in order with packets that agree with
// themselves. pcap_forget() in any case.
bool pcap_read(struct pcap_capture *capture, const char *path, const char **reason);
void pcap_forget(struct pcap_capture *capture);

#endif

// SPDX-License-Identifier: MIT
//
// The cable's transfers as usbmon's events. The formats are capture/'s.

#include "vboard/observe/pcap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/pcapng.h"
#include "capture/usbmon.h"

struct pcap {
    const struct timeline *timeline;
    const char *path;
    int fd;
    struct pcapng file;
};

static void close_file(struct pcap *pcap) {
    if (pcap->fd > STDERR_FILENO) {
        (void)close(pcap->fd);
    }
    pcap->fd = -1;
}

struct pcap *pcap_new(const char *path, const char *board, const struct timeline *timeline,
                      char why[512]) {
    struct pcap *pcap = calloc(1, sizeof *pcap);
    if (!pcap) {
        (void)snprintf(why, 512, "out of memory");
        return NULL;
    }
    *pcap = (struct pcap){.timeline = timeline, .path = path};
    pcap->fd = strcmp(path, "-") == 0 ? STDOUT_FILENO
                                      : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (pcap->fd < 0) {
        (void)snprintf(why, 512, "--pcap %.300s: %s", path, strerror(errno));
        free(pcap);
        return NULL;
    }
    pcapng_begin(&pcap->file, pcap->fd, USBMON_LINK_TYPE, "vboard " VBOARD_VERSION, board);
    return pcap;
}

static enum usbmon_status status_of(enum cable_status status) {
    static const enum usbmon_status statuses[] = {
        [CABLE_OK] = USBMON_OK,
        [CABLE_STALL] = USBMON_STALL,
        [CABLE_NO_ANSWER] = USBMON_NO_ANSWER,
        [CABLE_BABBLE] = USBMON_BABBLE,
        [CABLE_CANCELLED] = USBMON_CANCELLED,
        [CABLE_GONE] = USBMON_GONE,
    };
    return statuses[status];
}

static void put(struct pcap *pcap, const struct cable_transfer *transfer,
                struct usbmon_event *event) {
    uint8_t header[USBMON_HEADER_MAX];
    event->id = transfer->number;
    event->ns = timeline_now(pcap->timeline) / PS_PER_NS;
    event->type = transfer->type;
    event->bus = 1;
    event->address = transfer->address;
    event->endpoint = transfer->endpoint;
    event->in = transfer->in;
    event->interval = transfer->interval;
    size_t len = usbmon_header(event, header);
    pcapng_packet(&pcap->file, event->ns, header, len, transfer->data,
                  usbmon_has_data(event) ? event->len : 0);
}

void pcap_submitted(struct pcap *pcap, const struct cable_transfer *transfer) {
    put(pcap, transfer,
        &(struct usbmon_event){
            .status = USBMON_SUBMITTED,
            .setup = transfer->type == USB_XFER_CONTROL ? transfer->setup : NULL,
            .len = transfer->length,
        });
}

void pcap_ended(struct pcap *pcap, const struct cable_transfer *transfer) {
    put(pcap, transfer,
        &(struct usbmon_event){
            .is_end = true, .status = status_of(transfer->status), .len = transfer->actual});
}

bool pcap_end(struct pcap *pcap, char why[512]) {
    bool is_written = pcapng_end(&pcap->file);
    close_file(pcap);
    if (!is_written) {
        (void)snprintf(why, 512, "--pcap %.300s: the capture could not be written: %s", pcap->path,
                       strerror(pcap->file.error));
    }
    return is_written;
}

void pcap_free(struct pcap *pcap) {
    if (pcap) {
        (void)pcapng_end(&pcap->file);
        close_file(pcap);
        free(pcap);
    }
}

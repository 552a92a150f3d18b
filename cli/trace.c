// SPDX-License-Identifier: MIT
//
// Transfers as libredfu tells of them, as lines and as usbmon's packets. Times in the file are the calendar's.

#include "cli/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "capture/usbmon.h"
#include "cli/target.h"

static uint64_t clock_us(clockid_t clock) {
    struct timespec now;
    (void)clock_gettime(clock, &now); // cannot fail with clocks every Linux has
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

enum redfu_result trace_begin(struct trace *trace, struct cli *cli) {
    const char *path = options_given(cli->options, "--trace");
    *trace = (struct trace){.fd = -1, .start_us = clock_us(CLOCK_MONOTONIC)};
    (void)pthread_mutex_init(&trace->lock, NULL); // default attributes: cannot fail
    trace->lines = cli->options->verbose ? cli->surroundings->err : NULL;
    if (!path) {
        return REDFU_OK;
    }
    // A pipe that nobody reads is refused instead of waited for.
    trace->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC, 0666);
    if (trace->fd < 0) {
        bool is_missing = errno == ENOENT;
        (void)cli_refuse(cli, REDFU_CANNOT_SAVE, "--trace %s: %s", path, strerror(errno));
        return cli_advise(cli, "%s",
                          is_missing ? "Its folder is not there. Nothing was done."
                                     : "Nothing was done.");
    }
    (void)fcntl(trace->fd, F_SETFL, fcntl(trace->fd, F_GETFL) & ~O_NONBLOCK);
    trace->path = path;
    pcapng_begin(&trace->pcapng, trace->fd, USBMON_LINK_TYPE, "redfu " REDFU_VERSION, "libusb");
    return REDFU_OK;
}

static enum usbmon_status status_of(const struct redfu_transfer *transfer) {
    if (!transfer->is_over) {
        return USBMON_SUBMITTED;
    }
    switch (transfer->end) {
    case REDFU_TRANSFER_DONE:
        return USBMON_OK;
    case REDFU_TRANSFER_STALL:
        return USBMON_STALL;
    case REDFU_TRANSFER_NO_ANSWER: // libusb cancels what takes too long
        return USBMON_CANCELLED;
    case REDFU_TRANSFER_GONE:
        return USBMON_GONE;
    case REDFU_TRANSFER_BROKEN:
    default:
        return USBMON_NO_ANSWER;
    }
}

static void put_packet(struct trace *trace, const struct redfu_transfer *transfer) {
    const struct usbmon_event event = {
        // A number a context: two of them at once differ by their devices.
        .id = (uint64_t)transfer->bus << 56 | (uint64_t)transfer->address << 48 | transfer->number,
        .is_end = transfer->is_over,
        .ns = clock_us(CLOCK_REALTIME) * 1000,
        .type = USB_XFER_CONTROL,
        .bus = transfer->bus,
        .address = transfer->address,
        .in = (transfer->setup[0] & USB_DIR_IN) != 0,
        .status = status_of(transfer),
        .setup = transfer->is_over ? NULL : transfer->setup,
        .len = transfer->len,
    };
    uint8_t header[USBMON_HEADER_MAX];
    size_t header_len = usbmon_header(&event, header);
    bool has_data = usbmon_has_data(&event) && transfer->data;
    pcapng_packet(&trace->pcapng, event.ns, header, header_len, transfer->data,
                  has_data ? transfer->len : 0);
}

static void tell(void *ctx, const struct redfu_transfer *transfer) {
    struct trace *trace = ctx;
    char text[REDFU_TRANSFER_TEXT_MAX];
    (void)pthread_mutex_lock(&trace->lock);
    if (trace->path) {
        put_packet(trace, transfer);
    }
    if (trace->lines && transfer->is_over) {
        uint64_t us = clock_us(CLOCK_MONOTONIC) - trace->start_us;
        (void)fprintf(trace->lines, "%5" PRIu64 ".%06" PRIu64 " %u:%u %s\n", us / 1000000,
                      us % 1000000, transfer->bus, transfer->address,
                      redfu_transfer_text(transfer, text));
        (void)fflush(trace->lines);
    }
    (void)pthread_mutex_unlock(&trace->lock);
}

void trace_listen(struct trace *trace, struct redfu *redfu) {
    if (trace->lines || trace->path) {
        redfu_listen(redfu, tell, trace);
    }
}

enum redfu_result trace_end(struct trace *trace, struct cli *cli) {
    enum redfu_result result = REDFU_OK;
    if (trace->path) {
        bool ok = pcapng_end(&trace->pcapng);
        ok = close(trace->fd) == 0 && ok;
        if (!ok) {
            result = cli_refuse(cli, REDFU_CANNOT_SAVE, "--trace %s: %s", trace->path,
                                strerror(trace->pcapng.error ? trace->pcapng.error : errno));
        }
    }
    (void)pthread_mutex_destroy(&trace->lock);
    return result;
}

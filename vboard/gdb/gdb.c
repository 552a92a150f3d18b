// SPDX-License-Identifier: MIT
//
// The line: connections, packets in their frames ($...#xx), acknowledgements, and whether the board
// runs. What a packet asks for is commands.c's.

#include "vboard/gdb/gdb.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vboard/gdb/gdb_internal.h"

#define INTERRUPT '\003'

// --- running and standing ---------------------------------------------------------------------------

// The processor stopped by itself.
static void stopped(void *ctx) {
    struct gdb *gdb = ctx;
    gdb->is_halted = true;
    timeline_stop(gdb->timeline);
    gdb_stop_reply(gdb, gdb->stop);
    gdb_answer(gdb, gdb->stop);
}

void gdb_halt(struct gdb *gdb, const char *stop_reply) {
    gdb->is_halted = true;
    cpu_debug_halt(gdb->cpu);
    (void)snprintf(gdb->stop, sizeof gdb->stop, "%s", stop_reply);
}

void gdb_resume(struct gdb *gdb) {
    gdb->is_halted = false;
}

bool gdb_holds(const struct gdb *gdb) {
    return gdb->is_waiting || (gdb->fd >= 0 && gdb->is_halted);
}

// --- connections ------------------------------------------------------------------------------------

struct gdb *gdb_new(struct chip *chip, struct timeline *timeline) {
    struct gdb *gdb = calloc(1, sizeof *gdb);
    if (gdb) {
        gdb->chip = chip;
        gdb->cpu = chip_cpu(chip);
        gdb->timeline = timeline;
        gdb->listening = gdb->fd = -1;
    }
    return gdb;
}

static void leave(struct gdb *gdb) {
    if (gdb->fd >= 0) {
        (void)close(gdb->fd);
        gdb->fd = -1;
        cpu_debug_attach(gdb->cpu, false);
        chip_on_debug_stop(gdb->chip, NULL, NULL);
        gdb_flash_forget(gdb);
        gdb->is_halted = gdb->is_leaving = false;
    }
}

void gdb_free(struct gdb *gdb) {
    if (!gdb) {
        return;
    }
    leave(gdb);
    if (gdb->listening >= 0) {
        (void)close(gdb->listening);
    }
    free(gdb);
}

bool gdb_listen(struct gdb *gdb, struct tcp_place *place, bool holds, char why[512]) {
    gdb->listening = tcp_listen(place, why);
    gdb->is_waiting = holds && gdb->listening >= 0;
    return gdb->listening >= 0;
}

bool gdb_open(struct gdb *gdb, int fd) {
    if (gdb->fd >= 0) {
        return false;
    }
    gdb->fd = fd;
    gdb->in_len = gdb->out_len = gdb->sent_len = 0;
    gdb->has_no_ack = gdb->has_hwbreak = gdb->keeps_interrupts = false;
    gdb->is_extended = false;
    gdb->is_waiting = false;
    cpu_debug_attach(gdb->cpu, true);
    chip_on_debug_stop(gdb->chip, stopped, gdb);
    gdb_halt(gdb, "T05thread:1;");
    return true;
}

bool gdb_is_open(const struct gdb *gdb) {
    return gdb->fd >= 0;
}

static void take_connection(struct gdb *gdb) {
    int fd = gdb->listening >= 0 ? tcp_accept(gdb->listening) : -1;
    if (fd >= 0 && !gdb_open(gdb, fd)) {
        (void)close(fd);
        (void)fputs("vboard: note: a second debugger was turned away\n", stderr);
    }
}

unsigned gdb_poll(const struct gdb *gdb, struct pollfd on[GDB_FDS_MAX]) {
    unsigned count = 0;
    if (gdb->listening >= 0) {
        on[count++] = (struct pollfd){.fd = gdb->listening, .events = POLLIN};
    }
    if (gdb->fd >= 0) {
        short wants = gdb->out_len > 0 ? POLLIN | POLLOUT : POLLIN;
        on[count++] = (struct pollfd){.fd = gdb->fd, .events = wants};
    }
    return count;
}

// --- out --------------------------------------------------------------------------------------------

static void flush(struct gdb *gdb) {
    while (gdb->fd >= 0 && gdb->out_len > 0) {
        ssize_t n = send(gdb->fd, gdb->out, gdb->out_len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            if (errno != EAGAIN) {
                leave(gdb);
            }
            return;
        }
        gdb->out_len -= (size_t)n;
        memmove(gdb->out, gdb->out + n, gdb->out_len);
    }
}

static void put(struct gdb *gdb, const char *bytes, size_t len) {
    if (gdb->fd < 0) {
        return;
    }
    if (gdb->out_len + len > sizeof gdb->out) {
        leave(gdb); // asks and asks, and reads no answer
        return;
    }
    memcpy(gdb->out + gdb->out_len, bytes, len);
    gdb->out_len += len;
}

void gdb_answer_bytes(struct gdb *gdb, const char *bytes, size_t len) {
    uint8_t sum = 0;
    if (len > PACKET_MAX) {
        abort(); // answers are cut to size where they are made
    }
    for (size_t i = 0; i < len; i++) {
        sum = (uint8_t)(sum + (uint8_t)bytes[i]);
    }
    gdb->sent[0] = '$';
    memcpy(gdb->sent + 1, bytes, len);
    (void)snprintf(gdb->sent + 1 + len, 4, "#%02x", sum);
    gdb->sent_len = len + 4;
    put(gdb, gdb->sent, gdb->sent_len);
}

void gdb_answer(struct gdb *gdb, const char *text) {
    gdb_answer_bytes(gdb, text, strlen(text));
}

// --- in ---------------------------------------------------------------------------------------------

static void take_packet(struct gdb *gdb, char *packet, size_t len, const char *sum) {
    uint8_t own = 0;
    for (size_t i = 0; i < len; i++) {
        own = (uint8_t)(own + (uint8_t)packet[i]);
    }
    char wanted[3];
    (void)snprintf(wanted, sizeof wanted, "%02x", own);
    bool is_good = strncasecmp(wanted, sum, 2) == 0;
    if (!gdb->has_no_ack) {
        put(gdb, is_good ? "+" : "-", 1);
    }
    if (!is_good || !gdb->is_halted) {
        return; // while it runs only INTERRUPT is meant for us
    }
    packet[len] = '\0'; // over the '#'
    gdb_do(gdb, packet, len);
    if (gdb->is_leaving) {
        flush(gdb);
        leave(gdb);
    }
}

static void interrupt(struct gdb *gdb) {
    if (!gdb->is_halted) {
        gdb_halt(gdb, "T02thread:1;");
        gdb_answer(gdb, gdb->stop);
    }
}

// How many bytes at the front are done with; 0: more must come.
static size_t take_one(struct gdb *gdb) {
    char *in = gdb->in;
    if (in[0] == INTERRUPT) {
        interrupt(gdb);
        return 1;
    }
    if (in[0] == '-' && !gdb->has_no_ack) {
        put(gdb, gdb->sent, gdb->sent_len);
        return 1;
    }
    if (in[0] != '$') {
        return 1; // '+', or noise between packets
    }
    char *end = memchr(in, '#', gdb->in_len);
    if (!end) {
        // Too long for us: asked for again it would be no shorter. What follows is noise up to the next '$'.
        return gdb->in_len == sizeof gdb->in ? gdb->in_len : 0;
    }
    size_t len = (size_t)(end - in) - 1;
    if (gdb->in_len < len + 4) {
        return 0;
    }
    take_packet(gdb, in + 1, len, end + 1);
    return len + 4;
}

static void take_bytes(struct gdb *gdb) {
    while (gdb->fd >= 0 && gdb->in_len > 0) {
        size_t taken = take_one(gdb);
        if (gdb->fd < 0 || taken == 0) {
            return;
        }
        gdb->in_len -= taken;
        memmove(gdb->in, gdb->in + taken, gdb->in_len);
    }
}

void gdb_serve(struct gdb *gdb) {
    take_connection(gdb);
    while (gdb->fd >= 0) {
        flush(gdb);
        if (gdb->fd < 0 || gdb->out_len > sizeof gdb->out / 2) {
            return; // first it takes its answers
        }
        ssize_t n =
            recv(gdb->fd, gdb->in + gdb->in_len, sizeof gdb->in - gdb->in_len, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EAGAIN) {
            return;
        }
        if (n <= 0) {
            leave(gdb); // the board runs on
            return;
        }
        gdb->in_len += (size_t)n;
        take_bytes(gdb);
    }
}

// SPDX-License-Identifier: MIT
//
// libudev's monitor messages. The test bed gives each monitor a Unix socket <root>/event... in the
// place of its netlink socket; libumockdev's own sender looks the device up in the real /sys of
// the sending process, so it works only for a process inside the test bed, which vboard is not.
//
// The format is struct monitor_netlink_header of systemd's sd-device/device-monitor.c: unchanged
// since 2009, because old libudevs in containers must understand a new udevd.

#include "vboard/host/uevent.h"

#include <arpa/inet.h>
#include <glob.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "spec/bytes.h"

#define MONITOR_MAGIC  0xfeedcafeu
#define PROPERTIES_MAX 8192u

struct monitor_header {
    char prefix[8]; // "libudev"
    uint32_t magic; // big-endian
    uint32_t header_size;
    uint32_t properties_off;
    uint32_t properties_len;
    uint32_t subsystem_hash; // big-endian
    uint32_t devtype_hash;   // big-endian
    uint32_t tag_bloom_hi;
    uint32_t tag_bloom_lo;
};
_Static_assert(sizeof(struct monitor_header) == 40, "as libudev reads it");

// MurmurHash2 (Austin Appleby, public domain) with seed 0: libudev's filter compares it.
static uint32_t murmur2(const char *text) {
    const uint32_t multiplier = 0x5bd1e995u;
    const uint8_t *at = (const uint8_t *)text;
    size_t len = strlen(text);
    uint32_t hash = (uint32_t)len;
    for (; len >= 4; at += 4, len -= 4) {
        uint32_t word = load_le32(at) * multiplier;
        word = (word ^ (word >> 24)) * multiplier;
        hash = (hash * multiplier) ^ word;
    }
    if (len > 0) {
        for (size_t i = len; i > 0; i--) {
            hash ^= (uint32_t)at[i - 1] << (8 * (i - 1));
        }
        hash *= multiplier;
    }
    hash = (hash ^ (hash >> 13)) * multiplier;
    return hash ^ (hash >> 15);
}

static size_t add(char *buffer, size_t used, const char *key, const char *value) {
    int len = snprintf(buffer + used, PROPERTIES_MAX - used, "%s=%s", key, value);
    return len < 0 || used + (size_t)len + 1 > PROPERTIES_MAX ? used : used + (size_t)len + 1;
}

static size_t build(char *buffer, const char *devpath, const char *subsystem, const char *action,
                    const char *properties) {
    static unsigned long long sequence = 1000; // the receivers only want it to grow
    char number[24];
    (void)snprintf(number, sizeof number, "%llu", ++sequence);
    size_t used = add(buffer, 0, "ACTION", action);
    used = add(buffer, used, "DEVPATH", devpath);
    used = add(buffer, used, "SUBSYSTEM", subsystem);
    used = add(buffer, used, "SEQNUM", number);
    used = add(buffer, used, "USEC_INITIALIZED", number);
    for (const char *line = properties; *line;) {
        size_t len = strcspn(line, "\n");
        if (len > 0 && used + len + 1 <= PROPERTIES_MAX) {
            memcpy(buffer + used, line, len);
            buffer[used + len] = '\0';
            used += len + 1;
        }
        line += len + (line[len] == '\n');
    }
    return used;
}

static void send_to(const char *path, struct iovec parts[2]) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof to.sun_path) {
        return;
    }
    strcpy(to.sun_path, path);
    // Monitors are datagram sockets, raw ones too (AF_UNIX treats them alike).
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return;
    }
    struct msghdr message = {
        .msg_name = &to, .msg_namelen = sizeof to, .msg_iov = parts, .msg_iovlen = 2};
    if (sendmsg(fd, &message, MSG_NOSIGNAL) < 0) {
        (void)unlink(path); // its program has ended
    }
    (void)close(fd);
}

void uevent_send(const char *root, const char *devpath, const char *subsystem, const char *devtype,
                 const char *action, const char *properties) {
    char buffer[PROPERTIES_MAX];
    size_t len = build(buffer, devpath, subsystem, action, properties);
    struct monitor_header header = {
        .prefix = "libudev",
        .magic = htonl(MONITOR_MAGIC),
        .header_size = sizeof header,
        .properties_off = sizeof header,
        .properties_len = (uint32_t)len,
        .subsystem_hash = htonl(murmur2(subsystem)),
        .devtype_hash = htonl(murmur2(devtype)),
    };
    struct iovec parts[2] = {{.iov_base = &header, .iov_len = sizeof header},
                             {.iov_base = buffer, .iov_len = len}};
    char pattern[256];
    glob_t found;
    (void)snprintf(pattern, sizeof pattern, "%.200s/event[0-9]*", root);
    if (glob(pattern, GLOB_NOSORT, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            send_to(found.gl_pathv[i], parts);
        }
        globfree(&found);
    }
}

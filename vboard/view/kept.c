// SPDX-License-Identifier: MIT

#include "vboard/view/kept.h"

#include <sys/mman.h>
#include <unistd.h>

bool kept_open(struct kept *kept) {
    *kept = (struct kept){.fd = memfd_create("vboard-view", MFD_CLOEXEC)};
    return kept->fd >= 0;
}

void kept_add(struct kept *kept, const char *bytes, size_t len) {
    size_t room = KEPT_BYTES_MAX - (size_t)kept->bytes;
    size_t taken = len < room ? len : room;
    ssize_t written = taken > 0 ? pwrite(kept->fd, bytes, taken, (off_t)kept->bytes) : 0;
    kept->bytes += written > 0 ? (uint64_t)written : 0;
    kept->left_out += len - (written > 0 ? (size_t)written : 0);
}

void kept_write(struct kept *kept, int to) {
    char bytes[4096];
    ssize_t len;
    for (off_t at = 0; (len = pread(kept->fd, bytes, sizeof bytes, at)) > 0; at += len) {
        for (ssize_t done = 0; done < len;) {
            ssize_t written = write(to, bytes + done, (size_t)(len - done));
            if (written <= 0) {
                return; // nobody reads it any more
            }
            done += written;
        }
    }
    kept->bytes = 0;
    (void)ftruncate(kept->fd, 0);
}

void kept_close(struct kept *kept) {
    if (kept->fd >= 0) {
        (void)close(kept->fd);
    }
    kept->fd = -1;
}

// SPDX-License-Identifier: MIT
//
// Reading, locking and replacing the flash file. A lock is on the file itself; because saving puts
// another file in its place, whoever gets the lock looks whether the name still means that file.

#include "vboard/flash_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPEN_TRIES 100 // each lost to somebody who saved in between

static bool say(char why[512], const char *path, const char *what) {
    (void)snprintf(why, 512, "%.300s: %s", path, what);
    return false;
}

static bool write_all(int fd, const uint8_t *bytes, size_t len) {
    while (len > 0) {
        ssize_t put = write(fd, bytes, len);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return false;
        }
        bytes += put;
        len -= (size_t)put;
    }
    return true;
}

static bool read_all(int fd, uint8_t *bytes, size_t len) {
    size_t at = 0;
    while (at < len) {
        ssize_t got = pread(fd, bytes + at, len - at, (off_t)at);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        at += (size_t)got;
    }
    return true;
}

// True when `fd` is what the name means now.
static bool is_current(int fd, const char *path) {
    struct stat opened;
    struct stat named;
    return fstat(fd, &opened) == 0 && stat(path, &named) == 0 && opened.st_ino == named.st_ino &&
           opened.st_dev == named.st_dev;
}

static int open_locked(const char *path, char why[512]) {
    for (unsigned i = 0; i < OPEN_TRIES; i++) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
        if (fd < 0) {
            (void)say(why, path, strerror(errno));
            return -1;
        }
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            (void)say(why, path,
                      errno == EWOULDBLOCK ? "this flash file is in use by another vboard"
                                           : strerror(errno));
            (void)close(fd);
            return -1;
        }
        if (is_current(fd, path)) {
            return fd;
        }
        (void)close(fd);
    }
    (void)say(why, path, "this flash file is in use by another vboard");
    return -1;
}

// A new file in the folder that saving will want to write to; -1 with errno. The name is in `name`.
static int create_beside(const char *path, char name[4096]) {
    // A link is followed, or it would be replaced by a file.
    char *target = realpath(path, NULL);
    int len = snprintf(name, 4096, "%s.XXXXXX", target ? target : path);
    free(target);
    if (len >= 4096) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return mkostemp(name, O_CLOEXEC);
}

// Better now than when there is something to lose.
static bool can_be_saved(const char *path, char why[512]) {
    char name[4096];
    int fd = create_beside(path, name);
    if (fd < 0) {
        (void)snprintf(
            why, 512,
            "%.300s: its folder takes no new file (%s), and saving the flash puts one in "
            "its place",
            path, strerror(errno));
        return false;
    }
    (void)close(fd);
    (void)unlink(name);
    return true;
}

// What was filled here goes again, so that the next run does not find half a flash. The lock is held.
static void take_back(const struct flash_file *file, bool was_missing) {
    char *target = realpath(file->path, NULL);
    if (was_missing && target) {
        (void)unlink(target);
    } else {
        (void)!ftruncate(file->fd, 0); // to a shorter one: nothing to run out of
    }
    free(target);
}

bool flash_file_open(struct flash_file *file, const char *path, uint8_t *flash, uint32_t size,
                     char why[512]) {
    struct stat about;
    bool was_missing = stat(path, &about) != 0;
    *file = (struct flash_file){.path = path, .fd = open_locked(path, why), .size = size};
    if (file->fd < 0) {
        return false;
    }
    bool ok = fstat(file->fd, &about) == 0;
    if (!ok) {
        (void)say(why, path, strerror(errno));
    } else if (!S_ISREG(about.st_mode)) {
        ok = say(why, path, "not a regular file");
    } else if (about.st_size == 0) {
        file->is_new = true;
        memset(flash, 0xff, size);
        ok = write_all(file->fd, flash, size) || say(why, path, strerror(errno));
    } else if (about.st_size != (off_t)size) {
        (void)snprintf(
            why, 512,
            "%.300s: holds %lld bytes, but this chip's flash has %u: not a flash file of "
            "this board",
            path, (long long)about.st_size, size);
        ok = false;
    } else {
        ok = read_all(file->fd, flash, size) || say(why, path, strerror(errno ? errno : EIO));
    }
    ok = ok && can_be_saved(path, why);
    if (!ok) {
        if (file->is_new) {
            take_back(file, was_missing);
        }
        flash_file_close(file);
    }
    return ok;
}

static bool sync_folder(const char *path) {
    char folder[4096];
    (void)snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    (void)snprintf(slash ? slash + 1 : folder, 2, "%s", slash ? "" : ".");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    bool ok = fsync(fd) == 0;
    (void)close(fd);
    return ok;
}

bool flash_file_save(const struct flash_file *file, const uint8_t *flash, char why[512]) {
    char *target = realpath(file->path, NULL);
    const char *path = target ? target : file->path;
    char temporary[4096];
    struct stat about;
    int fd = create_beside(file->path, temporary);
    bool ok = false;
    if (fd >= 0) {
        ok = fstat(file->fd, &about) == 0 && fchmod(fd, about.st_mode & 0777) == 0 &&
             write_all(fd, flash, file->size) && fsync(fd) == 0 && rename(temporary, path) == 0 &&
             sync_folder(path);
        int saved = errno;
        if (!ok) {
            (void)unlink(temporary);
        }
        (void)close(fd);
        errno = saved;
    }
    if (!ok) {
        (void)snprintf(why, 512, "%.300s: the flash could not be saved: %s", file->path,
                       strerror(errno));
    }
    free(target);
    return ok;
}

void flash_file_close(struct flash_file *file) {
    if (file->fd >= 0) {
        (void)close(file->fd); // and the lock with it
        file->fd = -1;
    }
}

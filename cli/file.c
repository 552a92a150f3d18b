// SPDX-License-Identifier: MIT
//
// Whole files: read at once, written under another name first.

#include "cli/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/target.h"
#include "image/save.h"

bool file_exists(const char *path) {
    struct stat unused;
    return stat(path, &unused) == 0;
}

bool file_is_same(const char *one, const char *other) {
    struct stat a;
    struct stat b;
    return stat(one, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

// A pipe that nobody writes into is empty; waiting for somebody would be for ever, and Ctrl-C would not end it.
static FILE *open_at_once(const char *path) {
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return NULL;
    }
    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK); // from here on as usual
    FILE *file = fdopen(fd, "rb");
    if (!file) {
        (void)close(fd);
    }
    return file;
}

enum redfu_result file_load(struct cli *cli, const char *path, uint32_t most, uint8_t **bytes,
                            uint32_t *len) {
    FILE *file = open_at_once(path);
    if (!file) {
        return cli_refuse(cli, REDFU_NO_FILE, "%s: %s", path, strerror(errno));
    }
    *bytes = malloc(most + 1u);
    size_t got = *bytes ? fread(*bytes, 1, most + 1u, file) : 0;
    bool is_read = !ferror(file);
    (void)fclose(file);
    enum redfu_result result = REDFU_OK;
    if (!*bytes) {
        return cli_refuse(cli, REDFU_INTERNAL, "out of memory for %u bytes", most);
    } else if (!is_read) {
        result = cli_refuse(cli, REDFU_NO_FILE, "%s cannot be read", path);
    } else if (got == 0) {
        result = cli_refuse(cli, REDFU_EMPTY_FILE, "%s is empty", path);
    } else if (got > most) {
        result = cli_refuse(cli, REDFU_BAD_FILE, "%s is longer than any such file (%u bytes)", path,
                            most);
    }
    if (result != REDFU_OK) {
        free(*bytes);
        *bytes = NULL;
    }
    *len = (uint32_t)got;
    return result;
}

// The name is on the disk only when the folder is.
static bool sync_folder(const char *path) {
    char folder[FILE_PATH_BYTES];
    const char *slash = strrchr(path, '/');
    if (!slash) {
        (void)snprintf(folder, sizeof folder, ".");
    } else {
        (void)snprintf(folder, sizeof folder, "%.*s", (int)(slash - path + 1), path);
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return is_synced;
}

// What goes wrong is told of the name as it was given, which a person knows.
static enum redfu_result begin(struct cli *cli, const char *given, const char *path,
                               struct file_part *part) {
    int len = snprintf(part->path, sizeof part->path, "%s", path);
    int part_len = snprintf(part->part, sizeof part->part, "%s.part", path);
    if (len < 0 || part_len < 0 || (size_t)part_len >= sizeof part->part) {
        return cli_refuse(cli, REDFU_CANNOT_SAVE, "the file name is too long");
    }
    part->file = fopen(part->part, "wbe");
    return part->file ? REDFU_OK
                      : cli_refuse(cli, REDFU_CANNOT_SAVE, "%s: %s", given, strerror(errno));
}

static enum redfu_result finish(struct cli *cli, struct file_part *part, const uint8_t *bytes,
                                uint32_t len, bool may_replace) {
    bool is_saved = len == 0 || fwrite(bytes, 1, len, part->file) == len;
    is_saved = fflush(part->file) == 0 && fsync(fileno(part->file)) == 0 && is_saved;
    is_saved = fclose(part->file) == 0 && is_saved;
    if (is_saved && may_replace) {
        is_saved = rename(part->part, part->path) == 0;
    } else if (is_saved) {
        is_saved = link(part->part, part->path) == 0; // fails where there is one
    }
    is_saved = is_saved && sync_folder(part->path);
    enum redfu_result result =
        is_saved ? REDFU_OK
                 : cli_refuse(cli, REDFU_CANNOT_SAVE, "%s: %s", part->path, strerror(errno));
    (void)unlink(part->part);
    return result;
}

enum redfu_result file_begin(struct cli *cli, const char *path, struct file_part *part) {
    struct image_fault fault;
    char *real = image_save_path(path, &fault);
    if (!real) {
        return cli_refuse(cli, file_status(&fault, REDFU_CANNOT_SAVE), "%s", fault.text);
    }
    enum redfu_result result = begin(cli, path, real, part);
    free(real);
    return result;
}

enum redfu_result file_finish(struct cli *cli, struct file_part *part, const uint8_t *bytes,
                              uint32_t len) {
    return finish(cli, part, bytes, len, true);
}

void file_drop(struct file_part *part) {
    (void)fclose(part->file); // what is in it is not wanted
    (void)unlink(part->part);
}

enum redfu_result file_save_new(struct cli *cli, const char *path, const uint8_t *bytes,
                                uint32_t len) {
    struct file_part part;
    enum redfu_result result = begin(cli, path, path, &part);
    return result == REDFU_OK ? finish(cli, &part, bytes, len, false) : result;
}

enum redfu_result file_save(struct cli *cli, const char *path, const uint8_t *bytes, uint32_t len) {
    struct file_part part;
    enum redfu_result result = file_begin(cli, path, &part);
    return result == REDFU_OK ? finish(cli, &part, bytes, len, true) : result;
}

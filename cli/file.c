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

#define PATH_BYTES 4200u

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

enum redfu_result file_load(struct cli *cli, const char *path, uint32_t most, uint8_t **bytes,
                            uint32_t *len) {
    FILE *file = fopen(path, "rbe");
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
    char folder[PATH_BYTES];
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

static enum redfu_result save(struct cli *cli, const char *path, const uint8_t *bytes, uint32_t len,
                              bool may_replace) {
    char part[PATH_BYTES];
    int part_len = snprintf(part, sizeof part, "%s.part", path);
    if (part_len < 0 || (size_t)part_len >= sizeof part) {
        return cli_refuse(cli, REDFU_CANNOT_SAVE, "the file name is too long");
    }
    FILE *file = fopen(part, "wbe");
    if (!file) {
        return cli_refuse(cli, REDFU_CANNOT_SAVE, "%s: %s", part, strerror(errno));
    }
    bool is_saved = fwrite(bytes, 1, len, file) == len;
    is_saved = fflush(file) == 0 && fsync(fileno(file)) == 0 && is_saved;
    is_saved = fclose(file) == 0 && is_saved;
    if (is_saved && may_replace) {
        is_saved = rename(part, path) == 0;
    } else if (is_saved) {
        is_saved = link(part, path) == 0; // fails where there is one
    }
    is_saved = is_saved && sync_folder(path);
    enum redfu_result result =
        is_saved ? REDFU_OK : cli_refuse(cli, REDFU_CANNOT_SAVE, "%s: %s", path, strerror(errno));
    (void)unlink(part);
    return result;
}

enum redfu_result file_save_new(struct cli *cli, const char *path, const uint8_t *bytes,
                                uint32_t len) {
    return save(cli, path, bytes, len, false);
}

enum redfu_result file_save(struct cli *cli, const char *path, const uint8_t *bytes, uint32_t len) {
    struct image_fault fault;
    char *real = image_save_path(path, &fault);
    if (!real) {
        return cli_refuse(cli, file_status(&fault, REDFU_CANNOT_SAVE), "%s", fault.text);
    }
    enum redfu_result result = save(cli, real, bytes, len, true);
    free(real);
    return result;
}

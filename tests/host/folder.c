// SPDX-License-Identifier: MIT

#include "tests/host/folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

const char *folder_path(const char *folder, const char *name) {
    static char path[256];
    assert_in_range(snprintf(path, sizeof path, "%s/%s", folder, name), 0, sizeof path - 1);
    return path;
}

void folder_put(const char *folder, const char *name, const void *bytes, size_t len) {
    FILE *file = fopen(folder_path(folder, name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

void folder_put_text(const char *folder, const char *name, const char *text) {
    folder_put(folder, name, text, strlen(text));
}

void folder_stretch(const char *folder, const char *name, off_t len) {
    assert_int_equal(truncate(folder_path(folder, name), len), 0);
}

bool folder_has(const char *folder, const char *name) {
    return access(folder_path(folder, name), F_OK) == 0;
}

int folder_remove(const char *folder) {
    char command[300];
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

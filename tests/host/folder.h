// SPDX-License-Identifier: MIT
//
// A test's folder of files. `folder` is what mkdtemp() made; what goes wrong fails the test.

#ifndef TESTS_HOST_FOLDER_H
#define TESTS_HOST_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

// Until the next call.
const char *folder_path(const char *folder, const char *name);
void folder_put(const char *folder, const char *name, const void *bytes, size_t len);
void folder_put_text(const char *folder, const char *name, const char *text);
// Makes a file `len` bytes long with zeros that take no blocks.
void folder_stretch(const char *folder, const char *name, off_t len);
bool folder_has(const char *folder, const char *name);
// With all that is in it; 0, as a tear-down returns it.
int folder_remove(const char *folder);

#endif

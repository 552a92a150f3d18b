// SPDX-License-Identifier: MIT
//
// The targets of a file's contents, sorted by alternate.

#include "image/contents.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void image_contents_free(struct image_contents *contents) {
    for (size_t i = 0; i < contents->target_count; i++) {
        image_free(&contents->targets[i].image);
    }
    free(contents->targets);
    memset(contents, 0, sizeof *contents);
}

struct image_target *image_contents_find(const struct image_contents *contents,
                                         unsigned alternate) {
    for (size_t i = 0; i < contents->target_count; i++) {
        if (contents->targets[i].alternate == alternate) {
            return &contents->targets[i];
        }
    }
    return NULL;
}

struct image_target *image_contents_target(struct image_contents *contents, unsigned alternate) {
    struct image_target *found = image_contents_find(contents, alternate);
    if (found) {
        return found;
    }
    struct image_target *grown =
        realloc(contents->targets, (contents->target_count + 1) * sizeof *grown);
    if (!grown) {
        return NULL;
    }
    contents->targets = grown;
    size_t at = contents->target_count++;
    while (at > 0 && grown[at - 1].alternate > alternate) {
        grown[at] = grown[at - 1];
        at--;
    }
    memset(&grown[at], 0, sizeof grown[at]);
    grown[at].alternate = alternate;
    return &grown[at];
}

void image_contents_alternates(const struct image_contents *contents, char *out, size_t size) {
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < contents->target_count && len < size; i++) {
        len += (size_t)snprintf(out + len, size - len, "%s%u", i == 0 ? "" : ", ",
                                contents->targets[i].alternate);
    }
}

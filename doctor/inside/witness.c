// SPDX-License-Identifier: MIT

#include "doctor/inside/witness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// RM0090 3.9.5, 3.9.6.
#define SR_OPERR   (1u << 1)
#define SR_WRPERR  (1u << 4)
#define SR_PGAERR  (1u << 5)
#define SR_PGPERR  (1u << 6)
#define SR_PGSERR  (1u << 7)
#define CR_PG      (1u << 0)
#define CR_SER     (1u << 1)
#define CR_MER     (1u << 2)
#define CR_STRT    (1u << 16)
#define CR_LOCK    (1u << 31)
// A log of more than that tells no more.
#define EVENTS_MAX 100000u
#define LOOK_BACK  3u

static bool is_continued(const struct witness_event *last, const struct witness_event *event) {
    return last->kind == WITNESS_PROGRAM && event->kind == WITNESS_PROGRAM &&
           last->addr + last->len == event->addr && last->value == event->value &&
           last->flags == event->flags;
}

static bool is_repeated(const struct witness_event *last, const struct witness_event *event) {
    return last->kind == event->kind && last->pc == event->pc && last->flags == event->flags &&
           (event->kind == WITNESS_FAILED || event->kind == WITNESS_LOCKED);
}

void witness_see(struct witness *witness, const struct witness_event *event) {
    if (event->kind == WITNESS_LOCKED && !(event->value & (CR_PG | CR_SER | CR_MER | CR_STRT))) {
        return; // locking what is locked
    }
    for (size_t i = 1; i <= LOOK_BACK && i <= witness->count - witness->barrier; i++) {
        struct witness_event *last = &witness->events[witness->count - i];
        if (last->kind == WITNESS_RESET) {
            break; // what came before it is another run's, with flags of its own
        }
        if (is_continued(last, event) || is_repeated(last, event)) {
            last->len += event->len;
            last->count++;
            return;
        }
    }
    if (witness->count == witness->room) {
        size_t room = witness->room ? 2 * witness->room : 256;
        struct witness_event *grown =
            room <= EVENTS_MAX ? realloc(witness->events, room * sizeof *grown) : NULL;
        if (!grown) {
            witness->is_short = true;
            return;
        }
        witness->events = grown;
        witness->room = room;
    }
    witness->events[witness->count] = *event;
    witness->events[witness->count++].count = 1;
}

size_t witness_mark(struct witness *witness) {
    witness->barrier = witness->count;
    return witness->count;
}

void witness_free(struct witness *witness) {
    free(witness->events);
    *witness = (struct witness){0};
}

static bool is_it(const struct witness_event *event, enum witness_kind kind, const char *name) {
    return event->kind == kind && (!name || strcmp(event->name, name) == 0);
}

const struct witness_event *witness_first(struct witness_window window, enum witness_kind kind,
                                          const char *name) {
    for (size_t i = window.from; i < window.to; i++) {
        if (is_it(&window.witness->events[i], kind, name)) {
            return &window.witness->events[i];
        }
    }
    return NULL;
}

unsigned witness_count(struct witness_window window, enum witness_kind kind, const char *name) {
    unsigned count = 0;
    for (size_t i = window.from; i < window.to; i++) {
        count +=
            is_it(&window.witness->events[i], kind, name) ? window.witness->events[i].count : 0;
    }
    return count;
}

bool witness_touched_flash(struct witness_window window) {
    return witness_first(window, WITNESS_ERASE, NULL) ||
           witness_first(window, WITNESS_PROGRAM, NULL) ||
           witness_first(window, WITNESS_LOCKED, NULL) ||
           witness_first(window, WITNESS_FAILED, NULL) ||
           witness_first(window, WITNESS_NO_SECTOR, NULL);
}

static void append(char text[WITNESS_TEXT_MAX], const char *word) {
    size_t used = strlen(text);
    (void)snprintf(text + used, WITNESS_TEXT_MAX - used, "%s%s", used ? " " : "", word);
}

const char *witness_flags(uint32_t sr, char text[WITNESS_TEXT_MAX]) {
    static const struct {
        uint32_t flag;
        const char *name;
    } names[] = {{SR_OPERR, "OPERR"},
                 {SR_WRPERR, "WRPERR"},
                 {SR_PGAERR, "PGAERR"},
                 {SR_PGPERR, "PGPERR"},
                 {SR_PGSERR, "PGSERR"}};
    text[0] = '\0';
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (sr & names[i].flag) {
            append(text, names[i].name);
        }
    }
    return text[0] ? text : "no error flag";
}

const char *witness_control(uint32_t cr, char text[WITNESS_TEXT_MAX]) {
    char number[16];
    text[0] = '\0';
    if (cr & CR_LOCK) {
        append(text, "LOCK");
    }
    if (cr & CR_PG) {
        append(text, "PG");
    }
    if (cr & CR_MER) {
        append(text, "MER");
    }
    if (cr & CR_SER) {
        append(text, "SER");
        (void)snprintf(number, sizeof number, "SNB=%u", (unsigned)(cr >> 3 & 31));
        append(text, number);
    }
    if (cr & CR_STRT) {
        append(text, "STRT");
    }
    (void)snprintf(number, sizeof number, "x%u", 8u << (cr >> 8 & 3));
    append(text, number);
    return text;
}

// SPDX-License-Identifier: MIT
//
// Walks over /proc. Asleep is state S (interruptible): a thread in state D is in the middle of disk
// access and will go on by itself. Stopped (T, t) and dead (Z, X) threads do not run either.

#include "vboard/host/quiet.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Processes below processes below processes.
#define DEPTH_MAX 64u

static ssize_t read_proc(const char *path, char *text, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    size_t used = 0;
    ssize_t got;
    while (used + 1 < size && (got = read(fd, text + used, size - 1 - used)) > 0) {
        used += (size_t)got;
    }
    (void)close(fd);
    text[used] = '\0';
    return (ssize_t)used;
}

bool quiet_is_possible(void) {
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)getpid(), (int)getpid());
    return access(path, R_OK) == 0;
}

// proc(5): "State:\tS (sleeping)", "voluntary_ctxt_switches:\t150", "nonvoluntary_ctxt_switches:\t545"
static bool look_at_task(struct quiet_walk *walk, int pid, int tid) {
    char path[64];
    char text[4096];
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/status", pid, tid);
    if (read_proc(path, text, sizeof text) <= 0) {
        return true; // it has ended; the next walk finds a different set
    }
    const char *state = strstr(text, "\nState:\t");
    const char *voluntary = strstr(text, "\nvoluntary_ctxt_switches:\t");
    const char *forced = strstr(text, "\nnonvoluntary_ctxt_switches:\t");
    if (!state || !strchr("STtZX", state[8]) || walk->count == QUIET_TASKS_MAX) {
        return false;
    }
    uint64_t switches = 0;
    if (voluntary && forced) {
        switches = strtoull(strchr(voluntary, '\t') + 1, NULL, 10) +
                   strtoull(strchr(forced, '\t') + 1, NULL, 10);
    }
    walk->tasks[walk->count].tid = tid;
    walk->tasks[walk->count].switches = switches;
    walk->count++;
    return true;
}

typedef bool (*process_visitor)(int pid, void *ctx);

// Calls back for each process below the given thread of a process, deepest last.
static bool each_child(int pid, int tid, unsigned depth, process_visitor visitor, void *ctx);

static bool each_below(int pid, unsigned depth, process_visitor visitor, void *ctx) {
    char path[32];
    (void)snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *folder = opendir(path);
    if (!folder) {
        return true;
    }
    bool goes_on = true;
    const struct dirent *entry;
    while (goes_on && (entry = readdir(folder))) {
        int tid = atoi(entry->d_name);
        if (tid > 0) {
            goes_on = each_child(pid, tid, depth, visitor, ctx);
        }
    }
    (void)closedir(folder);
    return goes_on;
}

static bool each_child(int pid, int tid, unsigned depth, process_visitor visitor, void *ctx) {
    char path[64];
    char text[16384];
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, tid);
    if (depth == 0 || read_proc(path, text, sizeof text) <= 0) {
        return true;
    }
    char *at = text;
    for (;;) {
        char *end;
        long child = strtol(at, &end, 10);
        if (end == at || child <= 0) {
            return true;
        }
        if (!visitor((int)child, ctx) || !each_below((int)child, depth - 1, visitor, ctx)) {
            return false;
        }
        at = end;
    }
}

static bool look_at_process(int pid, void *ctx) {
    struct quiet_walk *walk = ctx;
    char path[32];
    (void)snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *folder = opendir(path);
    if (!folder) {
        return true;
    }
    bool asleep = true;
    const struct dirent *entry;
    while (asleep && (entry = readdir(folder))) {
        int tid = atoi(entry->d_name);
        if (tid > 0) {
            asleep = look_at_task(walk, pid, tid);
        }
    }
    (void)closedir(folder);
    return asleep;
}

void quiet_walk(struct quiet_walk *walk) {
    walk->count = 0;
    walk->is_asleep = each_below((int)getpid(), DEPTH_MAX, look_at_process, walk);
}

bool quiet_is_same(const struct quiet_walk *first, const struct quiet_walk *second) {
    if (!first->is_asleep || !second->is_asleep || first->count != second->count) {
        return false;
    }
    for (unsigned i = 0; i < first->count; i++) {
        if (first->tasks[i].tid != second->tasks[i].tid ||
            first->tasks[i].switches != second->tasks[i].switches) {
            return false;
        }
    }
    return true;
}

struct signalling {
    int number;
    unsigned count;
};

static bool signal_process(int pid, void *ctx) {
    struct signalling *signalling = ctx;
    signalling->count++;
    (void)kill(pid, signalling->number);
    return true;
}

unsigned quiet_signal_all(int signal_number) {
    struct signalling signalling = {.number = signal_number};
    (void)each_below((int)getpid(), DEPTH_MAX, signal_process, &signalling);
    return signalling.count;
}

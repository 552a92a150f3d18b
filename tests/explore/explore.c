// SPDX-License-Identifier: MIT
//
// Explores the states that the update gate, the settings store and the table of DFU requests can get into together: the
// real code of core/ and settings/, on the flash model, with hosts and applications that do anything in any
// order, and power that goes at any flash operation of any of it (world.h has the actions, promises.c the promises).
//
// Breadth first from the factory's state. Each state that was not seen before (by a hash of 64 bits over all that can
// make a difference) is expanded: every action that makes sense, and for each action every flash operation in it, with
// the power going before it, inside it (in --torn ways), or after the last one, or with the operation failing. In each
// new state that is off, running, or at rest, the promises are held, and from each the next load has to succeed.
//
// Then two searches with smaller alphabets and no cuts go deeper: what hosts do to each other's loads.
//
// The bound: --depth actions from the factory's state, --states states at most in each search; whichever comes first ends
// it. A breadth-first search so bounded has tried every sequence up to the last complete depth, which is printed.
//
// A failure prints the actions that lead to it, as an id that does just them:
//     explore#power-on,do-erase-a@2:torn:0,...

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/explore/world.h"

// What was done to come here.
struct edge {
    uint8_t action;
    uint8_t how; // enum flash_cut
    uint8_t variant;
    uint16_t at; // 0: undisturbed
};

struct node {
    uint8_t *bytes; // differences to the factory's state, packed; NULL when expanded
    uint32_t len;
    uint32_t parent;
    struct edge edge;
};

// What is done: everything, with cuts; without them what hosts do; of that, what whole sessions are made of.
enum alphabet { EVERYTHING, HOSTS, SESSIONS, ALPHABET_COUNT };

static struct search {
    unsigned depth_max, torn;
    uint64_t states_max;
    bool fails; // operations that fail besides cuts
    uint64_t printed;
    enum alphabet alphabet;
    struct node *nodes;
    uint64_t count, room;
    uint64_t *seen; // open addressing; 0: empty
    uint64_t seen_mask;
    uint64_t transitions, cuts, failures;
    uint8_t *factory, *buffer, *packed;
    uint32_t here; // node being expanded
    struct edge edge;
} search;

static void require(bool holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "explore: %s\n", what);
        exit(2);
    }
}

// --- States as bytes -----------------------------------------------------------------------------

// Runs of bytes that are as at the factory, and of bytes that are not: two lengths of 16 bits, the bytes.
static uint32_t pack(const uint8_t *state) {
    size_t size = world_size();
    uint8_t *out = search.packed;
    for (size_t at = 0; at < size;) {
        size_t same = at;
        while (same < size && same - at < 0xffff && state[same] == search.factory[same]) {
            same++;
        }
        size_t other = same;
        while (other < size && other - same < 0xffff &&
               memcmp(state + other, search.factory + other, size - other < 8 ? size - other : 8) !=
                   0) {
            other++;
        }
        uint16_t lengths[2] = {(uint16_t)(same - at), (uint16_t)(other - same)};
        memcpy(out, lengths, sizeof lengths);
        memcpy(out + sizeof lengths, state + same, other - same);
        out += sizeof lengths + (other - same);
        at = other;
    }
    return (uint32_t)(out - search.packed);
}

static void unpack(const uint8_t *in, uint32_t len) {
    const uint8_t *end = in + len;
    uint8_t *out = search.buffer;
    memcpy(out, search.factory, world_size());
    while (in < end) {
        uint16_t lengths[2];
        memcpy(lengths, in, sizeof lengths);
        out += lengths[0];
        memcpy(out, in + sizeof lengths, lengths[1]);
        out += lengths[1];
        in += sizeof lengths + lengths[1];
    }
}

// --- Reports -------------------------------------------------------------------------------------

static void print_edge(const struct edge *edge) {
    printf("%s", action_names[edge->action]);
    if (edge->at != 0) {
        printf("@%u:%s:%u", edge->at, flash_cut_name((enum flash_cut)edge->how), edge->variant);
    }
}

static void print_path(uint32_t node) {
    if (search.nodes[node].parent != node) {
        print_path(search.nodes[node].parent);
        print_edge(&search.nodes[node].edge);
        printf(",");
    }
}

static void report(const char *why) {
    if (search.failures++ < search.printed) {
        printf("FAILED explore#");
        print_path(search.here);
        print_edge(&search.edge);
        printf(": %s\n", why ? why : "?");
        fflush(stdout);
    }
}

// An assertion of the host at the desk.
static void on_abort(int number) {
    (void)number;
    report("an assertion failed (above)");
    fflush(stdout);
    _Exit(1);
}

static bool is_done(enum action action) {
    switch (action) {
    case ACT_GETSTATUS:
    case ACT_BLOCK:
    case ACT_GIVE_UP_BLOCK:
    case ACT_SILENCE:
        return search.alphabet != SESSIONS;
    case ACT_POWER_ON:
    case ACT_APP_ASK_DFU:
    case ACT_ABORT:
    case ACT_BUS_RESET:
    case ACT_DO_ERASE_A:
    case ACT_DO_ERASE_B:
    case ACT_DO_WRITE_A:
    case ACT_DO_WRITE_B:
    case ACT_DO_LEAVE:
    case ACT_SETTLE:
        return true;
    default:
        return search.alphabet == EVERYTHING;
    }
}

// --- The search ----------------------------------------------------------------------------------

static bool is_new(uint64_t hash) {
    hash += hash == 0;
    uint64_t at = hash & search.seen_mask;
    while (search.seen[at] != 0) {
        if (search.seen[at] == hash) {
            return false;
        }
        at = (at + 1) & search.seen_mask;
    }
    search.seen[at] = hash;
    return true;
}

// Keeps the world's state, if it is a new one and nothing is wrong with it.
static void arrive(enum world_end end) {
    search.transitions++;
    search.cuts += end == WORLD_CUT;
    if (end == WORLD_BROKEN) {
        report(world_failure());
        return;
    }
    if (search.count == search.states_max || !is_new(world_hash())) {
        return;
    }
    if (search.count == search.room) {
        search.room *= 2;
        search.nodes = realloc(search.nodes, search.room * sizeof *search.nodes);
        require(search.nodes != NULL, "out of memory");
    }
    world_save(search.buffer);
    uint32_t len = pack(search.buffer);
    uint8_t *bytes = malloc(len);
    require(bytes != NULL, "out of memory");
    memcpy(bytes, search.packed, len);
    search.nodes[search.count++] =
        (struct node){.bytes = bytes, .len = len, .parent = search.here, .edge = search.edge};
    if (!world_recovers()) {
        report(world_failure());
    }
}

static void go(const struct node *node, struct edge edge, uint32_t *operations) {
    unpack(node->bytes, node->len);
    world_load(search.buffer);
    search.edge = edge;
    enum world_end end = world_do((enum action)edge.action, edge.at, (enum flash_cut)edge.how,
                                  edge.variant, operations);
    arrive(end);
}

static void expand(uint32_t number) {
    search.here = number;
    for (unsigned action = 0; action < ACT_COUNT; action++) {
        struct node node = search.nodes[number]; // the array may move
        unpack(node.bytes, node.len);
        world_load(search.buffer);
        if (!world_may((enum action)action) || !is_done((enum action)action)) {
            continue;
        }
        uint32_t operations = 0;
        uint32_t ignored;
        go(&node, (struct edge){.action = (uint8_t)action}, &operations);
        for (uint16_t at = 1; at <= operations && search.alphabet == EVERYTHING; at++) {
            struct edge edge = {(uint8_t)action, FLASH_CUT_BEFORE, 0, at};
            go(&node, edge, &ignored);
            if (at == operations) {
                edge.how = FLASH_CUT_AFTER;
                go(&node, edge, &ignored);
            }
            for (edge.variant = 0; edge.variant < search.torn; edge.variant++) {
                edge.how = FLASH_CUT_TORN;
                go(&node, edge, &ignored);
            }
            if (search.fails) {
                edge.variant = 0;
                edge.how = FLASH_CUT_FAIL;
                go(&node, edge, &ignored);
            }
        }
    }
    free(search.nodes[number].bytes);
    search.nodes[number].bytes = NULL;
}

static void prepare(void) {
    world_init();
    search.factory = calloc(1, world_size());
    search.buffer = malloc(world_size());
    search.packed = malloc(3 * world_size());
    search.room = 1024;
    search.nodes = malloc(search.room * sizeof *search.nodes);
    search.seen_mask = 1;
    while (search.seen_mask < 4 * search.states_max) {
        search.seen_mask *= 2;
    }
    search.seen = calloc(search.seen_mask, sizeof *search.seen);
    require(search.factory && search.buffer && search.packed && search.nodes && search.seen,
            "out of memory");
    search.seen_mask--;
    world_save(search.factory);
}

// From the factory's state.
static void begin(enum alphabet alphabet) {
    for (uint64_t i = 0; i < search.count; i++) {
        free(search.nodes[i].bytes);
    }
    memset(search.seen, 0, (search.seen_mask + 1) * sizeof *search.seen);
    search.alphabet = alphabet;
    search.here = 0;
    world_load(search.factory);
    uint32_t len = pack(search.factory);
    search.nodes[0] = (struct node){.bytes = malloc(len), .len = len};
    require(search.nodes[0].bytes != NULL, "out of memory");
    memcpy(search.nodes[0].bytes, search.packed, len);
    search.count = 1;
    (void)is_new(world_hash());
}

// Returns the deepest depth that is complete.
static unsigned explore(bool stops_at_failure) {
    uint64_t next = 0;
    for (unsigned depth = 1; depth <= search.depth_max; depth++) {
        uint64_t end = search.count;
        for (; next < end; next++) {
            expand((uint32_t)next);
            if ((stops_at_failure && search.failures != 0) || search.failures > 1000) {
                return depth - 1;
            }
            if (search.count == search.states_max) {
                return depth - 1;
            }
        }
        printf("  depth %u: %" PRIu64 " states, %" PRIu64 " transitions\n", depth, search.count,
               search.transitions);
        fflush(stdout);
        if (search.count == end) {
            return depth;
        }
    }
    return search.depth_max;
}

// --- One path ------------------------------------------------------------------------------------

static bool parse_edge(char *text, struct edge *edge) {
    char how[16] = "";
    unsigned at = 0;
    unsigned variant = 0;
    enum flash_cut cut = FLASH_CUT_BEFORE;
    char *place = strchr(text, '@');
    if (place != NULL) {
        *place = 0;
        if (sscanf(place + 1, "%u:%15[a-z]:%u", &at, how, &variant) != 3 ||
            !flash_cut_parse(how, &cut)) {
            return false;
        }
    }
    for (unsigned action = 0; action < ACT_COUNT; action++) {
        if (strcmp(text, action_names[action]) == 0) {
            *edge = (struct edge){(uint8_t)action, (uint8_t)cut, (uint8_t)variant, (uint16_t)at};
            return true;
        }
    }
    return false;
}

static int replay(char *id) {
    char *text = id + strlen("explore#");
    for (char *word = strtok(text, ","); word != NULL; word = strtok(NULL, ",")) {
        struct edge edge;
        if (!parse_edge(word, &edge) || !world_may((enum action)edge.action)) {
            fprintf(stderr, "explore: '%s' is no action, or makes no sense here\n", word);
            return 2;
        }
        uint32_t operations = 0;
        enum world_end end = world_do((enum action)edge.action, edge.at, (enum flash_cut)edge.how,
                                      edge.variant, &operations);
        if (end == WORLD_HELD) {
            printf("  %s: %u operations\n", word, operations);
        } else {
            printf("  %s: %s\n", word, end == WORLD_CUT ? "cut" : world_failure());
        }
        if (end == WORLD_BROKEN) {
            return 1;
        }
        world_save(search.buffer);
        if (!world_recovers()) {
            printf("  and then: %s\n", world_failure());
            return 1;
        }
        world_load(search.buffer);
    }
    printf("passed\n");
    return 0;
}

static int usage(void) {
    fputs("usage: test-explore [--depth N] [--states N] [--torn N] [--fails] [--print N] "
          "[--expect-detection] | ID\n"
          "  --depth N    actions from the factory's state (4)\n"
          "  --states N   states at most in each of the three searches (20000)\n"
          "  --torn N     ways in which an operation is torn (1)\n"
          "  --fails      operations that fail, besides cuts\n"
          "  --print N    broken promises that are printed (5)\n"
          "  --expect-detection   succeeds when a promise is broken, and ends there\n"
          "  ID           explore#ACTION[@OPERATION:HOW:VARIANT],...: just these\n",
          stderr);
    return 2;
}

int main(int argc, char **argv) {
    bool expects_detection = false;
    char *id = NULL;
    search.depth_max = 4;
    search.states_max = 20000;
    search.torn = 1;
    search.printed = 5;
    for (int i = 1; i < argc; i++) {
        bool has_number = i + 1 < argc;
        if (strcmp(argv[i], "--expect-detection") == 0) {
            expects_detection = true;
        } else if (strcmp(argv[i], "--fails") == 0) {
            search.fails = true;
        } else if (strncmp(argv[i], "explore#", 8) == 0) {
            id = argv[i];
        } else if (strcmp(argv[i], "--depth") == 0 && has_number) {
            search.depth_max = (unsigned)strtoul(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--states") == 0 && has_number) {
            search.states_max = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--torn") == 0 && has_number) {
            search.torn = (unsigned)strtoul(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--print") == 0 && has_number) {
            search.printed = strtoull(argv[++i], NULL, 10);
        } else {
            return usage();
        }
    }
    if (search.depth_max == 0 || search.states_max < 2 || search.states_max > UINT32_MAX ||
        search.torn > 100) {
        return usage();
    }
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    signal(SIGABRT, on_abort);
    prepare();
    if (id != NULL) {
        return replay(id);
    }
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    uint64_t states = 0;
    unsigned complete[ALPHABET_COUNT] = {0};
    for (unsigned i = 0; i < ALPHABET_COUNT && !(expects_detection && search.failures != 0); i++) {
        static const char *const words[] = {"everything", "what hosts do, no cuts",
                                            "whole sessions, no cuts"};
        printf("explore: %s\n", words[i]);
        begin((enum alphabet)i);
        complete[i] = explore(expects_detection);
        states += search.count;
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    double seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
    printf("evidence: explore states=%" PRIu64 " transitions=%" PRIu64 " cuts=%" PRIu64
           " depth=%u depth_of_hosts=%u depth_of_sessions=%u failed=%" PRIu64 " seconds=%.0f\n",
           states, search.transitions, search.cuts, complete[0], complete[1], complete[2],
           search.failures, seconds);
    if (expects_detection) {
        printf("%s\n", search.failures != 0 ? "detected" : "NOT DETECTED");
        return search.failures != 0 ? 0 : 1;
    }
    // Less would mean that the world shrank.
    return search.failures == 0 && search.cuts > states / 10 ? 0 : 1;
}

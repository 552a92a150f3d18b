// SPDX-License-Identifier: MIT
//
// The cheapest sequence of tokens, but for a few bits: for each position and each offset, what it costs to
// get there with that offset as the last one. (The idea is that of Einar Saukas' optimal parser
// for ZX0: besides the best way to each position, only two ways an offset need to be kept.)

#include "firmware/pack/pack.h"

#include <stdbool.h>
#include <stdlib.h>

#include "port/stm32f4/unpack.h"

enum kind { LITERALS, REPEAT, MATCH };

// A way to `end`: its last token, and the way before it.
struct step {
    const struct step *before; // NULL: the beginning
    uint32_t cost;             // bits of all tokens, and one; 0: no such way
    uint32_t end;
    uint32_t offset;
    enum kind kind;
};

// Steps that others come behind stay for good.
struct arena {
    struct arena *next;
    size_t used;
    struct step steps[4096];
};

struct packer {
    const uint8_t *data;
    struct arena *arena;
    const struct step **best;          // to each position; NULL behind `begin`: none
    struct step *literals;             // by offset: the cheapest that ends here in literals
    struct step *copies;               // by offset: that ended last in a copy
    const struct step **kept_literals; // the same, as kept; NULL: not yet
    const struct step **kept_copies;
    uint32_t *lengths; // of a match that ends here: the best one up to that length
    bool is_out_of_memory;
};

static uint32_t number_bits(uint32_t value) {
    uint32_t bits = 1;
    for (; value > 1; value >>= 1) {
        bits += 2;
    }
    return bits;
}

static uint32_t length_bits(uint32_t len) {
    return len == UNPACK_MATCH_MIN ? 0 : number_bits(len - UNPACK_MATCH_MIN);
}

static uint32_t coded(uint32_t offset) {
    return offset / UNPACK_OFFSET_UNIT - 1;
}

static uint32_t match_bits(uint32_t offset, uint32_t len) {
    return 1 + number_bits((coded(offset) >> UNPACK_OFFSET_LOW_BITS) + 1) + 8 + length_bits(len);
}

static const struct step *keep(struct packer *p, const struct step *step) {
    if (!p->arena || p->arena->used == sizeof p->arena->steps / sizeof p->arena->steps[0]) {
        struct arena *arena = malloc(sizeof *arena);
        if (!arena) {
            p->is_out_of_memory = true;
            return NULL;
        }
        arena->next = p->arena;
        arena->used = 0;
        p->arena = arena;
    }
    struct step *kept = &p->arena->steps[p->arena->used++];
    *kept = *step;
    return kept;
}

static void reach_by_repeat(struct packer *p, uint32_t end, uint32_t offset) {
    const struct step *before = &p->literals[offset];
    if (before->cost == 0) {
        return;
    }
    if (!p->kept_literals[offset]) {
        p->kept_literals[offset] = keep(p, before);
    }
    p->copies[offset] = (struct step){
        .before = p->kept_literals[offset],
        .cost = before->cost + 1 + number_bits(end - before->end),
        .end = end,
        .offset = offset,
        .kind = REPEAT,
    };
    p->kept_copies[offset] = NULL;
}

static void reach_by_match(struct packer *p, uint32_t end, uint32_t offset, uint32_t longest) {
    uint32_t len = p->lengths[longest];
    if (len == 0) {
        return;
    }
    uint32_t cost = p->best[end - len]->cost + match_bits(offset, len);
    struct step *copy = &p->copies[offset];
    if (copy->end != end || cost < copy->cost) {
        *copy = (struct step){.before = p->best[end - len],
                              .cost = cost,
                              .end = end,
                              .offset = offset,
                              .kind = MATCH};
        p->kept_copies[offset] = NULL;
    }
}

static void reach_by_literals(struct packer *p, uint32_t end, uint32_t offset) {
    const struct step *before = &p->copies[offset];
    if (before->cost == 0) {
        return;
    }
    if (!p->kept_copies[offset]) {
        p->kept_copies[offset] = keep(p, before);
    }
    uint32_t len = end - before->end;
    p->literals[offset] = (struct step){
        .before = p->kept_copies[offset],
        .cost = before->cost + 1 + number_bits(len) + 8 * len,
        .end = end,
        .offset = offset,
        .kind = LITERALS,
    };
    p->kept_literals[offset] = NULL;
}

// Fills in lengths[] up to `longest` for matches that end at `end`.
static void find_lengths(struct packer *p, uint32_t begin, uint32_t end, uint32_t longest) {
    uint32_t best_cost = UINT32_MAX, best_len = 0;
    p->lengths[0] = p->lengths[1] = 0;
    for (uint32_t len = UNPACK_MATCH_MIN; len <= longest; len++) {
        const struct step *before = end - begin > len ? p->best[end - len] : NULL;
        if (before && before->cost + length_bits(len) < best_cost) {
            best_cost = before->cost + length_bits(len);
            best_len = len;
        }
        p->lengths[len] = best_len;
    }
}

// All ways to `end` from those to earlier positions. run[offset]: bytes before `end` that agree with
// those `offset` further back.
static void reach(struct packer *p, uint32_t begin, uint32_t end, uint32_t *run) {
    uint32_t longest = 1;
    for (uint32_t offset = UNPACK_OFFSET_UNIT; offset <= end; offset += UNPACK_OFFSET_UNIT) {
        // The first byte is a literal.
        bool agrees =
            end - 1 != begin && offset < end && p->data[end - 1] == p->data[end - 1 - offset];
        run[offset] = agrees ? run[offset] + 1 : 0;
        longest = run[offset] > longest ? run[offset] : longest;
    }
    find_lengths(p, begin, end, longest);
    const struct step *best = NULL;
    for (uint32_t offset = UNPACK_OFFSET_UNIT; offset <= end; offset += UNPACK_OFFSET_UNIT) {
        if (run[offset] > 0) {
            reach_by_repeat(p, end, offset);
            reach_by_match(p, end, offset, run[offset]);
        } else {
            reach_by_literals(p, end, offset);
        }
        const struct step *here = run[offset] > 0 ? &p->copies[offset] : &p->literals[offset];
        if (here->cost != 0 && here->end == end && (!best || here->cost < best->cost)) {
            best = here;
        }
    }
    p->best[end] = best ? keep(p, best) : NULL;
}

// --- writing ----------------------------------------------------------------------------------------

struct writer {
    uint8_t *bytes;
    size_t len;
    size_t bits_at; // the byte that bits go to
    unsigned bits_left;
};

static void put_bit(struct writer *out, bool bit) {
    if (out->bits_left == 0) {
        out->bits_at = out->len++;
        out->bytes[out->bits_at] = 0;
        out->bits_left = 8;
    }
    out->bits_left--;
    out->bytes[out->bits_at] |= (uint8_t)(bit << out->bits_left);
}

static void put_number(struct writer *out, uint32_t value) {
    unsigned top = 0;
    while (value >> (top + 1) != 0) {
        top++;
    }
    while (top-- > 0) {
        put_bit(out, true);
        put_bit(out, (value >> top) & 1u);
    }
    put_bit(out, false);
}

static void put_step(struct writer *out, const uint8_t *data, const struct step *step) {
    uint32_t from = step->before->end;
    uint32_t len = step->end - from;
    if (step->before->before) { // nothing is in front of the first
        put_bit(out, step->kind == MATCH);
    }
    switch (step->kind) {
    case LITERALS:
        put_number(out, len);
        for (uint32_t i = 0; i < len; i++) {
            out->bytes[out->len++] = data[from + i];
        }
        break;
    case REPEAT:
        put_number(out, len);
        break;
    case MATCH:
        put_number(out, (coded(step->offset) >> UNPACK_OFFSET_LOW_BITS) + 1);
        out->bytes[out->len++] = (uint8_t)(coded(step->offset) << 1) | (len == UNPACK_MATCH_MIN);
        if (len > UNPACK_MATCH_MIN) {
            put_number(out, len - UNPACK_MATCH_MIN);
        }
        break;
    }
}

static uint8_t *write_steps(const uint8_t *data, const struct step *last, size_t *packed_len) {
    size_t count = 0;
    for (const struct step *step = last; step && step->before; step = step->before) {
        count++;
    }
    const struct step **order = malloc((count + 1) * sizeof(struct step *));
    struct writer out = {.bytes = malloc((last ? last->cost / 8 : 0) + 16)};
    if (!order || !out.bytes) {
        free(order);
        free(out.bytes);
        return NULL;
    }
    size_t at = count;
    for (const struct step *step = last; at > 0; step = step->before) {
        order[--at] = step;
    }
    for (size_t i = 0; i < count; i++) {
        put_step(&out, data, order[i]);
    }
    if (count > 0) {
        put_bit(&out,
                false); // unpack() looks for what comes next before it sees that the room is full
    }
    free(order);
    *packed_len = out.len;
    return out.bytes;
}

static void release(struct packer *p) {
    while (p->arena) {
        struct arena *next = p->arena->next;
        free(p->arena);
        p->arena = next;
    }
    free(p->best);
    free(p->literals);
    free(p->copies);
    free(p->kept_literals);
    free(p->kept_copies);
    free(p->lengths);
}

uint8_t *pack(const uint8_t *data, size_t begin, size_t len, size_t *packed_len) {
    size_t count = len + 1 + UNPACK_OFFSET_UNIT; // offsets reach len, or the first that is none
    struct packer p = {
        .data = data,
        .best = calloc(count, sizeof *p.best),
        .literals = calloc(count, sizeof *p.literals),
        .copies = calloc(count, sizeof *p.copies),
        .kept_literals = calloc(count, sizeof *p.kept_literals),
        .kept_copies = calloc(count, sizeof *p.kept_copies),
        .lengths = calloc(count, sizeof *p.lengths),
    };
    uint32_t *run = calloc(count, sizeof *run);
    uint8_t *packed = NULL;
    if (p.best && p.literals && p.copies && p.kept_literals && p.kept_copies && p.lengths && run) {
        // As if a copy by the smallest offset had just ended at the beginning: unpack() begins so.
        p.copies[UNPACK_OFFSET_UNIT] = (struct step){
            .cost = 1, .end = (uint32_t)begin, .offset = UNPACK_OFFSET_UNIT, .kind = REPEAT};
        for (size_t end = begin + 1; end <= len && !p.is_out_of_memory; end++) {
            reach(&p, (uint32_t)begin, (uint32_t)end, run);
        }
        packed = p.is_out_of_memory
                     ? NULL
                     : write_steps(data, len > begin ? p.best[len] : NULL, packed_len);
    }
    free(run);
    release(&p);
    return packed;
}

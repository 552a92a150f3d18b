// SPDX-License-Identifier: MIT

#include "vboard/cut.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SEED_DEFAULT 1u
#define NUMBER_MAX   "18446744073709551615" // UINT64_MAX

// --- words -----------------------------------------------------------------------------------------

// A number in plain digits that ends at one of `ends`; NULL if it is none.
static const char *digits(const char *text, const char *ends, uint64_t *value) {
    char *end;
    if (*text < '0' || *text > '9') {
        return NULL;
    }
    errno = 0;
    *value = strtoull(text, &end, 10);
    return errno == 0 && strchr(ends, *end) ? end : NULL; // strchr finds the '\0' too
}

static const char *read_flash(const char *text, struct cut_when *cut) {
    const char *rest = digits(text, ",", &cut->number);
    if (!rest || cut->number == 0) {
        return "no number of a flash operation; they count from 1 to " NUMBER_MAX;
    }
    if (*rest == ',') {
        cut->is_torn = strncmp(rest, ",torn", 5) == 0;
        if (!cut->is_torn || (rest[5] != '\0' && rest[5] != '=')) {
            return "not " CUT_FORM;
        }
        if (rest[5] == '=' && !digits(rest + 6, "", &cut->seed)) {
            return "the seed is a number, at most " NUMBER_MAX;
        }
    }
    return NULL;
}

const char *cut_read(const char *text, struct cut_when *when) {
    struct cut_when cut = {.seed = SEED_DEFAULT};
    const char *wrong = "not " CUT_FORM;
    if (strncmp(text, "flash:", 6) == 0) {
        cut.kind = CUT_FLASH;
        wrong = read_flash(text + 6, &cut);
    } else if (strncmp(text, "insn:", 5) == 0) {
        cut.kind = CUT_INSTRUCTION;
        wrong = digits(text + 5, "", &cut.number) && cut.number != 0
                    ? NULL
                    : "no number of an instruction; they count from 1 to " NUMBER_MAX;
    }
    if (!wrong) {
        *when = cut;
    }
    return wrong;
}

// --- the cut ---------------------------------------------------------------------------------------

static void at_flash_op(void *ctx, const struct chip_flash_op *op) {
    static const char *const kinds[] = {
        [CHIP_FLASH_ERASE] = "erase",     [CHIP_FLASH_MASS_ERASE] = "mass-erase",
        [CHIP_FLASH_PROGRAM] = "program", [CHIP_FLASH_OPTION] = "option",
        [CHIP_FLASH_OTP] = "otp",
    };
    struct cut *cut = ctx;
    if (++cut->flash_ops != cut->when.number || cut->has_happened) {
        return;
    }
    cut->has_happened = true;
    if (cut->when.is_torn) {
        chip_power_off_inside(cut->chip);
    } else {
        chip_power_off(cut->chip);
    }
    trace_event(cut->trace, TRACE_FLASH, "cut",
                "number=%" PRIu64 " kind=%s addr=0x%08" PRIx32 " len=%" PRIu32 " mode=%s",
                cut->flash_ops, kinds[op->kind], op->addr, op->len,
                cut->when.is_torn ? "torn" : "before");
}

static void at_instruction(void *ctx) {
    struct cut *cut = ctx;
    cut->has_happened = true;
    uint32_t pc = cpu_pc(chip_cpu(cut->chip));
    chip_power_off(cut->chip);
    trace_event(cut->trace, TRACE_CPU, "cut", "number=%" PRIu64 " pc=0x%08" PRIx32,
                cut->when.number, pc);
}

// The chip's hooks, as far as this cut is still to come.
static void hook(struct cut *cut) {
    bool is_to_come = !cut->has_happened;
    if (cut->when.kind == CUT_FLASH) {
        chip_set_tear_seed(cut->chip, cut->when.seed);
        chip_on_flash_op(cut->chip, is_to_come ? at_flash_op : NULL, cut);
    } else if (cut->when.kind == CUT_INSTRUCTION) {
        uint64_t number = cut->when.number - 1;
        number = number < UINT64_MAX - cut->first_instruction ? number + cut->first_instruction
                                                              : UINT64_MAX;
        chip_on_instruction(cut->chip, is_to_come ? number : 0, at_instruction, cut);
    }
}

void cut_arm(struct cut *cut, struct chip *chip, struct trace *trace, const struct cut_when *when) {
    cut_disarm(cut);
    *cut = (struct cut){
        .chip = chip,
        .trace = trace,
        .when = *when,
        .first_instruction = cpu_instructions(chip_cpu(chip)) + 1,
    };
    hook(cut);
}

void cut_disarm(struct cut *cut) {
    if (cut->when.kind != CUT_NONE) {
        chip_on_flash_op(cut->chip, NULL, NULL);
        chip_on_instruction(cut->chip, 0, NULL, NULL);
    }
    cut->when.kind = CUT_NONE;
}

void cut_restored(struct cut *cut) {
    if (cut->chip) {
        chip_on_flash_op(cut->chip, NULL, NULL);
        chip_on_instruction(cut->chip, 0, NULL, NULL);
        hook(cut);
    }
}

uint64_t cut_passed(const struct cut *cut) {
    return cut->when.kind == CUT_INSTRUCTION
               ? cpu_instructions(chip_cpu(cut->chip)) + 1 - cut->first_instruction
               : cut->flash_ops;
}

const char *cut_unit(const struct cut *cut) {
    return cut->when.kind == CUT_INSTRUCTION ? "instruction" : "flash operation";
}

// SPDX-License-Identifier: MIT
//
// The clock that ties the processor's cycles to virtual time, sleep, and the processor as something that the
// timeline lets run.

#include "vboard/chip/chip_internal.h"

uint64_t chip_time_now(const struct chip *chip) {
    uint64_t cycles = cpu_cycles(chip->cpu) - chip->base_cycles;
    return chip->base_ps + (uint64_t)((unsigned __int128)cycles * PS_PER_S / chip->core_hz);
}

// The first cycle that is not before an instant.
static uint64_t cycle_at(const struct chip *chip, uint64_t at_ps) {
    if (at_ps <= chip->base_ps) {
        return chip->base_cycles;
    }
    unsigned __int128 scaled = (unsigned __int128)(at_ps - chip->base_ps) * chip->core_hz;
    return chip->base_cycles + (uint64_t)((scaled + PS_PER_S - 1) / PS_PER_S);
}

void chip_let_pass(struct chip *chip, uint64_t until_ps) {
    uint64_t target = cycle_at(chip, until_ps);
    uint64_t cycles = cpu_cycles(chip->cpu);

    if (target > cycles) {
        cpu_stall(chip->cpu, target - cycles);
    }
}

void chip_take_time(struct chip *chip, uint64_t ps) {
    chip_let_pass(chip, chip_time_now(chip) + ps);
}

void chip_set_core_hz(struct chip *chip, uint64_t hz) {
    if (hz == chip->core_hz) {
        return;
    }
    chip->base_ps = chip_time_now(chip);
    chip->base_cycles = cpu_cycles(chip->cpu);
    chip->core_hz = hz;
    // The cycle at which the slice ends was worked out for the old clock.
    cpu_break(chip->cpu);
}

void chip_rebase(struct chip *chip) {
    // Not timeline_now(): inside run() that asks this very clock.
    chip->base_ps = chip->timeline->now_ps;
    chip->base_cycles = cpu_cycles(chip->cpu);
}

void chip_stand_still(struct chip *chip, uint64_t until_ps) {
    while (chip->is_running && chip->pending_reset == RESET_NONE) {
        uint64_t now_ps = chip_time_now(chip);
        uint64_t limit_ps = timeline_limit(chip->timeline);
        if (now_ps >= until_ps) {
            return;
        }
        uint64_t step_ps = timeline_next(chip->timeline);
        step_ps = step_ps < until_ps ? step_ps : until_ps;
        step_ps = step_ps < limit_ps ? step_ps : limit_ps;
        step_ps = step_ps > now_ps ? step_ps : now_ps;
        chip_let_pass(chip, step_ps);
        timeline_pass(chip->timeline, step_ps);
        if (chip->timeline->stop || step_ps >= limit_ps) {
            // The run ends in the middle of the stall. The processor cannot be left inside an
            // access, so it finishes this one instruction with its clock at the stall's end, and
            // the timeline does not run it before that instant. Events until then still fire at
            // their time; only this instruction does not see what they do.
            break;
        }
    }
    if (chip->pending_reset == RESET_NONE) {
        chip_let_pass(chip, until_ps);
    }
}

// --- the processor as a runner of the timeline ---------------------------------------------------------

static void skip_sleep(struct chip *chip, uint64_t until_cycle) {
    uint64_t cycles = cpu_cycles(chip->cpu);
    uint64_t wake = cpu_next_wake(chip->cpu);
    uint64_t target = wake < until_cycle ? wake : until_cycle;

    // At least one cycle, so that a processor that finds nothing to wake for makes way.
    cpu_stall(chip->cpu, target > cycles ? target - cycles : 1);
}

// How far the processor may run without passing the instruction of the hook, which is called here
// when that one is next: an instruction takes a cycle at least.
static uint64_t before_hook(struct chip *chip, uint64_t until_cycle) {
    if (!chip->hook_number) {
        return until_cycle;
    }
    uint64_t left = chip->hook_number - 1 - cpu_instructions(chip->cpu);
    uint64_t cycles = cpu_cycles(chip->cpu);
    if (left == 0 && chip->pending_reset == RESET_NONE) {
        chip->hook_number = 0;
        chip->instruction_hook(chip->instruction_ctx);
        return until_cycle;
    }
    return until_cycle > cycles && until_cycle - cycles > left ? cycles + left : until_cycle;
}

static uint64_t run(void *ctx, uint64_t until_ps) {
    struct chip *chip = ctx;

    if (!chip->is_powered || chip->supply.is_held || low_power_is_off(chip)) {
        return until_ps;
    }
    chip->is_running = true;
    chip->is_interrupted = false;
    while (chip->is_powered && !chip->is_interrupted && chip_time_now(chip) < until_ps) {
        uint64_t until_cycle = cycle_at(chip, until_ps);
        enum cpu_stop stop = cpu_run(chip->cpu, before_hook(chip, until_cycle));

        if (stop == CPU_STOP_DEBUG && chip->debug_hook) {
            chip->debug_hook(chip->debug_ctx);
        }
        if (chip->pending_reset == RESET_POWER_OFF) {
            chip_perform_power_off(chip);
        } else if (chip->pending_reset != RESET_NONE) {
            chip_perform_reset(chip, chip->pending_reset);
            if (chip->supply.is_held) {
                chip_let_pass(chip, until_ps);
            }
        } else if (stop == CPU_STOP_SLEEP && cpu_sleeps_deep(chip->cpu)) {
            low_power_enter(chip);
            if (chip->low_power.mode != LOW_POWER_NONE && chip->pending_reset == RESET_NONE) {
                break;
            }
        } else if (stop == CPU_STOP_SLEEP && !chip->is_interrupted) {
            skip_sleep(chip, until_cycle);
        } else if (stop == CPU_STOP_LOCKUP) {
            chip_let_pass(chip, until_ps);
        }
    }
    chip->is_running = false;
    return chip_time_now(chip);
}

static void interrupt(void *ctx) {
    struct chip *chip = ctx;
    chip->is_interrupted = true;
    cpu_break(chip->cpu);
}

static uint64_t runner_now(void *ctx) {
    return chip_time_now(ctx);
}

struct runner chip_runner(struct chip *chip) {
    return (struct runner){.run = run, .interrupt = interrupt, .now = runner_now, .ctx = chip};
}

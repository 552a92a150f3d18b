// SPDX-License-Identifier: MIT
//
// Semihosting calls one by one. R0 has the call, R1 its argument or where its arguments are; the answer goes
// to R0. Memory is reached as a debugger does, so no call faults: what cannot be reached fails the call.

#include "vboard/semihosting.h"

#include <inttypes.h>
#include <string.h>

enum call {
    SYS_OPEN = 0x01,
    SYS_CLOSE = 0x02,
    SYS_WRITEC = 0x03,
    SYS_WRITE0 = 0x04,
    SYS_WRITE = 0x05,
    SYS_READ = 0x06,
    SYS_READC = 0x07,
    SYS_ISERROR = 0x08,
    SYS_ISTTY = 0x09,
    SYS_SEEK = 0x0A,
    SYS_FLEN = 0x0C,
    SYS_TMPNAM = 0x0D,
    SYS_REMOVE = 0x0E,
    SYS_RENAME = 0x0F,
    SYS_CLOCK = 0x10,
    SYS_TIME = 0x11,
    SYS_SYSTEM = 0x12,
    SYS_ERRNO = 0x13,
    SYS_GET_CMDLINE = 0x15,
    SYS_HEAPINFO = 0x16,
    SYS_EXIT = 0x18,
    SYS_EXIT_EXTENDED = 0x20,
    SYS_ELAPSED = 0x30,
    SYS_TICKFREQ = 0x31,
};

#define FAILED                       0xFFFFFFFFu
#define ADP_STOPPED_APPLICATION_EXIT 0x20026u
#define ERRNO_EACCES                 13u // newlib's, and everybody's
#define TEXT_MAX                     4096u

// What SYS_OPEN of ":tt" gives by its mode: 0-3 read, 4-7 write, 8-11 append (standard error).
enum handle { HANDLE_IN = 1, HANDLE_OUT, HANDLE_ERROR, HANDLE_FEATURES };

// ":semihosting-features": magic, then SYS_EXIT_EXTENDED is there and standard error is apart.
static const uint8_t features[SEMIHOSTING_FEATURES_LEN] = {'S', 'H', 'F', 'B', 0x03};

static uint32_t argument(struct semihosting *semihosting, unsigned index) {
    struct cpu *cpu = chip_cpu(semihosting->chip);
    uint32_t value = 0;
    (void)cpu_peek(cpu, cpu_register(cpu, 1) + 4 * index, 4, &value);
    return value;
}

static bool byte_at(struct semihosting *semihosting, uint32_t addr, uint8_t *byte) {
    uint32_t value = 0;
    bool is_there = cpu_peek(chip_cpu(semihosting->chip), addr, 1, &value);
    *byte = (uint8_t)value;
    return is_there;
}

static bool put(struct semihosting *semihosting, uint32_t addr, const void *bytes, uint32_t len) {
    return chip_poke(semihosting->chip, addr, bytes, len);
}

static bool is_flash(uint32_t addr) {
    return addr - 0x08000000u < 0x08000000u; // a debugger would not program it for this
}

static void show(struct semihosting *semihosting, uint8_t byte) {
    (void)fputc(byte, semihosting->out);
    if (byte == '\n') {
        (void)fflush(semihosting->out); // somebody may be watching
    }
}

static void show_string(struct semihosting *semihosting, uint32_t addr) {
    uint8_t byte;
    while (byte_at(semihosting, addr++, &byte) && byte != 0) {
        show(semihosting, byte);
    }
}

// The name a call is about, for a sentence.
static void name_at(struct semihosting *semihosting, uint32_t addr, uint32_t len,
                    char name[TEXT_MAX]) {
    uint32_t i = 0;
    uint8_t byte;
    while (i < len && i + 1 < TEXT_MAX && byte_at(semihosting, addr + i, &byte) && byte != 0) {
        name[i++] = (char)byte;
    }
    name[i] = '\0';
}

static uint32_t refuse_file(struct semihosting *semihosting, const char *call, uint32_t addr,
                            uint32_t len) {
    char name[TEXT_MAX];
    name_at(semihosting, addr, len, name);
    trace_complaint(semihosting->trace, "semihosting-file", name,
                    "%s of %.200s (semihosting, at 0x%08" PRIx32
                    "): files of the host are not touched, the call fails",
                    call, name, cpu_pc(chip_cpu(semihosting->chip)));
    return FAILED;
}

static uint32_t sys_open(struct semihosting *semihosting) {
    char name[TEXT_MAX];
    uint32_t addr = argument(semihosting, 0), mode = argument(semihosting, 1),
             len = argument(semihosting, 2);
    name_at(semihosting, addr, len, name);
    if (strcmp(name, ":tt") == 0) {
        return mode < 4 ? HANDLE_IN : mode < 8 ? HANDLE_OUT : HANDLE_ERROR;
    }
    if (strcmp(name, ":semihosting-features") == 0 && mode < 4) {
        semihosting->features_read = 0;
        return HANDLE_FEATURES;
    }
    return refuse_file(semihosting, "SYS_OPEN", addr, len);
}

// Both answer how many bytes were left.
static uint32_t sys_write(struct semihosting *semihosting) {
    uint32_t handle = argument(semihosting, 0), addr = argument(semihosting, 1),
             len = argument(semihosting, 2);
    uint8_t byte;
    if (handle != HANDLE_OUT && handle != HANDLE_ERROR) {
        return len;
    }
    while (len > 0 && byte_at(semihosting, addr++, &byte)) {
        show(semihosting, byte);
        len--;
    }
    return len;
}

static int next(struct semihosting *semihosting, uint32_t handle) {
    if (handle == HANDLE_FEATURES && semihosting->features_read < sizeof features) {
        return features[semihosting->features_read++];
    }
    return handle == HANDLE_IN && semihosting->in ? fgetc(semihosting->in) : EOF;
}

static uint32_t sys_read(struct semihosting *semihosting) {
    uint32_t handle = argument(semihosting, 0), addr = argument(semihosting, 1),
             len = argument(semihosting, 2);
    while (len > 0 && !is_flash(addr) && chip_has_memory(semihosting->chip, addr, 1)) {
        int got = next(semihosting, handle);
        uint8_t byte = (uint8_t)got;
        if (got == EOF || !put(semihosting, addr++, &byte, 1)) {
            break;
        }
        len--;
        if (byte == '\n' && handle == HANDLE_IN) {
            break; // a console reads by lines
        }
    }
    return len;
}

// An empty command line.
static uint32_t sys_get_cmdline(struct semihosting *semihosting) {
    uint32_t block = cpu_register(chip_cpu(semihosting->chip), 1);
    static const uint8_t zeros[4] = {0};
    bool is_put = argument(semihosting, 1) > 0 && !is_flash(argument(semihosting, 0)) &&
                  put(semihosting, argument(semihosting, 0), zeros, 1) && !is_flash(block) &&
                  put(semihosting, block + 4, zeros, 4);
    return is_put ? 0 : FAILED;
}

// Zeros: the C library's own answer for heap and stack is to be taken.
static uint32_t sys_heapinfo(struct semihosting *semihosting) {
    static const uint8_t zeros[16] = {0};
    uint32_t addr = argument(semihosting, 0);
    if (!is_flash(addr)) {
        (void)put(semihosting, addr, zeros, sizeof zeros);
    }
    return 0;
}

static uint32_t sys_elapsed(struct semihosting *semihosting) {
    uint64_t us = timeline_now(semihosting->timeline) / PS_PER_US;
    uint32_t addr = cpu_register(chip_cpu(semihosting->chip), 1);
    uint8_t bytes[8];
    for (unsigned i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(us >> 8 * i);
    }
    return !is_flash(addr) && put(semihosting, addr, bytes, sizeof bytes) ? 0 : FAILED;
}

static void end(struct semihosting *semihosting, uint32_t reason, uint32_t code) {
    semihosting->has_ended = true;
    // What a shell can be told: 0, or 1 to 255.
    semihosting->status = reason != ADP_STOPPED_APPLICATION_EXIT ? 1
                          : code == 0                            ? 0
                          : code & 0xFF                          ? (int)(code & 0xFF)
                                                                 : 1;
    (void)fflush(semihosting->out);
    trace_event(semihosting->trace, TRACE_CPU, "semihosting-exit",
                "reason=0x%05" PRIx32 " code=%" PRIu32, reason, code);
    timeline_stop(semihosting->timeline);
}

static uint32_t unknown(struct semihosting *semihosting, uint32_t call) {
    char key[16];
    (void)snprintf(key, sizeof key, "%" PRIx32, call);
    trace_complaint(semihosting->trace, "semihosting-call", key,
                    "semihosting call 0x%02" PRIx32 " at 0x%08" PRIx32
                    ": not one of Arm's, or not answered here; the call fails",
                    call, cpu_pc(chip_cpu(semihosting->chip)));
    return FAILED;
}

static uint32_t answer(struct semihosting *semihosting, uint32_t call, uint32_t r1) {
    uint8_t byte = 0;
    switch ((enum call)call) {
    case SYS_OPEN:
        return sys_open(semihosting);
    case SYS_CLOSE:
        return 0;
    case SYS_WRITEC:
        (void)byte_at(semihosting, r1, &byte);
        show(semihosting, byte);
        return 0;
    case SYS_WRITE0:
        show_string(semihosting, r1);
        return 0;
    case SYS_WRITE:
        return sys_write(semihosting);
    case SYS_READ:
        return sys_read(semihosting);
    case SYS_READC:
        return (uint32_t)next(semihosting, HANDLE_IN);
    case SYS_ISERROR:
        return argument(semihosting, 0) >> 31;
    case SYS_ISTTY:
        return argument(semihosting, 0) <= HANDLE_ERROR;
    case SYS_SEEK:
        if (argument(semihosting, 0) == HANDLE_FEATURES) {
            semihosting->features_read = argument(semihosting, 1);
            return 0;
        }
        return FAILED;
    case SYS_FLEN:
        return argument(semihosting, 0) == HANDLE_FEATURES ? (uint32_t)sizeof features : 0;
    case SYS_REMOVE:
        return refuse_file(semihosting, "SYS_REMOVE", argument(semihosting, 0),
                           argument(semihosting, 1));
    case SYS_RENAME:
        return refuse_file(semihosting, "SYS_RENAME", argument(semihosting, 0),
                           argument(semihosting, 1));
    case SYS_SYSTEM:
        return refuse_file(semihosting, "SYS_SYSTEM", argument(semihosting, 0),
                           argument(semihosting, 1));
    case SYS_CLOCK: // hundredths of a second
        return (uint32_t)(timeline_now(semihosting->timeline) / (10 * PS_PER_MS));
    case SYS_TIME: // of a run that begins on 1 January 1970, so that it repeats
        return (uint32_t)(timeline_now(semihosting->timeline) / PS_PER_S);
    case SYS_ERRNO:
        return ERRNO_EACCES;
    case SYS_GET_CMDLINE:
        return sys_get_cmdline(semihosting);
    case SYS_HEAPINFO:
        return sys_heapinfo(semihosting);
    case SYS_ELAPSED:
        return sys_elapsed(semihosting);
    case SYS_TICKFREQ:
        return 1000000;
    case SYS_EXIT: // AArch32: the reason itself
        end(semihosting, r1, 0);
        return 0;
    case SYS_EXIT_EXTENDED:
        end(semihosting, argument(semihosting, 0), argument(semihosting, 1));
        return 0;
    case SYS_TMPNAM:
        return FAILED;
    default:
        return unknown(semihosting, call);
    }
}

static enum cpu_semihosting called(void *ctx) {
    struct semihosting *semihosting = ctx;
    struct cpu *cpu = chip_cpu(semihosting->chip);
    uint32_t value = answer(semihosting, cpu_register(cpu, 0), cpu_register(cpu, 1));
    if (semihosting->has_ended) {
        return CPU_SEMIHOSTING_PARK;
    }
    cpu_set_register(cpu, 0, value);
    return CPU_SEMIHOSTING_DONE;
}

void semihosting_start(struct semihosting *semihosting, struct chip *chip,
                       struct timeline *timeline, struct trace *trace, FILE *out, FILE *in) {
    *semihosting = (struct semihosting){
        .chip = chip, .timeline = timeline, .trace = trace, .out = out, .in = in};
    chip_on_semihosting(chip, called, semihosting);
}

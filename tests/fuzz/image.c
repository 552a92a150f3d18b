// SPDX-License-Identifier: MIT
//
// Hostile USB against the image of redfu-boot as built, on the virtual board: control requests of any kind and length,
// transfers given up at any moment, bus resets, silence. Guided by the image's own code: an input after which the
// interpreter has decoded instructions that no input before had reached is kept and varied further.
//
// Held after every input, and during it:
//
// - no operation on the bootloader's sector or outside flash's announced sectors; the bootloader's sector is as it was;
// - no fault, no lockup, no fetch or read of flash while it is written;
// - after a bus reset the board answers GET_DESCRIPTOR and takes an address, or the application has been started (a host may say leave).
//
// An input is a list of steps of STEP_BYTES; each run begins from the same snapshot: DFU mode, configured, an application in flash.
// A failure leaves fuzz-image-crash, which given as an argument runs again.

#include "tests/board/host.h"

#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "spec/boot.h"
#include "spec/bytes.h"
#include "spec/region_hash.h"
#include "spec/usb.h"

#define STEP_BYTES   16u // kind, time, SETUP, 6 bytes that the data are made of
#define STEPS_MAX    16u
#define INPUT_MAX    (STEP_BYTES * STEPS_MAX)
#define INPUTS_MAX   4096u
#define SECTOR_BYTES 0x4000u
// Where DFU mode's code lies in SRAM, with room.
#define CODE_BASE    0x20000000u
#define CODE_BYTES   0x8000u
// A transfer that flash keeps waiting; longer ones are given up.
#define TRANSFER_PS  (30 * PS_PER_MS)

enum step_kind {
    TRANSFER,
    GIVEN_UP,
    BUS_RESET,
    SILENCE,
    DFU_BLOCK,
    DFU_COMMAND,
    DFU_REQUEST,
    KIND_COUNT
};

struct input {
    uint32_t len;
    uint8_t bytes[INPUT_MAX];
};

static struct bench *bench;
static uint8_t address;
static uint8_t boot[SECTOR_BYTES];
static uint8_t seen[CODE_BYTES / 2];
static unsigned seen_count;
static struct input inputs[INPUTS_MAX], current;
static unsigned input_count;
static uint64_t seed = 1;
static const char *kept_in; // folder; NULL: nowhere

static uint32_t draw(uint32_t below) {
    seed = seed * 6364136223846793005u + 1442695040888963407u; // Knuth's MMIX
    return (uint32_t)(seed >> 33) % below;
}

static _Noreturn void found(const char *what) {
    FILE *file = fopen("fuzz-image-crash", "wb");
    if (file) {
        fwrite(current.bytes, 1, current.len, file);
        fclose(file);
    }
    printf("fuzz image: %s; the input is in fuzz-image-crash\n", what);
    fflush(stdout);
    _Exit(77);
}

static void on_abort(int number) {
    (void)number;
    found("an assertion failed (above)");
}

static void watch_flash(void *ctx, const struct chip_flash_op *op) {
    (void)ctx;
    if ((op->kind != CHIP_FLASH_ERASE && op->kind != CHIP_FLASH_PROGRAM) ||
        op->addr < FLASH_BASE + SECTOR_BYTES || op->addr + op->len > FLASH_BASE + 0x100000u) {
        found("a flash operation outside the sectors that may change");
    }
}

// --- Running -------------------------------------------------------------------------------------

static enum cable_status transfer(const struct usb_setup *setup, uint8_t *data,
                                  uint64_t timeout_ps) {
    uint32_t moved;
    return bench_transfer_to(bench, address, setup, data, &moved, timeout_ps);
}

static void bus_reset(void) {
    cable_bus_reset(bench->cable, NULL, NULL);
    bench_run_ms(bench, 52);
    address = 0;
}

static void addressed(void) {
    const struct usb_setup set = {0, USB_SET_ADDRESS, 9, 0, 0};
    const struct usb_setup configure = {0, USB_SET_CONFIGURATION, 1, 0, 0};
    if (transfer(&set, NULL, TRANSFER_PS) == CABLE_OK) {
        address = 9;
    }
    bench_run_ms(bench, 2);
    (void)transfer(&configure, NULL, TRANSFER_PS);
}

static void step(const uint8_t *at) {
    static uint8_t data[65536];
    struct usb_setup setup = {at[2], at[3], load_le16(at + 4), load_le16(at + 6),
                              load_le16(at + 8)};
    uint64_t timeout_ps = TRANSFER_PS;
    switch (at[0] % KIND_COUNT) {
    case BUS_RESET:
        bus_reset();
        addressed();
        return;
    case SILENCE:
        bench_run_ms(bench, at[1]);
        return;
    case GIVEN_UP:
        timeout_ps = (uint64_t)at[1] * at[1] * PS_PER_US / 16u + PS_PER_US;
        break;
    case DFU_BLOCK: // near the beginning, of a plausible length
        setup = (struct usb_setup){0x21, DFU_DNLOAD, at[4] % 8u, 0, load_le16(at + 8) % 2100u};
        break;
    case DFU_COMMAND:
        setup = (struct usb_setup){0x21, DFU_DNLOAD, 0, 0, at[8] % 4u ? 5 : at[8] % 7u};
        break;
    case DFU_REQUEST:
        setup.bmRequestType =
            at[3] % 7u == DFU_UPLOAD || at[3] % 7u == DFU_GETSTATUS || at[3] % 7u == DFU_GETSTATE
                ? 0xa1
                : 0x21;
        setup.bRequest = at[3] % 7u;
        setup.wIndex = 0;
        setup.wValue %= 16u;
        setup.wLength = setup.bRequest == DFU_UPLOAD      ? setup.wLength % 2100u
                        : setup.bRequest == DFU_GETSTATUS ? 6
                        : setup.bRequest == DFU_GETSTATE  ? 1
                                                          : 0;
        break;
    default:
        break;
    }
    for (unsigned i = 0; i < setup.wLength && !(setup.bmRequestType & USB_DIR_IN); i++) {
        data[i] = (uint8_t)(at[10 + i % 6u] + i / 6u);
    }
    if (at[0] % KIND_COUNT == DFU_COMMAND) {
        static const uint32_t places[] = {APPLICATION, 0x08010000u, 0x08020000u, 0x08000000u,
                                          0x08004000u, 0x080fff00u, 0x5e700000u, 0x1fff0000u};
        data[0] = at[10] % 4u ? 0x21u + (at[10] & 1u) * 0x20u : at[10];
        store_le32(data + 1, places[at[11] % 8u] + at[12] * (at[13] & 3u));
    }
    enum cable_status status = transfer(&setup, data, timeout_ps);
    bool is_address = setup.bmRequestType == 0 && setup.bRequest == USB_SET_ADDRESS;
    if (is_address && status == CABLE_OK) {
        address = setup.wValue & 0x7fu;
        bench_run_ms(bench, 2);
    }
}

static void look(void) {
    struct cpu *cpu = chip_cpu(bench->chip);
    if (trace_complaints(&bench->trace, "hardfault") != 0 ||
        trace_complaints(&bench->trace, "lockup") != 0 ||
        trace_complaints(&bench->trace, "no-vector-table") != 0 ||
        trace_complaints(&bench->trace, "undefined-instruction") != 0) {
        found("a fault");
    }
    if (chip_flash_stalls(bench->chip).count != 0) {
        found("flash was read while it was written");
    }
    if (memcmp(chip_flash(bench->chip), boot, sizeof boot) != 0) {
        found("the bootloader's sector has changed");
    }
    uint8_t descriptor[18];
    const struct usb_setup get = {0x80, USB_GET_DESCRIPTOR, 0x0100, 0, sizeof descriptor};
    for (unsigned tries = 0; tries < 4; tries++) {
        bus_reset();
        if (cpu_vtor(cpu) == APPLICATION) {
            return; // a host has said leave
        }
        if (transfer(&get, descriptor, 5 * PS_PER_S) == CABLE_OK && descriptor[0] == 18) {
            addressed();
            if (address != 0) {
                return;
            }
        }
        bench_run_ms(bench, 150); // it may be leaving
    }
    found("no answer after a bus reset");
}

// Instructions that no input before has reached.
static unsigned news(void) {
    struct cpu *cpu = chip_cpu(bench->chip);
    unsigned count = 0;
    for (uint32_t off = 0; off < CODE_BYTES; off += 2) {
        if (!seen[off / 2] && cpu_code_is_decoded(cpu, CODE_BASE + off, 2)) {
            seen[off / 2] = 1;
            count++;
        }
    }
    seen_count += count;
    return count;
}

static unsigned run(const struct snapshot *start) {
    snapshot_restore(start);
    address = bench->device ? bench->device->address : 0;
    for (uint32_t at = 0; at + STEP_BYTES <= current.len; at += STEP_BYTES) {
        step(current.bytes + at);
    }
    look();
    return news();
}

// --- Inputs --------------------------------------------------------------------------------------

static void draw_step(uint8_t *at) {
    static const uint8_t requests[] = {USB_GET_DESCRIPTOR,
                                       USB_SET_INTERFACE,
                                       USB_SET_CONFIGURATION,
                                       REGION_HASH_REQUEST,
                                       BOOT_REPORT_REQUEST,
                                       0x4d,
                                       0x57};
    static const uint8_t types[] = {0x00, 0x80, 0x01, 0x81, 0x21, 0xa1,
                                    0x40, 0xc0, 0xc1, 0x02, 0x82};
    for (unsigned i = 0; i < STEP_BYTES; i++) {
        at[i] = (uint8_t)draw(256);
    }
    if (at[0] % KIND_COUNT <= GIVEN_UP) {
        at[2] = draw(8) ? types[draw(sizeof types)] : at[2];
        at[3] = draw(4) == 0 ? at[3]
                : draw(2)    ? requests[draw(sizeof requests)]
                             : (uint8_t)draw(14);
        at[4] = draw(2) ? (uint8_t)draw(4) : at[4];
        at[5] = draw(2) ? 0 : (uint8_t)(draw(4) ? draw(16) : at[5]);
        at[6] = draw(2) ? (uint8_t)draw(10) : at[6];
        at[7] = draw(4) ? 0 : at[7];
        at[9] = draw(4) ? 0 : at[9] % 12u;
    }
    if (at[0] % KIND_COUNT == BUS_RESET && draw(4)) {
        at[0] = DFU_REQUEST;
    }
}

static void vary(void) {
    current = input_count > 0 && draw(16) ? inputs[draw(input_count)] : (struct input){0};
    for (unsigned changes = 1 + draw(4); changes > 0; changes--) {
        unsigned steps = current.len / STEP_BYTES;
        uint8_t *at = current.bytes + (steps ? draw(steps) : 0) * STEP_BYTES;
        switch (steps ? draw(5) : 0) {
        case 0:
        case 1: // one more at the end
            if (steps < STEPS_MAX) {
                draw_step(current.bytes + current.len);
                current.len += STEP_BYTES;
            }
            break;
        case 2:
            at[draw(STEP_BYTES)] = (uint8_t)draw(256);
            break;
        case 3: // the end of another one
            if (input_count > 0) {
                const struct input *other = &inputs[draw(input_count)];
                uint32_t keep = (uint32_t)(at - current.bytes);
                uint32_t len = other->len < INPUT_MAX - keep ? other->len : INPUT_MAX - keep;
                memcpy(at, other->bytes, len);
                current.len = keep + len;
            }
            break;
        default:
            draw_step(at);
            break;
        }
    }
}

static void keep(void) {
    if (input_count < INPUTS_MAX) {
        inputs[input_count++] = current;
    }
    if (kept_in) {
        char path[4096];
        uint64_t name = 0xcbf29ce484222325u; // FNV-1a
        for (uint32_t i = 0; i < current.len; i++) {
            name = (name ^ current.bytes[i]) * 0x100000001b3u;
        }
        snprintf(path, sizeof path, "%s/%016" PRIx64, kept_in, name);
        FILE *file = fopen(path, "wb");
        if (file) {
            fwrite(current.bytes, 1, current.len, file);
            fclose(file);
        }
    }
}

static bool read_input(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) {
        return false;
    }
    current.len = (uint32_t)fread(current.bytes, 1, sizeof current.bytes, file);
    fclose(file);
    return true;
}

// Runs what earlier runs have found worth keeping; in the order of the names.
static void read_corpus(const char *folder, const struct snapshot *start) {
    struct dirent **names;
    int count = scandir(folder, &names, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
        if (names[i]->d_name[0] != '.' && read_input(path) && run(start) != 0 &&
            input_count < INPUTS_MAX) {
            inputs[input_count++] = current;
        }
        free(names[i]);
    }
    if (count >= 0) {
        free(names);
    }
}

static struct snapshot *prepare(void) {
    bench = bench_new(8000000);
    bench->trace.complaints = NULL; // it writes over what it has written, and is told so
    bench_place_application(bench, "blink-0.1.bin");
    memcpy(boot, chip_flash(bench->chip), sizeof boot);
    chip_set_pin(bench->chip, "PA0", 1);
    chip_power_on(bench->chip);
    bench_wait_for_device(bench);
    bench_run_ms(bench, 800); // the settings store is made
    chip_on_flash_op(bench->chip, watch_flash, NULL);
    return bench_take(bench);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double processor_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6;
}

int main(int argc, char **argv) {
    double seconds = 0;
    uint64_t runs = 0;
    const char *corpus = NULL, *file = NULL;
    for (int i = 1; i < argc; i++) {
        if (i + 1 < argc && strcmp(argv[i], "--time") == 0) {
            seconds = strtod(argv[++i], NULL);
        } else if (i + 1 < argc && strcmp(argv[i], "--runs") == 0) {
            runs = strtoull(argv[++i], NULL, 10);
        } else if (i + 1 < argc && strcmp(argv[i], "--seed") == 0) {
            seed = strtoull(argv[++i], NULL, 10);
        } else if (i + 1 < argc && strcmp(argv[i], "--corpus") == 0) {
            corpus = argv[++i];
        } else if (i + 1 < argc && strcmp(argv[i], "--keep") == 0) {
            kept_in = argv[++i];
        } else if (argv[i][0] != '-' && !file) {
            file = argv[i];
        } else {
            fputs("usage: fuzz-image [--time SECONDS | --runs N] [--seed S] [--corpus FOLDER] "
                  "[--keep FOLDER] | FILE\n",
                  stderr);
            return 2;
        }
    }
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    signal(SIGABRT, on_abort);
    struct snapshot *start = prepare();
    if (file) {
        if (!read_input(file)) {
            perror(file);
            return 2;
        }
        (void)run(start);
        snapshot_free(start);
        puts("passed");
        return 0;
    }
    if (corpus) {
        read_corpus(corpus, start);
    }
    unsigned from_corpus = input_count, covered = seen_count;
    double begin = now(), used = processor_seconds();
    uint64_t done = 0;
    for (; seconds > 0 ? now() - begin < seconds : done < runs; done++) {
        vary();
        if (run(start) != 0) {
            keep();
        }
    }
    used = processor_seconds() - used;
    snapshot_free(start);
    printf("fuzz image: %u inputs from the corpus reach %u instructions; %u of %u after %" PRIu64
           " runs\n",
           from_corpus, covered, seen_count, input_count, done);
    printf("evidence: fuzz_image runs=%" PRIu64
           " instructions=%u inputs=%u runs_per_cpu_second=%.0f failed=0\n",
           done, seen_count, input_count, used > 0 ? (double)done / used : 0);
    return 0;
}

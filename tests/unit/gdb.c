// SPDX-License-Identifier: MIT
//
// vboard's debugger port by its packets: what they do to the processor, and that wrong ones do nothing.
// The host loop here is what run and serve do: no time passes while the debugger holds the board.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vboard/chip/chip.h"
#include "vboard/gdb/gdb.h"

#define LOOP    0x08000104u
#define STORE   0x08000106u
#define LOAD    0x08000108u
#define COUNTER 0x20000100u

// Vectors and a program that counts in r0 and in COUNTER.
static const uint16_t program[0x100] = {
    0x1000,
    0x2000,
    0x0101,
    0x0800,
    0,
    0,
    0x0141,
    0x0800, // stack, reset, NMI, HardFault
    [0x3c / 2] = 0x0181,
    0x0800,               // SysTick
    [0x100 / 2] = 0x2000, // movs r0, #0
    0x4904,               // ldr r1, [pc, #16]
    0x3001,               // loop: adds r0, #1
    0x6008,               // str r0, [r1]
    0x680a,               // ldr r2, [r1]
    0xe7fb,               // b loop
    [0x114 / 2] = 0x0100,
    0x2000,               // COUNTER
    [0x140 / 2] = 0xe7fe, // HardFault: b .
    [0x180 / 2] = 0x3501,
    0x4770, // SysTick: adds r5, #1; bx lr
    [0x1c0 / 2] = 0x23c0,
    0x061b,
    0x681b,
    0xe7fe, // ldr from 0xc0000000
    [0x1d0 / 2] = 0xbe00,
    0xe7fe, // bkpt
};

struct bench {
    struct timeline timeline;
    struct trace trace;
    struct chip *chip;
    struct cpu *cpu;
    struct gdb *gdb;
    int fd;
    char answer[8192]; // the last packet's contents
};

static void attach(struct bench *b) {
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    b->fd = pair[0];
    assert_true(gdb_open(b->gdb, pair[1]));
}

static int set_up(void **state) {
    struct bench *b = calloc(1, sizeof *b);
    timeline_init(&b->timeline);
    trace_init(&b->trace, &b->timeline);
    b->chip = chip_new(&chip_models[STM32F407VG], &(struct chip_wiring){.hse_hz = 8000000},
                       &b->timeline, &b->trace);
    assert_non_null(b->chip);
    b->cpu = chip_cpu(b->chip);
    assert_true(chip_poke(b->chip, 0x08000000, (const uint8_t *)program, sizeof program));
    chip_power_on(b->chip);
    b->gdb = gdb_new(b->chip, &b->timeline);
    attach(b);
    *state = b;
    return 0;
}

static int tear_down(void **state) {
    struct bench *b = *state;
    gdb_free(b->gdb);
    if (b->fd >= 0) {
        (void)close(b->fd);
    }
    chip_free(b->chip);
    trace_free(&b->trace);
    timeline_free(&b->timeline);
    free(b);
    return 0;
}

static void put(struct bench *b, const char *bytes, size_t len) {
    assert_int_equal(send(b->fd, bytes, len, 0), len);
}

static void put_packet(struct bench *b, const char *contents, size_t len) {
    char frame[8192];
    unsigned sum = 0;
    for (size_t i = 0; i < len; i++) {
        sum += (uint8_t)contents[i];
    }
    frame[0] = '$';
    memcpy(frame + 1, contents, len);
    (void)snprintf(frame + 1 + len, 4, "#%02x", sum & 0xff);
    put(b, frame, len + 4);
}

// Everything that has come, as it came.
static size_t take(struct bench *b, char *bytes, size_t room) {
    ssize_t n = recv(b->fd, bytes, room - 1, MSG_DONTWAIT);
    bytes[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

// What has come, without its frame and its acknowledgement; "" for nothing.
static const char *answer(struct bench *b) {
    char bytes[sizeof b->answer];
    (void)take(b, bytes, sizeof bytes);
    const char *begin = strchr(bytes, '$');
    const char *end = begin ? strchr(begin, '#') : NULL;
    b->answer[0] = '\0';
    if (end) {
        memcpy(b->answer, begin + 1, (size_t)(end - begin) - 1);
        b->answer[end - begin - 1] = '\0';
    }
    return b->answer;
}

static const char *ask(struct bench *b, const char *packet) {
    put_packet(b, packet, strlen(packet));
    gdb_serve(b->gdb);
    return answer(b);
}

#define answers(b, packet, expected) assert_string_equal(ask(b, packet), expected)

// The host's loop, up to a stop or an instant.
static void run(struct bench *b, uint64_t ps) {
    uint64_t until = timeline_now(&b->timeline) + ps;
    while (!gdb_holds(b->gdb) && timeline_now(&b->timeline) < until) {
        (void)timeline_run(&b->timeline, timeline_now(&b->timeline) + 100 * PS_PER_US);
        gdb_serve(b->gdb);
    }
}

// Sends what lets it run; the reason for which it stopped.
static const char *run_by(struct bench *b, const char *packet) {
    put_packet(b, packet, strlen(packet));
    gdb_serve(b->gdb);
    assert_false(gdb_holds(b->gdb));
    run(b, 10 * PS_PER_MS);
    return answer(b);
}

#define stops(b, packet, expected) assert_string_equal(run_by(b, packet), expected)

static uint32_t pc(struct bench *b) {
    return cpu_register(b->cpu, 15);
}

static uint32_t word(struct bench *b, uint32_t addr) {
    uint32_t value = 0;
    assert_true(cpu_peek(b->cpu, addr, 4, &value));
    return value;
}

// --------------------------------------------------------------------------------------------------

static void debugger_finds_the_board_stopped_and_described(void **state) {
    struct bench *b = *state;
    assert_true(gdb_holds(b->gdb));
    assert_non_null(strstr(ask(b, "qSupported:swbreak+;hwbreak+"), "PacketSize=1000;"));
    answers(b, "?", "T05thread:1;");
    assert_non_null(strstr(ask(b, "qXfer:features:read:target.xml:0,fff"), "arm.m-profile"));
    assert_int_equal(b->answer[0], 'l');
    assert_non_null(strstr(ask(b, "qXfer:features:read:target.xml:0,20"), "m<?xml"));
    assert_non_null(strstr(ask(b, "qXfer:memory-map:read::0,fff"),
                           "<memory type=\"flash\" start=\"0x8010000\" length=\"0x10000\">"));
    answers(b, "qC", "QC1");
    answers(b, "vCont?", "vCont;c;C;s;S;t");
    answers(b, "qThatNobodyKnows", "");
    assert_int_equal(strlen(ask(b, "g")), 17 * 8 + 16 * 16 + 7 * 8);
    answers(b, "pf", "00010008"); // PC
    assert_int_equal(timeline_now(&b->timeline), 0);
}

static void breakpoint_stops_before_its_instruction(void **state) {
    struct bench *b = *state;
    (void)ask(b, "qSupported:hwbreak+");
    answers(b, "Z1,8000106,2", "OK");
    stops(b, "vCont;c", "T05hwbreak:;thread:1;");
    assert_int_equal(pc(b), STORE);
    assert_int_equal(cpu_register(b->cpu, 0), 1);
    assert_int_not_equal(word(b, COUNTER), 1);
    stops(b, "c", "T05hwbreak:;thread:1;"); // the next turn of the loop
    assert_int_equal(cpu_register(b->cpu, 0), 2);
    answers(b, "z1,8000106,2", "OK");
    answers(b, "z1,8000106,2", "E1c");
    stops(b, "c", "");
    assert_true(cpu_register(b->cpu, 0) > 1000);
}

static void step_is_one_instruction(void **state) {
    struct bench *b = *state;
    static const uint32_t places[] = {0x08000102, LOOP, STORE, LOAD, 0x0800010a, LOOP, STORE};
    for (unsigned i = 0; i < sizeof places / sizeof places[0]; i++) {
        uint64_t before = cpu_instructions(b->cpu);
        stops(b, "vCont;s:1;c", "T05thread:1;");
        assert_int_equal(pc(b), places[i]);
        assert_int_equal(cpu_instructions(b->cpu), before + 1);
    }
    answers(b, "Z0,8000106,2", "OK"); // where it stands: passed, and met in the next turn
    stops(b, "s", "T05thread:1;");
    assert_int_equal(pc(b), LOAD);
    stops(b, "c8000104", "T05thread:1;");
    assert_int_equal(pc(b), STORE);
}

static void interrupts_wait_while_it_steps(void **state) {
    struct bench *b = *state;
    answers(b, "Me000e014,4:0f000000", "OK"); // SysTick: every 16 cycles
    answers(b, "Me000e018,4:00000000", "OK");
    answers(b, "Me000e010,4:07000000", "OK");
    for (unsigned i = 0; i < 100; i++) {
        stops(b, "s", "T05thread:1;");
        assert_in_range(pc(b), 0x08000100, 0x0800010a);
    }
    answers(b, "qRcmd,6d61736b697372206f6666", "OK"); // maskisr off
    stops(b, "s", "T05thread:1;");
    assert_int_equal(pc(b), 0x08000180);
    assert_int_equal(cpu_register(b->cpu, 16) & 0x1ff, 15);
}

static void watchpoints_name_the_address(void **state) {
    struct bench *b = *state;
    answers(b, "Z2,20000101,1", "OK"); // the word's second byte
    stops(b, "c", "T05watch:20000101;thread:1;");
    assert_int_equal(pc(b), LOAD); // the store is done
    assert_int_equal(word(b, COUNTER), 1);
    answers(b, "z2,20000101,1", "OK");
    answers(b, "Z3,20000100,4", "OK");
    stops(b, "c", "T05rwatch:20000100;thread:1;");
    assert_int_equal(pc(b), 0x0800010a);
    answers(b, "Z4,20000100,4", "OK");
    answers(b, "z3,20000100,4", "OK");
    stops(b, "c", "T05awatch:20000100;thread:1;");
    stops(b, "c", "T05awatch:20000100;thread:1;");
    assert_int_equal(word(b, COUNTER), 2);
    answers(b, "z4,20000100,4", "OK");
    stops(b, "c", "");
}

static void memory_and_registers_are_read_and_written(void **state) {
    struct bench *b = *state;
    answers(b, "m8000100,4", "00200449");
    answers(b, "m8000101,2", "2004");
    answers(b, "M20000200,5:0102030405", "OK");
    answers(b, "m20000200,5", "0102030405");
    answers(b, "mc0000000,4", "E0e");
    answers(b, "Mc0000000,4:00000000", "E0e");
    answers(b, "m8000000,ffffffffff", "E01");
    answers(b, "m40023800,4",
            "83000000"); // RCC_CR without its calibration in the middle: HSI on, ready
    answers(b, "M40023830,4:01000000", "OK");
    answers(b, "m40023830,4", "01000000");
    answers(b, "M40020000,4:00000028", "OK"); // GPIOA_MODER, now that it has its clock
    answers(b, "m40020000,4", "00000028");
    put_packet(b, "X20000300,3:\x01}\x03\x02", 16); // }\x03 is '#'
    gdb_serve(b->gdb);
    assert_string_equal(answer(b), "OK");
    assert_memory_equal(ask(b, "m20000300,3"), "012302", 6);
    answers(b, "P11=000000000000f03f", "OK"); // d0 = 1.0
    assert_int_equal(cpu_register(b->cpu, CPU_S0 + 1), 0x3ff00000);
    answers(b, "P23=00100020", "OK"); // psp
    answers(b, "p23", "00100020");
    answers(b, "P27=02000000", "OK"); // control: SPSEL
    answers(b, "pd", "00100020");
    answers(b, "p28", "E01");
    answers(b, "P0=00", "E01");
    answers(b, "qCRC:8000100,4", "Caf7aec4a");
}

static void all_registers_come_back_as_they_went(void **state) {
    struct bench *b = *state;
    char packet[1024] = "G";
    strcpy(packet + 1, ask(b, "g"));
    memcpy(packet + 1, "78563412", 8); // r0
    answers(b, packet, "OK");
    assert_int_equal(cpu_register(b->cpu, 0), 0x12345678);
    assert_string_equal(ask(b, "g"), packet + 1);
    answers(b, "G00", "E01");
}

static void flash_changes_when_the_load_is_done(void **state) {
    struct bench *b = *state;
    answers(b, "vFlashWrite:8004000:ab", "E.memtype"); // not erased
    answers(b, "vFlashErase:20000000,4", "E0e");
    answers(b, "vFlashErase:8000000,ffffffff", "E0e"); // past the end of flash, and of addresses
    answers(b, "vFlashErase:8000000,8000", "OK");
    assert_int_equal(word(b, 0x08000000), 0x20001000); // not yet
    put_packet(b, "vFlashWrite:8000000:\0\x10\0\x20\x01\x01\0\x08", 28);
    gdb_serve(b->gdb);
    assert_string_equal(answer(b), "OK");
    put_packet(b, "vFlashWrite:8000100:\x01\x30\xfd\xe7", 24); // adds r0, #1; b . - 2
    gdb_serve(b->gdb);
    assert_string_equal(answer(b), "OK");
    answers(b, "vFlashDone", "OK");
    assert_int_equal(word(b, 0x08004000), 0xffffffff);
    assert_int_equal(strncmp(ask(b, "qRcmd,72657365742068616c74"), "72657365743b", 12),
                     0); // reset halt
    answers(b, "pf", "00010008");
    stops(b, "s", "T05thread:1;");
    stops(b, "s", "T05thread:1;");
    assert_int_equal(pc(b), 0x08000100);
    assert_int_equal(cpu_register(b->cpu, 0), 1);
}

static void interrupt_stops_a_running_board_and_time(void **state) {
    struct bench *b = *state;
    put_packet(b, "c", 1);
    gdb_serve(b->gdb);
    run(b, 3 * PS_PER_MS);
    uint64_t now = timeline_now(&b->timeline);
    assert_true(now >= 3 * PS_PER_MS);
    put_packet(b, "m8000000,4", 10); // nothing for a running board
    put(b, "\003", 1);
    gdb_serve(b->gdb);
    assert_true(gdb_holds(b->gdb));
    assert_string_equal(answer(b), "T02thread:1;");
    answers(b, "?", "T02thread:1;");
    assert_int_equal(timeline_now(&b->timeline), now);
    put(b, "\003", 1); // it stands already
    gdb_serve(b->gdb);
    assert_string_equal(answer(b), "");
}

static void hard_fault_stops_before_its_handler(void **state) {
    struct bench *b = *state;
    stops(b, "c80001c0", "T0bthread:1;");
    assert_int_equal(pc(b), 0x08000140);
    assert_int_equal(cpu_register(b->cpu, 16) & 0x1ff, 3);
    assert_int_equal(strncmp(ask(b, "qRcmd,7265736574"), "72657365743b", 12), 0); // "reset;"
    assert_int_equal(strncmp(ask(b, "qRcmd,61"), "6e6f20737563682077", 18), 0);   // "no such w..."
    answers(b, "qRcmd,636174636820686172646661756c74206f6666", "OK"); // catch hardfault off
    stops(b, "c80001c0", "");
    assert_int_equal(pc(b), 0x08000140);
}

static void bkpt_stops_at_itself(void **state) {
    struct bench *b = *state;
    answers(b, "me000edf0,4", "01000000"); // DHCSR.C_DEBUGEN
    stops(b, "c80001d0", "T05thread:1;");
    assert_int_equal(pc(b), 0x080001d0);
    stops(b, "c", "T05thread:1;");
    assert_int_equal(pc(b), 0x080001d0);
}

static void board_runs_on_when_the_debugger_goes(void **state) {
    struct bench *b = *state;
    answers(b, "Z0,8000106,2", "OK");
    answers(b, "Z2,20000100,4", "OK");
    answers(b, "D", "OK");
    assert_false(gdb_holds(b->gdb));
    assert_false(gdb_is_open(b->gdb));
    run(b, PS_PER_MS);
    assert_true(cpu_register(b->cpu, 0) > 100);
    (void)close(b->fd);
    attach(b);
    assert_true(gdb_holds(b->gdb));
    assert_false(gdb_open(b->gdb, 0)); // a second one
    stops(b, "c", "");                 // no breakpoint is left
    put(b, "\003", 1);
    gdb_serve(b->gdb);
    assert_true(gdb_holds(b->gdb));
    (void)close(b->fd); // without a word
    b->fd = -1;
    gdb_serve(b->gdb);
    assert_false(gdb_holds(b->gdb));
}

static void run_of_an_extended_remote_resets(void **state) {
    struct bench *b = *state;
    answers(b, "!", "OK");
    stops(b, "s", "T05thread:1;");
    answers(b, "vKill;1", "OK");
    assert_true(gdb_is_open(b->gdb));
    answers(b, "vRun;", "T05thread:1;");
    assert_int_equal(pc(b), 0x08000100);
}

static void wrong_lines_are_asked_for_again_or_dropped(void **state) {
    struct bench *b = *state;
    char bytes[256];
    put(b, "$?#00", 5);
    gdb_serve(b->gdb);
    (void)take(b, bytes, sizeof bytes);
    assert_string_equal(bytes, "-");
    put(b, "noise+$?#3f", 11);
    gdb_serve(b->gdb);
    (void)take(b, bytes, sizeof bytes);
    assert_string_equal(bytes, "+$T05thread:1;#d7");
    put(b, "-", 1); // the answer once more
    gdb_serve(b->gdb);
    (void)take(b, bytes, sizeof bytes);
    assert_string_equal(bytes, "$T05thread:1;#d7");
    for (unsigned i = 0; i < 300; i++) { // a packet that is far too long
        put(b, "$mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm", 41);
        gdb_serve(b->gdb);
    }
    put(b, "#00", 3);
    gdb_serve(b->gdb);
    (void)take(b, bytes, sizeof bytes);
    answers(b, "QStartNoAckMode", "OK");
    put_packet(b, "qC", 2);
    gdb_serve(b->gdb);
    (void)take(b, bytes, sizeof bytes);
    assert_string_equal(bytes, "$QC1#c5");
    static const char *const wrong[] = {
        "m",       "m1",          "m,",
        "m1,g",    "M1,1",        "M1,2:0",
        "X",       "X1,5:a",      "Z0",
        "Z1,",     "Z9,1",        "Z1,x,2",
        "Z1,1",    "vFlashErase", "p",
        "pzz",     "P",           "P0",
        "G",       "qCRC:",       "qRcmd,",
        "qRcmd,1", "qXfer:",      "vFlashWrite:x:",
        "cnone",   "s,",          "C",
        "vCont;",  "vCont;x:12",  "qXfer:features:read:target.xml:9999,1"};
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (strcmp(wrong[i], "C") != 0) { // "C" alone is a continue
            (void)ask(b, wrong[i]);
            if (!gdb_holds(b->gdb)) {
                fail_msg("'%s' let it run", wrong[i]);
            }
        }
    }
    answers(b, "qC", "QC1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(debugger_finds_the_board_stopped_and_described),
        TEST(breakpoint_stops_before_its_instruction),
        TEST(step_is_one_instruction),
        TEST(interrupts_wait_while_it_steps),
        TEST(watchpoints_name_the_address),
        TEST(memory_and_registers_are_read_and_written),
        TEST(all_registers_come_back_as_they_went),
        TEST(flash_changes_when_the_load_is_done),
        TEST(interrupt_stops_a_running_board_and_time),
        TEST(hard_fault_stops_before_its_handler),
        TEST(bkpt_stops_at_itself),
        TEST(board_runs_on_when_the_debugger_goes),
        TEST(run_of_an_extended_remote_resets),
        TEST(wrong_lines_are_asked_for_again_or_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

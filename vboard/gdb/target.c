// SPDX-License-Identifier: MIT
//
// What the debugger is told of the machine: its registers by number and by name (GDB manual, "ARM
// Features"), and what memory is where.

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "vboard/gdb/gdb_internal.h"

// Registers are numbered in the order in which they stand here: r0 to xpsr 0 to 16, d0 to d15 17 to 32,
// fpscr 33, the others 34 to 39. s0 to s31 gdb makes of d0 to d15 itself.
enum { D0 = 17, FPSCR = 33, SYSTEM = 34 };

#define REG32(name)      "<reg name=\"" name "\" bitsize=\"32\" type=\"uint32\"/>"
#define REG_DOUBLE(name) "<reg name=\"" name "\" bitsize=\"64\" type=\"ieee_double\"/>"

const char gdb_target_xml[] =
    "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\">"
    "<target version=\"1.0\"><architecture>arm</architecture>"
    "<feature name=\"org.gnu.gdb.arm.m-profile\">" REG32("r0") REG32("r1") REG32("r2") REG32("r3")
        REG32("r4") REG32("r5") REG32("r6") REG32("r7") REG32("r8") REG32("r9")
            REG32("r10")
                REG32("r11")
                    REG32("r12") "<reg name=\"sp\" bitsize=\"32\" type=\"data_ptr\"/>" REG32("lr") "<reg name=\"pc\" bitsize=\"32\" type=\"code_ptr\"/>" REG32(
                        "xpsr") "</feature>"
                                "<feature name=\"org.gnu.gdb.arm.vfp\">" REG_DOUBLE(
                                    "d0") REG_DOUBLE("d1") REG_DOUBLE("d2") REG_DOUBLE("d3")
                                    REG_DOUBLE("d4") REG_DOUBLE("d5") REG_DOUBLE("d6") REG_DOUBLE(
                                        "d7") REG_DOUBLE("d8") REG_DOUBLE("d9") REG_DOUBLE("d10")
                                        REG_DOUBLE("d11") REG_DOUBLE("d12") REG_DOUBLE("d13")
                                            REG_DOUBLE("d14") REG_DOUBLE("d15") REG32(
                                                "fpscr") "</feature>"
                                                         "<feature "
                                                         "name=\"org.gnu.gdb.arm.m-system\">" REG32(
                                                             "msp") REG32("psp") REG32("primask")
                                                             REG32("basepri") REG32("faultmask")
                                                                 REG32("control") "</feature></"
                                                                                  "target>";

size_t gdb_register_size(unsigned number) {
    return number >= GDB_REGISTERS ? 0 : number >= D0 && number < FPSCR ? 8 : 4;
}

uint64_t gdb_register(struct gdb *gdb, unsigned number) {
    if (number < D0) {
        return cpu_register(gdb->cpu, number);
    }
    if (number < FPSCR) {
        unsigned s = CPU_S0 + 2 * (number - D0);
        return cpu_register(gdb->cpu, s) | (uint64_t)cpu_register(gdb->cpu, s + 1) << 32;
    }
    return cpu_register(gdb->cpu, CPU_FPSCR + (number - FPSCR));
}

void gdb_set_register(struct gdb *gdb, unsigned number, uint64_t value) {
    if (number < D0) {
        cpu_set_register(gdb->cpu, number, (uint32_t)value);
    } else if (number < FPSCR) {
        unsigned s = CPU_S0 + 2 * (number - D0);
        cpu_set_register(gdb->cpu, s, (uint32_t)value);
        cpu_set_register(gdb->cpu, s + 1, (uint32_t)(value >> 32));
    } else {
        cpu_set_register(gdb->cpu, CPU_FPSCR + (number - FPSCR), (uint32_t)value);
    }
}

// Flash sector by sector, so that gdb's `load` erases what it writes; all else as RAM: gdb asks for no
// address that it is not told of, and peripherals are looked at too.
void gdb_memory_map(struct gdb *gdb, char text[GDB_MEMORY_MAP_MAX]) {
    uint64_t at = 0;
    uint32_t addr, len;
    size_t used = (size_t)snprintf(
        text, GDB_MEMORY_MAP_MAX,
        "<?xml version=\"1.0\"?><!DOCTYPE memory-map PUBLIC \"+//IDN gnu.org//DTD GDB Memory Map "
        "V1.0//EN\" \"http://sourceware.org/gdb/gdb-memory-map.dtd\"><memory-map>");
    for (unsigned i = 0; i < FLASH_PAGES && chip_flash_sector(gdb->chip, i, &addr, &len); i++) {
        // Room for this one, RAM on both sides and the end.
        if (addr < at || used > GDB_MEMORY_MAP_MAX - 400) {
            break;
        }
        if (addr > at) {
            used += (size_t)sprintf(text + used,
                                    "<memory type=\"ram\" start=\"0x%" PRIx64
                                    "\" length=\"0x%" PRIx64 "\"/>",
                                    at, addr - at);
        }
        used += (size_t)sprintf(text + used,
                                "<memory type=\"flash\" start=\"0x%" PRIx32 "\" length=\"0x%" PRIx32
                                "\"><property name=\"blocksize\">0x%" PRIx32 "</property></memory>",
                                addr, len, len);
        at = (uint64_t)addr + len;
    }
    (void)sprintf(text + used,
                  "<memory type=\"ram\" start=\"0x%" PRIx64 "\" length=\"0x%" PRIx64
                  "\"/></memory-map>",
                  at, (uint64_t)0x100000000 - at);
}

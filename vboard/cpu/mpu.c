// SPDX-License-Identifier: MIT
//
// The memory protection unit (ARM DDI 0403 B3.5, PM0214 4.2): eight regions with subregions over the default
// memory map. While it is on no access takes a fast path and one instruction is executed at a time, so the processor
// is an order of magnitude slower; while it is off it costs nothing. Memory types (TEX, C, B, S) are kept and
// mean nothing here: there are no caches and no other masters.

#include "vboard/cpu/cpu_state.h"

enum { CTRL_ENABLE = 1, CTRL_HFNMIENA = 2, CTRL_PRIVDEFENA = 4 };
enum { MPU_TYPE = 0xe000ed90, MPU_CTRL = 0xe000ed94, MPU_RNR = 0xe000ed98, MPU_RBAR = 0xe000ed9c };
#define RASR_MASK            0x173fff3fu
#define RASR_XN              (1u << 28)
#define RASR_ENABLE          1u
#define RBAR_VALID           (1u << 4)
// Regions below this have no subregions; no region is smaller than 32 bytes.
#define SUBREGIONS_FROM_BITS 8u
#define REGION_BITS_MIN      5u

static const struct cpu_mpu_region *region_of(const struct cpu_state *s, uint32_t addr) {
    for (unsigned i = CPU_MPU_REGIONS; i-- > 0;) { // the highest number wins
        const struct cpu_mpu_region *region = &s->mpu[i];
        unsigned bits = (region->rasr >> 1 & 31) + 1;
        bits = bits < REGION_BITS_MIN ? REGION_BITS_MIN : bits;
        if (!(region->rasr & RASR_ENABLE) || (uint64_t)(addr ^ region->rbar) >> bits != 0) {
            continue;
        }
        if (bits < SUBREGIONS_FROM_BITS || !(region->rasr >> (8 + (addr >> (bits - 3) & 7)) & 1)) {
            return region;
        }
    }
    return NULL;
}

bool mpu_allows(const struct cpu *cpu, uint32_t addr, enum mpu_access access, bool privileged) {
    const struct cpu_state *s = &cpu->s;
    if (!mpu_is_on(s) || addr >> 20 == 0xe00) { // the private peripheral bus has rules of its own
        return true;
    }
    if (!(s->mpu_ctrl & CTRL_HFNMIENA) && execution_priority(cpu) < 0) {
        return true;
    }
    const struct cpu_mpu_region *region = region_of(s, addr);
    if (!region) {
        return (s->mpu_ctrl & CTRL_PRIVDEFENA) && privileged;
    }
    // AP (PM0214 table 43): what privileged and unprivileged code may do; 4 is reserved.
    static const struct {
        uint8_t privileged, unprivileged; // 1 read, 2 write
    } permissions[8] = {{0, 0}, {3, 0}, {3, 1}, {3, 3}, {0, 0}, {1, 0}, {1, 1}, {1, 1}};
    unsigned ap = region->rasr >> 24 & 7;
    unsigned may = privileged ? permissions[ap].privileged : permissions[ap].unprivileged;
    if (access == MPU_FETCH) {
        return (may & 1) && !(region->rasr & RASR_XN);
    }
    return may & (access == MPU_WRITE ? 2 : 1);
}

// RBAR and RASR lie there four times, so that STM writes several regions.
static bool is_attribute(uint32_t addr) {
    return (addr - MPU_RBAR) % 8 == 4;
}

uint32_t mpu_read(const struct cpu *cpu, uint32_t addr) {
    const struct cpu_state *s = &cpu->s;
    const struct cpu_mpu_region *region = &s->mpu[s->mpu_rnr % CPU_MPU_REGIONS];
    switch (addr) {
    case MPU_TYPE:
        return CPU_MPU_REGIONS << 8;
    case MPU_CTRL:
        return s->mpu_ctrl;
    case MPU_RNR:
        return s->mpu_rnr;
    default:
        return is_attribute(addr) ? region->rasr : region->rbar | s->mpu_rnr;
    }
}

void mpu_write(struct cpu *cpu, uint32_t addr, uint32_t value) {
    struct cpu_state *s = &cpu->s;
    switch (addr) {
    case MPU_TYPE:
        return;
    case MPU_CTRL:
        s->mpu_ctrl = value & (CTRL_ENABLE | CTRL_HFNMIENA | CTRL_PRIVDEFENA);
        regions_refresh(cpu);
        return;
    case MPU_RNR:
        s->mpu_rnr = value % CPU_MPU_REGIONS;
        return;
    default:
        if (is_attribute(addr)) {
            s->mpu[s->mpu_rnr].rasr = value & RASR_MASK;
            return;
        }
        if (value & RBAR_VALID) {
            s->mpu_rnr = (value & 15) % CPU_MPU_REGIONS;
        }
        s->mpu[s->mpu_rnr].rbar = value & ~31u;
        return;
    }
}

// SPDX-License-Identifier: MIT
//
// Every data access execute.c's fast paths do not make themselves: regions and their guards,
// unaligned and bit-band accesses, the private peripheral bus, the bus.
//
// Faults of stores are reported precisely (PRECISERR with BFAR); the chip's write buffer often
// makes them imprecise there.

#include <string.h>

#include "vboard/cpu/cpu_state.h"

// The alias regions (PM0214 2.2.5): one word of alias for each bit of the first megabyte.
static bool is_bit_band(uint32_t addr) {
    return (addr & 0xfe000000) == 0x22000000 || (addr & 0xfe000000) == 0x42000000;
}

static uint32_t bit_band_target(uint32_t addr, unsigned *bit) {
    uint32_t off = addr & 0x01ffffff;
    *bit = off >> 2 & 31;
    return (addr & 0xf0000000) + (off >> 7 << 2);
}

// The private peripheral bus is for privileged code alone (ARM DDI 0403 B3.1).
static bool is_private(uint32_t addr) {
    return addr >= 0xe0000000 && addr < 0xe0100000;
}

// What of it the processor answers itself; the rest is the chip's (DBGMCU at 0xE0042000).
static bool is_system(uint32_t addr) {
    return is_private(addr) && (addr < 0xe0042000 || addr >= 0xe00ff000);
}

static bool bus_fault(struct cpu *cpu, uint32_t addr) {
    fault_raise_at(cpu, EXC_BUS_FAULT, CFSR_PRECISERR, addr);
    return false;
}

static bool mpu_fault(struct cpu *cpu, uint32_t addr) {
    fault_raise_at(cpu, EXC_MEM_MANAGE, CFSR_DACCVIOL, addr);
    return false;
}

// An aligned access that is not in the bit-band aliases; false: nothing answered.
static bool load_aligned(struct cpu *cpu, uint32_t addr, unsigned size, uint32_t *value,
                         bool privileged) {
    int index = region_at(cpu, addr);
    if (cpu->debug.watch_count) {
        debug_access(cpu, addr, size, CPU_WATCH_READ);
    }
    if (index >= 0) {
        if (cpu->regions[index].guarded && cpu->bus.guarded) {
            cpu->bus.guarded(cpu->bus.ctx, addr, CPU_READ);
        }
        const struct cpu_region *region = &cpu->regions[index];
        *value = 0;
        memcpy(value, region->bytes + (addr - region->base), size);
        if (cpu->code[index].watches_loads && cpu->bus.watched_load) {
            cpu->bus.watched_load(cpu->bus.ctx, addr, size, value);
        }
        return true;
    }
    if (is_private(addr) && !privileged) {
        return false;
    }
    if (is_system(addr)) {
        uint32_t word;
        if (!scs_read(cpu, addr & ~3u, &word, true)) {
            return false;
        }
        word >>= (addr & 3) * 8;
        *value = size == 4 ? word : word & ((1u << size * 8) - 1);
        return true;
    }
    return cpu->bus.read && cpu->bus.read(cpu->bus.ctx, addr, size, value);
}

static bool store_aligned(struct cpu *cpu, uint32_t addr, unsigned size, uint32_t value,
                          bool privileged) {
    int index = region_at(cpu, addr);
    if (cpu->debug.watch_count) {
        debug_access(cpu, addr, size, CPU_WATCH_WRITE);
    }
    if (index >= 0 && cpu->regions[index].guarded && cpu->bus.guarded) {
        cpu->bus.guarded(cpu->bus.ctx, addr, CPU_WRITE);
    }
    if (index >= 0 && cpu->regions[index].writable) {
        uint8_t *to = cpu->regions[index].bytes + (addr - cpu->regions[index].base);
        memcpy(to, &value, size);
        if (cpu->fast[index + 1].page_has_code[(addr - cpu->regions[index].base) >> PAGE_SHIFT]) {
            code_forget(cpu, to, size);
        }
        return true;
    }
    // STIR may be opened to unprivileged software (PM0214 4.3.8).
    bool is_open = (addr & ~3u) == 0xe000ef00 && (cpu->s.ccr & CCR_USERSETMPEND);
    if (is_private(addr) && !privileged && !is_open) {
        return false;
    }
    if (is_system(addr)) {
        uint32_t mask = (size == 4 ? 0xffffffff : (1u << size * 8) - 1) << (addr & 3) * 8;
        return scs_write(cpu, addr & ~3u, value << (addr & 3) * 8, mask);
    }
    if (size < 4) {
        value &= (1u << size * 8) - 1;
    }
    return cpu->bus.write && cpu->bus.write(cpu->bus.ctx, addr, size, value);
}

static bool bit_band_load(struct cpu *cpu, uint32_t addr, uint32_t *value) {
    unsigned bit;
    uint32_t word, target = bit_band_target(addr, &bit);
    if (!load_aligned(cpu, target, 4, &word, true)) {
        return bus_fault(cpu, addr);
    }
    // Only the lane at the word's bottom shows the bit.
    *value = (addr & 3) == 0 ? word >> bit & 1 : 0;
    return true;
}

static bool bit_band_store(struct cpu *cpu, uint32_t addr, uint32_t value) {
    unsigned bit;
    uint32_t word, target = bit_band_target(addr, &bit);
    if (!load_aligned(cpu, target, 4, &word, true)) {
        return bus_fault(cpu, addr);
    }
    word = (word & ~(1u << bit)) | (value & 1) << bit;
    return store_aligned(cpu, target, 4, word, true) || bus_fault(cpu, addr);
}

static bool is_unaligned_trapped(struct cpu *cpu, uint32_t addr, unsigned size) {
    // Device and System memory take aligned accesses only (ARM DDI 0403 A3.2.1).
    if ((addr & (size - 1)) == 0 || (!(cpu->s.ccr & CCR_UNALIGN_TRP) && !(addr >= 0xa0000000) &&
                                     !(addr >= 0x40000000 && addr < 0x60000000))) {
        return false;
    }
    fault_raise(cpu, EXC_USAGE_FAULT, CFSR_UNALIGNED);
    return true;
}

static bool load(struct cpu *cpu, uint32_t addr, unsigned size, uint32_t *value, bool privileged) {
    if (addr & (size - 1)) {
        if (is_unaligned_trapped(cpu, addr, size)) {
            return false;
        }
        uint32_t result = 0;
        for (unsigned i = 0; i < size; i++) {
            uint32_t byte;
            if (!load(cpu, addr + i, 1, &byte, privileged)) {
                return false;
            }
            result |= byte << i * 8;
        }
        *value = result;
        return true;
    }
    if (mpu_is_on(&cpu->s) && !mpu_allows(cpu, addr, MPU_READ, privileged)) {
        return mpu_fault(cpu, addr);
    }
    if (is_bit_band(addr) && region_at(cpu, addr) < 0) {
        return bit_band_load(cpu, addr, value);
    }
    return load_aligned(cpu, addr, size, value, privileged) || bus_fault(cpu, addr);
}

static bool store(struct cpu *cpu, uint32_t addr, unsigned size, uint32_t value, bool privileged) {
    if (addr & (size - 1)) {
        if (is_unaligned_trapped(cpu, addr, size)) {
            return false;
        }
        for (unsigned i = 0; i < size; i++) {
            if (!store(cpu, addr + i, 1, value >> i * 8 & 0xff, privileged)) {
                return false;
            }
        }
        return true;
    }
    if (mpu_is_on(&cpu->s) && !mpu_allows(cpu, addr, MPU_WRITE, privileged)) {
        return mpu_fault(cpu, addr);
    }
    if (is_bit_band(addr) && region_at(cpu, addr) < 0) {
        return bit_band_store(cpu, addr, value);
    }
    return store_aligned(cpu, addr, size, value, privileged) || bus_fault(cpu, addr);
}

// Apart, so that the short way through memory_load() saves few registers.
static __attribute__((noinline)) bool load_other(struct cpu *cpu, uint32_t addr, unsigned size,
                                                 uint32_t *value) {
    return load(cpu, addr, size, value, is_privileged(&cpu->s));
}

bool memory_load(struct cpu *cpu, uint32_t addr, unsigned size, uint32_t *value) {
    // A peripheral's register: what firmware polls. The same as the long way round, in short.
    if (addr - 0x40000000 < 0x02000000 && (addr & (size - 1)) == 0 &&
        cpu->map[addr >> MAP_SHIFT] == 0 && cpu->bus.read && cpu->debug.watch_count == 0 &&
        !mpu_is_on(&cpu->s)) {
        return cpu->bus.read(cpu->bus.ctx, addr, size, value) || bus_fault(cpu, addr);
    }
    return load_other(cpu, addr, size, value);
}

bool memory_store(struct cpu *cpu, uint32_t addr, unsigned size, uint32_t value) {
    return store(cpu, addr, size, value, is_privileged(&cpu->s));
}

bool memory_load_unprivileged(struct cpu *cpu, uint32_t addr, unsigned size, uint32_t *value) {
    return load(cpu, addr, size, value, false);
}

bool memory_store_unprivileged(struct cpu *cpu, uint32_t addr, unsigned size, uint32_t value) {
    return store(cpu, addr, size, value, false);
}

// LDM, STM, LDRD, STRD, PUSH, POP: unaligned addresses always fault (ARM DDI 0403 A3.2.1).
static bool words_misaligned(struct cpu *cpu, uint32_t addr) {
    if (addr & 3) {
        fault_raise(cpu, EXC_USAGE_FAULT, CFSR_UNALIGNED);
        return true;
    }
    return false;
}

bool memory_load_words(struct cpu *cpu, uint32_t addr, unsigned count, uint32_t *words) {
    if (words_misaligned(cpu, addr)) {
        return false;
    }
    const struct cpu_fast *fast = &cpu->fast[cpu->map[addr >> MAP_SHIFT]];
    uint32_t off = addr - fast->base;
    if (off < fast->rlimit && fast->rlimit - off >= count * 4) {
        memcpy(words, fast->bytes + off, count * 4);
        return true;
    }
    for (unsigned i = 0; i < count; i++) {
        if (!memory_load(cpu, addr + i * 4, 4, &words[i])) {
            return false;
        }
    }
    return true;
}

bool memory_store_words(struct cpu *cpu, uint32_t addr, unsigned count, const uint32_t *words) {
    if (words_misaligned(cpu, addr)) {
        return false;
    }
    const struct cpu_fast *fast = &cpu->fast[cpu->map[addr >> MAP_SHIFT]];
    uint32_t off = addr - fast->base;
    // At most 64 bytes: no more than two pages.
    if (off < fast->wlimit && fast->wlimit - off >= count * 4 &&
        !fast->page_has_code[off >> PAGE_SHIFT] &&
        !fast->page_has_code[(off + count * 4 - 1) >> PAGE_SHIFT]) {
        memcpy(fast->bytes + off, words, count * 4);
        return true;
    }
    for (unsigned i = 0; i < count; i++) {
        if (!memory_store(cpu, addr + i * 4, 4, words[i])) {
            return false;
        }
    }
    return true;
}

bool memory_read_quiet(struct cpu *cpu, uint32_t addr, uint32_t *value) {
    return load_aligned(cpu, addr & ~3u, 4, value, true);
}

bool memory_write_quiet(struct cpu *cpu, uint32_t addr, uint32_t value) {
    return store_aligned(cpu, addr & ~3u, 4, value, true);
}

bool memory_poke(struct cpu *cpu, uint32_t addr, unsigned size, uint32_t value) {
    unsigned watch_count = cpu->debug.watch_count;
    cpu->debug.watch_count = 0; // a debugger does not meet its own watchpoints
    bool is_done = store_aligned(cpu, addr, size, value, true);
    cpu->debug.watch_count = watch_count;
    return is_done;
}

bool cpu_peek(struct cpu *cpu, uint32_t addr, unsigned size, uint32_t *value) {
    int index = region_at(cpu, addr);
    if (index < 0) {
        if (!is_system(addr) || (addr & (size - 1))) {
            return false;
        }
        uint32_t word;
        if (!scs_read(cpu, addr & ~3u, &word, false)) {
            return false;
        }
        word >>= (addr & 3) * 8;
        *value = size == 4 ? word : word & ((1u << size * 8) - 1);
        return true;
    }
    const struct cpu_region *region = &cpu->regions[index];
    if (region->size - (addr - region->base) < size) {
        return false;
    }
    *value = 0;
    memcpy(value, region->bytes + (addr - region->base), size);
    return true;
}

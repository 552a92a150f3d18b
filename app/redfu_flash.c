// SPDX-License-Identifier: MIT
//
// Erasing and programming two sectors, one operation at a time, waiting for each. The processor may
// run from flash meanwhile: its next fetch waits until the operation is over (RM0090 3.6). Leaves the
// interface locked or unlocked as it was found.

#include "app/redfu_flash.h"

#include "spec/bytes.h"

#define REGISTER(addr)  (*(volatile uint32_t *)(addr))

// RM0090 3.9.
#define FLASH_ACR       REGISTER(0x40023c00u)
#define FLASH_ACR_DCEN  (1u << 10)
#define FLASH_ACR_DCRST (1u << 12)
#define FLASH_KEYR      REGISTER(0x40023c04u)
#define FLASH_KEY1      0x45670123u // RM0090 3.6.1
#define FLASH_KEY2      0xcdef89abu
#define FLASH_SR        REGISTER(0x40023c0cu)
#define FLASH_SR_EOP    (1u << 0)
#define FLASH_SR_ERRORS (0x1fu << 4 | 1u << 1) // WRPERR, PGAERR, PGPERR, PGSERR, RDERR; OPERR
#define FLASH_SR_BSY    (1u << 16)
#define FLASH_CR        REGISTER(0x40023c10u)
#define FLASH_CR_PG     (1u << 0)
#define FLASH_CR_SER    (1u << 1)
#define FLASH_CR_SNB(n) ((uint32_t)(n) << 3)
#define FLASH_CR_X32    (2u << 8)
#define FLASH_CR_STRT   (1u << 16)
#define FLASH_CR_LOCK   (1u << 31)

// A loop from flash waits in its first fetch; one from SRAM turns. At 180 MHz and 10 cycles a turn
// this is 7 s, an erase of 16 KB by words is 0.5 s at most (DS8626 table 40).
#define WAIT_TURNS      0x08000000u

static bool wait(void) {
    for (uint32_t turns = 0; FLASH_SR & FLASH_SR_BSY; turns++) {
        if (turns >= WAIT_TURNS) {
            return false;
        }
    }
    return true;
}

// The data cache still has what flash held before (RM0090 3.5.2, ART accelerator). It can be reset
// only while it is off.
static void forget_cached(void) {
    uint32_t acr = FLASH_ACR;
    if (acr & FLASH_ACR_DCEN) {
        FLASH_ACR = acr & ~FLASH_ACR_DCEN;
        FLASH_ACR = (acr & ~FLASH_ACR_DCEN) | FLASH_ACR_DCRST;
        FLASH_ACR = acr & ~FLASH_ACR_DCEN;
        FLASH_ACR = acr;
    }
}

// Returns whether it was locked; *ready tells whether it can be used.
static bool unlock(bool *ready) {
    bool is_locked = FLASH_CR & FLASH_CR_LOCK;
    *ready = wait();
    // Flags that somebody left behind would pass for ours, and errors keep programming from starting.
    FLASH_SR = FLASH_SR_EOP | FLASH_SR_ERRORS;
    if (is_locked) {
        FLASH_KEYR = FLASH_KEY1;
        FLASH_KEYR = FLASH_KEY2;
    }
    *ready = *ready && !(FLASH_CR & FLASH_CR_LOCK);
    return is_locked;
}

static void lock(bool was_locked) {
    FLASH_CR = was_locked ? FLASH_CR_LOCK : 0;
    forget_cached();
}

static enum settings_flash_result result_of(bool is_done) {
    return is_done && !(FLASH_SR & FLASH_SR_ERRORS) ? SETTINGS_FLASH_DONE : SETTINGS_FLASH_FAILED;
}

static enum settings_flash_result erase(void *ctx, unsigned page) {
    const struct redfu_settings_place *place = ctx;
    enum settings_flash_result result = SETTINGS_FLASH_FAILED;
    bool ready;
    bool was_locked = unlock(&ready);
    if (ready) {
        // RM0090 3.6.3: SER and SNB first, then STRT.
        uint32_t cr = FLASH_CR_X32 | FLASH_CR_SER | FLASH_CR_SNB(place->sector + page);
        FLASH_CR = cr;
        FLASH_CR = cr | FLASH_CR_STRT;
        __asm volatile("dsb" ::: "memory"); // BSY is to be seen by the next read of SR
        result = result_of(wait());
    }
    lock(was_locked);
    return result;
}

static enum settings_flash_result program(void *ctx, unsigned page, uint32_t off,
                                          const uint8_t *data, uint32_t len) {
    const struct redfu_settings_place *place = ctx;
    uint32_t addr = place->address + page * place->page_bytes + off;
    enum settings_flash_result result = SETTINGS_FLASH_FAILED;
    bool ready;
    bool was_locked = unlock(&ready);
    if (ready) {
        FLASH_CR = FLASH_CR_X32 | FLASH_CR_PG;
        result = SETTINGS_FLASH_DONE;
        for (uint32_t i = 0; i < len && result == SETTINGS_FLASH_DONE; i += 4) {
            REGISTER(addr + i) = load_le32(data + i);
            __asm volatile("dsb" ::: "memory");
            result = result_of(wait());
        }
    }
    lock(was_locked);
    return result;
}

static enum settings_flash_result poll(void *ctx) {
    (void)ctx;
    return SETTINGS_FLASH_DONE;
}

static void read(void *ctx, unsigned page, uint32_t off, uint8_t *out, uint32_t len) {
    const struct redfu_settings_place *place = ctx;
    uint32_t addr = place->address + page * place->page_bytes + off;
    for (uint32_t i = 0; i < len; i++) {
        out[i] = *(volatile uint8_t *)(uintptr_t)(addr + i);
    }
}

struct settings_flash redfu_flash_functions(const struct redfu_settings_place *place) {
    return (struct settings_flash){
        .ctx = (void *)(uintptr_t)place,
        .page_bytes = place->page_bytes,
        .erase = erase,
        .program = program,
        .poll = poll,
        .read = read,
    };
}

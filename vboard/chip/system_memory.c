// SPDX-License-Identifier: MIT
//
// What answers at 0x1FFF0000-0x1FFFFFFF: a stand-in for ST's ROM bootloader, OTP (blank here), the
// unique device id, the flash size, the ADC's factory calibration, the option bytes (RM0090 table 5, section 39). Programming OTP is
// flash_memory.c's. The stand-in
// has a vector table and a loop that sleeps; jumping to it is a complaint (chip.c).

#include <string.h>

#include "vboard/chip/chip_state.h"

#define ROM_SIZE       (30u * 1024u)
#define ROM_STACK      0x20002000u
#define ROM_LOOP       0x100u
#define UID_OFF        0x7A10u // RM0090 39.1
#define F_SIZE_OFF     0x7A22u // RM0090 39.2
#define OPTION_OFF     0xC000u
// VREFIN_CAL, TS_CAL1 and TS_CAL2: 12 bits at 3.3 V, the sensor at 30 and 110 degrees (DS8626 tables 70 and 72).
#define VREFIN_CAL_OFF 0x7A2Au
#define TS_CAL1_OFF    0x7A2Cu
#define TS_CAL2_OFF    0x7A2Eu

static void put16(uint8_t *bytes, uint16_t value) {
    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)(value >> 8);
}

static void put32(uint8_t *bytes, uint32_t value) {
    put16(bytes, (uint16_t)value);
    put16(bytes + 2, (uint16_t)(value >> 16));
}

// What an ADC with 3.3 V on VDDA makes of it.
static uint16_t adc_factory_value(unsigned mv) {
    return (uint16_t)(mv * 4095 / 3300);
}

void system_memory_fill(struct chip *chip) {
    uint8_t uid[12];
    uint8_t *system = chip->system;

    memset(system, 0xFF, SYSTEM_SIZE);
    put32(system, ROM_STACK);
    for (uint32_t vector = 1; vector < 16; vector++) {
        put32(system + 4 * vector, (SYSTEM_BASE + ROM_LOOP) | 1);
    }
    memset(system + 64, 0, ROM_LOOP - 64);
    put16(system + ROM_LOOP, 0xBF30);     // wfi
    put16(system + ROM_LOOP + 2, 0xE7FD); // b to the wfi
    memset(system + ROM_LOOP + 4, 0, ROM_SIZE - ROM_LOOP - 4);
    chip_uid_of(0, uid);
    chip_set_uid(chip, uid);
    put16(system + F_SIZE_OFF, (uint16_t)(chip->model->flash_bytes / 1024));
    put16(system + VREFIN_CAL_OFF, adc_factory_value(ADC_REFERENCE_MV));
    put16(system + TS_CAL1_OFF, adc_factory_value(ADC_SENSOR_MV(30)));
    put16(system + TS_CAL2_OFF, adc_factory_value(ADC_SENSOR_MV(110)));
    system_memory_show_option(chip);
}

void system_memory_show_option(struct chip *chip) {
    uint32_t option = chip->flash.option;

    // RM0090 table 16: USER and RDP at 0x1FFFC000, nWRP at 0x1FFFC008; the lock and start bits of
    // OPTCR are not option bytes and read 1.
    put16(chip->system + OPTION_OFF, (uint16_t)(option | 3));
    put16(chip->system + OPTION_OFF + 8, (uint16_t)(option >> 16 | 0xF000));
}

void chip_set_uid(struct chip *chip, const uint8_t uid[12]) {
    memcpy(chip->system + UID_OFF, uid, 12);
}

// Wafer X and Y, wafer number, and a lot number in ASCII, as ST lays it out; an invented lot. Neighbours on
// one wafer, as a batch of boards may be, differ in least.
void chip_uid_of(unsigned number, uint8_t uid[12]) {
    static const uint8_t first[12] = {0x31, 0x00, 0x2A, 0x00, 0x07, 'V',
                                      'B',  'O',  'A',  'R',  'D',  '1'};

    memcpy(uid, first, sizeof(first));
    put16(uid, (uint16_t)(first[0] + number));
}

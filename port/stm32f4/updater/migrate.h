// SPDX-License-Identifier: MIT
//
// The settings pages of a device whose bootloader was just replaced: what redfu-boot could not use as it
// is becomes a settings store, with nothing lost.
//
// | sectors 1 and 2 hold                          | what becomes of them                             |
// |-----------------------------------------------|--------------------------------------------------|
// | a settings store                              | left alone                                       |
// | nothing                                       | left alone; redfu-boot makes its store           |
// | one page of AN3969's EEPROM emulation, with   | a store with its variables in the other page,    |
// |   anything in the other                       |   then the emulation's page is erased            |
// | a valid and a receiving page of it            | the same; the receiving page gives way           |
// | something unknown in 1, nothing in 2          | an empty store: what is in 1 is the end of a     |
// |                                               |   bootloader of up to 32 KB, gone with its start |
// | anything else                                 | left alone; redfu-boot says "foreign", and       |
// |                                               |   `redfu settings import` deals with it          |
//
// "Anything in the other" is the end of the old bootloader, or an erased page. The store is made up in RAM
// by settings/ itself and programmed in one go, the seal of its page last: until that word there
// is no store and the emulation's page is whole; from it on the store has everything. The key "importing"
// with a value of 1 stays in it until the emulation's page is erased, so that a run after a cut
// knows that nothing in that page is needed any more.

#ifndef PORT_STM32F4_UPDATER_MIGRATE_H
#define PORT_STM32F4_UPDATER_MIGRATE_H

#include <stdbool.h>

// May be called as often as one likes; takes up where it was cut off. False: flash failed, or the
// variables do not fit a store; what was there is there.
bool migrate_settings(void);

#endif

// SPDX-License-Identifier: MIT
//
// The settings as a host reads and writes them over USB: alternate setting "@Settings", one
// stream of records at a virtual address. Both ends share this page; docs/settings.md tells it with
// examples, settings/settings.h has the keys.
//
//   value    key16  len8  0x56  value[len]     as on flash, without padding, check and seal
//   removal  key16  0     0x44                 in what a host writes: this key goes
//   padding  0xFF...                           no key is 0xFFFF: to the end of the block
//
// No record lies across a multiple of SETTINGS_LIST_BLOCK bytes of the stream: what does not fit is
// moved behind padding. So a file that was read is a list of changes block by block, and
//
//   dfu-util -a 2 -s 0x5E700000 -U FILE
//   dfu-util -a 2 -s 0x5E700000 -D FILE
//
// are backup and restoration. Reading begins with the record SETTINGS_LIST_INFO and ends with a
// short frame; it has every value but the receiving record, which the info tells. Writing: each
// block is a list of its own, whatever its address; its records are applied in order, each safe
// against a cut by itself. Keys that are not named are left alone.

#ifndef SPEC_SETTINGS_LIST_H
#define SPEC_SETTINGS_LIST_H

#include "spec/bytes.h"

// The memory map string of the alternate setting is SETTINGS_LIST_MAP_STRING. The address is
// one where an STM32F4 has nothing (RM0090 2.3); 32 KB hold the list of a full 16 KB page, padding
// and all.
#define SETTINGS_LIST_MAP_STRING "@Settings  /0x5E700000/01*032Ke"
#define SETTINGS_LIST_ADDRESS    0x5e700000u
#define SETTINGS_LIST_BYTES      0x8000u

#define SETTINGS_LIST_BLOCK      2048u // wTransferSize of redfu-boot
#define SETTINGS_LIST_HEAD       4u
#define SETTINGS_LIST_VALUE      0x56u
#define SETTINGS_LIST_REMOVAL    0x44u

// From here on keys are the list's own: never in the store. Those not named here are refused.
#define SETTINGS_LIST_KEYS       0xff00u

// Empty values by which a host consents to what is refused without them, because there is a foreign page
// (AN3969's EEPROM, say). Passed over where there is nothing to consent to.
#define SETTINGS_LIST_GIVE_UP    0xfffcu // erase the foreign page beside the store
#define SETTINGS_LIST_BEGIN      0xfffdu // begin a store; a foreign page beside it stays

// About the store, in what is read; passed over in what is written, since a backup begins with it.
//
//   +0   version of the list, 1
//   +1   SETTINGS_LIST_... flags
//   +2   zero
//   +4   address of the first of the two pages
//   +8   bytes of a page
//   +12  turnovers since the store was made (settings_turnovers()); 0: there is no store yet
//   +16  bytes left before the next one (settings_room())
#define SETTINGS_LIST_INFO       0xfffeu
#define SETTINGS_LIST_INFO_LEN   20u
#define SETTINGS_LIST_VERSION    1u
#define SETTINGS_LIST_FOREIGN_0  0x01u // the first page holds something foreign
#define SETTINGS_LIST_FOREIGN_1  0x02u // the second does
#define SETTINGS_LIST_RECEIVING  0x04u // the application area is being changed

#endif

// SPDX-License-Identifier: MIT
//
// DFU mode lies packed in flash and is unpacked to SRAM when it starts; a quarter of its size is saved
// by a decoder of some hundred bytes that needs no memory. firmware/pack makes what this reads.
//
// A packed stream is tokens of bits and bytes. Bits are taken from the highest down out of bytes that
// lie in the stream where the first of their eight is needed; number() is an interlaced Elias gamma
// code: 1, then as long as a one bit comes, twice itself plus another bit.
//
//   literals   number() bytes as they are
//   repeat     number() bytes from the last offset back
//   match      h = number(), byte b: offset = ((h - 1) * 128 + b / 2 + 1) * 2,
//              b odd: 2 bytes from there, b even: number() + 2 bytes
//
// Offsets are even, as instructions are: code repeats at even distances, and a bit less for each match is 2 % of all.
//
//   literals first; behind them a bit: 0 a repeat, 1 a match; behind those a bit: 0 literals, 1 a match
//
// It ends when the room is full. Offsets may reach back before its beginning, to what lies in front of it
// (the code that was copied there unpacked). Bytes of one match may overlap.

#ifndef PORT_STM32F4_UNPACK_H
#define PORT_STM32F4_UNPACK_H

#include <stdint.h>

#define UNPACK_OFFSET_LOW_BITS 7u
#define UNPACK_OFFSET_UNIT     2u
#define UNPACK_MATCH_MIN       2u

// Unpacks from `from` to [to, end). Writes nothing outside whatever `from` holds, and returns when the
// room is full.
void unpack(const uint8_t *from, uint8_t *to, const uint8_t *end);

#endif

// SPDX-License-Identifier: MIT
//
// Texts of devices and files may hold any byte; what goes into JSON or HTML has to be UTF-8 (RFC 3629).

#ifndef DOCTOR_UTF8_H
#define DOCTOR_UTF8_H

#include <stddef.h>

// The length of the well-formed sequence that begins at `at` (a NUL-terminated string); 0: it is none.
size_t utf8_len(const unsigned char *at);

#endif

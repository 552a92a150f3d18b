// SPDX-License-Identifier: MIT
//
// Versions of host tools with a known fault, wherever a version is met: in a log, or installed on the PC.

#ifndef DOCTOR_VERSIONS_H
#define DOCTOR_VERSIONS_H

// What is known against it, to stand behind the tool's name ("waits five minutes for ..."); NULL: nothing.
// `tool` is "STM32CubeProgrammer" or "dfu-util".
const char *version_fault(const char *tool, const char *version);

#endif

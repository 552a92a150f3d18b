// SPDX-License-Identifier: MIT
//
// Hot-plug messages to the programs in a umockdev test bed.

#ifndef VBOARD_HOST_UEVENT_H
#define VBOARD_HOST_UEVENT_H

// Sends an event, as udevd would after its rules ran, to every monitor in the test bed. `action` is
// "add", "remove" or "bind"; `properties` are lines of KEY=value, those of the uevent file.
void uevent_send(const char *root, const char *devpath, const char *subsystem, const char *devtype,
                 const char *action, const char *properties);

#endif

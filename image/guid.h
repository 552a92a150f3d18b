// SPDX-License-Identifier: MIT
//
// The GUID by which fwupd knows a device: an RFC 4122 UUID of version 5 (SHA-1), in the namespace for domain
// names, of its instance ID such as "USB\VID_1209&PID_0001".

#ifndef IMAGE_GUID_H
#define IMAGE_GUID_H

#define GUID_TEXT_BYTES 37u

void guid_of(const char *instance_id, char text[GUID_TEXT_BYTES]);

#endif

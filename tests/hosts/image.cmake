# SPDX-License-Identifier: MIT
redfu_test(NAME hosts/image
    SOURCES hosts/image.c board/cable_device.c LIBRARIES board_host doctor TIMEOUT 600 LABELS long)

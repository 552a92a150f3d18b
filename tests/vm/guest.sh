# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# A Linux guest in QEMU with a virtual board's USB port in it, for script/test-vm and script/vm, which source
# this: what the guest is made of, how it starts, how it is spoken to. What is done in it is theirs.
#
# Set by them before: `name` (their own, for messages), `build` (folder of the programs), `cache` (the
# guest's parts), `run` (an empty folder of this run), `pace` and `board`; and run in the root of the sources.

# Bounds, in seconds of the wall clock. Alone on two cores the guest is up in 3 s; a busy machine
# takes several times as long.
guest_up_s=120
answer_s=120

# Where the scripts do not say otherwise.
: "${name:=vm}" "${build:=build}" "${cache:=build/vm}" "${run:=}" "${pace:=1}" "${board:=}"

verbose='' is_quiet_about_run='' board_pid='' qemu_pid='' output='' where='' usbip_port=''

say() {
    printf '%s\n' "$*"
}

skip() {
    printf '%s: skipped: %s\n' "$name" "$*" >&2
    exit 77
}

fail() {
    printf '%s: %s\n' "$name" "$*" >&2
    exit 1
}

# ---- The guest's parts, once ----

# as_root COMMAND...
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo env ${http_proxy:+"http_proxy=$http_proxy"} ${https_proxy:+"https_proxy=$https_proxy"} "$@"
    else
        fail "only root can install packages, and there is no sudo; as root: $*"
    fi
}

# unpack PACKAGE FOLDER [PATTERN...]: fetches a Debian package and unpacks it, or what matches.
unpack() {
    local package=$1 folder=$2
    shift 2
    (cd "$cache/fetched" && apt-get -q download "$package" >/dev/null) ||
        fail "apt-get could not fetch $package (are the package lists there? apt-get update)"
    mkdir -p "$folder"
    dpkg-deb --fsys-tarfile "$cache/fetched/${package}"_*.deb |
        tar -x -C "$folder" ${1:+--wildcards} "$@"
    rm "$cache/fetched/${package}"_*.deb
}

# The ELF kernel inside a bzImage: QEMU starts it directly (PVH), which saves the guest 4 s of
# unpacking. It is one of the xz streams in there; which, its first bytes tell.
unpack_kernel() {
    local image=$1 to=$2 off
    while read -r off; do
        # What follows the stream is no fault of it: tail may be left with a closed pipe.
        if xz -dc --single-stream < <(tail -c "+$((off + 1))" "$image") >"$to.new" 2>/dev/null &&
            [ "$(head -c 4 "$to.new" | tail -c 3)" = ELF ]; then
            mv "$to.new" "$to"
            return
        fi
    done < <(LC_ALL=C grep -aboF $'\xfd7zXZ' "$image" | cut -d: -f1)
    fail "no kernel compressed with xz in $image"
}

setup() {
    local missing='' package
    command -v qemu-system-x86_64 >/dev/null || missing='qemu-system-x86'
    command -v xz >/dev/null || missing="$missing xz-utils"
    if [ -n "$missing" ]; then
        say "$name: installing $missing"
        as_root apt-get -q update >/dev/null || say "$name: apt-get update failed; going on with the old lists"
        # shellcheck disable=SC2086 # one word a package
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $missing ||
            fail "apt-get could not install $missing"
    fi
    rm -rf "$cache"
    mkdir -p "$cache/fetched"
    chmod a+rwx "$cache/fetched" # apt fetches as its own user
    package=$(apt-cache depends linux-image-amd64 2>/dev/null | sed -n 's/^ *Depends: *\(linux-image-6[^ ]*\).*/\1/p')
    [ -n "$package" ] || fail "apt knows no linux-image-amd64 (apt-get update brings the package lists)"
    say "$name: fetching $package, udev and busybox-static"
    unpack "$package" "$cache/linux" './boot/vmlinuz-*' '*/kernel/drivers/usb/*' \
        '*/kernel/drivers/hid/*' '*/kernel/drivers/scsi/*' '*/kernel/drivers/virtio/*' \
        '*/kernel/drivers/char/virtio_console.ko' '*/kernel/drivers/net/virtio_net.ko' \
        '*/kernel/drivers/net/net_failover.ko' '*/kernel/net/core/*' '*/kernel/lib/*' '*/kernel/crypto/*' '*/kernel/block/*'
    unpack udev "$cache/debian"
    unpack busybox-static "$cache/debian"
    unpack_kernel "$cache"/linux/boot/vmlinuz-* "$cache/vmlinux"
    make_guest
    rmdir "$cache/fetched"
    guest_version >"$cache/complete"
}

# module_order NAME...: the modules' files, each behind what it depends on.
module_order() {
    local name file needed
    for name in "$@"; do
        # A module's name has _ where its file may have -.
        file=$(find "$cache/linux/lib/modules" -name "${name//[-_]/[-_]}.ko")
        if [ -z "$file" ]; then
            fail "the kernel's package has no module $name"
        fi
        needed=$(grep -aohm1 'depends=[a-zA-Z0-9_,-]*' "$file" | head -n 1)
        needed=${needed#depends=}
        # shellcheck disable=SC2046,SC2086 # one word a module
        module_order ${needed//,/ }
        printf '%s\n' "$file"
    done
}

# What --setup fetches; another number makes it necessary again.
guest_version() {
    echo 3
}

# Debian has it where only root looks.
usbip_program() {
    PATH=$PATH:/usr/sbin command -v usbip
}

# What the guest is made of, beside what --setup fetched.
guest_stamp() {
    cat tests/vm/guest.sh tests/vm/init "$(command -v dfu-util)" "$(command -v lsusb)" "$(usbip_program)" | cksum
}

# The root of the guest, but for what is tested: one archive, uncompressed, which starts fastest.
make_guest() {
    local root=$cache/root file program
    rm -rf "$root"
    mkdir -p "$root/bin" "$root/lib/modules" "$root/lib/systemd" "$root/etc/udev" "$root/usr"
    ln -s lib "$root/lib64"
    ln -s ../lib "$root/usr/lib"
    ln -s ../bin "$root/usr/bin"
    ln -s bin "$root/sbin"
    module_order virtio_pci virtio_console xhci-pci cdc-acm usbhid hid-generic usb-storage sd_mod | awk '!seen[$0]++' >"$cache/order"
    while read -r file; do
        cp "$file" "$root/lib/modules/"
    done <"$cache/order"
    sed 's|.*/||' "$cache/order" >"$root/lib/modules/order"
    # For usbip alone, and loaded when it is wanted.
    module_order virtio_net vhci-hcd | awk '!seen[$0]++' | grep -vxFf "$cache/order" >"$cache/order.usbip"
    while read -r file; do
        cp "$file" "$root/lib/modules/"
    done <"$cache/order.usbip"
    sed 's|.*/||' "$cache/order.usbip" >"$root/lib/modules/order.usbip"
    cp "$cache/debian/bin/busybox" "$cache/debian/bin/udevadm" "$root/bin/"
    ln -s busybox "$root/bin/sh"
    ln -s ../../bin/udevadm "$root/lib/systemd/systemd-udevd"
    cp -r "$cache/debian/lib/udev" "$root/lib/udev"
    rm -rf "$root/lib/udev/hwdb.d" # names for a person; 10 MB
    for program in dfu-util lsusb; do
        cp "$(command -v "$program")" "$root/bin/$program"
    done
    cp "$(usbip_program)" "$root/bin/usbip"
    # The C library and what else these link, as this machine has them.
    for program in "$root/bin/dfu-util" "$root/bin/lsusb" "$root/bin/usbip" "$root/bin/udevadm"; do
        ldd "$program" | sed -n 's/^[^\/]*\(\/[^ ]*\) (0x.*/\1/p'
    done | sort -u | while read -r file; do
        cp -L "$file" "$root/lib/"
    done
    printf 'root:x:0:0:root:/:/bin/sh\n' >"$root/etc/passwd"
    printf 'root:x:0:\n' >"$root/etc/group"
    cp tests/vm/init "$root/init"
    archive "$root" "$cache/guest.cpio"
    guest_stamp >"$cache/stamp"
}

# archive FOLDER FILE: as the kernel takes it for its first root.
archive() {
    (cd "$1" && find . | "$OLDPWD/$cache/debian/bin/busybox" cpio -o -H newc 2>/dev/null) >"$2"
}

# require_guest: everything that was fetched or installed is there, and the guest is made of today's parts.
require_guest() {
    command -v qemu-system-x86_64 >/dev/null || skip "qemu-system-x86_64 is not installed (script/$name --setup)"
    command -v dfu-util >/dev/null || skip "dfu-util is not installed (script/bootstrap)"
    command -v lsusb >/dev/null || skip "lsusb is not installed (script/bootstrap)"
    usbip_program >/dev/null || skip "usbip is not installed (script/bootstrap)"
    [ -e "$cache/complete" ] || skip "the guest is not there (script/$name --setup)"
    [ "$(cat "$cache/complete")" = "$(guest_version)" ] ||
        skip "the guest's parts are of an earlier version (script/$name --setup fetches them again)"
    if [ "$(guest_stamp)" != "$(cat "$cache/stamp" 2>/dev/null)" ]; then
        make_guest
    fi
}

# ---- A run ----

cleanup() {
    local status=$?
    trap - EXIT INT TERM HUP
    if [ -n "$qemu_pid" ]; then
        kill "$qemu_pid" 2>/dev/null || true
        wait "$qemu_pid" 2>/dev/null || true
    fi
    if [ -n "$board_pid" ]; then
        kill "$board_pid" 2>/dev/null || true
        wait "$board_pid" 2>/dev/null || true
    fi
    if [ -n "$run" ]; then
        rm -f "$run/agent.in" "$run/agent.out"
        if [ "$status" != 0 ] && [ -z "$is_quiet_about_run" ]; then
            printf '%s: what the guest and the board said is in %s/\n' "$name" "$run" >&2
        fi
    fi
    exit "$status"
}

# start_board OPTION...: vboard serve with these, its cable at QEMU's usb-redir. Ends when its sockets are there.
start_board() {
    serve_board --usbredir "$run/usb" "$@"
    until_board has_usbredir
}

has_usbredir() {
    [ -S "$run/usb" ]
}

# start_usbip_board OPTION...: likewise, for the guest's vhci_hcd. Its port is in $usbip_port.
start_usbip_board() {
    serve_board --usbip 0 "$@"
    until_board has_usbip
}

# shellcheck disable=SC2034 # usbip_port is for who starts the board
has_usbip() {
    usbip_port=$(sed -n 's/^vboard: note: usbip may come to 127.0.0.1 port //p' "$run/$board.log")
    [ -n "$usbip_port" ]
}

serve_board() {
    "$build/vboard" serve --board "$board" --socket "$run/ctl" --pace "$pace" \
        --trace "$run/$board.trace" "$@" >"$run/$board.log" 2>&1 &
    board_pid=$!
}

# until_board CONDITION: besides the control socket.
until_board() {
    local i
    for ((i = 0; i < 100; i++)); do
        if [ -S "$run/ctl" ] && "$1"; then
            return
        fi
        kill -0 "$board_pid" 2>/dev/null || break
        sleep 0.1
    done
    cat "$run/$board.log" >&2
    fail "vboard serve did not start"
}

start_guest() {
    mkfifo "$run/agent.in" "$run/agent.out"
    # TCG: no KVM is needed. reconnect=1: the board may be plugged in later, or again.
    qemu-system-x86_64 -M q35 -m 256 -nodefaults -no-user-config -display none -no-reboot \
        -kernel "$cache/vmlinux" -initrd "$run/initrd" \
        -append 'console=ttyS0 quiet loglevel=4 panic=-1 random.trust_cpu=on mitigations=off' \
        -serial "file:$run/console.log" \
        -device virtio-serial-pci -chardev "pipe,id=agent,path=$run/agent" \
        -device virtserialport,chardev=agent,name=agent \
        -device qemu-xhci \
        -netdev user,id=net -device virtio-net-pci,netdev=net,romfile= \
        -chardev "socket,id=board,path=$run/usb,reconnect=1" -device usb-redir,chardev=board \
        >"$run/qemu.log" 2>&1 </dev/null &
    qemu_pid=$!
    # Both directions are opened for both, so that neither open waits for the other end.
    exec 3<>"$run/agent.in" 4<>"$run/agent.out"
    local line='' deadline=$((SECONDS + guest_up_s))
    while [ "$line" != '@@ready' ]; do
        if ! kill -0 "$qemu_pid" 2>/dev/null; then
            cat "$run/qemu.log" >&2
            fail "QEMU ended before the guest was up"
        fi
        [ "$SECONDS" -lt "$deadline" ] ||
            fail "the guest did not come up within $guest_up_s s; its console is $run/console.log"
        IFS= read -r -t 1 line <&4 || line=''
    done
}

# guest COMMAND-LINE: runs it in the guest's shell. Its output is in $output, its exit status in $?.
guest() {
    local line deadline=$((SECONDS + answer_s))
    output=''
    printf '%s\n' "$1" >&3
    while [ "$SECONDS" -lt "$deadline" ]; do
        kill -0 "$qemu_pid" 2>/dev/null || fail "QEMU ended$where"
        IFS= read -r -t 5 line <&4 || continue
        case $line in
        '@@end '*)
            [ -z "$verbose" ] || printf '%s' "$output" | sed 's/^/    | /'
            return "${line#@@end }"
            ;;
        '| '*) output+=${line#| }$'\n' ;;
        esac
    done
    fail "the guest did not answer within $answer_s s$where to: $1"
}

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Installs what vmrun needs and the machine lacks. Says nothing when nothing is missing.
set -eu

missing=
need() { # program package
	command -v "$1" >/dev/null || missing="$missing $2"
}
need qemu-system-x86_64 qemu-system-x86
need qemu-system-aarch64 qemu-system-arm
need dpkg-deb dpkg
[ -n "$missing" ] || exit 0

echo "installing$missing"
root=
[ "$(id -u)" -eq 0 ] || root=sudo
get() {
	$root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=5 -o DPkg::Lock::Timeout=600 "$@"
}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # a list of words
get install --no-install-recommends $missing >"$log" 2>&1 ||
	{ get update >"$log" 2>&1 && get install --no-install-recommends $missing >>"$log" 2>&1; } ||
	{ cat "$log" >&2; exit 1; }

# SPDX-License-Identifier: Apache-2.0
# Shell functions that the commands in tools/ share. Sourced, never run; POSIX sh; expects `root`, the source tree.

PATH=$PATH:/usr/sbin:/sbin # nginx and unbound live there, and a user's PATH may not

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# Bold and dim only where a person is looking.
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
	bold=$(printf '\033[1m') dim=$(printf '\033[2m') plain=$(printf '\033[0m')
else
	bold='' dim='' plain=''
fi

now() { date +%s.%N; }
# Seconds since a moment that now() printed, to a tenth.
since() { now | awk -v from="$1" '{ printf "%.1f", $1 - from }'; }

# as_root COMMAND…: as we are, or through sudo.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null 2>&1; then
		sudo -- "$@"
	else
		die "this needs root to run '$*': run it as root, or install sudo"
	fi
}

# packages SECTION…: the package names of these sections of tools/packages.txt.
packages() {
	for section in "$@"; do
		grep -q "^\[$section\]\$" "$root/tools/packages.txt" || die "tools/packages.txt has no section '$section'"
	done
	awk -v wanted=" $* " '
		/^\[.*\]$/ { take = index(wanted, " " substr($0, 2, length($0) - 2) " "); next }
		/^[a-z0-9]/ && take && !seen[$1]++ { print $1 }' "$root/tools/packages.txt"
}

# missing SECTION…: those of them that are not installed.
missing() {
	for package in $(packages "$@"); do
		status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=none
		[ "$status" = installed ] || echo "$package"
	done
}

# Debian starts a service when its package arrives. What we install is only material for a demo or a test, so for the
# time of the installation a policy answers "do not start" (101), and whatever it brought is not started at boot either.
# A policy the machine already has is put aside and comes back, also after a run that was killed in between.
policy=/usr/sbin/policy-rc.d
hold_services() {
	if as_root test -e "$policy" && ! as_root test -e "$policy.before-isobar"; then
		as_root mv "$policy" "$policy.before-isobar"
	fi
	printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
	as_root chmod 755 "$policy"
}
release_services() {
	as_root rm -f "$policy"
	if as_root test -e "$policy.before-isobar"; then
		as_root mv "$policy.before-isobar" "$policy"
	fi
}

apt() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -y -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@"
}

# install_packages SECTION…: brings what is missing; touches apt only when something is.
install_packages() {
	wanted=$(missing "$@")
	[ -n "$wanted" ] || return 0
	services=$(ls /etc/init.d 2>/dev/null || true)
	apt update || die "cannot refresh the package lists: apt-get says why above"
	trap release_services EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	hold_services
	# shellcheck disable=SC2086 # a list of names
	apt install --no-install-recommends $wanted || die "cannot install: $(echo $wanted)"
	for service in $(ls /etc/init.d 2>/dev/null); do
		case " $(echo $services) " in
		*" $service "*) ;;
		*) as_root update-rc.d "$service" disable || true ;;
		esac
	done
	release_services
	trap - EXIT INT TERM
}

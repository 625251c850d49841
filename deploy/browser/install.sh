#!/usr/bin/env bash
# What the tests in a real browser need: a Chromium, and axe-core (the accessibility rules).
# Usage: deploy/browser/install.sh <folder for the npm package>; called by deploy/dev.sh browser.
#
# CHROMIUM names another Chromium or Chrome. What is missing is installed from Debian's (or
# Ubuntu's) packages where this may be done: as root, or with a sudo that asks for no password.
#
# Written for bash 3.2, which macOS still ships.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
target=$1

say() { printf '%s\n' "$@"; }
fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

find_chromium() {
    local candidate
    if [ -n "${CHROMIUM:-}" ]; then
        command -v "$CHROMIUM" || fail "CHROMIUM=$CHROMIUM is no program that can be run."
        return
    fi
    for candidate in chromium chromium-browser google-chrome; do
        command -v "$candidate" && return
    done
    return 1
}

with_rights() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

install_packages() {
    command -v apt-get >/dev/null 2>&1 && with_rights true 2>/dev/null || fail \
        "Missing: $*. They cannot be installed from here (apt-get as root is needed)." \
        "Debian: apt-get install $*. Another Chromium or Chrome is named by CHROMIUM."
    say "Installing $*"
    with_rights apt-get update -qq || say "apt-get update failed; trying with the lists as they are."
    with_rights env DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq -y --no-install-recommends "$@" >/dev/null ||
        fail "apt-get could not install $*."
}

# The folder is filled anew only when the lock file has changed.
install_axe() {
    local installed="$target/node_modules/axe-core/axe.min.js"
    [ -s "$installed" ] && cmp -s "$here/package-lock.json" "$target/package-lock.json" && return
    command -v npm >/dev/null 2>&1 || install_packages npm
    mkdir -p "$target"
    rm -f "$target/package-lock.json"
    cp "$here/package.json" "$target/"
    cp "$here/package-lock.json" "$target/package-lock.json"
    (cd "$target" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null) || {
        rm -f "$target/package-lock.json"
        fail "npm could not install axe-core."
    }
}

if ! chromium=$(find_chromium); then
    [ -z "${CHROMIUM:-}" ] || exit 1
    # Without a font, a page is a row of empty squares.
    install_packages chromium fonts-liberation
    chromium=$(find_chromium) || fail "The package chromium brought no program of this name."
fi
install_axe
say "Browser: $chromium; axe-core: $target/node_modules/axe-core"

#!/bin/sh
# tests/run.sh: installs what is missing, builds everything and runs all tests.
#
#   tests/run.sh [--no-install] [argument of ctest]...
#
# For example: tests/run.sh -L core, or tests/run.sh -R websocket -V. Works from any folder.

set -eu
cd "$(dirname "$0")/.."
. cmake/packages.sh

install=""
if [ "${1:-}" = --no-install ]; then
    install=--no-install
    shift
fi

need_build
need_examples
need_peers
install_missing $install

cmake --preset dev
cmake --build --preset dev
exec ctest --preset dev "$@"

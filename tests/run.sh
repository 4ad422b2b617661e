#!/bin/sh
# tests/run.sh: installs what is missing, builds everything optimised and runs all tests.
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

cmake --preset release

# A file that does not compile must not hide what the other tests say.
failed=0
cmake --build --preset release -- -k 0 || failed=1
[ $failed -eq 0 ] || echo "the build failed (see above); the tests that could be built follow" >&2
ctest --preset release "$@" || failed=1
exit $failed

#!/bin/sh
# examples/aggregator/run.sh: builds the aggregator and runs it; installs with apt what is missing for that.
#
#   run.sh [--no-install]                    the demonstration: two programs, three commands each, one log
#   run.sh [--no-install] NAME=COMMAND...    aggregator run NAME=COMMAND...
#   run.sh [--no-install] run|hub ARG...     aggregator run|hub ARG...
#
# Works from any folder; the commands are started in the folder it is called from.

set -eu
called_from=$PWD
cd "$(dirname "$0")/../.."
. cmake/packages.sh

install=""
if [ "${1:-}" = --no-install ]; then
    install=--no-install
    shift
fi

need_build
need_examples
install_missing $install

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# Quiet unless something goes wrong: the terminal belongs to the log.
quietly() {
    if ! "$@" >"$work/build.log" 2>&1; then
        cat "$work/build.log" >&2
        exit 1
    fi
}

[ -x build/release/examples/aggregator/aggregator ] || echo "building the aggregator ..." >&2
# tests/run.sh builds in the same folder; its settings are kept, and without it no test framework is needed.
if [ -e build/release/build.ninja ]; then
    quietly cmake build/release
else
    quietly cmake --preset release -DAIOXX_BUILD_TESTS=OFF
fi
quietly cmake --build --preset release --target aggregator
aggregator=$PWD/build/release/examples/aggregator/aggregator

if [ $# -gt 0 ]; then
    rm -rf "$work"
    cd "$called_from"
    case $1 in
        run | hub) exec "$aggregator" "$@" ;;
        *) exec "$aggregator" run "$@" ;;
    esac
fi

# ---- the demonstration ----

hub="" shop="" office=""
# Whatever happens, nothing started here is left behind.
stop_all() {
    for pid in $shop $office $hub; do kill -TERM "$pid" 2>/dev/null || true; done
    rm -rf "$work"
}
trap stop_all EXIT

# Only for use with &. A shell lets its background jobs ignore Ctrl-C; these must not.
start() { exec env --default-signal=INT "$aggregator" "$@"; }

# The hub's log goes to the terminal; what it says about itself is on stderr.
start hub --listen 127.0.0.1:0 2>"$work/hub.err" &
hub=$!

address=""
tries=0
while [ -z "$address" ]; do
    address=$(sed -n 's|.*listening on \(ws://[^ /]*\).*|\1|p' "$work/hub.err" | head -n 1)
    tries=$((tries + 1))
    if [ "$tries" -gt 100 ] || ! kill -0 "$hub" 2>/dev/null; then
        echo "the hub did not start:" >&2
        cat "$work/hub.err" >&2
        exit 1
    fi
    sleep 0.1
done
echo "hub at $address; two programs send their commands' output to it:" >&2

start run --to "$address/demo" --agent shop \
    'clock=while :; do date +%T.%N; sleep 0.5; done' \
    'count=n=0; while :; do n=$((n + 1)); echo "order $n"; sleep 0.3; done' \
    'alarm=n=0; while :; do n=$((n + 1)); echo "shelf $n is empty" >&2; sleep 1.1; done' \
    >/dev/null 2>"$work/shop.err" &
shop=$!
start run --to "$address/demo" --agent office \
    'files=ls -R /usr/share/doc | while read -r line; do echo "$line"; sleep 0.2; done' \
    'load=while :; do cat /proc/loadavg; sleep 1; done' \
    'month=while :; do date "+%A, %d %B"; sleep 1.7; done' \
    >/dev/null 2>"$work/office.err" &
office=$!

sleep 5

# Ctrl-C, first to the programs, then to the hub.
ok=0
finish() { # <name> <pid>
    kill -INT "$2" 2>/dev/null || { echo "$1 ended before it was told to" >&2; ok=1; }
    status=0
    wait "$2" || status=$?
    echo "---- $1 (exit $status)" >&2
    cat "$work/$1.err" >&2
    # 130 is how a shell names an end by Ctrl-C.
    case $status in 0 | 130) ;; *) ok=1 ;; esac
}
finish shop "$shop"
shop=""
finish office "$office"
office=""
finish hub "$hub"
hub=""
exit $ok

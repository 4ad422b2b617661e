# cmake/packages.sh: finds what is missing on this machine and installs it with apt. For sourcing:
#
#   . cmake/packages.sh
#   need_build                 compiler, CMake, Ninja and the libraries
#   need_clang                 ... one function for each purpose
#   install_missing [--no-install]
#
# What counts is whether the command or file is there, not which package brought it: a program that works is never
# replaced. --no-install only names the packages and fails.

missing_packages=""

need_package() { # <package>
    case " $missing_packages " in *" $1 "*) ;; *) missing_packages="$missing_packages $1" ;; esac
}

need_command() { # <command> <package>
    command -v "$1" >/dev/null 2>&1 || need_package "$2"
}

need_file() { # <package> <file>...: any of the files will do
    _package=$1
    shift
    for _file in "$@"; do
        [ -e "$_file" ] && return 0
    done
    need_package "$_package"
}

need_header() { # <package> <header>...: any of the headers will do
    _package=$1
    shift
    for _header in "$@"; do
        for _root in /usr/include /usr/local/include "/usr/include/$(uname -m)-linux-gnu"; do
            [ -e "$_root/$_header" ] && return 0
        done
    done
    need_package "$_package"
}

need_build() {
    need_command c++ g++
    need_command cmake cmake
    need_command ninja ninja-build
    need_header libasio-dev asio.hpp
    need_header librange-v3-dev range/v3/version.hpp
    need_header libssl-dev openssl/ssl.h
    need_header zlib1g-dev zlib.h
}

need_examples() {
    need_header libcli11-dev CLI/CLI.hpp
    need_header nlohmann-json3-dev nlohmann/json.hpp
}

# The peers of the tests are Python's and node's; /usr/bin/python3 is the one that sees Debian's modules.
need_peers() {
    need_header catch2 catch2/catch.hpp catch2/catch_all.hpp
    need_command ccache ccache
    need_command openssl openssl
    need_command strace strace
    need_command ps procps
    need_file python3 /usr/bin/python3
    need_command curl curl
    /usr/bin/python3 -c 'import websockets' 2>/dev/null || need_package python3-websockets
    /usr/bin/python3 -c 'import websocket' 2>/dev/null || need_package python3-websocket
    need_command node nodejs
    has_node_ws || need_package node-ws
    need_command microsocks microsocks
    need_command tinyproxy tinyproxy-bin  # the package tinyproxy would start one
}

need_clang() {
    need_command clang++-19 clang-19
    need_file libclang-rt-19-dev "/usr/lib/llvm-19/lib/clang/19/lib/linux/libclang_rt.asan-$(uname -m).a"
}

# Large, so that only CI asks for it: without one the tests of pages say that they were left out.
need_browser() {
    command -v chromium-browser >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 || need_command chromium chromium
}

# Programs for words of 32 bits beside those of this machine.
need_32bit() {
    [ "$(uname -m)" = x86_64 ] || return 0
    need_file g++-multilib /usr/lib/gcc/x86_64-linux-gnu/*/32/libstdc++.a
    need_file g++-multilib /usr/include/asm
}

# What Clang needs to make programs for 64-bit ARM, and what runs them here. Requires: a compiler is installed.
need_arm64() {
    [ "$(uname -m)" = x86_64 ] || return 0
    need_clang
    _version=$(c++ -dumpversion | cut -d. -f1)
    need_file "libstdc++-$_version-dev-arm64-cross" /usr/lib/gcc-cross/aarch64-linux-gnu/*/libstdc++.a
    need_command aarch64-linux-gnu-ld binutils-aarch64-linux-gnu
    need_command qemu-aarch64 qemu-user
}

node_modules=build/node/node_modules

has_node_ws() {
    NODE_PATH="$PWD/$node_modules:/usr/share/nodejs" node -e "require('ws')" 2>/dev/null
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# Debian's ws wants Debian's node; beside another node it may not be installable. Then npm brings it.
install_node_ws() {
    case " $missing_packages " in *" node-ws "*) ;; *) return 0 ;; esac
    command -v npm >/dev/null 2>&1 || return 0
    if ! _plan=$(apt-get install -s node-ws 2>/dev/null) || echo "$_plan" | grep -q -e '^Remv ' -e '^Inst nodejs \['; then
        echo "installing with npm into build/node: ws"
        npm install --silent --no-fund --no-audit --prefix build/node ws@8 || return 1
        _rest=""
        for _package in $missing_packages; do
            [ "$_package" = node-ws ] || _rest="$_rest $_package"
        done
        missing_packages=$_rest
    fi
}

install_missing() { # [--no-install]
    [ -n "$missing_packages" ] || return 0
    if [ "${1:-}" = --no-install ]; then
        echo "missing packages:$missing_packages" >&2
        echo "install them with: apt-get install$missing_packages" >&2
        return 1
    fi
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "this system has no apt-get; install what these Debian packages contain:$missing_packages" >&2
        return 1
    fi
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null 2>&1; then
        echo "neither root nor sudo; ask for these packages:$missing_packages" >&2
        return 1
    fi
    as_root apt-get update -qq || echo "apt-get update failed; going on with the lists there are" >&2
    install_node_ws || return 1
    [ -n "$missing_packages" ] || return 0
    echo "installing with apt-get:$missing_packages"
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends --no-remove \
        $missing_packages >/dev/null || return 1
    missing_packages=""
}

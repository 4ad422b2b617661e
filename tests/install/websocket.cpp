// SPDX-License-Identifier: BSL-1.0
// tests/install/websocket.cpp: the component that needs OpenSSL is linked with what it needs.

#include <cstdio>
#include <string>

#include <aioxx/websocket.hpp>

int main() {
    // The example of RFC 6455, 1.3.
    const std::string accepted = aioxx::websocket::accept_key("dGhlIHNhbXBsZSBub25jZQ==");
    std::printf("%s\n", accepted.c_str());
    return accepted == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" ? 0 : 1;
}

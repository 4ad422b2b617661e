// SPDX-License-Identifier: BSL-1.0
#pragma once

// tls.hpp: secure connections: contexts, certificates, and the facades of connections, servers and streams that
// take a context. Needs OpenSSL 3: link aioxx::tls.

#include <aioxx/net/tls.hpp>
#include <aioxx/streams/tls.hpp>
#include <aioxx/tls/certificate.hpp>
#include <aioxx/tls/context.hpp>
#include <aioxx/tls/engine.hpp>
#include <aioxx/tls/error.hpp>
#include <aioxx/transports/tls.hpp>

// SPDX-License-Identifier: BSL-1.0
#pragma once

// tls/error.hpp: what OpenSSL and the verification of certificates say, as errors with a code and a text.

#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <aioxx/base/error.hpp>

namespace aioxx::tls {

/// Error codes of OpenSSL: the packed numbers of its error queue.
[[nodiscard]] inline const std::error_category& openssl_category() noexcept {
    static const struct final_category final : std::error_category {
        const char* name() const noexcept override { return "tls"; }
        std::string message(int code) const override {
            const char* reason = ::ERR_reason_error_string(static_cast<std::uint32_t>(code));
            return reason != nullptr ? reason : "OpenSSL error " + std::to_string(static_cast<std::uint32_t>(code));
        }
    } category;
    return category;
}

/// Ends of a connection that are no errors of OpenSSL.
enum class tls_errc {
    truncated = 1,       ///< the connection ended without the peer's close_notify: something may be missing
    handshake_ended,     ///< the peer ended the connection during the handshake
    handshake_timeout,   ///< the handshake took too long
    shutdown_timeout,    ///< the peer did not answer our close_notify in time
    early_data,          ///< bytes had been received before the handshake, which was not allowed
};

[[nodiscard]] inline const std::error_category& tls_category() noexcept {
    static const struct final_category final : std::error_category {
        const char* name() const noexcept override { return "tls"; }
        std::string message(int code) const override {
            switch (static_cast<tls_errc>(code)) {
                case tls_errc::truncated: return "the connection ended without a close_notify";
                case tls_errc::handshake_ended: return "the peer ended the connection during the handshake";
                case tls_errc::handshake_timeout: return "the handshake took too long";
                case tls_errc::shutdown_timeout: return "the peer did not answer the close_notify in time";
                case tls_errc::early_data: return "bytes were received before the handshake";
            }
            return "unknown";
        }
        // What asyncio raises for it: ConnectionResetError, ConnectionAbortedError, TimeoutError.
        std::error_condition default_error_condition(int code) const noexcept override {
            switch (static_cast<tls_errc>(code)) {
                case tls_errc::handshake_ended: return std::errc::connection_reset;
                case tls_errc::handshake_timeout: return std::errc::connection_aborted;
                case tls_errc::shutdown_timeout: return std::errc::timed_out;
                default: return {code, *this};
            }
        }
    } category;
    return category;
}

[[nodiscard]] inline std::error_code make_error_code(tls_errc code) noexcept {
    return {static_cast<int>(code), tls_category()};
}

/// A secure connection that failed (asyncio: ssl.SSLError).
class tls_error : public broken_error {
    using broken_error::broken_error;
};

/// The peer's certificate was not accepted (asyncio: ssl.SSLCertVerificationError).
class certificate_error : public tls_error {
public:
    /// Parameters: `verify_code` X509_V_ERR_...; `host` that the certificate should have been for, or empty.
    certificate_error(std::error_code code, long verify_code, const std::string& host)
        : tls_error(code, "the peer's certificate" + (host.empty() ? "" : " for \"" + host + "\"") +
                              " was refused (" + ::X509_verify_cert_error_string(verify_code) + ")"),
          verify_code_(verify_code) {}

    /// X509_V_ERR_..., what X509_verify_cert_error_string takes.
    [[nodiscard]] long verify_code() const noexcept { return verify_code_; }

private:
    long verify_code_;
};

namespace detail {

// Takes the oldest entry of this thread's error queue and empties it.
[[nodiscard]] inline std::error_code take_openssl_error() noexcept {
    const unsigned long code = ::ERR_get_error();
    ::ERR_clear_error();
    return {static_cast<int>(code), openssl_category()};
}

[[noreturn]] inline void throw_openssl_error(const std::string& what) { throw tls_error(take_openssl_error(), what); }

}  // namespace detail

}  // namespace aioxx::tls

template <>
struct std::is_error_code_enum<aioxx::tls::tls_errc> : std::true_type {};

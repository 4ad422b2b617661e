// SPDX-License-Identifier: BSL-1.0
#pragma once

// tls/engine.hpp: one secure connection without a connection: it turns plaintext into ciphertext and back, and asks
// a wire for bytes of the peer and gives it bytes for the peer. It knows no socket, no time and no coroutine; what
// would wait for the peer answers progress::again.

#include <algorithm>
#include <climits>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <aioxx/base/pinned.hpp>
#include <aioxx/buffer/bytes_view.hpp>
#include <aioxx/tls/certificate.hpp>
#include <aioxx/tls/context.hpp>
#include <aioxx/tls/error.hpp>

namespace aioxx::tls {

/// What carries the ciphertext of an engine.
class wire {
public:
    struct pulled {
        std::size_t count = 0;  ///< bytes; 0: there are none now
        bool ended = false;     ///< none will come either
    };
    /// Gives bytes of the peer, as many as there are and fit.
    virtual pulled pull(std::span<std::byte> into) noexcept = 0;
    /// Takes bytes for the peer, all of them.
    virtual void push(bytes_view ciphertext) = 0;

protected:
    ~wire() = default;
};

/// What one call of an engine came to.
enum class progress {
    done,
    again,      ///< nothing more without bytes of the peer: call again when there are some
    closed,     ///< the peer has said that nothing more comes (close_notify)
    truncated,  ///< the wire has ended without that
    failed      ///< the connection is broken: see failure()
};

namespace detail {

// The method table of the BIO that stands for a wire.
inline const BIO_METHOD* wire_method() {
    struct functions {
        static int read(BIO* bio, char* into, int size) noexcept {
            BIO_clear_retry_flags(bio);
            auto& own = *static_cast<wire*>(::BIO_get_data(bio));
            const wire::pulled got = own.pull({reinterpret_cast<std::byte*>(into), static_cast<std::size_t>(size)});
            if (got.count != 0) return static_cast<int>(got.count);
            if (got.ended) return 0;
            BIO_set_retry_read(bio);
            return -1;
        }
        static int write(BIO* bio, const char* from, int size) noexcept {
            BIO_clear_retry_flags(bio);
            try {
                static_cast<wire*>(::BIO_get_data(bio))->push(
                    bytes_view(reinterpret_cast<const std::byte*>(from), static_cast<std::size_t>(size)));
                return size;
            } catch (const std::exception&) {  // no memory
                return -1;
            }
        }
        static long control(BIO*, int command, long, void*) noexcept { return command == BIO_CTRL_FLUSH ? 1 : 0; }
    };
    static const auto method = [] {
        std::unique_ptr<BIO_METHOD, freed_by<::BIO_meth_free>> made(
            ::BIO_meth_new(::BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "aioxx wire"));
        ::BIO_meth_set_read(made.get(), &functions::read);
        ::BIO_meth_set_write(made.get(), &functions::write);
        ::BIO_meth_set_ctrl(made.get(), &functions::control);
        return made;
    }();
    return method.get();
}

}  // namespace detail

/// One end of a secure connection over a wire.
///
/// Lifetime: the wire outlives it. Concurrency: none.
class engine : pinned {
public:
    /// Parameters: `server_hostname` whom a client wants to talk to: sent to the server, and checked against its
    /// certificate when the context says so; empty for no name and no check. Servers ignore it.
    /// Errors: std::invalid_argument when a client that checks has no name; tls_error.
    engine(context settings, wire& below, std::optional<std::string> server_hostname = std::nullopt)
        : settings_(std::move(settings)), host_(server_hostname.value_or(std::string())) {
        require_host(settings_, server_hostname);
        ssl_.reset(::SSL_new(settings_.native_handle()));
        if (!ssl_) detail::throw_openssl_error("cannot make a TLS connection");
        BIO* bio = ::BIO_new(detail::wire_method());
        if (bio == nullptr) detail::throw_openssl_error("cannot make a TLS connection");
        ::BIO_set_data(bio, &below);
        ::BIO_set_init(bio, 1);
        ::SSL_set_bio(ssl_.get(), bio, bio);  // owned by it, once
        SSL_set_mode(ssl_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                     SSL_MODE_RELEASE_BUFFERS);
        // Two full records with one pull, or many small ones. OpenSSL has the buffer only while a record is incomplete.
        ::SSL_set_read_ahead(ssl_.get(), 1);
        ::SSL_set_default_read_buffer_len(ssl_.get(), 32 * 1024);
        if (settings_.which() == role::client) {
            ::SSL_set_connect_state(ssl_.get());
            if (!host_.empty()) expect_host(checks_host(settings_));
        } else {
            ::SSL_set_accept_state(ssl_.get());
        }
    }

    /// Errors: std::invalid_argument when the constructor would throw it.
    static void require_host(const context& settings, const std::optional<std::string>& server_hostname) {
        if (settings.which() == role::client && checks_host(settings) && !server_hostname) {
            throw std::invalid_argument(
                "tls: checking the host's name needs server_hostname; an empty one switches the check off");
        }
    }

    /// Goes on with the handshake. Returns: done, again, or failed, which the end of the wire is, too.
    progress handshake() {
        ::ERR_clear_error();
        const int outcome = ::SSL_do_handshake(ssl_.get());
        if (outcome == 1) return progress::done;
        const progress seen = classify(outcome);
        if (seen != progress::truncated && seen != progress::closed) return seen;
        failure_ = std::make_exception_ptr(tls_error(tls_errc::handshake_ended, "TLS"));
        return progress::failed;
    }

    /// Decrypts what has come, over the borders of records.
    ///
    /// Parameters: `count` the number of bytes put into `into`. When it is not 0, the result is done.
    progress read(std::span<std::byte> into, std::size_t& count) {
        count = 0;
        if (ended_ != progress::done) return ended_;
        do {
            std::size_t got = 0;
            ::ERR_clear_error();
            if (::SSL_read_ex(ssl_.get(), into.data() + count, into.size() - count, &got) != 1) {
                const progress seen = classify(0);
                if (seen != progress::again) ended_ = seen;
                return count != 0 ? progress::done : seen;
            }
            count += got;
        } while (count < into.size() && has_pending());
        return progress::done;
    }
    /// Whether there is something to read without the wire: bytes, which may be a part of a record, or the end.
    [[nodiscard]] bool has_pending() const noexcept {
        return ended_ != progress::done || ::SSL_has_pending(ssl_.get()) == 1;
    }

    /// Encrypts. Parameters: `count` how many bytes of `plaintext` it took, one record at most.
    progress write(bytes_view plaintext, std::size_t& count) {
        count = 0;
        ::ERR_clear_error();
        if (::SSL_write_ex(ssl_.get(), plaintext.data(), plaintext.size(), &count) == 1) return progress::done;
        return classify(0);
    }

    /// Says that nothing more comes, and waits for the peer to say so. What it still sends is dropped.
    ///
    /// Returns: done when the peer has said so or the wire has ended; again; failed.
    progress shut_down() {
        ::ERR_clear_error();
        if (!close_sent_) {
            const int outcome = ::SSL_shutdown(ssl_.get());
            if (outcome < 0 && classify(outcome) == progress::failed) return progress::failed;
            close_sent_ = true;
            if (outcome == 1) return progress::done;
        }
        std::byte dropped[1024];
        for (;;) {
            std::size_t count = 0;
            switch (read(dropped, count)) {
                case progress::done: break;
                case progress::again: return progress::again;
                case progress::closed:
                case progress::truncated: return progress::done;
                case progress::failed: return progress::failed;
            }
        }
    }

    /// Why it failed. Requires: something has.
    [[nodiscard]] std::exception_ptr failure() const noexcept { return failure_; }

    // ---- what was negotiated ----

    [[nodiscard]] std::string version_name() const { return ::SSL_get_version(ssl_.get()); }
    [[nodiscard]] std::string cipher() const { return SSL_get_cipher_name(ssl_.get()); }
    /// The protocol that was agreed upon, or nothing.
    [[nodiscard]] std::optional<std::string> alpn_protocol() const {
        const unsigned char* name = nullptr;
        unsigned size = 0;
        ::SSL_get0_alpn_selected(ssl_.get(), &name, &size);
        if (size == 0) return std::nullopt;
        return std::string(reinterpret_cast<const char*>(name), size);
    }
    /// The host that the client asked for, or nothing.
    [[nodiscard]] std::optional<std::string> server_name() const {
        const char* name = ::SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
        if (name == nullptr) return std::nullopt;
        return std::string(name);
    }
    [[nodiscard]] std::optional<certificate> peer_certificate() const {
        const detail::x509_ptr found(::SSL_get1_peer_certificate(ssl_.get()));
        if (!found) return std::nullopt;
        return certificate(found.get());
    }
    [[nodiscard]] bool session_reused() const noexcept { return ::SSL_session_reused(ssl_.get()) == 1; }
    [[nodiscard]] SSL* native_handle() const noexcept { return ssl_.get(); }

private:
    static bool checks_host(const context& settings) noexcept {
        const bool verifies = (::SSL_CTX_get_verify_mode(settings.native_handle()) & SSL_VERIFY_PEER) != 0;
        return verifies && settings.check_hostname();
    }

    // Names the host to the server, and has its certificate checked for it.
    void expect_host(bool check) {
        X509_VERIFY_PARAM* rules = ::SSL_get0_param(ssl_.get());
        const bool address = ::X509_VERIFY_PARAM_set1_ip_asc(rules, host_.c_str()) == 1;
        if (address && !check) ::X509_VERIFY_PARAM_set1_ip(rules, nullptr, 0);
        ::ERR_clear_error();
        if (address) return;
        if (SSL_set_tlsext_host_name(ssl_.get(), host_.c_str()) != 1) {
            detail::throw_openssl_error("cannot use the server name \"" + host_ + "\"");
        }
        if (!check) return;
        ::X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        if (::X509_VERIFY_PARAM_set1_host(rules, host_.c_str(), host_.size()) != 1) {
            detail::throw_openssl_error("cannot check the server name \"" + host_ + "\"");
        }
    }

    progress classify(int outcome) {
        switch (::SSL_get_error(ssl_.get(), outcome)) {
            case SSL_ERROR_WANT_READ:
            case SSL_ERROR_WANT_WRITE: return progress::again;
            case SSL_ERROR_ZERO_RETURN: return progress::closed;
            default: break;
        }
        const unsigned long code = ::ERR_peek_error();
        if (code == 0) return progress::truncated;  // the wire has ended
        if (ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
            ::ERR_clear_error();
            return progress::truncated;
        }
        fail();
        return progress::failed;
    }

    void fail() {
        const long verified = ::SSL_get_verify_result(ssl_.get());
        const bool refused = ERR_GET_REASON(::ERR_peek_error()) == SSL_R_CERTIFICATE_VERIFY_FAILED;
        const std::error_code code = detail::take_openssl_error();
        failure_ = refused ? std::make_exception_ptr(certificate_error(code, verified, host_))
                           : std::make_exception_ptr(tls_error(code, "TLS"));
    }

    context settings_;
    std::string host_;
    detail::ssl_ptr ssl_;
    std::exception_ptr failure_;
    progress ended_ = progress::done;  // what the reading half came to, once it has
    bool close_sent_ = false;
};

}  // namespace aioxx::tls

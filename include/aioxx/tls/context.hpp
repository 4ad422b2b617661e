// SPDX-License-Identifier: BSL-1.0
#pragma once

// tls/context.hpp: what the secure connections of one kind have in common: certificates, trust, versions. A context
// is set up once and then used for any number of connections. The defaults are those of Python's
// ssl.create_default_context: TLS 1.2 at least, and clients that verify the certificate and its host.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <aioxx/tls/error.hpp>

namespace aioxx::tls {

/// Which side of the handshake a context is for.
enum class role { client, server };

/// Versions of the protocol, oldest first.
enum class version : int { tls_1_2 = TLS1_2_VERSION, tls_1_3 = TLS1_3_VERSION };

/// Whether the peer must show a certificate (ssl.VerifyMode).
enum class verify_mode {
    none,      ///< it is not asked for one (server), or its certificate is not verified (client)
    optional,  ///< a server asks for one, and verifies it if there is one
    required   ///< the connection fails without one that is valid
};

namespace detail {

template <auto Free>
struct freed_by {
    template <class T>
    void operator()(T* owned) const noexcept {
        Free(owned);
    }
};
using bio_ptr = std::unique_ptr<BIO, freed_by<::BIO_free_all>>;
using x509_ptr = std::unique_ptr<X509, freed_by<::X509_free>>;
using pkey_ptr = std::unique_ptr<EVP_PKEY, freed_by<::EVP_PKEY_free>>;
using ssl_ptr = std::unique_ptr<SSL, freed_by<::SSL_free>>;

inline bio_ptr read_from(std::string_view text) {
    if (text.size() > std::numeric_limits<int>::max()) throw std::invalid_argument("tls: the PEM text is too long");
    return bio_ptr(::BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

}  // namespace detail

/// Settings of secure connections (Python: ssl.SSLContext). Copies refer to the same one.
///
/// Set it up before its first connection; a connection keeps it alive.
/// Concurrency: connections of several threads may share it once it is set up.
class context {
public:
    /// For connections to servers: verifies certificates by the system's trust store, and that they are for the host.
    /// Errors: tls_error when OpenSSL cannot make one, here and below.
    [[nodiscard]] static context for_client() {
        context made(role::client);
        made.set_verify_mode(verify_mode::required);
        made.load_default_trust();
        return made;
    }
    /// For connections from clients, which show no certificate. Needs load_cert_chain.
    [[nodiscard]] static context for_server() { return context(role::server); }
    /// Likewise, with a certificate chain and its key in PEM files.
    [[nodiscard]] static context for_server(const std::string& chain_file, const std::string& key_file) {
        context made = for_server();
        made.load_cert_chain(chain_file, key_file);
        return made;
    }

    /// Uses a context of the program's own: OpenSSL's, or asio::ssl::context::native_handle(). It is shared, not copied.
    ///
    /// Parameters: `which` side it is for. What it says about verification and versions holds as it is.
    /// Errors: std::invalid_argument for null.
    [[nodiscard]] static context adopt(SSL_CTX* native, role which) {
        if (native == nullptr) throw std::invalid_argument("tls::context::adopt: expected a context, got null");
        ::SSL_CTX_up_ref(native);
        return context(native, which);
    }

    [[nodiscard]] role which() const noexcept { return own().which; }
    /// OpenSSL's context, for settings that this class does not have. Lifetime: as long as this one.
    [[nodiscard]] SSL_CTX* native_handle() const noexcept { return native_.get(); }

    // ---- our certificate ----

    /// Loads our certificate, those that signed it, and its key, from PEM files (ssl.SSLContext.load_cert_chain).
    ///
    /// Errors: tls_error naming the file, with OpenSSL's reason; also when the key is not the certificate's.
    void load_cert_chain(const std::string& chain_file, const std::string& key_file) {
        ::ERR_clear_error();
        if (::SSL_CTX_use_certificate_chain_file(native_handle(), chain_file.c_str()) != 1) {
            detail::throw_openssl_error("cannot load the certificate chain \"" + chain_file + "\"");
        }
        if (::SSL_CTX_use_PrivateKey_file(native_handle(), key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
            detail::throw_openssl_error("cannot load the private key \"" + key_file + "\"");
        }
    }

    /// Likewise, from PEM texts.
    void use_cert_chain(std::string_view chain, std::string_view key) {
        ::ERR_clear_error();
        const detail::bio_ptr certificates = detail::read_from(chain);
        const detail::x509_ptr own(::PEM_read_bio_X509_AUX(certificates.get(), nullptr, nullptr, nullptr));
        if (!own || ::SSL_CTX_use_certificate(native_handle(), own.get()) != 1) {
            detail::throw_openssl_error("cannot use the certificate");
        }
        ::SSL_CTX_clear_chain_certs(native_handle());
        while (X509* signer = ::PEM_read_bio_X509(certificates.get(), nullptr, nullptr, nullptr)) {
            ::SSL_CTX_add0_chain_cert(native_handle(), signer);  // owns it now
        }
        ::ERR_clear_error();  // the end of the text
        const detail::bio_ptr key_text = detail::read_from(key);
        const detail::pkey_ptr own_key(::PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr));
        if (!own_key || ::SSL_CTX_use_PrivateKey(native_handle(), own_key.get()) != 1) {
            detail::throw_openssl_error("cannot use the private key");
        }
    }

    // ---- whom we trust ----

    /// Trusts what the system trusts (ssl.SSLContext.load_default_certs).
    void load_default_trust() {
        ::ERR_clear_error();
        if (::SSL_CTX_set_default_verify_paths(native_handle()) != 1) {
            detail::throw_openssl_error("cannot load the system's trust store");
        }
    }
    /// Trusts the certificates in a PEM file (ssl.SSLContext.load_verify_locations). Errors: tls_error naming the file.
    void load_verify_file(const std::string& file) {
        ::ERR_clear_error();
        if (::SSL_CTX_load_verify_file(native_handle(), file.c_str()) != 1) {
            detail::throw_openssl_error("cannot load the trusted certificates \"" + file + "\"");
        }
    }
    /// Trusts the certificates in a PEM text. Errors: tls_error when there is none.
    void add_trusted(std::string_view certificates) {
        ::ERR_clear_error();
        const detail::bio_ptr text = detail::read_from(certificates);
        int count = 0;
        while (X509* each = ::PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr)) {
            const detail::x509_ptr owner(each);
            ::X509_STORE_add_cert(::SSL_CTX_get_cert_store(native_handle()), each);
            ++count;
        }
        if (count == 0) detail::throw_openssl_error("cannot use the trusted certificates");
        ::ERR_clear_error();
    }
    void set_verify_mode(verify_mode mode) {
        int flags = SSL_VERIFY_NONE;
        if (mode != verify_mode::none) flags = SSL_VERIFY_PEER;
        if (mode == verify_mode::required) flags |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
        ::SSL_CTX_set_verify(native_handle(), flags, nullptr);
    }
    /// Whether clients check that the certificate is for the host that they connect to. Set from the start.
    void set_check_hostname(bool check) noexcept { own().check_hostname = check; }
    [[nodiscard]] bool check_hostname() const noexcept { return own().check_hostname; }

    // ---- what is negotiated ----

    /// Errors: tls_error when OpenSSL was built without it.
    void set_minimum_version(version oldest) {
        ::ERR_clear_error();
        if (::SSL_CTX_set_min_proto_version(native_handle(), static_cast<int>(oldest)) != 1) {
            detail::throw_openssl_error("cannot set the minimum version");
        }
    }
    void set_maximum_version(version newest) {
        ::ERR_clear_error();
        if (::SSL_CTX_set_max_proto_version(native_handle(), static_cast<int>(newest)) != 1) {
            detail::throw_openssl_error("cannot set the maximum version");
        }
    }
    /// The ciphers of TLS 1.2, in OpenSSL's notation. Errors: tls_error naming the text when none is known.
    void set_ciphers(const std::string& ciphers) {
        ::ERR_clear_error();
        if (::SSL_CTX_set_cipher_list(native_handle(), ciphers.c_str()) != 1) {
            detail::throw_openssl_error("cannot use the ciphers \"" + ciphers + "\"");
        }
    }
    /// The protocols that we speak over the connection, in order of preference: {"h2", "http/1.1"} (RFC 7301).
    ///
    /// A server takes its first one that the client offers; without a common one the handshake fails.
    /// Errors: std::invalid_argument for a name that is empty or longer than 255 bytes.
    void set_alpn_protocols(const std::vector<std::string>& protocols) {
        std::string wire;
        for (const std::string& name : protocols) {
            if (name.empty() || name.size() > 255) {
                throw std::invalid_argument("set_alpn_protocols: expected names of 1 to 255 bytes, got one of " +
                                            std::to_string(name.size()));
            }
            wire += static_cast<char>(name.size());
            wire += name;
        }
        if (which() == role::server) {
            own().alpn = std::move(wire);
            ::SSL_CTX_set_alpn_select_cb(native_handle(), &context::select_alpn, &own());
        } else {
            ::SSL_CTX_set_alpn_protos(native_handle(), bytes_of(wire), length_of(wire));
        }
    }
    /// Chooses the context by the name that the client asks for: a server of several hosts (ssl sni_callback).
    ///
    /// Parameters: `choose` is given the name, or an empty text when the client names none. Nothing keeps this context.
    void set_sni_callback(std::function<std::optional<context>(std::string_view)> choose) {
        own().sni = std::move(choose);
        SSL_CTX_set_tlsext_servername_callback(native_handle(), &context::select_host);
        SSL_CTX_set_tlsext_servername_arg(native_handle(), &own());
    }

private:
    // What OpenSSL's context does not hold. It lives as long as that, which connections may keep alive.
    struct settings {
        role which;
        bool check_hostname = true;
        std::string alpn;  // as it goes over the wire
        std::function<std::optional<context>(std::string_view)> sni;
    };

    explicit context(role which)
        : context(::SSL_CTX_new(which == role::client ? ::TLS_client_method() : ::TLS_server_method()), which) {
        set_minimum_version(version::tls_1_2);
        ::SSL_CTX_set_options(native_handle(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
        static constexpr unsigned char session_id_context[] = "aioxx";
        ::SSL_CTX_set_session_id_context(native_handle(), session_id_context, sizeof session_id_context - 1);
    }
    context(SSL_CTX* owned, role which) {
        if (owned == nullptr) detail::throw_openssl_error("cannot make a TLS context");
        native_ = std::shared_ptr<SSL_CTX>(owned, &::SSL_CTX_free);
        if (::SSL_CTX_get_ex_data(owned, settings_index()) != nullptr) return;  // adopted before
        auto made = std::make_unique<settings>(settings{which, true, {}, {}});
        if (::SSL_CTX_set_ex_data(owned, settings_index(), made.get()) != 1) {
            detail::throw_openssl_error("cannot make a TLS context");
        }
        made.release();
    }

    [[nodiscard]] settings& own() const noexcept {
        return *static_cast<settings*>(::SSL_CTX_get_ex_data(native_handle(), settings_index()));
    }
    static int settings_index() noexcept {
        static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, &context::free_settings);
        return index;
    }
    static void free_settings(void*, void* data, CRYPTO_EX_DATA*, int, long, void*) {
        delete static_cast<settings*>(data);
    }

    static const unsigned char* bytes_of(const std::string& text) noexcept {
        return reinterpret_cast<const unsigned char*>(text.data());
    }
    static unsigned length_of(const std::string& text) noexcept { return static_cast<unsigned>(text.size()); }

    static int select_alpn(SSL*, const unsigned char** chosen, unsigned char* length, const unsigned char* offered,
                           unsigned offered_length, void* own) {
        const std::string& ours = static_cast<settings*>(own)->alpn;
        unsigned char* found = nullptr;
        if (::SSL_select_next_proto(&found, length, bytes_of(ours), length_of(ours), offered, offered_length) !=
            OPENSSL_NPN_NEGOTIATED) {
            return SSL_TLSEXT_ERR_ALERT_FATAL;
        }
        *chosen = found;
        return SSL_TLSEXT_ERR_OK;
    }

    static int select_host(SSL* connection, int*, void* own) noexcept {
        const char* name = ::SSL_get_servername(connection, TLSEXT_NAMETYPE_host_name);
        try {
            const std::optional<context> chosen = static_cast<settings*>(own)->sni(name != nullptr ? name : "");
            if (chosen) ::SSL_set_SSL_CTX(connection, chosen->native_handle());
            return SSL_TLSEXT_ERR_OK;
        } catch (const std::exception&) {
            return SSL_TLSEXT_ERR_ALERT_FATAL;
        }
    }

    std::shared_ptr<SSL_CTX> native_;
};

}  // namespace aioxx::tls

// SPDX-License-Identifier: BSL-1.0
#pragma once

// support/certificates.hpp: an authority of our own and certificates that it signs, made when they are needed.

#include <fstream>
#include <string>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <aioxx/tls/certificate.hpp>
#include <aioxx/tls/context.hpp>

#include "support/temporary_directory.hpp"

namespace support {

namespace tls = aioxx::tls;

/// A certificate and its key, as PEM texts.
struct identity {
    std::string certificate;
    std::string key;
};

/// What a certificate says.
struct certificate_request {
    std::string names = "DNS:localhost,IP:127.0.0.1,IP:::1";  ///< subjectAltName
    long valid_from = -3600;                                   ///< seconds from now
    long valid_until = 24 * 3600;
};

/// Signs certificates.
class authority {
public:
    authority() : key_(::EVP_EC_gen("P-256")), own_(make(key_.get(), "aioxx test authority", {}, nullptr)) {}

    [[nodiscard]] std::string certificate() const { return tls::certificate(own_.get()).to_pem(); }

    [[nodiscard]] identity issue(const certificate_request& request = {}) const {
        const tls::detail::pkey_ptr key(::EVP_EC_gen("P-256"));
        const tls::detail::x509_ptr made = make(key.get(), "aioxx test", request, own_.get());
        return {tls::certificate(made.get()).to_pem(), pem_of(key.get())};
    }

private:
    static std::string pem_of(EVP_PKEY* key) {
        const tls::detail::bio_ptr out(::BIO_new(::BIO_s_mem()));
        ::PEM_write_bio_PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
        char* data = nullptr;
        const long size = BIO_get_mem_data(out.get(), &data);
        return {data, static_cast<std::size_t>(size)};
    }

    tls::detail::x509_ptr make(EVP_PKEY* key, const char* name, const certificate_request& request, X509* signer) const {
        tls::detail::x509_ptr made(::X509_new());
        static long serial = 1;
        ::X509_set_version(made.get(), 2);
        ::ASN1_INTEGER_set(::X509_get_serialNumber(made.get()), ++serial);
        ::X509_gmtime_adj(X509_getm_notBefore(made.get()), request.valid_from);
        ::X509_gmtime_adj(X509_getm_notAfter(made.get()), request.valid_until);
        ::X509_set_pubkey(made.get(), key);
        ::X509_NAME_add_entry_by_txt(::X509_get_subject_name(made.get()), "CN", MBSTRING_ASC,
                                     reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
        X509* const issuer = signer != nullptr ? signer : made.get();
        ::X509_set_issuer_name(made.get(), ::X509_get_subject_name(issuer));
        add(made.get(), issuer, NID_basic_constraints, signer == nullptr ? "critical,CA:TRUE" : "CA:FALSE");
        if (signer != nullptr) add(made.get(), issuer, NID_subject_alt_name, request.names.c_str());
        ::X509_sign(made.get(), signer != nullptr ? key_.get() : key, ::EVP_sha256());
        return made;
    }
    static void add(X509* to, X509* issuer, int what, const char* value) {
        X509V3_CTX about{};
        ::X509V3_set_ctx(&about, issuer, to, nullptr, nullptr, 0);
        X509_EXTENSION* extension = ::X509V3_EXT_conf_nid(nullptr, &about, what, value);
        ::X509_add_ext(to, extension, -1);
        ::X509_EXTENSION_free(extension);
    }

    tls::detail::pkey_ptr key_;
    tls::detail::x509_ptr own_;
};

/// One authority and one identity for localhost, shared by the tests of a program.
[[nodiscard]] inline const authority& test_authority() {
    static const authority shared;
    return shared;
}
[[nodiscard]] inline const identity& test_identity() {
    static const identity shared = test_authority().issue();
    return shared;
}

[[nodiscard]] inline tls::context server_context(const identity& own = test_identity()) {
    tls::context made = tls::context::for_server();
    made.use_cert_chain(own.certificate, own.key);
    return made;
}
/// Trusts the test authority, and nobody else.
[[nodiscard]] inline tls::context client_context() {
    tls::context made = tls::context::for_client();
    made.add_trusted(test_authority().certificate());
    return made;
}

/// The authority, the certificate and the key as files, for other programs.
class identity_files {
public:
    identity_files() {
        std::ofstream(authority_file()) << test_authority().certificate();
        std::ofstream(certificate_file()) << test_identity().certificate;
        std::ofstream(key_file()) << test_identity().key;
    }
    [[nodiscard]] std::string authority_file() const { return folder_.path("authority.pem"); }
    [[nodiscard]] std::string certificate_file() const { return folder_.path("certificate.pem"); }
    [[nodiscard]] std::string key_file() const { return folder_.path("key.pem"); }

private:
    temporary_directory folder_;
};

}  // namespace support

// SPDX-License-Identifier: BSL-1.0
#pragma once

// tls/certificate.hpp: a certificate as the program sees it.

#include <array>
#include <cstddef>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <aioxx/tls/context.hpp>

namespace aioxx::tls {

/// A certificate (X.509). Copies refer to the same one. Asyncio: what getpeercert gives as a dict.
class certificate {
public:
    /// Parameters: `native` not null; a reference to it is taken.
    explicit certificate(X509* native) {
        ::X509_up_ref(native);
        native_ = std::shared_ptr<X509>(native, &::X509_free);
    }

    /// Who it is for, in the form of RFC 2253: "CN=example.org,O=Example".
    [[nodiscard]] std::string subject() const { return text_of(::X509_get_subject_name(native_.get())); }
    /// Who signed it.
    [[nodiscard]] std::string issuer() const { return text_of(::X509_get_issuer_name(native_.get())); }
    /// The host names that it is for (subjectAltName).
    [[nodiscard]] std::vector<std::string> dns_names() const {
        std::vector<std::string> names;
        const std::unique_ptr<GENERAL_NAMES, detail::freed_by<::GENERAL_NAMES_free>> all(static_cast<GENERAL_NAMES*>(
            ::X509_get_ext_d2i(native_.get(), NID_subject_alt_name, nullptr, nullptr)));
        for (int index = 0; all && index < sk_GENERAL_NAME_num(all.get()); ++index) {
            const GENERAL_NAME* name = sk_GENERAL_NAME_value(all.get(), index);
            if (name->type != GEN_DNS) continue;
            names.emplace_back(reinterpret_cast<const char*>(::ASN1_STRING_get0_data(name->d.dNSName)),
                               static_cast<std::size_t>(::ASN1_STRING_length(name->d.dNSName)));
        }
        return names;
    }
    /// When it begins and ceases to be valid, in seconds since 1970.
    [[nodiscard]] std::time_t not_before() const { return time_of(::X509_get0_notBefore(native_.get())); }
    [[nodiscard]] std::time_t not_after() const { return time_of(::X509_get0_notAfter(native_.get())); }
    /// The SHA-256 of its encoding, as 64 hexadecimal digits: what pinning compares.
    [[nodiscard]] std::string fingerprint() const {
        std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
        unsigned size = 0;
        ::X509_digest(native_.get(), ::EVP_sha256(), digest.data(), &size);
        std::string text;
        for (unsigned index = 0; index < size; ++index) {
            static constexpr std::string_view digits = "0123456789abcdef";
            text += digits[digest[index] >> 4];
            text += digits[digest[index] & 15];
        }
        return text;
    }
    [[nodiscard]] std::string to_pem() const {
        const detail::bio_ptr out(::BIO_new(::BIO_s_mem()));
        ::PEM_write_bio_X509(out.get(), native_.get());
        return contents(out.get());
    }

    [[nodiscard]] X509* native_handle() const noexcept { return native_.get(); }

private:
    static std::string contents(BIO* written) {
        char* data = nullptr;
        const long size = BIO_get_mem_data(written, &data);
        return {data, static_cast<std::size_t>(size)};
    }
    static std::string text_of(const X509_NAME* name) {
        const detail::bio_ptr out(::BIO_new(::BIO_s_mem()));
        ::X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253);
        return contents(out.get());
    }
    static std::time_t time_of(const ASN1_TIME* time) {
        std::tm parts{};
        ::ASN1_TIME_to_tm(time, &parts);
        return ::timegm(&parts);
    }

    std::shared_ptr<X509> native_;
};

}  // namespace aioxx::tls

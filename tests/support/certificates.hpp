// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

namespace procession::test {

/// A certificate for localhost with its key, signed by itself, as files that last as long as this.
class Certificate {
  public:
    explicit Certificate(const std::string& name, const char* host = "DNS:localhost,IP:127.0.0.1")
        : folder_(std::filesystem::temp_directory_path() / name) {
        std::filesystem::create_directory(folder_);
        const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(::EVP_EC_gen("P-256"), ::EVP_PKEY_free);
        const std::unique_ptr<X509, void (*)(X509*)> made(::X509_new(), ::X509_free);
        ::X509_set_version(made.get(), X509_VERSION_3);
        ::ASN1_INTEGER_set(::X509_get_serialNumber(made.get()), 1);
        ::X509_gmtime_adj(::X509_getm_notBefore(made.get()), -3600);
        ::X509_gmtime_adj(::X509_getm_notAfter(made.get()), 24L * 3600);
        ::X509_set_pubkey(made.get(), key.get());
        X509_NAME* const subject = ::X509_get_subject_name(made.get());
        ::X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                     reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
        ::X509_set_issuer_name(made.get(), subject);
        add(made.get(), NID_subject_alt_name, host);
        add(made.get(), NID_basic_constraints, "critical,CA:TRUE");
        ::X509_sign(made.get(), key.get(), ::EVP_sha256());
        write(certificate(), [&](FILE* file) { return ::PEM_write_X509(file, made.get()); });
        write(private_key(), [&](FILE* file) {
            return ::PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
        });
    }
    ~Certificate() { std::filesystem::remove_all(folder_); }
    Certificate(Certificate&&) = delete;

    std::string certificate() const { return folder_ / "certificate.pem"; }
    std::string private_key() const { return folder_ / "key.pem"; }

  private:
    static void add(X509* made, int kind, const char* value) {
        X509_EXTENSION* const extension = ::X509V3_EXT_conf_nid(nullptr, nullptr, kind, value);
        ::X509_add_ext(made, extension, -1);
        ::X509_EXTENSION_free(extension);
    }
    template <class Write>
    static void write(const std::string& path, Write write) {
        const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "w"), std::fclose);
        write(file.get());
    }
    std::filesystem::path folder_;
};

}  // namespace procession::test

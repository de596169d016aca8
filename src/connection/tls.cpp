// SPDX-License-Identifier: Apache-2.0
#include "connection/tls.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <unistd.h>
#include <procession/error.hpp>

#include <algorithm>
#include <array>
#include <exception>
#include <limits>
#include <mutex>
#include <string_view>
#include <system_error>
#include <utility>

#include "os/stream.hpp"

namespace procession::inline v0::connection {
namespace {

constexpr std::string_view psk_identity = "procession";
constexpr std::string_view psk_purpose = "procession, the keys of TLS 1.3";
constexpr const char* psk_ciphers = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256";
constexpr std::array<unsigned char, 2> psk_cipher{0x13, 0x01};
/// What fits a record, and so is worth joining.
constexpr std::size_t record_size = 16 * 1024;

struct BioDeleter {
    void operator()(BIO* bio) const { ::BIO_free(bio); }
};
struct SslDeleter {
    void operator()(SSL* ssl) const { ::SSL_free(ssl); }
};
using Bio = std::unique_ptr<BIO, BioDeleter>;
using Ssl = std::unique_ptr<SSL, SslDeleter>;

/// Why OpenSSL refused something, in its own words; forgets it.
std::string reason() {
    std::string text, last;
    while (const unsigned long error = ::ERR_get_error()) {
        const char* const words = ::ERR_reason_error_string(error);
        const int number = ERR_GET_REASON(error);
        std::string next = ERR_SYSTEM_ERROR(error) ? std::generic_category().message(number)
                                                   : std::string(words ? words : "");
        if (next.empty() || next == last) continue;
        if (!text.empty()) text += "; ";
        text += last = std::move(next);
    }
    return text.empty() ? "for no known reason" : text;
}

int size_for_ssl(std::size_t size) {
    return static_cast<int>(std::min<std::size_t>(size, std::numeric_limits<int>::max()));
}

/// The socket beneath, for OpenSSL's own sends SIGPIPE and knows no flags. Failures are held for whoever
/// called OpenSSL.
struct Beneath {
    os::Descriptor fd;
    bool end = false;
    std::exception_ptr failure = {};
};

template <class Attempt>
int attempt(BIO* bio, int retry_flag, Attempt attempt) {
    ::BIO_clear_retry_flags(bio);
    auto& beneath = *static_cast<Beneath*>(::BIO_get_data(bio));
    try {
        if (const std::optional<std::size_t> moved = attempt(beneath)) return static_cast<int>(*moved);
        ::BIO_set_flags(bio, retry_flag | BIO_FLAGS_SHOULD_RETRY);
    } catch (...) {
        beneath.failure = std::current_exception();
    }
    return -1;
}

const std::byte* bytes_at(const char* place) { return reinterpret_cast<const std::byte*>(place); }

int read_beneath(BIO* bio, char* to, int size) {
    return attempt(bio, BIO_FLAGS_READ, [&](Beneath& beneath) {
        const auto got = os::receive_some(
            beneath.fd.get(), {reinterpret_cast<std::byte*>(to), static_cast<std::size_t>(size)});
        beneath.end = got == 0;
        return got;
    });
}
int write_beneath(BIO* bio, const char* from, int size) {
    return attempt(bio, BIO_FLAGS_WRITE, [&](Beneath& beneath) {
        return os::send_some(beneath.fd.get(), {bytes_at(from), static_cast<std::size_t>(size)}, {});
    });
}
long control_beneath(BIO* bio, int command, long, void*) {
    if (command == BIO_CTRL_EOF) return static_cast<Beneath*>(::BIO_get_data(bio))->end;
    return command == BIO_CTRL_FLUSH;
}

const BIO_METHOD* bio_method() {
    static BIO_METHOD* const method = [] {
        BIO_METHOD* made = ::BIO_meth_new(::BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "procession");
        ::BIO_meth_set_read(made, read_beneath);
        ::BIO_meth_set_write(made, write_beneath);
        ::BIO_meth_set_ctrl(made, control_beneath);
        return made;
    }();
    return method;
}

class TlsTransport final : public Transport {
  public:
    TlsTransport(Ssl ssl, os::Descriptor fd) : ssl_(std::move(ssl)), beneath_{.fd = std::move(fd)} {
        BIO* const bio = ::BIO_new(bio_method());
        ::BIO_set_data(bio, &beneath_);
        ::BIO_set_init(bio, 1);
        ::SSL_set_bio(ssl_.get(), bio, bio);
    }
    // A forked child has a copy of the state, but it is the parent's stream.
    ~TlsTransport() override {
        if (process_ == ::getpid()) say_goodbye();
    }

    Step open() override {
        return call([&] { return ::SSL_do_handshake(ssl_.get()); }, false);
    }
    Step read(std::span<std::byte> room) override {
        return call([&] { return ::SSL_read(ssl_.get(), room.data(), size_for_ssl(room.size())); });
    }
    Step write(std::span<const std::byte> first, std::span<const std::byte> second) override {
        // A header and what follows are one record. A repeated attempt meets the same bytes again.
        std::array<std::byte, record_size> joined;
        if (!first.empty() && first.size() < joined.size()) {
            const auto more = second.first(std::min(second.size(), joined.size() - first.size()));
            std::ranges::copy(more, std::ranges::copy(first, joined.begin()).out);
            first = std::span(joined).first(first.size() + more.size());
        } else if (first.empty()) {
            first = second;
        }
        if (first.empty()) return {};
        return call([&] { return ::SSL_write(ssl_.get(), first.data(), size_for_ssl(first.size())); });
    }
    Step look() override {
        std::byte one;
        Step step = call([&] { return ::SSL_peek(ssl_.get(), &one, 1); });
        return {.awaits = step.awaits};
    }
    void end_writing() override {
        const std::lock_guard lock(mutex_);
        say_goodbye();
        os::shut_down_writing(beneath_.fd.get());
    }
    int descriptor() const override { return beneath_.fd.get(); }
    bool has_buffered() const override {
        const std::lock_guard lock(mutex_);
        return ::SSL_pending(ssl_.get()) > 0 ||
               (::SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
    }
    os::Descriptor duplicate() const override {
        throw StateError("Connection::dup: the connection is encrypted, for this process alone");
    }

  private:
    void say_goodbye() noexcept {
        if (::SSL_is_init_finished(ssl_.get())) ::SSL_shutdown(ssl_.get());
        ::ERR_clear_error();
    }

    template <class Call>
    Step call(Call call, bool moves_bytes = true) {
        const std::lock_guard lock(mutex_);
        ::ERR_clear_error();
        const int result = call();
        if (result > 0) return {.bytes = moves_bytes ? static_cast<std::size_t>(result) : 0};
        switch (::SSL_get_error(ssl_.get(), result)) {
            case SSL_ERROR_WANT_READ: return {.awaits = POLLIN};
            case SSL_ERROR_WANT_WRITE: return {.awaits = POLLOUT};
            case SSL_ERROR_ZERO_RETURN: return {.end = true};
            default: break;
        }
        if (beneath_.failure) std::rethrow_exception(std::exchange(beneath_.failure, nullptr));
        if (beneath_.end) return {.end = true};
        throw AuthenticationError(why());
    }
    std::string why() const {
        std::string text = "TLS: " + reason();
        if (const long verdict = ::SSL_get_verify_result(ssl_.get()); verdict != X509_V_OK)
            text += fmt::format(": {}", ::X509_verify_cert_error_string(verdict));
        return text +
               ". Both ends need TLS 1.3, and the same authkey or certificates that the other's ca "
               "signed";
    }

    const pid_t process_ = ::getpid();
    mutable std::mutex mutex_;  ///< OpenSSL's state is for one thread at a time
    Ssl ssl_;
    Beneath beneath_;
};

[[noreturn]] void refuse(std::string_view what, std::string_view next) {
    throw ValueError(fmt::format("Tls: {}. {}", what, next));
}

SSL_SESSION* make_psk_session(SSL* ssl) {
    const auto& key = *static_cast<const std::string*>(SSL_CTX_get_app_data(::SSL_get_SSL_CTX(ssl)));
    SSL_SESSION* const session = ::SSL_SESSION_new();
    ::SSL_SESSION_set1_master_key(session, reinterpret_cast<const unsigned char*>(key.data()),
                                  key.size());
    ::SSL_SESSION_set_cipher(session, ::SSL_CIPHER_find(ssl, psk_cipher.data()));
    ::SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION);
    return session;
}
int find_psk(SSL* ssl, const unsigned char* identity, std::size_t size, SSL_SESSION** session) {
    const bool ours = std::string_view(reinterpret_cast<const char*>(identity), size) == psk_identity;
    *session = ours ? make_psk_session(ssl) : nullptr;
    return 1;
}
int use_psk(SSL* ssl, const EVP_MD* digest, const unsigned char** identity, std::size_t* size,
            SSL_SESSION** session) {
    *session = nullptr;
    if (digest && ::EVP_MD_get_type(digest) != NID_sha256) return 1;
    *identity = reinterpret_cast<const unsigned char*>(psk_identity.data());
    *size = psk_identity.size();
    *session = make_psk_session(ssl);
    return 1;
}

bool is_ip(const std::string& host) {
    std::array<unsigned char, 16> bytes;
    return ::inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 ||
           ::inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

}  // namespace

TlsContext::TlsContext(Side side, const Tls& tls, const std::optional<AuthKey>& authkey,
                       const std::string& host)
    : side_(side),
      host_(tls.server_name.empty() ? host : tls.server_name),
      context_(::SSL_CTX_new(side == Side::listener ? ::TLS_server_method() : ::TLS_client_method())) {
    if (!context_) refuse("OpenSSL: " + reason(), "It must be able to speak TLS 1.3.");
    try {
        ::SSL_CTX_set_min_proto_version(context_, TLS1_3_VERSION);
        ::SSL_CTX_set_num_tickets(context_, 0);
        ::SSL_CTX_set_mode(context_,
                           SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        // A peer that was killed says no goodbye; that it went is the end of the stream, as without TLS.
        ::SSL_CTX_set_options(context_, SSL_OP_IGNORE_UNEXPECTED_EOF);
        if (!tls.psk_from_authkey)
            use_certificates(tls);
        else if (!authkey || authkey->empty())
            refuse("psk_from_authkey without an authkey", "Set one, and let it not be empty.");
        else if (!tls.certificate.empty() || !tls.private_key.empty() || !tls.ca.empty())
            refuse("psk_from_authkey beside certificates", "Use one or the other.");
        else
            use_key(*authkey);
    } catch (...) {
        ::SSL_CTX_free(context_);
        throw;
    }
}

TlsContext::~TlsContext() { ::SSL_CTX_free(context_); }

void TlsContext::use_certificates(const Tls& tls) {
    const auto check = [](int result, const char* what, const std::string& path) {
        if (result != 1)
            refuse(fmt::format("{} \"{}\": {}", what, path, reason()), "Name a readable PEM file.");
    };
    if (tls.certificate.empty() != tls.private_key.empty())
        refuse("a certificate and a private key are needed together", "Set both.");
    if (!tls.certificate.empty()) {
        check(::SSL_CTX_use_certificate_chain_file(context_, tls.certificate.c_str()), "certificate",
              tls.certificate);
        check(::SSL_CTX_use_PrivateKey_file(context_, tls.private_key.c_str(), SSL_FILETYPE_PEM),
              "private_key", tls.private_key);
    } else if (side_ == Side::listener) {
        refuse("a listener without a certificate",
               "Set certificate and private_key, or psk_from_authkey.");
    }
    if (!tls.ca.empty())
        check(::SSL_CTX_load_verify_locations(context_, tls.ca.c_str(), nullptr), "ca", tls.ca);
    else if (side_ == Side::client)
        ::SSL_CTX_set_default_verify_paths(context_);
    if (side_ == Side::client || !tls.ca.empty())
        ::SSL_CTX_set_verify(context_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
}

void TlsContext::use_key(const AuthKey& authkey) {
    key_.resize(32);
    ::HMAC(::EVP_sha256(), authkey.bytes().data(), static_cast<int>(authkey.size()),
           reinterpret_cast<const unsigned char*>(psk_purpose.data()), psk_purpose.size(),
           reinterpret_cast<unsigned char*>(key_.data()), nullptr);
    SSL_CTX_set_app_data(context_, &key_);
    ::SSL_CTX_set_ciphersuites(context_, psk_ciphers);
    ::SSL_CTX_set_psk_find_session_callback(context_, find_psk);
    ::SSL_CTX_set_psk_use_session_callback(context_, use_psk);
    // There is no ca, so no certificate is good instead.
    if (side_ == Side::client) ::SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
}

std::unique_ptr<Transport> TlsContext::make_transport(os::Descriptor socket) const {
    Ssl ssl(::SSL_new(context_));
    if (!ssl) throw AuthenticationError("TLS: " + reason());
    if (side_ == Side::listener) {
        ::SSL_set_accept_state(ssl.get());
    } else {
        ::SSL_set_connect_state(ssl.get());
        if (key_.empty() && is_ip(host_)) {
            ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(ssl.get()), host_.c_str());
        } else if (key_.empty() && !host_.empty()) {
            ::SSL_set_tlsext_host_name(ssl.get(), host_.c_str());
            ::SSL_set1_host(ssl.get(), host_.c_str());
        }
    }
    return std::make_unique<TlsTransport>(std::move(ssl), std::move(socket));
}

}  // namespace procession::inline v0::connection

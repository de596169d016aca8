// SPDX-License-Identifier: Apache-2.0

// Whatever a client sends after the handshake, a manager's server answers it or gives the connection up, and goes
// on: what comes is frames with requests for the types of SyncManager.

#include <sys/socket.h>
#include <unistd.h>
#include <procession/error.hpp>

#include <array>
#include <memory>
#include <stdexcept>
#include <thread>

#include "connection/transport.hpp"
#include "managers/server_core.hpp"
#include "managers/session.hpp"
#include "os/descriptor.hpp"
#include "os/error.hpp"

using namespace procession;
using managers::Line;
using managers::Request;

namespace {

constexpr managers::ServerLimits limits{
    .max_message = 1 << 16, .max_connections = 16, .max_references = 1000};

/// What takes as much memory as it says, as in Python, is no finding.
bool is_huge(const Request& request) {
    if (request.method == "batch") {
        for (const Object& argument : request.arguments.elements())
            if (argument.is_list())
                for (const Object& each : argument.elements()) {
                    try {
                        if (is_huge(managers::request_of(each))) return true;
                    } catch (const Error&) {
                        // It is none, which the server is to say.
                    }
                }
    }
    return request.method.ends_with("mul__");
}

std::vector<std::byte> without_huge(std::span<const std::byte> input) {
    std::vector<std::byte> kept;
    while (input.size() >= 4) {
        const std::size_t size =
            std::to_integer<std::size_t>(input[2]) << 8 | std::to_integer<std::size_t>(input[3]);
        const std::size_t whole = std::min(input.size(), size + 4);
        const auto frame = input.first(whole);
        input = input.subspan(whole);
        try {
            std::vector<Object> proxies;
            if (is_huge(managers::decode_request(frame.subspan(4), proxies))) continue;
        } catch (const Error&) {
            // As above.
        }
        kept.insert(kept.end(), frame.begin(), frame.end());
    }
    kept.insert(kept.end(), input.begin(), input.end());
    return kept;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto input = without_huge(std::as_bytes(std::span(data, size)));
    auto types = std::make_unique<managers::TypeRegistry>();
    managers::add_builtin_types(*types);
    managers::ServerCore server(std::move(types), Address(), AuthKey("key"), std::nullopt, limits);

    std::array<int, 2> ends{};
    os::checked(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), "fuzz", "socketpair");
    const os::Descriptor client(ends[0]);
    auto transport = connection::make_plain_transport(os::Descriptor(ends[1]));
    if (::write(client.get(), input.data(), input.size()) != static_cast<ssize_t>(input.size()))
        throw std::logic_error("the input is longer than a socket's buffer");
    ::shutdown(client.get(), SHUT_WR);
    std::thread reader([&] {
        std::array<char, 65536> buffer;
        while (::read(client.get(), buffer.data(), buffer.size()) > 0) {
        }
    });
    managers::Session session(server, Line::over_socket(std::move(transport), false, limits.max_message),
                              0);
    session.stop();  // so that nothing waits for other clients
    session.run();
    reader.join();
    return 0;
}

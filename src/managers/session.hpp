// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "managers/caller.hpp"
#include "managers/client_record.hpp"
#include "managers/line.hpp"
#include "managers/protocol.hpp"

namespace procession::inline v0::managers {

class ServerCore;

/// One connection to the server: its requests, one after the other.
class Session {
  public:
    /// @param pid  the peer, if the kernel vouches for it; else 0
    Session(ServerCore& server, Line line, int pid);

    /// Reads and answers until the other end is gone or the server ends.
    void run();

    /// The client is gone: its call in progress ends.
    void stop();
    /// The server ends: so does the call in progress, which is answered still, and there is no other.
    void end();
    /// The call with this number ends, or is to end when it comes, if this is that thread's connection.
    void cancel(std::uint64_t thread, std::uint64_t call);
    int fd() const { return line_.fd(); }

  private:
    struct Answer {
        Reply reply;
        bool is_last = false;
    };

    void join_as_seen();
    void begin_call();
    Answer answer(const LineMessage& message);
    Reply answer(const Request& request, const Caller& caller);
    Reply call_referent(const Request& request, const Caller& caller);
    Reply returned(std::shared_ptr<Referent> referent, std::string type_id, bool by_create);
    void refer(const std::string& ident);
    void attach_own(Object& proxy);

    static bool comes_first(const Request& request);
    static bool is_last(const Request& request);
    Object serve(const Request& request, const Caller& caller);
    Object create(const Request& request, const Caller& caller);
    Object introduce(const Arguments& arguments);
    Object answer_batch(const Arguments& arguments, const Caller& caller);

    void send(const Reply& reply);
    std::vector<detail::ProxyCore> pass_on(const Encoded& encoded);

    ServerCore& server_;
    Line line_;
    LineMessage message_;  ///< that is read or sent; its memory, and the next one's, is used again
    Encoded outgoing_;
    const int peer_;
    std::shared_ptr<ClientRecord> client_;
    bool knows_us_ = false;  ///< it is of this library, and counts references as we do
    bool said_goodbye_ = false;
    Caller caller_;
    /// What a client of CPython's was sent proxies of. It counts them, by other connections, before it asks for
    /// anything else here.
    std::vector<std::shared_ptr<const Attachment>> handed_out_;

    std::mutex mutex_;  ///< guards what follows
    std::stop_source stop_, gone_;
    bool is_gone_ = false;
    std::atomic<bool> is_calling_ = false;  ///< becomes true under the mutex
    std::uint64_t thread_ = 0;
    std::uint64_t call_ = 0;       ///< counts the requests since the thread said who it is
    std::uint64_t cancelled_ = 0;  ///< one of these, that has not come yet
};

}  // namespace procession::inline v0::managers

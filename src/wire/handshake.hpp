// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/authkey.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "wire/frame.hpp"

namespace procession::inline v0::wire {

enum class Side { listener, client };

/// What two ends say to each other before the first message, as bytes: it waits for nothing and sends
/// nothing itself. Whoever drives it writes what is to be sent, reads into its room, and so on until it is
/// done.
class Handshake {
  public:
    struct Terms {
        std::optional<AuthKey> authkey = {};      ///< each proves to the other that it has it
        std::optional<std::string> program = {};  ///< each is to be this one: the build-id
    };
    Handshake(Side, Terms);

    std::span<const std::byte> to_send() const { return std::span(outgoing_).subspan(sent_); }
    void sent(std::size_t count) { sent_ += count; }
    /// Where the next bytes of the peer belong; empty when none are awaited.
    std::span<std::byte> room();
    void received(std::size_t count);

    /// Nothing is to be sent nor awaited any more.
    bool done() const { return to_send().empty() && awaited_ == Awaited::nothing; }
    /// Why it failed, with the remedy; empty when it did not.
    const std::string& failure() const { return failure_; }
    /// What was awaited when time ran out or the peer went, for errors.
    const char* stage() const;

  private:
    enum class Awaited { nothing, challenge, answer, verdict, program };

    void begin_program();
    void take(std::span<const std::byte> message);
    void take_answer(std::span<const std::byte>);
    void take_challenge(std::span<const std::byte>);
    void take_verdict(std::span<const std::byte>);
    void take_program(std::span<const std::byte>);
    void send_challenge();
    void send(std::span<const std::byte> message);
    void fail(std::string why);

    Side side_;
    Terms terms_;
    Awaited awaited_ = Awaited::nothing;
    std::vector<std::byte> challenge_;
    std::vector<std::byte> outgoing_;
    std::size_t sent_ = 0;
    FrameReader reader_;
    std::string failure_;
};

}  // namespace procession::inline v0::wire

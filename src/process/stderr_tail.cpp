// SPDX-License-Identifier: Apache-2.0
#include "process/stderr_tail.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "os/error.hpp"
#include "os/fork_mutex.hpp"
#include "os/stream.hpp"

namespace procession::inline v0::detail {
namespace {

// As much as a pipe holds, so that one turn takes all that was there, and none never ends because somebody
// goes on writing.
constexpr std::size_t most_at_once = std::size_t{64} << 10;

struct Tails {
    os::ForkMutex mutex;
    std::vector<StderrTail*> all;
};
Tails& tails() {
    static auto* const instance = new Tails;
    return *instance;
}

}  // namespace

StderrTail::StderrTail() {
    int ends[2];
    os::checked(::pipe2(ends, O_CLOEXEC), "StderrTail", "pipe2", "Raise RLIMIT_NOFILE.");
    os::Descriptor reader(ends[0]), writer(ends[1]);
    reader_ = os::Descriptor::above_stdio(reader.release());
    writer_ = os::Descriptor::above_stdio(writer.release());
    os::checked(::fcntl(reader_.get(), F_SETFL, O_NONBLOCK), "StderrTail", "fcntl(F_SETFL)");
    const std::lock_guard lock(tails().mutex);
    tails().all.push_back(this);
}

StderrTail::~StderrTail() {
    const std::lock_guard lock(tails().mutex);
    std::erase(tails().all, this);
}

void forget_stderr_tails_after_fork() {
    for (StderrTail* const each : tails().all) {
        each->reader_.reset();
        each->writer_.reset();
    }
}

void StderrTail::forward(const os::Deadline& deadline) {
    std::array<char, 4096> piece;
    for (std::size_t sum = 0; reader_ && sum < most_at_once;) {
        const ssize_t size =
            os::retry_on_signal([&] { return ::read(reader_.get(), piece.data(), piece.size()); });
        if (size == 0 || (size < 0 && errno != EAGAIN)) reader_.reset();
        if (size <= 0) return;
        const std::string_view text(piece.data(), static_cast<std::size_t>(size));
        keep(text);
        write_on(text, lost_ ? os::Deadline::now() : deadline);
        sum += text.size();
    }
}

void StderrTail::keep(std::string_view text) {
    kept_ += text;
    if (kept_.size() > kept_size) kept_.erase(0, kept_.size() - kept_size);
}

void StderrTail::write_on(std::string_view text, const os::Deadline& deadline) {
    const auto put = [&](std::string_view bytes) {
        return os::write_until(STDERR_FILENO, std::as_bytes(std::span(bytes)), deadline);
    };
    if (lost_) {
        const std::string note = fmt::format("\n[procession: {} bytes are lost here]\n", lost_);
        if (put(note) < note.size()) {
            lost_ += text.size();
            return;
        }
        lost_ = 0;
    }
    lost_ = text.size() - put(text);
}

std::string StderrTail::last_lines(std::size_t count) const {
    std::string_view text = kept_;
    if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
    std::size_t begin = text.size();
    for (; count > 0 && begin > 0; --count) {
        const auto end_before = text.rfind('\n', begin - 1);
        if (end_before == text.npos) return std::string(text);
        if (count == 1) return std::string(text.substr(end_before + 1));
        begin = end_before;
    }
    return std::string(text.substr(begin));
}

}  // namespace procession::inline v0::detail

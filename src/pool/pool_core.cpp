// SPDX-License-Identifier: Apache-2.0

// What the typed pools call.

#include <procession/detail/pool_core.hpp>

#include <algorithm>

#include "os/deadline.hpp"
#include "pool/engine.hpp"

namespace procession::inline v0::detail {

using pool::Engine;

// ---------------------------------------------------------------- functions

FunctionInUse::FunctionInUse(Ref<pool::KnownFunction> function) : known_(std::move(function)) {}
FunctionInUse::FunctionInUse(const FunctionInUse&) = default;
FunctionInUse::FunctionInUse(FunctionInUse&&) noexcept = default;
FunctionInUse& FunctionInUse::operator=(FunctionInUse other) noexcept {
    std::swap(known_, other.known_);
    return *this;
}
FunctionInUse::~FunctionInUse() = default;

// ---------------------------------------------------------------- pools

PoolCore::PoolCore(const PoolKind& kind, int processes, PoolOptions options)
    : engine_(new Engine(kind, processes, std::move(options))) {
    engine_->start();
}

PoolCore::~PoolCore() { end(); }

void PoolCore::end() const { engine_->end(); }

Ref<JobHost> PoolCore::host() const { return engine_; }
std::size_t PoolCore::size() const { return engine_->size(); }
const PoolOptions& PoolCore::options() const { return engine_->options(); }

Job::Settings PoolCore::settings(const TaskOptions& task) const {
    Job::Settings settings;
    const Timeout& limit = task.timeout ? task.timeout : options().task_timeout;
    if (limit)
        settings.time_limit = static_cast<std::uint32_t>(std::clamp<std::int64_t>(
            std::chrono::ceil<std::chrono::milliseconds>(*limit).count(), 1, UINT32_MAX));
    settings.max_retries = static_cast<std::uint16_t>(
        std::clamp(task.max_retries.value_or(options().max_retries), 0, 65535));
    settings.priority = static_cast<std::int8_t>(std::clamp(task.priority, -100, 100));
    return settings;
}

FunctionInUse PoolCore::use(const TaskFunction& function) const {
    return FunctionInUse(engine_->use(function));
}
void PoolCore::submit(Job& job, const FunctionInUse& function, Buffer& arguments) const {
    engine_->submit(job, function.known(), arguments);
}
void PoolCore::begin_many(Job& job, std::optional<std::uint64_t> total) const {
    engine_->begin_many(job, total);
}
void PoolCore::submit_many(Job& job, const FunctionInUse& function, MessageBlock block,
                           std::uint64_t first, std::uint32_t count, std::uint32_t item_size,
                           std::size_t chunksize) const {
    engine_->submit_many(job, function.known(), std::move(block), first, count, item_size, chunksize);
}
void PoolCore::end_many(Job& job) const { engine_->end_many(job); }
void PoolCore::fail(Job& job, std::exception_ptr error) const {
    const std::lock_guard lock(job.host().mutex());
    job.on_exception(0, std::move(error));
    job.settle();
}
void PoolCore::abandon(Job& job) const { engine_->abandon(job); }

void PoolCore::close() const { engine_->close(); }
void PoolCore::terminate() const { engine_->terminate(); }
bool PoolCore::join(const Timeout& timeout, const std::stop_token& stop) const {
    return engine_->join(os::Deadline::after(timeout), stop);
}
void PoolCore::shutdown(bool wait, bool cancel_futures) const {
    engine_->close();
    if (cancel_futures) engine_->cancel_queued();
    if (wait) engine_->join(os::Deadline::never(), {});
}
std::vector<ProcessHandle> PoolCore::workers() const { return engine_->workers(); }
PoolStats PoolCore::stats() const { return engine_->stats(); }
void PoolCore::resize(int processes) const { engine_->resize(processes); }

// ---------------------------------------------------------------- many items

namespace {

// So much goes into one block: much enough for a block to cost nothing, and little enough for workers to begin
// while the rest is being written.
constexpr std::size_t block_size = 256 * 1024;
constexpr std::size_t most_items = 16 * 1024;

}  // namespace

ItemWriter::ItemWriter(const PoolCore& core, Job& job, const FunctionInUse& function,
                       std::uint32_t item_size, std::size_t chunksize)
    : core_(core), job_(job), function_(function), item_size_(item_size), chunksize_(chunksize) {}

void ItemWriter::end_item() {
    ends_.push_back(buffer_.bytes().size());
    const bool is_full = buffer_.bytes().size() >= block_size || ends_.size() >= most_items ||
                         !buffer_.references().empty();
    if (is_full && (chunksize_ == 0 || ends_.size() % chunksize_ == 0)) flush();
}

void ItemWriter::drop() {
    buffer_.clear();
    ends_.clear();
}

void ItemWriter::flush() {
    const auto count = static_cast<std::uint32_t>(ends_.size());
    if (count == 0) return;
    if (item_size_ == 0 && count != 1) {
        static constexpr std::byte padding[sizeof(std::uint64_t)] = {};
        buffer_.write(padding, -buffer_.bytes().size() % sizeof(std::uint64_t));
        const std::uint64_t number = count;
        buffer_.write(ends_.data(), count * sizeof(std::uint64_t));
        buffer_.write(&number, sizeof number);
    }
    core_.submit_many(job_, function_, MessageBlock::of(buffer_), first_, count, item_size_, chunksize_);
    buffer_.leave_along();
    buffer_.clear();
    ends_.clear();
    first_ += count;
}

}  // namespace procession::inline v0::detail

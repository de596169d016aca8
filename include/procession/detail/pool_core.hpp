// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/job.hpp>
#include <procession/detail/task.hpp>
#include <procession/pool_options.hpp>
#include <procession/process.hpp>

#include <memory>
#include <span>
#include <vector>

namespace procession::inline v0::pool {
class Engine;
struct KnownFunction;
}  // namespace procession::inline v0::pool

namespace procession::inline v0::detail {

/// What a pool is called in messages, and how it goes about it.
struct PoolKind {
    const char* name;
    bool on_demand;         ///< workers are started as they are needed
    bool waits_at_the_end;  ///< what was begun is finished before the pool goes
    Errc when_closed;       ///< what it is to submit something then: Errc::value or state
};

/// A function that a pool's workers know; as long as it is in use.
class PROCESSION_API FunctionInUse {
  public:
    FunctionInUse() = default;
    explicit FunctionInUse(Ref<pool::KnownFunction> function);
    FunctionInUse(const FunctionInUse&);
    FunctionInUse(FunctionInUse&&) noexcept;
    FunctionInUse& operator=(FunctionInUse) noexcept;
    ~FunctionInUse();
    const Ref<pool::KnownFunction>& known() const { return known_; }

  private:
    Ref<pool::KnownFunction> known_;
};

/// A pool of processes, as far as types do not matter.
/// @par Thread safety  safe
class PROCESSION_API PoolCore {
  public:
    PoolCore(const PoolKind&, int processes, PoolOptions);
    PoolCore(PoolCore&&) = delete;
    ~PoolCore();

    Ref<JobHost> host() const;
    /// How many workers there are to be.
    std::size_t size() const;
    const PoolOptions& options() const;
    /// How jobs are to be done, unless they say otherwise.
    Job::Settings settings(const TaskOptions& = {}) const;

    /// @throws  as a closed pool's submission does
    FunctionInUse use(const TaskFunction&) const;
    /// One call. @throws  as use(), HeapExhausted
    void submit(Job&, const FunctionInUse&, Buffer& arguments) const;

    // Many calls: begin, then any number of submissions, then end; what is expected is told before it comes.
    /// @param total  how many there will be, where that is known
    void begin_many(Job&, std::optional<std::uint64_t> total) const;
    void submit_many(Job&, const FunctionInUse&, MessageBlock block, std::uint64_t first,
                     std::uint32_t count, std::uint32_t item_size, std::size_t chunksize) const;
    void end_many(Job&) const;
    /// It came to nothing before it was submitted.
    void fail(Job&, std::exception_ptr) const;
    /// Instead of the end: what is queued of it is dropped.
    void abandon(Job&) const;

    /// Ends it, whoever has it still.
    void end() const;
    void close() const;
    void terminate() const;
    bool join(const Timeout&, const std::stop_token&) const;
    void shutdown(bool wait, bool cancel_futures) const;
    std::vector<ProcessHandle> workers() const;
    PoolStats stats() const;
    void resize(int processes) const;

  private:
    const Ref<pool::Engine> engine_;
};

/// Writes items of many calls, and submits them by and by.
class PROCESSION_API ItemWriter {
  public:
    /// @param item_size  of all of them; 0: each is as long as it is
    ItemWriter(const PoolCore&, Job&, const FunctionInUse&, std::uint32_t item_size,
               std::size_t chunksize);
    /// Where the next item is to be written.
    Buffer& buffer() { return buffer_; }
    /// It was written.
    void end_item();
    /// Submits what is left.
    void flush();
    /// Forgets it.
    void drop();

  private:
    const PoolCore& core_;
    Job& job_;
    const FunctionInUse& function_;
    const std::uint32_t item_size_;
    const std::size_t chunksize_;
    std::uint64_t first_ = 0;
    std::vector<std::uint64_t> ends_;  ///< of the items in the buffer
    Buffer buffer_{Buffer::Memory::shared};
};

}  // namespace procession::inline v0::detail

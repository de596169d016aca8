// SPDX-License-Identifier: Apache-2.0
#include <procession/detail/thread_core.hpp>

#include <algorithm>

#include "pool/thread_engine.hpp"

namespace procession::inline v0::detail {

ThreadPoolCore::ThreadPoolCore(int threads, ThreadPoolOptions options)
    : engine_(new pool::ThreadEngine(threads, std::move(options))) {
    try {
        engine_->start();
    } catch (...) {
        engine_->end();
        throw;
    }
}

ThreadPoolCore::~ThreadPoolCore() { end(); }

Ref<JobHost> ThreadPoolCore::host() const { return engine_; }
std::size_t ThreadPoolCore::size() const { return engine_->size(); }

Job::Settings ThreadPoolCore::settings(const TaskOptions& task) const {
    Job::Settings settings;
    const Timeout& limit = task.timeout ? task.timeout : engine_->options().task_timeout;
    if (limit) settings.time_limit = std::max<std::int64_t>(1, limit->count());
    settings.priority = static_cast<std::int8_t>(std::clamp(task.priority, -100, 100));
    return settings;
}

void ThreadPoolCore::submit(Ref<ThreadTask> task) const { engine_->submit(std::move(task)); }
void ThreadPoolCore::begin_many(Job& job) const { engine_->begin_many(job); }
void ThreadPoolCore::submit_many(Ref<ThreadTask> task) const { engine_->submit_many(std::move(task)); }
void ThreadPoolCore::end_many(Job& job) const { engine_->end_many(job); }
void ThreadPoolCore::abandon(Job& job) const { engine_->abandon(job); }

void ThreadPoolCore::close() const { engine_->close(); }
void ThreadPoolCore::terminate() const { engine_->terminate(); }
bool ThreadPoolCore::join(const Timeout& timeout, const std::stop_token& stop) const {
    return engine_->join(os::Deadline::after(timeout), stop);
}
void ThreadPoolCore::end() const { engine_->end(); }
PoolStats ThreadPoolCore::stats() const { return engine_->stats(); }
void ThreadPoolCore::resize(int threads) const { engine_->resize(threads); }

}  // namespace procession::inline v0::detail

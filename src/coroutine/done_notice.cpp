// SPDX-License-Identifier: Apache-2.0
#include <procession/detail/done_notice.hpp>

#include <mutex>
#include <utility>

namespace procession::inline v0::detail {

struct DoneNotice::Call {
    std::mutex mutex;
    std::function<void()> function;

    void make() {
        const std::lock_guard lock(mutex);
        if (const auto call = std::exchange(function, nullptr)) call();
    }
    void take_back() noexcept {
        const std::lock_guard lock(mutex);
        function = nullptr;
    }
};

DoneNotice::DoneNotice(Job& job, std::function<void()> function)
    : job_(&job), call_(std::make_shared<Call>()) {
    call_->function = std::move(function);
    if (!job.is_done()) number_ = job.call_back(Job::When::after_done, [call = call_] { call->make(); });
    if (job.is_done()) call_->make();
}

DoneNotice::~DoneNotice() {
    job_->forget(number_);
    call_->take_back();
}

}  // namespace procession::inline v0::detail

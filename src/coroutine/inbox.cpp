// SPDX-License-Identifier: Apache-2.0
#include "coroutine/inbox.hpp"

namespace procession::inline v0::coroutine {

void Inbox::put(Errand& errand) noexcept {
    const std::lock_guard lock(mutex_);
    if (errand.before_ || first_ == &errand) return;
    errand.before_ = last_;
    (last_ ? last_->after_ : first_) = &errand;
    last_ = &errand;
    if (size_++ == 0) arrivals_.set();
}

void Inbox::unlink(Errand& errand) noexcept {
    if (!errand.before_ && first_ != &errand) return;
    (errand.before_ ? errand.before_->after_ : first_) = errand.after_;
    (errand.after_ ? errand.after_->before_ : last_) = errand.before_;
    errand.before_ = errand.after_ = nullptr;
    --size_;
}

void Inbox::remove(Errand& errand) noexcept {
    const std::lock_guard lock(mutex_);
    unlink(errand);
}

Errand* Inbox::take() noexcept {
    const std::lock_guard lock(mutex_);
    Errand* const oldest = first_;
    if (oldest) unlink(*oldest);
    return oldest;
}

std::size_t Inbox::size() const noexcept {
    const std::lock_guard lock(mutex_);
    return size_;
}

}  // namespace procession::inline v0::coroutine

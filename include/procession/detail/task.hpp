// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a pool's worker runs: a function, again and again, with items that were written down elsewhere.

#include <procession/context.hpp>
#include <procession/detail/target.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <stop_token>
#include <string>
#include <type_traits>
#include <variant>

namespace procession::inline v0::detail {

/// The items that a worker has taken, one after the other, and the way back of what comes of them.
class PROCESSION_API Work {
  public:
    /// Goes on to the next item. @returns false if there is none
    bool next() { return next_at_once() || next_grant(); }
    /// The same, if there is one that may be begun without a look at anything else.
    bool next_at_once() {
        if (next_ == granted_) return false;
        current_ = next_++;
        return true;
    }
    /// The bytes of the item.
    std::span<const std::byte> item() const {
        if (item_size_ == 0) return indexed_item();
        const std::size_t at = std::size_t{current_} * item_size_;
        return items_.subspan(at, std::min<std::size_t>(item_size_, items_.size() - at));
    }
    /// Asked to stop when the item's task is cancelled, or its time is up.
    std::stop_token stop_token();

    /// Calls it for the item, once, or for several. What it throws is what comes of the one it is at.
    void attempt(const std::function<void()>&);
    /// What comes of it otherwise: these bytes,
    void put(const void* bytes, std::size_t size) {
        if (size > slab_left()) flush();
        std::memcpy(slab_ + used_, bytes, size);
        used_ += static_cast<std::uint32_t>(size);
        note_done();
    }
    /// nothing but that it is done,
    void put() { note_done(); }
    /// or what is written to result().
    Buffer& result() {
        result_.clear();
        return result_;
    }
    void put_result();

  protected:
    Work() = default;
    ~Work() = default;
    Work(Work&&) = delete;

    // Where these lie is said in the pool's body.
    std::uint32_t next_ = 0, granted_ = 0, current_ = 0;
    std::uint32_t item_size_ = 0;
    std::span<const std::byte> items_;
    std::byte* slab_ = nullptr;
    std::size_t slab_size_ = 0;
    std::uint32_t used_ = 0;
    std::atomic<std::uint64_t>* progress_ = nullptr;
    Buffer result_{Buffer::Memory::shared};

  private:
    bool next_grant();
    std::span<const std::byte> indexed_item() const;
    std::size_t slab_left() const { return slab_size_ - used_; }
    void flush();
    void note_done() {
        progress_->store(std::uint64_t{current_ + 1} << 32 | used_, std::memory_order_release);
    }
};

/// Throws SerializationError, with the exception that is being handled as its cause; or that one again, if it is
/// HeapExhausted.
[[noreturn]] PROCESSION_API void throw_result_not_sendable(const std::string& type);

/// A function as a worker has it.
class PROCESSION_API TaskRunner {
  public:
    virtual ~TaskRunner() = default;
    /// Calls it with each item.
    virtual void run(Work&) = 0;
};

/// An item that is a piece of a sequence, looked at where it lies.
template <class E>
struct Slice {};

template <class A>
struct ItemArgument {
    using type = A;
};
template <class E>
struct ItemArgument<Slice<E>> {
    using type = std::span<const E>;
};

template <class A, class Reader>
typename ItemArgument<A>::type load_argument(Reader& reader) {
    if constexpr (std::is_same_v<Reader, ByteReader>) {
        A number;
        reader.read(&number, sizeof number);
        return number;
    } else {
        return load_value<A>(reader);
    }
}
template <class A>
requires(!std::is_same_v<typename ItemArgument<A>::type, A>) auto load_argument(NativeReader& reader) {
    using E = typename ItemArgument<A>::type::value_type;
    const auto bytes = reader.left();
    reader.skip(bytes.size());
    return std::span<const E>(reinterpret_cast<const E*>(bytes.data()), bytes.size() / sizeof(E));
}

/// A function with a stop token before its other arguments.
template <class F>
struct WithStopToken {
    F& function;
    std::stop_token token;
    template <class... B>
    requires std::is_invocable_v<F&, std::stop_token, B...>
    decltype(auto) operator()(B&&... rest) const {
        return std::invoke(function, token, std::forward<B>(rest)...);
    }
};

template <class F, class... A>
concept Task = CallableWith<F&, typename ItemArgument<A>::type...>;
template <class F, class... A>
concept StoppableTask =
    !Task<F, A...> && CallableWith<WithStopToken<F>, typename ItemArgument<A>::type...>;

/// Calls it; what `turn` is at is what its stop token is of.
template <class F, class Turn, class... A>
decltype(auto) call_task(F& function, Turn& turn, A&... arguments) {
    if constexpr (StoppableTask<F, A...>)
        return call(WithStopToken<F>{function, turn.stop_token()}, arguments...);
    else
        return call(function, arguments...);
}

/// What a task gives back: a value also where the function returns a reference.
template <class F, class... A>
using TaskResult = std::decay_t<decltype(call_task(std::declval<F&>(), std::declval<Work&>(),
                                                   std::declval<typename ItemArgument<A>::type&>()...))>;

template <class F, class... A>
class TaskRunnerOf final : public TaskRunner {
  public:
    static std::unique_ptr<TaskRunner> load(NativeReader& reader) {
        return std::make_unique<TaskRunnerOf>(load_callable<F>(reader));
    }
    explicit TaskRunnerOf(F function) : function_(std::move(function)) {}

    void run(Work& work) override {
        while (work.next())
            work.attempt([&] {
                do run_one(work);
                while (work.next_at_once());
            });
    }

  private:
    using R = TaskResult<F, A...>;

    void run_one(Work& work) {
        if constexpr (std::is_void_v<R>) {
            call_with(work);
            work.put();
        } else if constexpr (Bulk<R>) {
            const R result = call_with(work);
            work.put(&result, sizeof result);
        } else {
            const R result = call_with(work);
            try {
                save_message(work.result(), result);
            } catch (const ExitRequest&) {
                throw;
            } catch (...) {
                throw_result_not_sendable(type_name<R>());
            }
            work.put_result();
        }
    }
    R call_with(Work& work) {
        // Numbers need no archive, which costs more to make than they to read.
        constexpr bool are_numbers = (Bulk<A> && ...);
        std::conditional_t<are_numbers, ByteReader, NativeReader> reader(work.item());
        // Braces: they are read in their order.
        std::tuple<typename ItemArgument<A>::type...> arguments{load_argument<A>(reader)...};
        return std::apply([&](auto&... each) -> R { return call_task(function_, work, each...); },
                          arguments);
    }

    F function_;
};

/// A function as those who send tasks know it.
struct TaskFunction {
    const FunctionEntry& entry;  ///< reads it
    const void* function;        ///< of the type that `save` knows
    void (*save)(NativeWriter&, const void* function);
    std::string (*type_name)();
    /// What tells it from others of the same entry, if that is all there is to it; else it has a state.
    std::array<std::uintptr_t, 2> code = {};
    bool has_state = false;
};

template <class F, class... A>
TaskFunction task_function(const F& function) {
    TaskFunction made{
        entry_of<&TaskRunnerOf<F, A...>::load>, &function,
        [](NativeWriter& writer, const void* f) { save_callable(writer, *static_cast<const F*>(f)); },
        &type_name<F>};
    if constexpr (is_function_pointer<F>)
        made.code[0] = reinterpret_cast<std::uintptr_t>(function);
    else if constexpr (std::is_member_function_pointer_v<F>)
        made.code = std::bit_cast<std::array<std::uintptr_t, 2>>(function);
    else
        made.has_state = !is_captureless<F>;
    return made;
}

}  // namespace procession::inline v0::detail

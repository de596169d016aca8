// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// A function, or a class's run(), in a process of its own.

#include <procession/authkey.hpp>
#include <procession/context.hpp>
#include <procession/detail/target.hpp>
#include <procession/limits.hpp>
#include <procession/timeout.hpp>

#include <fmt/format.h>

#include <chrono>
#include <concepts>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <vector>

namespace procession::inline v0 {

/// How a process is to be made.
struct ProcessOptions {
    std::string name = {};                         ///< default "Process-1", "Process-2:1", ...
    std::optional<bool> daemon = {};               ///< default: that of the process which creates it
    std::optional<StartMethod> start_method = {};  ///< default: get_start_method()
    Limits limits = {};
};

/// How a process ended: none while it has not; 0; n > 0; -signal.
struct ExitCode : std::optional<int> {
    using optional::optional;
    /// Python's meaning and C++'s are opposite: write == 0, != 0 or has_value().
    explicit operator bool() const = delete;
};

class Process;
class ProcessHandle;

namespace detail {
struct ProcessRecord;
struct ProcessState;
/// What the library's other parts see of a process, and set before its start.
ProcessState& internals_of(const Process&);
ProcessState& internals_of(const ProcessHandle&);
}  // namespace detail

/// A reference to a process; a copy refers to the same one.
/// @par Thread safety   safe
class PROCESSION_API ProcessHandle {
  public:
    explicit ProcessHandle(std::shared_ptr<detail::ProcessState> state) : state_(std::move(state)) {}

    std::string name() const;
    int pid() const;
    bool daemon() const;
    /// A descriptor that is readable once the process has ended; of this handle, not to be closed.
    int sentinel() const;
    bool is_alive() const;
    /// How it ended; known for processes that this one, or the fork server, started.
    ExitCode exitcode() const;
    /// Waits for its end. @returns whether it has ended
    bool join(Timeout = forever) const;
    void terminate() const;
    void kill() const;
    /// Of the current process. @throws StateError for another one
    void set_name(std::string);
    /// The current process's key, or the one that the process was started with.
    AuthKey authkey() const;
    /// Of the current process; those that it makes from now on inherit it. @throws StateError for
    /// another one
    void set_authkey(AuthKey);

    friend detail::ProcessState& detail::internals_of(const ProcessHandle&);
    friend bool operator==(const ProcessHandle& a, const ProcessHandle& b) { return a.pid() == b.pid(); }

  private:
    std::shared_ptr<detail::ProcessState> state_;
};

/// A process to be: a target with its arguments, or a subclass's run(). Movable until it is started
/// and after; not copyable. The destructor neither waits nor kills: the program's end joins the
/// process, or terminates it if it is a daemon.
/// @par Thread safety   all members but set_*, moves and destruction may be called by several threads
/// @par Process safety  only the process that started it may use it
/// @see Python: multiprocessing.Process
class PROCESSION_API Process {
  public:
    /// Runs `target(args...)`. What an argument becomes for the callee: handles of the library are
    /// passed as lvalues, text as std::string, everything else as an rvalue of its own.
    template <class F, class... A>
    requires(!std::derived_from<std::decay_t<F>, Process> &&
             !std::same_as<std::decay_t<F>, ProcessOptions>) explicit Process(F&& target, A&&... args)
        : Process(ProcessOptions{}, std::forward<F>(target), std::forward<A>(args)...) {
        (detail::require_sendable<detail::Stored<A>>(), ...);
    }
    /// The same with options. Whether the target can be sent is looked at by start().
    template <class F, class... A>
    Process(ProcessOptions options, F&& target, A&&... args) : Process(std::move(options)) {
        set_target(detail::make_target(std::forward<F>(target), std::forward<A>(args)...));
    }
    /// For subclasses that override run().
    Process();
    explicit Process(ProcessOptions options);
    Process(Process&&) noexcept;
    Process& operator=(Process&&) noexcept;
    /// A subclass does not slice into it.
    template <class Derived>
    requires(std::derived_from<std::remove_cvref_t<Derived>, Process> &&
             !std::same_as<std::remove_cvref_t<Derived>, Process>) Process(Derived&&)
    = delete;
    template <class Derived>
    requires(std::derived_from<std::remove_cvref_t<Derived>, Process> &&
             !std::same_as<std::remove_cvref_t<Derived>, Process>) Process&
    operator=(Derived&&) = delete;
    virtual ~Process();

    /// What the process does: calls the target. Runs in the new process.
    virtual void run();

    /// Starts it. It is running when this returns.
    /// @throws StateError          started already, or from a process that did not create it
    /// @throws SerializationError  the target cannot be sent and the start method needs it to be
    /// @throws std::system_error   the system refuses another process
    void start();
    /// Waits for its end. @returns whether it has ended @throws StateError not started
    bool join(Timeout = forever);
    bool is_alive() const;
    /// SIGTERM, SIGKILL, SIGINT.
    void terminate();
    void kill();
    void interrupt();
    /// Releases what is held of it. @throws ValueError it is still running
    void close();

    ExitCode exitcode() const;
    /// None until started.
    std::optional<int> pid() const;
    std::string name() const;
    void set_name(std::string);
    bool daemon() const;
    /// @throws StateError once started
    void set_daemon(bool);
    /// A descriptor that is readable once it has ended: for poll() and its kin. @throws ValueError
    /// before start
    int sentinel() const;
    ProcessHandle handle() const;

    /// `<Process(Process-1, stopped[SIGTERM])>`, with the name of the most derived type.
    std::string to_string() const;

  protected:
    /// Writes the members of a subclass and says which entry makes it in the child.
    virtual const detail::FunctionEntry* write_subclass(NativeWriter&) const { return nullptr; }
    /// In the child: this object, made anew, is the one that was started.
    void continue_as_current();

  private:
    friend detail::ProcessState& detail::internals_of(const Process&);

    void set_target(std::unique_ptr<detail::Target>);
    void leave_to(detail::ProcessRecord& child);
    detail::ProcessState& state() const;

    std::shared_ptr<detail::ProcessState> state_;
    std::unique_ptr<detail::Target> target_;
};

/// Base of process classes that can be started by every method:
/// `struct Worker : mp::Subclass<Worker> { void run() override; int n; template <class A> void serialize(A& a) { a(n); } };`
/// The child makes it by the default constructor, which may be private with `friend class mp::access`,
/// or by cereal's load_and_construct, then loads the members.
template <class Derived>
class Subclass : public Process {
  public:
    using Process::Process;

  private:
    // A smaller member than this would not change the size, if Process ended in padding.
    struct WithMember : Process {
        char member;
    };
    static_assert(sizeof(WithMember) > sizeof(Process));

    static std::unique_ptr<Derived> load(NativeReader& reader) {
        if constexpr (cereal::traits::has_load_and_construct<Derived, NativeReader>::value) {
            std::unique_ptr<Derived> made;
            reader(cereal::memory_detail::make_ptr_wrapper(made));
            return made;
        } else {
            std::unique_ptr<Derived> made(access::construct<Derived>());
            if constexpr (detail::CerealSerializable<Derived>) reader(*made);
            return made;
        }
    }
    static void run_in_child(NativeReader& reader) {
        const std::unique_ptr<Derived> made = load(reader);
        made->continue_as_current();
        detail::arguments_are_read();
        made->run();
    }
    const detail::FunctionEntry* write_subclass(NativeWriter& writer) const override {
        static_assert(detail::CerealSerializable<Derived> || sizeof(Derived) == sizeof(Process),
                      "a subclass with members needs a cereal serialize function");
        if (typeid(*this) != typeid(Derived)) return nullptr;
        // What cereal's loader of a pointer looks for first: that there is an object.
        if constexpr (cereal::traits::has_load_and_construct<Derived, NativeReader>::value)
            writer(std::uint8_t{1});
        if constexpr (detail::CerealSerializable<Derived>) writer(static_cast<const Derived&>(*this));
        return &detail::entry_of<&Subclass::run_in_child>;
    }
};

/// A serializable callable: `function` with its first arguments fixed.
template <class F, class... A>
auto bind(F&& function, A&&... arguments) {
    return detail::Bound<std::decay_t<F>, detail::Stored<A>...>(std::in_place, std::forward<F>(function),
                                                                std::forward<A>(arguments)...);
}

/// The processes that this one started and that run still; reaps those that have ended.
PROCESSION_API std::vector<ProcessHandle> active_children();
PROCESSION_API ProcessHandle current_process();
/// The process that started this one; none in the first.
PROCESSION_API std::optional<ProcessHandle> parent_process();

class Pool;
struct PoolOptions;

/// Starts processes by one method, whatever the program is set to.
class PROCESSION_API Context {
  public:
    explicit Context(StartMethod method) : method_(method) {}
    StartMethod get_start_method() const { return method_; }
    template <class F, class... A>
    procession::Process Process(F&& target, A&&... args) const {
        return procession::Process(ProcessOptions{.start_method = method_}, std::forward<F>(target),
                                   std::forward<A>(args)...);
    }
    /// A pool whose workers are started so; defined in <procession/pool.hpp>.
    procession::Pool Pool(int processes, PoolOptions options) const;
    procession::Pool Pool(int processes = cpu_count()) const;

  private:
    StartMethod method_;
};
inline Context get_context(StartMethod method) { return Context(method); }

PROCESSION_API std::string to_string(const ExitCode&);
PROCESSION_API std::ostream& operator<<(std::ostream&, const Process&);
PROCESSION_API std::ostream& operator<<(std::ostream&, const ExitCode&);

}  // namespace procession::inline v0

template <std::derived_from<procession::Process> T>
struct fmt::formatter<T> : formatter<std::string> {
    auto format(const procession::Process& process, fmt::format_context& context) const {
        return formatter<std::string>::format(process.to_string(), context);
    }
};
template <>
struct fmt::formatter<procession::ExitCode> : formatter<std::string> {
    auto format(const procession::ExitCode& code, fmt::format_context& context) const {
        return formatter<std::string>::format(procession::to_string(code), context);
    }
};

// SPDX-License-Identifier: Apache-2.0
#include "wire/python_names.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

namespace procession::inline v0::detail {
namespace {

constexpr std::string_view os_errors[] = {
    "OSError",
    "BlockingIOError",
    "ChildProcessError",
    "ConnectionError",
    "BrokenPipeError",
    "ConnectionAbortedError",
    "ConnectionRefusedError",
    "ConnectionResetError",
    "FileExistsError",
    "FileNotFoundError",
    "InterruptedError",
    "IsADirectoryError",
    "NotADirectoryError",
    "PermissionError",
    "ProcessLookupError",
    "TimeoutError",
};
constexpr std::string_view other_exceptions[] = {
    "BaseException",      "BaseExceptionGroup",
    "Exception",          "ExceptionGroup",
    "GeneratorExit",      "KeyboardInterrupt",
    "SystemExit",         "ArithmeticError",
    "AssertionError",     "AttributeError",
    "BufferError",        "EOFError",
    "FloatingPointError", "ImportError",
    "IndentationError",   "IndexError",
    "KeyError",           "LookupError",
    "MemoryError",        "ModuleNotFoundError",
    "NameError",          "NotImplementedError",
    "OverflowError",      "PythonFinalizationError",
    "RecursionError",     "ReferenceError",
    "RuntimeError",       "StopAsyncIteration",
    "StopIteration",      "SyntaxError",
    "SystemError",        "TabError",
    "TypeError",          "UnboundLocalError",
    "UnicodeDecodeError", "UnicodeEncodeError",
    "UnicodeError",       "UnicodeTranslateError",
    "ValueError",         "ZeroDivisionError",
    "BytesWarning",       "DeprecationWarning",
    "EncodingWarning",    "FutureWarning",
    "ImportWarning",      "PendingDeprecationWarning",
    "ResourceWarning",    "RuntimeWarning",
    "SyntaxWarning",      "UnicodeWarning",
    "UserWarning",        "Warning",
};
constexpr std::pair<std::string_view, std::string_view> library_exceptions[] = {
    {"_queue", "Empty"},
    {"queue", "Empty"},
    {"queue", "Full"},
    {"queue", "ShutDown"},
    {"threading", "BrokenBarrierError"},
    {"multiprocessing.context", "ProcessError"},
    {"multiprocessing.context", "BufferTooShort"},
    {"multiprocessing.context", "TimeoutError"},
    {"multiprocessing.context", "AuthenticationError"},
    {"multiprocessing.managers", "RemoteError"},
    {"pickle", "PickleError"},
    {"pickle", "PicklingError"},
    {"pickle", "UnpicklingError"},
    {"_pickle", "PickleError"},
    {"_pickle", "PicklingError"},
    {"_pickle", "UnpicklingError"},
};

template <class Names, class Name>
bool has(const Names& names, const Name& name) {
    return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

}  // namespace

bool is_builtin_exception(std::string_view name) {
    return has(os_errors, name) || has(other_exceptions, name);
}

bool is_os_error(std::string_view module, std::string_view name) {
    return module == "builtins" && has(os_errors, name);
}

// @see PEP 3151
std::string_view os_error_of(std::int64_t error_number) {
    switch (error_number) {
        case EAGAIN:
        case EALREADY:
        case EINPROGRESS: return "BlockingIOError";
        case EPIPE:
        case ESHUTDOWN: return "BrokenPipeError";
        case ECHILD: return "ChildProcessError";
        case ECONNABORTED: return "ConnectionAbortedError";
        case ECONNREFUSED: return "ConnectionRefusedError";
        case ECONNRESET: return "ConnectionResetError";
        case EEXIST: return "FileExistsError";
        case ENOENT: return "FileNotFoundError";
        case EINTR: return "InterruptedError";
        case EISDIR: return "IsADirectoryError";
        case ENOTDIR: return "NotADirectoryError";
        case EACCES:
        case EPERM: return "PermissionError";
        case ESRCH: return "ProcessLookupError";
        case ETIMEDOUT: return "TimeoutError";
        default: return "OSError";
    }
}

bool is_library_exception(std::string_view module, std::string_view name) {
    return has(library_exceptions, std::pair(module, name));
}

}  // namespace procession::inline v0::detail

// SPDX-License-Identifier: Apache-2.0
#include "wire/pickle_globals.hpp"

#include <procession/pickle.hpp>

#include <algorithm>
#include <iterator>
#include <mutex>
#include <set>

#include "os/fork_mutex.hpp"
#include "wire/python_names.hpp"

namespace procession::inline v0::pickle {
namespace {

struct Entry {
    std::string_view module;
    std::string_view qualname;
    Known known;
};

constexpr Entry entries[] = {
    {"builtins", "set", Known::set},
    {"builtins", "frozenset", Known::frozenset},
    {"builtins", "bytes", Known::bytes},
    {"builtins", "bytearray", Known::bytearray},
    {"builtins", "complex", Known::complex},
    {"builtins", "list", Known::list},
    {"builtins", "object", Known::object},
    {"builtins", "int", Known::base},
    {"builtins", "float", Known::base},
    {"builtins", "str", Known::base},
    {"builtins", "tuple", Known::base},
    {"builtins", "dict", Known::base},
    {"builtins", "slice", Known::recorded},
    {"builtins", "range", Known::recorded},
    {"decimal", "Decimal", Known::recorded},
    {"fractions", "Fraction", Known::recorded},
    {"collections", "OrderedDict", Known::ordered_dict},
    {"array", "array", Known::array},
    {"array", "_array_reconstructor", Known::array_reconstructor},
    {"datetime", "date", Known::date},
    {"datetime", "time", Known::time},
    {"datetime", "datetime", Known::datetime},
    {"datetime", "timedelta", Known::timedelta},
    {"datetime", "timezone", Known::timezone},
    {"_codecs", "encode", Known::encode},
    {"copyreg", "_reconstructor", Known::reconstructor},
    {"copyreg", "__newobj__", Known::newobj},
    {"copyreg", "__newobj_ex__", Known::newobj_ex},
    {"numpy", "ndarray", Known::ndarray},
    {"numpy", "dtype", Known::recorded},
    {"numpy.core.multiarray", "_reconstruct", Known::ndarray_reconstruct},
    {"numpy._core.multiarray", "_reconstruct", Known::ndarray_reconstruct},
    {"numpy.core.multiarray", "scalar", Known::numpy_scalar},
    {"numpy._core.multiarray", "scalar", Known::numpy_scalar},
    {"numpy.core.numeric", "_frombuffer", Known::ndarray_from_buffer},
    {"numpy._core.numeric", "_frombuffer", Known::ndarray_from_buffer},
};

struct Renamed {
    std::string_view module;
    std::string_view qualname;  ///< empty: all of the module
    std::string_view new_module;
    std::string_view new_qualname;
};

/// @see CPython: Lib/_compat_pickle.py
constexpr Renamed renamed[] = {
    {"__builtin__", "xrange", "builtins", "range"},
    {"__builtin__", "long", "builtins", "int"},
    {"__builtin__", "unicode", "builtins", "str"},
    {"exceptions", "StandardError", "builtins", "Exception"},
    {"exceptions", "IOError", "builtins", "OSError"},
    {"exceptions", "EnvironmentError", "builtins", "OSError"},
    {"multiprocessing", "AuthenticationError", "multiprocessing.context", "AuthenticationError"},
    {"multiprocessing", "BufferTooShort", "multiprocessing.context", "BufferTooShort"},
    {"multiprocessing", "ProcessError", "multiprocessing.context", "ProcessError"},
    {"multiprocessing", "TimeoutError", "multiprocessing.context", "TimeoutError"},
    {"__builtin__", "", "builtins", ""},
    {"exceptions", "", "builtins", ""},
    {"copy_reg", "", "copyreg", ""},
    {"Queue", "", "queue", ""},
};

using Name = std::pair<std::string, std::string>;

struct Registry {
    os::ForkMutex mutex;
    std::set<Name> names;
};
// Never destroyed, as messages are read until the very end.
Registry& registry() {
    static auto* const instance = new Registry;
    return *instance;
}

}  // namespace

std::pair<std::string, std::string> name_of_python3(std::string_view module, std::string_view qualname) {
    for (const Renamed& each : renamed) {
        if (each.module != module || (each.qualname != qualname && !each.qualname.empty())) continue;
        return {std::string(each.new_module),
                std::string(each.new_qualname.empty() ? qualname : each.new_qualname)};
    }
    return {std::string(module), std::string(qualname)};
}

Known look_up(std::string_view module, std::string_view qualname) {
    if (is_registered(module, qualname)) return Known::recorded;
    const auto found = std::find_if(std::begin(entries), std::end(entries), [&](const Entry& each) {
        return each.qualname == qualname && each.module == module;
    });
    if (found != std::end(entries)) return found->known;
    const bool is_exception = module == "builtins" ? detail::is_builtin_exception(qualname)
                                                   : detail::is_library_exception(module, qualname);
    return is_exception ? Known::exception : Known::nothing;
}

void register_global(std::string module, std::string qualname) {
    const std::lock_guard lock(registry().mutex);
    registry().names.emplace(std::move(module), std::move(qualname));
}

bool is_registered(std::string_view module, std::string_view qualname) {
    const std::lock_guard lock(registry().mutex);
    return registry().names.contains(Name(module, qualname));
}

}  // namespace procession::inline v0::pickle

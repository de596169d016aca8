// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

struct Dwfl;
struct Dwfl_Module;

namespace procession::inline v0::os {

/// One call, as far as it is known.
struct Call {
    std::string function;  ///< mangled; empty if unknown
    std::string file;
    int line = 0;  ///< 0: no debug information
    std::string module;
    std::uintptr_t offset = 0;  ///< of the address in the module
};

/// The names of this process's addresses, from debug information where libdw and that are there,
/// else from the dynamic symbols. Made for one report: it looks at what is loaded now.
class Symbols {
  public:
    Symbols();
    ~Symbols();
    Symbols(Symbols&&) = delete;

    /// Appends the calls at an address, the innermost first: functions inlined there count as
    /// calls.
    void look_up(std::uintptr_t address, std::vector<Call>& calls) const;

  private:
    void look_up(Dwfl_Module*, std::uintptr_t address, Call call, std::vector<Call>& calls) const;

    Dwfl* dwfl_ = nullptr;
};

/// A symbol's or type's name as the user wrote it, or as it is when it is none of C++'s.
std::string demangle(const char* name);

}  // namespace procession::inline v0::os

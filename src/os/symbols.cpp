// SPDX-License-Identifier: Apache-2.0
#include "os/symbols.hpp"

#include <cxxabi.h>
#include <dlfcn.h>
#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <memory>
#include <string_view>

namespace procession::inline v0::os {
namespace {

// libdw and not backward-cpp, which resolves by the same library in a format of its own, from one
// large header. Loaded by the first report and not linked: it brings four other libraries
// along, which made each fork a sixth slower (70 -> 82 us) and each exec 130 us longer.
class Libdw {
    template <class Function>
    Function* find(const char* name) {
        void* const found = library_ ? ::dlsym(library_, name) : nullptr;
        complete_ &= found != nullptr;
        return reinterpret_cast<Function*>(found);
    }

    void* library_ = ::dlopen("libdw.so.1", RTLD_NOW | RTLD_LOCAL);
    bool complete_ = true;

  public:
    explicit operator bool() const { return complete_; }

#define PROCESSION_LIBDW(name) decltype(::name)* const name = find<decltype(::name)>(#name)
    PROCESSION_LIBDW(dwarf_attr);
    PROCESSION_LIBDW(dwarf_attr_integrate);
    PROCESSION_LIBDW(dwarf_diename);
    PROCESSION_LIBDW(dwarf_filesrc);
    PROCESSION_LIBDW(dwarf_formstring);
    PROCESSION_LIBDW(dwarf_formudata);
    PROCESSION_LIBDW(dwarf_getscopes);
    PROCESSION_LIBDW(dwarf_getscopes_die);
    PROCESSION_LIBDW(dwarf_getsrc_die);
    PROCESSION_LIBDW(dwarf_getsrcfiles);
    PROCESSION_LIBDW(dwarf_haspc);
    PROCESSION_LIBDW(dwarf_lineno);
    PROCESSION_LIBDW(dwarf_linesrc);
    PROCESSION_LIBDW(dwarf_tag);
    PROCESSION_LIBDW(dwfl_addrmodule);
    PROCESSION_LIBDW(dwfl_begin);
    PROCESSION_LIBDW(dwfl_build_id_find_debuginfo);
    PROCESSION_LIBDW(dwfl_end);
    PROCESSION_LIBDW(dwfl_linux_proc_find_elf);
    PROCESSION_LIBDW(dwfl_linux_proc_report);
    PROCESSION_LIBDW(dwfl_module_addrdie);
    PROCESSION_LIBDW(dwfl_module_addrsym);
    PROCESSION_LIBDW(dwfl_module_nextcu);
    PROCESSION_LIBDW(dwfl_report_end);
#undef PROCESSION_LIBDW
};

const Libdw& libdw() {
    static const Libdw instance;
    return instance;
}

// libdw ends the process when it gets no memory; a process at its limit goes without.
bool memory_is_plenty() {
    const std::unique_ptr<void, decltype(&std::free)> probe(std::malloc(64 << 20), &std::free);
    return probe != nullptr;
}

std::string text_or_empty(const char* text) { return text ? text : ""; }

// The loader knows the program by its argv[0], which is whatever its starter said.
std::string file_of(const char* module) {
    char path[PATH_MAX];
    const ssize_t size = module[0] == '/' ? -1 : ::readlink("/proc/self/exe", path, sizeof path);
    return size > 0 ? std::string(path, static_cast<std::size_t>(size)) : module;
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
    for (auto at = text.find(from); at != text.npos; at = text.find(from, at + to.size()))
        text.replace(at, from.size(), to);
}

// A source line, and the unit of debug information that has it.
struct Source {
    Dwarf_Die* unit = nullptr;
    Dwarf_Line* line = nullptr;
    Dwarf_Addr bias = 0;
};

Source source_at(Dwfl_Module* module, Dwarf_Addr address) {
    Source source;
    const auto has_it = [&] {
        return source.unit && libdw().dwarf_haspc(source.unit, address - source.bias) == 1 &&
               (source.line = libdw().dwarf_getsrc_die(source.unit, address - source.bias));
    };
    source.unit = libdw().dwfl_module_addrdie(module, address, &source.bias);
    if (has_it()) return source;
    // clang writes no table of addresses, so the units are asked one by one.
    source.unit = nullptr;
    while ((source.unit = libdw().dwfl_module_nextcu(module, source.unit, &source.bias)))
        if (has_it()) return source;
    return {};
}

std::string name_of(Dwarf_Die* function) {
    Dwarf_Attribute storage;
    if (Dwarf_Attribute* linkage = libdw().dwarf_attr_integrate(function, DW_AT_linkage_name, &storage))
        return text_or_empty(libdw().dwarf_formstring(linkage));
    return text_or_empty(libdw().dwarf_diename(function));
}

Dwarf_Word number(Dwarf_Die* die, unsigned attribute) {
    Dwarf_Attribute storage;
    Dwarf_Word value = 0;
    libdw().dwarf_formudata(libdw().dwarf_attr(die, attribute, &storage), &value);
    return value;
}

// Where an inlined function was called.
void set_call_site(Dwarf_Die* unit, Dwarf_Die* inlined, Call& call) {
    Dwarf_Files* files = nullptr;
    if (libdw().dwarf_getsrcfiles(unit, &files, nullptr) == 0)
        call.file = text_or_empty(
            libdw().dwarf_filesrc(files, number(inlined, DW_AT_call_file), nullptr, nullptr));
    call.line = static_cast<int>(number(inlined, DW_AT_call_line));
}

using Scopes = std::unique_ptr<Dwarf_Die[], decltype(&std::free)>;

// What the code at an address is in: blocks, inlined functions, and the function itself.
std::pair<Scopes, int> scopes_at(Dwarf_Die* unit, Dwarf_Addr address) {
    Dwarf_Die* scopes = nullptr;
    if (libdw().dwarf_getscopes(unit, address, &scopes) <= 0) return {Scopes(nullptr, &std::free), 0};
    // Around an inlined function these are the scopes that it was written in, not called from.
    const Scopes written(scopes, &std::free);
    const int count = libdw().dwarf_getscopes_die(&written[0], &scopes);
    return {Scopes(count > 0 ? scopes : nullptr, &std::free), std::max(count, 0)};
}

}  // namespace

Symbols::Symbols() {
    if (!memory_is_plenty() || !libdw()) return;
    // Of the ways to find separate debug information this one never asks a server (debuginfod).
    static const Dwfl_Callbacks callbacks{.find_elf = libdw().dwfl_linux_proc_find_elf,
                                          .find_debuginfo = libdw().dwfl_build_id_find_debuginfo,
                                          .section_address = nullptr,
                                          .debuginfo_path = nullptr};
    dwfl_ = libdw().dwfl_begin(&callbacks);
    if (!dwfl_) return;
    libdw().dwfl_linux_proc_report(dwfl_, ::getpid());
    libdw().dwfl_report_end(dwfl_, nullptr, nullptr);
}

Symbols::~Symbols() {
    if (dwfl_) libdw().dwfl_end(dwfl_);
}

void Symbols::look_up(std::uintptr_t address, std::vector<Call>& calls) const {
    Call call;
    call.offset = address;
    if (Dl_info known; ::dladdr(reinterpret_cast<void*>(address), &known)) {
        call.function = text_or_empty(known.dli_sname);
        call.module = file_of(known.dli_fname);
        call.offset -= reinterpret_cast<std::uintptr_t>(known.dli_fbase);
    }
    Dwfl_Module* const module = dwfl_ ? libdw().dwfl_addrmodule(dwfl_, address) : nullptr;
    if (module)
        look_up(module, address, std::move(call), calls);
    else
        calls.push_back(std::move(call));
}

void Symbols::look_up(Dwfl_Module* module, std::uintptr_t address, Call call,
                      std::vector<Call>& calls) const {
    GElf_Sym symbol;
    if (const char* name = libdw().dwfl_module_addrsym(module, address, &symbol, nullptr)) {
        call.function = name;
        // What the compiler split off or specialised is f.cold, f.isra.0, and the like.
        call.function.resize(std::min(call.function.find('.'), call.function.size()));
    }
    const Source source = source_at(module, address);
    if (source.line) {
        call.file = text_or_empty(libdw().dwarf_linesrc(source.line, nullptr, nullptr));
        libdw().dwarf_lineno(source.line, &call.line);
        const auto [scopes, count] = scopes_at(source.unit, address - source.bias);
        for (int i = 0; i < count; ++i) {
            if (libdw().dwarf_tag(&scopes[i]) != DW_TAG_inlined_subroutine) continue;
            Call inlined = call;
            inlined.function = name_of(&scopes[i]);
            calls.push_back(std::move(inlined));
            set_call_site(source.unit, &scopes[i], call);
        }
    }
    calls.push_back(std::move(call));
}

std::string demangle(const char* name) {
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> readable(
        abi::__cxa_demangle(name, nullptr, nullptr, &status), &std::free);
    if (!readable) return name;
    std::string text = readable.get();
    replace_all(text, "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >",
                "std::string");
    replace_all(text, "procession::v0::", "procession::");
    return text;
}

}  // namespace procession::inline v0::os

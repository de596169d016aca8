// SPDX-License-Identifier: Apache-2.0
#include "process/preload.hpp"

#include <procession/context.hpp>
#include <procession/detail/target.hpp>

#include <cstring>

#include "process/program.hpp"

namespace procession::inline v0 {
namespace detail {

void run_preload() {
    const ProgramState& program = program_state();
    const std::uint32_t size = program.preload_size.load();
    if (size == 0) return;
    NativeReader reader(std::span(program.preload).first(size));
    reinterpret_cast<void (*)()>(const_cast<void*>(find_code(load_place(reader))))();
}

}  // namespace detail

void set_forkserver_preload(void (*load)()) {
    detail::Buffer name;
    NativeWriter writer(name);
    if (load) save_place(writer, detail::name_of_code(reinterpret_cast<const void*>(load)));
    detail::ProgramState& program = detail::program_state();
    if (name.bytes().size() > sizeof program.preload)
        throw ValueError("set_forkserver_preload: the path of the function's module is too long");
    heap::Operation operation(heap::Heap::program());
    const heap::Guard guard(operation, program.servers_lock, heap::Recovery::none);
    program.preload_size.store(0);
    std::memcpy(program.preload, name.bytes().data(), name.bytes().size());
    program.preload_size.store(static_cast<std::uint32_t>(name.bytes().size()));
    // Servers that run were loaded otherwise: they go once their children have ended.
    for (detail::ServerState& server : program.servers) {
        server.participant.store(0);
        detail::dismiss_spares(server);
    }
}

}  // namespace procession::inline v0

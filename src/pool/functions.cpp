// SPDX-License-Identifier: Apache-2.0
#include "pool/functions.hpp"

#include <cstring>

#include "os/symbols.hpp"

namespace procession::inline v0::pool {

using detail::MessageBlock;
using detail::Ref;
using heap::Heap;
using heap::Offset;

namespace {

// What a block begins with: blocks are used again, for other functions.
using Serial = std::uint64_t;

std::string symbol_name(const void* code) {
    std::vector<os::Call> calls;
    os::Symbols().look_up(reinterpret_cast<std::uintptr_t>(code), calls);
    return calls.empty() ? std::string() : os::demangle(calls.back().function.c_str());
}

}  // namespace

std::string name_of_function(const void* code, std::string (*type_name)()) {
    const std::string symbol = code ? symbol_name(code) : std::string();
    return symbol.empty() ? type_name() : symbol;
}

KnownFunction::~KnownFunction() {
    if (const Offset place = block.exchange(0)) Heap::program().free(place);
}

std::string KnownFunction::name() const { return name_of_function(code, type_name); }

Functions::~Functions() {
    // Its blocks go with the pool's object.
    for (const auto& [key, function] : stateless_) function->block = 0;
    for (const auto& function : with_state_) function->block = 0;
}

Ref<KnownFunction> Functions::use(const detail::TaskFunction& function) {
    if (function.has_state) {
        std::erase_if(with_state_, [](const auto& each) { return each->use_count() == 1; });
        with_state_.push_back(write_down(function));
        return with_state_.back();
    }
    const Key key{&function.entry, function.code};
    if (const auto known = stateless_.find(key); known != stateless_.end()) return known->second;
    return stateless_[key] = write_down(function);
}

Ref<KnownFunction> Functions::write_down(const detail::TaskFunction& function) {
    detail::Buffer buffer(detail::Buffer::Memory::shared);
    const Serial serial = next_serial_++;
    buffer.write(&serial, sizeof serial);
    NativeWriter writer(buffer);
    save_place(writer, name_of(function.entry));
    function.save(writer, function.function);
    MessageBlock block = MessageBlock::of(buffer);
    const void* const code = function.has_state || function.code[1] != 0
                                 ? nullptr
                                 : reinterpret_cast<const void*>(function.code[0]);
    Ref<KnownFunction> known(new KnownFunction(block.offset(), function.type_name, code));
    give(heap_, block.release(), object_);
    buffer.leave_along();
    return known;
}

FunctionCache::Entry& FunctionCache::find(Offset block) {
    const Serial serial = *heap_.at<Serial>(block);
    if (last_ == block && last_entry_->serial == serial) return *last_entry_;
    if (entries_.size() > most) entries_.clear();
    Entry& entry = entries_[block];
    last_ = 0;
    if (entry.serial != serial) {
        NativeReader reader(message_bytes(heap_, block).subspan(sizeof serial));
        entry = Entry();
        entry.runner =
            find_entry(detail::load_place(reader)).call<std::unique_ptr<detail::TaskRunner>>(reader);
        entry.serial = serial;
    }
    last_ = block;
    last_entry_ = &entry;
    return entry;
}

double FunctionCache::item_nanoseconds(Offset block) const {
    const auto found = entries_.find(block);
    return found == entries_.end() ? 0 : found->second.item_nanoseconds;
}

}  // namespace procession::inline v0::pool

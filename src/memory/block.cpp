// SPDX-License-Identifier: Apache-2.0
#include "memory/block.hpp"

#include <fmt/format.h>
#include <sys/random.h>
#include <procession/error.hpp>

#include <cstring>
#include <limits>
#include <mutex>
#include <unordered_map>

#include "heap/object.hpp"
#include "os/error.hpp"
#include "os/fork_mutex.hpp"
#include "os/kill_point.hpp"
#include "process/unnamed_blocks.hpp"

namespace procession::inline v0::detail {
namespace {

using heap::Heap;
using heap::Offset;

std::string called(const std::string& name) { return fmt::format("SharedMemory(\"{}\")", name); }
std::string called(const std::string& name, std::uint64_t size) {
    return fmt::format("SharedMemory(\"{}\", {} bytes)", name, size);
}

std::string random_hex() {
    std::uint64_t number = 0;
    const auto fill = [&] { return ::getrandom(&number, sizeof number, 0); };
    os::checked(os::retry_on_signal(fill), "SharedMemory", "getrandom");
    return fmt::format("{:016x}", number);
}

// The mappings of this process, by the serial numbers of their objects. Never destroyed: handles with
// static storage end after everything else.
struct Registry {
    os::ForkMutex mutex;
    std::unordered_map<std::uint64_t, std::weak_ptr<LocalBlock>> blocks;
};
Registry& registry() {
    static auto* const instance = new Registry;
    return *instance;
}

std::uint64_t serial_of(Offset object) { return Heap::program().at<heap::ObjectHeader>(object)->serial; }

BlockBody& body_at(Offset object) { return heap::body<BlockBody>(Heap::program(), object); }

/// A new object of a block, to be passed on; it goes again where that fails.
class NewObject {
  public:
    NewObject()
        : offset_(make_object(Heap::program(), heap::ObjectType::shared_memory, sizeof(BlockBody))) {}
    ~NewObject() {
        if (offset_) drop(Heap::program(), offset_, Heap::program().self());
    }
    NewObject(NewObject&&) = delete;
    /// Writes down which block it is.
    void describe(const std::string& name, const os::BlockInfo& info) const {
        BlockBody& body = body_at(offset_);
        body.inode = info.inode;
        body.size = info.size;
        name.copy(body.name, os::longest_block_name);
    }
    Offset offset() const { return offset_; }
    Offset release() { return std::exchange(offset_, 0); }

  private:
    Offset offset_;
};

void note_mapping(std::uint64_t serial, const std::shared_ptr<LocalBlock>& block) {
    const std::lock_guard lock(registry().mutex);
    registry().blocks[serial] = block;
}

void check_block(Offset object) {
    if (Heap::program().at<heap::ObjectHeader>(object)->type != heap::ObjectType::shared_memory)
        throw TypeMismatch("SharedMemory: the handle is of another type; receive it as that.");
}

os::BlockInfo checked_info(const std::string& object, const os::Descriptor& file) {
    const os::BlockInfo info = os::block_info(object, file);
    if (info.size == 0)
        throw ValueError(object +
                         ": it is empty. Its creator has not given it a size yet, or it is no block of "
                         "memory.");
    return info;
}

}  // namespace

BlockBody& block_body(const Handle& handle) { return body_at(handle.offset()); }

std::string checked_block_name(std::string name) {
    if (name.starts_with('/')) name.erase(0, 1);
    const auto refuse = [&](const char* why) {
        throw ValueError(fmt::format("{}: {}", called(name.substr(0, name.find('\0'))), why));
    };
    if (name.empty()) refuse("the name is empty. Leave it out at creation to get a generated one.");
    if (name.find('\0') != name.npos) refuse("there is a NUL in the name");
    if (name.find('/') != name.npos)
        refuse("there is a slash in the name; only one in front is allowed");
    if (name == "." || name == "..") refuse("this name is a folder's");
    if (name.size() > os::longest_block_name)
        refuse(fmt::format("the name has {} bytes; {} are allowed", name.size(), os::longest_block_name)
                   .c_str());
    return name;
}

std::string publish_generated(const os::Descriptor& block,
                              const std::function<std::string()>& next_name) {
    for (;;) {
        std::string name = next_name();
        if (os::publish_block(called(name), block, name)) return name;
    }
}

NewBlock::NewBlock(std::size_t bytes, std::string wanted) : size(bytes), name(std::move(wanted)) {
    if (!name.empty()) name = checked_block_name(std::move(name));
    if (size == 0) throw ValueError("SharedMemory: the size is 0 bytes; at least 1 is needed");
    if (size > static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max()))
        throw ValueError(called(name, size) + ": the size is too large. Was it negative?");
    if (name.empty()) prefix = prepare_unnamed_block();
}

std::uint64_t create_block(NewBlock& block, const std::function<void(std::span<std::byte>)>& fill) {
    const std::string object = called(block.name, block.size);
    const auto refuse_taken = [&] {
        os::throw_errno(object, "linkat",
                        "Attach to it with SharedMemory(name), unlink it, or take another name.",
                        EEXIST);
    };
    // Looked at first, so that a name that is taken costs no memory.
    if (!block.name.empty() && os::block_exists(block.name)) refuse_taken();
    NewObject made;
    const os::Descriptor file = os::make_block(object, block.size);
    block.mapped = std::make_shared<LocalBlock>(serial_of(made.offset()), object, file, block.size);
    if (fill) fill(block.mapped->bytes());
    PROCESSION_KILL_POINT("block.filled");
    if (block.name.empty())
        block.name = publish_generated(file, [&] { return block.prefix + random_hex(); });
    else if (!os::publish_block(object, file, block.name))
        refuse_taken();
    made.describe(block.name, os::block_info(object, file));
    PROCESSION_KILL_POINT("block.described");
    note_mapping(serial_of(made.offset()), block.mapped);
    return made.release();
}

std::uint64_t attach_block(const std::string& name) {
    const os::Descriptor file = os::open_block(called(name), name);
    NewObject made;
    made.describe(name, checked_info(called(name), file));
    return made.release();
}

LocalBlock::~LocalBlock() {
    const std::lock_guard lock(registry().mutex);
    const auto entry = registry().blocks.find(serial_);
    // Another thread may have received the block again meanwhile.
    if (entry != registry().blocks.end() && entry->second.expired()) registry().blocks.erase(entry);
}

std::shared_ptr<LocalBlock> map_block(const Handle& handle) {
    Offset at = 0;
    try {
        at = handle.offset();
    } catch (const StateError&) {
        return nullptr;  // which its first use will say
    }
    check_block(at);
    // Let go after the mutex, which their destructor takes.
    std::shared_ptr<LocalBlock> known, block;
    const std::lock_guard lock(registry().mutex);
    if (const auto entry = registry().blocks.find(serial_of(at)); entry != registry().blocks.end())
        known = entry->second.lock();
    if (known && known->is_open()) return known;
    const BlockBody& body = body_at(at);
    const std::string object = called(body.name);
    const os::Descriptor file = os::open_block(object, body.name);
    const os::BlockInfo info = checked_info(object, file);
    if (info.inode != body.inode)
        os::throw_errno(object, "shm_open", "It was unlinked, and the name is another block's by now.",
                        ENOENT);
    block = std::make_shared<LocalBlock>(serial_of(at), object, file, info.size);
    registry().blocks[serial_of(at)] = block;
    return block;
}

void check_same_block(std::uint64_t object, std::optional<std::size_t> size, const std::string& name) {
    check_block(object);
    const BlockBody& body = body_at(object);
    if ((size && *size != body.size) || (!name.empty() && name != body.name))
        throw ValueError(
            fmt::format("{}: with static storage it is one block for the program, which was made with "
                        "another size or name. Construct it with the same arguments in every process.",
                        called(body.name, body.size)));
}

}  // namespace procession::inline v0::detail

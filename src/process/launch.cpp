// SPDX-License-Identifier: Apache-2.0
#include "process/launch.hpp"

#include <cstdio>
#include <cstring>
#include <exception>
#include <vector>

#include "heap/object.hpp"
#include "os/futex.hpp"

namespace procession::inline v0::detail {

LaunchOrder write_launch(const Handle& record, const FunctionEntry& entry, Launch launch,
                         const Buffer& arguments) {
    heap::Heap& heap = heap::Heap::program();
    launch.entry = name_of(entry);
    Buffer head;
    NativeWriter writer(head);
    save_value(writer, launch);
    std::vector<heap::Offset> objects(arguments.references().begin(), arguments.references().end());
    objects.push_back(launch.parent);
    const auto size = head.bytes().size() + arguments.bytes().size();
    const heap::Offset message = make_message(heap, size, objects, heap::Use::control);
    const auto place = message_bytes(heap, message);
    std::memcpy(place.data(), head.bytes().data(), head.bytes().size());
    std::memcpy(place.data() + head.bytes().size(), arguments.bytes().data(), arguments.bytes().size());
    give(heap, message, record.offset());
    record_of(record).launch = message;
    return {message, record.offset(), heap.at<heap::ObjectHeader>(record.offset())->serial,
            record_of(record).daemon != 0 ? LaunchOrder::is_daemon : 0, false};
}

void say_cannot_begin(const std::exception& error) noexcept {
    std::fprintf(stderr, "procession: this process could not begin: %s\n", error.what());
}

bool await_begin(const ProcessRecord& record, const Launched& child) {
    while (record.stage.load() == Stage::made) {
        os::futex_wait(record.stage, Stage::made,
                       os::Deadline::never().sooner(std::chrono::milliseconds(20)));
        if (record.stage.load() == Stage::made &&
            os::wait_readable(child.pidfd.get(), os::Deadline::now()))
            return record.stage.load() != Stage::made;
    }
    return true;
}

}  // namespace procession::inline v0::detail

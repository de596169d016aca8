// SPDX-License-Identifier: Apache-2.0
#include "managers/proxy_body.hpp"

#include <procession/detail/queue_message.hpp>
#include <procession/error.hpp>
#include <procession/serialize.hpp>

#include "heap/object.hpp"
#include "os/at_load.hpp"

namespace procession::inline v0::managers {
namespace {

using detail::Handle;
using detail::MessageBlock;
using heap::Heap;
using heap::Offset;

/// What lies in the heap.
struct ProxyBody {
    std::atomic<Offset> info;  ///< a block of this object's
    Door::Bell bell;           ///< its door is 0: nobody is to be told
};

ProxyBody& body_of(const Handle& proxy) { return *static_cast<ProxyBody*>(proxy.body()); }

PROCESSION_AT_LOAD void register_hook() {
    heap::set_on_destroy(heap::ObjectType::proxy, [](Heap& heap, Offset proxy) {
        Door::ring(heap, heap::body<ProxyBody>(heap, proxy).bell, proxy);
    });
}

}  // namespace

Handle make_proxy_object(const ProxyInfo& info, std::optional<std::uint32_t> bell_place) {
    Heap& heap = Heap::program();
    Handle proxy = Handle::adopt(make_object(heap, heap::ObjectType::proxy, sizeof(ProxyBody)));
    ProxyBody& body = body_of(proxy);
    detail::Buffer buffer(detail::Buffer::Memory::shared);
    detail::save_message(buffer, info);
    MessageBlock block = MessageBlock::of(buffer);
    body.info = block.offset();
    give(heap, block.release(), proxy.offset());
    if (bell_place) body.bell = info.destination.door->bell(*bell_place, proxy.offset());
    return proxy;
}

ProxyInfo read_proxy_object(const Handle& proxy) {
    Heap& heap = Heap::program();
    return detail::load_message<ProxyInfo>(heap::message_bytes(heap, body_of(proxy).info.load()));
}

bool is_counted_by_heap(const Handle& proxy) { return body_of(proxy).bell.door != 0; }

}  // namespace procession::inline v0::managers

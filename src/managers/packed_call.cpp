// SPDX-License-Identifier: Apache-2.0
#include <procession/detail/packed_call.hpp>
#include <procession/error.hpp>

namespace procession::inline v0::detail {

Packed take_packed(const Buffer& buffer) {
    if (!buffer.references().empty())
        throw SerializationError(
            "PoolProxy: a handle of the library, or a proxy, is among the arguments or the results. "
            "They cannot "
            "be sent to a manager's pool: use a Pool of this process.");
    const auto bytes = buffer.bytes();
    return {bytes.begin(), bytes.end()};
}

Packed pack(const PackedFunction& call) {
    Buffer buffer;
    NativeWriter writer(buffer);
    call.save(writer);
    return take_packed(buffer);
}

Packed run_packed(const Packed& call) {
    NativeReader reader(call);
    PackedFunction function;
    function.load(reader);
    return function();
}

}  // namespace procession::inline v0::detail

// SPDX-License-Identifier: Apache-2.0

// What a stranger does with the package: the version is the one that was asked for, and processes run
// under every start method.

#include <procession/mp.hpp>
#include <procession/version.hpp>

#include <cstdio>
#include <string>

namespace {

struct Order {
    std::string text;
    int number;
};
void answer(mp::Queue<Order> in, mp::Queue<Order> out) {
    const Order order = in.get();
    out.put({order.text + "!", order.number + 1});
}

}  // namespace

int main() {
    const std::string version = fmt::format("{}.{}.{}", PROCESSION_VERSION_MAJOR,
                                            PROCESSION_VERSION_MINOR, PROCESSION_VERSION_PATCH);
    if (version != EXPECTED_VERSION) {
        std::fprintf(stderr, "version.hpp says %s, the package %s\n", version.c_str(), EXPECTED_VERSION);
        return 1;
    }
    mp::Queue<Order> in, out;
    for (const auto method : mp::get_all_start_methods()) {
        mp::Process process = mp::get_context(method).Process(answer, in, out);
        process.start();
        in.put({"hello", 41});
        const Order answered = out.get();
        process.join();
        if (answered.text != "hello!" || answered.number != 42 || process.exitcode() != 0) return 1;
    }
    std::puts("all is well");
}

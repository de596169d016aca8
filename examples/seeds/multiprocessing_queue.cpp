// SPDX-License-Identifier: Apache-2.0

// An object goes to a worker as a message.

#include <fmt/core.h>
#include <procession/mp.hpp>

#include <string>

struct MyFancyClass {
    std::string name;

    void do_something() const {
        fmt::print("Doing something fancy in {} for {}!\n", mp::current_process().name(), name);
    }
};

void worker(mp::Queue<MyFancyClass> q) {
    const MyFancyClass obj = q.get();
    obj.do_something();
}

int main() {
    mp::Queue<MyFancyClass> queue;
    mp::Process p(worker, queue);
    p.start();
    queue.put({"Fancy Dan"});
    queue.close();
    queue.join_thread();
    p.join();
}

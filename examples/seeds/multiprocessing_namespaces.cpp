// SPDX-License-Identifier: Apache-2.0

// A value that one process gives a name in a namespace, others have by that name.

#include <fmt/core.h>
#include <procession/mp.hpp>

#include <string>

void producer(mp::NamespaceProxy ns, mp::Event looked, mp::Event event) {
    looked.wait();
    ns.set("value", "This is the value");
    event.set();
}

void consumer(mp::NamespaceProxy ns, mp::Event looked, mp::Event event) {
    try {
        fmt::print("Before event, consumer got: {}\n", ns.get<std::string>("value"));
    } catch (const mp::AttributeError& err) {
        fmt::print("Before event, consumer got: {}\n", err.what());
    }
    looked.set();
    event.wait();
    fmt::print("After event, consumer got: {}\n", ns.get<std::string>("value"));
}

int main() {
    mp::SyncManager mgr = mp::Manager();
    auto ns = mgr.Namespace();
    mp::Event looked, event;
    mp::Process p(producer, ns, looked, event);
    mp::Process c(consumer, ns, looked, event);
    c.start();
    p.start();
    c.join();
    p.join();
}

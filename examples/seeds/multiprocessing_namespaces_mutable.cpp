// SPDX-License-Identifier: Apache-2.0

// What a namespace gives is a copy: changing that changes nothing there, until it is set again.

#include <fmt/ranges.h>
#include <procession/mp.hpp>

#include <string>
#include <vector>

using Strings = std::vector<std::string>;

void producer(mp::NamespaceProxy ns, mp::Event event) {
    ns.get<Strings>("my_list").push_back("This is the value");  // Does not update what others see.
    event.set();
}

void consumer(mp::NamespaceProxy ns, mp::Event event) {
    fmt::print("Before event, consumer got: {}\n", ns.get<Strings>("my_list"));
    event.wait();
    fmt::print("After event, consumer got: {}\n", ns.get<Strings>("my_list"));
}

int main() {
    mp::SyncManager mgr = mp::Manager();
    auto ns = mgr.Namespace();
    ns.set("my_list", Strings());
    mp::Event event;
    mp::Process p(producer, ns, event);
    mp::Process c(consumer, ns, event);
    c.start();
    p.start();
    c.join();
    p.join();
}

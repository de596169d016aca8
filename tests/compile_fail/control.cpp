// SPDX-License-Identifier: Apache-2.0
// control: it compiles, so the others fail for their own reason.
#include <procession/mp.hpp>

#include <map>
#include <stdexcept>

struct Plain {
    int number;
    std::vector<std::string> texts;
};
struct Worker : mp::Subclass<Worker> {
    void run() override {}
    int number = 0;
    template <class A>
    void serialize(A& archive) {
        archive(number);
    }
};
struct Failure : std::runtime_error {
    using runtime_error::runtime_error;
    int number = 0;
    template <class A>
    void serialize(A& archive) {
        archive(number);
    }
};
void target(int, std::string, Plain, mp::Queue<std::map<int, Plain>>) {}

bool all_is_well() {
    mp::register_exception<Failure>();
    mp::Process process(target, 1, "text", Plain{}, mp::Queue<std::map<int, Plain>>());
    Worker().start();
    return process.join(std::chrono::milliseconds(5)) && process.exitcode() == 0;
}

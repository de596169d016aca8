// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/mp.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "support/managers/client.hpp"
#include "support/managers/echo.hpp"

namespace procession::benchmark {

/// A manager, and a dict for each of its clients.
class ProcessionManager {
  public:
    explicit ProcessionManager(int clients) {
        for (int i = 0; i < clients; ++i) dicts_.push_back(manager_.dict<std::string, std::int64_t>());
    }

    int pid() const { return manager_.process().pid(); }

    /// By its address, as a stranger does.
    Client connect_by_socket(int rank) const {
        const auto manager = std::make_shared<mp::SyncManager>(manager_.address());
        manager->connect();
        return client(manager->dict<std::string, std::int64_t>(), rank);
    }
    /// As processes of the same program do.
    Client connect_by_rings(int rank) const {
        return client(dicts_[static_cast<std::size_t>(rank)], rank);
    }

    ExchangedBytes bytes_of_set() const {
        return bytes("__setitem__", mp::Object::tuple({key_of(0), set_value}), {});
    }
    ExchangedBytes bytes_of_get() const {
        return bytes("get", mp::Object::tuple({key_of(0)}), set_value);
    }

  private:
    using Dict = mp::DictProxy<std::string, std::int64_t>;

    static Client client(const Dict& dict, int rank) {
        const std::string key = key_of(rank);
        return {.set = [=] { dict.set(key, set_value); },
                .get = [=] { check_value(dict.get(key) == set_value); },
                .set_together =
                    [=](int count) {
                        mp::Batch batch;
                        for (int i = 0; i < count; ++i)
                            batch.call<void>(dict, "__setitem__", key, set_value);
                        batch.send();
                    }};
    }

    /// docs/protocol.md has them.
    ExchangedBytes bytes(const char* method, const mp::Object& arguments,
                         const mp::Object& result) const {
        using mp::Object;
        return {
            mp::pickle::dumps(Object::tuple({dicts_.front().ident(), method, arguments, Object::dict()}))
                .size(),
            mp::pickle::dumps(Object::tuple({"#RETURN", result})).size()};
    }

    mp::SyncManager manager_ = mp::Manager();
    std::vector<Dict> dicts_;
};

}  // namespace procession::benchmark

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/object.hpp>

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "managers/referent.hpp"
#include "managers/sequence.hpp"

namespace procession::inline v0::managers {

/// A list. @see Python: list
///
/// What goes out of it is destroyed outside of its lock: it may own other referents.
class List final : public MethodsOf<List>, public std::enable_shared_from_this<List> {
  public:
    static constexpr std::string_view type = "list";
    static std::span<const Method<List>> methods();
    /// list(), list(iterable).
    static std::shared_ptr<Referent> make(const Arguments&);

    Object value() const override;
    std::string to_string() const override;

  private:
    using Elements = std::vector<Object>;

    Elements elements() const;
    /// @returns what is to be dropped
    Elements replace(const Slice& slice, Elements elements);
    Elements take(const Slice& slice);

    Result concatenated(const Arguments&, const Caller&);
    Result contains(const Arguments&, const Caller&);
    Result erase(const Arguments&, const Caller&);
    Result at(const Arguments&, const Caller&);
    Result repeat_itself(const Arguments&, const Caller&);
    Result size(const Arguments&, const Caller&);
    Result repeated(const Arguments&, const Caller&);
    Result iterate_back(const Arguments&, const Caller&);
    Result set(const Arguments&, const Caller&);
    Result append(const Arguments&, const Caller&);
    Result clear(const Arguments&, const Caller&);
    Result copy(const Arguments&, const Caller&);
    Result count(const Arguments&, const Caller&);
    Result extend(const Arguments&, const Caller&);
    Result index(const Arguments&, const Caller&);
    Result insert(const Arguments&, const Caller&);
    Result pop(const Arguments&, const Caller&);
    Result remove(const Arguments&, const Caller&);
    Result reverse(const Arguments&, const Caller&);
    Result sort(const Arguments&, const Caller&);

    mutable std::mutex mutex_;
    Elements elements_;
};

}  // namespace procession::inline v0::managers

// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// The proxies of what a manager's server keeps: references to objects of another process, on this machine
/// or another.

#include <procession/barrier_proxy.hpp>
#include <procession/condition_proxy.hpp>
#include <procession/dict_proxy.hpp>
#include <procession/event_proxy.hpp>
#include <procession/list_proxy.hpp>
#include <procession/lock_proxy.hpp>
#include <procession/namespace_proxy.hpp>
#include <procession/pool_proxy.hpp>
#include <procession/queue_proxy.hpp>
#include <procession/value_proxy.hpp>

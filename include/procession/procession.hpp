// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// The whole library. Each of Python's modules has a header of its own name as well.

#include <procession/authkey.hpp>
#include <procession/barrier.hpp>
#include <procession/condition.hpp>
#include <procession/context.hpp>
#include <procession/error.hpp>
#include <procession/event.hpp>
#include <procession/function.hpp>
#include <procession/lock.hpp>
#include <procession/log.hpp>
#include <procession/object.hpp>
#include <procession/process.hpp>
#include <procession/queues.hpp>
#include <procession/semaphore.hpp>
#include <procession/serialize.hpp>
#include <procession/shared_containers.hpp>
#include <procession/shared_memory.hpp>
#include <procession/sharedctypes.hpp>
#include <procession/timeout.hpp>
#include <procession/version.hpp>

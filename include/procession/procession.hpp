// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// The whole library. Each of Python's modules has a header of its own name as well.

#include <procession/address.hpp>
#include <procession/async_result.hpp>
#include <procession/authkey.hpp>
#include <procession/batch.hpp>
#include <procession/connection.hpp>
#include <procession/context.hpp>
#include <procession/coroutine.hpp>
#include <procession/error.hpp>
#include <procession/event_loop.hpp>
#include <procession/exceptions.hpp>
#include <procession/function.hpp>
#include <procession/futures.hpp>
#include <procession/limits.hpp>
#include <procession/listener.hpp>
#include <procession/log.hpp>
#include <procession/managers.hpp>
#include <procession/object.hpp>
#include <procession/pickle.hpp>
#include <procession/placement.hpp>
#include <procession/pool.hpp>
#include <procession/process.hpp>
#include <procession/progress_bar.hpp>
#include <procession/promise.hpp>
#include <procession/queues.hpp>
#include <procession/serialize.hpp>
#include <procession/shared_containers.hpp>
#include <procession/shared_memory.hpp>
#include <procession/sharedctypes.hpp>
#include <procession/sync_manager.hpp>
#include <procession/synchronize.hpp>
#include <procession/task.hpp>
#include <procession/thread_pool.hpp>
#include <procession/timeout.hpp>
#include <procession/version.hpp>
#include <procession/wait.hpp>

// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// All of Python's multiprocessing.synchronize.

#include <procession/barrier.hpp>
#include <procession/condition.hpp>
#include <procession/event.hpp>
#include <procession/lock.hpp>
#include <procession/semaphore.hpp>

// SPDX-License-Identifier: Apache-2.0

// A shared library that knows nothing of processes.

#include "multiprocessing_import_worker.hpp"

#include <fmt/core.h>

void import_worker::worker() { fmt::print("Worker\n"); }

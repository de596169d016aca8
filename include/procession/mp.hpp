// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// The umbrella header and the alias `mp`: the twin of Python's `import multiprocessing as mp`.

#include <procession/procession.hpp>

namespace mp = procession;

// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// The library's version, and the only place where it is written: the build reads it from here.

#define PROCESSION_VERSION_MAJOR 0
#define PROCESSION_VERSION_MINOR 1
#define PROCESSION_VERSION_PATCH 0

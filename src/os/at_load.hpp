// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Marks a function that runs when the library is loaded: where it is linked into the program
/// statically, before any static object of the program is made.
#define PROCESSION_AT_LOAD __attribute__((constructor(101)))

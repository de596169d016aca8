// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Marks what the shared library shows: everything else is compiled with hidden visibility.
#define PROCESSION_API __attribute__((visibility("default")))

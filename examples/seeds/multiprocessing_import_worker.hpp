// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace import_worker {

void worker();

}  // namespace import_worker

// SPDX-License-Identifier: BSL-1.0
#pragma once

// process.hpp: all of process/, child programs whose input and output are streams.

#include <aioxx/process/create.hpp>
#include <aioxx/process/output_lines.hpp>
#include <aioxx/process/process.hpp>
#include <aioxx/process/run_process.hpp>

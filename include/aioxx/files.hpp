// SPDX-License-Identifier: BSL-1.0
#pragma once

// files.hpp: files and directories. They have no readiness to wait for, so every call runs on a worker thread, and the
// task waits for that.
//
//     aioxx::buffered_reader lines(co_await aioxx::open_file("access.log"));
//     while (auto line = co_await lines.next_line()) count(*line);
//
// An async_file is a source and a destination of bytes like the halves of a stream: buffered_reader reads lines and blocks
// from it, pump copies it from and to anything, and its descriptor goes to sendfile. A call that has started is waited
// for, also by a task that is cancelled, so a file is always in the state that the last operation has left.
//
// Everything else that std::filesystem can do is one to_thread away; walk() alone has an own form, because it takes many
// calls. Temporary files and directories are gone with the objects that stand for them.

#include <aioxx/files/async_file.hpp>
#include <aioxx/files/temporary.hpp>
#include <aioxx/files/walk.hpp>

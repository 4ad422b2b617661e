// SPDX-License-Identifier: BSL-1.0

// Files on worker threads: the loop goes on while the disk is slow. A file is a source and a destination of bytes like
// a stream, so the same adapters read lines from it and copy it.

#include <iostream>
#include <string>

#include <aioxx/aioxx.hpp>
#include <aioxx/files.hpp>

aioxx::coro<> count_lines() {
    aioxx::temporary_directory folder = co_await aioxx::create_temporary_directory();
    const auto log = folder.path() / "access.log";
    co_await aioxx::write_bytes(log, "GET /\nGET /favicon.ico\nPOST /form\n");

    const aioxx::async_file copied = co_await aioxx::open_file(folder.path() / "copy.log", "w+");
    const auto bytes = co_await aioxx::pump(co_await aioxx::open_file(log), copied);
    std::cout << bytes << " bytes copied" << std::endl;

    co_await copied.seek(0);
    const aioxx::buffered_reader lines(copied);
    int number = 0;
    while (auto line = co_await lines.next_line()) std::cout << ++number << ": " << line->str();

    co_await folder.cleanup();
}

int main() { aioxx::run(count_lines()); }

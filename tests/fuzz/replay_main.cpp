// SPDX-License-Identifier: BSL-1.0
// tests/fuzz/replay_main.cpp: runs a fuzz target over files, for compilers without libFuzzer and for stored
// seeds.

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

int replayed = 0;

void replay(const std::filesystem::path& path) {
    if (std::filesystem::is_directory(path)) {
        for (const auto& entry : std::filesystem::directory_iterator(path))
            replay(entry.path());
        return;
    }
    std::ifstream file(path, std::ios::binary);
    const std::string content((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(content.data()), content.size());
    ++replayed;
}

}  // namespace

// Arguments: files, or directories of them. Nothing to replay is a failure, not a success.
int main(int count, char** arguments) {
    for (int i = 1; i < count; ++i)
        replay(arguments[i]);
    std::printf("%d inputs replayed\n", replayed);
    return replayed == 0 ? 1 : 0;
}

// SPDX-License-Identifier: MIT
// What C++ programs take from their library: streams, exceptions, threads, thread-local objects, std::filesystem.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace fs = std::filesystem;

struct at_exit {
    ~at_exit() { std::cout << "done\n"; }
};
static at_exit last;

static thread_local int own = 1;

static int deeper(int depth)
{
    if (depth == 0)
        throw std::runtime_error("from below");
    return deeper(depth - 1) + 1;
}

static void exceptions()
{
    try {
        deeper(20);
    } catch (const std::exception &error) {
        std::cout << "caught " << error.what() << '\n';
    }
    try {
        std::vector<int>().at(3);
    } catch (const std::out_of_range &) {
        std::cout << "out of range\n";
    }
    try {
        try {
            throw 5;
        } catch (int value) {
            throw;
        }
    } catch (int value) {
        std::cout << "again " << value << '\n';
    }
}

static void threads()
{
    std::mutex mutex;
    std::condition_variable changed;
    std::atomic<int> sum{0};
    int ready = 0;
    std::vector<std::thread> all;
    for (int i = 0; i < 4; i++)
        all.emplace_back([&, i] {
            own += i;
            sum += own;
            try {
                deeper(i);
            } catch (...) {
                sum += 100;
            }
            std::lock_guard<std::mutex> lock(mutex);
            ready++;
            changed.notify_one();
        });
    {
        std::unique_lock<std::mutex> lock(mutex);
        changed.wait(lock, [&] { return ready == 4; });
    }
    for (auto &thread : all)
        thread.join();
    std::cout << "threads " << sum << ", own " << own << '\n';
}

static void files()
{
    fs::path folder = fs::temp_directory_path() / "cxx-test";
    fs::remove_all(folder);
    fs::create_directories(folder / "a" / "b");
    std::ofstream(folder / "a" / "file") << "one two three";
    fs::copy_file(folder / "a" / "file", folder / "a" / "b" / "copy");
    std::vector<std::string> names;
    for (const auto &entry : fs::recursive_directory_iterator(folder))
        names.push_back(fs::relative(entry.path(), folder).string());
    std::sort(names.begin(), names.end());
    for (const auto &name : names)
        std::cout << name << '\n';
    std::ifstream in(folder / "a" / "b" / "copy");
    std::string word;
    while (in >> word)
        std::cout << word << '.';
    std::cout << fs::file_size(folder / "a" / "file") << '\n';
    std::cout << "removed " << fs::remove_all(folder) << '\n';
}

int main()
{
    std::map<std::string, double> values{{"pi", 3.14159265358979}, {"e", 2.71828182845905}};
    std::ostringstream text;
    text.precision(10);
    for (const auto &[name, value] : values)
        text << name << '=' << value << ' ';
    std::cout << text.str() << std::hex << 255 << std::dec << '\n';
    exceptions();
    threads();
    files();
    return 0;
}

// SPDX-License-Identifier: MIT
// More of the C++ library: thread_local destructors, futures, exceptions between threads, regular expressions, locales, memory
// resources, the rest of std::filesystem. What it prints is the same wherever it runs.
#include <algorithm>
#include <any>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <iomanip>
#include <iostream>
#include <locale>
#include <memory_resource>
#include <new>
#include <numeric>
#include <optional>
#include <random>
#include <regex>
#include <shared_mutex>
#include <sstream>
#include <thread>
#include <variant>
#include <vector>

namespace fs = std::filesystem;

struct told {
    const char *name;
    explicit told(const char *what) : name(what) { std::cout << "made " << name << '\n'; }
    ~told() { std::cout << "gone " << name << '\n'; }
};
static thread_local told first("first"), second("second");

static void thread_locals()
{
    std::thread([] {
        static thread_local told inner("inner");
        std::cout << first.name << ' ' << second.name << ' ' << inner.name << '\n';
    }).join();
}

static void futures()
{
    auto sum = std::async(std::launch::async, [] {
        std::vector<int> numbers(1000);
        std::iota(numbers.begin(), numbers.end(), 1);
        return std::accumulate(numbers.begin(), numbers.end(), 0);
    });
    auto thrown = std::async(std::launch::async, []() -> int { throw std::range_error("from another thread"); });
    std::promise<int> never;
    std::cout << sum.get() << '\n';
    try {
        thrown.get();
    } catch (const std::range_error &error) {
        std::cout << error.what() << '\n';
    }
    std::cout << (never.get_future().wait_for(std::chrono::milliseconds(5)) == std::future_status::timeout) << '\n';
    std::shared_mutex shared;
    std::shared_lock one(shared), two(shared);
    std::cout << shared.try_lock() << '\n';
}

static std::size_t too_much()
{
    volatile std::size_t size = static_cast<std::size_t>(15) << 28;
    return size;
}

static void nested()
{
    try {
        try {
            throw std::runtime_error("inside");
        } catch (...) {
            std::throw_with_nested(std::logic_error("outside"));
        }
    } catch (const std::logic_error &error) {
        std::cout << error.what();
        try {
            std::rethrow_if_nested(error);
        } catch (const std::runtime_error &inner) {
            std::cout << " of " << inner.what() << '\n';
        }
    }
    try {
        ::operator delete(::operator new(too_much()));
    } catch (const std::bad_alloc &) {
        std::cout << "no memory\n";
    }
    try {
        (void)std::any_cast<int>(std::any(1.5));
    } catch (const std::bad_any_cast &) {
        std::cout << "another type\n";
    }
}

static void texts()
{
    const std::string line = "2024-02-29 warn: disk 93% full; 2025-01-02 info: 7 files";
    const std::regex entry(R"((\d{4})-(\d\d)-(\d\d)\s+(\w+):\s*([^;]*))");
    for (std::sregex_iterator at(line.begin(), line.end(), entry), end; at != end; ++at)
        std::cout << (*at)[4] << '/' << (*at)[1] << '/' << (*at)[5] << '\n';
    std::cout << std::regex_replace(line, std::regex("[0-9]+"), "<$&>") << '\n';
    std::cout << std::regex_match("Abc", std::regex("aBC", std::regex::icase)) << '\n';
    try {
        std::regex broken("(");
    } catch (const std::regex_error &error) {
        std::cout << (error.code() == std::regex_constants::error_paren) << '\n';
    }
    struct dots : std::numpunct<char> {
        char do_thousands_sep() const override { return '.'; }
        char do_decimal_point() const override { return ','; }
        std::string do_grouping() const override { return "\3"; }
    };
    std::ostringstream out;
    out.imbue(std::locale(std::locale::classic(), new dots));
    out << 1234567 << ' ' << std::fixed << std::setprecision(2) << 9876.543 << ' ' << std::hex << std::showbase << 255;
    std::cout << out.str() << ' ' << std::locale().name() << '\n';
    std::tm date{};
    std::istringstream("2023-11-05 06:07:08") >> std::get_time(&date, "%Y-%m-%d %H:%M:%S");
    std::cout << std::put_time(&date, "%d.%m.%y %T") << '\n';
    double value = 0;
    const std::string number = "6.25e2x";
    auto parsed = std::from_chars(number.data(), number.data() + number.size(), value);
    char buffer[32];
    auto printed = std::to_chars(buffer, buffer + sizeof buffer, 0.1);
    std::cout << value << *parsed.ptr << ' ' << std::string(buffer, printed.ptr) << '\n';
    std::cout << std::stoll("-9223372036854775807") << ' ' << std::quoted("a \"b\"") << '\n';
    std::wstring wide = L"gr\u00fc\u00df";
    std::cout << wide.size() << ' ' << std::use_facet<std::ctype<char>>(std::locale()).toupper('q') << '\n';
}

static void values()
{
    std::variant<int, std::string> either = "text";
    std::optional<int> none;
    std::cout << std::visit([](const auto &value) { std::ostringstream out; out << value; return out.str(); }, either) << ' '
              << none.value_or(4) << '\n';
    char room[1024];
    std::pmr::monotonic_buffer_resource resource(room, sizeof room);
    std::pmr::vector<int> numbers(&resource);
    for (int i = 0; i < 20; i++)
        numbers.push_back(i);
    std::cout << (static_cast<void *>(numbers.data()) >= room && static_cast<void *>(numbers.data()) < room + sizeof room) << '\n';
    std::mt19937 generator(5489);
    generator.discard(9999);
    std::cout << generator() << ' ' << std::mt19937_64()() << '\n';
    using namespace std::chrono;
    std::cout << duration_cast<seconds>(hours(26)).count() << '\n';
}

static void files()
{
    const fs::path top = fs::temp_directory_path() / "cxx-more";
    fs::remove_all(top);
    fs::create_directories(top / "a" / "b");
    std::ofstream(top / "a" / "one") << "12345";
    fs::copy(top / "a", top / "c", fs::copy_options::recursive);
    fs::create_symlink("a", top / "link");
    fs::rename(top / "c" / "one", top / "c" / "two");
    fs::resize_file(top / "c" / "two", 3);
    fs::permissions(top / "c" / "two", fs::perms::owner_write, fs::perm_options::remove);
    fs::create_hard_link(top / "a" / "one", top / "hard");
    std::vector<std::string> names;
    for (const auto &entry : fs::recursive_directory_iterator(top))
        names.push_back(fs::relative(entry.path(), top).string());
    std::sort(names.begin(), names.end());
    for (const auto &name : names)
        std::cout << name << ' ';
    std::cout << fs::file_size(top / "c" / "two") << ' ' << fs::hard_link_count(top / "hard") << ' '
              << fs::equivalent(top / "hard", top / "a" / "one") << ' ' << fs::read_symlink(top / "link") << ' '
              << (fs::status(top / "c" / "two").permissions() == static_cast<fs::perms>(0444)) << '\n';
    std::error_code code;
    fs::remove(top / "a", code);
    std::cout << (code == std::errc::directory_not_empty) << ' ' << (fs::space(top).capacity > 0) << ' '
              << (fs::last_write_time(top) <= fs::file_time_type::clock::now()) << '\n';
    try {
        (void)fs::file_size(top / "none");
    } catch (const fs::filesystem_error &error) {
        std::cout << error.code().value() << ' ' << (error.path1() == top / "none") << '\n';
    }
    std::cout << fs::path("/x/./y/../z.tar.gz").lexically_normal() << ' ' << fs::remove_all(top) << '\n';
}

int main()
{
    thread_locals();
    futures();
    nested();
    texts();
    values();
    files();
    return 0;
}

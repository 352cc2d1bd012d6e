// SPDX-License-Identifier: MIT
// What the C++ run-time library needs of the system: exceptions through frames and DLLs, threads with
// winpthreads, condition variables, thread-local objects, TLS callbacks, setjmp, streams, locale, time.
#include <windows.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csetjmp>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <future>
#include <iostream>
#include <locale>
#include <map>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

// ---- exceptions ----

struct Guard {
    const char *name;
    ~Guard() { std::printf("  leaving %s\n", name); }
};

static int deep(int level)
{
    Guard guard{level % 2 ? "odd frame" : "even frame"};
    if (level == 0)
        throw std::out_of_range("the bottom");
    return deep(level - 1) + 1;
}

static void exceptions()
{
    try {
        deep(3);
    } catch (const std::exception &error) {
        std::printf("caught %s\n", error.what());
    }
    try {
        try {
            throw 42;
        } catch (...) {
            std::printf("again\n");
            throw;
        }
    } catch (int value) {
        std::printf("caught %d\n", value);
    }
    try {
        (void)std::vector<int>(3).at(7);
    } catch (const std::out_of_range &) {
        std::printf("caught out of range\n");
    }
    try {
        std::string(static_cast<size_t>(-1), 'x');
    } catch (const std::length_error &) {
        std::printf("caught length error\n");
    }
}

// ---- threads ----

thread_local int per_thread = 5;
struct Counted {
    static std::atomic<int> alive, made;
    Counted() { alive++, made++; }
    ~Counted() { alive--; }
};
std::atomic<int> Counted::alive{0}, Counted::made{0};
thread_local Counted counted;

static void threads()
{
    std::mutex mutex;
    std::condition_variable changed;
    int turn = 0, sum = 0;
    std::vector<std::thread> workers;
    for (int i = 0; i < 8; i++)
        workers.emplace_back([&, i] {
            (void)&counted;
            per_thread += i;
            std::unique_lock<std::mutex> lock(mutex);
            changed.wait(lock, [&] { return turn == i; });
            sum += per_thread;
            turn++;
            changed.notify_all();
        });
    for (auto &worker : workers)
        worker.join();
    std::printf("sum %d turn %d mine %d made %d alive %d\n", sum, turn, per_thread,
                Counted::made.load(), Counted::alive.load());
    auto future = std::async(std::launch::async, [] {
        throw std::runtime_error("in a thread");
        return 1;
    });
    try {
        future.get();
    } catch (const std::runtime_error &error) {
        std::printf("caught %s\n", error.what());
    }
    std::unique_lock<std::mutex> lock(mutex);
    auto begin = std::chrono::steady_clock::now();
    bool signalled = changed.wait_for(lock, std::chrono::milliseconds(50)) == std::cv_status::no_timeout;
    auto passed = std::chrono::steady_clock::now() - begin;
    std::printf("timed out %d, in time %d\n", !signalled, passed >= std::chrono::milliseconds(45));
}

// ---- TLS callbacks ----

static std::atomic<int> attached{0}, detached{0};
static void NTAPI on_thread(PVOID, DWORD reason, PVOID)
{
    attached += reason == DLL_THREAD_ATTACH;
    detached += reason == DLL_THREAD_DETACH;
}
extern "C" {
__attribute__((section(".CRT$XLF"), used)) PIMAGE_TLS_CALLBACK callback = on_thread;
}

static DWORD WINAPI give_three(LPVOID)
{
    return 3;
}

static void tls_callbacks()
{
    attached = detached = 0;
    HANDLE thread = CreateThread(nullptr, 0, give_three, nullptr, 0, nullptr);
    WaitForSingleObject(thread, INFINITE);
    DWORD code = 0;
    GetExitCodeThread(thread, &code);
    CloseHandle(thread);
    std::printf("thread gave %lu, attached %d, detached %d\n", code, attached.load(), detached.load());
}

// ---- the C library ----

static jmp_buf target;
static void jump(int value)
{
    if (value)
        longjmp(target, value);
}

static void library()
{
    int value = setjmp(target);
    if (value == 0)
        jump(9);
    std::printf("longjmp gave %d\n", value);
    std::ofstream("text.txt") << "line one\nline two\n" << 3.25 << '\n';
    std::ifstream in("text.txt");
    for (std::string line; std::getline(in, line);)
        std::cout << "read " << line << std::endl;
    in.close();
    std::remove("text.txt");
    std::ostringstream out;
    out << std::hex << 255 << ' ' << std::dec << 1e100 << ' ' << true;
    std::cout << out.str() << std::endl;
    std::time_t moment = 1000000000;
    char text[64];
    std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %j %a %B", std::gmtime(&moment));
    std::printf("%s\n", text);
    std::tm local = *std::localtime(&moment);
    std::printf("back %d\n", std::mktime(&local) == moment);
    std::printf("locale %s\n", std::locale().name().c_str());
    std::map<std::string, int> map{{"b", 2}, {"a", 1}};
    for (const auto &entry : map)
        std::printf("%s=%d ", entry.first.c_str(), entry.second);
    std::printf("\n%.3f %s\n", 2.0 / 3, std::to_string(1.5).c_str());
}

// ---- DLLs ----

static void dlls()
{
    HMODULE module = LoadLibraryA("parts.dll");
    std::printf("loaded %d\n", module != nullptr);
    if (!module)
        return;
    auto run = reinterpret_cast<int (*)(int (*)(int), int)>(
        reinterpret_cast<void *>(GetProcAddress(module, "run")));
    try {
        run([](int value) -> int { throw value * 2; }, 21);
    } catch (int value) {
        std::printf("caught %d through the DLL\n", value);
    }
    std::printf("%d\n", run([](int value) { return value + 1; }, 1));
    std::thread([] { std::printf("a thread while it is loaded\n"); }).join();
    FreeLibrary(module);
    std::printf("freed %d\n", GetModuleHandleA("parts.dll") == nullptr);
}

int main()
{
    exceptions();
    threads();
    tls_callbacks();
    library();
    std::fflush(stdout);
    dlls();
    std::set_terminate([] {
        std::printf("terminate\n");
        std::fflush(stdout);
        _exit(4);
    });
    throw 1;
}

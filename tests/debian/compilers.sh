# Compilers, linkers and make, and the programs that they make: threads, exceptions, shared libraries.
cd /root && rm -rf c && mkdir c && cd c || exit 1
cat >t.c <<'X'
#include <pthread.h>
#include <stdio.h>
static __thread int own = 5;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int count;
static void *work(void *argument)
{
    own += (int)(long)argument;
    for (int i = 0; i < 1000; i++) {
        pthread_mutex_lock(&mutex);
        count++;
        pthread_mutex_unlock(&mutex);
    }
    return (void *)(long)own;
}
int main(void)
{
    pthread_t threads[10];
    int sum = 0;
    for (long i = 0; i < 10; i++)
        pthread_create(&threads[i], 0, work, (void *)i);
    for (int i = 0; i < 10; i++) {
        void *result;
        pthread_join(threads[i], &result);
        sum += (int)(long)result;
    }
    printf("%d %d\n", count, sum);
    return 3;
}
X
gcc -O1 -Wall t.c -o t -pthread && ./t; echo $?
echo 'int printf(const char *, ...); int main(void) { printf("%s\n", __func__); return 4; }' >m.c
tcc m.c -o m && ./m; echo $?; tcc -run m.c; echo $?
cat >e.cc <<'X'
#include <iostream>
#include <stdexcept>
#include <vector>
struct A { ~A() { std::cout << "destroyed\n"; } };
static void fail() { A a; throw std::runtime_error("boom"); }
int main()
{
    try { fail(); } catch (std::exception &e) { std::cout << "caught " << e.what() << "\n"; }
    try { std::vector<int>(3).at(7); } catch (std::out_of_range &) { std::cout << "range\n"; }
}
X
g++ e.cc -o e && ./e; echo $?
echo 'int twice(int x) { return 2 * x; }' >l.c
echo '#include <dlfcn.h>
int main(void) { return ((int (*)(int))dlsym(dlopen("./l.so", RTLD_NOW), "twice"))(21); }' >d.c
printf 'all: d\n\t./d; echo $$?\nd: d.c l.so\n\tgcc $< -o $@\nl.so: l.c\n\tgcc -shared -fPIC $< -o $@\n' >Makefile
make -s -j2; make -q d; echo "up to date $?"
echo 'int main(void) { return *(volatile int *)0; }' >s.c; tcc s.c -o s; ./s 2>/dev/null; echo $?
cd /root; rm -rf c

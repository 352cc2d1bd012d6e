/* SPDX-License-Identifier: MIT */
/* Four threads take turns under a mutex and a condition, and compute in the FPU. Prints each turn. */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#define PLAYERS 4
#define ROUNDS  40

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn_changed = PTHREAD_COND_INITIALIZER;
static int turn;

static void *play(void *argument)
{
    int me = (int)(long)argument;
    double value = me + 0.5;
    for (int round = 0; round < ROUNDS; round++) {
        pthread_mutex_lock(&lock);
        while (turn % PLAYERS != me)
            pthread_cond_wait(&turn_changed, &lock);
        value = value * 1.25 + me;
        printf("round %d of %d: %.6f\n", round, me, value);
        fflush(stdout);
        turn++;
        pthread_cond_broadcast(&turn_changed);
        pthread_mutex_unlock(&lock);
        usleep(10000);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[PLAYERS];
    for (long i = 0; i < PLAYERS; i++)
        pthread_create(&threads[i], NULL, play, (void *)i);
    for (int i = 0; i < PLAYERS; i++)
        pthread_join(threads[i], NULL);
    puts("end");
    return 7;
}

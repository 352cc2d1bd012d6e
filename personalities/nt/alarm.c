/* SPDX-License-Identifier: MIT */
/* See alarm.h. */
#include <personalities/nt/alarm.h>

#include <atomik/startup.h>
#include <atomik/thread.h>

static struct list entries = {&entries, &entries};
static struct condition earlier;

static struct alarm *first(void)
{
    return list_empty(&entries) ? NULL : container_of(entries.next, struct alarm, link);
}

void alarm_stop(struct alarm *entry)
{
    if (entry->link.next)
        list_remove(&entry->link);
}

bool alarm_is_set(const struct alarm *entry)
{
    return entry->link.next && !list_empty(&entry->link);
}

void alarm_set(struct alarm *entry, uint64_t due)
{
    struct list *before = &entries;
    alarm_stop(entry);
    entry->due = due;
    list_each(other, &entries, struct alarm, link)
    {
        if (other->due <= due)
            continue;
        before = &other->link;
        break;
    }
    list_append(before, &entry->link); /* in front of `before` */
    if (first() == entry)
        condition_signal(&earlier);
}

static void alarm_thread(void *argument)
{
    (void)argument;
    nt_lock();
    for (;;) {
        struct alarm *entry = first();
        if (!entry) {
            condition_wait(&earlier, &nt_mutex);
        } else if (nt_time() < entry->due) {
            (void)!condition_wait_until(&earlier, &nt_mutex, nt_deadline_ns(entry->due));
        } else {
            alarm_stop(entry);
            entry->fire(entry);
        }
    }
}

void alarm_init(void)
{
    status_t status = thread_spawn(alarm_thread, NULL, 0, NULL);
    if (status != OK)
        process_fail("timer thread", status);
}

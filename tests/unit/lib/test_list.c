/* SPDX-License-Identifier: MIT */
/* The lists of lib/: order, removal while they are walked, removal twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <atomik/list.h>

struct item {
    int number;
    struct list link;
};

static void fill(struct list *head, struct item *items, int count)
{
    list_init(head);
    for (int i = 0; i < count; i++) {
        items[i].number = i;
        list_append(head, &items[i].link);
    }
}

/* The numbers of the items as the digits of a number; backwards they are the same. */
static int digits(const struct list *head)
{
    int forward = 0, backward = 0, place = 1;
    list_each(item, head, struct item, link) forward = forward * 10 + item->number;
    for (const struct list *at = head->previous; at != head; at = at->previous) {
        backward += container_of(at, const struct item, link)->number * place;
        place *= 10;
    }
    assert_int_equal(forward, backward);
    return forward;
}

static void items_stand_in_the_order_they_were_put(void **state)
{
    struct list head;
    struct item items[4], first = {.number = 7}, middle = {.number = 8};
    (void)state;
    fill(&head, items, 4);
    assert_int_equal(digits(&head), 123);
    list_prepend(&head, &first.link);
    list_append(&items[2].link, &middle.link);
    assert_int_equal(digits(&head), 701823);
}

static void an_empty_list_is_walked_not_at_all(void **state)
{
    static struct list head = LIST_INIT(head);
    (void)state;
    assert_true(list_empty(&head));
    list_each(item, &head, struct item, link) fail();
}

static void the_item_may_be_removed_on_the_way(void **state)
{
    struct list head;
    struct item items[6];
    (void)state;
    fill(&head, items, 6);
    list_each(item, &head, struct item, link)
    {
        if (item->number % 2 == 0)
            list_remove(&item->link);
    }
    assert_int_equal(digits(&head), 135);
    list_each(item, &head, struct item, link) list_remove(&item->link);
    assert_true(list_empty(&head));
}

static void removing_twice_is_harmless(void **state)
{
    struct list head;
    struct item items[3];
    (void)state;
    fill(&head, items, 3);
    list_remove(&items[1].link);
    list_remove(&items[1].link);
    assert_true(list_empty(&items[1].link));
    assert_int_equal(digits(&head), 2);
}

static void walks_nest(void **state)
{
    struct list outer, inner;
    struct item items[3], others[2];
    int pairs = 0;
    (void)state;
    fill(&outer, items, 3);
    fill(&inner, others, 2);
    list_each(item, &outer, struct item, link) list_each(other, &inner, struct item, link) pairs +=
        item->number * 10 + other->number;
    assert_int_equal(pairs, 2 * (0 + 10 + 20) + 3 * (0 + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_stand_in_the_order_they_were_put),
        cmocka_unit_test(an_empty_list_is_walked_not_at_all),
        cmocka_unit_test(the_item_may_be_removed_on_the_way),
        cmocka_unit_test(removing_twice_is_harmless),
        cmocka_unit_test(walks_nest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

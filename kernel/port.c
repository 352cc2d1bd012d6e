/* SPDX-License-Identifier: MIT */
/*
 * Ports: synchronous messages between processes.
 *
 * A call in progress is a struct call, which also holds the kernel's copy of the message. It
 * belongs to the calling thread and is reused by its next call. Its states:
 *
 *   IDLE -> QUEUED     in port->queue; the message's handles are locked in the caller's table
 *        -> RECEIVED   found by its token; the handles have moved to the receiver
 *        -> DONE       replied (or the port has died): the caller is on its way out of the block
 *
 * A caller that stops waiting (kick, deadline, kill) takes a QUEUED call back without a trace. A
 * RECEIVED one turns into the notice NOTICE_CANCELLED itself, and the thread gets a new struct call
 * when it next needs one: so a notice never needs memory. There are at most as many of these as
 * calls were received, since a receiver gets them in order with the calls that come later.
 *
 * A badge is an object of its own, so that its handles are counted; a call in progress counts as
 * one of them, so NOTICE_BADGE_CLOSED is always the last thing a receiver hears of a badge.
 *
 * user_read and user_write do not block: between two of them nothing here changes.
 */
#include <kernel/ipc.h>
#include <kernel/log.h>
#include <kernel/pager.h>

struct port {
    struct object object;
    struct list queue;     /* struct port_item.link */
    struct list receivers; /* struct thread.call_link: blocked in port_receive */
    struct list received;  /* struct call.port_link: received and not replied to */
    struct list badges;    /* struct badge.port_link */
    struct pager_group pagers;
    bool closed; /* the last handle with RIGHT_RECEIVE is gone */
};

struct badge {
    struct object object;
    struct port *port; /* held */
    uint32_t value;
    struct list port_link, hash_link;
    struct port_item closed; /* queued: holds a reference to the badge */
};

enum call_state { CALL_IDLE, CALL_QUEUED, CALL_RECEIVED, CALL_DONE };

struct call {
    struct port_item item;
    struct list token_link, port_link; /* while RECEIVED */
    struct thread *caller;
    struct port *port;
    uint32_t badge, token;
    enum call_state state;
    status_t result;                /* of a DONE call */
    bool kernel;                    /* the kernel's own call: the reply carries no handles */
    bool taken;                     /* the receiver has (had) the message and its handles */
    handle_t sent[MESSAGE_HANDLES]; /* the caller's values, while the message has the receiver's */
    struct message message;
};

#define HASH_SIZE 256
static struct list tokens[HASH_SIZE];          /* struct call.token_link */
static struct list badges_by_value[HASH_SIZE]; /* struct badge.hash_link */
static uint32_t last_token;

static const struct object_ops port_ops, badge_ops;

/* ---- small helpers ---- */

static struct list *hash_head(struct list *table, uint32_t key)
{
    struct list *head = &table[key % HASH_SIZE];

    if (!head->next)
        list_init(head);
    return head;
}

static struct list *badge_head(const struct port *port, uint32_t value)
{
    return hash_head(badges_by_value, value + port->object.id * 31);
}

static struct port *port_from_object(struct object *object)
{
    assert(object->ops == &port_ops);
    return list_entry(object, struct port, object);
}

static struct badge *badge_from_object(struct object *object)
{
    assert(object->ops == &badge_ops);
    return list_entry(object, struct badge, object);
}

bool port_is_receiver(const struct object *object)
{
    return object->ops == &port_ops;
}

/* What names an object to programs: for a badged handle the port, so that handles to one port compare. */
uint32_t port_identity(const struct object *object)
{
    if (object->type != OBJECT_PORT || object->ops != &badge_ops)
        return object->id;
    return list_entry(object, struct badge, object)->port->object.id;
}

uint32_t port_badge_of(const struct object *object)
{
    if (object->type != OBJECT_PORT || port_is_receiver(object))
        return 0;
    return list_entry(object, const struct badge, object)->value;
}

/* The first blocked receiver, if there is one, runs next and at the priority of who wants it. */
static void wake_receiver(struct port *port)
{
    struct list *first = list_first(&port->receivers);

    if (!first)
        return;
    struct thread *receiver = list_entry(first, struct thread, call_link);
    list_remove(first);
    thread_lend_priority(receiver, current->lent_priority);
    thread_wake(receiver, OK);
    thread_handoff(receiver);
}

static void queue_append(struct port *port, struct port_item *item, enum port_item_kind kind)
{
    item->kind = kind;
    list_append(&port->queue, &item->link);
    object_signal(&port->object, 0, SIGNAL_READABLE);
    wake_receiver(port);
}

static void queue_remove(struct port *port, struct port_item *item)
{
    list_remove(&item->link);
    if (list_empty(&port->queue))
        object_signal(&port->object, SIGNAL_READABLE, 0);
}

/* ---- handles in messages ---- */

static void unlock_handles(struct process *process, const handle_t *handles, uint32_t count)
{
    while (count--)
        handle_unlock(process, handles[count]);
}

/* Locks all or none. A handle that is named twice is already locked the second time. */
static status_t lock_handles(struct process *process, const handle_t *handles, uint32_t count)
{
    struct object *object;
    uint32_t rights;

    for (uint32_t i = 0; i < count; i++) {
        status_t status = handle_lock(process, handles[i], &object, &rights);
        if (status != OK) {
            unlock_handles(process, handles, i);
            return status;
        }
    }
    return OK;
}

static void close_handles(struct process *process, const handle_t *handles, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (handle_remove(process, handles[i]) != OK)
            panic("handle %x of a message vanished", handles[i]);
}

/*
 * Gives `to` handles for the objects of locked handles of `from`, which stay. handle_reserve was
 * called before, so this cannot fail.
 */
static void copy_handles(struct process *from, const handle_t *handles, uint32_t count,
                         struct process *to, handle_t *results)
{
    for (uint32_t i = 0; i < count; i++) {
        struct handle_entry entry = from->handles.entries[(handles[i] >> 2) - 1];
        assert(entry.object && entry.locked);
        if (handle_add(to, entry.object, entry.rights, &results[i]) != OK)
            panic("no room for a handle of a message");
    }
}

static void remove_locked_handles(struct process *process, const handle_t *handles, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        handle_unlock_remove(process, handles[i]);
}

void port_close_message_handles(const struct message_header *header)
{
    for (uint32_t i = 0; i < header->handle_count && i < MESSAGE_HANDLES; i++)
        if (handle_remove(current->process, header->handles[i]) != OK)
            continue; /* what is no handle needs no closing */
}

status_t message_read_header(struct message_header *header, user_t from)
{
    status_t status = user_read(header, from, sizeof *header);

    if (status != OK)
        return status;
    if (header->size > MESSAGE_BYTES || header->handle_count > MESSAGE_HANDLES)
        return ERR_TOO_LARGE;
    return OK;
}

static status_t read_message(struct message *message, user_t from)
{
    struct message_header header;
    status_t status = message_read_header(&header, from);

    if (status != OK)
        return status;
    __builtin_memcpy(message, &header, sizeof header);
    return user_read(message->data, (user_t){from.address + MESSAGE_HEADER}, message->size);
}

/* ---- the calling side ---- */

/* The current thread's struct call, made on first use. */
static struct call *call_get(void)
{
    struct call *call = current->call;

    if (!call) {
        call = heap_alloc(sizeof *call);
        if (!call)
            return NULL;
        list_init(&call->item.link);
        list_init(&call->token_link);
        list_init(&call->port_link);
        current->call = call;
    }
    assert(call->state == CALL_IDLE);
    call->caller = current;
    call->kernel = call->taken = false;
    return call;
}

void port_thread_end(struct thread *thread)
{
    struct call *call = thread->call;

    if (!call)
        return;
    assert(call->state == CALL_IDLE);
    heap_free(call);
    thread->call = NULL;
}

static void forget_token(struct call *call)
{
    list_remove(&call->token_link);
    list_remove(&call->port_link);
}

/* The call is over: its caller wakes up, and runs next. */
static void call_finish(struct call *call, status_t result)
{
    if (call->state == CALL_QUEUED) {
        queue_remove(call->port, &call->item);
        unlock_handles(call->caller->process, call->message.handles, call->message.handle_count);
    } else {
        forget_token(call);
    }
    call->state = CALL_DONE;
    call->result = result;
    thread_wake(call->caller, OK);
    thread_handoff(call->caller);
}

/* The caller stops waiting. */
static void call_cancel(struct call *call)
{
    struct port *port = call->port;

    if (call->state == CALL_QUEUED) {
        queue_remove(port, &call->item);
        unlock_handles(call->caller->process, call->message.handles, call->message.handle_count);
        call->state = CALL_IDLE;
        return;
    }
    assert(call->state == CALL_RECEIVED);
    forget_token(call);
    call->state = CALL_IDLE;
    call->caller->call = NULL;
    call->caller = NULL;
    queue_append(port, &call->item, ITEM_CANCELLED);
}

/*
 * Queues the current thread's call, whose message is complete and whose handles are locked, and
 * waits for its end. OK: the reply is in call->message. *taken: the receiver had the request.
 */
static status_t call_run(struct call *call, struct object *target, ktime_t deadline,
                         bool interruptible, bool *taken)
{
    bool direct = port_is_receiver(target);
    struct port *port = direct ? port_from_object(target) : badge_from_object(target)->port;

    handle_count(target, 0);
    call->port = port;
    call->badge = port_badge_of(target);
    call->state = CALL_QUEUED;
    queue_append(port, &call->item, ITEM_CALL);
    status_t status = thread_block(deadline, interruptible);
    *taken = call->taken;
    if (call->state == CALL_DONE) {
        /* The reply came first after all; the kick is for the next wait. */
        if (status == ERR_INTERRUPTED)
            thread_kick_thread(current);
        status = call->result;
        call->state = CALL_IDLE;
    } else {
        assert(status != OK);
        call_cancel(call);
    }
    handle_uncount(target, 0);
    return status;
}

static bool target_closed(struct object *target)
{
    return target->signals & SIGNAL_PEER_CLOSED;
}

status_t port_call(struct object *target, user_t user, ktime_t deadline, bool interruptible)
{
    if (target_closed(target))
        return ERR_PEER_CLOSED;
    struct call *call = call_get();
    if (!call)
        return ERR_NO_MEMORY;
    struct message *message = &call->message;
    bool taken = false;
    status_t status = read_message(message, user);
    if (status == OK)
        status = lock_handles(current->process, message->handles, message->handle_count);
    if (status == OK)
        status = call_run(call, target, deadline, interruptible, &taken);
    if (status != OK) {
        static const uint16_t none = 0;
        user_t count = {user.address + offsetof(struct message, handle_count)};
        if (taken && user_write(count, &none, sizeof none) != OK)
            return ERR_BAD_ADDRESS;
        return status;
    }
    status = user_write(user, message, MESSAGE_HEADER + message->size);
    if (status != OK)
        close_handles(current->process, message->handles, message->handle_count);
    return status;
}

status_t port_call_kernel(struct object *target, uint32_t label, const void *data, uint32_t size,
                          void *reply, uint32_t reply_size)
{
    assert(size <= MESSAGE_BYTES);
    if (target_closed(target))
        return ERR_PEER_CLOSED;
    struct call *call = call_get();
    if (!call)
        return ERR_NO_MEMORY;
    struct message *message = &call->message;
    call->kernel = true;
    message->label = label;
    message->size = (uint16_t)size;
    message->handle_count = 0;
    __builtin_memcpy(message->data, data, size);
    bool taken;
    status_t status = call_run(call, target, DEADLINE_NEVER, false, &taken);
    if (status != OK)
        return status;
    if (message->size < reply_size)
        return ERR_INVALID_ARGUMENT;
    __builtin_memcpy(reply, message->data, reply_size);
    return OK;
}

/* ---- the receiving side ---- */

static struct call *call_by_token(struct port *port, uint32_t token)
{
    struct list *head = hash_head(tokens, token), *item;

    list_for_each (item, head) {
        struct call *call = list_entry(item, struct call, token_link);
        if (call->token == token)
            return call->port == port ? call : NULL;
    }
    return NULL;
}

static uint32_t new_token(void)
{
    for (;;) {
        struct list *head = hash_head(tokens, ++last_token), *item;
        bool taken = last_token == 0;
        list_for_each (item, head)
            taken |= list_entry(item, struct call, token_link)->token == last_token;
        if (!taken)
            return last_token;
    }
}

/* Hands the first call of the queue to the current thread. On an error it stays where it is. */
static status_t deliver_call(struct call *call, user_t user)
{
    struct message *message = &call->message;
    struct process *from = call->caller->process, *to = current->process;
    uint32_t count = message->handle_count;

    __builtin_memcpy(call->sent, message->handles, sizeof call->sent);
    copy_handles(from, call->sent, count, to, message->handles);
    message->badge = call->badge;
    message->token = new_token();
    message->principal = from->privileges.principal;
    status_t status = user_write(user, message, MESSAGE_HEADER + message->size);
    if (status != OK) {
        close_handles(to, message->handles, count);
        __builtin_memcpy(message->handles, call->sent, sizeof call->sent);
        return status;
    }
    queue_remove(call->port, &call->item);
    call->token = message->token;
    call->state = CALL_RECEIVED;
    call->taken = true;
    list_append(hash_head(tokens, call->token), &call->token_link);
    list_append(&call->port->received, &call->port_link);
    remove_locked_handles(from, call->sent, count);
    thread_lend_priority(current, call->caller->lent_priority);
    return OK;
}

/* SHOULD_WAIT: who wanted the page has gone. An object with more to tell goes to the end of the queue. */
static status_t deliver_page(struct port *port, struct port_item *item, user_t user)
{
    struct {
        struct message_header header;
        struct page_notice page;
    } notice = {.header = {.label = NOTICE_PAGE, .size = sizeof notice.page}};
    bool any = pager_notice(item, &notice.header.badge, &notice.page);
    queue_remove(port, item);
    if (pager_has_notice(item))
        queue_append(port, item, ITEM_PAGER);
    return any ? user_write(user, &notice, sizeof notice) : ERR_SHOULD_WAIT;
}

static status_t deliver_notice(struct port_item *item, user_t user)
{
    struct {
        struct message_header header;
        uint32_t token;
    } notice = {0};
    struct call *call = list_entry(item, struct call, item);
    struct badge *badge = list_entry(item, struct badge, closed);

    if (item->kind == ITEM_CANCELLED) {
        notice.header.label = NOTICE_CANCELLED;
        notice.header.badge = call->badge;
        notice.header.size = sizeof call->token;
        notice.token = call->token;
    } else {
        notice.header.label = NOTICE_BADGE_CLOSED;
        notice.header.badge = badge->value;
    }
    return user_write(user, &notice, MESSAGE_HEADER + notice.header.size);
}

/* A notice is out of the queue and of no further use. */
static void free_notice(struct port_item *item)
{
    if (item->kind == ITEM_CANCELLED)
        heap_free(list_entry(item, struct call, item));
    else if (item->kind == ITEM_BADGE_CLOSED)
        object_release(&list_entry(item, struct badge, closed)->object);
}

struct pager_group *port_pagers(struct object *object)
{
    return &port_from_object(object)->pagers;
}

void port_notify(struct object *object, struct port_item *item)
{
    if (list_empty(&item->link))
        queue_append(port_from_object(object), item, ITEM_PAGER);
}

void port_unnotify(struct object *object, struct port_item *item)
{
    if (!list_empty(&item->link))
        queue_remove(port_from_object(object), item);
}

/* SHOULD_WAIT: the queue's first item was no use to anyone; look again. */
static status_t take_first(struct port *port, user_t user)
{
    struct port_item *item = list_entry(list_first(&port->queue), struct port_item, link);

    if (item->kind == ITEM_CALL) {
        struct call *call = list_entry(item, struct call, item);
        status_t status = handle_reserve(current->process, call->message.handle_count);
        if (status != OK) {
            /* The sender's problem, or any client could stop the receiver for good. */
            call_finish(call, ERR_NO_HANDLES);
            return ERR_SHOULD_WAIT;
        }
        return deliver_call(call, user);
    }
    if (item->kind == ITEM_PAGER)
        return deliver_page(port, item, user);
    status_t status = deliver_notice(item, user);
    if (status == OK) {
        queue_remove(port, item);
        free_notice(item);
    }
    return status;
}

static status_t receive(struct port *port, user_t user, ktime_t deadline)
{
    for (;;) {
        if (!list_empty(&port->queue)) {
            status_t status = take_first(port, user);
            if (status == ERR_SHOULD_WAIT)
                continue;
            return status;
        }
        if (port->closed)
            return ERR_PEER_CLOSED;
        list_append(&port->receivers, &current->call_link);
        status_t status = thread_block(deadline, true);
        list_remove(&current->call_link);
        if (status != OK)
            return status;
    }
}

status_t port_receive(struct object *object, user_t user, ktime_t deadline)
{
    struct port *port = port_from_object(object);

    object_hold(object);
    thread_lend_priority(current, 0);
    status_t status = receive(port, user, deadline);
    /* Whoever was woken for an item and did not take it passes the word on. */
    if (!list_empty(&port->queue))
        wake_receiver(port);
    object_release(object);
    return status;
}

/* The replier's handles are locked; the call takes the message or fails with NO_HANDLES. */
static status_t reply_deliver(struct call *call, const struct message_header *header, user_t user)
{
    struct message *message = &call->message;
    struct process *to = call->caller->process;

    if (handle_reserve(to, header->handle_count) != OK) {
        call_finish(call, ERR_NO_HANDLES);
        return ERR_NO_HANDLES;
    }
    status_t status =
        user_read(message->data, (user_t){user.address + MESSAGE_HEADER}, header->size);
    if (status != OK)
        return status;
    __builtin_memcpy(message, header, sizeof *header);
    message->badge = message->token = message->principal = 0;
    copy_handles(current->process, header->handles, header->handle_count, to, message->handles);
    remove_locked_handles(current->process, header->handles, header->handle_count);
    thread_lend_priority(current, 0);
    call_finish(call, OK);
    return OK;
}

status_t port_reply(struct object *object, uint32_t token, const struct message_header *header,
                    user_t user)
{
    struct call *call = call_by_token(port_from_object(object), token);
    if (!call)
        return ERR_CANCELLED;
    if (call->kernel && header->handle_count)
        return ERR_INVALID_ARGUMENT;
    status_t status = lock_handles(current->process, header->handles, header->handle_count);
    if (status != OK)
        return status;
    status = reply_deliver(call, header, user);
    if (status != OK)
        unlock_handles(current->process, header->handles, header->handle_count);
    return status;
}

/* ---- objects ---- */

static void port_destroy(struct object *object)
{
    struct port *port = port_from_object(object);

    assert(list_empty(&port->queue) && list_empty(&port->received) && list_empty(&port->badges));
    heap_free(port);
}

/* Nobody can receive any more: every caller gets PEER_CLOSED, and notices have no reader. */
static void port_last_receiver(struct object *object)
{
    struct port *port = port_from_object(object);
    struct list *link;

    port->closed = true;
    pager_group_gone(&port->pagers);
    object_signal(object, 0, SIGNAL_PEER_CLOSED);
    list_for_each (link, &port->badges)
        object_signal(&list_entry(link, struct badge, port_link)->object, 0, SIGNAL_PEER_CLOSED);
    while ((link = list_first(&port->queue))) {
        struct port_item *item = list_entry(link, struct port_item, link);
        if (item->kind == ITEM_CALL) {
            call_finish(list_entry(item, struct call, item), ERR_PEER_CLOSED);
        } else {
            queue_remove(port, item);
            free_notice(item);
        }
    }
    while ((link = list_first(&port->received)))
        call_finish(list_entry(link, struct call, port_link), ERR_PEER_CLOSED);
    while (list_first(&port->receivers))
        wake_receiver(port);
}

static const struct object_ops port_ops = {
    .name = "port",
    .destroy = port_destroy,
    .last_receiver = port_last_receiver,
};

status_t port_new(struct process *owner, struct object **result)
{
    status_t status = object_new(sizeof(struct port), &port_ops, OBJECT_PORT, owner, result);

    if (status != OK)
        return status;
    struct port *port = port_from_object(*result);
    list_init(&port->queue);
    list_init(&port->receivers);
    list_init(&port->received);
    list_init(&port->badges);
    list_init(&port->pagers.pagers);
    return OK;
}

static void badge_destroy(struct object *object)
{
    struct badge *badge = badge_from_object(object);
    struct port *port = badge->port;

    list_remove(&badge->hash_link);
    list_remove(&badge->port_link);
    heap_free(badge);
    object_release(&port->object);
}

static void badge_last_handle(struct object *object)
{
    struct badge *badge = badge_from_object(object);

    if (badge->port->closed)
        return;
    object_hold(object);
    queue_append(badge->port, &badge->closed, ITEM_BADGE_CLOSED);
}

static const struct object_ops badge_ops = {
    .name = "badge",
    .destroy = badge_destroy,
    .last_handle = badge_last_handle,
};

static bool badge_in_use(struct port *port, uint32_t value)
{
    struct list *item, *head = badge_head(port, value);

    list_for_each (item, head) {
        struct badge *badge = list_entry(item, struct badge, hash_link);
        if (badge->port == port && badge->value == value)
            return true;
    }
    return false;
}

status_t port_new_badge(struct object *object, uint32_t value, struct process *owner,
                        struct object **result)
{
    struct port *port = port_from_object(object);

    if (badge_in_use(port, value))
        return ERR_ALREADY_EXISTS;
    status_t status = object_new(sizeof(struct badge), &badge_ops, OBJECT_PORT, owner, result);
    if (status != OK)
        return status;
    struct badge *badge = badge_from_object(*result);
    object_hold(object);
    badge->port = port;
    badge->value = value;
    list_append(&port->badges, &badge->port_link);
    list_append(badge_head(port, value), &badge->hash_link);
    return OK;
}

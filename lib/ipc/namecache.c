/* SPDX-License-Identifier: MIT */
/*
 * See namecache.h. Two tables of sets with a few entries each, of answers that hold a node and of the
 * others; a new answer takes the place of one that is no longer right, else of the one that was added
 * first. Entries that hold nodes are few, and each new one looks through one more set for nodes of files
 * that may have been removed. The other table grows while right answers have to make room, up to a part
 * of memory: a program that goes through a large tree again and again finds all of it.
 */
#include <ipc/namecache.h>

#include <stdlib.h>
#include <string.h>

#include <atomik/syscall.h>
#include <atomik/thread.h>
#include <ipc/call.h>

#define WAYS         4
#define STAT_SETS    256 /* at first */
#define SET_PAGES    16  /* of the machine's memory for each at most */
#define OPEN_SETS    32
#define DEVICES_MAX  8
#define HELD_CLASSES 256
#define CREDIT_MOST  256
#define CREDIT_USED  4 /* for each that is used */
#define CREDIT_TRIES 2 /* for each listing without: now and then one with is tried again */

struct entry {
    uint32_t hash; /* 0: free */
    uint32_t device, root_device, op, flags, uid, gid;
    bool power;
    uint64_t ino, root_ino;
    uint32_t walk, links, change;
    uint16_t length, place_count;
    bool own_place;
    bool listed; /* nobody has asked for it so far */
    uint16_t places[FS_PLACES_MAX];
    handle_t node;
    struct fs_claim *claim; /* held, or NULL */
    struct fs_attr attr;
    char path[FS_PATH_CACHED];
    char rest[FS_PATH_CACHED]; /* ABSOLUTE; else unused */
};

struct set {
    struct entry ways[WAYS];
    uint32_t next; /* the way that was filled first */
};

/* changes NULL: this file system's names are not remembered. */
struct device {
    uint32_t device;
    const volatile struct fs_changes *changes;
};

static struct mutex lock;
static struct set first_sets[STAT_SETS], open_sets[OPEN_SETS];
static struct set *stat_sets = first_sets;
static uint32_t stat_count = STAT_SETS,
                pushed_out;             /* of the latter: right answers, since it has that size */
static uint64_t held[OPEN_SETS * WAYS]; /* inode numbers of the nodes in open_sets, or 0 */
static uint8_t held_like[HELD_CLASSES]; /* how many of them have that remainder */
static struct device devices[DEVICES_MAX];
static uint32_t device_count, sweep_at;
/* What a listing with attributes is worth: entries cost something, the use of one pays for some. */
static int32_t credit = CREDIT_MOST;

bool namecache_takes(uint32_t op, uint32_t flags)
{
    const uint32_t stat_flags = FS_O_NOFOLLOW | FS_O_NOCASE, open_flags = stat_flags | FS_O_READ;
    if (op == FS_OP_STAT)
        return (flags & ~stat_flags) == 0;
    return op == FS_OP_OPEN && (flags & ~open_flags) == 0 && (flags & FS_O_READ) != 0;
}

/* ---- devices; lock held ---------------------------------------------------------------------- */

static struct device *device_find(uint32_t device)
{
    for (uint32_t i = 0; i < device_count; i++)
        if (devices[i].device == device)
            return &devices[i];
    return NULL;
}

/* Maps the page of the file system that `directory` belongs to. NULL: it has none. No lock. */
static const volatile struct fs_changes *map_changes(handle_t directory)
{
    struct ipc ipc;
    ipc_begin(&ipc, LABEL_fs_changes, NULL, 0);
    ipc.flags = CALL_UNINTERRUPTIBLE;
    handle_t vmo;
    if (ipc_call_for_handle(&ipc, directory, NULL, 0, &vmo) != OK)
        return NULL;
    struct map_request map = {
        .vmo = vmo, .length = FS_CHANGES_SIZE, .prot = PROT_R, .flags = MAP_FLAG_SHARED};
    status_t status = space_map(HANDLE_SELF, &map);
    handle_drop(&vmo);
    return status == OK ? (const volatile struct fs_changes *)(uintptr_t)map.address : NULL;
}

/* More file systems than there is room for are asked every time. */
static struct device *device_get(uint32_t device, handle_t directory)
{
    struct device *found = device_find(device);
    if (found != NULL)
        return found;
    mutex_unlock(&lock);
    const volatile struct fs_changes *changes = map_changes(directory);
    mutex_lock(&lock);
    found = device_find(device); /* another thread may have been here: its page is as good */
    if (found == NULL && device_count < DEVICES_MAX) {
        devices[device_count] = (struct device){device, changes};
        return &devices[device_count++];
    }
    if (changes != NULL && space_unmap(HANDLE_SELF, (uintptr_t)changes, FS_CHANGES_SIZE) != OK)
        return NULL;
    return found;
}

/* ---- entries; lock held ---------------------------------------------------------------------- */

/* A path's hash goes on from that of its beginning. */
static uint32_t hash_text(uint32_t hash, const char *text, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++)
        hash = (hash ^ (uint8_t)text[i]) * 16777619u;
    return hash;
}

static uint32_t hash_with(const struct name_key *key, uint32_t text)
{
    uint32_t hash = text + (uint32_t)key->ino * 31 + key->op * 7 + key->flags + key->uid * 17;
    hash ^= hash >> 15;
    return hash != 0 ? hash : 1;
}

static uint32_t hash_of(const struct name_key *key)
{
    return hash_with(key, hash_text(0, key->path, key->length));
}

static struct set *set_of(bool holds, uint32_t hash)
{
    return holds ? &open_sets[hash % OPEN_SETS] : &stat_sets[hash % stat_count];
}

static const volatile struct fs_changes *changes_of(uint32_t number)
{
    const struct device *device = device_find(number);
    return device != NULL && device->changes != NULL && device->changes->valid ? device->changes
                                                                               : NULL;
}

static bool are_unchanged(const struct entry *entry, uint32_t count)
{
    const volatile struct fs_changes *changes = changes_of(entry->device);
    if (changes == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (changes->last[entry->places[i]] > entry->change)
            return false;
    return true;
}

static bool is_current(const struct entry *entry)
{
    return are_unchanged(entry, entry->place_count) &&
           (entry->claim == NULL || !claim_is_withdrawn(entry->claim));
}

static bool is_of(const struct entry *entry, uint32_t hash, const struct name_key *key)
{
    return entry->hash == hash && entry->length == key->length && entry->ino == key->ino &&
           entry->device == key->device && entry->op == key->op && entry->flags == key->flags &&
           entry->uid == key->uid && entry->gid == key->gid && entry->power == key->power &&
           entry->root_ino == key->root_ino && entry->root_device == key->root_device &&
           memcmp(entry->path, key->path, key->length) == 0;
}

/* The number in `held` of an entry that has a node. */
static uint64_t *held_of(const struct entry *entry)
{
    uint32_t set = (uint32_t)((uintptr_t)entry - (uintptr_t)open_sets) / sizeof(struct set);
    return &held[set * WAYS + (uint32_t)(entry - open_sets[set].ways)];
}

static void drop(struct entry *entry)
{
    entry->hash = 0;
    if (entry->node == HANDLE_NONE)
        return;
    held_like[*held_of(entry) % HELD_CLASSES]--;
    *held_of(entry) = 0;
    handle_drop(&entry->node);
    if (entry->claim != NULL)
        claim_release(entry->claim);
    entry->claim = NULL;
}

static struct entry *find(struct set *set, uint32_t hash, const struct name_key *key)
{
    for (uint32_t i = 0; i < WAYS; i++)
        if (is_of(&set->ways[i], hash, key))
            return &set->ways[i];
    return NULL;
}

static struct entry *find_any(uint32_t hash, const struct name_key *key)
{
    struct entry *entry = key->op == FS_OP_OPEN ? find(set_of(true, hash), hash, key) : NULL;
    return entry != NULL ? entry : find(set_of(false, hash), hash, key);
}

/* A place for a new entry, which is free afterwards. */
static struct entry *make_room(struct set *set)
{
    for (uint32_t i = 0; i < WAYS; i++) {
        struct entry *entry = &set->ways[i];
        if (entry->hash == 0 || !is_current(entry)) {
            drop(entry);
            return entry;
        }
    }
    struct entry *oldest = &set->ways[set->next];
    set->next = (set->next + 1) % WAYS;
    pushed_out += oldest->node == HANDLE_NONE;
    drop(oldest);
    return oldest;
}

static void move_sets(struct set *to, uint32_t count)
{
    for (uint32_t i = 0; i < stat_count * WAYS; i++) {
        const struct entry *entry = &stat_sets[i / WAYS].ways[i % WAYS];
        if (entry->hash != 0 && is_current(entry))
            *make_room(&to[entry->hash % count]) = *entry;
    }
}

/* Twice as large, when right answers were pushed out of a quarter of its sets. No entry may be in use. */
static void grow_if_short(void)
{
    struct system_info info;
    uint32_t count = stat_count * 2;
    if (pushed_out < stat_count / 4)
        return;
    pushed_out = 0;
    if (system_info(&info) != OK || count > info.total_pages / SET_PAGES)
        return;
    struct set *grown = calloc(count, sizeof *grown);
    if (grown == NULL)
        return;
    move_sets(grown, count);
    if (stat_sets != first_sets)
        free(stat_sets);
    stat_sets = grown;
    stat_count = count;
    pushed_out = 0;
}

static void sweep(struct set *set)
{
    for (uint32_t i = 0; i < WAYS; i++)
        if (set->ways[i].hash != 0 && !is_current(&set->ways[i]))
            drop(&set->ways[i]);
}

/* ---- the interface --------------------------------------------------------------------------- */

/* The answer of an entry; false if there is no handle for it. */
static bool give(const struct entry *entry, struct name_answer *answer)
{
    answer->walk = entry->walk;
    answer->links = entry->links;
    answer->node = HANDLE_NONE;
    answer->claim = NULL;
    if (entry->walk == FS_WALK_ABSOLUTE)
        memcpy(answer->rest, entry->rest, sizeof answer->rest);
    if (entry->walk == FS_WALK_DONE)
        answer->attr = entry->attr;
    if (entry->node == HANDLE_NONE)
        return true;
    if (entry->claim != NULL && !claim_use(entry->claim))
        return false;
    answer->node = handle_copy(entry->node);
    answer->claim = entry->claim;
    if (answer->node == HANDLE_NONE && answer->claim != NULL)
        claim_end(answer->claim);
    return answer->node != HANDLE_NONE;
}

/* An entry that is right. */
static struct entry *find_current(const struct name_key *key, uint32_t text)
{
    uint32_t hash = hash_with(key, text);
    struct entry *entry = find_any(hash, key);
    if (entry == NULL || is_current(entry))
        return entry;
    drop(entry);
    return NULL;
}

static void use_listed(struct entry *entry)
{
    if (!entry->listed)
        return;
    entry->listed = false;
    credit = credit + CREDIT_USED < CREDIT_MOST ? credit + CREDIT_USED : CREDIT_MOST;
}

/* The directory that a path leads to, through a link at its end or not. */
static const struct entry *find_directory(struct name_key *key, uint32_t text)
{
    key->flags = 0;
    const struct entry *entry = find_current(key, text);
    if (entry == NULL) {
        key->flags = FS_O_NOFOLLOW;
        entry = find_current(key, text);
    }
    return entry != NULL && entry->walk == FS_WALK_DONE &&
                   (entry->attr.mode & FS_TYPE_MASK) == FS_TYPE_DIRECTORY
               ? entry
               : NULL;
}

/* What is no link is the same whether one would be followed or not. */
static struct entry *find_entry(struct name_key *key, uint32_t text)
{
    struct entry *entry = find_current(key, text);
    if (entry != NULL || (key->flags & FS_O_NOFOLLOW))
        return entry;
    key->flags |= FS_O_NOFOLLOW;
    entry = find_current(key, text);
    return entry != NULL && (entry->attr.mode & FS_TYPE_MASK) != FS_TYPE_LINK ? entry : NULL;
}

static void fill(struct entry *entry, uint32_t hash, const struct name_key *key,
                 const struct fs_path_reply *reply)
{
    entry->hash = hash;
    entry->device = key->device;
    entry->root_device = key->root_device;
    entry->op = key->op;
    entry->flags = key->flags;
    entry->uid = key->uid;
    entry->gid = key->gid;
    entry->power = key->power;
    entry->ino = key->ino;
    entry->root_ino = key->root_ino;
    entry->walk = reply->walk;
    entry->links = reply->links_followed;
    entry->change = reply->change;
    entry->length = (uint16_t)key->length;
    entry->place_count = reply->place_count;
    entry->own_place = reply->own_place != 0;
    entry->listed = false;
    memcpy(entry->places, reply->places, sizeof entry->places);
    entry->attr = reply->attr;
    memcpy(entry->path, key->path, key->length);
}

/*
 * A directory's entry under its whole path as well, for the paths that go on from there. All of it was right
 * when the count was `now`.
 */
static struct entry *promote(const struct name_key *key, const struct entry *directory,
                             const struct entry *entry, uint32_t now)
{
    struct fs_path_reply reply = {.walk = FS_WALK_DONE,
                                  .links_followed = directory->links,
                                  .change = now,
                                  .own_place = entry->own_place,
                                  .attr = entry->attr};
    uint32_t count = directory->place_count + entry->place_count;
    if (count > FS_PLACES_MAX)
        return NULL;
    reply.place_count = (uint16_t)count;
    memcpy(reply.places, directory->places, directory->place_count * sizeof(uint16_t));
    memcpy(reply.places + directory->place_count, entry->places,
           entry->place_count * sizeof(uint16_t));
    uint32_t hash = hash_of(key);
    struct entry *place = make_room(set_of(false, hash));
    fill(place, hash, key, &reply);
    return place;
}

/* The last component of a path as a key of its own, which begins at *end; the rest is left to `above`. */
static bool split(const struct name_key *key, struct name_key *above, struct name_key *below)
{
    uint32_t end = key->length;
    while (end > 0 && key->path[end - 1] != '/')
        end--;
    *above = *below = *key;
    below->path += end;
    below->length -= end;
    while (end > 0 && key->path[end - 1] == '/')
        end--;
    above->length = end;
    return key->op == FS_OP_STAT && !(key->flags & ~(uint32_t)FS_O_NOFOLLOW) && below->length > 0 &&
           end > 0;
}

/* By what is remembered of the directory and, of a name in it, by the directory itself: as listings tell it. */
static struct entry *find_listed(const struct name_key *key, uint32_t *links)
{
    struct name_key above, below;
    const volatile struct fs_changes *changes = changes_of(key->device);
    if (changes == NULL || !split(key, &above, &below))
        return NULL;
    uint32_t now = changes->now, text = hash_text(0, above.path, above.length);
    const struct entry *directory = find_directory(&above, text);
    if (directory == NULL || directory->attr.device != key->device)
        return NULL;
    below.ino = directory->attr.ino;
    struct entry *entry = find_entry(&below, hash_text(0, below.path, below.length));
    if (entry == NULL || entry->walk != FS_WALK_DONE)
        return NULL;
    use_listed(entry);
    *links = directory->links;
    if ((entry->attr.mode & FS_TYPE_MASK) != FS_TYPE_DIRECTORY)
        return entry;
    struct entry *promoted = promote(key, directory, entry, now);
    *links = promoted != NULL ? 0 : *links;
    return promoted != NULL ? promoted : entry;
}

bool namecache_find(const struct name_key *key, struct name_answer *answer)
{
    if (key->length >= FS_PATH_CACHED)
        return false;
    uint32_t links = 0, text = hash_text(0, key->path, key->length);
    mutex_lock(&lock);
    struct entry *entry = find_current(key, text);
    if (entry != NULL)
        use_listed(entry);
    else
        entry = find_listed(key, &links);
    bool found = entry != NULL && give(entry, answer);
    if (found)
        answer->links += links;
    mutex_unlock(&lock);
    return found;
}

bool namecache_exists(const struct name_key *key)
{
    if (key->length >= FS_PATH_CACHED)
        return false;
    uint32_t hash = hash_of(key);
    mutex_lock(&lock);
    const struct entry *entry = find_any(hash, key);
    bool exists = entry != NULL && entry->walk == FS_WALK_DONE &&
                  are_unchanged(entry, entry->place_count - (entry->own_place ? 1u : 0));
    mutex_unlock(&lock);
    return exists;
}

bool namecache_now(uint32_t device, uint32_t *change)
{
    mutex_lock(&lock);
    const volatile struct fs_changes *changes = changes_of(device);
    if (changes != NULL)
        *change = changes->now;
    mutex_unlock(&lock);
    return changes != NULL;
}

bool namecache_unchanged(uint64_t ino, uint32_t device, uint32_t change)
{
    mutex_lock(&lock);
    const volatile struct fs_changes *changes = changes_of(device);
    bool unchanged = changes != NULL && fs_unchanged(changes, ino, change);
    mutex_unlock(&lock);
    return unchanged;
}

static bool worth_it(const struct name_key *key, const struct fs_path_reply *reply,
                     uint32_t tail_length)
{
    if (reply->place_count == 0 || reply->place_count > FS_PLACES_MAX ||
        key->length >= FS_PATH_CACHED || reply->walk == FS_WALK_MOUNT)
        return false;
    for (uint32_t i = 0; i < reply->place_count; i++)
        if (reply->places[i] >= FS_CHANGES_WORDS)
            return false;
    if (reply->walk == FS_WALK_ABSOLUTE)
        return tail_length < FS_PATH_CACHED;
    return reply->walk == FS_WALK_ABSENT || key->op != FS_OP_OPEN ||
           (reply->attr.mode & FS_TYPE_MASK) == FS_TYPE_FILE;
}

void namecache_add(const struct name_key *key, handle_t directory,
                   const struct fs_path_reply *reply, const void *tail, uint32_t tail_length,
                   handle_t node, struct fs_claim *claim)
{
    bool holds = key->op == FS_OP_OPEN && reply->walk == FS_WALK_DONE;
    if (!worth_it(key, reply, tail_length) ||
        (holds && (key->flags & FS_O_DENY_WRITE) && claim == NULL))
        return;
    uint32_t hash = hash_of(key);
    handle_t copy = holds ? handle_copy(node) : HANDLE_NONE;
    if (holds && copy == HANDLE_NONE)
        return;
    mutex_lock(&lock);
    grow_if_short();
    struct device *device = device_get(key->device, directory);
    struct entry *old = find_any(hash, key);
    if (old != NULL && !is_current(old)) {
        drop(old);
        old = NULL;
    }
    if (device != NULL && device->changes != NULL && old == NULL) {
        struct entry *entry = make_room(set_of(holds, hash));
        fill(entry, hash, key, reply);
        if (holds) {
            *held_of(entry) = reply->attr.ino;
            held_like[reply->attr.ino % HELD_CLASSES]++;
            entry->claim = claim;
            if (claim != NULL)
                claim_hold(claim);
        }
        entry->node = copy;
        copy = HANDLE_NONE;
        if (reply->walk == FS_WALK_ABSOLUTE) {
            memcpy(entry->rest, tail, tail_length);
            entry->rest[tail_length] = '\0';
        }
        if (holds)
            sweep(&open_sets[sweep_at++ % OPEN_SETS]);
    }
    mutex_unlock(&lock);
    handle_drop(&copy);
}

void namecache_add_above(const struct name_key *key, handle_t directory,
                         const struct fs_path_reply *reply, const void *tail, uint32_t tail_length)
{
    struct name_key as_stat = *key, above, below;
    struct fs_path_reply own = *reply;
    as_stat.op = FS_OP_STAT;
    as_stat.flags = 0;
    if (reply->walk != FS_WALK_DONE || !reply->own_place || reply->place_count < 2 ||
        tail_length != sizeof own.attr || !split(&as_stat, &above, &below))
        return;
    own.place_count--;
    own.own_place = 0;
    memcpy(&own.attr, tail, sizeof own.attr);
    namecache_add(&above, directory, &own, NULL, 0, HANDLE_NONE, NULL);
}

const volatile struct fs_changes *namecache_changes(uint32_t device, handle_t directory)
{
    mutex_lock(&lock);
    struct device *found = device_get(device, directory);
    mutex_unlock(&lock);
    return found != NULL ? found->changes : NULL;
}

static void add_listed(struct name_key *key, const struct device *device,
                       const struct fs_listing *listing, const struct fs_dirent *entry,
                       const struct fs_dirent_attr *attr)
{
    struct fs_path_reply reply = {
        .walk = FS_WALK_DONE,
        .change = listing->change,
        .place_count = 2,
        .places = {(uint16_t)fs_changes_place(key->ino), (uint16_t)fs_changes_place(entry->ino)}};
    reply.own_place = reply.places[0] != reply.places[1];
    reply.attr = (struct fs_attr){.ino = entry->ino,
                                  .size = attr->size,
                                  .blocks = attr->blocks,
                                  .atime = attr->atime,
                                  .mtime = attr->mtime,
                                  .ctime = attr->ctime,
                                  .btime = attr->btime,
                                  .mode = attr->mode,
                                  .nlink = attr->nlink,
                                  .uid = attr->uid,
                                  .gid = attr->gid,
                                  .rdev = attr->rdev,
                                  .generation = attr->generation,
                                  .device = device->device,
                                  .mount = listing->mount};
    key->path = entry->name;
    key->length = entry->name_length;
    uint32_t hash = hash_of(key);
    struct entry *place = find_any(hash, key);
    credit--; /* also for what was known: then the next listing may as well do without */
    if (place != NULL && is_current(place))
        return;
    place = place != NULL ? place : make_room(set_of(false, hash));
    fill(place, hash, key, &reply);
    place->listed = true;
}

void namecache_add_entries(struct name_key key, handle_t directory,
                           const struct fs_listing *listing)
{
    const struct fs_dirent_attr *attr;
    const struct fs_dirent *entry;
    uint32_t at = 0;
    key.op = FS_OP_STAT;
    key.flags = FS_O_NOFOLLOW;
    mutex_lock(&lock);
    grow_if_short();
    const struct device *device = device_get(key.device, directory);
    while (device != NULL && device->changes != NULL &&
           (entry = fs_listing_next(listing, &at, &attr)) != NULL)
        if (attr != NULL && attr->mode != 0 && entry->name_length < FS_PATH_CACHED)
            add_listed(&key, device, listing, entry, attr);
    mutex_unlock(&lock);
}

bool namecache_wants_entries(void)
{
    mutex_lock(&lock);
    bool wants = credit > 0;
    if (!wants)
        credit += CREDIT_TRIES;
    mutex_unlock(&lock);
    return wants;
}

void namecache_forget(uint64_t ino, uint32_t device)
{
    mutex_lock(&lock);
    for (uint32_t i = 0; i < OPEN_SETS * WAYS && held_like[ino % HELD_CLASSES] > 0; i++) {
        if (held[i] != ino)
            continue;
        struct entry *entry = &open_sets[i / WAYS].ways[i % WAYS];
        if (entry->attr.device == device)
            drop(entry);
    }
    mutex_unlock(&lock);
}

void namecache_forget_device(uint32_t device)
{
    mutex_lock(&lock);
    for (uint32_t i = 0; i < OPEN_SETS * WAYS; i++) {
        struct entry *entry = &open_sets[i / WAYS].ways[i % WAYS];
        if (held[i] != 0 && entry->attr.device == device)
            drop(entry);
    }
    mutex_unlock(&lock);
}

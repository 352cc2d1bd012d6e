/* SPDX-License-Identifier: MIT */
/* What programs are told about the processor: there is one, in a core, a package, a node and a group of its own. */
#include <personalities/nt/answer.h>

#include <string.h>

#define THE_ONE       1u /* its affinity mask */
#define FIRST_CPU_SET 0x100u

NTSTATUS processor_check_affinity(struct call *call, bool others_allowed)
{
    uint32_t mask;
    NTSTATUS status = call->args[3] == sizeof mask ? guest_read(&mask, call->args[2], sizeof mask)
                                                   : STATUS_INFO_LENGTH_MISMATCH;
    if (status)
        return status;
    return (mask & THE_ONE) && (mask == THE_ONE || others_allowed) ? STATUS_SUCCESS
                                                                   : STATUS_INVALID_PARAMETER;
}

NTSTATUS system_logical_processors(const struct answer *answer)
{
    SYSTEM_LOGICAL_PROCESSOR_INFORMATION info[3];
    static const uint32_t relations[] = {RelationProcessorCore, RelationProcessorPackage,
                                         RelationNumaNode};
    memset(info, 0, sizeof info);
    for (uint32_t i = 0; i < sizeof info / sizeof info[0]; i++) {
        info[i].ProcessorMask = THE_ONE;
        info[i].Relationship = relations[i];
    }
    return give(answer, info, sizeof info);
}

#define RECORD_SIZE(member)                                      \
    (offsetof(SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX, member) + \
     sizeof(((SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX *)0)->member))

/* The record of a relation; its size is 0 if there is none of that. */
static void fill_relation(uint32_t relation, SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX *record)
{
    memset(record, 0, sizeof *record);
    record->Relationship = relation;
    switch (relation) {
    case RelationProcessorCore:
    case RelationProcessorPackage:
        record->Size = RECORD_SIZE(Processor);
        record->Processor.GroupCount = 1;
        record->Processor.GroupMask[0].Mask = THE_ONE;
        break;
    case RelationNumaNode:
        record->Size = RECORD_SIZE(NumaNode);
        record->NumaNode.GroupMask.Mask = THE_ONE;
        break;
    case RelationGroup:
        record->Size = RECORD_SIZE(Group);
        record->Group.MaximumGroupCount = record->Group.ActiveGroupCount = 1;
        record->Group.GroupInfo[0].MaximumProcessorCount = 1;
        record->Group.GroupInfo[0].ActiveProcessorCount = 1;
        record->Group.GroupInfo[0].ActiveProcessorMask = THE_ONE;
        break;
    }
}

/* (class, query, its length, buffer, its length, *returned) */
static NTSTATUS relations(struct call *call)
{
    SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX record;
    uint8_t records[4 * sizeof record];
    uint32_t wanted, used = 0;
    struct answer answer = {call->args[3], call->args[4], call->args[5]};
    if (!call->args[1] || call->args[2] < sizeof wanted)
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = guest_read(&wanted, call->args[1], sizeof wanted);
    if (status)
        return status;
    for (uint32_t relation = RelationProcessorCore; relation <= RelationGroup; relation++) {
        fill_relation(relation, &record);
        if (wanted != relation && wanted != RelationAll)
            continue;
        memcpy(records + used, &record, record.Size);
        used += record.Size;
    }
    return give(&answer, records, used);
}

/* For a process, or for none in particular. */
static NTSTATUS cpu_sets(struct call *call)
{
    static const SYSTEM_CPU_SET_INFORMATION the_one = {
        .Size = sizeof the_one, .Type = CpuSetInformation, .CpuSet = {.Id = FIRST_CPU_SET}};
    struct nt_process *process = NULL;
    uint32_t handle;
    if (!call->args[1] || call->args[2] != sizeof handle)
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = guest_read(&handle, call->args[1], sizeof handle);
    if (!status && handle)
        status =
            process_from_handle(call->thread, handle, PROCESS_QUERY_LIMITED_INFORMATION, &process);
    if (status)
        return status;
    if (process)
        object_release(&process->object);
    if (call->args[4] < sizeof the_one)
        return guest_return32(call->args[5], sizeof the_one) ? STATUS_ACCESS_VIOLATION
                                                             : STATUS_BUFFER_TOO_SMALL;
    status = guest_write(call->args[3], &the_one, sizeof the_one);
    return status ? status : guest_return32(call->args[5], sizeof the_one);
}

NTSTATUS nt_query_system_information_ex(struct call *call)
{
    switch (call->args[0]) {
    case SystemLogicalProcessorInformationEx:
        return relations(call);
    case SystemCpuSetInformation:
        return cpu_sets(call);
    }
    return STATUS_NOT_IMPLEMENTED;
}

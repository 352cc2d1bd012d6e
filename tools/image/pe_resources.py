# SPDX-License-Identifier: MIT
"""The resources of a PE32 file: what the programs of this directory share."""

import struct

RESOURCE_DIRECTORY = 2
SUBDIRECTORY = NAMED = 0x80000000


class Image:
    """A PE32 file in memory."""

    def __init__(self, data):
        self.data = data
        header, = struct.unpack_from("<I", data, 0x3C)
        count, = struct.unpack_from("<H", data, header + 6)
        optional_size, = struct.unpack_from("<H", data, header + 20)
        optional = header + 24
        self.resources, _ = struct.unpack_from("<II", data, optional + 96 + 8 * RESOURCE_DIRECTORY)
        table = optional + optional_size
        self.sections = [struct.unpack_from("<IIII", data, table + 40 * i + 8) for i in range(count)]

    def offset(self, address):
        for size, start, raw_size, raw in self.sections:
            if start <= address < start + max(size, raw_size):
                return raw + address - start
        raise ValueError(f"no section holds {address:#x}")

    def type_name(self, base, identity):
        if not identity & NAMED:
            return identity
        at = base + (identity & ~NAMED)
        length, = struct.unpack_from("<H", self.data, at)
        return self.data[at + 2:at + 2 + 2 * length].decode("utf-16-le")

    def entries(self, directory):
        named, numbered = struct.unpack_from("<HH", self.data, directory + 12)
        return [struct.unpack_from("<II", self.data, directory + 16 + 8 * i)
                for i in range(named + numbered)]

    def leaves(self, base, directory):
        """Where the data below a directory lie in the file: (start, size)."""
        for _, target in self.entries(directory):
            if target & SUBDIRECTORY:
                yield from self.leaves(base, base + (target & ~SUBDIRECTORY))
            else:
                address, size = struct.unpack_from("<II", self.data, base + target)
                yield self.offset(address), size

    def resources_of(self, types):
        """Where the resources of these types (numbers or names) lie in the file: (start, size)."""
        if not self.resources:
            return
        base = self.offset(self.resources)
        for identity, target in self.entries(base):
            if self.type_name(base, identity) in types and target & SUBDIRECTORY:
                yield from self.leaves(base, base + (target & ~SUBDIRECTORY))

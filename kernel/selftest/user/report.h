/* SPDX-License-Identifier: MIT */
/* How the test program tells the kernel its result: in its exit code. */
#ifndef KERNEL_SELFTEST_USER_REPORT_H
#define KERNEL_SELFTEST_USER_REPORT_H

#define REPORT_COMPLETE        0x40000000u /* not set by any crash */
#define REPORT(passed, failed) (REPORT_COMPLETE | (passed) << 12 | (failed))
#define REPORT_PASSED(report)  ((report) >> 12 & 0xfff)
#define REPORT_FAILED(report)  ((report)&0xfff)

#endif

/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Error numbers that are the same on all of Linux's architectures that we build for. */
#ifndef SENSOR_ERRNO_H
#define SENSOR_ERRNO_H

#define ENOENT 2
#define EFAULT 14
#define EEXIST 17
#define EINVAL 22
#define EAFNOSUPPORT 97
#define EISCONN 106
#define EALREADY 114
#define EINPROGRESS 115
#define ERESTARTSYS 512
#define EIOCBQUEUED 529

#endif

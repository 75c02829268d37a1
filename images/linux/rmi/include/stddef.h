/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/* What cca_abi.h needs of it: offsetof. */
#include <linux/stddef.h>

/* SPDX-License-Identifier: MIT */
/*
 * deeds.h - the deeds of calls.c that go wrong.
 */
#ifndef DEEDS_H
#define DEEDS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern struct node *leak_list;
extern void *leak_inside;

void crash(void);
void crash_in_thread(void);
void overflow(void);
void overflow_in_thread(void);
void own_handler(void);
void own_signal(void);
void allocating_handler(void);
void double_free(void);
void foreign_free(void);
void realloc_freed(void);
void leaks(void);

#endif /* DEEDS_H */

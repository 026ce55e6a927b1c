/* SPDX-License-Identifier: MIT
 *
 * wait.pml - sleeping and waking (ORD-2, ORD-9), for Spin: three threads and a
 * reserve of two, which a fourth one gives to. Each thread takes, sleeps while
 * there is nothing, and gives back. There is no clock here: a wake-up that is
 * lost leaves its thread asleep for ever, which Spin reports as an invalid end
 * state. `make model` runs it.
 *
 * Names are those of element_reserve.hpp and wait_queue_parts.hpp. What the
 * store does is one step: relacy looks into that (tests/relacy). The threads
 * also stand for signal handlers: wake() never waits, so an interrupted holder
 * is one that takes no step for a while.
 *
 * Spin knows no weak memory. -DNO_BARRIER lets each load that a fence stands
 * before happen earlier than the store that stands before the fence. Then a
 * wake-up must get lost.
 *
 * The lab's lesson "missing-barrier" shows such a run, and tests/compile/lab_model.sh
 * has it played here: LESSON(n, who, what, value) says whether access n of the lesson
 * to `level` or `waiting` is this one, of LESSON_STEPS. Before its turn no access is
 * made. A run of all of them, after which nobody can do anything more and a wake-up
 * is lost, fails the assertion.
 */

#ifndef THREADS
#define THREADS 3
#define ELEMENTS 2
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif

byte level = 0;       /* entries in the store */
byte waiting = 0;     /* count_ */
bool queued[THREADS]; /* the list; who is oldest does not matter here */
bool woken[THREADS];  /* waiter::state_ */
bool locked = false;
bool pending = false;

#ifdef LESSON
#define WRITES_LEVEL 0
#define WRITES_WAITING 1
#define READS_LEVEL 2
#define READS_WAITING 3
byte steps = 0;
/* More than the lesson has may happen after it; then its end was not the end. */
#define turn_of(what, value) (steps >= LESSON_STEPS || LESSON(steps, _pid, what, value))
#define count_step steps++
#else
#define turn_of(what, value) true
#define count_step skip
#endif

/* Taking a lock and what is done under it first are one step: in between nobody
 * else could do more than fail to take it, which he may before as well. */

/* The loop of settle(). Its fence stands before the look at pending. */
inline settle()
{
	do
	:: !pending -> break
	:: else ->
		atomic { if :: !locked -> locked = true :: else -> break fi };
		pending = false;
		available = level;
		atomic {
			who = 0;
			do
			:: who < THREADS ->
				if
				:: queued[who] && available > 0 ->
					queued[who] = false;
					waiting--;
					available--;
					woken[who] = true
				:: else -> skip
				fi;
				who++
			:: else -> break
			od;
			who = 0;
			available = 0
		};
#ifdef NO_BARRIER
		if
		:: early = pending; locked = false; if :: !early -> break :: else -> skip fi
		:: locked = false
		fi;
		early = false
#else
		locked = false
#endif
	od
}

inline unlock()
{
#ifdef NO_BARRIER
	if
	:: early = pending; locked = false; if :: early -> settle() :: else -> skip fi
	:: locked = false; settle()
	fi;
	early = false
#else
	locked = false;
	settle()
#endif
}

inline wake()
{
#ifdef NO_BARRIER
	if
	:: early = locked; pending = true; if :: !early -> settle() :: else -> skip fi
	:: pending = true; settle()
	fi;
	early = false
#else
	pending = true;
	settle()
#endif
}

inline look_for_waiters()
{
	atomic { turn_of(READS_WAITING, waiting) -> count_step; seen = waiting }
}

inline look_for_elements()
{
	atomic { turn_of(READS_LEVEL, level) -> count_step; seen = level }
}

inline put(n)
{
	atomic { turn_of(WRITES_LEVEL, level + n) -> count_step; level = level + n }
}

inline wake_served()
{
	if
	:: atomic { waiting > 0 && turn_of(READS_WAITING, waiting) -> count_step }; wake()
	:: atomic { waiting == 0 && turn_of(READS_WAITING, 0) -> count_step }
	fi
}

inline give(n)
{
#ifdef NO_BARRIER
	if
	:: look_for_waiters(); put(n); if :: seen > 0 -> wake() :: else -> skip fi
	:: put(n); wake_served()
	fi;
	seen = 0
#else
	put(n);
	wake_served()
#endif
}

inline enqueue()
{
	atomic {
		!locked && turn_of(WRITES_WAITING, waiting + 1) -> count_step;
		locked = true;
		woken[me] = false;
		queued[me] = true;
		waiting++
	};
	unlock()
}

inline cancel()
{
	atomic { !locked -> locked = true; if :: queued[me] -> queued[me] = false; waiting-- :: else -> skip fi };
	unlock()
}

/* sleeper::sleep() */
inline sleep()
{
#ifdef NO_BARRIER
	if
	:: look_for_elements(); enqueue()
	:: enqueue(); look_for_elements()
	fi;
#else
	enqueue();
	look_for_elements();
#endif
	if
	:: seen > 0 -> cancel()
	:: else ->
		if :: slept -> wake_served() :: else -> skip fi;
		woken[me]
	fi;
	slept = true;
	seen = 0
}

proctype taker(byte me)
{
	byte round = 0, available = 0, who = 0, seen = 0;
	bool slept = false, early = false;

	do
	:: round < ROUNDS ->
		do
		:: atomic { level > 0 -> level-- }; break
		:: level == 0 -> sleep()
		od;
		/* The sleeper's destructor. */
		if :: slept -> wake_served() :: else -> skip fi;
		slept = false;
		give(1);
		round++
	:: else -> break
	od
}

proctype giver()
{
	byte available = 0, who = 0, seen = 0;
	bool early = false;

	give(ELEMENTS)
}

init
{
	byte n = 0;

	atomic {
		do
		:: n < THREADS -> run taker(n); n++
		:: else -> break
		od;
		run giver()
	};
#ifdef LESSON
	timeout -> assert(!(steps == LESSON_STEPS && level > 0 && waiting > 0))
#else
	_nr_pr == 1;
	assert(level == ELEMENTS && waiting == 0 && !locked)
#endif
}

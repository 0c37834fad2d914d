/* Joining a gate and eviction.
 *
 * Property: a gating consumer is handed nothing that was written over, whether it joins, is evicted while it copies, or joins
 *   again; an eviction hits only the owner it was meant for; the publisher is never stuck
 * BUG_NO_E2: the consumer does not look at its entry after the copy
 * BUG_LOOK_FIRST: the consumer looks at the intent before it enters its gate, not behind
 * BUG_NO_GENERATION: who evicts compares the state alone and not the generation
 *
 * A consumer joins, reads, leaves, and joins as another owner of the entry; the publisher evicts it when it is in the way, and
 * somebody outside does at any time. Sequential consistency only: the orders of the accesses are for `tests/model`.
 */
#define SLOTS 3
#define LAST 6
#define OWNERS 3

mtype = { joining, gating, evicted };

byte payload[SLOTS];    /* the number of the event that these bytes are of */
byte published;         /* [W2] events that can be seen */
byte intent;
mtype state = joining;
byte generation;
byte gate;
bool meant[OWNERS + 2]; /* somebody has decided to evict the owner of this generation */
bool over;              /* the consumer has gone */

/* `change_state`, to evicted */
inline evict(seen) {                          /* [E1] */
  atomic {
    if
#ifdef BUG_NO_GENERATION
    :: state == gating -> state = evicted
#else
    :: state == gating && generation == seen -> state = evicted
#endif
    :: else -> skip
    fi
  }
}

active proctype Publisher() {
  byte position, smallest, limit, seen;
  bool moved;
  do
  :: position == LAST -> break
  :: position < LAST ->                       /* `refill` */
    atomic {                                  /* [W3] by the gates of the last look; never decreases */
      limit = (position + 1 > smallest + SLOTS -> smallest + SLOTS : position + 1);
      if
      :: limit > intent -> intent = limit
      :: else -> skip
      fi
    };
    atomic {                                  /* [W4], [G2] */
      moved = (state == gating -> gate > smallest : position > smallest);
      smallest = (state == gating -> gate : position);
      seen = generation;
      limit = (intent > smallest + SLOTS -> smallest + SLOTS : intent)
    };
    if
    :: position + 1 <= limit ->
      payload[position % SLOTS] = position + 1;
      atomic { position++; published = position }
    :: position + 1 > limit && moved -> skip
    :: position + 1 > limit && !moved ->      /* full: the budget decides */
      if
      :: state != gating || gate > smallest   /* it has moved, or left */
      :: atomic { state == gating && generation == seen -> meant[seen] = true };
        evict(seen)
      fi
    fi
  od
}

/* `evict_consumer` */
active proctype Outside() {
  byte seen;
  if
  :: atomic { state == gating -> seen = generation; meant[seen] = true };
    evict(seen)
  :: over
  fi
}

active proctype Consumer() {
  byte at, copy, mine;
  do
  :: mine == OWNERS || at >= LAST -> break
  :: mine < OWNERS && at < LAST ->            /* another owner, or the same one joins again */
    atomic { mine++; generation = mine; state = joining };
join:
#ifdef BUG_LOOK_FIRST
    if
    :: intent > at + SLOTS -> atomic { at = published; goto join }
    :: else -> skip
    fi;
    gate = at;
    state = gating;
#else
    gate = at;
    state = gating;                           /* [J1] */
    if
    :: intent > at + SLOTS -> atomic { at = published; goto join }   /* [J2], [J3] */
    :: else -> skip
    fi;
#endif
    do
    :: at < published ->                      /* [R1] */
      copy = payload[at % SLOTS];             /* [R2] */
#ifndef BUG_NO_E2
      if                                      /* [R3], [E2] */
      :: !(state == gating && generation == mine) -> goto told
      :: else -> skip
      fi;
#endif
      atomic { assert(copy == at + 1); at++ };
      gate = at                               /* [G1] */
    :: at == published && !(state == gating && generation == mine) -> goto told
    :: at >= LAST -> break
    :: state = joining; break                 /* `leave` */
    od;
    goto next;
told:
    assert(meant[mine]);                      /* `rejoin` */
next: skip
  od;
  atomic { state = joining; over = true }
}

/* Take-over and standby.
 *
 * Property: one publisher at a time; its successor goes on with the next number, whatever it died of; a lossy reader is
 *   handed nothing that a dead publisher was about to write over
 * BUG_NO_LEASE: a standby does not wait until the publisher's lease is free
 * BUG_NO_W1: the next record's sequence word is not zeroed before an event is committed
 * BUG_ONE_ANCHOR: there is one anchor, and it is written over
 * BUG_INTENT: a successor lets the intent begin at its own position, below where it was
 *
 * Two publishers, of whom one stands by for the other, die at any step and stand by again. A record is one slot; a claim may
 * be larger than what is committed, and writes over all of it. The place of event n is position n - 1.
 */
#define SLOTS 4
#define LAST 6
#define DEATHS 2
#define NONE 255
#define NONSENSE 254

byte word[SLOTS];            /* the sequence word of the record in this slot */
byte payload[SLOTS];         /* the number of the event that these bytes are of */
byte lease;                  /* who holds the file `lease`; 0: nobody */
byte intent;
byte anchor[2];              /* positions; the sequence follows */
byte published;              /* newest event that anybody could see */
byte deaths;

#define DIE if :: skip :: deaths < DEATHS -> goto died fi

proctype Publisher(byte me) {
  byte position, next, claimed;
stand_by:
#ifndef BUG_NO_LEASE
  atomic { lease == 0 -> lease = me };        /* `take_lease`: the kernel decides, no time-out */
#endif
  DIE;                                        /* `RINGBOLT_STEP(lease_taken)` */
  atomic {                                    /* `find_stream_end` from the newest valid anchor [A2] */
    position = NONE;
    next = 1;
    if
    :: anchor[0] == NONE -> next = 0
    :: anchor[1] == NONE -> next = 1
    :: else -> next = (anchor[0] > anchor[1] -> 1 : 0)
    fi;
    position = (next == 0 -> anchor[1] : anchor[0]);
    assert(position != NONE)
  };
  do
  :: word[position % SLOTS] == position + 1 -> position++
  :: word[position % SLOTS] == 0 -> break
  :: else -> assert(false)                    /* the ring is damaged */
  od;
  DIE;                                        /* `RINGBOLT_STEP(end_found)` */
#ifdef BUG_INTENT
  intent = position;
#endif
  DIE;                                        /* `RINGBOLT_STEP(taken_over)` */
  do
  :: published == LAST -> break
  :: published < LAST ->
#ifdef BUG_ONE_ANCHOR
    next = 0;
#endif
    anchor[next] = NONE;                      /* [A1] */
    DIE;                                      /* `RINGBOLT_STEP(anchor_invalidated)` */
    atomic { anchor[next] = position; next = 1 - next };
    DIE;                                      /* `RINGBOLT_STEP(anchored)` */
    if
    :: claimed = 1
    :: claimed = 2
    fi;
    atomic {                                  /* [W3] never decreases */
      if
      :: position + claimed + 1 > intent -> intent = position + claimed + 1
      :: else -> skip
      fi
    };
    DIE;                                      /* `RINGBOLT_STEP(intent_raised)` */
    payload[position % SLOTS] = NONSENSE;
    if
    :: claimed == 2 ->
      atomic { word[(position + 1) % SLOTS] = NONSENSE; payload[(position + 1) % SLOTS] = NONSENSE };
      DIE
    :: else -> skip
    fi;
    payload[position % SLOTS] = position + 1;
    DIE;                                      /* `RINGBOLT_STEP(claimed)` */
#ifndef BUG_NO_W1
    word[(position + 1) % SLOTS] = 0;         /* [W1] */
#endif
    DIE;                                      /* `RINGBOLT_STEP(zeroed_next)` */
    atomic {
      word[position % SLOTS] = position + 1;  /* [W2] */
      position++;
      assert(published + 1 == position);      /* no number twice, none left out */
      published = position
    };
    DIE                                       /* `RINGBOLT_STEP(committed)` */
  od;
  atomic {
    if
    :: lease == me -> lease = 0
    :: else -> skip
    fi;
    goto end_of_publisher
  };
died:
  atomic {                                    /* the kernel gives the lease away */
    deaths++;
    if
    :: lease == me -> lease = 0
    :: else -> skip
    fi;
    position = 0;
    claimed = 0
  };
  goto stand_by;
end_of_publisher: skip
}

active proctype Lossy() {
  byte at, copy;
  do
  :: at >= LAST -> break
  :: at < LAST ->
    if
    :: word[at % SLOTS] == at + 1 ->          /* [R1] */
      copy = payload[at % SLOTS];             /* [R2] */
      if
      :: intent > at + SLOTS -> goto lost     /* [R3], [R4] */
      :: else -> skip
      fi;
      atomic { assert(copy == at + 1); at++ }
    :: intent > at + SLOTS ->                 /* [R4] */
lost: atomic { at = (published > at + 1 -> published - 1 : at + 1) }
    fi
  od
}

init {
  atomic {
    anchor[1] = NONE;                         /* `start_stream`: the first anchor is there, the second is not */
    run Publisher(1);
    run Publisher(2)
  }
}

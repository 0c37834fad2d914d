/* A registry entry and death.
 *
 * Property: the publisher takes no gate from a consumer that lives and every gate from one that is dead; a name keeps its
 *   cursor; an entry has one owner
 * BUG_NO_LOCK: the publisher reclaims an entry whose owner it has seen dead without taking its byte
 * BUG_NO_SECOND_LOOK: who takes a byte does not look again whether the entry is still what it wanted
 *
 * A consumer without name and one with a name attach, commit, leave and die at any step, and attach again, while the
 * publisher reclaims. The kernel drops a byte at a death. In square brackets stand labels of the code, in backquotes words
 * of it.
 */
#define ENTRIES 2
#define LIVES 2
#define PUBLISHER 3
#define NOBODY 0

mtype = { free, joining, gating, away };

typedef Entry {
  mtype state = free;
  byte generation;
  byte lock;      /* who holds the byte of this entry in the file `locks` */
  bool named;
  byte cursor;    /* [F1] */
}
Entry entry[ENTRIES];
byte committed;   /* by the name, in all its lives */
byte over;        /* consumers that will not come again */

/* `try_lock_byte`: never waits. */
inline try_lock(i, who, held) {
  atomic {
    if
    :: entry[i].lock == NOBODY -> entry[i].lock = who; held = true
    :: else -> held = false
    fi
  }
}

#define WANTED(i, round) (round == 0 -> entry[i].state == free : !entry[i].named)
#define DIE if :: skip :: lives > 1 -> goto died fi

proctype Consumer(byte me; bool named) {
  byte i, round, generation;
  byte lives = LIVES;
  bool held;
attach:
  round = 0;
  i = 0;
  if
  :: named ->                        /* `find(name)`, under the lock of that name */
    do
    :: i < ENTRIES && !(entry[i].state != free && entry[i].named) -> i++
    :: i < ENTRIES && entry[i].state != free && entry[i].named ->
      try_lock(i, me, held);
      if
      :: held -> goto own
      :: else -> skip                /* the publisher holds it for a moment */
      fi
    :: i == ENTRIES -> break
    od;
    assert(committed == 0);          /* a name is found as long as it has a cursor */
    i = 0
  :: else -> skip
  fi;
  do                                 /* `take_entry`: what is free, then what the dead left without a name */
  :: i == ENTRIES && round == 1 -> goto attach
  :: i == ENTRIES && round == 0 -> atomic { round = 1; i = 0 }
  :: i < ENTRIES ->
    if
    :: !WANTED(i, round) -> i++
    :: WANTED(i, round) ->
      try_lock(i, me, held);
      if
      :: !held -> i++
      :: held ->
        DIE;
#ifndef BUG_NO_SECOND_LOOK
        if
        :: !WANTED(i, round) ->
          atomic { entry[i].lock = NOBODY; i++ };
          goto next
        :: else -> skip
        fi;
#endif
        atomic { entry[i].generation++; entry[i].state = free };   /* `set_free` */
        DIE;
        atomic { entry[i].named = false; entry[i].cursor = 0 };    /* `wipe` */
        break
      fi
    fi;
next: skip
  od;
own:
  assert(!named || committed == 0 || entry[i].cursor == committed);
  DIE;
  entry[i].named = named;            /* `write_owner`: before the entry becomes somebody's */
  DIE;
  atomic {
    entry[i].generation++;
    generation = entry[i].generation;
    entry[i].state = joining
  };
  DIE;
  entry[i].state = gating;           /* [J1] */
  if                                 /* it is told that it gates from here on */
  :: named && committed < 2 ->
    assert(entry[i].state == gating && entry[i].generation == generation && entry[i].lock == me);
    atomic { entry[i].cursor++; committed = entry[i].cursor }      /* [F1] */
  :: skip
  fi;
  assert(entry[i].state == gating && entry[i].generation == generation && entry[i].lock == me);
  DIE;
  assert(entry[i].state == gating && entry[i].generation == generation && entry[i].lock == me);
  entry[i].state = (named -> away : free);                         /* `leave` */
  DIE;
  entry[i].lock = NOBODY;            /* `let_go` */
  goto again;
died:                                /* the kernel drops the byte */
  atomic {
    if
    :: i < ENTRIES && entry[i].lock == me -> entry[i].lock = NOBODY
    :: else -> skip
    fi
  };
again:
  atomic {
    lives--;
    i = 0;
    if
    :: lives > 0 -> goto attach
    :: else -> over++
    fi
  }
}

/* `reclaim_if_dead`, for one entry after the other; once more when nobody comes any more. */
active proctype Publisher() {
  byte i, generation;
  mtype state;
  bool held, last;
  do
  :: !last ->
    last = (over == 2);
    i = 0;
    do
    :: i == ENTRIES -> break
    :: i < ENTRIES ->
      if
      :: entry[i].state == gating && entry[i].lock == NOBODY ->    /* [G2], `owner_lives` */
#ifndef BUG_NO_LOCK
        try_lock(i, PUBLISHER, held);
        if
        :: !held -> goto next
        :: else -> skip
        fi;
#endif
        atomic { state = entry[i].state; generation = entry[i].generation };
        atomic {                     /* `change_state` */
          if
          :: state == gating && entry[i].state == state && entry[i].generation == generation ->
            entry[i].state = (entry[i].named -> away : free)
          :: else -> skip
          fi
        };
#ifndef BUG_NO_LOCK
        entry[i].lock = NOBODY
#endif
      :: else -> skip
      fi;
next: i++
    od
  :: last -> break
  od;
  for (i : 0 .. ENTRIES - 1) {
    assert(entry[i].state != gating && entry[i].lock == NOBODY)
  }
}

init {
  atomic {
    run Consumer(1, false);
    run Consumer(2, true)
  }
}

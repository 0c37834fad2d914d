/* Segments that roll and are removed while they are read.
 *
 * Property: who holds a segment reads it to its end, also when it is removed; whoever reads gets every event or is told the
 *   gap; a name misses nothing, though it dies and resumes
 * BUG_TRUNCATE: a segment is emptied before its name is taken away
 * BUG_HANDED_OUT: retention waits for what a name was handed out, not for what it committed
 * BUG_NO_RELIST: a segment that is gone when it is opened is taken for the journal's end
 *
 * The journal writes segments of two events, and keeps the last of them and what the name needs.
 */
#define PER_SEGMENT 2
#define SEGMENTS 4
#define LAST 6
#define KEEP 1
#define DEATHS 1
#define NAME 0
#define STRANGER 1
#define NONE 255

bool there[SEGMENTS];      /* it has a name in the directory */
bool emptied[SEGMENTS];
byte oldest;               /* segment that is there */
byte written;              /* events before this one are there to be read: `written_sequence` */
byte handed_out, committed;
byte deaths;

active proctype Journal() {
  byte needed;
  do
  :: written == LAST -> break
  :: written < LAST ->
    if
    :: written % PER_SEGMENT == 0 -> there[written / PER_SEGMENT] = true   /* `begin_segment` */
    :: else -> skip
    fi;
    written++;
    /* `remove_old_segments` */
#ifdef BUG_HANDED_OUT
    needed = handed_out;
#else
    needed = committed;                                                    /* `oldest_unread` */
#endif
    do
    :: (written - 1) / PER_SEGMENT + 1 - oldest > KEEP && (oldest + 1) * PER_SEGMENT <= needed ->
#ifdef BUG_TRUNCATE
      emptied[oldest] = true;
#endif
      there[oldest] = false;                                               /* `remove_one` */
      oldest++
    :: else -> break
    od
  od
}

proctype Reader(byte who) {
  byte at, expected, front;
  byte held = NONE;
  do
  :: at == LAST -> break
  :: at < LAST ->
    if
    :: who == NAME && at > committed -> committed = at                     /* [F1] */
    :: who == NAME && deaths < DEATHS ->
      atomic { deaths++; at = committed; expected = at; held = NONE }
    :: held == NONE && written > at ->                                     /* `enter` */
      front = oldest;                                                      /* `refresh` */
      if
      :: at < front * PER_SEGMENT ->
        atomic {
          assert(who == STRANGER);
          at = front * PER_SEGMENT;                                        /* `gap = Gap{reported ? wanted : gap.first, segments.front() - 1, false}` */
          expected = at
        }
      :: else -> skip
      fi;
      if
      :: there[at / PER_SEGMENT] -> held = at / PER_SEGMENT
      :: else ->
#ifdef BUG_NO_RELIST
        at = written
#else
        skip                                                               /* removed since it was listed */
#endif
      fi
    :: held != NONE && at / PER_SEGMENT == held && written > at ->
      assert(!emptied[held]);
      atomic {                                                             /* `take` */
        assert(at == expected);
        at++;
        expected = at;
        if
        :: who == NAME && at > handed_out -> handed_out = at
        :: else -> skip
        fi
      }
    :: held != NONE && at / PER_SEGMENT != held -> held = NONE             /* `leave` */
    fi
  od
#ifdef BUG_NO_RELIST
  ;
  assert(expected == LAST)
#endif
}

init {
  atomic {
    run Reader(NAME);
    run Reader(STRANGER)
  }
}

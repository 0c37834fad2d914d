/* The two turns between ring and journal.
 *
 * Property: a consumer of policy `journal` gets every event in order, whoever dies; what is not in the journal is in the
 *   ring
 * BUG_GATE_FIRST: the journal moves its gate before it tells what is written
 * BUG_MARK_FIRST: the journal tells what is written before it is
 * BUG_GATE_DIES: the publisher takes the gate of a dead journal
 *
 * The journal's process dies at any step and runs again; the consumer dies and resumes after its last commit. An event is one
 * slot; event n is at position n.
 */
#define SLOTS 2
#define LAST 5
#define JOURNAL_DEATHS 2
#define DEATHS 1

byte payload[SLOTS];
byte intent;
byte published;        /* events before this one can be seen [W2] */
byte recorded;         /* events before this one are in the file */
byte written;          /* the mark: `written_sequence` */
byte gate;             /* the journal's */
byte journal_deaths, deaths;
bool journal_lives = true;

#ifdef BUG_GATE_DIES
#define HOLDS (journal_lives)
#else
#define HOLDS true
#endif

active proctype Publisher() {
  do
  :: published == LAST -> break
  :: published < LAST ->
    (!HOLDS || published + 1 <= gate + SLOTS);        /* [G2] */
    intent = published + 1;                           /* [W3], [W4] */
    payload[published % SLOTS] = published;
    published++                                       /* [W2] */
  od
}

#define DIE if :: skip :: journal_deaths < JOURNAL_DEATHS -> goto died fi

active proctype Journal() {
  byte next, copy;
recover:
  next = recorded;                                    /* recovery; `resume_at_gate` */
  assert(intent <= next + SLOTS || next >= published);
  written = next;                                     /* `tell` */
  DIE;
  gate = next;                                        /* `move_gate` [G1] */
  do
  :: next == LAST -> break
  :: next < published ->                              /* [R1] */
    copy = payload[next % SLOTS];                     /* [R2] */
    assert(copy == next);
#ifdef BUG_MARK_FIRST
    written = next + 1;
    DIE;
    recorded = next + 1;
    DIE;
    gate = next + 1;
#else
    recorded = next + 1;                              /* `write_staged` */
    DIE;
#ifdef BUG_GATE_FIRST
    gate = next + 1;
    DIE;
    written = next + 1;                               /* `tell` */
#else
    written = next + 1;                               /* `tell` */
    DIE;
    gate = next + 1;                                  /* `move_gate` [F1], [G1] */
#endif
#endif
    DIE;
    next++
  od;
  goto done;
died:
  journal_lives = false;
  atomic { journal_deaths++; journal_lives = true };
  goto recover;
done: skip
}

active proctype Consumer() {
  byte at, committed, copy, mark;
  bool in_journal;
  do
  :: at == LAST -> break
  :: at > committed -> committed = at                 /* [F1] */
  :: at < LAST && deaths < DEATHS -> atomic { deaths++; at = committed; in_journal = false }
  :: at < LAST && !in_journal ->
    if
    :: at < published ->                              /* [R1] */
      copy = payload[at % SLOTS];                     /* [R2] */
      if
      :: intent > at + SLOTS -> in_journal = true     /* [R3], [R4], `turn_to_journal` */
      :: else -> atomic { assert(copy == at); at++ }
      fi
    fi
  :: at < LAST && in_journal ->                       /* `read_from_journal` */
    mark = written;
    if
    :: at < mark -> atomic { assert(at < recorded); at++ }
    :: at >= mark ->
      if
      :: intent <= at + SLOTS -> in_journal = false   /* `turn_to_ring` */
      :: intent > at + SLOTS ->
        assert(written != mark)                       /* `find_neither` */
      fi
    fi
  od
}

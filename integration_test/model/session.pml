/*
 * A model of refresh, delivery, logout, sign-in and second strike.
 *
 * One browser with a cookie jar has up to TABS requests in flight at two instances
 * of one site, which have no store in common. Upstream accepts each refresh token
 * once. Handlers are slow: a response is written at any time after the refresh.
 * Responses arrive in any order, or are cut. The user logs out at any time, and
 * signs in as another user once. Each step is atomic; docs/design.md tells what the
 * model leaves out. The names are those of packages session and cookie.
 *
 * Ann's tokens are 1 to 3. Ben's are 4 and 5: 4 is the one-time secret of his sign-in.
 * Tokens that come from one sign-in are a family. Upstream responds to the last one
 * of a family with 503.
 *
 * Upstream is one of three: by default it rejects a used token; with -DREVOKES it
 * also revokes the family; with -DFORGIVES it sends the newest token of the family
 * again, for less than a minute.
 *
 * A switch such as -DNO_DELIVERY takes one mechanism away. .ci/model checks that a
 * property fails then. -DTRACE bounds the clock so that the real one can follow.
 */
#ifndef TABS
#define TABS 3
#endif
#ifndef REQUESTS
#define REQUESTS 4
#endif
#define NONE     0
#define SECRET   4
#define TOKENS   6 /* array size: tokens count from 1 */
#define FAMILY(t) ((t) >= SECRET)
#define FIRST(f)  ((f) -> SECRET : 1)
#define LAST(f)   ((f) -> 5 : 3)
#define ALL(f)    ((f) -> 48 : 14) /* the set of its tokens */

/* Sets of tokens, families and instances are bit sets. */
#define BIT(x)        (1 << (x))
#define HAS(set, x)   (((set) >> (x)) & 1)
#define ADD(set, x)   set = (set) | BIT(x)
#define DEL(set, x)   set = (set) & (255 - BIT(x))

/* Ages, of markers and of refusals. */
#define NOW    0 /* less than a second */
#define RECENT 1 /* less than 30 seconds: upstream is not asked again */
#define YOUNG  2 /* less than an hour */
#define OLD    3

/* An upstream call: not there, on its way to upstream, or its result on the way back.
   A number below SENT is the token that upstream has granted. */
#define SENT     8
#define REFUSED  9
#define FAILED  10 /* 503 */

/* The phases of a request, with its response. A response without cookies needs no
   phase: it changes nothing in the browser. */
#define IDLE     0
#define WAITING  1 /* for an upstream call */
#define HANDLING 2 /* the handler runs, and the response will carry a renewed session */
#define ASKING   3 /* the browser will be asked to send its request again */
#define LEAVING  4 /* a logout waits for upstream */
#define SET      5 /* the response is on its way and sets the cookies */
#define DELETE   6 /* likewise, and deletes them */
#define MARK     7 /* likewise, and sets the marker */

typedef Instance {
  byte calls[TOKENS];
  byte next[TOKENS];  /* the token that was granted for a token in one of the next two */
  byte undelivered;
  byte recent;        /* the grace cache */
  byte used;
  byte rejected;      /* the negative cache */
  byte uncertain;     /* those of the rejected that were known to be used */
  byte tombstones;
  byte from[TOKENS];  /* the tokens that a token was granted for */
  byte denied;        /* JWTs, each named by the token that came with it */
  byte refused;       /* tokens whose first refusal is remembered */
  byte refusedNow;    /* those of them that were refused less than a second ago */
  byte cleared        /* tokens whose cookies were deleted */
}

typedef Request {
  byte phase;
  bit at;           /* the instance */
  byte token;       /* that the jar had */
  byte marked;      /* the age of its marker plus one; 0 without a valid marker */
  bit hadMarker;    /* valid or not */
  byte key;         /* of the upstream call, or of the grant */
  byte got;         /* the token that the response sets */
  byte age;         /* of the marker that the response sets */
  bit waited;       /* a second has passed since the start */
  byte overtaken    /* by the response to the sign-in: 1; a second ago: 2 */
}

Instance inst[2];
Request req[TABS];

/* The browser. */
byte jar = 1;
byte marker = NONE; /* the token that it belongs to */
byte markerAge;

/* Upstream. */
byte newest[2];
byte revoked;       /* families */
byte valid;         /* JWTs that have not expired */
byte lately;        /* used tokens that a forgiving upstream accepts */

/* What the properties need to know, and no instance does. */
byte owed[2];       /* tokens whose successor the instance has to give out */
byte reached[2];    /* those of them whose successor has left in a response */
byte loggedOut[2];  /* tokens that the instance has to know as logged out */
byte replaced[2];   /* tokens that it has to know as replaced by the sign-in */
byte leaving;       /* families that a logout is ending */
byte outdated;      /* families whose newest token is older than an hour */

/* The crimes. */
bool wrongfulLogout, wrongfulEntry, mixedUp, revived, lostOnTheWay, turnedAway;

/* For the work within one step. */
hidden byte i, j, k, f, last, grant, age, marks, ended, doubt;

byte budget = REQUESTS; /* requests that the browser may still send */
#ifdef TRACE
byte seconds; /* without a longer time */
#endif

#define R         req[me]
#define I         inst[R.at]
#define LIVE(f)   (!HAS(revoked, f))
#define isOver(f) (HAS(leaving, f) || ((loggedOut[0] | loggedOut[1] | replaced[0] | replaced[1]) & ALL(f)))

inline idle(me) {
  R.phase = IDLE; R.at = 0; R.token = NONE; R.marked = 0; R.hadMarker = 0; R.key = NONE; R.got = NONE; R.age = 0;
  R.waited = 0; R.overtaken = 0
}

/* The response is on its way: only what the browser will store still matters. */
inline send(me, what) {
  R.phase = what; R.at = 0; R.marked = 0; R.key = NONE; R.waited = 0; R.overtaken = 0
}

inline done(me, status) { printf(" -> tab %d %d kept", me, status); idle(me) }

/* The step ends with the state of the browser and the calls in flight. */
inline endStep() {
  printf(" -> jar %d %d -> calls", jar, marker);
  for (i : 0 .. 1) {
    for (k : 1 .. TOKENS - 1) { if :: inst[i].calls[k] != NONE -> printf(" %d.%d", i, k) :: else fi }
  }
  printf("\n"); i = 0; k = 0
}

/* A request is let in with the session of a token. */
inline enter(me, x) {
  wrongfulEntry = FAMILY(x) != FAMILY(R.token);
  mixedUp = HAS(replaced[R.at], x);
  revived = HAS(loggedOut[R.at], x);
  assert(!wrongfulEntry); assert(!mixedUp); assert(!revived)
}

/* The handler runs with the session of grant. */
inline handle(me) {
  R.phase = HANDLING; R.got = grant; R.marked = 0; R.waited = 0; R.overtaken = 0;
  printf(" -> tab %d handles %d", me, grant); enter(me, grant)
}

/* A refusal of the presented token, also an uncertain one, is a crime if the
   instance holds its successor, or upstream would accept it. */
inline checkRefusal(me) {
  f = FAMILY(R.token);
  lostOnTheWay = HAS(owed[R.at], R.token) && I.from[newest[f]] != 0 && LIVE(f) && !isOver(f);
  turnedAway = R.token == newest[f] && LIVE(f) && !isOver(f);
  assert(!lostOnTheWay); assert(!turnedAway)
}

/* The cookies may be deleted for a refusal if the session has ended, or if the
   browser stayed away for an hour from its newest token. A second after a sign-in
   they are those of another user. */
inline checkDeletion(me) {
  f = FAMILY(R.token);
  wrongfulLogout = LIVE(f) && !isOver(f) && (R.token == newest[f] || !HAS(outdated, f));
  wrongfulLogout = wrongfulLogout || R.overtaken == 2 || R.overtaken == 1 && HAS(replaced[R.at], R.token);
  assert(!wrongfulLogout)
}

/* Result.Check and delivery.Serve: a response with a renewed session is written. */
inline write(me) {
  i = R.at; f = FAMILY(R.got);
  ended = HAS(I.denied, R.got) || HAS(I.denied, R.token) || HAS(I.tombstones, R.key) || HAS(I.tombstones, R.got);
  k = R.got; /* supersededLocked */
  do
  :: HAS(I.undelivered, k) -> k = I.next[k]
  :: else -> break
  od;
#ifdef NO_CHECK
  ended = false;
#else
  ended = ended || HAS(I.used, k);
#endif
  if
  :: ended -> done(me, 200)
  :: else ->
    mixedUp = HAS(replaced[i], R.got);
    revived = HAS(loggedOut[i], R.got);
    lostOnTheWay = HAS(reached[i], R.got);
    assert(!mixedUp); assert(!revived); assert(!lostOnTheWay);
    printf(" -> tab %d 200 set %d", me, R.got);
    markDelivered(i, R.key, R.got);
    R.token = NONE; send(me, SET)
  fi
}

inline markDelivered(here, x, granted) {
  if
  :: HAS(inst[here].undelivered, x) -> DEL(inst[here].undelivered, x);
#ifdef NO_GRACE
    inst[here].next[x] = NONE
#else
    ADD(inst[here].recent, x)
#endif
  :: else
  fi;
  for (k : FIRST(FAMILY(granted)) .. LAST(FAMILY(granted))) {
    if :: k < granted && HAS(owed[here], k) -> ADD(reached[here], k) :: else fi
  }
}

/* A request that has waited for its refusal deletes nothing: another instance may have
   done so meanwhile. */
#ifdef NO_CLEAR_DELAY
#define isInTime(me) true
#else
#define isInTime(me) (!R.waited)
#endif

/* refusalError and Apply: upstream has refused the token of a request, or a logout
   has ended it. Doubt says that the refusal does not count. */
inline reject(me) {
  checkRefusal(me);
  if
  :: R.marked -> age = R.marked - 1
  :: !R.marked && HAS(I.refused, R.token) && !HAS(I.refusedNow, R.token) -> age = RECENT
  :: else -> age = NOW
  fi;
  if
  :: !doubt && !HAS(I.refused, R.token) -> ADD(I.refused, R.token); ADD(I.refusedNow, R.token)
  :: else
  fi;
#ifdef CLEAR_AT_ONCE
  age = OLD; R.marked = OLD + 1;
#endif
  if
  :: doubt -> done(me, 401)
  :: !doubt && age == NOW -> printf(" -> tab %d asks", me); R.phase = ASKING;
    R.key = NONE; R.marked = R.marked > 0; R.hadMarker = 0; R.waited = 0; R.overtaken = 0
  :: !doubt && R.marked && age == OLD && !HAS(I.cleared, R.token) && isInTime(me) -> checkDeletion(me);
    ADD(I.cleared, R.token); ADD(I.refusedNow, R.token);
    printf(" -> tab %d 401 deleted", me);
    R.token = NONE; send(me, DELETE)
  :: else -> mark(me, 401, NOW)
  fi
}

/* The response sets the marker, which is as old as the refusal, unless the request
   brought one. */
inline mark(me, status, since) {
  if
  :: R.marked || HAS(I.tombstones, R.token) -> done(me, status)
  :: else -> printf(" -> tab %d %d marked", me, status); R.hadMarker = 0; R.age = since; send(me, MARK)
  fi
}

/* latestLocked: follows the rotations from token to the latest grant. */
inline lookUp(here, x) {
  ended = false; last = NONE; grant = NONE; k = x;
  do
  :: HAS(inst[here].tombstones, k) -> ended = true; break
  :: !HAS(inst[here].tombstones, k) && HAS(inst[here].recent | inst[here].undelivered, k) -> last = k; grant = inst[here].next[k]; k = grant
  :: else -> break
  od
}

/* The marker says that upstream has refused the presented token less than 30 seconds
   ago. It says nothing about the tokens that follow. */
#ifdef MARKER_FOR_ALL
#define askedBefore(me, x) (R.marked == NOW + 1 || R.marked == RECENT + 1)
#else
#define askedBefore(me, x) (x == R.token && (R.marked == NOW + 1 || R.marked == RECENT + 1))
#endif

/* Manager.renew and localCoordinator.join. */
inline renew(me) {
  j = R.token; /* the token to refresh: the presented one, or a descendant whose JWT has expired */
  do
  :: true ->
    lookUp(R.at, j);
    if
    :: ended || HAS(valid & I.denied, grant) -> doubt = true; reject(me); break
    :: !ended && HAS(valid & ~I.denied, grant) -> R.key = last; handle(me); break
    :: !ended && grant != NONE && !HAS(valid, grant) -> j = grant
    :: !ended && grant == NONE && HAS(I.rejected, j) -> doubt = HAS(I.uncertain, j); reject(me); break
    :: !ended && grant == NONE && !HAS(I.rejected, j) && I.calls[j] == NONE && askedBefore(me, j) ->
      doubt = HAS(I.used, j); cacheRejection(R.at, j); reject(me); break
    :: else ->
      if :: I.calls[j] == NONE -> I.calls[j] = SENT :: else fi;
      R.key = j; R.phase = WAITING; printf(" -> tab %d waits", me); break
    fi
  od
}

inline cacheRejection(here, x) {
  ADD(inst[here].rejected, x);
  if :: HAS(inst[here].used, x) -> ADD(inst[here].uncertain, x) :: else -> DEL(inst[here].uncertain, x) fi
}

/* markLoggedOut and endLocally: tombstones for the token, for those before it and for
   its known descendants, and their JWTs are denied. The result last is the latest token. */
inline endLocally(here, x) {
  marks = BIT(x); last = x;
  do
  :: HAS(inst[here].recent | inst[here].undelivered, last) -> last = inst[here].next[last]; ADD(marks, last)
  :: else -> break
  od;
  ancestors(here, x);
#ifndef NO_TOMBSTONES
  inst[here].tombstones = inst[here].tombstones | marks;
#endif
  for (k : 1 .. TOKENS - 1) { if :: HAS(marks, k) && (k == x || inst[here].from[k]) -> ADD(inst[here].denied, k) :: else fi }
}

/* Upstream ends the family of a token that it would accept. */
inline revoke(x) {
  if :: newest[FAMILY(x)] == x || HAS(lately, x) -> ADD(revoked, FAMILY(x)) :: else fi
}

/* A logout or a sign-in has ended the session of token x. The instance has to know that
   of x, of the tokens that it was granted on the way to x, and of those that it was
   granted since, unless the grace period for x has passed. The result is marks. */
inline endSession(here, x) {
  marks = BIT(x);
  ancestors(here, x);
  for (k : x .. LAST(FAMILY(x))) {
    if :: HAS(owed[here], x) && inst[here].from[k] != 0 -> ADD(marks, k) :: else fi
  }
  if :: !HAS(owed[here], x) -> owed[here] = owed[here] & ~ALL(FAMILY(x)) :: else fi
}

/* Adds to marks the tokens that x was granted for, from token to token. Granted tokens
   have higher numbers than those that they were granted for. */
inline ancestors(here, x) {
  k = x;
  do
  :: k > NONE -> if :: HAS(marks, k) -> marks = marks | inst[here].from[k] :: else fi; k--
  :: else -> break
  od
}

inline visit(me) {
  printf("visit %d %d", me, R.at);
  present(me);
  if
  :: HAS(valid, jar) && !HAS(I.denied, jar) -> enter(me, jar); done(me, 200)
  :: else -> renew(me)
  fi;
  endStep()
}

inline present(me) {
  R.token = jar; R.hadMarker = marker != NONE;
#ifdef UNBOUND_MARKER
  R.marked = (marker != NONE -> markerAge + 1 : 0)
#else
  R.marked = (marker == jar && jar != NONE -> markerAge + 1 : 0) /* its HMAC fits that token only */
#endif
}

inline logout(me) {
  printf("logout %d %d -> tab %d waits", me, R.at, me);
  present(me); R.marked = 0;
  R.phase = LEAVING; ADD(leaving, FAMILY(jar));
  endLocally(R.at, jar); R.key = last;
  endStep()
}

/* Upstream has received the logout. The response deletes the cookies. */
inline endLogout(me) {
  printf("end %d", me); f = FAMILY(R.token);
  revoke(R.key); DEL(leaving, f);
  endSession(R.at, R.token); loggedOut[R.at] = loggedOut[R.at] | marks;
  for (k : 0 .. TABS - 1) {
    if :: k != me && req[k].phase == LEAVING && FAMILY(req[k].token) == f -> ADD(leaving, f) :: else fi
  }
  revived = LIVE(f) && newest[f] == R.token; assert(!revived);
  printf(" -> tab %d 204 deleted", me); R.token = NONE; send(me, DELETE);
  endStep()
}

inline signIn(me) {
  printf("signin %d %d -> tab %d waits", me, R.at, me);
  present(me); R.marked = 0; R.key = SECRET; R.phase = WAITING; I.calls[SECRET] = SENT;
  endStep()
}

/* The sign-in has its session. Its response ends the session that the browser had. */
inline endSignIn(me) {
  i = R.at; R.got = I.next[SECRET];
  printf(" -> tab %d 200 set %d", me, R.got);
  markDelivered(i, SECRET, R.got);
  if
  :: R.token != NONE ->
#ifndef NO_REPLACEMENT
    endLocally(i, R.token); revoke(last);
#endif
    endSession(i, R.token); replaced[i] = replaced[i] | marks
  :: else
  fi;
  for (k : 0 .. TABS - 1) {
    if :: k != me && req[k].phase >= WAITING && req[k].phase <= ASKING -> req[k].overtaken = 1 :: else fi
  }
  R.token = NONE; send(me, SET)
}

inline arrive(me) {
  printf("arrive %d", me);
  if
  :: R.phase == SET -> jar = R.got
  :: R.phase == DELETE -> jar = NONE
  :: R.phase == MARK -> marker = R.token; markerAge = R.age
  fi;
  if :: R.phase != MARK && R.hadMarker -> marker = NONE; markerAge = 0 :: else fi;
  idle(me); endStep()
}

/* The user's next requests come from the first idle tab: all tabs are alike. */
#define mayStart(me) (budget > 0 && R.phase == IDLE && (me == 0 || req[me - (me > 0)].phase != IDLE))
#define maySignIn (newest[1] == SECRET && inst[0].calls[SECRET] == NONE && inst[1].calls[SECRET] == NONE)

proctype tab(byte me) {
  do
  :: atomic { mayStart(me) && (jar != NONE || maySignIn) ->
    if :: R.at = 0 :: budget < REQUESTS -> R.at = 1 fi; /* the instances are alike, too */
    budget--;
    if
    :: jar != NONE -> d_step { visit(me) }
    :: jar != NONE -> d_step { logout(me) }
    :: maySignIn -> d_step { signIn(me) }
    fi }
  :: d_step { R.phase == HANDLING -> printf("write %d", me); write(me); endStep() }
  :: d_step { R.phase >= WAITING && R.phase <= ASKING && R.key != SECRET ->
    printf("disconnect %d", me); idle(me); endStep() }
  :: d_step { R.phase == LEAVING -> endLogout(me) }
  :: d_step { R.phase >= SET -> arrive(me) }
  :: d_step { R.phase >= SET -> printf("cut %d", me); idle(me); endStep() }
  od
}

/* Upstream receives a refresh. */
inline receive(here, x) {
  printf("receive %d %d", here, x); f = FAMILY(x);
  if
  :: HAS(revoked, f) -> inst[here].calls[x] = REFUSED
  :: !HAS(revoked, f) && x == newest[f] && x == LAST(f) -> inst[here].calls[x] = FAILED
  :: !HAS(revoked, f) && x == newest[f] && x != LAST(f) ->
#ifdef FORGIVES
    ADD(lately, x);
#endif
    newest[f] = x + 1; ADD(valid, x + 1); DEL(outdated, f); inst[here].calls[x] = x + 1
  :: !HAS(revoked, f) && x != newest[f] ->
#ifdef REVOKES
    ADD(revoked, f);
#endif
    inst[here].calls[x] = (HAS(lately, x) -> newest[f] : REFUSED)
  fi;
  printf(" -> result %d", inst[here].calls[x]); endStep()
}

/* localCoordinator.finish: the result reaches the instance and all requests that
   wait for it. */
inline land(here, x) {
  printf("land %d %d", here, x);
  grant = inst[here].calls[x]; inst[here].calls[x] = NONE; doubt = false; last = grant;
  ended = HAS(inst[here].tombstones, x) || grant < SENT && HAS(inst[here].tombstones, grant);
  if
  :: ended && grant < SENT -> revoke(grant); grant = REFUSED; doubt = true
  :: ended && grant >= SENT -> grant = REFUSED; doubt = true
  :: !ended && grant == REFUSED -> doubt = HAS(inst[here].used, x); cacheRejection(here, x)
  :: !ended && grant < SENT ->
    ADD(inst[here].used, x); ADD(inst[here].from[grant], x); inst[here].next[x] = grant; ADD(owed[here], x); DEL(reached[here], x);
    if :: HAS(loggedOut[here], x) -> ADD(loggedOut[here], grant) :: else fi;
    if :: HAS(replaced[here], x) -> ADD(replaced[here], grant) :: else fi;
#ifdef NO_DELIVERY
    ADD(inst[here].recent, x)
#else
    ADD(inst[here].undelivered, x)
#endif
  :: else
  fi;
  for (j : 0 .. TABS - 1) {
    if
#ifdef ONE_CALL
    :: req[j].phase == WAITING && req[j].at == here -> resume(j, x)
#else
    :: req[j].phase == WAITING && req[j].at == here && req[j].key == x -> resume(j, x)
#endif
    :: else
    fi
  }
  j = 0; endStep()
}

inline resume(me, x) {
  if
  :: grant == FAILED -> done(me, 503)
  :: grant == REFUSED -> reject(me)
  :: grant < SENT && R.key == SECRET -> endSignIn(me)
  :: grant < SENT && R.key != SECRET -> R.key = x; handle(me)
  fi
}

#define CALL(t) \
  :: d_step { inst[here].calls[t] == SENT -> receive(here, t) } \
  :: d_step { inst[here].calls[t] == SENT && t != SECRET -> printf("fail %d %d", here, t); inst[here].calls[t] = FAILED; endStep() } \
  :: d_step { inst[here].calls[t] != NONE && inst[here].calls[t] != SENT -> land(here, t) }

proctype network(byte here) {
  do
  CALL(1) CALL(2) CALL(3) CALL(4) CALL(5)
  od
}

#define isCalling(here) (inst[here].calls[1] + inst[here].calls[2] + inst[here].calls[3] + inst[here].calls[4] + inst[here].calls[5] > 0)

#define isBusy(me) (req[me].phase != IDLE && req[me].phase != HANDLING)

/* Nothing but handlers runs for longer than some seconds, and they for less than an hour. */
#define isQuiet (!isCalling(0) && !isCalling(1) && !isBusy(0) && !isBusy(1) && !isBusy(TABS - 1))

#define isHandling (req[0].phase == HANDLING || req[1].phase == HANDLING || req[TABS - 1].phase == HANDLING)

inline second() {
  printf("second");
  for (j : 0 .. TABS - 1) {
    if
    :: req[j].phase == ASKING -> mark(j, 307, RECENT)
    :: req[j].phase == WAITING -> req[j].waited = 1;
      if :: req[j].marked == NOW + 1 -> req[j].marked = RECENT + 1 :: else fi;
      if :: req[j].overtaken -> req[j].overtaken = 2 :: else fi
    :: req[j].phase == MARK && req[j].age == NOW -> req[j].age = RECENT
    :: else
    fi
  }
  if :: marker != NONE && markerAge == NOW -> markerAge = RECENT :: else fi;
  inst[0].refusedNow = 0; inst[1].refusedNow = 0;
  j = 0; endStep()
}

/* A minute is longer than the grace period, the negative cache and a JWT live. */
inline minute() {
  for (i : 0 .. 1) {
    for (k : 1 .. TOKENS - 1) {
      if :: HAS(inst[i].recent, k) && !HAS(inst[i].undelivered, k) -> inst[i].next[k] = NONE :: else fi
    }
    for (f : 0 .. 1) { /* no successor that the instance holds outlives its session */
      revived = (loggedOut[i] | replaced[i]) & owed[i] & ~reached[i] & ALL(f) && LIVE(f) && inst[i].from[newest[f]] != 0;
      assert(!revived)
    }
    marks = 0; /* An expired JWT is looked up for the responses that renew it. */
    for (k : 0 .. TABS - 1) {
      if :: req[k].phase == HANDLING && req[k].at == i -> ADD(marks, req[k].token); ADD(marks, req[k].got) :: else fi
    }
    inst[i].denied = inst[i].denied & marks;
    inst[i].recent = 0; inst[i].rejected = 0; inst[i].uncertain = 0; inst[i].refusedNow = 0;
    owed[i] = owed[i] & ~reached[i]
  }
  if :: marker != NONE && markerAge < YOUNG -> markerAge = YOUNG :: else fi;
  valid = 0; lately = 0; f = 0
}

/* After an hour all is forgotten except denied JWTs. */
inline hour() {
  minute();
  for (i : 0 .. 1) {
    for (k : 1 .. TOKENS - 1) { inst[i].next[k] = NONE; inst[i].from[k] = 0 }
    inst[i].undelivered = 0; inst[i].used = 0; inst[i].tombstones = 0; inst[i].refused = 0; inst[i].cleared = 0;
    owed[i] = 0; reached[i] = 0
  }
  if :: marker != NONE -> markerAge = OLD :: else fi;
  outdated = 3
}

#ifdef TRACE
#define maySecond (seconds < 25)
#define addSecond seconds++
#define resetSeconds seconds = 0
#else
#define maySecond true
#define addSecond skip
#define resetSeconds skip
#endif

proctype clock() {
  do
  :: d_step { maySecond -> addSecond; second() }
  :: d_step { isQuiet -> resetSeconds; printf("minute"); minute(); endStep() }
  :: d_step { isQuiet && !isHandling -> resetSeconds; printf("hour"); hour(); endStep() }
  od
}

init {
  newest[0] = FIRST(0); newest[1] = FIRST(1);
  atomic {
    run clock(); run network(0); run network(1);
    run tab(0); run tab(1);
#if TABS > 2
    run tab(2)
#endif
  }
}

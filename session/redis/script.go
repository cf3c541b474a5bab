package redis

import "github.com/redis/rueidis"

// The store gets these scripts and SUBSCRIBE, nothing else. Each script is one
// atomic step for one token:
//
//	KEYS[1]  the record, a hash: the lock and the marks
//	KEYS[2]  the value, a string: sealed, with its own TTL
//
// Both have the same hash tag, and so the same slot of a cluster. Times are the
// store's, in ms: the clocks of the fleet do not matter. Fields of a record:
//
//	owner, until  the lock and its expiry
//	waiting       another instance waits for a notification
//	rotated       the token is known to be used until then
//	out           the tombstone of a logout: the token is logged out until then
//
// Foreign values are ignored: a record of another type is removed, and a string
// that is no time is in the past.
const prelude = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local day = 86400000
local function drop_foreign(key, want)
  local kind = redis.call('TYPE', key).ok
  if kind ~= want and kind ~= 'none' then redis.call('DEL', key) end
end
local function live(field)
  local n = tonumber(redis.call('HGET', KEYS[1], field) or '')
  return n ~= nil and n > now and n < now + day
end
local function keep_record(ttl)
  if redis.call('PTTL', KEYS[1]) < tonumber(ttl) then redis.call('PEXPIRE', KEYS[1], ttl) end
end
drop_foreign(KEYS[1], 'hash')
drop_foreign(KEYS[2], 'string')
local owner = redis.call('HGET', KEYS[1], 'owner')
local locked = owner and live('until')
local value = redis.call('GET', KEYS[2]) or ''
local kind = string.sub(value, 1, 1)
local rotated = live('rotated') and '1' or '0'
local left = redis.call('PTTL', KEYS[2])
local function reply(state) return {state, value, rotated, tostring(left)} end
`

// acquire returns the value of a token, or takes or renews its lock. ARGV: the
// owner (an empty one takes no lock); the TTL of the lock; and the grace period of a
// grant, which begins when it is read (0: it does not). It returns the state; the
// value; whether the token is known to be used; and the TTL that the value had.
var acquire = rueidis.NewLuaScript(prelude + `
if live('out') then return reply('loggedOut') end
if value ~= '' and kind ~= 'k' then
  local grace = tonumber(ARGV[3])
  if kind == 'g' and grace > 0 and left > grace then redis.call('PEXPIRE', KEYS[2], grace) end
  return reply('value')
end
if ARGV[1] == '' then return reply('none') end
if locked and owner ~= ARGV[1] then
  redis.call('HSET', KEYS[1], 'waiting', '1')
  return reply('follower')
end
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'until', now + ARGV[2])
keep_record(ARGV[2])
return reply('leader')
`)

// commit stores the outcome of a refresh, releases the lock if the owner still
// holds it, and notifies the followers. ARGV: the owner; the kind, value and TTL;
// the TTL of the mark rotated (0: upstream has not rotated the token, and the
// grant is stored only for followers); the channel and the message. It returns the
// state, and the rest as from before the commit.
//
// A grant is stored whichever instance holds the lock now, because it follows the
// token in any case. A refusal never replaces a grant, and is stored only for the
// owner of the lock.
var commit = rueidis.NewLuaScript(prelude + `
local mine = owner == ARGV[1]
local waiting = redis.call('HEXISTS', KEYS[1], 'waiting') == 1
local new, state = ARGV[2], 'done'
local function store() redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4]) end
if live('out') then
  redis.call('DEL', KEYS[2])
  state = 'loggedOut'
elseif new == 'g' and ARGV[5] == '0' then
  if waiting then
    store()
  elseif kind == 'k' then
    redis.call('DEL', KEYS[2])
  end
elseif new == 'g' or new == 'k' and kind ~= 'g' then
  store()
  if ARGV[5] ~= '0' then
    redis.call('HSET', KEYS[1], 'rotated', now + ARGV[5])
    keep_record(ARGV[5])
  end
elseif kind == 'g' then
  state = 'value'
elseif new == 'r' and mine then
  store()
end
if mine then redis.call('HDEL', KEYS[1], 'owner', 'until', 'waiting') end
if not (locked and not mine) and not live('out') and not live('rotated') then
  redis.call('DEL', KEYS[1])
end
if waiting then redis.pcall('PUBLISH', ARGV[6], ARGV[7]) end
return reply(state)
`)

// logout leaves a tombstone, and returns the grant that follows the token. It
// removes an unverified grant, unless an instance holds the lock: that instance
// will find the tombstone. ARGV: the TTL of the tombstone.
var logout = rueidis.NewLuaScript(prelude + `
redis.call('HSET', KEYS[1], 'out', now + ARGV[1])
keep_record(ARGV[1])
if kind == 'k' then
  if locked then value = '' else redis.call('DEL', KEYS[2]) end
end
return reply('done')
`)

// The denied JWTs of a deployment are one sorted set of sealed denials. The score
// is the time at which a denial expires.

// addDenial adds and publishes a denial, and removes expired and excess ones.
// ARGV: the denial, its TTL, the maximum number, the TTL of the set, the channel.
var addDenial = rueidis.NewLuaScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'zset' and kind ~= 'none' then redis.call('DEL', KEYS[1]) end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -ARGV[3] - 1)
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.pcall('PUBLISH', ARGV[5], ARGV[1])
return {'done'}
`)

// readDenials returns the number of denials on a page, and those of them that have
// the right length. ARGV: the offset of the page, its size, the length.
var readDenials = rueidis.NewLuaScript(`
local page = redis.pcall('ZREVRANGE', KEYS[1], ARGV[1], ARGV[1] + ARGV[2] - 1)
if page.err then return {'0'} end
local found = {tostring(#page)}
for _, denial in ipairs(page) do
  if #denial == tonumber(ARGV[3]) then found[#found + 1] = denial end
end
return found
`)

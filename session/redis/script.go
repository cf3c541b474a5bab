package redis

import "github.com/redis/rueidis"

// The store gets these scripts and SUBSCRIBE, nothing else. Each script is one
// atomic step for one token:
//
//	KEYS[1]  the record, a hash: the lock and the marks
//	KEYS[2]  the value, a string: sealed, with its own TTL
//	KEYS[3]  the time at which this part of the store was first used
//
// All three have the same hash tag, and so the same slot of a cluster. Times are
// the store's, in ms: the clocks of the fleet do not matter. Fields of a record:
//
//	owner, until  the lock and its expiry
//	asking        the owner has started to ask upstream, and not committed yet
//	waiting       another instance waits for a notification
//	doubt         refusals of this token are uncertain until then
//	rotated       the token is known to be used until then
//	out           the tombstone of a logout: the token is logged out until then
//
// Foreign values are ignored: a record of another type is removed, and a string
// that is no time is in the past.
const prelude = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local day = 86400000
local function drop(key, want)
  local kind = redis.call('TYPE', key).ok
  if kind == want or kind == 'none' then return false end
  redis.call('DEL', key)
  return true
end
local function live(field)
  local n = tonumber(redis.call('HGET', KEYS[1], field) or '')
  return n ~= nil and n > now and n < now + day
end
local foreign = drop(KEYS[1], 'hash')
foreign = drop(KEYS[2], 'string') or foreign
local owner = redis.call('HGET', KEYS[1], 'owner')
local locked = owner and live('until')
local value = redis.call('GET', KEYS[2]) or ''
local left = tostring(redis.call('PTTL', KEYS[2]))
`

// acquire returns the value of a token, or takes its lock and marks it as asking.
// ARGV: the owner (an empty one takes no lock); the TTLs of the lock, of the
// record and of the mark doubt; and an unreadable value to remove. It returns the
// state; the value; three flags (the last owner died while it asked upstream;
// refusals are uncertain; the token was rotated); the age of this part of the
// store; and the remaining TTL of the value.
var acquire = rueidis.NewLuaScript(prelude + `
local function reply(state, died, doubt)
  local born = tonumber(redis.pcall('GET', KEYS[3]) or '')
  if not born or not (born >= 0 and born <= now and born % 1 == 0) then
    redis.call('SET', KEYS[3], now)
    born = now
  end
  local function flag(b) return b and '1' or '0' end
  return {state, value, flag(died), flag(doubt), flag(live('rotated')), tostring(now - born), left}
end
if live('out') then return reply('loggedOut') end
if value ~= '' and value == ARGV[5] then
  redis.call('DEL', KEYS[2])
  value, foreign = '', true
end
if value ~= '' and string.sub(value, 1, 1) ~= 'k' then return reply('value') end
if ARGV[1] == '' then return reply('none') end
if locked and owner ~= ARGV[1] then
  redis.call('HSET', KEYS[1], 'waiting', '1')
  return reply('follower')
end
local died = redis.call('HEXISTS', KEYS[1], 'asking') == 1 and owner ~= ARGV[1]
local doubt = died or foreign or live('doubt')
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'until', now + ARGV[2], 'asking', '1')
if doubt then redis.call('HSET', KEYS[1], 'doubt', now + ARGV[4]) end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return reply('leader', died, doubt)
`)

// renew extends a lock. ARGV: the owner and the TTL. It returns whether the owner
// still holds the lock.
var renew = rueidis.NewLuaScript(prelude + `
if owner ~= ARGV[1] then return {'lockLost'} end
redis.call('HSET', KEYS[1], 'until', now + ARGV[2])
return {'lockHeld'}
`)

// commit stores the outcome of a refresh, releases the lock if the owner still
// holds it, and notifies the followers. ARGV: the owner; the kind, value and TTL;
// the TTL of the mark rotated (0: upstream has not rotated the token, and the
// grant is stored only for followers); the channel and the message; and 1 for a
// definite refusal, which a rotation that was committed meanwhile refutes.
//
// A grant is stored whichever instance holds the lock now, because it follows the
// token in any case. A refusal never replaces a grant, and is stored only for the
// owner of the lock.
var commit = rueidis.NewLuaScript(prelude + `
local mine = owner == ARGV[1]
local waiting = redis.call('HEXISTS', KEYS[1], 'waiting') == 1
local kind, state = ARGV[2], 'done'
local granted = string.sub(value, 1, 1) == 'g'
if live('out') then
  redis.call('DEL', KEYS[2])
  state = 'loggedOut'
elseif kind == 'g' and ARGV[5] == '0' then
  if waiting then
    redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
  elseif string.sub(value, 1, 1) == 'k' then
    redis.call('DEL', KEYS[2])
  end
elseif kind == 'g' or kind == 'k' and not granted then
  redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
  if ARGV[5] ~= '0' then
    redis.call('HSET', KEYS[1], 'rotated', now + ARGV[5])
    redis.call('HDEL', KEYS[1], 'doubt')
    redis.call('PEXPIRE', KEYS[1], ARGV[5])
  end
elseif granted then
  state = 'value'
elseif not mine then
  state = 'lockLost'
elseif kind == 'r' and ARGV[8] == '1' and live('rotated') then
  state = 'lockLost'
elseif kind == 'r' then
  redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
end
if mine then redis.call('HDEL', KEYS[1], 'owner', 'until', 'asking', 'waiting') end
if not (locked and not mine) and not live('out') and not live('rotated') and not live('doubt') then
  redis.call('DEL', KEYS[1])
end
if waiting then redis.pcall('PUBLISH', ARGV[6], ARGV[7]) end
return {state, value, left}
`)

// logout leaves a tombstone, and returns the grant that follows the token. It
// removes an unverified grant, unless an instance holds the lock: that instance
// will find the tombstone. ARGV: the TTLs of the tombstone and of the record.
var logout = rueidis.NewLuaScript(prelude + `
redis.call('HSET', KEYS[1], 'out', now + ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if string.sub(value, 1, 1) == 'k' then
  if locked then value = '' else redis.call('DEL', KEYS[2]) end
end
return {'done', value}
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

// The instances of a deployment are one sorted set of random IDs. The score is the
// time of the last heartbeat.

// present records a heartbeat, removes instances that are missing for long, and
// returns the time. It fails where the store cannot be written. ARGV: the
// instance ("": no heartbeat), the time at which the heartbeat expires, and the
// TTL of an instance.
var present = rueidis.NewLuaScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'zset' and kind ~= 'none' then redis.call('DEL', KEYS[1]) end
redis.call('ZADD', KEYS[1], 'XX', now, '') -- fails where nothing can be written
if ARGV[1] ~= '' and now <= tonumber(ARGV[2]) then
  if redis.call('ZCOUNT', KEYS[1], string.format('(%.0f', now), '+inf') > 0 then
    -- The clock was set back: the next heartbeat is due within a second.
    for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
      redis.call('ZADD', KEYS[1], now - ARGV[3] / 2, id)
    end
  end
  redis.call('ZADD', KEYS[1], now, ARGV[1])
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])
  redis.call('ZREMRANGEBYSCORE', KEYS[1], now + ARGV[3], '+inf')
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return {string.format('%.0f', now)}
`)

// absent returns the number of instances without a heartbeat for some time. ARGV:
// the time.
var absent = rueidis.NewLuaScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local all = redis.pcall('ZCARD', KEYS[1])
if type(all) ~= 'number' then return {'1'} end
return {tostring(all - redis.call('ZCOUNT', KEYS[1], now - ARGV[1], now))}
`)

// leave removes an instance.
var leave = rueidis.NewLuaScript(`
redis.pcall('ZREM', KEYS[1], ARGV[1])
return {'done'}
`)

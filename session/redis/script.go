package redis

import "github.com/redis/rueidis"

// The scripts are all that is ever sent to the store besides SUBSCRIBE. Each
// is one atomic step upon one token:
//
//	KEYS[1]  the record, a hash: who works and what is marked
//	KEYS[2]  the value, a string: sealed, with a time to live of its own
//	KEYS[3]  when this part of the store began to remember
//
// All three have the same hash tag, and so the same slot of a cluster. Times
// are the store's, in ms: the clocks of the fleet do not matter. Fields:
//
//	owner, until  the lock
//	asking        its owner has gone to upstream and has not told how it went
//	waiting       somebody wants to be told
//	doubt         until when refusals of this token are in doubt
//	rotated       until when it is known that the token has a successor
//	out           until when it is logged out
//
// What a stranger wrote counts as nothing: a record of another type is
// removed, a text in place of a time is in the past.
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

// enter finds what is known of a token, or takes its lock and leaves the mark
// that upstream is about to be asked. ARGV: owner ("" only looks), time to live
// of the lock, of the record and of a doubt, and a value that cannot be read.
// It returns a state, the value, and as flags: the last owner died while it
// asked; refusals are in doubt; the token was rotated; and how long this part
// of the store remembers, and will remember the value.
var enter = rueidis.NewLuaScript(prelude + `
local function answer(state, died, doubt)
  local born = tonumber(redis.pcall('GET', KEYS[3]) or '')
  if not born or not (born >= 0 and born <= now and born % 1 == 0) then
    redis.call('SET', KEYS[3], now)
    born = now
  end
  local function flag(b) return b and '1' or '0' end
  return {state, value, flag(died), flag(doubt), flag(live('rotated')), tostring(now - born), left}
end
if live('out') then return answer('out') end
if value ~= '' and value == ARGV[5] then
  redis.call('DEL', KEYS[2])
  value, foreign = '', true
end
if value ~= '' and string.sub(value, 1, 1) ~= 'k' then return answer('value') end
if ARGV[1] == '' then return answer('none') end
if locked and owner ~= ARGV[1] then
  redis.call('HSET', KEYS[1], 'waiting', '1')
  return answer('wait')
end
local died = redis.call('HEXISTS', KEYS[1], 'asking') == 1 and owner ~= ARGV[1]
local doubt = died or foreign or live('doubt')
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'until', now + ARGV[2], 'asking', '1')
if doubt then redis.call('HSET', KEYS[1], 'doubt', now + ARGV[4]) end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return answer('lead', died, doubt)
`)

// renew prolongs the lock of its owner. ARGV: owner, time to live. It returns
// whether the lock is still its owner's.
var renew = rueidis.NewLuaScript(prelude + `
if owner ~= ARGV[1] then return {'lost'} end
redis.call('HSET', KEYS[1], 'until', now + ARGV[2])
return {'kept'}
`)

// settle records what a refresh came to, releases the lock if it is still
// its owner's, and tells those who wait. ARGV: owner, kind, value, time to live
// of the value, of the record (0: upstream has not rotated the token, and only
// those who wait get a good grant), and the channel and what to say there; 1 for
// a refusal without doubt, which a rotation that was told meanwhile refutes.
//
// A grant is recorded whoever holds the lock by now: it is what follows the
// token. A refusal gives way to a grant, and counts only as its owner's.
var settle = rueidis.NewLuaScript(prelude + `
local mine = owner == ARGV[1]
local waiting = redis.call('HEXISTS', KEYS[1], 'waiting') == 1
local kind, state = ARGV[2], 'done'
local granted = string.sub(value, 1, 1) == 'g'
if live('out') then
  redis.call('DEL', KEYS[2])
  state = 'out'
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
  state = 'lost'
elseif kind == 'r' and ARGV[8] == '1' and live('rotated') then
  state = 'lost'
elseif kind == 'r' then
  redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
elseif kind == 'x' then
  redis.call('DEL', KEYS[2])
end
if mine then redis.call('HDEL', KEYS[1], 'owner', 'until', 'asking', 'waiting') end
if not (locked and not mine) and not live('out') and not live('rotated') and not live('doubt') then
  redis.call('DEL', KEYS[1])
end
if waiting then redis.pcall('PUBLISH', ARGV[6], ARGV[7]) end
return {state, value, left}
`)

// logout leaves the mark, and returns the grant that followed the token. One
// that was not judged yet is handed out to be revoked, unless somebody works
// on it: he will find the mark. ARGV: time to live of the mark, of the record.
var logout = rueidis.NewLuaScript(prelude + `
redis.call('HSET', KEYS[1], 'out', now + ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if string.sub(value, 1, 1) == 'k' then
  if locked then value = '' else redis.call('DEL', KEYS[2]) end
end
return {'done', value}
`)

// The denied JWTs of a deployment are one sorted set of sealed denials, each
// with the time at which it ends.

// addDenial adds one, tells those who listen, and forgets what has ended and
// what is too much. ARGV: the denial, time to live, how many there may be, time
// to live of all, the channel.
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

// readDenials returns how many there are on a page and those of them that have
// the right length. ARGV: where the page begins, its size, the length.
var readDenials = rueidis.NewLuaScript(`
local page = redis.pcall('ZREVRANGE', KEYS[1], ARGV[1], ARGV[1] + ARGV[2] - 1)
if page.err then return {'0'} end
local found = {tostring(#page)}
for _, denial in ipairs(page) do
  if #denial == tonumber(ARGV[3]) then found[#found + 1] = denial end
end
return found
`)

// The instances of a deployment that are there are one sorted set of random
// ids, each with the time at which it was last said.

// present says that an instance is there, forgets those that are gone for long,
// and returns the time. It fails where it cannot write. ARGV: the instance ("":
// nothing is said), until when it may be said, and for how long the silent are
// remembered.
var present = rueidis.NewLuaScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'zset' and kind ~= 'none' then redis.call('DEL', KEYS[1]) end
redis.call('ZADD', KEYS[1], 'XX', now, '') -- fails where nothing can be written
if ARGV[1] ~= '' and now <= tonumber(ARGV[2]) then
  if redis.call('ZCOUNT', KEYS[1], string.format('(%.0f', now), '+inf') > 0 then
    -- The clock was set back: who is there says so again within a second.
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

// absent returns how many instances have not said for some time that they are
// there. ARGV: the time.
var absent = rueidis.NewLuaScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local all = redis.pcall('ZCARD', KEYS[1])
if type(all) ~= 'number' then return {'1'} end
return {tostring(all - redis.call('ZCOUNT', KEYS[1], now - ARGV[1], now))}
`)

// leave forgets an instance.
var leave = rueidis.NewLuaScript(`
redis.pcall('ZREM', KEYS[1], ARGV[1])
return {'done'}
`)

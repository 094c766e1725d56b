-- Enters a session among those of a user, as the newest, and says how many there are now.
-- KEYS[1]: the user; ARGV: the session, as it stood before if it did (called off or not), now, and how long to keep the
-- user without another entry.
local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
local score = tonumber(ARGV[3])
-- Scores grow within a user, also within a millisecond: they are the order.
if last then score = math.max(score, tonumber(last) + 1 / 1024) end
redis.call('ZADD', KEYS[1], score, ARGV[1])
redis.call('ZREM', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return redis.call('ZCARD', KEYS[1])

-- Stores a session under a key that nothing is stored under. KEYS[1]: the session. ARGV: its time to live, then names and
-- values. Answers 3 if it did; else 5, and `apply.lua` is to judge what is there.
if redis.pcall('HLEN', KEYS[1]) ~= 0 then return 5 end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 3

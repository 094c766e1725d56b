-- Removes what is no readable session, unless it has become another since. KEYS[1]: the session; ARGV[1]: its guard.
local guard = redis.pcall('HGET', KEYS[1], '\255')
if type(guard) == 'table' or (guard or '') == ARGV[1] then return redis.call('UNLINK', KEYS[1]) end
return 0

-- Removes a session, and writes something even if it is gone already: replicas are waited for by what was written.
-- KEYS[1]: the session.
if redis.call('UNLINK', KEYS[1]) == 0 then
  redis.call('SET', KEYS[1], '', 'PX', 1000)
  redis.call('UNLINK', KEYS[1])
end
return 1

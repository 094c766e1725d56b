-- Takes entries out, unless they were entered anew since. KEYS[1]: the user; ARGV: sessions, each with its score.
for index = 1, #ARGV, 2 do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[index])
  if score and tonumber(score) == tonumber(ARGV[index + 1]) then redis.call('ZREM', KEYS[1], ARGV[index]) end
end
return 0

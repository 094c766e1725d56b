-- Applies one change to one session, to the verdict of `Change::judge`. KEYS[1]: the session. ARGV: see `apply.rs`.
-- Answers 0 gone, 1 moved, 2 conflict, 3 applied, 4 applied and renewed; of the last two, if the session was signed in to
-- and is no more, or by another, also who that was.
--
-- A script is not rolled back, so everything is decided before the first write; and the first write is an HSET, which
-- a server without memory refuses. Where a session ends it is what frees memory. Moments are pairs of 32-bit halves: a number of Lua has 53 bits, and `<` on strings
-- goes by the server's locale. Functions and tables are made where they are needed, since most changes need none.
local key, args, at = KEYS[1], ARGV, 2
local call, pack, unpacked, sub, byte = redis.call, struct.pack, struct.unpack, string.sub, string.byte
local GUARD, BIRTH, NONCES, USER = '\255', '\254', '\253', '\252'
local DATED, DATED_TABLE, TABLE = 193, 199, '\200'
local HALF, MOST, MARGIN, CHUNK = 4294967296, 34560000000, 60000, 3000

local creates, restarts, signs, renews, keeps, waits, removes, now_h, now_l, nonce, expected_h, expected_l, touch_h, touch_l,
  until_h, until_l, expects, sets, unsets, adds, kept, ttls =
  unpacked('>BBBBBBBI4I4c8I4I4I4I4I4I4I4I4I4I4I4I4', args[1])

-- What is there. Of what is not a session of ours, nothing is.
local found = redis.pcall('HMGET', key, GUARD, NONCES)
if found.err and not string.find(found.err, 'WRONGTYPE', 1, true) then return found end
local guard, nonces = found[1], found[2]
local flags = guard and byte(guard, 1) or 0
local is_wide, has_deadline = flags % 64 > 31, flags > 63
local size = is_wide and 49 or 39
if has_deadline then size = size + (is_wide and 8 or 6) end
local exists = guard and nonces and flags % 16 == 1 and flags < 128 and #guard == size and #nonces % 8 == 0
local remembered, generation_h, generation_l, verifier, idle_h, idle_l, ends_h, ends_l, seen_h, seen_l, _
local first_h, first_l = HALF - 1, HALF - 1
if exists then
  remembered = flags % 32 > 15 and 1 or 0
  if is_wide then
    _, generation_h, generation_l, verifier, idle_h, idle_l, ends_h, ends_l, seen_h, seen_l =
      unpacked('>BI4I4c16I4I4I4I4I4I4', guard)
    if has_deadline then first_h, first_l = unpacked('>I4I4', guard, 50) end
  else
    generation_h, _, generation_l, verifier, idle_h, idle_l, ends_h, ends_l, seen_h, seen_l =
      0, unpacked('>BI4c16I2I4I2I4I2I4', guard)
    if has_deadline then first_h, first_l = unpacked('>I2I4', guard, 40) end
  end
end

local from, presented, to
if creates == 1 then at = at + 1 end
if renews > 0 then
  from, presented, to = unpacked('c16c16c16', args[at])
  at = at + 1
end

-- Already applied?
if exists then
  local seen = string.find(nonces, nonce, 1, true)
  while seen and seen % 8 ~= 1 do seen = string.find(nonces, nonce, seen + 1, true) end
  if seen then
    -- Replicas are waited for by what was written, so something must be.
    if waits == 1 then call('HSET', key, GUARD, guard) end
    return (renews == 1 or renews == 2) and verifier == to and 4 or 3
  end
end

-- Gone, moved?
local birth
if creates == 1 then
  if exists then return 2 end
  remembered, verifier, idle_h, idle_l, ends_h, ends_l, seen_h, seen_l = unpacked('>Bc16I4I4I4I4I4I4', args[2])
  birth = sub(args[2], 34, 41)
  birth, generation_h, generation_l, nonces = birth .. birth, 0, 0, ''
else
  if not exists
    or idle_h < now_h or idle_h == now_h and idle_l <= now_l
    or ends_h < now_h or ends_h == now_h and ends_l <= now_l
  then
    return 0
  end
  if generation_l ~= expected_l or generation_h ~= expected_h then return 1 end
  if renews > 0 then
    birth = call('HGET', key, BIRTH)
    if not birth or #birth < 16 then return 0 end
  end
end

-- All fields are looked at only to keep some, or once the first deadline among them may have passed.
local writes = sets + unsets + adds > 0 or keeps == 1
-- Where a session ends, and nothing stays but the header, nothing is looked at.
local wipes = exists and restarts == 1 and keeps == 1 and signs == 2 and renews == 0 and kept + sets + adds == 0
local sweeps = exists and writes and not wipes and (keeps == 1 or first_h < now_h or first_h == now_h and first_l <= now_l)

local live, stored_at
if expects > 0 or adds > 0 or sweeps then
  -- A stored value without its deadline, if that has not passed.
  function live(stored)
    local mark = stored and byte(stored, 1)
    if mark ~= DATED and mark ~= DATED_TABLE then return stored end
    if #stored > 8 then
      local h, l = unpacked('>I4I4', stored, 2)
      if now_h < h or now_h == h and now_l < l then return (mark == DATED and '' or TABLE) .. sub(stored, 10) end
    end
  end

  -- The stored values of the names that stand at args[first], args[first + step] and so on.
  function stored_at(first, count, step)
    local values = {}
    for from = 0, count - 1, CHUNK do
      local names = {}
      for index = from, math.min(from + CHUNK, count) - 1 do names[#names + 1] = args[first + index * step] end
      for _, value in ipairs(call('HMGET', key, unpack(names))) do values[#values + 1] = value end
    end
    return values
  end
end

-- Conflict?
if expects > 0 then
  local values = exists and stored_at(at, expects, 2)
  for index = 1, expects do
    local wanted, value = args[at + index * 2 - 1], values and live(values[index])
    if byte(wanted, 1) == 1 then
      if not value or value ~= sub(wanted, 2) then return 2 end
    elseif value then
      return 2
    end
  end
  at = at + expects * 2
end

-- The header.
local was_h, was_l = idle_h, idle_l
if ends_h < was_h or ends_h == was_h and ends_l < was_l then was_h, was_l = ends_h, ends_l end
if idle_h < touch_h or idle_h == touch_h and idle_l < touch_l then idle_h, idle_l = touch_h, touch_l end
if restarts == 1 then
  remembered, idle_h, idle_l, ends_h, ends_l = unpacked('>BI4I4I4I4', args[at])
  at = at + 1
end
if seen_h < now_h or seen_h == now_h and seen_l < now_l then seen_h, seen_l = now_h, now_l end
local user, left
if signs == 1 then
  user = args[at]
  at = at + 1
end
if signs > 0 and exists then
  left = call('HGET', key, USER)
  if left and user and sub(left, 9) == sub(user, 9) then left = nil end
end
if removes == 1 then
  call('UNLINK', key)
  return left and { 3, left } or 3
end
local birth_changes = creates == 1
if wipes then
  birth = birth or call('HGET', key, BIRTH)
  birth_changes, first_h, first_l = birth, HALF - 1, HALF - 1
end
if renews > 0 then
  local now = sub(args[1], 8, 15)
  if renews == 1 then
    birth, birth_changes = sub(birth, 1, 8) .. now .. 'p' .. verifier, true
    verifier = to
    if generation_l < HALF - 1 then
      generation_l = generation_l + 1
    elseif generation_h < HALF - 1 then
      generation_h, generation_l = generation_h + 1, 0
    end
  elseif renews == 2 and verifier == from then
    birth, birth_changes = sub(birth, 1, 8) .. now .. 't' .. presented, true
    verifier = to
  elseif renews == 3 and verifier == to and #birth == 33 and sub(birth, 17, 17) == 't' then
    birth, birth_changes = sub(birth, 1, 16) .. 'T' .. sub(birth, 18) .. now, true
  end
end
if #nonces > 56 then nonces = sub(nonces, #nonces - 55) end
nonces = nonces .. nonce

-- The fields.
local first_set, first_unset = at, at + sets * 2
local first_add = first_unset + unsets
local first_kept = first_add + adds * 4
local first_ttl = first_kept + kept
local gone, keep
if keeps == 1 then
  keep = {}
  for index = first_kept, first_ttl - 1 do keep[args[index]] = true end
end
if sweeps then
  gone, first_h, first_l = {}, HALF - 1, HALF - 1
  local stays = { [GUARD] = true, [BIRTH] = true, [NONCES] = true, [USER] = true }
  for index = first_set, first_unset - 1, 2 do stays[args[index]] = true end
  for index = first_add, first_kept - 1, 4 do stays[args[index]] = true end
  local all = call('HGETALL', key)
  for index = 1, #all, 2 do
    local name, value = all[index], all[index + 1]
    if not stays[name] then
      if keep and not keep[name] or not live(value) then
        gone[#gone + 1] = name
      elseif byte(value, 1) == DATED or byte(value, 1) == DATED_TABLE then
        local h, l = unpacked('>I4I4', value, 2)
        if h < first_h or h == first_h and l < first_l then first_h, first_l = h, l end
      end
    end
  end
end
if until_h < first_h or until_h == first_h and until_l < first_l then first_h, first_l = until_h, until_l end

local sums
-- The counters, as MessagePack integers.
if adds > 0 then
  sums = {}
  local ONE = { [204] = '>B', [205] = '>I2', [206] = '>I4', [208] = '>b', [209] = '>i2', [210] = '>i4' }
  local SIZE = { [204] = 2, [205] = 3, [206] = 5, [207] = 9, [208] = 2, [209] = 3, [210] = 5, [211] = 9 }

  local function before(h, l, other_h, other_l)
    return h < other_h or h == other_h and l < other_l
  end

  local function read(value)
    local marker, size = byte(value, 1), #value
    if not marker then return end
    local number
    if size == 1 and marker < 128 then
      number = marker
    elseif size == 1 and marker > 223 then
      number = marker - 256
    elseif SIZE[marker] ~= size then
      return
    elseif size == 9 then
      local h, l = unpacked(marker == 207 and '>I4I4' or '>i4I4', value, 2)
      return h, l
    else
      number = unpacked(ONE[marker], value, 2)
    end
    local h = math.floor(number / HALF)
    return h, number - h * HALF
  end

  local function written(h, l)
    if h > 0 then return pack('>BI4I4', 207, h, l) end
    if h == 0 then
      if l < 128 then return pack('>B', l) end
      if l < 256 then return pack('>BB', 204, l) end
      if l < 65536 then return pack('>BI2', 205, l) end
      return pack('>BI4', 206, l)
    end
    if h == -1 then
      if l >= HALF - 32 then return pack('>B', l - HALF + 256) end
      if l >= HALF - 128 then return pack('>BB', 208, l - HALF + 256) end
      if l >= HALF - 32768 then return pack('>BI2', 209, l - HALF + 65536) end
      if l >= HALF - 2147483648 then return pack('>BI4', 210, l) end
    end
    return pack('>BI4I4', 211, h + HALF, l)
  end

  local values = exists and stored_at(first_add, adds, 4)
  for index = 1, adds do
    local place = first_add + index * 4 - 4
    local name, prefix, sum, move = args[place], args[place + 1], args[place + 2], args[place + 3]
    local value = values and (not keep or keep[name]) and live(values[index])
    local h, l
    if value then h, l = read(value) end
    if h then
      local by_h, by_l, floor_h, floor_l, ceiling_h, ceiling_l = unpacked('>i8I4i8I4i8I4', move)
      h, l = h + by_h, l + by_l
      if l >= HALF then h, l = h + 1, l - HALF end
      if before(h, l, floor_h, floor_l) then h, l = floor_h, floor_l end
      if before(ceiling_h, ceiling_l, h, l) then h, l = ceiling_h, ceiling_l end
      sum = written(h, l)
    end
    sums[index * 2 - 1], sums[index * 2] = name, prefix .. sum
  end
end

-- From here on it is written.
if wipes or not exists and (found[1] or found[2] or found.err or call('EXISTS', key) == 1) then call('UNLINK', key) end
flags = 1 + remembered * 16
has_deadline = first_h < HALF - 1 or first_l < HALF - 1
if has_deadline then flags = flags + 64 end
if idle_h < 65536 and ends_h < 65536 and seen_h < 65536 and generation_h == 0 and (first_h < 65536 or not has_deadline) then
  guard = pack('>BI4c16I2I4I2I4I2I4', flags, generation_l, verifier, idle_h, idle_l, ends_h, ends_l, seen_h, seen_l)
  if has_deadline then guard = guard .. pack('>I2I4', first_h, first_l) end
else
  guard = pack('>BI4I4c16I4I4I4I4I4I4', flags + 32, generation_h, generation_l, verifier, idle_h, idle_l, ends_h, ends_l,
    seen_h, seen_l)
  if has_deadline then guard = guard .. pack('>I4I4', first_h, first_l) end
end

-- Calls `command` with list[first..last], in parts that are short enough to unpack.
local function in_chunks(command, list, first, last)
  for from = first, last, CHUNK do call(command, key, unpack(list, from, math.min(from + CHUNK - 1, last))) end
end

if birth_changes or user or sums or gone or sets * 2 > CHUNK then
  local fields = { GUARD, guard, NONCES, nonces }
  local function put(name, value) fields[#fields + 1], fields[#fields + 2] = name, value end
  if birth_changes then put(BIRTH, birth) end
  if user then put(USER, user) end
  if gone then
    call('HSET', key, unpack(fields))
    fields = {}
    in_chunks('HDEL', gone, 1, #gone)
  end
  for index = first_set, first_unset - 1, 2 do put(args[index], args[index + 1]) end
  if sums then
    for index = 1, #sums, 2 do put(sums[index], sums[index + 1]) end
  end
  in_chunks('HSET', fields, 1, #fields)
else
  call('HSET', key, GUARD, guard, NONCES, nonces, unpack(args, first_set, first_unset - 1))
end
if signs == 2 and not wipes then call('HDEL', key, USER) end
if unsets > 0 and not wipes then in_chunks('HDEL', args, first_unset, first_add - 1) end

-- What frees memory, and no more than that. After a failover the server may be one that cannot expire fields.
local end_h, end_l = idle_h, idle_l
if ends_h < end_h or ends_h == end_h and ends_l < end_l then end_h, end_l = ends_h, ends_l end
local remaining = (end_h - now_h) * HALF + end_l - now_l
if not exists or wipes or end_h ~= was_h or end_l ~= was_l or remaining > MOST then
  call('PEXPIRE', key, math.max(0, math.min(remaining, MOST)) + MARGIN)
end
for index = first_ttl, first_ttl + ttls * 2 - 1, 2 do
  redis.pcall('HPEXPIRE', key, args[index + 1], 'FIELDS', 1, args[index])
end
local code = (renews == 1 or renews == 2) and verifier == to and 4 or 3
if left then return { code, left } end
return code

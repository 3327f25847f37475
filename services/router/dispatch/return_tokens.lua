-- Gives tokens back that were not used.
--
-- KEYS[i]      the bucket, as in take_tokens.lua
-- ARGV[2i-1]   full_at as it was left when they were taken
-- ARGV[2i]     full_at as it would have been without those
--
-- Once another has taken from the bucket, what it would have been without them is not known: they are lost, which lets
-- through less, never more.

for i, key in ipairs(KEYS) do
  if redis.call('HGET', key, 'full_at') == ARGV[2 * i - 1] then
    redis.call('HSET', key, 'full_at', ARGV[2 * i])
  end
end

return 0

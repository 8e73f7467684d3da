import { NEWS_OF_TREE } from './fragments.js'
import { DONE, script } from './script.js'

/**
 * KEYS  entry, lease, generations above it; with children last the entry's own generation
 * ARGV  deadline, id, life of the tombstone, provenance, '1' with children else '0', channel of news
 *
 * Leaves a tombstone, whose new id fences whoever observed what stood there, and ends the
 * lease of whoever computes it; with children, a new generation, which fences and invalidates everything below at
 * once, however much it is. The third element says whether anything was there.
 */
export const REMOVE = script(`
local life = tonumber(ARGV[3])
local children = ARGV[5] == '1'
local last = #KEYS
if children then last = last - 1 end
local was = 0
if is_live(frame_at(KEYS[1]), 3, last) then was = 1 end
replace(KEYS[1], 'kc\\1T' .. id .. string.char(0) .. ARGV[4], life)
fence(KEYS[2], ARGV[6], KEYS[1])
if children then
  local own = generation_at(KEYS[#KEYS])
  if own then
    if string.sub(own, 13, 13) == '1' then was = 1 end
    replace(KEYS[#KEYS], id .. '0' .. ARGV[4], life)
    publish(ARGV[6], '${NEWS_OF_TREE}' .. KEYS[1])
  end
end
return {${DONE}, now, was}
`)

/**
 * KEYS  entry, lease, generations above it; with children last the entry's own generation
 * ARGV  deadline, id, who lets it expire, '1' with children else '0', channel of news
 *
 * What stands there goes on standing for as long as it would have, under a new id, which fences whoever observed it;
 * a live value is stale from now on. Ends the lease of whoever computes it. With children the entry's generation
 * keeps its id and enters its next era, which makes stale what was written below in an earlier one, and fences
 * whoever began to compute or fill there, however much it is. The third element says whether anything was there.
 */
export const EXPIRE = script(`
local who, children = ARGV[3], ARGV[4] == '1'
local last = #KEYS
if children then last = last - 1 end
local was = 0
local frame = whole_at(KEYS[1], frame_at(KEYS[1]))
if frame then
  local head, eras, body = string.sub(frame, 1, 4), NEVER, ''
  local rest = string.sub(frame, 17)
  if is_live(frame, 3, last) then
    was = 1
    local marks_at = after_generations(frame)
    local body_at, expired_at = marks_at, NEVER
    if string.sub(frame, 4, 4) == 'E' then
      eras = string.sub(frame, marks_at, marks_at + 13)
      expired_at = string.sub(frame, marks_at + 14, marks_at + 27)
      body_at = marks_at + 32
    end
    -- To let expire again is not to begin its grace again.
    if expired_at == NEVER then
      head = 'kc\\1E'
      rest = string.sub(frame, 17, marks_at - 1) .. eras .. digits(now) .. string.format('%04d', #who)
        .. string.sub(frame, body_at) .. who
    end
  end
  replace(KEYS[1], head .. id .. rest, redis.call('PTTL', KEYS[1]))
end
fence(KEYS[2], ARGV[5], KEYS[1])
if children then
  local own = generation_at(KEYS[#KEYS])
  if own then
    if string.sub(own, 13, 13) == '1' then was = 1 end
    local deleted_by = string.sub(own, 14)
    if string.sub(own, 14, 14) == '~' then deleted_by = string.sub(own, (string.find(own, '\\n', 43, true) or #own) + 1) end
    local mark = '~' .. digits(era_of(own) + 1) .. digits(now) .. who .. '\\n'
    replace(KEYS[#KEYS], string.sub(own, 1, 13) .. mark .. deleted_by, redis.call('PTTL', KEYS[#KEYS]))
    publish(ARGV[5], '${NEWS_OF_TREE}' .. KEYS[1])
  end
end
return {${DONE}, now, was}
`)

/**
 * KEYS  the topmost generation
 * ARGV  deadline, id, its life, provenance, channel of news
 *
 * Replaces the generation that every entry carries: nothing under the prefix is live any more.
 */
export const CLEAR = script(`
replace(KEYS[1], id .. '0' .. ARGV[4], tonumber(ARGV[3]))
publish(ARGV[5], '${NEWS_OF_TREE}')
return {${DONE}, now}
`)

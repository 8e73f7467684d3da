import { FLAGS_AT, FRAME_HEAD_BYTES, PLAIN_FLAG } from '../../../../entry/body.js'
import { DIGITS } from '../../../../entry/digits.js'
import {
  COUNT_AT,
  GENERATIONS_AT,
  ID_AT,
  ID_BYTES,
  KIND_AT,
  KIND_BYTE,
  MAGIC,
  MARKED_EXPIRY_AT,
  MARKED_VALUE,
  MAX_FRAME_BYTES,
  VALUE_MARK_BYTES,
  VERSION,
  WRITER_DIGITS,
} from '../../../../entry/layout.js'
import { byteAt, position, slice, sliceAfter } from './lua.js'

/** The first bytes of every frame, as a Lua string literal spells them. */
export const MAGIC_AND_VERSION = `${MAGIC}\\${VERSION}`

/** The letter of each kind of frame. */
export const KIND = {
  value: String.fromCharCode(KIND_BYTE.value),
  marked: String.fromCharCode(MARKED_VALUE),
  tombstone: String.fromCharCode(KIND_BYTE.tombstone),
  marker: String.fromCharCode(KIND_BYTE.marker),
}
const KINDS = Object.values(KIND).join('')

/** Enough for a frame without its payload, and for a whole tombstone. */
const HEAD_BYTES = 8_192

/** Lua functions that read and make frames. They accept what `parseFrame` accepts. */
export const FRAMES = `
-- The frame under a key without most of its payload, or false if there is none.
local function frame_at(key)
  local frame = head_at(key, '${HEAD_BYTES - 1}')
  if not frame or #frame < ${GENERATIONS_AT} or ${slice('frame', 0, KIND_AT)} ~= '${MAGIC_AND_VERSION}' then return false end
  if not string.find('${KINDS}', ${slice('frame', KIND_AT, 1)}, 1, true) then return false end
  if #frame == ${HEAD_BYTES} and redis.call('STRLEN', key) > ${MAX_FRAME_BYTES} then return false end
  return frame
end

-- The whole frame of which frame_at has returned the beginning.
local function whole_at(key, frame)
  if frame and #frame == ${HEAD_BYTES} then return redis.call('GET', key) end
  return frame
end

local function id_of(frame) return ${slice('frame', ID_AT, ID_BYTES)} end

-- Whether a frame holds a value, of either kind.
local function is_value(frame)
  local kind = ${slice('frame', KIND_AT, 1)}
  return kind == '${KIND.value}' or kind == '${KIND.marked}'
end

-- The position after the generations of a value, where its body or its marks begin.
local function after_generations(value) return ${position(GENERATIONS_AT)} + ${byteAt('value', COUNT_AT)} * ${ID_BYTES} end

-- The beginning of a frame, by which it is judged.
local function head_of(frame) return frame and string.sub(frame, 1, ${FRAME_HEAD_BYTES}) end

-- Whether a frame was stored by an invalidation or a plain write: it stays where an earlier plain write is repeated.
local function is_newer(frame)
  local kind = ${slice('frame', KIND_AT, 1)}
  if kind == '${KIND.tombstone}' then return true end
  if kind == '${KIND.marker}' then return false end
  local body_at = after_generations(frame)
  if kind == '${KIND.marked}' then
    if ${sliceAfter('body_at', 'frame', MARKED_EXPIRY_AT, DIGITS)} ~= NEVER then return true end
    body_at = body_at + ${VALUE_MARK_BYTES}
  end
  local flags = string.byte(frame, body_at + ${FLAGS_AT})
  return flags ~= nil and math.floor(flags / ${PLAIN_FLAG}) % 2 == 1
end

-- A new value under joined generations: their ids, then the sum of their eras.
local function value_of(joined, body)
  local ids, eras = string.sub(joined, 1, -${DIGITS + 1}), string.sub(joined, -${DIGITS})
  local kind, marks = '${KIND.value}', ''
  if eras ~= NEVER then kind, marks = '${KIND.marked}', eras .. NEVER .. '${'0'.repeat(WRITER_DIGITS)}' end
  return '${MAGIC_AND_VERSION}' .. kind .. id .. string.char(#ids / ${ID_BYTES}) .. ids .. marks .. body
end
`
